"""SampleNet's preprocessing for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_sample_net.image_processor import SampleNetImageProcessor
    from archsmith_sample_net.processor import SampleNetProcessor
    from archsmith_sample_net.tokenizer import (
        SampleNetTokenizer,
        SampleNetTokenizerFast,
    )

__all__ = [
    "SampleNetImageProcessor",
    "SampleNetProcessor",
    "SampleNetTokenizer",
    "SampleNetTokenizerFast",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "image_processor": ["SampleNetImageProcessor"],
        "processor": ["SampleNetProcessor"],
        "tokenizer": [
            "SampleNetTokenizer",
            "SampleNetTokenizerFast",
        ],
    },
)
