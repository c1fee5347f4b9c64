"""ResNet equals the reference: outputs, hidden states, feature maps, losses, gradients and running statistics."""

import json
import warnings

import pytest
import torch
import transformers
from torch import Tensor, nn

import archsmith
from archsmith.errors import ArchsmithWarning

from .cases import ACTIVATIONS
from .support import Pair, assert_close, assert_forward, assert_gradients, assert_same_output, build

TINY = {"embedding_size": 6, "hidden_sizes": [8, 12, 20], "depths": [1, 2, 1], "num_labels": 3}
CLASSES = {"base": "ResNetModel", "classes": "ResNetForImageClassification", "backbone": "ResNetBackbone"}
BASIC = {"layer_type": "basic"}
CONFIGS = {
    "bottleneck": {},
    "basic": BASIC,
    "one stage": {"hidden_sizes": [8], "depths": [1]},
    "one basic stage": BASIC | {"hidden_sizes": [8], "depths": [1]},
    "five stages": {"hidden_sizes": [4, 8, 8, 16, 24], "depths": [1, 1, 2, 1, 1]},
    "deep": {"depths": [3, 1, 4]},
    "deep and basic": BASIC | {"depths": [2, 3, 1]},
    "narrow inside": {"hidden_sizes": [4, 5, 7]},
    "of one channel": BASIC | {"hidden_sizes": [1, 1, 1], "embedding_size": 1},
    "as wide as the stem": {"hidden_sizes": [6, 6, 6]},
    "basic and as wide as the stem": BASIC | {"hidden_sizes": [6, 6, 6]},
    "narrower": {"hidden_sizes": [20, 12, 8]},
    "the first stage halves": {"downsample_in_first_stage": True},
    "the first basic stage halves": BASIC | {"downsample_in_first_stage": True},
    "the first convolution halves": {"downsample_in_bottleneck": True},
    "both": {"downsample_in_first_stage": True, "downsample_in_bottleneck": True},
    "basic and no bottleneck": BASIC | {"downsample_in_bottleneck": True},
    "grey": {"num_channels": 1},
    "five channels": {"num_channels": 5},
    "all of it": BASIC | {"num_channels": 2, "hidden_act": "gelu", "downsample_in_first_stage": True},
    "numbers": {"problem_type": "regression", "num_labels": 1},
    "several labels": {"problem_type": "multi_label_classification"},
}
SIZES = [(32, 32), (33, 31), (1, 1), (2, 5), (7, 64), (65, 17)]


def pair_of(kind: str, values: dict) -> Pair:
    return build(CLASSES[kind], values, attention="eager")  # the reference has no other way for a ResNet


def images(values: dict, batch: int = 3, size: tuple[int, int] = (37, 50)) -> Tensor:
    shape = (batch, values.get("num_channels", 3), *size)
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def labelled(kind: str, values: dict) -> dict:
    """Return images, with the labels that a classifier takes."""
    inputs = {"pixel_values": images(values)}
    if kind == "classes":
        labels = {
            "regression": torch.tensor([0.5, -1.0, 2.0]),
            "multi_label_classification": torch.tensor([[0.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]),
        }
        inputs["labels"] = labels.get(values.get("problem_type"), torch.tensor([0, 2, 1]))
    return inputs


def assert_same_statistics(pair: Pair) -> None:
    """Assert that all buffers agree: running means and variances, and how many batches they have seen."""
    theirs = dict(pair.theirs.named_buffers())
    ours = dict(pair.ours.named_buffers())
    assert ours.keys() == theirs.keys()
    for name, buffer in ours.items():
        assert_close(buffer, theirs[name], f"buffer {name}")


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", CLASSES)
def test_configurations(kind, values):
    """In evaluation mode; then in training mode, with gradients, and once more with what the statistics have become."""
    values = TINY | values
    pair = pair_of(kind, values)
    inputs = labelled(kind, values)
    assert_forward(pair, inputs)
    assert_gradients(pair, inputs)
    assert_same_statistics(pair)
    assert_forward(pair, inputs)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    pair = pair_of("base", TINY | {"hidden_act": name})
    assert_forward(pair, {"pixel_values": images(TINY)})
    assert_gradients(pair, {"pixel_values": images(TINY)})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("layers", ["basic", "bottleneck"])
def test_sizes(layers, size):
    pair = pair_of("backbone", TINY | {"layer_type": layers, "out_indices": [0, 1, 2, 3]})
    inputs = {"pixel_values": images(TINY, size=size)}
    assert_forward(pair, inputs)
    assert_gradients(pair, inputs)
    assert_same_statistics(pair)


def test_several_steps_of_training():
    """An optimiser takes both to the same place: weights, statistics, losses."""
    pair = pair_of("classes", TINY)
    losses = {}
    for model in (pair.ours.train(), pair.theirs.train()):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
        torch.manual_seed(1)
        for _ in range(5):
            optimizer.zero_grad()
            loss = model(pixel_values=torch.randn(4, 3, 40, 40), labels=torch.tensor([0, 1, 2, 0])).loss
            loss.backward()
            optimizer.step()
            losses.setdefault(model, []).append(loss.detach())
    for one, other in zip(*losses.values(), strict=True):
        assert_close(one, other, "loss")
    assert_same_statistics(pair)
    assert pair.ours.resnet.embedder.embedder.normalization.num_batches_tracked == 5
    pair.ours.eval(), pair.theirs.eval()
    assert_forward(pair, {"pixel_values": images(TINY)})


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"out_features": ["stem"]},
        {"out_features": ["stage1", "stage3"]},
        {"out_indices": [0, 2]},
        {"out_indices": [-2, -1]},
        {"out_features": ["stem", "stage1", "stage2", "stage3"]},
    ],
)
def test_feature_maps(chosen):
    pair = pair_of("backbone", TINY | chosen)
    assert pair.ours.out_features == pair.theirs.out_features
    assert pair.ours.channels == pair.theirs.channels
    inputs = {"pixel_values": images(TINY)}
    assert_forward(pair, inputs)
    assert_gradients(pair, inputs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16, torch.bfloat16])
