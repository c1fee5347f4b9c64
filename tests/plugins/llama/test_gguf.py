# ruff: noqa: E501
"""GGUF files that are damaged, lie, or hold what no model here computes: errors in words, and no memory for them."""

import math
import resource
import struct

import numpy as np
import pytest
import torch
from gguf import GGUFValueType as Type

from archsmith import LlamaConfig
from archsmith.errors import CheckpointCorrupt, MissingDependency
from archsmith.layers.rotary import rotary_frequencies
from archsmith.tokenizer import PreTrainedTokenizerFast
from archsmith_llama.gguf_file import read_gguf
from archsmith_llama.gguf_format import GgufFormat

from .gguf_files import TOKENS, write

DESCRIPTIVE = ("model_type", "architectures")


def read(file, tmp_path):
    found = GgufFormat.read(file, tmp_path)
    return found, dict(found.tensors)


def refused(file, tmp_path, content=None):
    if content is not None:
        file.write_bytes(content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointCorrupt) as error:
        read(file, tmp_path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    assert str(file) in str(error.value)
    return str(error.value)


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def header(*, version=3, tensors=0, keys=0):
    return b"GGUF" + struct.pack("<IQQ", version, tensors, keys)


def test_every_length_of_a_file(tmp_path):
    file = write(tmp_path / "a.gguf", kind="Q8_0")
    whole = file.read_bytes()
    begin = min(tensor.start for tensor in read_gguf(file).tensors)
    for length in [*range(0, 200, 7), *range(200, begin, 97), begin, begin + 1, len(whole) // 2, len(whole) - 1]:
        assert "It may be broken or half downloaded" in refused(file, tmp_path, whole[:length])


def test_random_damage(tmp_path):
    file = write(tmp_path / "a.gguf")
    whole = file.read_bytes()
    begin = min(tensor.start for tensor in read_gguf(file).tensors)
    generator = np.random.default_rng(0)
    for _ in range(300):
        content = bytearray(whole)
        for place in generator.integers(0, begin, 3):
            content[place] = generator.integers(0, 256)
        file.write_bytes(content)
        try:
            read(file, tmp_path)
        except CheckpointCorrupt:
            continue


HUGE = 2**62


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the beginning would take 4 bytes from byte 0 on, but the file has 0."),
        (b"PK\x03\x04" + bytes(99), r"it is not a GGUF file: it begins with b'PK\x03\x04', not b'GGUF'."),
        (header(version=1), "it is a GGUF file of version 1; expected a little-endian one of version 2 or 3."),
        (header(version=3 << 24), "it is a big-endian file; expected a little-endian one of version 2 or 3."),
        (header(tensors=HUGE), "the number of tensors is 4,611,686,018,427,387,904; expected at most 100,000."),
        (header(keys=HUGE), "the number of keys is 4,611,686,018,427,387,904; expected at most 10,000."),
        (header(keys=1) + struct.pack("<Q", HUGE), "the length of a key is 4,611,686,018,427,387,904; expected at most"),
        (header(keys=1) + struct.pack("<Q", 900), "a key would take 900 bytes from byte 32 on, but the file has 32."),
        (header(keys=1) + text("a") + struct.pack("<IQ", 8, 2**24), "a would take 16,777,216 bytes from byte"),
        (header(keys=1) + text("a") + struct.pack("<IQ", 8, HUGE), "the length of a is 4,611,686,018,427,387,904"),
        (header(keys=1) + text("a") + struct.pack("<IIQ", 9, 4, HUGE), "a would take 18,446,744,073,709,551,616 bytes"),
        (header(keys=1) + text("a") + struct.pack("<IIQ", 9, 8, HUGE), "the length of a is 4,611,686,018,427,387,904"),
        (header(keys=1) + text("a") + struct.pack("<IIQ", 9, 8, 2**20), "the length of a[0] would take 8 bytes"),
        (header(keys=1) + text("a") + struct.pack("<IIQ", 9, 9, 1), "a is an array of the type 9, which is not read."),
        (header(keys=1) + text("a") + struct.pack("<I", 99), "a is of the type 99, which there is not."),
        (header(keys=2) + (text("a") + struct.pack("<IB", 7, 1)) * 2, "the key 'a' stands there twice."),
        (header(keys=1) + struct.pack("<Q", 1) + b"\xff", r"a key is not UTF-8: b'\xff'."),
        (header(keys=1) + text("general.alignment") + struct.pack("<II", 4, 3), "general.alignment is 3; expected a power"),
        (header(keys=1) + text("general.alignment") + struct.pack("<II", 4, 0), "general.alignment is 0; expected a power"),
        (header(tensors=1) + text("a") + struct.pack("<I", 99), "the number of dimensions of a is 99; expected at most 4."),
        (header(tensors=1) + text("a") + struct.pack("<IQIQ", 1, HUGE, 0, 0), "'a' has the shape [4611686018427387904]"),
        (header(tensors=1) + text("a") + struct.pack("<IQIQ", 1, 0, 0, 0), "'a' has the shape [0]; expected sizes"),
        (header(tensors=1) + text("a") + struct.pack("<IQIQ", 1, 33, 8, 0), "'a' has the shape [33]; expected sizes whose"),
        (header(tensors=1) + text("a") + struct.pack("<IQIQ", 1, 32, 4, 0), "'a' is of the type 4, which the library gguf"),
        (header(tensors=1) + text("a") + struct.pack("<IQIQ", 1, 8, 0, 0), "'a' would take 32 bytes from byte 64 on, but"),
        (header(tensors=1) + text("a") + struct.pack("<IQIQ", 1, 1, 0, 4) + bytes(99), "in steps of 32."),
        (header(tensors=2) + (text("a") + struct.pack("<IQIQ", 1, 1, 0, 0)) * 2 + bytes(99), "the tensor 'a' stands"),
        (header(tensors=2) + text("a") + struct.pack("<IQIQ", 1, 16, 0, 0) + text("b")
         + struct.pack("<IQIQ", 1, 16, 0, 32) + bytes(256), "'b' begins at byte 128, inside of another tensor."),
    ],
)  # fmt: skip
def test_hostile_headers(tmp_path, content, said):
    assert said in refused(tmp_path / "a.gguf", tmp_path, content)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ([("llama.expert_count", (8, Type.UINT32))], "expert_count is 8; expected 0, as nothing else is read from GGUF."),
        ([("llama.rope.scaling.type", ("longrope", Type.STRING))],
         "rope.scaling.type is 'longrope'; expected none, linear or yarn."),
        ([("llama.rope.scaling.type", ("linear", Type.STRING))], "factor is missing; rope_type 'linear' needs it"),
        ([("llama.rope.scaling.type", ("yarn", Type.STRING)), ("llama.rope.scaling.factor", (-2.0, Type.FLOAT32))],
         "factor must be above 0, but is -2.0"),
        ([("llama.rope.scaling.yarn_log_multiplier", (0.1, Type.FLOAT32))],
         "it says llama.rope.scaling.yarn_log_multiplier = 0.1, which is not read, so that the"),
        ([("llama.rope.scaling.attn_factor", (2.0, Type.FLOAT32))], "rope.scaling.attn_factor = 2.0, which is not read"),
        ([("llama.attention.value_length", (32, Type.UINT32))], "attention.value_length is 32, but heads are 64 wide"),
        ([("llama.logit_scale", (0.5, Type.FLOAT32))], "it says llama.logit_scale = 0.5, which is not read, so that the"),
        ([("split.count", (2, Type.UINT16))], "it is one of 2 files of a model. Merge them with llama-gguf-split first."),
        ([("tokenizer.ggml.add_bos_token", (True, Type.BOOL)), ("tokenizer.ggml.padding_token_id", (9999, Type.UINT32))],
         f"tokenizer.ggml.padding_token_id is 9999; expected 0 to {len(TOKENS) - 1:,}."),
    ],
)  # fmt: skip
def test_what_no_model_here_computes(tmp_path, more, said):
    assert said in refused(write(tmp_path / "a.gguf", more=more), tmp_path)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"architecture": "gemma"}, "general.architecture is 'gemma'; expected llama or qwen2."),
        ({"kind": "Q8_K"}, "'token_embd.weight' is of the type Q8_K, which the library gguf does not turn into numbers."),
        ({"epsilon": None}, "llama.attention.layer_norm_rms_epsilon is None; expected a small number."),
        ({"pre": "tekken"}, "tokenizer.ggml.pre is 'tekken'; expected one of gpt-2, smollm, llama-bpe, qwen2. How this"),
        ({"pre": None}, "tokenizer.ggml.pre is None; expected one of gpt-2, smollm, llama-bpe, qwen2. How this tokenizer"),
        ({"model": "llama"}, "tokenizer.ggml.model is 'llama'; expected 'gpt2', byte-level BPE. A tokenizer of"),
        ({"tokens": [*TOKENS[:-1], "ab"]}, "the token 'ab' stands in tokenizer.ggml.tokens twice."),
        ({"types": [1, 2]}, f"tokenizer.ggml.token_type is of 2 numbers; expected {len(TOKENS)} numbers."),
        ({"merges": ["a"]}, "its tokenizer cannot be built"),
        ({"merges": ["a never-there"]}, "its tokenizer cannot be built"),
        ({"names": {"blk.0.attn_q.weight": "blk.0.attn_x.weight"}}, "the tensor 'blk.0.attn_x.weight' belongs to no model"),
        ({"names": {"output_norm.weight": "rope_freqs.weight"}}, "'rope_freqs.weight' has the shape [256]; expected [32]"),
        ({"factors": [1.0] * 31 + [8.0]}, "which are not the factors of rope_type 'llama3' with the numbers of the"),
        ({"factors": [1.0] * 32, "more": [("llama.rope.scaling.type", ("linear", Type.STRING))]},
         "rope.scaling.type is 'linear' beside rope_freqs.weight; expected none."),
    ],
)  # fmt: skip
def test_what_is_not_read(tmp_path, options, said):
    assert said in refused(write(tmp_path / "a.gguf", **options), tmp_path)


