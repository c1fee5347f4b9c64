"""SampleNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.config import SampleNetConfig
    from archsmith_sample_net.heads import (
        SampleNetForCausalLM,
        SampleNetForSequenceClassification,
    )
    from archsmith_sample_net.model import (
        SampleNetModel,
        SampleNetPreTrainedModel,
    )
    from archsmith_sample_net.tokenizer import (
        SampleNetTokenizer,
        SampleNetTokenizerFast,
    )

__all__ = [
    "SampleNetConfig",
    "SampleNetForCausalLM",
    "SampleNetForSequenceClassification",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
    "SampleNetTokenizer",
    "SampleNetTokenizerFast",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["SampleNetConfig"],
        "heads": [
            "SampleNetForCausalLM",
            "SampleNetForSequenceClassification",
        ],
        "model": [
            "SampleNetModel",
            "SampleNetPreTrainedModel",
        ],
        "tokenizer": [
            "SampleNetTokenizer",
            "SampleNetTokenizerFast",
        ],
    },
)
