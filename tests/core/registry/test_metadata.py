import os
import sys
import zipfile

import importlib_metadata
import pytest

from archsmith.registry.installed import scan
from archsmith.registry.metadata import Kind, find_declared, normal_name
from archsmith.registry.preferences import Settings

MODEL_TYPE = "a model_type (lower-case letters, digits, '_' and '-')"


def only(site):
    (declared,) = find_declared()
    return declared


def test_nothing_installed(site):
    assert list(find_declared()) == []


def test_reads_names_versions_and_entry_points(site):
    site.declare(
        "Acme.Toys",
        version="1.0rc1",
        architectures={"toy": "acme_toys.plugin"},
        extensions={"bert.toy": "acme_toys.plugin"},
        commands={"play": "acme_toys.cli:app"},
        requires=("archsmith[text]>=0.1", "torch>=2"),
    )
    declared = only(site)
    assert (declared.name, declared.version, str(declared)) == ("Acme.Toys", "1.0rc1", "Acme.Toys 1.0rc1")
    assert declared.points == (
        (Kind.ARCHITECTURE, "toy", "acme_toys.plugin"),
        (Kind.EXTENSION, "bert.toy", "acme_toys.plugin"),
        (Kind.COMMAND, "play", "acme_toys.cli:app"),
    )
    assert list(map(str, declared.asked)) == [">=0.1"]
    assert declared.fault == ""


def test_imports_nothing(site):
    site.install("toy", manifest="raise RuntimeError('imported')")
    assert only(site).fault == ""


def test_distributions_without_our_groups_are_skipped(site):
    info = site.declare("other")
    (info / "entry_points.txt").write_text("[console_scripts]\nx = archsmith.y:z\n")
    assert list(find_declared()) == []


@pytest.mark.parametrize(
    ("requirements", "asked"),
    [
        ((), []),
        (("archsmith-cli>=9", "archsmith_bert>=9", "archsmith.extra>=9", "archsmithy>=9"), []),
        (("Archsmith >=0.1 , <2",), ["<2,>=0.1"]),
        (("archsmith (>=0.1)",), [">=0.1"]),
        (('archsmith>=9; python_version<"3"',), []),
        (('archsmith>=9 ; extra == "dev"',), []),
        (('archsmith[text]>=0.1; python_version>="3"', "archsmith<9"), [">=0.1", "<9"]),
        (("archsmith @ https://example.org/archsmith.whl",), [""]),
        (("archsmith",), [""]),
    ],
)
def test_what_is_asked_of_archsmith(site, requirements, asked):
    site.install("toy", requires=requirements)
    assert [",".join(sorted(str(each).split(","))) for each in only(site).asked] == asked


@pytest.mark.parametrize("line", ["archsmith>=>1", "archsmith banana", "archsmith>=1; python_version ~~ 3"])
def test_a_requirement_that_can_not_be_read_is_a_fault(site, line):
    site.install("toy", requires=(line,))
    assert only(site).fault == f"its requirement {line!r} cannot be read"


