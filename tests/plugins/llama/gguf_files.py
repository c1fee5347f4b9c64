"""Small GGUF files, written with the library gguf."""

import gguf
import numpy as np
from tokenizers import pre_tokenizers

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
    if kind == TYPES["Q6_K"]:
        blocks[:, -2:] = scales[:, :2]
    else:
        blocks[:, :4] = scales
    return blocks.reshape(shape[0], -1)


def write(
    path,
    *,
    kind="F32",
    architecture="llama",
    tied=False,
    more=(),
    names=None,
    model="gpt2",
    pre="gpt-2",
    tokens=TOKENS,
    types=None,
    merges=("a b",),
    epsilon=1e-6,
    factors=None,
):
    """Write a small file with the library gguf, whose matrices are of one type."""
    generator = np.random.default_rng(0)
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_context_length(64)
    writer.add_embedding_length(SIZES["hidden_size"])
    writer.add_block_count(SIZES["layers"])
    writer.add_feed_forward_length(SIZES["intermediate_size"])
    writer.add_head_count(SIZES["heads"])
    writer.add_head_count_kv(SIZES["key_heads"])
    if epsilon is not None:
        writer.add_layer_norm_rms_eps(epsilon)
    writer.add_rope_freq_base(5000.0)
    writer.add_rope_dimension_count(64)
    if model is not None:
        writer.add_tokenizer_model(model)
    if pre is not None:
        writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types(types or [1] * (len(TOKENS) - 2) + [3, 3])
    writer.add_token_merges(list(merges))
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
        full = (names or {}).get(full, full)
        numbers = generator.normal(0, 0.05, shape).astype(np.float32)
        type_ = gguf.GGMLQuantizationType[kind] if len(shape) > 1 else TYPES["F32"]
        if kind in ("Q6_K", "Q4_K", "Q8_K") and len(shape) > 1:
            writer.add_tensor(full, random_blocks(shape, type_, generator), raw_dtype=type_)
        elif kind in ("F32", "F16"):
            writer.add_tensor(full, numbers.astype(np.float16) if kind == "F16" and len(shape) > 1 else numbers)
        else:
            writer.add_tensor(full, gguf.quants.quantize(numbers, type_), raw_dtype=type_)
    if factors is not None:
        writer.add_tensor("rope_freqs.weight", np.asarray(factors, np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
