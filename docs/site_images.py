"""Images of the site: each has its size, so that no text moves when it comes; a diagram takes the page's colours."""

import html
import re
import struct
from pathlib import Path
from typing import Any

from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.pages import Page

_DOCS = Path(__file__).parent
_LOG = get_plugin_logger("images")
_IMAGE = re.compile(r"<img\b([^>]*?)/?>")


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Give each image its size, and put a diagram into the page itself."""
    folder = (_DOCS / page.file.src_uri).parent

    def completed(match: re.Match[str]) -> str:
        values = dict(re.findall(r'([\w-]+)="([^"]*)"', match[1]))
        if not values.get("alt"):
            _LOG.warning(
                f"{page.file.src_uri}: the image {values.get('src')!r} has no text beside it: ![text](address)."
            )
        file = folder / html.unescape(values["src"])
        if file.suffix == ".svg":
            return _inlined(file, alt=values.get("alt", ""))
        width, height = _size(file)
        return f'<img{match[1]} width="{width}" height="{height}" loading="lazy">'

    return _IMAGE.sub(completed, content)


def _inlined(file: Path, *, alt: str) -> str:
    """Return a drawing as a part of the page, whose colours it then has in the dark too."""
    drawing = " ".join(file.read_text(encoding="utf-8").split())
    return drawing.replace("<svg ", f'<svg role="img" aria-label="{alt}" ', 1)


def _size(file: Path) -> tuple[int, int]:
    """Return width and height in pixels, which a PNG says in its header."""
    width, height = struct.unpack(">II", file.read_bytes()[16:24])
    return width, height
