"""Halves of a stranger's CLIP out of the files of the whole, and overrides of one field of a half, as the reference."""

import pytest
import torch
from tests.third_party.strangers import installed

import archsmith
from archsmith.errors import OptionError

from .oracle import transformers
from .support import assert_close, scramble
from .test_clip import TEXT, VISION, WHOLES, pixels, texts

WHOLE = WHOLES[0]
INPUTS = {"Text": texts(TEXT), "Vision": {"pixel_values": pixels(VISION)}}


@pytest.fixture(scope="module", autouse=True)
def _installed(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("metadata"), "clip"):
        yield


@pytest.fixture(scope="module", params=["5GB", "4KB"])
def folder(request, tmp_path_factory):
    """A whole that the reference saved, in one file or in shards."""
    theirs = transformers.CLIPModel(transformers.CLIPConfig(**WHOLE)).eval()
    scramble(theirs)
    place = tmp_path_factory.mktemp("whole")
    theirs.save_pretrained(place, max_shard_size=request.param)
    return place


@pytest.mark.parametrize("suffix", ["", "WithProjection"])
@pytest.mark.parametrize("half", ["Text", "Vision"])
def test_a_half_of_the_whole(folder, half, suffix, tmp_path):
    name = f"CLIP{half}Model{suffix}"
    with pytest.warns(archsmith.ArchsmithWarning, match="not used by this model: "):
        ours = getattr(archsmith, name).from_pretrained(folder)
    theirs = getattr(transformers, name).from_pretrained(folder).eval()
    other = {"Text": "vision_model.", "Vision": "text_model."}[half]
    assert ours.load_report.new == ()
    between = {"logit_scale", "text_projection.weight", "visual_projection.weight"} - ours.state_dict().keys()
    unused = {*ours.load_report.unused}
    assert {key for key in unused if not key.startswith(other)} == between
    ours.save_pretrained(tmp_path)
    alone = getattr(archsmith, name).from_pretrained(tmp_path)
    assert alone.load_report.unused == ()
    back = getattr(transformers, name).from_pretrained(tmp_path).eval()
    with torch.no_grad():
        expected = theirs(**INPUTS[half])[0]
        for model in (ours, alone, back):
            assert_close(model(**INPUTS[half])[0], expected, name)


def test_the_configurations_of_halves(folder):
    whole = archsmith.AutoConfig.from_pretrained(folder)
    assert type(whole) is archsmith.CLIPConfig
    assert archsmith.CLIPTextConfig.from_pretrained(folder) == whole.text_config
    assert archsmith.CLIPVisionConfig.from_pretrained(folder, image_size=24).image_size == 24


def test_an_override_changes_one_field_of_a_half(folder):
    values = {"text_config": {"eos_token_id": 7}, "vision_config": {"layer_norm_eps": 0.5}}
    ours, theirs = (each.CLIPModel.from_pretrained(folder, **values) for each in (archsmith, transformers))
    assert (ours.config.text_config.eos_token_id, ours.config.text_config.hidden_size) == (7, 16)
    inputs = {**texts(TEXT), "pixel_values": pixels(VISION)}
    inputs["input_ids"][:, 1] = 7
    with torch.no_grad():
        assert_close(ours(**inputs).logits_per_text, theirs.eval()(**inputs).logits_per_text, "overridden")
    made = archsmith.AutoConfig.for_model("clip", text_config={"num_hidden_layers": 1})
    assert (made.text_config.num_hidden_layers, made.text_config.vocab_size) == (1, 49408)
    made.update(text_config={"vocab_size": 9})
    assert (made.text_config.num_hidden_layers, made.text_config.vocab_size) == (1, 9)


def test_a_slip_in_a_half_is_told_as_at_the_top(folder):
    said = "'text_config.num_hiden_layers' is not a field of CLIPTextConfig. Did you mean 'num_hidden_layers'?"
    wrong = {"text_config": {"num_hiden_layers": 1}}
    for slip in (
        lambda: archsmith.CLIPConfig(**wrong),
        lambda: archsmith.CLIPConfig().update(**wrong),
        lambda: archsmith.CLIPModel.from_pretrained(folder, **wrong),
        lambda: archsmith.AutoConfig.for_model("clip", **wrong),
    ):
        with pytest.raises((archsmith.ArchsmithError, OptionError)) as caught:
            slip()
        assert said in str(caught.value)


def test_vocabulary_and_heads_of_halves_stay_in_step(tmp_path):
    model = archsmith.CLIPModel(archsmith.CLIPConfig(**WHOLE)).eval()
    model.resize_token_embeddings(64)
    model.text_model.prune_heads({0: [1]})
    model.vision_model.prune_heads({1: [0]})
    model.save_pretrained(tmp_path)
    again = archsmith.CLIPModel.from_pretrained(tmp_path)
    text, vision = again.config.text_config, again.config.vision_config
    assert (text.vocab_size, text.pruned_heads, vision.pruned_heads) == (64, {0: [1]}, {1: [0]})
    inputs = {**texts(TEXT), "pixel_values": pixels(VISION)}
    with torch.no_grad():
        assert_close(again(**inputs).logits_per_text, model(**inputs).logits_per_text, "in step")
