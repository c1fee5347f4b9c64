"""The settings: of a call, of a file, and in the same save as the model."""

import json
import warnings

import pytest
import torch

from archsmith import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM
from archsmith.errors import ArchsmithWarning, CheckpointCorrupt, OptionError
from archsmith_generation import GenerationConfig

FILE = "generation_config.json"
VALUES = {
    "vocab_size": 40, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": 64, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0,
}  # fmt: skip


def model(**changes):
    return LlamaForCausalLM(LlamaConfig(**VALUES | changes)).eval()


def saved(tmp_path, settings=None, **keys):
    model().save_pretrained(tmp_path)
    if settings is not None:
        (tmp_path / FILE).write_text(settings if isinstance(settings, str) else json.dumps(settings))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | keys))
    return LlamaForCausalLM.from_pretrained(tmp_path)


def test_settings_live_with_the_model(tmp_path):
    one = model()
    assert one.generation_config == GenerationConfig()
    one.save_pretrained(tmp_path / "none")
    assert not (tmp_path / "none" / FILE).exists()
    one.generation_config.max_new_tokens = 5
    one.generation_config.update(do_sample=True, temperature=0.5)
    one.save_pretrained(tmp_path / "some")
    assert json.loads((tmp_path / "some" / FILE).read_text()) == {
        "max_new_tokens": 5, "do_sample": True, "temperature": 0.5
    }  # fmt: skip
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "some")
    assert again.generation_config == one.generation_config
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert again.generate(torch.tensor([[5]])).shape[1] <= 6
    again.generation_config = GenerationConfig(max_new_tokens=7)
    again.save_pretrained(tmp_path / "some")
    assert json.loads((tmp_path / "some" / FILE).read_text()) == {"max_new_tokens": 7}


def test_whoever_changes_the_file_is_heard(tmp_path):
    one = saved(tmp_path, {"max_new_tokens": 5, "something": [1]})
    assert one.generation_config.max_new_tokens == 5
    assert one.generation_config.extra == {"something": [1]}
    one.side_files[FILE] = b'{"max_new_tokens": 6}'
    one.save_pretrained(tmp_path / "two")
    assert (tmp_path / "two" / FILE).read_text().split() == ["{", '"max_new_tokens":', "6", "}"]
    assert one.generation_config.max_new_tokens == 6
    del one.side_files[FILE]
    assert one.generation_config == GenerationConfig()


def test_unknown_keys_of_a_file_come_back(tmp_path):
    one = saved(tmp_path, {"transformers_version": "4.40.0", "max_length": 30, "_from_model_config": True})
    one.generation_config.update(top_k=0)
    one.save_pretrained(tmp_path / "two")
    assert json.loads((tmp_path / "two" / FILE).read_text()) == {
        "transformers_version": "4.40.0", "max_length": 30, "_from_model_config": True, "top_k": 0
    }  # fmt: skip
    assert LlamaForCausalLM.from_pretrained(tmp_path / "two").generation_config.top_k == 0


def test_old_keys_of_the_configuration(tmp_path):
    one = saved(tmp_path, max_length=9, repetition_penalty=1.5)
    assert (one.generation_config.max_length, one.generation_config.repetition_penalty) == (9, 1.5)
    assert one.generate(torch.tensor([[5, 6]])).shape[1] <= 9
    assert saved(tmp_path, {"max_new_tokens": 3}, max_length=9).generation_config.max_length is None


def test_a_call_goes_over_the_file(tmp_path):
    one = saved(tmp_path, {"do_sample": True, "temperature": 0.6, "top_p": 0.9, "max_length": 9, "eos_token_id": 38})
    ids = torch.tensor([[5, 6]])
    greedy = one.generate(ids, do_sample=False, max_new_tokens=12)
    assert greedy.equal(model_greedy(one, ids))
    assert one.settings_for().eos_token_id == 38
    assert one.settings_for(GenerationConfig(max_new_tokens=2)).eos_token_id == 2  # the configuration's
    assert one.settings_for(temperature=0.1, min_new_tokens=4).temperature == 0.1
    assert one.generation_config.temperature == 0.6


