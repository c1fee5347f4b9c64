"""Backbones and hosts: the choice of stages, the ways to name a backbone, and what a host keeps of its choice."""

import copy
import json
import socket

import pytest
import safetensors.torch
import torch

from archsmith import AutoBackbone, AutoConfig, AutoModel, BackboneConfig, BackboneHostConfig, PreTrainedConfig
from archsmith.config import Size, field
from archsmith.errors import (
    ArchsmithWarning,
    CheckpointNotFound,
    ConfigError,
    OptionError,
    PluginBroken,
    UnknownArchitecture,
    UnknownTask,
    WeightsMismatch,
)
from archsmith.registry import registry

BACKBONE = """
    import torch
    from torch import nn

    from archsmith import Backbone, BackboneConfig, PreTrainedModel
    from archsmith.config import Size, field
    from archsmith.outputs import BackboneOutput


    class StepsConfig(BackboneConfig):
        model_type = "steps"
        widths: list[Size] = field(default=[4, 6, 8], doc="Channels of each stage.")

        @property
        def stage_names(self):
            return [f"stage{i}" for i in range(1, len(self.widths) + 1)]


    class StepsModel(PreTrainedModel):
        config_class = StepsConfig


    class StepsBackbone(Backbone):
        config_class = StepsConfig
        ignored_keys = ("layers.*.old",)
        optional_keys = ("layers.*.bias",)

        def __init__(self, config):
            super().__init__(config)
            pairs = zip([3, *config.widths], config.widths)
            self.layers = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairs)

        @property
        def stage_channels(self):
            return self.config.widths

        @property
        def stage_strides(self):
            return [2 ** i for i in range(1, len(self.config.widths) + 1)]

        def forward(self, pixel_values, *, output_hidden_states=None, output_attentions=None, return_dict=None):
            stages = []
            for layer in self.layers:
                pixel_values = layer(pixel_values)
                stages.append(pixel_values)
            return self.as_requested(BackboneOutput(self.select(stages)), return_dict)
    """
HOST = """
    import torch
    from torch import nn

    from archsmith import BackboneHostConfig, PreTrainedModel
    from archsmith.backbone import load_backbone
    from archsmith.config import Size, field
    from archsmith.outputs import BaseModelOutput


    class HostConfig(BackboneHostConfig):
        model_type = "host"
        width: Size = field(default=5, doc="Channels.")


    class HostModel(PreTrainedModel):
        config_class = HostConfig
        main_input_name = "pixel_values"

        def __init__(self, config):
            backbone = load_backbone(config)
            super().__init__(config.with_backbone_config(backbone.config))
            self.backbone = backbone
            self.necks = nn.ModuleList(nn.Conv2d(channels, config.width, 1) for channels in backbone.channels)

        def forward(self, pixel_values):
            maps = self.backbone(pixel_values).feature_maps
            return BaseModelOutput(hidden_states=tuple(neck(each) for neck, each in zip(self.necks, maps)))
    """


def manifest(package, model_type, config, models, presets="{}"):
    return f"""
        from archsmith.plugin import Architecture, hookimpl

        @hookimpl
        def architectures():
            yield Architecture(
                model_type="{model_type}", config="{package}.all:{config}", models={models}, presets={presets}
            )
        """


@pytest.fixture
def plugins(site):
    """A backbone and a host, in two plugins."""
    models = {"base": "toy_steps.all:StepsModel", "backbone": "toy_steps.all:StepsBackbone"}
    presets = '{"steps/small": {"widths": [4, 6]}}'
    site.install("steps", manifest=manifest("toy_steps", "steps", "StepsConfig", models, presets))
    site.write("toy_steps/all.py", BACKBONE)
    site.install("host", manifest=manifest("toy_host", "host", "HostConfig", {"base": "toy_host.all:HostModel"}))
    site.write("toy_host/all.py", HOST)
    registry.refresh()
    yield site
    registry.refresh()


