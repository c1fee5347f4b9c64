"""Rotary positions, of every kind, beside the reference's."""

import pytest
import torch

from archsmith.layers.rotary import rotary_angles, rotary_faults, rotary_frequencies, rotate

from .oracle import transformers

LLAMA3 = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
KINDS = [
    {"rope_theta": 10000.0},
    {"rope_type": "default", "rope_theta": 5e5},
    {"rope_type": "linear", "factor": 2.5, "rope_theta": 1e4},
    {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4},
    {"rope_type": "dynamic", "factor": 4.0, "rope_theta": 123.0},
    {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e4, "original_max_position_embeddings": 32},
    {"rope_type": "yarn", "factor": 40.0, "rope_theta": 1e6, "beta_fast": 16.0, "beta_slow": 2.0, "truncate": False},
    {"rope_type": "yarn", "factor": 8.0, "rope_theta": 1e4, "attention_factor": 0.7},
    {"rope_type": "yarn", "factor": 8.0, "rope_theta": 1e4, "mscale": 0.7, "mscale_all_dim": 1.0},
    LLAMA3 | {"factor": 8.0, "rope_theta": 5e5, "original_max_position_embeddings": 8192},
    LLAMA3 | {"factor": 32.0, "rope_theta": 1e4, "original_max_position_embeddings": 64, "high_freq_factor": 2.0},
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "heads", "most"), [(64, 4, 128), (96, 2, 16), (256, 2, 2048)])
@pytest.mark.parametrize("tokens", [7, 40])
def test_angles_and_rotation(kind, width, heads, most, tokens):
    config = transformers.LlamaConfig(
        hidden_size=width, num_attention_heads=heads, max_position_embeddings=most, rope_parameters=dict(kind)
    )
    llama = transformers.models.llama.modeling_llama
    positions = torch.arange(tokens)[None] + 1
    reference = llama.LlamaRotaryEmbedding(config)
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(2, heads, tokens, width // heads, generator=generator) for _ in range(2))
    cos, sin = reference(query, positions)
    expected = llama.apply_rotary_pos_emb(query, key, cos, sin)
    assert not [*rotary_faults(kind)]
    longest = int(positions.max()) + 1
    frequencies, factor = rotary_frequencies(kind, width // heads, most, tokens=longest)
    angles = rotary_angles(positions, frequencies, factor)
    for found, wanted in zip((rotate(query, angles), rotate(key, angles)), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5, rtol=1e-5)


def test_scores_depend_on_distance_alone():
    generator = torch.Generator().manual_seed(0)
    query, key = (torch.randn(1, 2, 5, 8, generator=generator, dtype=torch.float64) for _ in range(2))
    frequencies, _ = rotary_frequencies({"rope_theta": 100.0}, 8, 64)
    scores = []
    for start in (0, 9):
        angles = rotary_angles(torch.arange(start, start + 5)[None], frequencies.double())
        scores.append(rotate(query, angles) @ rotate(key, angles).mT)
    assert torch.allclose(*scores, atol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "fault"),
    [
        (
            {"rope_type": "yarm"},
            "rope_type must be one of default, linear, dynamic, yarn, llama3, but is 'yarm'. Did you mean 'yarn'?",
        ),
        ({"rope_type": "linear"}, "factor is missing; rope_type 'linear' needs it"),
        ({"rope_type": "linear", "factor": None}, "factor must be above 0, but is None"),
        ({"rope_type": "default", "rope_theta": None}, "rope_theta must be above 0, but is None"),
        ({"rope_type": "linear", "factor": -1}, "factor must be above 0, but is -1"),
        ({"rope_type": "linear", "factor": "2"}, "factor must be above 0, but is '2'"),
        ({"rope_type": "linear", "factor": float("nan")}, "factor must be above 0, but is nan"),
        (
            {"rope_type": "default", "factor": 2.0},
            "'factor' must be left out: it means nothing to rope_type 'default'.",
        ),
        (
            {"rope_type": "yarn", "factor": 2.0, "beta_fats": 3},
            "'beta_fats' must be left out: it means nothing to rope_type 'yarn'. Did you mean 'beta_fast'?",
        ),
        ({"rope_theta": 0}, "rope_theta must be above 0, but is 0"),
        (
            LLAMA3 | {"factor": 8.0, "original_max_position_embeddings": 64, "low_freq_factor": 5.0},
            "low_freq_factor is 5.0, but must be below high_freq_factor 4.0",
        ),
    ],
)  # fmt: skip
def test_what_is_refused(parameters, fault):
    assert [*rotary_faults(parameters)] == [fault]