def test_pixels_of_other_types(dtype):
    """The reference takes the model's own type alone; ours brings pixels into it."""
    pair = pair_of("base", TINY)
    pixels = images(TINY).to(dtype)
    with torch.no_grad():
        assert_same_output(pair.ours(pixels), pair.theirs(pixels.float()))


# ---- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", CLASSES)
def test_what_the_reference_saves_loads_here(tmp_path, kind):
    pair = pair_of(kind, TINY)
    pair.theirs.save_pretrained(tmp_path)
    loaded = getattr(archsmith, CLASSES[kind]).from_pretrained(tmp_path)
    assert (loaded.load_report.new, loaded.load_report.unused) == ((), ())
    assert_same_statistics(Pair(loaded, pair.theirs))
    inputs = labelled(kind, TINY)
    with torch.no_grad():
        assert_same_output(loaded(**inputs), pair.theirs(**inputs))


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize("layers", ["basic", "bottleneck"])
def test_what_we_save_loads_in_the_reference(tmp_path, kind, layers):
    values = TINY | {"layer_type": layers, "num_channels": 2, "id2label": {0: "cat", 1: "dog", 2: "fish"}}
    values |= {"out_indices": [1, 3], "downsample_in_first_stage": True}
    del values["num_labels"]
    pair = pair_of(kind, values)
    pair.ours.save_pretrained(tmp_path)
    loaded, info = getattr(transformers, CLASSES[kind]).from_pretrained(tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    assert loaded.config.id2label == {0: "cat", 1: "dog", 2: "fish"}
    assert loaded.config.out_features == ["stage1", "stage3"]
    inputs = labelled(kind, values)
    with torch.no_grad():
        assert_same_output(pair.ours(**inputs), loaded.eval()(**inputs))


def test_a_backbone_takes_the_weights_of_a_classifier(tmp_path):
    pair = pair_of("classes", TINY)
    pair.theirs.save_pretrained(tmp_path)
    every = ["stem", "stage1", "stage2", "stage3"]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        ours = archsmith.AutoBackbone.from_pretrained(tmp_path, out_features=every)
    assert "not used by this model: classifier.1.bias, classifier.1.weight." in str(said[0].message)
    theirs = transformers.ResNetBackbone.from_pretrained(tmp_path, out_features=every)
    with torch.no_grad():
        inputs = {"pixel_values": images(TINY)}
        assert_same_output(ours(**inputs), theirs(**inputs))
        states = pair.theirs(**inputs, output_hidden_states=True).hidden_states
        assert_close(ours(**inputs).feature_maps, states, "feature maps")


def test_a_classifier_takes_the_weights_of_a_backbone(tmp_path):
    pair = pair_of("backbone", TINY)
    pair.theirs.save_pretrained(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        classifier = archsmith.AutoModelForImageClassification.from_pretrained(tmp_path)
    assert classifier.load_report.new == ("classifier.1.weight", "classifier.1.bias")
    with torch.no_grad():
        inputs = {"pixel_values": images(TINY)}
        found = classifier.resnet(**inputs).last_hidden_state
        assert_close(found, pair.theirs(**inputs).feature_maps[-1], "last hidden state")
    for name, buffer in pair.theirs.named_buffers():
        assert_close(classifier.get_buffer(f"resnet.{name}"), buffer, name)


def test_a_published_configuration(tmp_path):
    """config.json as the published checkpoints have it: without stages, with the names of version 4."""
    published = {
        "architectures": ["ResNetForImageClassification"],
        "depths": [2, 2, 2, 2],
        "downsample_in_first_stage": False,
        "embedding_size": 64,
        "hidden_act": "relu",
        "hidden_sizes": [64, 128, 256, 512],
        "id2label": {str(index): f"class {index}" for index in range(1000)},
        "label2id": {f"class {index}": index for index in range(1000)},
        "layer_type": "basic",
        "model_type": "resnet",
        "num_channels": 3,
        "torch_dtype": "float32",
        "transformers_version": "4.18.0.dev0",
    }
    (tmp_path / "config.json").write_text(json.dumps(published))
    config = archsmith.AutoConfig.from_pretrained(tmp_path)
    preset = archsmith.ResNetConfig(**archsmith.registry.registry.get("resnet").presets["microsoft/resnet-18"])
    theirs = transformers.ResNetConfig.from_pretrained(tmp_path)
    for name in ("depths", "hidden_sizes", "layer_type", "num_labels", "out_features", "out_indices", "stage_names"):
        assert getattr(config, name) == getattr(preset, name) == getattr(theirs, name), name


# ---- the comparison itself ------------------------------------------------------------------------------------


def other_statistics(model):
    model.base_model.encoder.stages[1].layers[0].layer[1].normalization.running_var[2] += 0.01


def other_momentum(model):
    model.base_model.embedder.embedder.normalization.momentum = 0.11


def other_epsilon(model):
    model.base_model.embedder.embedder.normalization.eps = 1e-3


def no_shortcut_activation(model):
    model.base_model.encoder.stages[0].layers[0].activation = nn.Identity()


@pytest.mark.parametrize("fault", [other_statistics, other_momentum, other_epsilon, no_shortcut_activation])
def test_a_fault_in_the_model_is_found(fault):
    pair = pair_of("classes", TINY)
    with torch.no_grad():
        fault(pair.ours)
    with pytest.raises(AssertionError):
        assert_forward(pair, labelled("classes", TINY))
        assert_gradients(pair, labelled("classes", TINY))
        assert_same_statistics(pair)


# ---- initial values -------------------------------------------------------------------------------------------


def test_initial_values():
    """Both sides draw from the same distributions."""
    values = TINY | {"hidden_sizes": [64, 128, 256], "embedding_size": 32, "num_labels": 50}
    ours = archsmith.ResNetForImageClassification(archsmith.ResNetConfig(**values))
    theirs = transformers.ResNetForImageClassification(transformers.ResNetConfig(**values))
    reference = theirs.state_dict()
    for name, tensor in ours.state_dict().items():
        other = reference[name]
        if "convolution" not in name and "classifier" not in name:
            assert torch.equal(tensor, other), name  # the identity, and statistics of nothing
            continue
        margin = 5 * other.std() / tensor.numel() ** 0.5
        assert abs(tensor.mean() - other.mean()) < 2 * margin, name
        assert abs(tensor.std() - other.std()) < margin, name
        # As far from the middle as the distribution goes: normal for convolutions, even for the classifier.
        assert (tensor.abs().max() > 2.5 * tensor.std()) == ("convolution" in name), name


def test_initial_values_keep_the_variance_of_gradients():
    """He et al. (arXiv:1502.01852), equation 14: the variance is 2 over the connections that leave."""
    model = archsmith.ResNetModel(archsmith.ResNetConfig(hidden_sizes=[64, 128], depths=[1, 1]))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            leaving = module.out_channels * module.kernel_size[0] ** 2
            count = module.weight.numel()
            assert abs(module.weight.std() / (2 / leaving) ** 0.5 - 1) < 5 / (2 * count) ** 0.5
