"""SampleNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.config import SampleNetConfig
    from archsmith_sample_net.model import (
        SampleNetForSequenceClassification,
        SampleNetModel,
        SampleNetPreTrainedModel,
    )
    from archsmith_sample_net.tokenizer import (
        SampleNetTokenizer,
        SampleNetTokenizerFast,
    )

__all__ = [
    "SampleNetConfig",
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
        "model": [
            "SampleNetForSequenceClassification",
            "SampleNetModel",
            "SampleNetPreTrainedModel",
        ],
        "tokenizer": ["SampleNetTokenizer", "SampleNetTokenizerFast"],
    },
)
