"""A stranger's CLIP, written from the documentation alone: it conforms, and refuses what cannot be."""

import json

import pytest
import torch

import archsmith
from archsmith.errors import CheckpointCorrupt, ConfigError, InputError, OptionError, WeightsMismatch
from archsmith_devkit import assert_conforms

from .strangers import installed

TEXT = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 16, "projection_dim": 6, "bos_token_id": 48, "eos_token_id": 49,
}  # fmt: skip
VISION = {
    "hidden_size": 12, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16,
    "patch_size": 4, "projection_dim": 6,
}  # fmt: skip
WHOLE = {"text_config": TEXT, "vision_config": VISION, "projection_dim": 6}


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("metadata"), "clip"):
        yield


@pytest.fixture
def model():
    torch.manual_seed(0)
    return archsmith.CLIPModel(archsmith.CLIPConfig(**WHOLE)).eval()


def test_it_conforms():
    assert_conforms("acme-clip")


def test_the_preset_has_the_published_size():
    """151.3 million parameters, as openai/clip-vit-base-patch32 has them."""
    with torch.device("meta"):
        model = archsmith.AutoModel.from_config(archsmith.AutoConfig.for_model("clip"))
    assert model.num_parameters() == 151_277_313


def test_the_whole_is_built_of_its_halves():
    text, vision = archsmith.CLIPTextConfig(**TEXT), archsmith.CLIPVisionConfig(**VISION)
    config = archsmith.CLIPConfig(text_config=text, vision_config=vision, projection_dim=6)
    assert config == archsmith.CLIPConfig(**WHOLE)
    assert archsmith.CLIPConfig.from_dict(json.loads(config.to_json_string())) == config
    assert archsmith.CLIPConfig().text_config == archsmith.CLIPTextConfig()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"text_config": {**TEXT, "hidden_size": 15}}, "text_config.hidden_size is 15, but must be divisible by"),
        ({"text_config": {"vocab_size": 0}}, "text_config.vocab_size must be an integer from 1"),
        ({"text_config": {"model_type": "clip_vision_model"}}, "text_config.model_type must be 'clip_text_model'"),
        ({"vision_config": 3}, "vision_config must be a CLIPVisionConfig, or its values as a mapping"),
        ({"text_config": archsmith.PreTrainedConfig}, "text_config must be a CLIPTextConfig"),
        ({"vision_config": {"patch_size": 300}}, "vision_config.patch_size is 300, but must be at most image_size 224"),
        ({"logit_scale_init_value": float("nan")}, "logit_scale_init_value must be finite"),
    ],
)
def test_a_configuration_that_cannot_be(values, said):
    with pytest.raises(ConfigError) as caught:
        archsmith.CLIPConfig(**values)
    assert said in str(caught.value)


def test_inputs_that_cannot_be(model):
    ids, pixels = torch.full((2, 5), 49), torch.zeros(3, 3, 16, 16)
    with pytest.raises(
        InputError, match="return_loss needs the text of each image, but there are 2 texts and 3 images"
    ):
        model(ids, pixels, return_loss=True)
    with pytest.raises(
        InputError, match=r"the images are 16 x 20 pixels \(height x width\), but the model takes 16 x 16"
    ):
        model(ids, torch.zeros(2, 3, 16, 20))
    with pytest.raises(InputError, match="position_ids must be from 0 to 15, but hold 16"):
        model(ids, pixels, position_ids=torch.full((1, 5), 16))
    with pytest.raises(InputError, match="the input has 17 tokens, but the model has positions for 16"):
        model(torch.full((2, 17), 49), pixels)
    with pytest.raises(InputError, match="input_ids must be from 0 to 49, but hold 50"):
        model(ids + 1, pixels)


def test_half_of_the_whole_in_a_file_is_refused(model, tmp_path):
    model.text_model.save_pretrained(tmp_path)
    values = json.loads((tmp_path / "config.json").read_text())
    whole = {**model.config.to_file_dict(), "save_id": values.get("save_id")}
    (tmp_path / "config.json").write_text(
        json.dumps({name: value for name, value in whole.items() if value is not None})
    )
    with pytest.raises(WeightsMismatch):
        archsmith.CLIPModel.from_pretrained(tmp_path)


def test_a_half_alone(model, tmp_path):
    """A half keeps its own files, and its projection is a new head where there was none."""
    model.text_model.save_pretrained(tmp_path)
    again = archsmith.AutoModel.from_pretrained(tmp_path)
    assert type(again) is archsmith.CLIPTextModel
    ids = torch.tensor([[48, 5, 49, 0]])
    assert torch.equal(again(ids).pooler_output, model.text_model(ids).pooler_output)
    with pytest.warns(archsmith.ArchsmithWarning, match="text_projection.weight"):
        projected = archsmith.CLIPTextModelWithProjection.from_pretrained(tmp_path)
    assert projected.load_report.new == ("text_projection.weight",)


