"""What a call of GPT-2 may ask for, and what its presets come to."""

import pytest
import torch

import archsmith
from archsmith import GPT2Config, GPT2LMHeadModel
from archsmith.errors import ConfigError, InputError
from archsmith.registry import registry

TINY = {"vocab_size": 40, "n_positions": 8, "n_embd": 16, "n_layer": 2, "n_head": 2}
SIZES = {  # as the published files come to
    "openai-community/gpt2": 124_439_808,
    "openai-community/gpt2-medium": 354_823_168,
    "openai-community/gpt2-large": 774_030_080,
    "openai-community/gpt2-xl": 1_557_611_200,
    "distilbert/distilgpt2": 81_912_576,
}


@pytest.mark.parametrize(("name", "values"), registry.get("gpt2").presets.items(), ids=registry.get("gpt2").presets)
def test_presets_have_the_size_of_what_is_published(name, values):
    with torch.device("meta"):
        model = archsmith.AutoModelForCausalLM.from_config(GPT2Config(**values))
    assert model.num_parameters() == SIZES[name]


def test_a_text_is_as_long_as_the_table_of_positions():
    model = GPT2LMHeadModel(GPT2Config(**TINY)).eval()
    ids = torch.arange(8)[None]
    with torch.no_grad():
        cache = model(ids[:, :6]).past_key_values
        model(ids[:, 6:], past_key_values=cache)
        with pytest.raises(InputError, match="the input has 1 tokens, but the model has positions for 0"):
            model(ids[:, :1], past_key_values=cache)
        with pytest.raises(InputError, match="the input has 9 tokens, but the model has positions for 8"):
            model(torch.zeros(1, 9).long())
        with pytest.raises(InputError, match="position_ids must be from 0 to 7, but hold 8"):
            model(ids, position_ids=ids + 1)


def test_padding_on_the_left_with_its_positions_is_none():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(**TINY)).eval()
    text = torch.tensor([[3, 1, 4, 1, 5]])
    padded, mask = torch.cat([torch.zeros(1, 3).long(), text], 1), torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1]])
    with torch.no_grad():
        found = model(padded, attention_mask=mask, position_ids=(mask.cumsum(-1) - 1).clamp(min=0)).logits[:, 3:]
        assert torch.allclose(found, model(text).logits, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"n_head": 5}, "n_head is 5, but must divide n_embd 768"),
        ({"vocab_size": 9, "pad_token_id": 9}, "pad_token_id is 9, but must be below vocab_size 9"),
    ],
)
def test_what_does_not_go_together_is_refused(values, message):
    with pytest.raises(ConfigError) as error:
        GPT2Config(**values)
    assert str(error.value) == f"GPT2Config: {message}."


def test_attention_to_a_second_text_is_refused():
    with pytest.raises(ConfigError, match="add_cross_attention is true, but this GPT-2 reads one text alone"):
        GPT2Config.from_dict({"add_cross_attention": True})
    GPT2Config.from_dict({"add_cross_attention": False})
