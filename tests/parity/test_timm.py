"""Models of timm equal the reference's: feature maps, hidden states, scores, losses, gradients, and files."""

import pytest
import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor

import archsmith

from .support import Pair, assert_close, build

#: One model of each family, as small as timm has them, with the size of its images.
BACKBONES = {
    "test_byobnet": 64,
    "test_coatnet": 160,
    "test_convnext": 64,
    "test_efficientnet": 64,
    "test_mambaout": 64,
    "test_maxvit": 160,
    "test_nfnet": 64,
    "test_resnet": 64,
    "test_vit": 160,
    "test_vit2": 160,
    "test_vit_relpos": 160,
    "densenet121": 64,
    "efficientvit_b0": 64,
    "hrnet_w18_small": 64,
    "mobilenetv3_small_050": 64,
    "mobilevit_xxs": 64,
    "pit_ti_224": 224,
    "regnetx_002": 64,
    "repghostnet_050": 64,
    "swin_tiny_patch4_window7_224": 224,
}
#: Their channels come last, there.
CHANNELS_LAST = {"test_mambaout", "swin_tiny_patch4_window7_224"}
#: The reference has their hidden states too; of the others it gives none, or fails.
WITH_STATES = ["regnetx_002", "test_resnet"]
CHOICES = {
    "none": {},
    "the first": {"out_indices": [0]},
    "the last but one": {"out_indices": [-2]},
    "some": {"out_indices": [1, 2]},
    "from both ends": {"out_indices": [0, -1]},
    "all": {"out_indices": [0, 1, 2, 3, 4]},
}
OPTIONS = {
    "grey": {"num_channels": 1},
    "four channels": {"num_channels": 4},
    "frozen": {"freeze_batch_norm_2d": True, "out_indices": [1, 3]},
    "stride 8": {"output_stride": 8, "out_indices": [1, 2, 3, 4]},
    "stride 16": {"output_stride": 16},
}


def images(size: int = 64, channels: int = 3, batch: int = 2) -> Tensor:
    return torch.randn((batch, channels, size, size), generator=torch.Generator().manual_seed(5))


def theirs_as_ours(name: str, maps: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(features.permute(0, 3, 1, 2) for features in maps) if name in CHANNELS_LAST else tuple(maps)


def maps_of(pair: Pair, pixels: Tensor) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    found = []
    for model in (pair.ours, pair.theirs):
        torch.manual_seed(0)  # for dropout
        found.append(model(pixels).feature_maps)
    return found[0], theirs_as_ours(pair.ours.config.backbone, found[1])


def assert_same_maps(pair: Pair, pixels: Tensor) -> None:
    with torch.no_grad():
        ours, theirs = maps_of(pair, pixels)
        assert_close(ours, theirs, f"{pair.ours.config.backbone}: feature maps")
        assert_close(pair.ours(pixels, return_dict=False)[0], ours, "as a tuple")
    assert pair.ours.channels == [features.shape[1] for features in ours] == pair.theirs.channels
    stages = len(pair.theirs.stage_names)
    assert pair.ours.out_indices == [index % stages for index in pair.theirs.out_indices]


def assert_same_gradients(pair: Pair, pixels: Tensor) -> None:
    for maps in maps_of(Pair(pair.ours.train(), pair.theirs.train()), pixels):
        sum(
            (features * torch.linspace(-1, 1, features.numel()).view_as(features)).mean() for features in maps
        ).backward()
    theirs = dict(pair.theirs.named_parameters())
    for name, parameter in pair.ours.named_parameters():
        assert_close(parameter.grad, theirs[name].grad, f"{pair.ours.config.backbone}: gradient of {name}")


@pytest.mark.parametrize("name", BACKBONES)
def test_backbones(name):
    pair = build("TimmBackbone", {"backbone": name, "out_indices": [1, -1]})
    pixels = images(BACKBONES[name])
    assert_same_maps(pair, pixels)
    if pair.ours.num_parameters() < 10_000_000:
        assert_same_gradients(pair, pixels)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_mambaout", "test_resnet", "test_vit"])
@pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)
def test_choices_of_stages(name, choice):
    if name == "test_mambaout" and 4 in choice.get("out_indices", ()):
        choice = {"out_indices": [0, 1, 2, 3]}
    assert_same_maps(build("TimmBackbone", {"backbone": name, **choice}), images(160))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_options(options):
    pair = build("TimmBackbone", {"backbone": "resnet10t", **options})
    pixels = images(channels=options.get("num_channels", 3))
    assert_same_maps(pair, pixels)
    assert_same_gradients(pair, pixels)


