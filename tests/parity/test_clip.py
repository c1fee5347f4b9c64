"""A stranger's CLIP computes what the reference computes, from the same files, and prepares the same inputs."""

import copy
import json

import numpy as np
import pytest
import torch
from tests.third_party.strangers import installed

import archsmith

from .oracle import transformers
from .support import (
    assert_close,
    assert_forward,
    assert_gradients,
    deviation,
    ids,
    our_names,
    ragged,
    scramble,
)
from .support import build as build_plain

TEXT = {
    "vocab_size": 60, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": 13, "projection_dim": 6, "bos_token_id": 58, "eos_token_id": 59,
}  # fmt: skip
VISION = {
    "hidden_size": 12, "intermediate_size": 18, "num_hidden_layers": 3, "num_attention_heads": 2, "image_size": 12,
    "patch_size": 4, "projection_dim": 6,
}  # fmt: skip
TEXTS = [
    TEXT,
    {**TEXT, "eos_token_id": 2, "hidden_act": "gelu", "layer_norm_eps": 0.1},
    {**TEXT, "hidden_act": "relu", "num_attention_heads": 1, "num_hidden_layers": 1, "pad_token_id": 0},
]
VISIONS = [
    VISION,
    {**VISION, "hidden_act": "gelu_new", "image_size": 14, "num_channels": 1, "layer_norm_eps": 0.01},
    {**VISION, "patch_size": 12, "num_attention_heads": 3},
]
WHOLES = [
    {"text_config": text, "vision_config": vision, "projection_dim": width, "logit_scale_init_value": scale}
    for text, vision, width, scale in zip(TEXTS, VISIONS, (6, 5, 9), (2.6592, 0.0, 1.5), strict=True)
]


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("metadata"), "clip"):
        yield


def build(name, values, attention="sdpa"):
    return build_plain(name, values, attention=attention)


def texts(values, batch=3):
    """Return ids whose ends lie at different places, and the mask up to each end."""
    mask = ragged(batch)
    end = values["vocab_size"] - 1
    found = ids(end, batch).clamp(min=3).scatter(1, mask.sum(1, keepdim=True) - 1, end)
    return {"input_ids": found, "attention_mask": mask}


def pixels(values, batch=2, **size):
    height, width = size.get("height", values["image_size"]), size.get("width", values["image_size"])
    generator = torch.Generator().manual_seed(4)
    return torch.randn(batch, values.get("num_channels", 3), height, width, generator=generator)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("values", TEXTS)
@pytest.mark.parametrize("name", ["CLIPTextModel", "CLIPTextModelWithProjection"])
def test_texts(name, values, attention):
    pair, inputs = build(name, values, attention), texts(values)
    assert_forward(pair, inputs)
    assert_forward(pair, {"input_ids": inputs["input_ids"]})
    assert_forward(pair, {**inputs, "position_ids": torch.arange(11).flip(0)[None]})
    assert_gradients(pair, inputs)


def test_a_text_without_its_end_counts_as_its_first_token_and_it_is_said():
    pair, inputs = build("CLIPTextModel", TEXT), {"input_ids": ids(50)}
    with pytest.warns(archsmith.ArchsmithWarning, match="a text does not hold the token 59"):
        assert_forward(pair, inputs)


def test_an_end_outside_of_the_vocabulary():
    pair = build("CLIPTextModel", {**TEXT, "eos_token_id": 49407})
    with pytest.warns(archsmith.ArchsmithWarning, match="49407"):
        assert_forward(pair, texts(TEXT))


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("values", VISIONS)
@pytest.mark.parametrize("name", ["CLIPVisionModel", "CLIPVisionModelWithProjection"])
def test_images(name, values, attention):
    pair = build(name, values, attention)
    assert_forward(pair, {"pixel_values": pixels(values)})
    assert_gradients(pair, {"pixel_values": pixels(values)})
    for height, width in ((12, 20), (25, 13), (40, 40)):
        found = pixels(values, height=height, width=width)
        assert_forward(pair, {"pixel_values": found, "interpolate_pos_encoding": True})


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("values", WHOLES)
def test_texts_beside_images(values, attention):
    pair = build("CLIPModel", values, attention)
    inputs = {**texts(values["text_config"]), "pixel_values": pixels(values["vision_config"])}
    asked = {"output_hidden_states": True, "output_attentions": attention == "eager"}
    with torch.no_grad():
        ours, theirs = pair.ours(**inputs, **asked), pair.theirs(**inputs, **asked)
        tuples = [model(**inputs, return_dict=False) for model in (pair.ours, pair.theirs)]
    assert list(ours) == list(theirs)
    for name in ("logits_per_image", "logits_per_text", "text_embeds", "image_embeds"):
        assert_close(ours[name], theirs[name], name)
    for name in ("text_model_output", "vision_model_output"):
        for key, value in theirs[name].items():
            if value is not None and (not isinstance(value, tuple) or value):
                assert_close(ours[name][key], value, f"{name}.{key}")
    assert len(tuples[0]) == len(tuples[1])
    for place in range(4):
        assert_close(tuples[0][place], tuples[1][place], f"tuple[{place}]")