def test_a_strange_requirement_on_something_else_is_not_ours(site):
    site.install("toy", requires=("torch>=>1",))
    assert only(site).fault == ""


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        (
            {"architectures": {"My Toy": "toy.plugin"}},
            "the entry point 'My Toy' is not a model_type (lower-case letters, digits, '_' and '-')",
        ),
        (
            {"architectures": {"toy.sub": "toy.plugin"}},
            "the entry point 'toy.sub' is not a model_type (lower-case letters, digits, '_' and '-')",
        ),
        ({"extensions": {"toy": "toy.plugin"}}, "the entry point 'toy' is not of the form <model_type>.<extension>"),
        (
            {"commands": {"Play Now": "toy.cli:app"}},
            "the entry point 'Play Now' is not a verb (lower-case letters, digits and '-')",
        ),
        (
            {"architectures": {"toy": "toy.plugin:Plugin"}},
            "the entry point 'toy' must name a module, but names 'toy.plugin:Plugin'",
        ),
        (
            {"architectures": {"toy": "toy.plugin [text"}},
            "the entry point 'toy' must name a module, but names 'toy.plugin [text'",
        ),
        (
            {"architectures": {"toy": "toy plugin"}},
            "the entry point 'toy' must name a module, but names 'toy plugin'",
        ),
        ({"architectures": {"t" * 101: "toy.plugin"}}, f"the entry point '{'t' * 76}... is not {MODEL_TYPE}"),
        ({"architectures": {"to\x1by": "toy.plugin"}}, f"the entry point 'to\\x1by' is not {MODEL_TYPE}"),
        ({"architectures": {"t" * 10**6: "toy.plugin"}}, f"the entry point '{'t' * 76}... is not {MODEL_TYPE}"),
        (
            {"architectures": ["[archsmith.extensions", "toy = toy.plugin"]},
            f"the entry point '[archsmith.extensions' is not {MODEL_TYPE}",
        ),
        ({"architectures": ["toy"]}, "the entry point 'toy' must name a module, but names ''"),
        (
            {"commands": {"play": "toy.cli"}},
            "the entry point 'play' must name a function or a typer app, 'module:name', but names 'toy.cli'",
        ),
        (
            {"formats": {"Play": "toy.cli:App"}},
            "the entry point 'Play' is not the name of a format (lower-case letters, digits and '-')",
        ),
        (
            {"formats": {"play": "toy.cli"}},
            "the entry point 'play' must name a class, 'module:name', but names 'toy.cli'",
        ),
        ({"architectures": ["toy = a.plugin", "toy = b.plugin"]}, "it declares the entry point 'toy' 2 times"),
    ],
)
def test_malformed_entry_points_are_a_fault(site, groups, fault):
    site.declare("toy", **groups)
    assert only(site).fault == fault


def test_the_same_line_twice_is_no_fault(site):
    site.declare("toy", architectures=["toy = toy.plugin", "# a comment", "; another", "toy=toy.plugin"])
    assert only(site).points == ((Kind.ARCHITECTURE, "toy", "toy.plugin"),)
    assert only(site).fault == ""


@pytest.mark.parametrize("content", [None, "", "\x00\x01", "no header at all\n", "Name: toy\n"])
def test_missing_or_damaged_metadata_is_a_fault(site, content):
    info = site.declare("toy", architectures={"toy": "toy.plugin"})
    (info / "METADATA").unlink() if content is None else (info / "METADATA").write_text(content)
    declared = only(site)
    assert declared.fault == "its METADATA is missing or damaged"
    assert str(declared) == "toy (unknown version)"


def test_metadata_that_is_not_utf8_is_a_fault(site):
    info = site.declare("toy", architectures={"toy": "toy.plugin"})
    (info / "METADATA").write_bytes(b"Name: toy\nVersion: 1\nSummary: \xff\xfe\n")
    cause = "'utf-8' codec can't decode byte 0xff in position 30: invalid start byte"
    assert only(site).fault == f"its METADATA cannot be read: {cause}"


@pytest.mark.parametrize(
    ("group", "value", "module"),
    [
        ("architectures", "toy.plugin [fast]", "toy.plugin"),
        ("architectures", "toy.plugin[fast,text]", "toy.plugin"),
        ("architectures", "  toy.plugin  ", "toy.plugin"),
        ("commands", "toy.cli : app", "toy.cli:app"),
        ("commands", "toy.cli:app.run [fast]", "toy.cli:app.run"),
        ("commands", "toy.cli:app[fast]", "toy.cli:app"),
        ("formats", "toy.cli:App [fast]", "toy.cli:App"),
    ],
)
def test_every_legal_object_reference(site, group, value, module):
    site.declare("toy", **{group: {"toy": value}})
    assert (only(site).points[0][2], only(site).fault) == (module, "")


def test_one_damaged_entry_points_file_does_not_hide_the_others(site):
    site.install("toy")
    damaged = site.declare("damaged")
    (damaged / "entry_points.txt").write_bytes(b"[archsmith.architectures]\nx = \xff\n")
    foreign = site.declare("foreign")
    (foreign / "entry_points.txt").write_text("[console_scripts]\nwithout an equals sign\n")
    broken, sound = sorted(find_declared(), key=str)
    assert (broken.name, broken.fault) == ("damaged", r"the entry point 'x' must name a module, but names '\udcff'")
    assert (sound.name, sound.fault) == ("toy-toy", "")


# ---- what a stranger's metadata may hold ----------------------------------------------------------------------------