def model_greedy(one, ids):
    for _ in range(12):
        with torch.no_grad():
            ids = torch.cat([ids, one(ids).logits[:, -1:].argmax(-1)], 1)
        if ids[0, -1] == 38:
            break
    return ids


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0.6, "top_p": 0.9}, "temperature is 0.6, which needs do_sample=True"),
        ({"num_beam_groups": 4}, "num_beam_groups 4 is a setting that archsmith does not have"),
        ({"penalty_alpha": 0.6, "top_k": 4}, "penalty_alpha 0.6 is a setting that archsmith does not have"),
        ({"length_penalty": 2.0}, "length_penalty is 2.0, which needs num_beams above 1"),
        ({"max_length": 9, "max_new_tokens": 3}, "max_length and max_new_tokens are both given"),
        ({"max_new_token": 4}, "'max_new_token' is not a setting of GenerationConfig and has no effect."),
    ],
)
def test_contradictions_of_a_file_are_announced(tmp_path, settings, message):
    one = saved(tmp_path, settings)
    with pytest.warns(ArchsmithWarning, match=message):
        assert one.generation_config is not None


def test_what_published_files_hold_is_silent(tmp_path):
    published = {
        "_from_model_config": True, "bos_token_id": 1, "eos_token_id": [2, 3], "transformers_version": "4.42.3",
        "num_beam_groups": 1, "diversity_penalty": 0.0, "temperature": None, "top_k": 50, "renormalize_logits": False,
        "max_length": 20, "guidance_scale": None, "pad_token_id": None,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert saved(tmp_path, published).generation_config.eos_tokens() == [2, 3]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"temperature": "hot"},
            "generation_config.json: GenerationConfig: temperature must be a number above 0, but",
        ),
        ({"min_length": 5, "max_length": 3}, "min_length is 5, but must be at most max_length 3"),
        ("[1]", "generation_config.json"),
        ("{", "generation_config.json"),
    ],
)
def test_files_that_are_wrong(tmp_path, settings, message):
    one = saved(tmp_path, settings)
    with pytest.raises(CheckpointCorrupt) as caught:
        one.generate(torch.tensor([[5]]))
    assert message in str(caught.value)


def test_tokens_beyond_the_vocabulary(tmp_path):
    one = model(eos_token_id=50256)
    with pytest.warns(ArchsmithWarning, match="eos_token_id holds 50256, but the vocabulary has 40 tokens, 0 to 39:"):
        assert one.generate(torch.tensor([[5]]), max_new_tokens=4).shape == (1, 5)
    with pytest.raises(OptionError, match="eos_token_id holds 50256, but the vocabulary has 40 tokens, 0 to 39"):
        model().generate(torch.tensor([[5]]), eos_token_id=50256, max_new_tokens=4)
    assert one.settings_for(eos_token_id=[3], max_new_tokens=1).eos_tokens() == [3]


def test_none_is_the_default():
    ids = torch.tensor([[5, 6]])
    plain = model().generate(ids, temperature=None, top_p=None, do_sample=None, max_new_tokens=3)
    assert plain.shape[1] <= 5
    assert GenerationConfig(top_k=None, num_beams=None) == GenerationConfig()
    settings = GenerationConfig(do_sample=True, temperature=0.3, max_new_tokens=2)
    assert model().settings_for(settings, temperature=None, max_new_tokens=None).temperature == 1.0


def test_assignments_are_checked():
    settings = GenerationConfig()
    with pytest.raises(OptionError, match="temperature must be a number above 0, but is 0"):
        settings.temperature = 0
    with pytest.raises(OptionError, match=r"'temprature' is not a setting of GenerationConfig\. Did you mean"):
        settings.temprature = 1
    with pytest.raises(OptionError, match=r"must be an archsmith_generation\.GenerationConfig, but is a builtins\.int"):
        model().generation_config = 3
    settings.num_return_sequences = 5  # changed in place: found when it is used
    with pytest.raises(OptionError, match="num_return_sequences is 5"):
        model().generate(torch.tensor([[5]]), generation_config=settings, max_new_tokens=2)
