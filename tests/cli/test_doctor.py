"""``archsmith doctor``."""

import platform
from importlib.metadata import version
from textwrap import dedent

import pytest

VERSIONS = f"archsmith 0.2.0, archsmith-cli 0.2.0, python {platform.python_version()}, torch {version('torch')}\n"


def problems(result):
    assert result.err == ""
    return [(problem["subject"], problem["problem"]) for problem in result.data["problems"]]


def test_nothing_installed(archsmith):
    result = archsmith("doctor")
    assert (result.code, result.out, result.err) == (0, f"{VERSIONS}\nNo problems.\n", "")


def test_all_well(archsmith, toy):
    result = archsmith("doctor")
    assert (result.code, result.err) == (0, "")
    assert result.out == f"{VERSIONS}\nPLUGIN   VERSION  STATE\ntoy-toy  1.0      ok\n\nNo problems.\n"
    data = archsmith("doctor", "--json").data
    assert (data["problems"], data["notes"]) == ([], [])
    assert data["plugins"] == [{"distribution": "toy-toy", "version": "1.0", "state": "ok"}]


def test_notes_alone_are_no_problem(archsmith, toy, site, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-off")
    site.install("off", requires=())
    result = archsmith("doctor")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"{VERSIONS}\n"
        "PLUGIN   VERSION  STATE\n"
        "toy-off  1.0      disabled\n"
        "toy-toy  1.0      ok\n"
        "\n"
        "settings  disable = toy-off  (ARCHSMITH_DISABLE)\n"
        "\n"
        "Notes\n"
        "-  toy-off 1.0 does not say which archsmith it needs (no Requires-Dist: archsmith).\n"
        "-  toy-off 1.0 is switched off by ARCHSMITH_DISABLE. Remove toy-off from ARCHSMITH_DISABLE\n"
        "\n"
        "No problems.\n"
    )


def test_every_state_has_its_remedy(archsmith, toy, site, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "toy-toy,toy-old,toy-both,other-both,toy-wrong,toy-gone")
    site.install("old", requires=("archsmith>=9",))
    site.install("both")
    site.declare("other-both", architectures={"both": "other.plugin"})
    site.install("wrong", manifest="raise SystemExit('no')")
    result = archsmith("doctor")
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        f"{VERSIONS}\n"
        "PLUGIN      VERSION  STATE\n"
        "other-both  1.0      conflicting\n"
        "toy-both    1.0      conflicting\n"
        "toy-old     1.0      incompatible\n"
        "toy-toy     1.0      ok\n"
        "toy-wrong   1.0      broken\n"
        "\n"
        "settings  plugins = toy-toy, toy-old, toy-both, other-both, toy-wrong, toy-gone  (ARCHSMITH_PLUGINS)\n"
        "\n"
        "1.  ARCHSMITH_PLUGINS names 'toy-gone', which is not an installed plugin. Did you mean 'toy-wrong'?\n"
        "\n"
        "2.  model_type 'both' is claimed by 2 distributions: other-both 1.0, toy-both 1.0.\n"
        "    Uninstall all but one, or pin one: archsmith pin both other-both\n"
        "\n"
        "3.  toy-old 1.0 asks for archsmith>=9, but archsmith 0.2.0 is installed.\n"
        "    Run: pip install --upgrade archsmith toy-old\n"
        "\n"
        "4.  toy-wrong 1.0 is broken: toy_wrong.plugin: SystemExit: no.\n"
        "    Run: pip install --upgrade toy-wrong (or: pip uninstall toy-wrong)\n"
        "\n"
        "4 problems.\n"
    )


def test_typo_in_a_reference_is_found_and_named(archsmith, toy, site):
    manifest = (site.root / "toy_toy/plugin.py").read_text()
    site.write("toy_toy/plugin.py", manifest.replace("model:ToyForMaskedLM", "model:ToyForMaskedML"))
    result = archsmith("doctor", "--json")
    assert result.code == 1
    (found,) = problems(result)
    assert found[0] == "toy-toy 1.0"
    assert "ToyForMaskedML" in found[1]
    assert result.data["plugins"][0]["state"] == "broken"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            'model_type = "toy"',
            'model_type = "yot"',
            "toy-toy 1.0: ToyConfig.model_type is 'yot'; expected 'toy', as its entry point says.",
        ),
        (
            "dim: Size",
            "dims: Size",
            "toy-toy 1.0: preset 'toys/small': ToyConfig: 'dim' is not a field of ToyConfig. Did you mean 'dims'?",
        ),
        ("(PreTrainedConfig)", "", "toy-toy 1.0: ToyConfig is not a PreTrainedConfig."),
    ],
)
@pytest.mark.usefixtures("toy")
def test_wrong_configuration(archsmith, site, old, new, message):
    source = (site.root / "toy_toy/config.py").read_text()
    site.write("toy_toy/config.py", source.replace(old, new))
    result = archsmith("doctor", "--json")
    assert result.code == 1
    assert message in "\n".join(text for _, text in problems(result))


def test_extension_without_its_architecture(archsmith, site):
    site.declare("toy-more", extensions={"bert.more": "toy_more.plugin"})
    source = """
        from archsmith.plugin import Extension, hookimpl

        @hookimpl
        def extensions():
            yield Extension(model_type="bert", models={"new-task": "toy_more.model:BertForNewTask"})
    """
    site.write("toy_more/plugin.py", dedent(source))
    result = archsmith("doctor", "--json")
    assert result.code == 1
    assert result.data["problems"] == [
        {
            "subject": "toy-more 1.0",
            "problem": "toy-more 1.0 extends 'bert', which no installed plugin provides.",
            "remedy": "Run: pip install archsmith-bert (or: pip uninstall toy-more)",
        }
    ]
    assert result.data["notes"] == []


