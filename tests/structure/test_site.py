"""The site builds without a warning, leads nowhere in vain, asks no other host, and leaves nothing public out."""

import ast
import html
import json
import os
import re
import subprocess
import sys
import zlib
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from archsmith_cli.naming import KNOWN_VERBS
from archsmith_cli.verb import BUILT_IN

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "src"
#: The public modules: those at the top of the core, the faces of its rooms, the functions that models share, what each
#: plugin shows, and what a verb is made with. How lengths are counted concerns the rooms that pad and truncate.
MODULES = sorted(
    {
        *CORE.glob("archsmith/[!_]*.py"),
        *CORE.glob("archsmith/*/__init__.py"),
        *CORE.glob("archsmith/layers/[!_]*.py"),
        *ROOT.glob("plugins/*/src/*/__init__.py"),
        ROOT / "cli/src/archsmith_cli/verb.py",
    }
    - {CORE / "archsmith/lengths.py", CORE / "archsmith/layers/__init__.py"}
)


class Content(HTMLParser):
    """What a page refers to, what it loads, and the places in it that a link can lead to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.anchors = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.add(values["href"])
        if tag == "link" and values.get("href") and values.get("rel") != "canonical":
            self.loads.add(values["href"])
        if values.get("src"):
            self.loads.add(values["src"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line for line in done.stderr.splitlines() if not line.startswith("INFO ")] == []  # no banner either
    return folder


@cache
def content(page):
    return Content(page.read_text(encoding="utf-8"))


def test_every_link_leads_somewhere(site):
    pages = [page for page in site.rglob("*.html") if page.name != "404.html"]  # which is shown at any address
    assert len(pages) > 30
    for page in pages:
        for link in content(page).links | content(page).loads:
            target = urlsplit(link)
            if target.scheme or target.netloc:
                assert target.scheme == "https", f"{page.name}: {link}"
                continue
            path = page if not target.path else (page.parent / unquote(target.path)).resolve()
            path = path / "index.html" if path.is_dir() else path
            assert path.is_file(), f"{page.relative_to(site)}: {link} leads nowhere"
            if target.fragment and path.suffix == ".html":
                anchor = unquote(target.fragment)
                assert anchor in content(path).anchors, f"{page.relative_to(site)}: {link} names no place"


def test_it_asks_no_other_host(site):
    for page in site.rglob("*.html"):
        assert not [link for link in content(page).loads if urlsplit(link).netloc], page
    for style in site.rglob("*.css"):
        assert "url(http" not in style.read_text(encoding="utf-8"), style


def test_every_page_is_in_the_navigation():
    def leaves(node):
        if isinstance(node, str):
            return [node]
        return [leaf for child in (node.values() if isinstance(node, dict) else node) for leaf in leaves(child)]

    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    pages = [str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")]
    assert sorted(leaves(nav)) == sorted(pages)


def test_every_plugin_has_a_page(site):
    for member in ROOT.glob("plugins/*/pyproject.toml"):
        page = site / "plugins" / member.parent.name / "index.html"
        assert "Reference" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_public_name_is_in_the_reference(module, site):
    tail = (site / "objects.inv").read_bytes().split(b"\n", 4)[4]
    documented = {line.split(" ")[0] for line in zlib.decompress(tail).decode().splitlines()}
    source = next(parent for parent in module.parents if parent.name == "src")
    path = ".".join(module.relative_to(source).with_suffix("").parts).removesuffix(".__init__")
    stub = module.with_suffix(".pyi")
    tree = ast.parse((stub if stub.exists() else module).read_text(encoding="utf-8"))
    lists = [node for node in tree.body if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"]
    names = ast.literal_eval(lists[0].value)
    assert names
    assert {f"{path}.{name}" for name in names} - documented == set()


def test_every_verb_is_described(site):
    text = (site / "reference" / "command-line.html").read_text(encoding="utf-8")
    for verb in (*BUILT_IN, *KNOWN_VERBS):
        assert f'id="archsmith-{verb}"' in text, verb
    assert "--set FIELD=VALUE" in text
    assert text.count("<td><code>--json</code></td>") == 2  # it is said once for all verbs; chat has its own
    assert "archsmith show distilbert" in html.unescape(re.sub("<[^>]+>", "", text))


def test_the_search_finds_words(site):
    index = json.loads((site / "search" / "search_index.json").read_text(encoding="utf-8"))
    text = "\n".join(f"{entry['title']} {entry['text']}" for entry in index["docs"])
    for word in (
        "PreTrainedModel",
        "resize_token_embeddings",
        "ARCHSMITH_PIN",
        "WeightsMismatch",
        "MaskFormer",
        "wheel",
    ):
        assert word in text, word


def test_what_is_copied_is_what_runs(site):
    """The name of a file stands above its block, not in it; prompts and what was printed are not copied."""
    page = (site / "write-a-plugin.html").read_text(encoding="utf-8")
    assert '<span class="filename">src/archsmith_bag/plugin.py</span>' in page
    for page in site.rglob("*.html"):
        assert "# file:" not in page.read_text(encoding="utf-8"), page
    errors = (site / "errors.html").read_text(encoding="utf-8")
    assert 'class="language-pycon highlight"' in errors
    assert '<span class="gp">&gt;&gt;&gt; </span>' in errors
    style = (site / "assets" / "site.css").read_text(encoding="utf-8")
    assert "[data-md-copying] :is(.gp, .go, .gt, .gr)" in style


def test_docstrings_are_parsed(site):
    """Sections, examples and types of arguments become tables and code: nothing is left as it was typed."""
    text = (site / "reference" / "models.html").read_text(encoding="utf-8")
    assert "<code>check_finite</code>" in text
    assert "Args:" not in text
    assert "Raises:\n" not in text
    configuration = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert 'class="gp">&gt;&gt;&gt; </span>' in configuration
    assert "A dropout rate or another share, 0 to 1." in configuration  # a comment that begins with #:
