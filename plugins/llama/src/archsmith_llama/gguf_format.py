"""GGUF as a format of ``archsmith convert``: a Llama or a Qwen2 as llama.cpp has it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from archsmith.errors import CheckpointCorrupt
from archsmith.messages import shorten, shown
from archsmith.options import import_library
from archsmith_llama.gguf_file import MAGIC, GgufFile, read_gguf
from archsmith_llama.gguf_rope import FACTORS, SCALING, rope_scaling
from archsmith_llama.gguf_tokenizer import tokenizer_files

__all__ = ["GgufFormat"]

#: What llama.cpp calls an architecture → its model_type and the class with the output layer.
_ARCHITECTURES = {"llama": ("llama", "LlamaForCausalLM"), "qwen2": ("qwen2", "Qwen2ForCausalLM")}
#: Key, behind the name of the architecture → field.
_FIELDS = {
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
    "rope.freq_base": "rope_theta",
    "vocab_size": "vocab_size",
}
#: Keys that say again what others say, or that are at work in no model which is read here.
_CHECKED = ("attention.value_length", "rope.dimension_count", "expert_count", "expert_used_count", *SCALING)
_TOKENS = {"bos": "bos_token_id", "eos": "eos_token_id", "padding": "pad_token_id"}
#: Name of a part → ours; those of a layer begin with ``blk.N.``.
_PARTS = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_LAYER_PARTS = {
    "attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}  # fmt: skip
_NAME = re.compile(r"(?:blk\.(\d{1,5})\.)?([a-z_]+)\.(weight|bias)", re.ASCII)


@dataclass
class Found:
    """What a format returns: the configuration, the tensors one after another, and more files."""

    config: dict[str, Any]
    tensors: Iterator[tuple[str, torch.Tensor]]
    files: dict[str, bytes]


class GgufFormat:
    """One GGUF file of a Llama or a Qwen2. Weights that are quantised become float32."""

    @staticmethod
    def knows(name: str, start: bytes) -> bool:  # noqa: ARG004
        """Tell by how the file begins."""
        return start.startswith(MAGIC)

    @staticmethod
    def read(path: Path, scratch: Path) -> Found:  # noqa: ARG004
        """Read a file.

        Raises:
            CheckpointCorrupt: It is damaged, of another architecture, or says what no model here does.
            MissingDependency: The library ``gguf`` or ``tokenizers`` is not installed.
        """
        import_library("gguf", "the library gguf", need="GGUF files need", install="archsmith-llama[gguf]")
        file = read_gguf(path)
        config = _configuration(file)
        names = {tensor.name: _our_name(file, tensor.name) for tensor in file.tensors if tensor.name != FACTORS}
        files = tokenizer_files(file.values, repr(str(path)), config["max_position_embeddings"])
        return Found(config, _tensors(file, names, config), files)


def _configuration(file: GgufFile) -> dict[str, Any]:
    """Return the content of config.json."""
    architecture = file.values.get("general.architecture")
    if architecture not in _ARCHITECTURES:
        raise _corrupt(file, f"general.architecture is {shown(architecture)}; expected {' or '.join(_ARCHITECTURES)}")
    if file.values.get("split.count", 1) not in (0, 1):
        count = shown(file.values["split.count"])
        raise _corrupt(file, f"it is one of {count} files of a model. Merge them with llama-gguf-split first")
    prefix = f"{architecture}."
    said = {key.removeprefix(prefix): value for key, value in file.values.items() if key.startswith(prefix)}
    if unknown := sorted(said.keys() - _FIELDS.keys() - set(_CHECKED)):
        what = shorten(f"{prefix}{key} = {shown(said[key])}" for key in unknown)
        raise _corrupt(file, f"it says {what}, which is not read, so that the model would compute something else")
    config = {field: said[key] for key, field in _FIELDS.items() if key in said}
    for key in ("context_length", "embedding_length", "block_count", "feed_forward_length", "attention.head_count"):
        if type(said.get(key)) is not int or said[key] < 1:
            raise _corrupt(file, f"{prefix}{key} is {shown(said.get(key))}; expected a positive number")
    if not isinstance(said.get("attention.layer_norm_rms_epsilon"), float):
        held = shown(said.get("attention.layer_norm_rms_epsilon"))
        raise _corrupt(file, f"{prefix}attention.layer_norm_rms_epsilon is {held}; expected a small number")
    tokens = file.values.get("tokenizer.ggml.tokens")
    config.setdefault("vocab_size", len(tokens) if isinstance(tokens, list) else None)
    head_size = config.get("head_dim", config["hidden_size"] // config["num_attention_heads"])
    _check(file, said, head_size)
    if scaling := rope_scaling(file, said, head_size):
        config["rope_parameters"] = scaling | {"rope_theta": config.pop("rope_theta", 10_000.0)}
    model_type, name = _ARCHITECTURES[architecture]
    for key, field in _TOKENS.items():
        config[field] = file.values.get(f"tokenizer.ggml.{key}_token_id")
    tied = not any(tensor.name == "output.weight" for tensor in file.tensors)
    return config | {"model_type": model_type, "architectures": [name], "tie_word_embeddings": tied}


def _check(file: GgufFile, said: Mapping[str, Any], head_size: int) -> None:
    """Refuse what the models here do not do."""
    for key in ("attention.value_length", "rope.dimension_count"):
        if said.get(key, head_size) != head_size:
            raise _corrupt(file, f"{key} is {shown(said[key])}, but heads are {head_size} wide, which must be the same")
    for key, usual in (("expert_count", 0), ("expert_used_count", 0)):
        if said.get(key, usual) != usual:
            raise _corrupt(file, f"{key} is {shown(said[key])}; expected {usual!r}, as nothing else is read from GGUF")


def _our_name(file: GgufFile, name: str) -> str:
    match = _NAME.fullmatch(name)
    layer, part, end = match.groups() if match else (None, "", "")
    ours = (_PARTS if layer is None else _LAYER_PARTS).get(part)
    if ours is None:
        raise _corrupt(file, f"the tensor {name!r} belongs to no model that is read here, and would be lost")
    return f"{ours}.{end}" if layer is None else f"model.layers.{int(layer)}.{ours}.{end}"


def _tensors(file: GgufFile, names: Mapping[str, str], config: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    heads = {"q_proj": config["num_attention_heads"]}
    heads["k_proj"] = config.get("num_key_value_heads") or heads["q_proj"]
    for tensor in file.tensors:
        if (name := names.get(tensor.name)) is None:
            continue  # a part of the configuration
        numbers = torch.from_numpy(file.load(tensor))
        count = heads.get(name.split(".")[-2]) if config["model_type"] == "llama" else None
        if count is not None:
            if numbers.shape[0] % (2 * count):
                raise _corrupt(file, f"{tensor.name!r} has {numbers.shape[0]} rows; expected a multiple of {2 * count}")
            # llama.cpp turns neighbouring numbers of a head together; here those half a head apart are.
            rows = numbers.view(count, -1, 2, *numbers.shape[1:])
            numbers = rows.transpose(1, 2).reshape(numbers.shape)
        yield name, numbers


def _corrupt(file: GgufFile, what: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(f"{str(file.path)!r}: {what}.")