@pytest.mark.parametrize("values", WHOLES)
def test_the_loss_and_its_gradients(values):
    pair = build("CLIPModel", values)
    inputs = {
        **texts(values["text_config"], 3),
        "pixel_values": pixels(values["vision_config"], 3),
        "return_loss": True,
    }
    with torch.no_grad():
        assert_close(pair.ours(**inputs).loss, pair.theirs(**inputs).loss, "loss")
    assert_gradients(pair, inputs)
    pair.ours.gradient_checkpointing_enable()
    assert_gradients(pair, inputs)


def test_features_of_texts_and_of_images():
    pair, values = build("CLIPModel", WHOLES[0]), WHOLES[0]
    inputs = texts(values["text_config"])
    with torch.no_grad():
        for ours, theirs in (
            (pair.ours.get_text_features(**inputs), pair.theirs.get_text_features(**inputs)),
            (
                pair.ours.get_image_features(pixels(VISION)),
                pair.theirs.get_image_features(pixels(VISION)),
            ),
        ):
            assert_close(ours.pooler_output, theirs.pooler_output, "features")
            assert_close(ours.last_hidden_state, theirs.last_hidden_state, "states")


@pytest.mark.parametrize("values", [WHOLES[0], {**WHOLES[1], "num_labels": 1}, {**WHOLES[2], "num_labels": 5}])
def test_classes_of_images(values):
    pair = build("CLIPForImageClassification", values)
    inputs = {"pixel_values": pixels(values["vision_config"])}
    assert_forward(pair, inputs)
    labels = torch.tensor([0.5, -1.0]) if values.get("num_labels") == 1 else torch.tensor([0, 1])
    with torch.no_grad():
        assert_close(pair.ours(**inputs, labels=labels).loss, pair.theirs(**inputs, labels=labels).loss, "loss")


ALL = [
    ("CLIPModel", WHOLES[1]),
    ("CLIPForImageClassification", WHOLES[1]),
    ("CLIPTextModel", TEXTS[1]),
    ("CLIPTextModelWithProjection", TEXTS[1]),
    ("CLIPVisionModel", VISIONS[1]),
    ("CLIPVisionModelWithProjection", VISIONS[1]),
]


@pytest.mark.parametrize(("name", "values"), ALL)
def test_files_both_ways(name, values, tmp_path):
    pair = build(name, values)
    pair.theirs.save_pretrained(tmp_path / "theirs")
    pair.ours.save_pretrained(tmp_path / "ours")
    ours = getattr(archsmith, name).from_pretrained(tmp_path / "theirs")
    theirs, said = getattr(transformers, name).from_pretrained(tmp_path / "ours", output_loading_info=True)
    assert not any(said[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert (ours.load_report.new, ours.load_report.unused) == ((), ())
    for loaded in (ours, theirs):
        state, expected = loaded.state_dict(), pair.theirs.state_dict()
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[key], expected[key]) for key in expected)
    kept, written = pair.theirs.config.to_dict(), theirs.config.to_dict()
    for key, value in kept.items():
        if isinstance(value, dict) and key.endswith("_config"):
            found = written[key]
            differing = {name for name in value if found.get(name) != value[name]} - {"dtype", "_name_or_path"}
            assert differing == set(), key
        elif key != "_name_or_path":
            assert written[key] == value, key


