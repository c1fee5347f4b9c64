import pytest

from archsmith.registry.metadata import Kind, find_declared, normal_name


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
            {"architectures": {"toy": "toy.plugin [text]"}},
            "the entry point 'toy' must name a module, but names 'toy.plugin [text]'",
        ),
        ({"architectures": ["toy"]}, "the entry point 'toy' must name a module, but names ''"),
        (
            {"commands": {"play": "toy.cli"}},
            "the entry point 'play' must name a function or a typer app, 'module:name', but names 'toy.cli'",
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
    assert only(site).fault == "its METADATA is missing or damaged"


def test_one_damaged_entry_points_file_does_not_hide_the_others(site):
    site.install("toy")
    damaged = site.declare("damaged")
    (damaged / "entry_points.txt").write_bytes(b"[archsmith.architectures]\nx = \xff\n")
    foreign = site.declare("foreign")
    (foreign / "entry_points.txt").write_text("[console_scripts]\nwithout an equals sign\n")
    assert only(site).name == "toy-toy"


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