@pytest.fixture
def offline(monkeypatch):
    """Any attempt to open a socket fails the test."""

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture
def weights(plugins, tmp_path):
    """A saved backbone whose values are all its own."""
    from toy_steps.all import StepsBackbone, StepsConfig

    torch.manual_seed(3)
    model = StepsBackbone(StepsConfig(widths=[4, 6], out_indices=[0, 1]))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn(parameter.shape))
    model.save_pretrained(tmp_path / "weights")
    return tmp_path / "weights"


def host_config(**values):
    from toy_host.all import HostConfig

    return HostConfig(**values)


def built(config):
    from toy_host.all import HostModel

    return HostModel(config)


def same_weights(backbone, folder):
    stored = AutoBackbone.from_pretrained(folder).state_dict()
    return all(torch.equal(value, stored[name]) for name, value in backbone.state_dict().items())


# ---- the choice of stages -------------------------------------------------------------------------------------


class Stages(BackboneConfig):
    model_type = "stages"
    count: Size = field(default=4)

    @property
    def stage_names(self):
        return ["stem", *(f"stage{i}" for i in range(1, self.count + 1))]


@pytest.mark.parametrize(
    ("given", "features", "indices"),
    [
        ({}, ["stage4"], [4]),
        ({"out_features": ["stem", "stage2"]}, ["stem", "stage2"], [0, 2]),
        ({"out_indices": [1, 3]}, ["stage1", "stage3"], [1, 3]),
        ({"out_indices": (1, 3)}, ["stage1", "stage3"], [1, 3]),
        ({"out_indices": [0, -1]}, ["stem", "stage4"], [0, -1]),
        ({"out_indices": [-2], "out_features": ["stage3"]}, ["stage3"], [-2]),
        ({"out_indices": None, "out_features": ["stage1"]}, ["stage1"], [1]),
        ({"count": 2}, ["stage2"], [2]),
    ],
)
def test_names_and_numbers_of_stages_are_in_step(given, features, indices):
    config = Stages(**given)
    assert (config.out_features, config.out_indices) == (features, indices)
    assert Stages.from_dict(json.loads(config.to_json_string())) == config
    assert Stages.from_dict(config.to_diff_dict()) == config
    assert json.loads(config.to_json_string())["stage_names"] == config.stage_names


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"out_features": ["stage5"]},
            (
                "out_features must be stages (stage_names are stem, stage1, stage2, stage3, stage4), but holds "
                "'stage5'. Did you mean"
            ),
        ),
        (
            {"out_indices": [5]},
            "out_indices must lie from -5 to 4 (stage_names are stem, stage1, stage2, stage3, stage4), but holds 5.",
        ),
        ({"out_indices": [-6]}, "out_indices must lie from -5 to 4"),
        ({"out_indices": []}, "out_indices must name at least one stage, but is empty."),
        ({"out_features": []}, "out_features must name at least one stage, but is empty."),
        (
            {"out_indices": [3, 1]},
            "out_indices must name each stage once, in the order of the model, but is [3, 1].",
        ),
        ({"out_indices": [1, 1]}, "out_indices must name each stage once"),
        ({"out_indices": [4, -1]}, "out_indices must name each stage once"),
        ({"out_features": ["stage2", "stage1"]}, "out_features must name each stage once, in the order of the model"),
        (
            {"out_features": ["stage1"], "out_indices": [2]},
            "out_features is ['stage1'] and out_indices is [2], but they must name the same stages.",
        ),
        ({"out_features": "stage1"}, "out_features must be a list of strings or null, but is 'stage1'."),
        ({"out_indices": [1.5]}, "out_indices[0] must be an integer, but is 1.5."),
        ({"out_indices": 3}, "out_indices must be a list of integers or null, but is 3."),
        ({"out_indices": [True]}, "out_indices[0] must be an integer, but is True."),
    ],
)
def test_a_wrong_choice_of_stages_is_refused(given, message):
    with pytest.raises(ConfigError) as caught:
        Stages(**given)
    assert message in str(caught.value)


