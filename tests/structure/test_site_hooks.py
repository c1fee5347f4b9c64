"""What the site's hooks say of pages that lack something: it ends a strict build."""

import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

DOCS = Path(__file__).parents[2] / "docs"
SETTINGS = f"""
site_name: small
repo_url: https://github.com/archsmith/archsmith
hooks: [{DOCS / "site_head.py"}, {DOCS / "site_images.py"}]
"""
TEXT = "A page with a paragraph that describes it."


@pytest.fixture
def build(tmp_path):
    def build(page):
        (tmp_path / "docs").mkdir()
        (tmp_path / "mkdocs.yml").write_text(SETTINGS, encoding="utf-8")
        (tmp_path / "docs/index.md").write_text(page, encoding="utf-8")
        Image.new("RGB", (30, 20)).save(tmp_path / "docs/small.png")
        (tmp_path / "docs/drawn.svg").write_text('<svg xmlns="x" viewBox="0 0 40.2 10"></svg>', encoding="utf-8")
        (tmp_path / "docs/diagram.svg").write_text('<svg xmlns="x" class="diagram"></svg>', encoding="utf-8")
        command = [sys.executable, "-m", "mkdocs", "build", "--strict"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
        html = tmp_path / "site/index.html"
        return done.returncode, done.stderr, html.read_text(encoding="utf-8") if done.returncode == 0 else ""

    return build


@pytest.mark.parametrize(
    ("page", "message"),
    [
        (
            "# Title\n",
            "index.md: its description is '', but 1 to 160 characters are expected: begin the page with a paragraph",
        ),
        (f"---\ndescription: {'long ' * 40}\n---\n\n{TEXT}\n", "index.md: its description is 'long long"),
        (f"{TEXT}\n\n![](small.png)\n", "the image 'small.png' has no text beside it; write ![text](small.png)."),
        (
            f"{TEXT}\n\n![a](https://a.b/c.png)\n",
            "the image 'https://a.b/c.png' is of another host; put it into docs/assets.",
        ),
        (f"{TEXT}\n\n![a](none.png)\n", "none.png"),
    ],
)
def test_what_a_page_lacks_ends_the_build(page, message, build):
    code, errors, _ = build(page)
    assert code == 1
    assert message in errors


def test_images_get_their_sizes_and_diagrams_their_place(build):
    code, errors, html = build(f'{TEXT}\n\n![a "b"](small.png) ![c](drawn.svg) ![<d>](diagram.svg)\n')
    assert code == 0, errors
    assert '<img alt="a &quot;b&quot;" src="small.png"  width="30" height="20" loading="lazy">' in html
    assert '<img alt="c" src="drawn.svg"  width="40" height="10" loading="lazy">' in html
    assert '<svg role="img" aria-label="&lt;d&gt;" xmlns="x" class="diagram"></svg>' in html
