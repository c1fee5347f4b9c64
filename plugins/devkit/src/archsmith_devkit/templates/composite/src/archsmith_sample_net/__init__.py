"""SampleNet for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.config import (
        SampleNetConfig,
        SampleNetTextConfig,
        SampleNetVisionConfig,
    )
    from archsmith_sample_net.image_processor import SampleNetImageProcessor
    from archsmith_sample_net.model import (
        SampleNetModel,
        SampleNetPreTrainedModel,
    )
    from archsmith_sample_net.processor import SampleNetProcessor
    from archsmith_sample_net.tokenizer import (
        SampleNetTokenizer,
        SampleNetTokenizerFast,
    )

__all__ = [
    "SampleNetConfig",
    "SampleNetImageProcessor",
    "SampleNetModel",
    "SampleNetPreTrainedModel",
    "SampleNetProcessor",
    "SampleNetTextConfig",
    "SampleNetTokenizer",
    "SampleNetTokenizerFast",
    "SampleNetVisionConfig",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": [
            "SampleNetConfig",
            "SampleNetTextConfig",
            "SampleNetVisionConfig",
        ],
        "image_processor": ["SampleNetImageProcessor"],
        "model": [
            "SampleNetModel",
            "SampleNetPreTrainedModel",
        ],
        "processor": ["SampleNetProcessor"],
        "tokenizer": [
            "SampleNetTokenizer",
            "SampleNetTokenizerFast",
        ],
    },
)