def test_a_new_choice_replaces_the_old_one():
    config = Stages(out_features=["stage1", "stage2"])
    config.out_indices = [0, 4]
    assert config.out_features == ["stem", "stage4"]
    config.out_features = ["stage3"]
    assert config.out_indices == [3]
    config.update(out_indices=[-1])
    assert config.out_features == ["stage4"]
    with pytest.raises(ConfigError):
        config.out_features = ["stage9"]
    assert (config.out_features, config.out_indices) == (["stage4"], [-1])
    values = json.loads(Stages(out_indices=[1, 2]).to_json_string())
    assert Stages.from_dict(values, out_features=["stem"]).out_indices == [0]
    assert Stages.from_dict(values, out_indices=[3]).out_features == ["stage3"]


def test_a_default_choice_follows_the_number_of_stages():
    config = Stages()
    config.update(count=2)
    assert (config.out_features, config.out_indices) == (["stage2"], [2])
    values = json.loads(config.to_json_string())
    assert Stages.from_dict(values, count=3).out_features == ["stage3"]
    assert Stages.from_dict(values | {"out_features": ["stage1"], "out_indices": [1]}, count=3).out_indices == [1]


class Widths(BackboneConfig):
    model_type = "widths"
    widths: list[Size] = field(default=[4, 8])

    @property
    def stage_names(self):
        return [f"stage{number}" for number, _ in enumerate(self.widths)]

    def rules(self):
        yield from super().rules()
        if not self.widths:
            yield "widths must have a number for each stage, but is empty"


def test_no_stage_at_all_is_told_by_the_rules_of_the_configuration():
    with pytest.raises(ConfigError) as raised:
        Widths(widths=[])
    assert str(raised.value) == "Widths: widths must have a number for each stage, but is empty."


def test_stage_names_in_a_file_follow_from_the_fields():
    config = Stages.from_dict({"count": 2, "stage_names": ["x", "y"], "other": 1})
    assert config.stage_names == ["stem", "stage1", "stage2"]
    assert config.extra == {"other": 1}


def test_a_backbone_says_what_it_gives(plugins):
    from toy_steps.all import StepsBackbone, StepsConfig

    backbone = StepsBackbone(StepsConfig(out_indices=[0, -1]))
    assert backbone.out_features == ["stage1", "stage3"]
    assert backbone.out_indices == [0, 2]
    assert backbone.channels == [4, 8]
    assert backbone.out_feature_channels == {"stage1": 4, "stage2": 6, "stage3": 8}
    assert backbone.strides == [2, 8]
    maps = backbone(torch.zeros(2, 3, 33, 64)).feature_maps
    assert [tuple(each.shape) for each in maps] == [(2, 4, 17, 32), (2, 8, 5, 8)]


def test_stages_can_be_chosen_on_a_backbone(plugins):
    from toy_steps.all import StepsBackbone, StepsConfig

    config = StepsConfig(out_indices=[0, -1])
    backbone = StepsBackbone(config)
    backbone.out_features = ["stage2"]
    assert (backbone.out_indices, backbone.channels) == ([1], [6])
    backbone.out_indices = [-1]
    assert (backbone.out_features, backbone.config.out_features) == (["stage3"], ["stage3"])
    assert len(backbone(torch.zeros(1, 3, 16, 16)).feature_maps) == 1
    assert config.out_features == ["stage1", "stage3"]  # another model may have it too
    with pytest.raises(ConfigError, match=r"but holds 'stage4'. Did you mean"):
        backbone.out_features = ["stage4"]
    assert backbone.out_features == ["stage3"]


def test_stages_can_be_chosen_on_the_configuration_of_a_backbone(plugins):
    from toy_steps.all import StepsBackbone, StepsConfig

    backbone = StepsBackbone(StepsConfig(out_indices=[0, -1]))
    backbone.config.out_features = ["stage2"]
    assert (backbone.out_indices, backbone.channels) == ([1], [6])
    backbone.config.out_indices = [-1]
    assert [tuple(each.shape) for each in backbone(torch.zeros(1, 3, 16, 16)).feature_maps] == [(1, 8, 2, 2)]


