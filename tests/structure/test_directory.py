"""The directory of plugins of the site: all of ours and what others have written into docs/plugins.toml, or why not."""

import importlib.util
import re
import tomllib
from pathlib import Path

import pytest
from markdown import markdown
from mkdocs.exceptions import PluginError

from archsmith.registry import registry

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/plugins/index.md").read_text(encoding="utf-8")
EXAMPLE = re.search(r"^```toml.*?\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[1]


@pytest.fixture(scope="module")
def directory():
    """The module, as mkdocs loads it."""
    spec = importlib.util.spec_from_file_location("site_directory", ROOT / "docs/site_directory.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def read(directory, tmp_path):
    def read(text):
        path = tmp_path / "plugins.toml"
        path.write_text(text, encoding="utf-8")
        return directory.read_listed(path)

    return read


def test_what_is_listed_is_right(directory):
    directory.read_listed(ROOT / "docs/plugins.toml")


def test_all_of_ours_are_there_with_what_they_bring(directory):
    entries = {entry.name: entry for entry in directory.read_official()}
    projects = [tomllib.loads(path.read_text(encoding="utf-8")) for path in ROOT.glob("plugins/*/pyproject.toml")]
    assert sorted(entries) == sorted(project["project"]["name"] for project in projects)
    for entry in entries.values():
        tasks = {task for name in entry.architectures for task in registry.get(name).models}
        assert sorted(tasks - {"base"}) == list(entry.tasks)
    assert entries["archsmith-llama"].kinds == ("architecture", "format")
    assert entries["archsmith-bpe"].kinds == ("processor",)
    assert entries["archsmith-devkit"].names == ("archsmith check", "archsmith new")
    assert entries["archsmith-chat-templates"].kinds == ("library",)


def test_the_example_of_the_page_is_taken(read, directory):
    (entry,) = read(EXAMPLE)
    assert (entry.kinds, entry.names, entry.tasks) == (
        ("architecture",),
        ("pebble",),
        ("backbone", "image-classification"),
    )
    text = directory.directory(directory.read_official(), [entry])
    row = next(line for line in text.splitlines() if "archsmith-pebble" in line)
    assert row == (
        "| [archsmith-pebble](https://github.com/someone/archsmith-pebble)<br>by others | "
        "Pebble, a small convolutional backbone. | architecture | `pebble` | `backbone` `image-classification` | MIT |"
    )
    names = re.findall(r"^\| \[([\w-]+)\]", text, re.MULTILINE)
    assert names == sorted(names)
    assert len(names) == 1 + len(directory.read_official())


def test_what_others_write_is_text(read, directory):
    """It neither leaves its cell nor becomes a part of the page."""
    summary = "A | <script>alert(1)</script> [x](javascript:1) `a` **b** &amp; \\\\ {: .c } <!-- ."
    (entry,) = read(EXAMPLE.replace("Pebble, a small convolutional backbone.", summary))
    page = markdown(directory.directory([], [entry]), extensions=["tables", "attr_list", "md_in_html"])
    cells = re.findall(r"<td>(.*?)</td>", page)
    assert len(cells) == 6
    assert not re.search(r"<(?!/?form|/?label|/?select|/?option|/?input|/?output)", cells[1])
    assert "href" not in cells[1]


NAMES = "a list of names of letters, digits, '_', '-' and '.'"
TASKS = "'tasks' needs 'architectures' or 'extensions' beside it: a task is one of a model."
LICENCE = "an SPDX expression such as 'MIT' or 'Apache-2.0'"
SUMMARY = "one sentence of 10 to 160 characters that ends with a full stop"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        (
            'home = ".*"',
            'home = "http://a"',
            "'home' is 'http://a', but expected is an address that begins with https://.",
        ),
        ('"MIT"', '"apache 2"', f"'licence' is 'apache 2', but expected is {LICENCE}."),
        ('"Pebble,.*"', '"A net"', f"'summary' is 'A net', but expected is {SUMMARY}."),
        (r'\["b.*\]', '["b", "a"]', "'tasks' is ['b', 'a'], but expected is ['a', 'b']: sorted, each once."),
        (r'\["pebble"\]', '"pebble"', f"'architectures' is 'pebble', but expected is {NAMES}."),
        ('"pebble"', '"a b"', f"'architectures' is ['a b'], but expected is {NAMES}."),
        ("architectures", "processors", TASKS),
        ("^tasks", "task = []\ntasks", "'task' is not a key; did you mean 'tasks'?"),
    ],
)
def test_a_wrong_entry_ends_the_build_and_says_why(old, new, fault, read):
    with pytest.raises(PluginError) as error:
        read(re.sub(old, new, EXAMPLE, flags=re.MULTILINE))
    assert str(error.value) == f"plugins.toml: plugin 1 ('archsmith-pebble'): {fault}"


def test_all_faults_come_at_once(read):
    with pytest.raises(PluginError) as error:
        read(EXAMPLE.replace('"archsmith-pebble"', '"Pebble_1"').replace("licence", "license"))
    assert str(error.value).replace("plugins.toml: plugin 1 ('Pebble_1'): ", "").splitlines() == [
        "'license' is not a key; did you mean 'licence'?",
        "'name' is 'Pebble_1', but expected is lower-case letters, digits and '-', as pip shows it.",
        f"'licence' is None, but expected is {LICENCE}.",
    ]


UNSORTED = "the plugins are in the order ['archsmith-pebble', 'a'], but are sorted by name: ['a', 'archsmith-pebble']."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[plugins]\n", "it has ['plugins'], but only [[plugin]] tables are expected."),
        ("plugin = 3\n", "it has ['plugin'], but only [[plugin]] tables are expected."),
        ("plugin = [3]\n", "it has ['plugin'], but only [[plugin]] tables are expected."),
        (EXAMPLE + EXAMPLE, "'archsmith-pebble' is listed twice; remove one."),
        (
            EXAMPLE.replace("h-pebble", "h-vit"),
            "'archsmith-vit' is of this repository, and found by itself; remove it.",
        ),
        (EXAMPLE + EXAMPLE.replace("archsmith-pebble", "a"), UNSORTED),
    ],
)
def test_a_wrong_list_is_refused(text, message, read):
    with pytest.raises(PluginError) as error:
        read(text)
    assert str(error.value) == f"plugins.toml: {message}"


@pytest.mark.parametrize("content", [b"\xff", b"[[plugin"])
def test_what_is_not_toml_is_refused(content, directory, tmp_path):
    path = tmp_path / "plugins.toml"
    path.write_bytes(content)
    with pytest.raises(PluginError, match=r"plugins\.toml: it is not TOML in UTF-8"):
        directory.read_listed(path)
