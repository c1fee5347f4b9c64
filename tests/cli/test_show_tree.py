"""``archsmith show --tree``."""

import io
import json
from textwrap import dedent

import pytest

TREE = """\
toy  architecture
ToyForMaskedLM (task masked-lm): 30 parameters

MODULE     CLASS           PARAMETERS  SHAPES
(model)    ToyForMaskedLM          30
  toy      ToyModel                20
    inner  Linear                  20  weight 4x4, bias 4
  head     Linear                  10  weight 2x4, bias 2
"""
STACK_MODEL = """
    import torch
    from torch import nn
    from archsmith.model import PreTrainedModel
    from toy_stack.config import StackConfig

    class StackModel(PreTrainedModel):
        config_class = StackConfig
        base_model_prefix = "stack"
        tied_weights = {"head.weight": "embed.weight"}

        def __init__(self, config):
            super().__init__(config)
            self.embed = nn.Embedding(config.width, 4)
            self.layers = nn.ModuleList(nn.Linear(4, 4 if index else 2) for index in range(config.depth))
            self.head = nn.Linear(4, config.width, bias=False)
            self.again = self.layers[0]
            self.register_buffer("steps", torch.zeros(3))
            self.embed.weight.requires_grad_(False)
            {more}
"""


@pytest.fixture
def stack(site, manifest_of):
    """Install a plugin whose model has layers, a tied weight, a frozen one, a buffer and a module in two places."""

    def install(more="pass"):
        site.install("stack", manifest=manifest_of("toy_stack", "stack"))
        source = """
            from archsmith.config import Depth, PreTrainedConfig, Size, field

            class StackConfig(PreTrainedConfig):
                model_type = "stack"
                width: Size = field(doc="How wide.")
                depth: Depth = field(default=4)
        """
        site.write("toy_stack/config.py", dedent(source))
        site.write("toy_stack/model.py", dedent(STACK_MODEL).replace("{more}", more))

    return install


def test_architecture(archsmith, toy):
    result = archsmith("show", "toy", "--tree", "--task", "masked-lm")
    assert (result.code, result.err, result.out) == (0, "", TREE)


def test_depth_and_settings(archsmith, toy):
    out = archsmith("show", "toy", "--tree", "--task", "masked-lm", "--depth", "1", "--set", "dim=2").out
    assert "inner" not in out
    assert "  toy    ToyModel                 6\n" in out
    assert "ToyForMaskedLM (task masked-lm): 12 parameters\n" in out
    assert archsmith("show", "toy", "--tree", "--depth", "0").out.endswith("\n(model)  ToyModel          20\n")


def test_preset_and_default_task(archsmith, toy):
    out = archsmith("show", "toys/small", "--tree").out
    assert out.startswith("toys/small  preset of toy\nToyModel (task base): 6 parameters\n")


def test_equal_layers_ties_buffers_frozen_and_shared(archsmith, stack):
    stack()
    result = archsmith("show", "stack", "--tree", "--set", "width=10", "--task", "base")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "stack  architecture\n"
        "StackModel (task base): 110 parameters, 40 of them frozen, those that are tied counted once, "
        "and 3 numbers in buffers\n"
        "\n"
        "MODULE       CLASS       PARAMETERS  SHAPES\n"
        "(model)      StackModel         110  steps 3 (buffer)\n"
        "  embed      Embedding           40  weight 10x4\n"
        "  layers     ModuleList          70\n"
        "    0        Linear              10  weight 2x4, bias 2\n"
        "    1-3  x3  Linear          3 x 20  weight 4x4, bias 4\n"
        "  head       Linear                  weight 10x4 = embed.weight\n"
        "  again      Linear                  the same as layers.0\n"
    )
    data = archsmith("show", "stack", "--tree", "--set", "width=10", "--json").data
    assert (data["parameters"], data["trainable"], data["buffers"]) == (110, 70, 3)
    assert data["tied"] == {"head.weight": "embed.weight"}
    assert [module["path"] for module in data["modules"]] == [
        *("", "embed", "layers", "layers.0", "layers.1", "layers.2", "layers.3", "head", "again")
    ]
    assert data["modules"][7]["tensors"]["weight"] == {
        "kind": "parameter",
        "shape": [10, 4],
        "dtype": "float32",
        "trainable": False,
        "tied_to": "embed.weight",
    }


def test_narrow_terminal(toy, archsmith):
    """Modules stand below each other as a tree, and shapes go on below."""
    from archsmith.registry import registry
    from archsmith_cli.render import Page
    from archsmith_cli.tree import build_tree, draw_tree

    config = registry.load("toy", "config")(dim=4)
    stream = io.StringIO()
    draw_tree(Page(stream, width=40), build_tree("toy", "masked-lm", config), depth=None)
    assert stream.getvalue() == (
        "(model)  ToyForMaskedLM  30\n"
        "  toy  ToyModel  20\n"
        "    inner  Linear  20  weight 4x4, bias\n"
        "      4\n"
        "  head  Linear  10  weight 2x4, bias 2\n"
    )


