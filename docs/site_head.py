"""What search engines and other sites learn of a page: its description, its date, and where its source is."""

import html
import re
import subprocess
import textwrap
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.plugins import get_plugin_logger
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

_ROOT = Path(__file__).parents[1]
_LOG = get_plugin_logger("description")
#: What a search engine shows.
_LONGEST, _SHORTEST = 160, 50
#: How much what is found on the pages below a folder counts beside what is found on those that explain.
_BOOSTS = {"reference/": 0.4, "plugins/": 0.5, "changelog": 0.2, "contributing": 0.2}


def on_nav(nav: Navigation, config: MkDocsConfig, **_: Any) -> None:
    """Give each page the date of its source, and a link to edit it."""
    dates = _dates()
    for page in nav.pages:
        source = _source(page)
        page.update_date = dates.get(source, page.update_date)
        page.edit_url = f"{config.repo_url}/edit/main/{source}"


def on_page_content(content: str, page: Page, **_: Any) -> None:
    """Describe a page that does not describe itself by the beginning of its first paragraph; rank it in the search."""
    boosts = [boost for start, boost in _BOOSTS.items() if page.file.src_uri.startswith(start)]
    page.meta.setdefault("search", {"boost": boosts[0]} if boosts else {})
    paragraph = next(iter(re.findall(r"<p>(.*?)</p>", content, re.DOTALL)), "")
    text = " ".join(html.unescape(re.sub(r"<[^>]*>", "", paragraph)).split())
    description = page.meta.setdefault("description", html.escape(_shortened(text)))
    if not 0 < len(html.unescape(description)) <= _LONGEST:
        _LOG.warning(
            f"{page.file.src_uri}: its description is {description!r}, but 1 to {_LONGEST} characters are expected: "
            "begin the page with a paragraph, or write description: into its front matter."
        )


def _source(page: Page) -> str:
    """Return the file that a page is made of."""
    uri = page.file.src_uri
    return f"docs/{uri}" if page.file.generated_by is None else uri  # a plugin's page is its README


def _dates() -> dict[str, str]:
    """Return the day on which each file was last changed; of none if the sources are no repository."""
    command = ["git", "log", "--format=%x00%cs", "--name-only", "--", "docs", "plugins"]
    try:
        log = subprocess.run(command, cwd=_ROOT, capture_output=True, text=True, check=True).stdout  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return {}
    dates: dict[str, str] = {}
    for commit in log.split("\0")[1:]:
        day, *files = commit.split()
        for file in files:
            dates.setdefault(file, day)
    return dates


def _shortened(text: str) -> str:
    """Return the sentences that fit, or as many words."""
    kept = ""
    for sentence in re.split(r"(?<=[.;])\s+", text):
        if len(kept) + len(sentence) >= _LONGEST:
            break
        kept = f"{kept} {sentence}".strip()
    if len(kept) < min(_SHORTEST, len(text)):
        return textwrap.shorten(text, _LONGEST, placeholder=" …")
    return re.sub(r"[:;]$", ".", kept)