def test_commands(archsmith, site):
    site.declare("toy-verbs", commands={"list": "toy_verbs:app", "odd": "toy_verbs:odd", "gone": "nowhere:app"})
    site.write("toy_verbs.py", "odd = 3\n")
    result = archsmith("doctor", "--json")
    assert result.code == 1
    assert problems(result) == [
        ("toy-verbs 1.0", "toy-verbs 1.0 is broken: nowhere: ModuleNotFoundError: No module named 'nowhere'."),
        ("toy-verbs 1.0", "toy-verbs 1.0 brings a command 'list', but archsmith has one of that name, which wins."),
        (
            "toy-verbs 1.0",
            (
                "toy-verbs 1.0: its command 'odd' is neither a typer app nor a function that becomes one: TypeError: 3"
                " is not a callable object."
            ),
        ),
    ]


def test_formats(archsmith, site):
    site.declare(
        "toy-formats", formats={"torch": "toy_formats:Good", "odd": "toy_formats:odd", "good": "toy_formats:Good"}
    )
    good = (
        "class Good:\n    knows = staticmethod(lambda name, start: False)\n    read = staticmethod(lambda *_: None)\n"
    )
    site.write("toy_formats.py", good + "odd = 3\n")
    result = archsmith("doctor", "--json")
    assert result.code == 1
    assert problems(result) == [
        ("toy-formats 1.0", "the format 'odd' has no functions knows and read. Tell its author."),
        ("toy-formats 1.0", "toy-formats 1.0 brings a format 'torch', but archsmith has one of that name, which wins."),
    ]


def test_missing_optional_libraries(archsmith, site, toy, monkeypatch):
    manifest = (site.root / "toy_toy/plugin.py").read_text()
    parts = 'image_processor="toy_toy.parts:ToyImages", feature_extractor="toy_toy.parts:ToySounds",'
    site.write("toy_toy/plugin.py", manifest.replace('model_type="toy",', f'model_type="toy", {parts}'))
    imports = "from archsmith import ImageProcessor, SequenceFeatureExtractor\n"
    classes = ("class ToyImages(ImageProcessor):\n    pass\n", "class ToySounds(SequenceFeatureExtractor):\n    pass\n")
    site.write("toy_toy/parts.py", "\n".join([imports, *classes]))
    monkeypatch.setattr("archsmith_cli.diagnosis._has_library", lambda _: False)
    result = archsmith("doctor", "--json")
    assert result.code == 1
    assert result.data["problems"] == [
        {
            "subject": "toy-toy 1.0",
            "problem": "toy-toy 1.0: the image processor of 'toy' needs pillow, which is not installed.",
            "remedy": "Run: pip install 'archsmith[vision]'",
        }
    ]
    assert result.data["notes"] == ["reading sound files for toy needs soundfile: pip install 'archsmith[audio]'"]


def test_what_plugins_print_and_raise_disturbs_nothing(archsmith, toy, site):
    source = (site.root / "toy_toy/model.py").read_text()
    site.write("toy_toy/model.py", f"print('hello')\nimport warnings\nwarnings.warn('look')\n{source}")
    result = archsmith("doctor", "--json")
    assert result.data["plugins"] == [
        {"distribution": "toy-toy", "version": "1.0", "state": result.data["plugins"][0]["state"]}
    ]


@pytest.mark.long
def test_a_library_whose_import_ends_half_way_has_one_cause(process, site):
    """torch reads the metadata of all distributions as it is imported, and cannot be imported twice."""
    folder = site.root / "acme_odd-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-odd\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[console_scripts]\na line without a value\n")
    done = process("doctor")
    assert done.returncode == 1, done.stderr
    blamed = [line for line in done.stdout.splitlines() if "cannot be loaded" in line]
    assert len(blamed) > 1
    assert all(f"the metadata in {str(folder)!r} is damaged, and a library reads it" in line for line in blamed)
    assert "reinstall" not in done.stdout


def test_class_names_of_two_plugins_are_told_once(archsmith, toy, site, manifest_of):
    """An import by such a name fails; one that a model_type decides does not, nor one class of two names."""
    for name in ("one", "two"):
        manifest = manifest_of("toy_toy", name).replace("toy_toy.config:" + name.capitalize(), "toy_toy.config:Toy")
        manifest = manifest.replace(f'toy_toy.model:{name.capitalize()}Model"', f'toy_{name}.model:SharedModel"')
        manifest = manifest.replace(f"toy_toy.model:{name.capitalize()}F", f"toy_{name}.model:SharedF")
        site.install(name, manifest=manifest)
        model = (
            (site.root / "toy_toy/model.py")
            .read_text()
            .replace("class Toy", "class Shared")
            .replace("ToyModel", "SharedModel")
        )
        site.write(f"toy_{name}/model.py", model)
    told = [problem for problem in archsmith("doctor", "--json").data["problems"] if "exported" in problem["problem"]]
    assert told == [
        {
            "subject": "settings",
            "problem": "SharedForMaskedLM, SharedModel: exported by toy-one 1.0 and toy-two 1.0, so that no import "
            "from archsmith finds it.",
            "remedy": "Import it from the package that you mean, or: archsmith disable toy-two",
        }
    ]