def test_what_must_be_given_is_said_with_the_option(archsmith, stack):
    stack()
    for arguments in (("show", "stack", "--tree"), ("create", "stack", "out")):
        result = archsmith(*arguments)
        assert (result.code, result.out) == (1, "")
        assert "width must be given: How wide." in result.err
        assert result.err.endswith("Give it with --set FIELD=VALUE.\n")


@pytest.mark.parametrize("more", ["self.n = torch.ones(2).sum().item()", "raise LookupError('odd')"])
def test_model_that_cannot_be_built_without_values(archsmith, stack, more):
    stack(more)
    result = archsmith("show", "stack", "--tree", "--set", "width=10")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: no StackModel can be built from this configuration without values: ")
    assert "archsmith create" in result.err


def test_checkpoint(archsmith, toy, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my toy"
    archsmith("create", "toy", folder, "--task", "masked-lm", "--set", "dim=3")
    (folder / "model.safetensors").unlink()  # the configuration decides
    for name in (str(folder), "./my toy", "~/my toy", "my toy", f"{folder}/config.json"):
        result = archsmith("show", name, "--tree")
        assert (result.code, result.err) == (0, "")
        assert "\nToyForMaskedLM (task masked-lm): 20 parameters\n" in result.out
    assert "\nToyModel (task base): 12 parameters\n" in archsmith("show", folder, "--tree", "--task", "base").out
    values = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(values | {"architectures": ["Stranger"]}))
    result = archsmith("show", folder, "--tree")
    assert (result.code, "\nToyModel (task base)" in result.out) == (0, True)
    assert result.err.startswith("note: no installed plugin provides Stranger, which ")
    result = archsmith("show", folder, "--tree", "--set", "dimm=3")
    assert (result.code, "Did you mean 'dim'?" in result.err) == (1, True)


def test_names_that_lead_nowhere(archsmith, toy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("hello")
    for name, said in (
        ("toyy", "Did you mean 'toy'? There is no folder of that name. A repository on the hub: pass --hub."),
        ("./nowhere", "there is no folder './nowhere'"),
        ("empty", "'empty' has no file 'config.json'"),
        ("notes.txt", "'notes.txt' is a file; expected the folder that holds it"),
    ):
        result = archsmith("show", name, "--tree")
        assert (result.code, result.out) == (1, "")
        assert said in result.err


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("--depth", "0"), "--depth"),
        (("--task", "base"), "--task"),
        (("--set", "dim=1"), "--set"),
        (("--hub",), "--hub"),
        (("--offline",), "--offline"),
    ],
)
def test_options_of_the_tree_need_it(archsmith, toy, arguments, option):
    result = archsmith("show", "toy", *arguments)
    assert (result.code, result.out) == (2, "")
    assert f"Invalid value for {option}: it is for --tree" in result.err
    assert archsmith("show", "toy", "--tree", "--schema").code == 2


def test_composite_timm_and_tied_models_that_are_installed(installed):
    """The sums are those of the models themselves, and of the published checkpoints."""
    numbers = {
        ("facebook/maskformer-swin-tiny-ade",): 41_522_362,
        ("gpt2", "--task", "causal-lm"): 124_439_808,
        ("timm_backbone", "--set", "backbone=resnet10t"): 4_922_488,
        ("meta-llama/Llama-2-7b-hf", "--task", "causal-lm"): 6_738_415_616,
    }
    for arguments, expected in numbers.items():
        assert installed("show", *arguments, "--tree", "--json").data["parameters"] == expected


def test_no_weights_are_fetched(installed, monkeypatch, tmp_path):
    """A backbone that is to start from published weights has the same shapes without them."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    settings = ("--set", "backbone=resnet18", "--set", "use_pretrained_backbone=true")
    result = installed("show", "timm_backbone", "--tree", *settings, "--json")
    assert (result.code, result.err) == (0, "")
    assert json.loads(result.out)["parameters"] == 11_176_512


def test_preprocessing_is_no_model(installed):
    result = installed("show", "wordpiece", "--tree")
    assert (result.code, result.out) == (1, "")
    assert result.err == "error: 'wordpiece' is preprocessing, and no model. Run: archsmith show wordpiece\n"


def test_damaged_configuration(archsmith, toy, tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "toy", "dim": ')
    result = archsmith("show", tmp_path, "--tree")
    assert (result.code, result.out) == (1, "")
    assert f"{tmp_path}/config.json" in result.err