@pytest.mark.parametrize("named", [False, True])
def test_stages_of_a_backbone_inside_a_host(plugins, tmp_path, named):
    inner = AutoConfig.for_model("steps", widths=[4, 4, 6], out_indices=[0, -1])
    inner.save_pretrained(tmp_path / "backbone")
    model = built(host_config(**({"backbone": str(tmp_path / "backbone")} if named else {"backbone_config": inner})))
    assert model.backbone.config is model.config.backbone_config
    model.backbone.out_features = ["stage2", "stage3"]
    assert model.config.backbone_config.out_indices == [1, 2]
    assert inner.out_indices == [0, -1]
    model.save_pretrained(tmp_path / "host")
    assert AutoModel.from_pretrained(tmp_path / "host").backbone.out_features == ["stage2", "stage3"]
    with pytest.raises(OptionError) as caught:
        model.backbone.out_indices = [0, 1]
    assert str(caught.value) == (
        "HostModel was built for feature maps of [4, 6] channels, but those of stage1, stage2 have [4, 4]. Choose the "
        "stages in its configuration, and build it from that."
    )
    assert model.backbone.out_indices == [1, 2]
    model.config.backbone_config.out_indices = [0, 1]
    with pytest.raises(OptionError, match=r"built for feature maps of \[4, 6\] channels, but those of stage1, stage2"):
        model(torch.zeros(1, 3, 16, 16))
    with pytest.raises(OptionError, match=r"but those of stage1, stage2 have"):
        copy.deepcopy(model)(torch.zeros(1, 3, 16, 16))
    taken, model.backbone = model.backbone, None
    assert len(taken(torch.zeros(1, 3, 16, 16)).feature_maps) == 2  # no host, no widths to keep to


@pytest.mark.parametrize(
    "change", [lambda names: names.append("stage1"), lambda names: names.append("nope"), list.clear]
)
def test_stages_that_are_changed_in_place_are_refused(plugins, change):
    from toy_steps.all import StepsBackbone, StepsConfig

    backbone = StepsBackbone(StepsConfig(out_features=["stage3"]))
    change(backbone.config.out_features)
    with pytest.raises(ConfigError, match=r"StepsConfig:\s.*out_features must"):
        backbone(torch.zeros(1, 3, 16, 16))
    backbone.out_features = ["stage1"]
    backbone.config.out_indices.append(2)
    with pytest.raises(ConfigError, match=r"out_indices is \[0, 2\], but they must name the same stages"):
        backbone(torch.zeros(1, 3, 16, 16))


def test_auto_backbone_finds_the_class(plugins, weights):
    backbone = AutoBackbone.from_pretrained(weights, out_indices=[1])
    assert type(backbone).__name__ == "StepsBackbone"
    assert backbone.channels == [6]
    assert not backbone.training
    with pytest.raises(UnknownTask, match=r"'host' \(toy-host 1.0\) has no model for the task 'backbone'"):
        AutoBackbone.from_config(host_config())
    with pytest.raises(UnknownArchitecture, match=r"'timm_backbone'.*Run: pip install archsmith-timm"):
        AutoBackbone.from_pretrained("resnet18", use_timm_backbone=True)
    with pytest.raises(OptionError, match="config and use_timm_backbone both say"):
        AutoBackbone.from_pretrained("resnet18", use_timm_backbone=True, config=host_config())


# ---- configurations inside configurations ---------------------------------------------------------------------


class Inner(PreTrainedConfig):
    model_type = "inner"
    size: Size = field(default=3, doc="A size.")


class Outer(PreTrainedConfig):
    model_type = "outer"
    own: Inner | None = field(default=None, doc="Of one class.")
    any_kind: Inner | PreTrainedConfig | None = field(default=None, doc="Of any class.")