HEAD = "Metadata-Version: 2.1\nName: evil\nVersion: 1.0\n"


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        (f"{HEAD}Requires-Dist: archsmith>={'9' * 5000}\n", "its requirement 'archsmith>=999"),
        (f"{HEAD}Requires-Dist: archsmith; {'(' * 5000}os_name=='x'{')' * 5000}\n", "its requirement 'archsmith; (((("),
        (f"{HEAD}Requires-Dist: archsmith; python_version < '{'9' * 5000}'\n", 'its requirement "archsmith; python'),
        (f"{HEAD}Requires-Dist: archsmith>=0,\n  >>1\n", "its requirement 'archsmith>=0, >>1' cannot be read"),
        (f"{HEAD}{'Requires-Dist: torch' + chr(10)}" * 60_000, "its METADATA cannot be read: its header has more than"),
        (f"{HEAD}Summary: {'x' * 2**21}\n\nx", "its METADATA cannot be read: its header has more than"),
        ("Name: evil\nVersion: " + "9" * 5000, "its METADATA gives the version '999"),
        ("Name: evil\nVersion: 1 \x1b[31m", r"its METADATA gives the version '1 \x1b[31m'"),
        (
            "Name: archsmith-bert\nVersion: 1.0\n",
            "its METADATA gives the name 'archsmith-bert', but its folder that of",
        ),
        (f"Name: {'evil' * 5000}\nVersion: 1.0\n", "its METADATA gives the name 'evilevil"),
        ("Name: ev\x1b[2Kil\nVersion: 1.0\n", r"its METADATA gives the name 'ev\x1b[2Kil'"),
        ("Name: evil\u202e\nVersion: 1.0\n", r"its METADATA gives the name 'evil\u202e'"),
        ("Name:\n evil\nVersion:\n", "its METADATA is missing or damaged"),
    ],
)
def test_absurd_metadata_breaks_its_own_distribution_alone(site, metadata, fault):
    site.install("toy")
    info = site.declare("evil", architectures={"evil": "evil.plugin"})
    (info / "METADATA").write_text(metadata, encoding="utf-8")
    broken, sound = sorted(find_declared(), key=lambda declared: declared.name)
    assert broken.fault.startswith(fault)
    assert len(broken.fault) < 250
    assert broken.name == "evil"
    assert (str(sound), sound.fault) == ("toy-toy 1.0", "")
    index = scan(Settings())
    assert {entry.distribution: entry.state for entry in index.entries} == {"evil": "broken", "toy-toy": "ok"}


def test_folded_and_windows_lines_are_read(site):
    info = site.declare("toy", architectures={"toy": "toy.plugin"})
    (info / "METADATA").write_bytes(
        b"Name: toy\r\nVersion: 1.0\r\nRequires-Dist: archsmith>=0,\r\n  <9\r\n\r\nRequires-Dist: x"
    )
    assert ([str(each) for each in only(site).asked], only(site).fault) == (["<9,>=0"], "")


def test_a_long_description_is_no_fault(site):
    info = site.declare("toy", architectures={"toy": "toy.plugin"})
    (info / "METADATA").write_text("Name: toy\nVersion: 1.0\n\n" + "x" * 2**22)
    assert only(site).fault == ""


def test_too_many_entry_points_are_a_fault(site):
    site.declare("toy", architectures={f"toy{i}": "toy.plugin" for i in range(5000)})
    assert "declares more than 500" in only(site).fault
    assert len(only(site).points) == 500


def test_an_endless_entry_points_file_is_a_fault(site):
    site.declare("toy", architectures=["toy = toy.plugin", "#" * 2**21])
    assert only(site).fault.startswith("its entry_points.txt has more than 1048576 characters")


@pytest.mark.parametrize("file", ["METADATA", "entry_points.txt"])
@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "secret"])
def test_what_is_no_file_that_can_be_read(site, file, kind):
    site.install("toy")
    path = site.declare("evil", architectures={"evil": "evil.plugin"}) / file
    if kind == "secret":
        path.chmod(0)
        if os.access(path, os.R_OK):  # root reads all
            path.unlink()
            path.mkdir()
    else:
        path.unlink()
        {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "loop": lambda: path.symlink_to(path)}[kind]()
    notes = []
    found = {declared.name: declared.fault for declared in find_declared(notes)}
    assert found.pop("toy-toy") == ""
    if file == "METADATA":
        assert found["evil"].startswith("its METADATA cannot be read: ")
    else:
        assert found == {}
        assert [note.rpartition(": ")[0] for note in notes] == [
            "Whether 'evil' is a plugin cannot be told: its entry_points.txt"
        ]


