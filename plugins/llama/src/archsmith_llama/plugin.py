"""What this distribution provides, by name."""

from collections.abc import Iterator
from typing import Any

from archsmith.plugin import Architecture, hookimpl

_TINY: dict[str, Any] = {
    "vocab_size": 40,
    "hidden_size": 24,
    "intermediate_size": 20,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 16,
    "rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 100.0},
}


def _sized(width: int, inside: int, layers: int, heads: int, shared: int, **more: Any) -> dict[str, Any]:
    names = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads")
    return {**dict(zip(names, (width, inside, layers, heads, shared), strict=True)), "rms_norm_eps": 1e-5, **more}


_LLAMA2: dict[str, Any] = {"max_position_embeddings": 4096}
_LLAMA3: dict[str, Any] = {"vocab_size": 128256, "bos_token_id": 128000, "eos_token_id": 128001, "rope_theta": 5e5}
_SCALED: dict[str, Any] = {"rope_type": "llama3", "low_freq_factor": 1.0, "high_freq_factor": 4.0}
_SCALED |= {"factor": 8.0, "original_max_position_embeddings": 8192}
_LLAMA31: dict[str, Any] = _LLAMA3 | {"max_position_embeddings": 131072, "rope_scaling": _SCALED}
_SMOLLM2: dict[str, Any] = {"vocab_size": 49152, "max_position_embeddings": 8192, "rope_theta": 1e5}
_SMOLLM2 |= {"tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 0}
_CHAT = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2}
_QWEN2: dict[str, Any] = {"bos_token_id": 151643, "eos_token_id": 151643, "rope_theta": 1e6, "rms_norm_eps": 1e-6}
_QWEN2 |= {"max_position_embeddings": 131072}
_LLAMA_PRESETS = {
    "meta-llama/Llama-2-7b-hf": _sized(4096, 11008, 32, 32, 32, **_LLAMA2),
    "meta-llama/Llama-2-13b-hf": _sized(5120, 13824, 40, 40, 40, **_LLAMA2),
    "meta-llama/Meta-Llama-3-8B": _sized(4096, 14336, 32, 32, 8, max_position_embeddings=8192, **_LLAMA3),
    "meta-llama/Llama-3.1-8B": _sized(4096, 14336, 32, 32, 8, **_LLAMA31),
    "meta-llama/Llama-3.2-1B": _sized(2048, 8192, 16, 32, 8, head_dim=64, tie_word_embeddings=True, **_LLAMA31)
    | {"rope_scaling": _SCALED | {"factor": 32.0}},
    "HuggingFaceTB/SmolLM2-135M": _sized(576, 1536, 30, 9, 3, **_SMOLLM2),
    "HuggingFaceTB/SmolLM2-135M-Instruct": _sized(576, 1536, 30, 9, 3, **_SMOLLM2 | _CHAT),
    "HuggingFaceTB/SmolLM2-360M": _sized(960, 2560, 32, 15, 5, **_SMOLLM2),
    "HuggingFaceTB/SmolLM2-1.7B": _sized(2048, 8192, 24, 32, 32, **_SMOLLM2 | {"rope_theta": 130000.0}),
}
_MISTRAL = _sized(4096, 14336, 32, 32, 8, max_position_embeddings=32768)
_MISTRAL_PRESETS = {
    "mistralai/Mistral-7B-v0.1": _MISTRAL,
    "mistralai/Mistral-7B-v0.3": _MISTRAL | {"vocab_size": 32768, "sliding_window": None, "rope_theta": 1e6},
}
_QWEN2_PRESETS = {
    "Qwen/Qwen2-0.5B": _sized(896, 4864, 24, 14, 2, tie_word_embeddings=True, **_QWEN2),
    "Qwen/Qwen2.5-7B": _sized(3584, 18944, 28, 28, 4, vocab_size=152064, **_QWEN2),
}


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield Llama, Mistral and Qwen2."""
    names = {"LlamaTokenizer": "LlamaTokenizerFast"}
    yield _architecture("Llama", tiny=_TINY, presets=_LLAMA_PRESETS, aliases=names)
    yield _architecture("Mistral", tiny=_TINY | {"sliding_window": 5}, presets=_MISTRAL_PRESETS)
    tiny = _TINY | {"sliding_window": 5, "max_window_layers": 1}
    kinds = {"tokenizer": "Qwen2Tokenizer", "tokenizer_fast": "Qwen2TokenizerFast"}
    yield _architecture("Qwen2", tiny=tiny, presets=_QWEN2_PRESETS, **kinds)


def _architecture(name: str, **more: Any) -> Architecture:
    tasks = {
        "base": "Model",
        "causal-lm": "ForCausalLM",
        "sequence-classification": "ForSequenceClassification",
        "token-classification": "ForTokenClassification",
    }
    return Architecture(
        model_type=name.lower(),
        config=f"archsmith_llama.config:{name}Config",
        models={task: f"archsmith_llama.published:{name}{end}" for task, end in tasks.items()},
        **{"tokenizer_fast": "archsmith_llama.tokenizer:LlamaTokenizerFast", **more},
    )