def test_a_mapping_becomes_a_configuration(plugins):
    config = Outer(own={"size": 4}, any_kind={"model_type": "steps", "widths": [1, 2]})
    assert type(config.own) is Inner
    assert config.own.size == 4
    assert type(config.any_kind).__name__ == "StepsConfig"
    assert type(Outer(any_kind={"model_type": "inner"}).any_kind) is Inner  # its own kind need not be registered
    assert Outer(own=(inner := Inner(size=5))).own is inner
    again = Outer.from_dict(json.loads(config.to_json_string()))
    assert again == config
    assert again != Outer(own={"size": 5}, any_kind={"model_type": "steps", "widths": [1, 2]})
    assert Outer.from_dict(config.to_diff_dict()) == config
    assert config.to_diff_dict()["own"] == {"model_type": "inner", "size": 4}


def test_what_is_inside_is_written_with_its_own_provenance(plugins, tmp_path):
    values = {"own": {"size": 4}, "any_kind": {"model_type": "steps", "strange": 7}}
    Outer.from_dict(values).save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    assert written["any_kind"]["archsmith"]["plugin"] == "toy-steps"
    assert written["any_kind"]["strange"] == 7
    assert written["own"]["size"] == 4
    assert Outer.from_pretrained(tmp_path).any_kind.extra == {"strange": 7}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"own": 3}, "Outer: own must be a Inner, or its values as a mapping, or null, but is 3."),
        ({"own": {"size": 0}}, "Outer: own.size must be an integer from 1 to 2147483647, but is 0."),
        ({"own": {"model_type": "steps"}}, "Outer: own.model_type must be 'inner', but is 'steps'."),
        (
            {"own": {"size": 0}, "any_kind": {"model_type": "inner", "size": "x"}},
            (
                "Outer:\n  - own.size must be an integer from 1 to 2147483647, but is 0\n"
                "  - any_kind.size must be an integer from 1 to 2147483647, but is 'x'."
            ),
        ),
        ({"any_kind": {"model_type": ["inner"]}}, "Outer: any_kind.model_type must be a string, but is ['inner']."),
        ({"any_kind": {"model_type": "steps", "widths": 3}}, "any_kind.widths must be a list of integers"),
    ],
)
def test_faults_inside_say_where(plugins, values, message):
    with pytest.raises(ConfigError) as caught:
        Outer(**values)
    assert message in str(caught.value)


def test_a_missing_plugin_is_named_with_the_field(plugins):
    with pytest.raises(UnknownArchitecture) as caught:
        Outer(any_kind={"model_type": "vit"})
    assert str(caught.value) == (
        "Outer.any_kind needs model_type 'vit', which no installed plugin provides. Run: pip install archsmith-vit"
    )
    with pytest.raises(ConfigError, match=r"Outer: any_kind\.model_type must be given: it says which architecture"):
        Outer(any_kind={})


def test_changes_inside_are_checked():
    config = Outer(own={"size": 4})
    config.own.__dict__["size"] = -1
    with pytest.raises(ConfigError, match=r"own\.size must be an integer"):
        config.check()
    with pytest.raises(ConfigError, match=r"own must be a Inner"):
        config.own = "x"
    config.own = {"size": 6}
    assert config.own.size == 6
    config.check()


def test_a_schema_describes_what_is_inside():
    properties = Outer.json_schema()["properties"]
    one, null = properties["own"]["anyOf"]
    assert (one["title"], null) == ("Inner", {"type": "null"})
    assert {"type": "object", "required": ["model_type"]} in properties["any_kind"]["anyOf"]


# ---- how a host gets its backbone -----------------------------------------------------------------------------


def test_a_configuration_that_was_built_apart(plugins, tmp_path, offline):
    inner = AutoConfig.for_model("steps", widths=[2, 3, 5], out_indices=[0, 2])
    config = host_config(backbone_config=inner)
    model = built(config)
    assert model.config is config
    assert [neck.in_channels for neck in model.necks] == [2, 5]
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert again.config.backbone_config == inner
    pixels = torch.randn(1, 3, 16, 16)
    for one, other in zip(model.eval()(pixels).hidden_states, again(pixels).hidden_states, strict=True):
        assert torch.equal(one, other)


