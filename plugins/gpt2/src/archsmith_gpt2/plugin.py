"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield GPT-2."""
    yield Architecture(
        model_type="gpt2",
        config="archsmith_gpt2.config:GPT2Config",
        models={
            "base": "archsmith_gpt2.model:GPT2Model",
            "causal-lm": "archsmith_gpt2.heads:GPT2LMHeadModel",
            "sequence-classification": "archsmith_gpt2.heads:GPT2ForSequenceClassification",
            "token-classification": "archsmith_gpt2.heads:GPT2ForTokenClassification",
        },
        tokenizer="GPT2Tokenizer",
        tokenizer_fast="GPT2TokenizerFast",
        tiny={"vocab_size": 40, "n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_inner": 24},
        presets={
            "openai-community/gpt2": {},
            "openai-community/gpt2-medium": {"n_embd": 1024, "n_layer": 24, "n_head": 16},
            "openai-community/gpt2-large": {"n_embd": 1280, "n_layer": 36, "n_head": 20},
            "openai-community/gpt2-xl": {"n_embd": 1600, "n_layer": 48, "n_head": 25},
            "distilbert/distilgpt2": {"n_layer": 6},
        },
    )