def test_files_of_older_versions(tmp_path):
    """With the prefix that a half had, the positions among the weights, and halves told twice in config.json."""
    from safetensors.torch import load_file, save_file

    pair = build("CLIPTextModel", TEXT)
    pair.theirs.save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    older = {f"text_model.{name}": tensor for name, tensor in weights.items()}
    older["text_model.embeddings.position_ids"] = torch.arange(13)[None]
    save_file(older, tmp_path / "model.safetensors", metadata={"format": "pt"})
    loaded = archsmith.CLIPTextModel.from_pretrained(tmp_path)
    assert loaded.load_report.ignored == ("text_model.embeddings.position_ids",)
    with torch.no_grad():
        assert_close(loaded(**texts(TEXT))[0], pair.theirs(**texts(TEXT))[0], "older file")
    values = {
        "text_config": {**TEXT, "hidden_size": 8},
        "text_config_dict": {"hidden_size": 16, "num_hidden_layers": 1},
    }
    theirs = transformers.CLIPConfig.from_dict(copy.deepcopy(values))  # which changes them
    with pytest.warns(archsmith.ArchsmithWarning, match="differ in hidden_size, num_hidden_layers; text_config_dict"):
        ours = archsmith.CLIPConfig.from_dict(values)
    for name in ("hidden_size", "num_hidden_layers", "vocab_size", "eos_token_id"):
        assert getattr(ours.text_config, name) == getattr(theirs.text_config, name)


def test_initial_values_have_the_reference_s_spread():
    wide = {
        "text_config": {**TEXT, "hidden_size": 64, "intermediate_size": 256, "initializer_factor": 0.5},
        "vision_config": {**VISION, "hidden_size": 96, "intermediate_size": 300, "num_attention_heads": 4},
        "projection_dim": 80,
        "initializer_factor": 2.0,
    }
    torch.manual_seed(0)
    ours = archsmith.CLIPModel(archsmith.CLIPConfig(**wide))
    theirs = transformers.CLIPModel(transformers.CLIPConfig(**wide))
    for name, parameter in our_names(ours, dict(theirs.named_parameters())).items():
        mine = ours.get_parameter(name)
        if parameter.numel() > 90 and parameter.std() > 0:
            assert abs(mine.std() / parameter.std() - 1) < (0.35 if parameter.numel() < 500 else 0.12), name
        else:
            assert abs(mine - parameter).max() <= 1e-6, name


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """The files of a small tokenizer: every byte, and words that are joined of them."""
    from tokenizers import pre_tokenizers

    folder = tmp_path_factory.mktemp("vocabulary")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("l", "o"), ("lo", "w</w>"), ("e", "r</w>"), ("n", "e"), ("ne", "w</w>"), ("t", "h"), ("th", "e</w>")]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *map("".join, merges)]
    numbers = {token: number for number, token in enumerate([*tokens, "<|startoftext|>", "<|endoftext|>"])}
    (folder / "vocab.json").write_text(json.dumps(numbers))
    lines = "".join(f"{first} {second}\n" for first, second in merges)
    (folder / "merges.txt").write_text(f"#version: 0.2\n{lines}")
    return folder


SAID = [
    "the LOWER  new é\n 12th! don't we'll",
    "",
    "a<|endoftext|>b <|startoftext|>",
    "ＦＵＬＬ e\u0301 ﬁ İ ß",
    "emoji 😀  <unk> x_y </w> \u200b tab\there",
    "it's THE's 'S 're",
    "low" * 30,
]