def test_a_host_that_is_built_again_keeps_where_its_backbone_came_from(plugins):
    inner = AutoConfig.for_model("steps")
    source = {"backbone": "steps/small", "use_pretrained_backbone": True}
    held = host_config(backbone_config=inner, backbone_source=source).with_backbone_config(copy.deepcopy(inner))
    assert held.backbone_source == source


def test_keys_that_a_backbone_declares_count_inside_a_host(plugins, tmp_path):
    model = built(host_config(backbone_config=AutoConfig.for_model("steps", out_indices=[0, 2])))
    model.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    with safetensors.safe_open(file, "pt") as opened:
        tensors, metadata = {name: opened.get_tensor(name) for name in opened.keys()}, opened.metadata()  # noqa: SIM118
    tensors["backbone.layers.1.old"] = torch.zeros(2)
    del tensors["backbone.layers.1.bias"]
    safetensors.torch.save_file(tensors, file, metadata)
    with pytest.warns(ArchsmithWarning, match=r"start from random values: backbone\.layers\.1\.bias\."):
        report = AutoModel.from_pretrained(tmp_path).load_report
    assert report.ignored == ("backbone.layers.1.old",)
    assert report.new == ("backbone.layers.1.bias",)
    tensors["necks.0.old"] = tensors.pop("backbone.layers.1.old")
    safetensors.torch.save_file(tensors, file, metadata)
    with pytest.raises(WeightsMismatch, match=r"unexpected key 'necks\.0\.old': not a parameter of the model"):
        AutoModel.from_pretrained(tmp_path)


def test_a_local_folder_with_and_without_its_weights(plugins, weights, offline):
    for pretrained in (True, False):
        config = host_config(backbone=str(weights), use_pretrained_backbone=pretrained)
        model = built(config)
        assert same_weights(model.backbone, weights) is pretrained
        assert model.training
        assert model.backbone.training
        assert config.backbone == str(weights)  # the caller's configuration can be used again
        assert model.config.backbone is None
        assert model.config.backbone_config.widths == [4, 6]
        assert model.config.backbone_source == {
            "backbone": str(weights),
            "use_pretrained_backbone": pretrained,
            "use_timm_backbone": False,
        }
    changed = built(host_config(backbone=str(weights), backbone_kwargs={"out_features": ["stage2"]}))
    assert changed.backbone.channels == [6]
    assert changed.config.backbone_source["backbone_kwargs"] == {"out_features": ["stage2"]}


def test_weights_of_another_type_become_float32(plugins, weights):
    AutoBackbone.from_pretrained(weights, dtype="bfloat16").save_pretrained(weights)
    model = built(host_config(backbone=str(weights), use_pretrained_backbone=True))
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}


def test_a_preset_needs_no_network(plugins, offline):
    model = built(host_config(backbone="steps/small", backbone_kwargs={"out_indices": [0, 1]}))
    assert model.backbone.channels == [4, 6]


