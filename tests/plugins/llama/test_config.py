"""Configurations of Llama, Mistral and Qwen2: the spellings of rotary positions, and what does not go together."""

import pytest
import torch

import archsmith
from archsmith import LlamaConfig, MistralConfig, Qwen2Config
from archsmith.errors import ConfigError
from archsmith.registry import registry

LINEAR = {"rope_type": "linear", "factor": 2.0}
SIZES = {  # as the published files come to
    "meta-llama/Llama-2-7b-hf": 6_738_415_616,
    "meta-llama/Llama-2-13b-hf": 13_015_864_320,
    "meta-llama/Meta-Llama-3-8B": 8_030_261_248,
    "meta-llama/Llama-3.1-8B": 8_030_261_248,
    "meta-llama/Llama-3.2-1B": 1_235_814_400,
    "HuggingFaceTB/SmolLM2-135M": 134_515_008,
    "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
    "HuggingFaceTB/SmolLM2-360M": 361_821_120,
    "HuggingFaceTB/SmolLM2-1.7B": 1_711_376_384,
    "mistralai/Mistral-7B-v0.1": 7_241_732_096,
    "mistralai/Mistral-7B-v0.3": 7_248_023_552,
    "Qwen/Qwen2-0.5B": 494_032_768,
    "Qwen/Qwen2.5-7B": 7_615_616_512,
}
PRESETS = {
    name: (each, values)
    for each in ("llama", "mistral", "qwen2")
    for name, values in registry.get(each).presets.items()
}


@pytest.mark.parametrize(("name", "size"), SIZES.items(), ids=SIZES)
def test_presets_have_the_size_of_what_is_published(name, size):
    model_type, values = PRESETS[name]
    with torch.device("meta"):
        model = archsmith.AutoModelForCausalLM.from_config(registry.load(model_type, "config")(**values))
    assert model.num_parameters() == size


def test_every_preset_has_its_size_here():
    assert PRESETS.keys() == SIZES.keys()


def test_the_spellings_of_rotary_positions_are_one():
    config = LlamaConfig(rope_theta=5e5, rope_scaling=LINEAR)
    assert config == LlamaConfig(rope_parameters={**LINEAR, "rope_theta": 5e5})
    assert config == LlamaConfig(rope_scaling={"type": "linear", "factor": 2.0}, rope_theta=5e5)
    assert (config.rope_theta, config.rope_scaling) == (5e5, LINEAR)
    file = config.to_file_dict()
    assert file["rope_parameters"] == {**LINEAR, "rope_theta": 5e5}
    assert (file["rope_theta"], file["rope_scaling"]) == (5e5, LINEAR)  # for who reads the older ones
    assert LlamaConfig().rope_scaling is None
    assert "rope_scaling" not in LlamaConfig().to_file_dict()


def test_a_change_of_one_leaves_the_rest():
    config = LlamaConfig(rope_theta=5e5, rope_scaling=LINEAR)
    config.rope_theta = 7.0
    assert config.rope_parameters == {**LINEAR, "rope_theta": 7.0}
    config.rope_scaling = {"rope_type": "dynamic", "factor": 3.0}
    assert config.rope_parameters == {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 7.0}
    config.update(hidden_size=64, num_attention_heads=4)
    assert config.rope_parameters == {"rope_type": "dynamic", "factor": 3.0, "rope_theta": 7.0}
    read = LlamaConfig.from_dict({"rope_theta": 5e5, "rope_scaling": LINEAR}, rope_theta=3.0)
    assert read.rope_parameters == {**LINEAR, "rope_theta": 3.0}
    read = LlamaConfig.from_dict({"rope_theta": 5e5}, rope_scaling=LINEAR)
    assert read.rope_parameters == {**LINEAR, "rope_theta": 5e5}


def test_a_base_that_is_none_says_nothing():
    by_hand = {**LINEAR, "rope_theta": None}
    assert LlamaConfig(rope_parameters=by_hand).rope_parameters == {**LINEAR, "rope_theta": 1e4}
    assert LlamaConfig(rope_parameters=by_hand, rope_theta=5e5).rope_theta == 5e5
    config = LlamaConfig()
    with pytest.raises(ConfigError, match="rope_theta"):
        config.update(rope_parameters=by_hand)
    with pytest.raises(ConfigError, match="factor must be above 0, but is None"):
        LlamaConfig(rope_parameters={"rope_type": "linear", "factor": None})