def test_tokens(vocabulary, tmp_path):
    theirs = transformers.CLIPTokenizer.from_pretrained(vocabulary)
    theirs.save_pretrained(tmp_path / "theirs")
    plain = archsmith.CLIPTokenizerFast(vocabulary / "vocab.json", vocabulary / "merges.txt")
    plain.save_pretrained(tmp_path / "ours")
    kinds = [plain, archsmith.AutoTokenizer.from_pretrained(tmp_path / "theirs")]
    kinds.append(archsmith.CLIPTokenizerFast.from_pretrained(vocabulary))
    again = transformers.AutoTokenizer.from_pretrained(tmp_path / "ours")
    assert type(again) is transformers.CLIPTokenizer
    for ours in kinds:
        assert type(ours).__module__ == "acme_clip.tokenizer"
        for text in SAID:
            expected = theirs(text).input_ids
            assert ours(text).input_ids == expected == again(text).input_ids, text
            for skip in (False, True):
                found = ours.decode(expected, skip_special_tokens=skip)
                assert found == theirs.decode(expected, skip_special_tokens=skip), text
        options = {"padding": "max_length", "max_length": 9, "truncation": True}
        for asked in ({"padding": True}, options, {**options, "add_special_tokens": False}):
            mine, reference = ours(SAID, **asked), theirs(SAID, **asked)
            assert mine["input_ids"] == reference["input_ids"]
            assert mine["attention_mask"] == reference["attention_mask"]
        assert ours(SAID[0], SAID[5]).input_ids == theirs(SAID[0], SAID[5]).input_ids
        names = ("bos_token", "eos_token", "unk_token", "pad_token")
        assert [getattr(ours, name) for name in names] == [getattr(theirs, name) for name in names]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"size": {"shortest_edge": 20}, "crop_size": {"height": 16, "width": 18}},
        {"size": {"height": 20, "width": 30}, "crop_size": {"height": 40, "width": 40}},
        {"do_center_crop": False, "size": {"height": 9, "width": 7}, "resample": 2},
        {"do_resize": False, "do_normalize": False, "crop_size": {"height": 10, "width": 10}},
    ],
)
def test_pixels(settings, tmp_path):
    theirs = transformers.CLIPImageProcessorPil(**settings)
    theirs.save_pretrained(tmp_path)
    ours = archsmith.AutoImageProcessor.from_pretrained(tmp_path)
    for height, width in ((30, 45), (51, 29), (33, 33)):
        image = np.random.default_rng(height).integers(0, 256, (height, width, 3), np.uint8)
        found, expected = (each(image, return_tensors="pt").pixel_values for each in (ours, theirs))
        assert found.shape == expected.shape
        assert deviation(found, expected) <= 1e-6


def test_a_processor_both_ways(vocabulary, tmp_path):
    tokenizer = transformers.CLIPTokenizer.from_pretrained(vocabulary)
    theirs = transformers.CLIPProcessor(image_processor=transformers.CLIPImageProcessorPil(), tokenizer=tokenizer)
    theirs.save_pretrained(tmp_path / "theirs")
    ours = archsmith.AutoProcessor.from_pretrained(tmp_path / "theirs")
    assert type(ours).__module__ == "acme_clip.preprocessing"
    ours.save_pretrained(tmp_path / "ours")
    again = transformers.CLIPProcessor.from_pretrained(tmp_path / "ours")
    image = np.random.default_rng(0).integers(0, 256, (30, 45, 3), np.uint8)
    asked = {"text": ["the new", "low"], "images": [image, image], "return_tensors": "pt", "padding": True}
    expected = theirs(**asked)
    for processor in (ours, again):
        found = processor(**asked)
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert deviation(torch.as_tensor(found[name]), value) <= (1e-6 if processor is ours else 0.02), name


def test_scores_from_a_whole_checkpoint(vocabulary, tmp_path):
    """All files of one folder, as a user has them: text and image in, probabilities out."""
    values = {**WHOLES[0], "text_config": {**TEXT, "vocab_size": 521, "eos_token_id": 520}}
    theirs = transformers.CLIPModel(transformers.CLIPConfig(**values)).eval()
    scramble(theirs)
    theirs.save_pretrained(tmp_path)
    size = {"size": {"shortest_edge": 12}, "crop_size": {"height": 12, "width": 12}}
    processor = transformers.CLIPProcessor(
        image_processor=transformers.CLIPImageProcessorPil(**size),
        tokenizer=transformers.CLIPTokenizer.from_pretrained(vocabulary),
    )
    processor.save_pretrained(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (30, 45, 3), np.uint8)
    asked = {"text": ["the new", "low"], "images": image, "return_tensors": "pt", "padding": True}
    ours = archsmith.AutoModelForZeroShotImageClassification.from_pretrained(tmp_path)
    with torch.no_grad():
        found = ours(**archsmith.AutoProcessor.from_pretrained(tmp_path)(**asked)).logits_per_image
        expected = theirs(**processor(**asked)).logits_per_image
    assert_close(found.softmax(1), expected.softmax(1), "probabilities")
