"""The names of a checkpoint's files, each written once."""

__all__ = [
    "ADDED_TOKENS_FILE", "CHAT_TEMPLATE_FILE", "CONFIG_FILE", "GENERATION_FILE", "INDEX_FILE", "PREPROCESSOR_FILE",
    "PROCESSOR_FILE", "SPECIAL_TOKENS_FILE", "TOKENIZER_CONFIG_FILE", "TOKENIZER_FILE", "WEIGHTS_FILE", "named",
]  # fmt: skip

#: The configuration.
CONFIG_FILE = "config.json"
#: All weights, where there are no shards.
WEIGHTS_FILE = "model.safetensors"
#: Which shard holds which tensor.
INDEX_FILE = "model.safetensors.index.json"
#: How a model generates text.
GENERATION_FILE = "generation_config.json"
#: How the turns of a conversation become a text.
CHAT_TEMPLATE_FILE = "chat_template.jinja"
#: The settings of an image processor or a feature extractor.
PREPROCESSOR_FILE = "preprocessor_config.json"
#: The settings of a processor, and of what it holds.
PROCESSOR_FILE = "processor_config.json"
#: The settings of a tokenizer.
TOKENIZER_CONFIG_FILE = "tokenizer_config.json"
#: A whole tokenizer, as the Rust library reads it.
TOKENIZER_FILE = "tokenizer.json"
#: The special tokens of a tokenizer.
SPECIAL_TOKENS_FILE = "special_tokens_map.json"
#: The tokens that were added to a vocabulary.
ADDED_TOKENS_FILE = "added_tokens.json"

#: The most characters of a name in a message.
_SHOWN = 200


def named(name: str) -> str:
    """Return a name out of a file for a message: of tensors it is the end that tells, so it is cut late."""
    return repr(name if len(name) <= _SHOWN else f"{name[:_SHOWN]}…")