def scaled(kind, **numbers):
    typed = {
        name: (value, Type.FLOAT32 if isinstance(value, float) else Type.UINT32) for name, value in numbers.items()
    }
    typed |= {"type": (kind, Type.STRING), "finetuned": (True, Type.BOOL)}
    return [(f"llama.rope.scaling.{name}", value) for name, value in typed.items()]


def llama3_factors(factor, theta=5000.0, size=64):
    """As llama.cpp's converter of Llama 3.1 makes them: by wave lengths."""
    found = []
    for place in range(0, size, 2):
        wave = 2 * math.pi * theta ** (place / size)
        smooth = (8192 / wave - 1) / (4 - 1)
        found.append(1 if wave < 8192 / 4 else factor if wave > 8192 else 1 / ((1 - smooth) / factor + smooth))
    return found


@pytest.mark.parametrize(
    ("options", "parameters"),
    [
        ({"more": scaled("linear", factor=4.0)}, {"rope_type": "linear", "factor": 4.0}),
        ({"more": scaled("yarn", factor=4.0, original_context_length=16, yarn_beta_fast=16.0)},
         {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "beta_fast": 16.0}),
        ({"more": scaled("none")}, {"rope_type": "default"}),
        ({"factors": llama3_factors(8.0)},
         {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 8192}),
        ({"factors": [1.0] * 32}, {"rope_type": "llama3", "factor": 1.0}),
    ],
    ids=["linear", "yarn", "none", "llama3", "factors of 1"],
)  # fmt: skip
def test_scaled_positions(tmp_path, options, parameters):
    """They are a part of the configuration, and never dropped."""
    found, tensors = read(write(tmp_path / "a.gguf", **options), tmp_path)
    assert "rope_freqs.weight" not in tensors
    config = LlamaConfig(**{name: value for name, value in found.config.items() if name not in DESCRIPTIVE})
    assert parameters.items() <= config.rope_parameters.items()
    assert config.rope_parameters["rope_theta"] == 5000.0
    if "factors" in options:
        plain = rotary_frequencies({"rope_theta": 5000.0}, 64, 64)[0]
        wanted = plain / torch.tensor(options["factors"])
        assert torch.allclose(rotary_frequencies(config.rope_parameters, 64, 64)[0], wanted, rtol=1e-4)