def test_a_finder_that_fails_hides_nobody_else(site, monkeypatch):
    site.install("toy")

    class Finder:
        @staticmethod
        def find_distributions(context=None):
            raise ValueError("no \x1b[31m")

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    notes = []
    assert "toy-toy" in {declared.name for declared in find_declared(notes)}
    assert r"no \x1b[31m" in notes[0]


def test_strange_distributions_of_a_finder(site, monkeypatch):
    site.install("toy")

    class Strange(importlib_metadata.Distribution):
        _normalized_name = "strange"

        def read_text(self, name):
            raise MemoryError

        def locate_file(self, path):
            raise MemoryError

    monkeypatch.setattr(
        sys,
        "meta_path",
        [type("Finder", (), {"find_distributions": lambda context: [Strange()]}), *sys.meta_path],
    )
    notes = []
    assert [declared.name for declared in find_declared(notes)] == ["toy-toy"]
    assert notes == ["Whether 'strange' is a plugin cannot be told: its entry_points.txt: MemoryError."]


def test_a_zip_file_on_the_path(site, monkeypatch):
    info = site.declare("toy", architectures={"toy": "toy.plugin"})
    archive = site.root.parent / "zipped.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file in info.iterdir():
            zipped.write(file, f"{info.name}/{file.name}")
        zipped.writestr("bomb-1.0.dist-info/entry_points.txt", "[archsmith.architectures]\na = b\n" + "#" * 2**24)
        zipped.writestr("bomb-1.0.dist-info/METADATA", "Name: bomb\nVersion: 1.0\n")
    distributions = importlib_metadata.Distribution.discover
    monkeypatch.setattr(importlib_metadata, "distributions", lambda: distributions(path=[str(archive)]))
    found = {declared.name: declared.fault for declared in find_declared()}
    assert found["toy"] == ""
    assert found["bomb"].startswith("its entry_points.txt has more than")


def test_an_egg_info_folder_counts(site):
    info = site.declare("toy", architectures={"toy": "toy.plugin"}, folder="toy.egg-info")
    (info / "METADATA").rename(info / "PKG-INFO")
    assert str(only(site)) == "toy 1.0"


def test_the_first_folder_on_the_path_counts(make_site):
    editable, stale = make_site("editable"), make_site("stale")
    stale.declare("acme-toy", version="0.9", architectures={"toy": "acme_toy.old", "gone": "acme_toy.old"})
    editable.declare("Acme_Toy", version="1.0", architectures={"toy": "acme_toy.plugin"})
    declared = only(editable)
    assert str(declared) == "Acme_Toy 1.0"
    assert declared.points == ((Kind.ARCHITECTURE, "toy", "acme_toy.plugin"),)


def test_a_first_folder_without_entry_points_counts_too(make_site):
    editable, stale = make_site("editable"), make_site("stale")
    stale.declare("toy", version="0.9", architectures={"toy": "toy.old"})
    editable.declare("toy", version="1.0")
    assert list(find_declared()) == []


def test_what_an_interrupted_uninstall_left_behind_is_skipped(make_site):
    first, second = make_site("first"), make_site("second")
    (first.root / "toy-0.9.dist-info").mkdir()
    (first.root / "toy-0.9.dist-info" / "entry_points.txt").write_text("[archsmith.architectures]\nold = toy.plugin\n")
    first.declare("toy", folder="~oy-0.9.dist-info", architectures={"old": "toy.plugin"})
    second.declare("toy", architectures={"toy": "toy.plugin"})
    assert only(first).points == ((Kind.ARCHITECTURE, "toy", "toy.plugin"),)


@pytest.mark.parametrize("name", ["Archsmith_Toy", "archsmith.toy", "ARCHSMITH--toy", "archsmith-toy"])
def test_normal_name(name):
    assert normal_name(name) == "archsmith-toy"