@pytest.mark.parametrize("name", WITH_STATES)
@pytest.mark.parametrize("choice", [[1, 3], [-1]])
def test_hidden_states(name, choice):
    pair = build("TimmBackbone", {"backbone": name, "out_indices": choice})
    with torch.no_grad():
        outputs = [model(images(), output_hidden_states=True) for model in (pair.ours, pair.theirs)]
        assert_close(*(output.hidden_states for output in outputs), f"{name}: hidden states")
        assert_close(*(output.feature_maps for output in outputs), f"{name}: feature maps")
        tuples = [model(images(), output_hidden_states=True, return_dict=False) for model in (pair.ours, pair.theirs)]
        assert_close(*tuples, f"{name}: as a tuple")


@pytest.mark.parametrize("name", BACKBONES)
def test_hidden_states_are_the_feature_maps_of_all_stages(name):
    """Where the reference has no hidden states, the maps of its model with every stage stand for them."""
    pair = build("TimmBackbone", {"backbone": name})
    everything = {"backbone": name, "out_indices": list(range(len(pair.ours.stage_names)))}
    theirs = transformers.TimmBackbone(transformers.TimmBackboneConfig(**everything)).eval()
    theirs.load_state_dict(pair.theirs.state_dict())
    pixels = images(BACKBONES[name], batch=1)
    with torch.no_grad():
        states = pair.ours(pixels, output_hidden_states=True).hidden_states
        assert_close(states, theirs_as_ours(name, theirs(pixels).feature_maps), f"{name}: hidden states")


def test_batch_normalisation_freezes_and_thaws():
    pair = build("TimmBackbone", {"backbone": "test_resnet"})
    for change in ("freeze_batch_norm_2d", "unfreeze_batch_norm_2d"):
        for model in (pair.ours, pair.theirs):
            getattr(model, change)()
        assert_same_maps(pair, images())
        assert_same_gradients(pair, images())
        frozen = [module for module in pair.ours.modules() if "FrozenBatchNorm" in type(module).__name__]
        assert bool(frozen) is (change == "freeze_batch_norm_2d")
        assert pair.ours.state_dict().keys() == pair.theirs.state_dict().keys()


@pytest.mark.parametrize("values", [{"out_indices": [1, -1]}, {}, {"freeze_batch_norm_2d": True}])
@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_vit"])
def test_backbone_files(tmp_path, name, values):
    pair = build("TimmBackbone", {"backbone": name, **values})
    pixels = images(160)
    pair.theirs.save_pretrained(tmp_path / "theirs")
    ours = archsmith.AutoBackbone.from_pretrained(tmp_path / "theirs")
    report = ours.load_report
    assert (report.new, report.unused, report.ignored) == ((), (), ())
    assert_same_maps(Pair(ours, pair.theirs), pixels)
    ours.save_pretrained(tmp_path / "ours")
    # The reference cannot load a backbone from files by itself: its class takes the name for one of timm's.
    config = transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    theirs = transformers.TimmBackbone(config).eval()
    theirs.load_state_dict(load_file(tmp_path / "ours" / "model.safetensors"), strict=True)
    assert_same_maps(Pair(ours, theirs), pixels)
