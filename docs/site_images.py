"""Images of the site: each has its size, so that no text moves when it comes; a diagram takes the page's colours."""

import html
import re
from pathlib import Path
from typing import Any

from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.pages import Page

_DOCS = Path(__file__).parent
_LOG = get_plugin_logger("images")
_IMAGE = re.compile(r"<img\b([^>]*?)/?>")


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Give each image its size, and put a diagram into the page itself."""
    folder = Path(page.file.abs_src_path or _DOCS / page.file.src_uri).parent

    def completed(match: re.Match[str]) -> str:
        values = {name: html.unescape(value) for name, value in re.findall(r'([\w-]+)="([^"]*)"', match[1])}
        source, file = values.get("src", ""), folder / values.get("src", "")
        if not values.get("alt"):
            _LOG.warning(f"{page.file.src_uri}: the image {source!r} has no text beside it; write ![text]({source}).")
        if "//" in source:
            _LOG.warning(f"{page.file.src_uri}: the image {source!r} is of another host; put it into docs/assets.")
        if "//" in source or not file.is_file():  # of which mkdocs warns
            return match[0]
        drawing = file.read_text(encoding="utf-8") if file.suffix == ".svg" else ""
        if 'class="diagram"' in drawing:
            return _inlined(drawing, alt=values.get("alt", ""))
        width, height = _drawn_size(drawing) if drawing else _size(file)
        return f'<img{match[1]} width="{width}" height="{height}" loading="lazy">'

    return _IMAGE.sub(completed, content)


def _inlined(drawing: str, *, alt: str) -> str:
    """Return a drawing as a part of the page, whose colours it then has in the dark too."""
    return " ".join(drawing.split()).replace("<svg ", f'<svg role="img" aria-label="{html.escape(alt)}" ', 1)


def _drawn_size(drawing: str) -> tuple[int, int]:
    """Return width and height of a drawing in its own units."""
    box = re.search(r'viewBox="\S+ \S+ (\S+) (\S+)"', drawing)
    return (round(float(box[1])), round(float(box[2]))) if box else (0, 0)


def _size(file: Path) -> tuple[int, int]:
    """Return width and height in pixels."""
    from PIL import Image

    with Image.open(file) as image:
        return image.size