def test_weights_are_never_taken_from_a_preset(plugins, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    config = host_config(backbone="steps/none", use_pretrained_backbone=True)
    with pytest.raises((CheckpointNotFound, OSError), match="steps/none"):
        built(config)


def test_a_saved_host_never_asks_for_its_backbone_again(plugins, weights, tmp_path, offline):
    model = built(host_config(backbone=str(weights), use_pretrained_backbone=True))
    with torch.no_grad():
        model.backbone.layers[0].weight.fill_(0.5)
    model.save_pretrained(tmp_path / "host")
    for path in weights.iterdir():
        path.unlink()
    again = AutoModel.from_pretrained(tmp_path / "host")
    assert torch.equal(again.backbone.layers[0].weight, model.backbone.layers[0].weight)
    assert again.config.backbone_source["backbone"] == str(weights)
    assert built(again.config).backbone.channels == [4, 6]  # random, and no file is looked for


def test_a_published_host_that_names_its_backbone_takes_its_own_values(plugins, weights, tmp_path, offline):
    model = built(host_config(backbone=str(weights), use_pretrained_backbone=True))
    model.save_pretrained(tmp_path / "host")
    path = tmp_path / "host" / "config.json"
    values = json.loads(path.read_text())
    values |= {"backbone": "steps/small", "use_pretrained_backbone": True, "backbone_config": None}
    values["backbone_kwargs"] = {"out_indices": [0, 1]}
    path.write_text(json.dumps(values))
    again = AutoModel.from_pretrained(tmp_path / "host")
    assert all(torch.equal(one, again.state_dict()[name]) for name, one in model.state_dict().items())


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"backbone": "a", "backbone_config": {"model_type": "steps"}},
            "HostConfig: backbone is 'a', but must be null: backbone_config chooses one; give one of them.",
        ),
        (
            {"backbone_config": {"model_type": "steps"}, "use_pretrained_backbone": True},
            "use_pretrained_backbone is True, but must go with a name in backbone, and backbone_config says all.",
        ),
        (
            {"use_timm_backbone": True},
            "use_timm_backbone is True, but must go with a name in backbone, and there is no backbone.",
        ),
        ({"backbone_kwargs": {"a": 1}}, "backbone_kwargs is {'a': 1}, but must go with a name in backbone"),
        ({"backbone": ""}, "backbone must be a name, but is ''."),
        ({"backbone": 3}, "backbone must be a string or null, but is 3."),
        ({"backbone_config": "resnet50"}, "backbone_config must be a PreTrainedConfig, or its values as a mapping"),
        ({"use_pretrained_backbone": "yes"}, "use_pretrained_backbone must be true or false, but is 'yes'."),
    ],
)
def test_contradictions_are_refused(plugins, values, message):
    with pytest.raises(ConfigError) as caught:
        host_config(**values)
    assert message in str(caught.value)


def test_what_can_not_be_built(plugins, tmp_path):
    with pytest.raises(ConfigError, match="HostConfig chooses no backbone: give backbone_config, or a name"):
        built(host_config())
    with pytest.raises(ConfigError, match=r"StepsConfig: 'depths' is not a field of StepsConfig"):
        built(host_config(backbone="steps/small", backbone_kwargs={"depths": [1]}))
    with pytest.raises(UnknownTask, match="has no model for the task 'backbone'"):
        built(host_config(backbone_config={"model_type": "host"}))
    with pytest.raises(CheckpointNotFound, match=r"there is no folder './nowhere'"):
        built(host_config(backbone="./nowhere"))
    with pytest.raises(UnknownArchitecture, match=r"'timm_backbone'.*Run: pip install archsmith-timm"):
        built(host_config(backbone="resnet18", use_timm_backbone=True))
    with pytest.raises(ConfigError, match="load_backbone needs the configuration of a host, but got StepsConfig"):
        built(AutoConfig.for_model("steps"))


def test_a_backbone_that_is_none_is_a_broken_plugin(plugins):
    models = {"base": "toy_liar.all:StepsModel", "backbone": "toy_liar.all:StepsModel"}
    plugins.install("liar", manifest=manifest("toy_liar", "liar", "StepsConfig", models))
    plugins.write("toy_liar/all.py", BACKBONE.replace('model_type = "steps"', 'model_type = "liar"'))
    with pytest.raises(PluginBroken) as caught:
        built(host_config(backbone_config={"model_type": "liar"}))
    assert str(caught.value) == (
        "toy_liar.all.StepsModel is declared as the backbone of 'liar', but is no archsmith.backbone.Backbone. "
        "Its author must derive it from that class."
    )


def test_the_choice_round_trips_before_a_model_is_built(plugins, tmp_path):
    config = host_config(backbone="steps/small", use_pretrained_backbone=True, backbone_kwargs={"out_indices": [0]})
    config.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path) == config
    assert isinstance(config, BackboneHostConfig)
