"""A Llama-like decoder of texts."""

from archsmith.lazy import lazy_attributes

__all__ = ["DecoderConfig", "DecoderForCausalLM", "DecoderForSequenceClassification", "DecoderModel"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["DecoderConfig"],
        "heads": ["DecoderForCausalLM", "DecoderForSequenceClassification"],
        "model": ["DecoderModel"],
    },
)
