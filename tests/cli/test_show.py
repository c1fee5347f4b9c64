"""``archsmith show``."""

from textwrap import dedent

import pytest

OWN_FIELDS = """\
toy  toy-toy 1.0
A toy's configuration.

Fields of ToyConfig
FIELD    DEFAULT  MEANING
dim      4        Width of the hidden states.
                  an integer of at least 1
dropout  0.1      Share of values that are dropped.
                  a number from 0 to 1
name     a toy    a string

Other names: hidden_size for dim.

Fields of every configuration
"""
PARTS = """

Tasks
TASK       AUTO CLASS            CLASS
base       AutoModel             ToyModel
masked-lm  AutoModelForMaskedLM  ToyForMaskedLM

Defined in
ToyConfig       {root}/toy_toy/config.py:4
ToyModel        {root}/toy_toy/model.py:6
ToyForMaskedLM  {root}/toy_toy/model.py:14

Presets
toys/small  2 hidden
"""


def test_architecture(archsmith, toy, site):
    result = archsmith("show", "toy")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(OWN_FIELDS)
    assert result.out.endswith(PARTS.format(root=site.root))


def test_preset_shows_its_values_beside_the_defaults(archsmith, toy):
    result = archsmith("show", "toys/small")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(
        "toys/small  preset of toy  toy-toy 1.0\n"
        "A toy's configuration.\n"
        "\n"
        "Fields of ToyConfig\n"
        "FIELD    VALUE  MEANING\n"
        "dim      2      Width of the hidden states.\n"
        "                an integer of at least 1; default 4\n"
        "dropout  0.1    Share of values that are dropped.\n"
        "                a number from 0 to 1\n"
    )
    assert "Presets" not in result.out


def test_json(archsmith, toy, site):
    data = archsmith("show", "toy", "--json").data
    assert data["fields"][0] == {
        "name": "dim",
        "type": "an integer from 1 to 2147483647",
        "doc": "Width of the hidden states.",
        "common": False,
        "required": False,
        "default": 4,
    }
    assert {row["name"] for row in data["fields"] if row["common"]} >= {"id2label", "dtype", "return_dict"}
    assert data["tasks"][1] == {
        "task": "masked-lm",
        "auto_class": "AutoModelForMaskedLM",
        "class": "ToyForMaskedLM",
        "reference": "toy_toy.model:ToyForMaskedLM",
        "distribution": "toy-toy",
        "file": f"{site.root}/toy_toy/model.py",
        "line": 14,
        "defined": f"{site.root}/toy_toy/model.py:14",
    }
    assert (data["file"], data["line"]) == (f"{site.root}/toy_toy/config.py", 4)
    assert (data["preprocessing"], data["presets"]) == ({}, {"toys/small": {"dim": 2}})
    assert (data["model_type"], data["preset"], data["config_class"]) == ("toy", None, "ToyConfig")
    preset = archsmith("show", "toys/small", "--json").data
    assert (preset["preset"], preset["fields"][0]["value"], preset["fields"][0]["default"]) == ("toys/small", 2, 4)


@pytest.mark.parametrize("flags", [("--schema",), ("--schema", "--json")])
def test_schema_alone(archsmith, toy, flags):
    schema = archsmith("show", "toy", *flags).data
    assert schema["title"] == "ToyConfig"
    assert schema["properties"]["dim"]["minimum"] == 1


def test_required_field_and_preprocessing(archsmith, site, manifest_of):
    site.install("bare", manifest=manifest_of("toy_bare", "bare", 'tokenizer="toy_bare.t:BareTokenizer",'))
    source = """
        from archsmith.config import PreTrainedConfig, Size, field

        class BareConfig(PreTrainedConfig):
            model_type = "bare"
            dim: Size = field(doc="Width.")
    """
    site.write("toy_bare/config.py", dedent(source))
    out = archsmith("show", "bare").out
    assert out.startswith("bare  toy-bare 1.0\n\nFields of BareConfig\n")
    assert "dim    (must be given)  Width.\n" in out
    assert "\nPreprocessing\nPART       CLASS\ntokenizer  BareTokenizer\n" in out
    assert out.endswith("BareTokenizer    (no source found)\n")


def test_tasks_of_an_extension_say_where_they_are_from(archsmith, toy, site):
    site.declare("toy-more", extensions={"toy.more": "toy_more.plugin"})
    source = """
        from archsmith.plugin import Extension, hookimpl

        @hookimpl
        def extensions():
            yield Extension(model_type="toy", models={"new-task": "toy_more.model:ToyForNewTask"})
    """
    site.write("toy_more/plugin.py", dedent(source))
    out = archsmith("show", "toy").out
    assert "new-task   AutoModelForNewTask   ToyForNewTask   toy-more\n" in out
    assert "base       AutoModel             ToyModel        toy-toy\n" in out


def test_unknown_name(archsmith, toy):
    result = archsmith("show", "toys/smal")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        "error: 'toys/smal' is neither an architecture nor a preset of an installed plugin. "
        "Installed architectures: toy. Did you mean 'toys/small'?\n"
    )


def test_unknown_name_with_a_plugin_that_could_not_be_asked(archsmith, site):
    site.install("wrong", manifest="import nowhere")
    assert archsmith("show", "x").err.endswith("Installed architectures: wrong. Not asked: toy-wrong 1.0 (broken).\n")


def test_known_architecture_that_is_not_installed(archsmith):
    result = archsmith("show", "vit")
    assert result.code == 1
    assert result.err.endswith("Run: pip install archsmith-vit\n")


def test_preset_of_two_architectures(archsmith, site, manifest_of):
    for name in ("one", "two"):
        site.install(name, manifest=manifest_of(f"toy_{name}", name, 'presets={"toys/small": {}}, '))
    result = archsmith("show", "toys/small")
    assert result.code == 1
    assert result.err.startswith("error: preset 'toys/small' belongs to one and two. ")


def test_broken_architecture(archsmith, site):
    site.install("wrong", manifest="import nowhere")
    result = archsmith("show", "wrong")
    assert result.code == 1
    assert result.err == (
        "error: toy-wrong 1.0 is broken: toy_wrong.plugin: ModuleNotFoundError: No module named 'nowhere'. "
        "Run: pip install --upgrade toy-wrong (or: pip uninstall toy-wrong)\n"
    )


def test_presets_with_their_sizes(archsmith, site, manifest_of):
    fields = 'presets={"toys/deep": {"num_hidden_layers": 3, "width": 5}, "toys/wrong": {"width": -1}}, '
    site.install("deep", manifest=manifest_of("toy_deep", "deep", fields))
    source = """
        from archsmith.config import Depth, PreTrainedConfig, Size, field

        class DeepConfig(PreTrainedConfig):
            model_type = "deep"
            attribute_map = {"hidden_size": "width"}
            num_hidden_layers: Depth = field(default=1)
            width: Size = field(default=2048)
    """
    site.write("toy_deep/config.py", dedent(source))
    result = archsmith("show", "deep")
    assert (result.code, result.err) == (0, "")
    assert "\nPresets\ntoys/deep   3 layers, 5 hidden\ntoys/wrong  fault DeepConfig: width must be" in result.out
    assert archsmith("show", "deep", "--json").data["preset_sizes"]["toys/deep"] == {"layers": 3, "hidden": 5}