GO_OVER = ": add it, or give rope_scaling, which leaves it."
WRONG = {
    "no mapping": ({"rope_scaling": 2.0}, "rope_scaling must be a mapping, but is 2.0."),
    "two bases": (
        {"rope_theta": 5.0, "rope_parameters": {"rope_theta": 6.0}},
        (
            "rope_parameters['rope_theta'] is 6.0 and rope_theta is 5.0, but they are one and must be the same: give "
            "the right one alone."
        ),
    ),
    "two kinds": (
        {"rope_scaling": LINEAR, "rope_parameters": {"rope_type": "default"}},
        (
            "rope_parameters is {'rope_type': 'default'} and rope_scaling is {'rope_type': 'linear', 'factor': 2.0}, "
            "but they are one and must be the same: give the right one alone."
        ),
    ),
    "two names of a kind": (
        {"rope_scaling": {"type": "dynamic", "rope_type": "linear", "factor": 2.0}},
        "rope_scaling has type 'dynamic' and rope_type 'linear', which are one.",
    ),
    "an unknown kind": (
        {"rope_scaling": {"type": "longrope"}},
        "rope_parameters: rope_type must be one of default, linear, dynamic, yarn, llama3, but is 'longrope'.",
    ),
    "a base of zero": ({"rope_theta": 0}, "rope_parameters: rope_theta must be above 0, but is 0."),
    "a list for a kind": (
        {"rope_parameters": {"rope_type": ["linear"], "rope_theta": 1.0}},
        (
            "rope_parameters must be a mapping of strings to an integer or a number or a string or true or false or "
            "null, but is {'rope_type': ['linear'], 'rope_theta': 1.0}."
        ),
    ),
    "heads that do not divide": (
        {"hidden_size": 30, "num_attention_heads": 4, "num_key_value_heads": 4},
        "num_attention_heads is 4, but must divide hidden_size 30.",
    ),
    "odd heads": (
        {"hidden_size": 20, "num_attention_heads": 4, "num_key_value_heads": 4},
        (
            "num_attention_heads is 4 and heads are 5 wide, but rotary positions turn pairs of numbers: the width, "
            "head_dim, must be even."
        ),
    ),
    "keys that do not divide": (
        {"num_key_value_heads": 5},
        "num_key_value_heads is 5, but must divide num_attention_heads 32.",
    ),
    "padding beyond the vocabulary": (
        {"vocab_size": 9, "pad_token_id": 9},
        "pad_token_id is 9, but must be below vocab_size 9.",
    ),
}


@pytest.mark.parametrize(("values", "message"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("cls", [LlamaConfig, MistralConfig, Qwen2Config])
def test_what_does_not_go_together_is_refused(cls, values, message):
    with pytest.raises(ConfigError) as error:
        cls(**values)
    assert str(error.value) == f"{cls.__name__}: {message}"


def test_new_positions_without_their_base_do_not_take_it_away_unsaid():
    config = LlamaConfig(rope_theta=5e5)
    for change in (
        lambda: config.update(rope_parameters=LINEAR),
        lambda: setattr(config, "rope_parameters", LINEAR),
        lambda: LlamaConfig.from_dict({"rope_theta": 5e5}, rope_parameters=LINEAR),
    ):
        with pytest.raises(ConfigError, match="must say rope_theta") as error:
            change()
        assert f"so it must say rope_theta, but is {LINEAR}{GO_OVER}"[:-1] in str(error.value)
    assert config.rope_parameters == {"rope_type": "default", "rope_theta": 5e5}
    config.update(rope_parameters=LINEAR, rope_theta=4.0)
    assert config.rope_parameters == {**LINEAR, "rope_theta": 4.0}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"layer_types": ["full_attention"]}, "layer_types has 1 entries, but must have num_hidden_layers 2."),
        (
            {"layer_types": ["full_attention", "sliding_attention"]},
            (
                "layer_types has 'sliding_attention', but there is no window: use_sliding_window is False and "
                "sliding_window is 4096."
            ),
        ),
        (
            {"layer_types": ["chunked", "full_attention"]},
            "layer_types[0] must be one of 'full_attention', 'sliding_attention', but is 'chunked'.",
        ),
    ],
)
def test_windows_that_cannot_be(values, message):
    with pytest.raises(ConfigError) as error:
        Qwen2Config(num_hidden_layers=2, **values)
    assert str(error.value) == f"Qwen2Config: {message}"


def test_a_mistral_has_layers_of_one_kind():
    """The reference reads over it."""
    file = {"num_hidden_layers": 2, "sliding_window": 3, "layer_types": ["sliding_attention"] * 2}
    assert MistralConfig.from_dict(file).windows == [3, 3]
    with pytest.raises(ConfigError) as error:
        MistralConfig.from_dict(file | {"layer_types": ["full_attention", "sliding_attention"]})
    assert str(error.value) == (
        "MistralConfig: layer_types is ['full_attention', 'sliding_attention'], but with sliding_window 3 each layer "
        "is 'sliding'."
    )


def test_a_width_of_heads_that_follows_is_not_written():
    """The reference's Qwen2 takes null for a number."""
    assert "head_dim" not in Qwen2Config().to_file_dict()
    assert Qwen2Config(head_dim=64).to_file_dict()["head_dim"] == 64