def test_tokens_around_a_text(tmp_path):
    names = {"add_bos_token": True, "add_eos_token": True}
    more = [(f"tokenizer.ggml.{name}", (value, Type.BOOL)) for name, value in names.items()]
    more += [
        ("tokenizer.chat_template", ("{{ 1 }}", Type.STRING)),
        ("tokenizer.chat_template.tool_use", ("{{ 2 }}", Type.STRING)),
    ]
    found, _ = read(write(tmp_path / "a.gguf", more=more, pre="llama-bpe"), tmp_path)
    (tmp_path / "out").mkdir()
    for name, content in found.files.items():
        (tmp_path / "out" / name).write_bytes(content)
    tokenizer = PreTrainedTokenizerFast.from_pretrained(tmp_path / "out")
    ids = {token: number for number, token in enumerate(TOKENS)}
    assert tokenizer("ab").input_ids == [ids["<s>"], ids["ab"], ids["</s>"]]
    assert tokenizer("a", "b").input_ids == [ids["<s>"], ids["a"], ids["</s>"], ids["<s>"], ids["b"], ids["</s>"]]
    assert tokenizer.chat_template == {"default": "{{ 1 }}", "tool_use": "{{ 2 }}"}


def test_a_file_without_a_tokenizer(tmp_path):
    found, tensors = read(write(tmp_path / "a.gguf", model=None), tmp_path)
    assert found.files == {}
    assert tensors["lm_head.weight"].shape == (len(TOKENS), 256)


def test_without_the_library(tmp_path, monkeypatch):
    file = write(tmp_path / "a.gguf")
    monkeypatch.setitem(__import__("sys").modules, "gguf", None)
    with pytest.raises(MissingDependency) as error:
        read(file, tmp_path)
    assert str(error.value) == (
        'GGUF files need the library gguf, which is not installed. Run: pip install "archsmith-llama[gguf]"'
    )