def test_the_whole_pruned_and_resized_halves(model, tmp_path):
    text = archsmith.CLIPTextModel(model.config.text_config).eval()
    text.prune_heads({0: [1]})
    text.resize_token_embeddings(55)
    text.save_pretrained(tmp_path)
    again = archsmith.CLIPTextModel.from_pretrained(tmp_path)
    assert (again.config.vocab_size, again.config.pruned_heads) == (55, {0: [1]})
    ids = torch.tensor([[48, 54, 49, 0]])
    assert torch.equal(again(ids)[0], text(ids)[0])
    assert model.config.text_config.vocab_size == 50  # that of another model


def files(folder, *, merges="l o\nlo w</w>\n", tokens=(), cut=()):
    from tokenizers import pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    known = [
        *letters,
        *(f"{each}</w>" for each in letters),
        "lo",
        "low</w>",
        "<|startoftext|>",
        "<|endoftext|>",
        *tokens,
    ]
    known = [each for each in known if each not in cut]
    (folder / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(known)}))
    (folder / "merges.txt").write_text(f"#version: 0.2\n{merges}")
    return folder / "vocab.json", folder / "merges.txt"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"merges": "l o\nlow\n"}, "line 3: expected two tokens with a space between, but it is 'low'"),
        ({"merges": "l o\nl  o\n"}, "line 3: expected two tokens with a space between, but it is 'l  o'"),
        ({"merges": "l o\nx yz\n"}, "and the merges do not fit each other"),
        ({"cut": ["<|endoftext|>"]}, "has no token '<|endoftext|>', the unk_token. Say which one it is: unk_token=…."),
    ],
)
def test_files_of_a_tokenizer_that_cannot_be(options, said, tmp_path):
    with pytest.raises(CheckpointCorrupt) as caught:
        archsmith.CLIPTokenizerFast(*files(tmp_path, **options))
    assert said in str(caught.value)


def test_one_file_of_a_tokenizer_without_the_other(tmp_path):
    vocabulary, merges = files(tmp_path)
    with pytest.raises(OptionError, match="needs vocab_file and merges_file together; pass merges_file=… too"):
        archsmith.CLIPTokenizerFast(vocabulary)
    (tmp_path / "tokenizer_config.json").write_text('{"tokenizer_class": "CLIPTokenizer"}')
    assert archsmith.AutoTokenizer.from_pretrained(tmp_path)("low").input_ids == [514, 513, 515]
    merges.unlink()
    with pytest.raises(archsmith.ArchsmithError, match=r"merges.txt"):
        archsmith.AutoTokenizer.from_pretrained(tmp_path)


def test_other_special_tokens(tmp_path):
    paths = files(tmp_path, tokens=["!pad", "<end>"])
    tokenizer = archsmith.CLIPTokenizerFast(*paths, pad_token="!pad", eos_token="<end>")
    batch = tokenizer(["low", "low low"], padding=True)
    assert batch.input_ids == [[514, 513, 517, 516], [514, 513, 513, 517]]
    tokenizer.save_pretrained(tmp_path / "saved")
    again = archsmith.CLIPTokenizer.from_pretrained(tmp_path / "saved")
    assert again(["low", "low low"], padding=True).input_ids == batch.input_ids
    assert again.decode([514, 513, 517], skip_special_tokens=True) == "low"


def test_a_processor_takes_the_usual_options(tmp_path):
    import numpy as np

    processor = archsmith.CLIPProcessor(
        tokenizer=archsmith.CLIPTokenizerFast(*files(tmp_path)), image_processor=archsmith.CLIPImageProcessor(size=224)
    )
    image = np.zeros((30, 50, 3), np.uint8)
    batch = processor(text=["low", "low low"], images=image, padding="max_length", max_length=6, return_tensors="pt")
    assert {name: tuple(value.shape) for name, value in batch.items()} == {
        "input_ids": (2, 6),
        "attention_mask": (2, 6),
        "pixel_values": (1, 3, 224, 224),
    }
    assert list(processor(images=image, images_kwargs={"size": 300})) == ["pixel_values"]
    with pytest.raises(InputError, match="there is nothing to process; pass text or images"):
        processor(padding=True)
    with pytest.raises(OptionError, match="text_kwargs: 'pading' is not an option of CLIPTokenizerFast"):
        processor(text="low", text_kwargs={"pading": True})
