"""MaskFormer against the reference: every output, loss and gradient, over many configurations."""

import json

import numpy as np
import pytest
import torch
import transformers
from torch import nn

import archsmith
from archsmith_maskformer.losses import LossWeights, match_queries

from .support import Pair, assert_close, assert_same_output, scramble

SWIN = {
    "model_type": "swin",
    "depths": [1, 2, 1, 1],
    "embed_dim": 8,
    "num_heads": [1, 2, 2, 4],
    "window_size": 4,
    "image_size": 64,
}
DETR = {
    "model_type": "detr",
    "d_model": 16,
    "decoder_layers": 2,
    "decoder_attention_heads": 2,
    "num_queries": 6,
    "decoder_ffn_dim": 24,
}
TINY = {"fpn_feature_size": 32, "mask_feature_size": 12, "num_labels": 4}

#: Name → what differs from the above: in the Swin, in the decoder, in the rest.
CONFIGS = {
    "plain": ({}, {}, {}),
    "windows of three": ({"window_size": 3}, {}, {}),
    "windows of one": ({"window_size": 1}, {}, {}),
    "windows larger than the map": ({"window_size": 9}, {}, {}),
    "deep": ({"depths": [3, 2, 2, 3], "drop_path_rate": 0.5}, {}, {}),
    "many heads": ({"num_heads": [4, 8, 16, 32], "embed_dim": 16}, {}, {}),
    "small patches": ({"patch_size": 2}, {}, {}),
    "large patches": ({"patch_size": 7}, {}, {}),
    "no bias": ({"qkv_bias": False}, {}, {}),
    "narrow": ({"mlp_ratio": 1.3, "hidden_act": "relu"}, {}, {}),
    "tanh": ({"hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-2}, {}, {}),
    "one channel": ({"num_channels": 1}, {}, {}),
    "one layer": ({}, {"decoder_layers": 1}, {}),
    "five layers of four heads": ({}, {"decoder_layers": 5, "decoder_attention_heads": 4}, {}),
    "gelu": ({}, {"activation_function": "gelu", "decoder_ffn_dim": 7}, {}),
    "one query": ({}, {"num_queries": 1}, {}),
    "as wide as the features": ({}, {"d_model": 64}, {}),
    "wide": ({}, {"d_model": 36, "decoder_attention_heads": 3}, {"fpn_feature_size": 64, "mask_feature_size": 5}),
    "normalised after every layer": ({}, {"auxiliary_loss": True}, {}),
    "one class": ({}, {}, {"num_labels": 1}),
    "weights": ({}, {}, {"no_object_weight": 0.7, "dice_weight": 2.5, "cross_entropy_weight": 0.3, "mask_weight": 4.0}),
    "only classes": ({}, {}, {"dice_weight": 0.0, "mask_weight": 0.0}),
    "only masks": ({}, {}, {"cross_entropy_weight": 0.0, "no_object_weight": 0.0}),
}


def published(state):
    """Return the reference's tensors under the names of the published checkpoints; what it can compute is left out."""
    computed = ("relative_position_index", "criterion.empty_weight")
    rename = archsmith.MaskFormerModel.rename_key
    return {rename(key): value for key, value in state.items() if not key.endswith(computed)}


def pair_of(name="MaskFormerForInstanceSegmentation", values=TINY, *, options=None, **parts):
    """Build a model on both sides, with the same weights."""
    classes = [getattr(library, name) for library in (archsmith, transformers)]
    ours, theirs = (cls(cls.config_class(**{**values, **parts}), **(options or {})) for cls in classes)
    scramble(theirs)
    calm(theirs)
    ours.load_state_dict(published(theirs.state_dict()), strict=True)
    theirs.set_attn_implementation("eager")
    ours.set_attn_implementation("eager")
    return Pair(ours.eval(), theirs.eval())


@torch.no_grad()
def calm(model):
    """Keep masks, which are products of two large vectors, in the range in which a loss can still tell them apart."""
    for name, parameter in model.named_parameters():
        if "mask_embedder" in name or "mask_projection" in name:
            parameter.mul_(0.3)


def pair_for(name):
    swin, detr, rest = CONFIGS[name]
    return pair_of(values={**TINY, **rest}, backbone_config={**SWIN, **swin}, decoder_config={**DETR, **detr})


def images(height=70, width=50, channels=3, batch=2):
    return torch.randn(batch, channels, height, width, generator=torch.Generator().manual_seed(1))


def labels_for(pixels, classes, counts=(3, 2)):
    """Return masks and classes of some segments for each image."""
    generator = torch.Generator().manual_seed(2)
    size = pixels.shape[-2:]
    masks = [(torch.rand(count, *size, generator=generator) < 0.4).float() for count in counts]
    return masks, [torch.randint(classes, (count,), generator=generator) for count in counts]


def assert_gradients(pair, inputs, seed=None):
    losses = []
    for model in (pair.ours, pair.theirs):
        model.train()
        model.zero_grad(set_to_none=True)
        if seed is not None:
            torch.manual_seed(seed)
        loss = model(**inputs).loss
        loss.backward()
        losses.append(loss.detach())
        model.eval()
    assert_close(*losses, "loss")
    theirs = published({name: parameter.grad for name, parameter in pair.theirs.named_parameters()})
    for name, parameter in pair.ours.named_parameters():
        assert_close(parameter.grad, theirs[name], f"gradient of {name}")


def without_chance(name):
    """Switch all dropout of a configuration off: the reference draws its numbers in another order."""
    swin, detr, rest = CONFIGS[name]
    return pair_of(
        values={**TINY, **rest},
        backbone_config={**SWIN, **swin, "drop_path_rate": 0.0},
        decoder_config={**DETR, **detr, "dropout": 0.0},
    )


@pytest.mark.parametrize("name", CONFIGS)
def test_outputs_at_every_level(name):
    pair = pair_for(name)
    pixels = images(channels=CONFIGS[name][0].get("num_channels", 3))
    masks, classes = labels_for(pixels, pair.ours.config.num_labels)
    everything = {"output_hidden_states": True, "output_attentions": True}
    if name == "normalised after every layer":
        everything = {"output_attentions": True}  # the reference fails where it is asked for the states
    with torch.no_grad():
        for asked in ({}, everything):
            assert_same_output(pair.ours(pixels, **asked), pair.theirs(pixels, **asked), name)
        inputs = {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes, "pixel_mask": None}
        assert_same_output(pair.ours(**inputs), pair.theirs(**inputs), name)
        ours, theirs = (model(**inputs, return_dict=False) for model in (pair.ours, pair.theirs))
        assert_close(ours, theirs, "tuple")
    pair.ours.set_attn_implementation("sdpa")
    with torch.no_grad():
        assert_same_output(pair.ours(**inputs), pair.theirs(**inputs), name)


@pytest.mark.parametrize("name", CONFIGS)
def test_gradients(name):
    pair = without_chance(name)
    pixels = images(channels=CONFIGS[name][0].get("num_channels", 3))
    masks, classes = labels_for(pixels, pair.ours.config.num_labels)
    assert_gradients(pair, {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes})


@pytest.mark.parametrize(("height", "width"), [(64, 64), (33, 47), (4, 4), (1, 9), (129, 30), (32, 96)])
def test_images_of_any_size(height, width):
    pair, pixels = pair_for("plain"), images(height, width)
    mask = torch.ones(2, height, width, dtype=torch.long)
    mask[1, height // 2 :] = 0
    with torch.no_grad():
        for given in (None, mask):
            asked = {"pixel_mask": given, "output_hidden_states": True}
            assert_same_output(pair.ours(pixels, **asked), pair.theirs(pixels, **asked))


@pytest.mark.parametrize("counts", [(1, 0), (0, 0), (9, 2), (6, 6), (1, 1)])
def test_losses_for_any_number_of_segments(counts):
    pair, pixels = without_chance("plain"), images()
    masks, classes = labels_for(pixels, 4, counts)
    assert_gradients(pair, {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes})


def test_masks_of_several_sizes_and_types():
    pair, pixels = without_chance("plain"), images()
    masks, classes = labels_for(pixels, 4)
    masks[0] = masks[0][:, :40, :33]
    assert_gradients(pair, {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes})
    whole = pair.ours(pixels, masks, classes).loss
    integers = pair.ours(pixels, [each.bool() for each in masks], [each.int() for each in classes]).loss
    assert torch.equal(whole, integers)


@pytest.mark.parametrize("name", ["plain", "five layers of four heads", "one query"])
def test_auxiliary_predictions(name):
    swin, detr, rest = CONFIGS[name]
    values = {**TINY, **rest, "use_auxiliary_loss": True}
    pair = pair_of(
        values=values,
        backbone_config={**SWIN, **swin, "drop_path_rate": 0.0},
        decoder_config={**DETR, **detr, "dropout": 0.0},
    )
    pixels = images()
    masks, classes = labels_for(pixels, 4)
    inputs = {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes}
    asked = {**inputs, "output_hidden_states": True, "output_auxiliary_logits": True}  # it needs the states
    ours, theirs = pair.ours(**asked), pair.theirs(**asked)
    early, theirs_early = ours.auxiliary_logits, theirs.auxiliary_logits
    assert len(early) == len(theirs_early) == pair.ours.config.decoder_config.decoder_layers
    for mine, reference in zip(early, theirs_early, strict=True):
        assert mine.keys() == reference.keys()
        for kind in reference:
            assert_close(mine[kind], reference[kind], kind)
    assert_gradients(pair, {**inputs, "output_hidden_states": True})
    assert torch.equal(pair.ours(**inputs).loss, ours.loss)  # ours does not
    assert pair.ours(**inputs).hidden_states is None
    assert pair.ours(**inputs).auxiliary_logits is None


def test_random_drops_under_one_seed():
    """Swin draws its numbers in the reference's order; only the decoder must be without dropout."""
    swin = {**SWIN, "depths": [2, 2, 2, 2], "drop_path_rate": 0.6, "hidden_dropout_prob": 0.2}
    swin["attention_probs_dropout_prob"] = 0.1
    decoder = {**DETR, "dropout": 0.2, "attention_dropout": 0.1, "activation_dropout": 0.3}
    pair = pair_of(backbone_config=swin, decoder_config=decoder)
    pixels = images(batch=5)
    masks, classes = labels_for(pixels, 4, (3, 2, 1, 0, 2))
    inputs = {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes}
    assert_gradients(pair, inputs, seed=7)
    pair.ours.train()
    assert pair.ours(**inputs).loss != pair.ours(**inputs).loss


@pytest.mark.parametrize("seed", range(20))
def test_the_matching_is_the_references(seed):
    generator = torch.Generator().manual_seed(seed)
    queries, segments = torch.randint(1, 12, (2,), generator=generator).tolist()
    masks = 4 * torch.randn(queries, 9, 7, generator=generator)
    classes = 3 * torch.randn(queries, 6, generator=generator)
    targets = (torch.rand(segments, 18, 21, generator=generator) < 0.5).float()
    labels = torch.randint(5, (segments,), generator=generator)
    if seed % 5 == 4:
        masks[0] = float("nan")
    cost = {"cost_class": 1.0, "cost_mask": 20.0 - seed, "cost_dice": float(seed)}
    matcher = transformers.models.maskformer.modeling_maskformer.MaskFormerHungarianMatcher(**cost)
    theirs = matcher(masks[None], classes[None], [targets], [labels])[0]
    weights = LossWeights(cross_entropy=9.0, no_object=0.1, mask=cost["cost_mask"], dice=cost["cost_dice"])
    ours = match_queries(masks, classes, targets, labels, weights)
    assert [each.tolist() for each in ours] == [each.tolist() for each in theirs]


# ---- other backbones ------------------------------------------------------------------------------------------

RESNET = {
    "model_type": "resnet",
    "embedding_size": 8,
    "hidden_sizes": [8, 16, 24, 32],
    "depths": [1, 2, 1, 1],
    "layer_type": "basic",
}


@pytest.mark.parametrize("more", [{}, {"layer_type": "bottleneck", "downsample_in_bottleneck": True}])
@pytest.mark.parametrize("stages", [[3, 4], [1, 4], [1, 2, 4], [1, 2, 3, 4], [0, 2], [0, 1, 2, 3, 4]])
def test_resnet_as_the_backbone(stages, more):
    names = ["stem", "stage1", "stage2", "stage3", "stage4"]
    backbone = {**RESNET, **more, "out_features": [names[stage] for stage in stages]}
    pair = pair_of(backbone_config=backbone, decoder_config={**DETR, "dropout": 0.0})
    pixels = images()
    masks, classes = labels_for(pixels, 4)
    inputs = {"pixel_values": pixels, "mask_labels": masks, "class_labels": classes}
    with torch.no_grad():
        assert_same_output(
            pair.ours(**inputs, output_hidden_states=True), pair.theirs(**inputs, output_hidden_states=True)
        )
    assert_gradients(pair, inputs)


def test_resnet_with_one_map():
    """The reference fails here; what goes before the pixel decoder is compared."""
    pair = pair_of(backbone_config={**RESNET, "out_features": ["stage4"]}, decoder_config=DETR)
    with torch.no_grad(), pytest.raises(IndexError):
        pair.theirs(images())
    with torch.no_grad():
        output = pair.ours(images())
        features = pair.theirs.model.pixel_level_module.encoder(images()).feature_maps
        queries = pair.theirs.model.transformer_module(features[0])[0]
        decoder = pair.theirs.model.pixel_level_module.decoder
        pixels = decoder.mask_projection(decoder.fpn.stem(features[0]))
    assert_close(output.encoder_last_hidden_state, features[0], "features")
    assert_close(output.transformer_decoder_last_hidden_state, queries, "queries")
    assert_close(output.pixel_decoder_last_hidden_state, pixels, "pixels")


def test_resnet_in_files(tmp_path):
    pair = pair_of(backbone_config={**RESNET, "out_indices": [1, 2, 3, 4]}, decoder_config=DETR)
    pair.theirs.save_pretrained(tmp_path / "theirs")
    pair.ours.save_pretrained(tmp_path / "ours")
    here = archsmith.MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "theirs")
    there = transformers.MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "ours").eval()
    with torch.no_grad():
        expected = pair.theirs(images())
        assert_same_output(here(images()), expected)
        assert_same_output(there(images()), expected)


@pytest.mark.parametrize("stages", [[2, 4], [1, 2, 3, 4]])
def test_timm_as_the_backbone(stages, tmp_path):
    backbone = {"model_type": "timm_backbone", "backbone": "resnet10t", "out_indices": stages}
    pair = pair_of(backbone_config={**backbone, "use_pretrained_backbone": False}, decoder_config=DETR)
    pair.theirs.save_pretrained(tmp_path)
    here = archsmith.MaskFormerForInstanceSegmentation.from_pretrained(tmp_path)
    with torch.no_grad():
        expected = pair.theirs(images(), output_hidden_states=True)
        assert_same_output(pair.ours(images(), output_hidden_states=True), expected)
        assert_same_output(here(images(), output_hidden_states=True), expected)


# ---- the backbone alone ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("stages", [["stage1"], ["stage2", "stage4"], ["stage1", "stage2", "stage3", "stage4"], None])
def test_swin_as_a_backbone(stages):
    values = {**SWIN, "out_features": stages}
    del values["model_type"]
    pair = pair_of("MaskFormerSwinBackbone", values)
    assert pair.ours.channels == pair.theirs.channels
    with torch.no_grad():
        ours, theirs = (model(images(), output_hidden_states=True) for model in (pair.ours, pair.theirs))
        assert_same_output(ours, theirs)
        assert_close(pair.ours(images(), return_dict=False)[0], theirs.feature_maps, "tuple")


@pytest.mark.parametrize("pools", [True, False])
def test_swin_alone(pools):
    values = {**SWIN, "depths": [2, 1], "num_heads": [1, 2]}
    del values["model_type"]
    classes = [library.MaskFormerSwinModel for library in (archsmith, transformers)]
    ours, theirs = (cls(cls.config_class(**values), add_pooling_layer=pools).eval() for cls in classes)
    scramble(theirs)
    ours.load_state_dict(published(theirs.state_dict()), strict=True)
    with torch.no_grad():
        mine, reference = (model(images(), output_hidden_states=True) for model in (ours, theirs))
    assert mine.hidden_states_spatial_dimensions == reference.hidden_states_spatial_dimensions
    shapes = "hidden_states_spatial_dimensions"
    assert [name for name in mine if name != shapes] == [
        name for name in reference if name != shapes and reference[name] is not None
    ]
    for name in mine:
        if name != shapes:
            assert_close(mine[name], reference[name], name)


# ---- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plain", "windows of three", "no bias", "as wide as the features"])
def test_files_go_both_ways(name, tmp_path):
    pair = pair_for(name)
    pixels = images()
    pair.theirs.save_pretrained(tmp_path / "theirs")
    pair.ours.save_pretrained(tmp_path / "ours")
    here = archsmith.MaskFormerForInstanceSegmentation.from_pretrained(tmp_path / "theirs")
    there, info = transformers.MaskFormerForInstanceSegmentation.from_pretrained(
        tmp_path / "ours", output_loading_info=True
    )
    missing = {key.rpartition(".")[2] for key in info["missing_keys"]}
    assert missing == {"relative_position_index", "empty_weight"}  # which it computes
    assert not info["unexpected_keys"]
    assert set(here.load_report.ignored) == {
        key for key in pair.theirs.state_dict() if key.endswith(("relative_position_index", "empty_weight"))
    }
    masks, classes = labels_for(pixels, 4)
    with torch.no_grad():
        expected = pair.theirs(pixels, masks, classes)
        assert_same_output(here(pixels, masks, classes), expected, "theirs, here: ")
        assert_same_output(there.eval()(pixels, masks, classes), expected, "ours, there: ")
    with pytest.warns(archsmith.errors.ArchsmithWarning, match="not used by this model: class_predictor.bias"):
        base = archsmith.MaskFormerModel.from_pretrained(tmp_path / "theirs")
    assert_close(base(pixels)[2], expected.transformer_decoder_last_hidden_state, "queries")


def test_configurations_go_both_ways(tmp_path):
    values = {**TINY, "mask_weight": 3.0, "use_auxiliary_loss": True, "init_std": 0.1, "output_auxiliary_logits": True}
    parts = {"backbone_config": SWIN, "decoder_config": {**DETR, "encoder_layers": 3, "encoder_attention_heads": 4}}
    ours, theirs = (library.MaskFormerConfig(**values, **parts) for library in (archsmith, transformers))
    ours.save_pretrained(tmp_path / "ours")
    theirs.save_pretrained(tmp_path / "theirs")
    there = transformers.MaskFormerConfig.from_pretrained(tmp_path / "ours")
    here = archsmith.MaskFormerConfig.from_pretrained(tmp_path / "theirs")
    for name in (*values, "num_attention_heads", "num_hidden_layers", "hidden_size"):
        assert getattr(there, name) == getattr(theirs, name) == getattr(here, name) == getattr(ours, name), name
    for part, given in parts.items():
        for name, value in given.items():
            for config in (there, theirs, here, ours):
                assert getattr(getattr(config, part), name) == value, (part, name)
    assert json.loads((tmp_path / "ours" / "config.json").read_text())["num_hidden_layers"] == 3


def test_defaults_are_the_references():
    ours, theirs = archsmith.MaskFormerConfig(), transformers.MaskFormerConfig()
    bookkeeping = {"transformers_version", "model_type", "architectures", "_name_or_path"}
    for name, value in theirs.to_diff_dict().items():
        if name not in bookkeeping and not name.endswith("_config"):
            assert getattr(ours, name) == value, name
    ours_swin, theirs_swin = archsmith.MaskFormerSwinConfig(), transformers.MaskFormerSwinConfig()
    for name in ("decoder_config", "backbone_config"):
        mine, reference = getattr(ours, name), getattr(theirs, name)
        for field in type(mine).__annotations__:
            assert getattr(mine, field) == getattr(reference, field), (name, field)
    for field in archsmith.MaskFormerSwinConfig.__annotations__:
        theirs_value = getattr(theirs_swin, field)
        assert getattr(ours_swin, field) == (list(theirs_value) if isinstance(theirs_value, tuple) else theirs_value)
    assert ours_swin.out_features == theirs_swin.out_features


def test_initial_values_are_the_references():
    values = {**TINY, "init_std": 0.02, "mask_feature_size": 64, "fpn_feature_size": 64}
    parts = {"backbone_config": {**SWIN, "embed_dim": 32}, "decoder_config": {**DETR, "d_model": 64, "num_queries": 50}}
    ours, theirs = (
        library.MaskFormerForInstanceSegmentation(library.MaskFormerConfig(**values, **parts))
        for library in (archsmith, transformers)
    )
    reference = published(theirs.state_dict())
    assert ours.state_dict().keys() == reference.keys()
    for name, value in ours.state_dict().items():
        expected = reference[name]
        if name.endswith("queries_embedder.weight"):
            assert value.std().item() == pytest.approx(1.0, rel=0.1)  # as DETR's own; the reference's are near zero
        elif expected.unique().numel() == 1:
            assert torch.equal(value, expected), name
        else:
            margin = 6 * (2 * value.numel()) ** -0.5
            assert value.std().item() == pytest.approx(expected.std().item(), rel=max(margin, 0.02)), name
    norms = [module for module in ours.modules() if isinstance(module, nn.GroupNorm)]
    assert len(norms) == 7
    assert np.isfinite(sum(value.sum().item() for value in ours.state_dict().values()))
