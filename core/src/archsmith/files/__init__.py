"""The files of a checkpoint, and how they are read and written. Free of torch."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.files.checkpoint import Checkpoint
    from archsmith.files.commit import replacing, save_folder
    from archsmith.files.names import (
        CONFIG_FILE,
        INDEX_FILE,
        PREPROCESSOR_FILE,
        PROCESSOR_FILE,
        TOKENIZER_CONFIG_FILE,
    )
    from archsmith.files.weights import TensorInfo, Weights, find_weights, total_size

__all__ = [
    "CONFIG_FILE",
    "INDEX_FILE",
    "PREPROCESSOR_FILE",
    "PROCESSOR_FILE",
    "TOKENIZER_CONFIG_FILE",
    "Checkpoint",
    "TensorInfo",
    "Weights",
    "find_weights",
    "replacing",
    "save_folder",
    "total_size",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "checkpoint": ["Checkpoint"],
        "commit": ["replacing", "save_folder"],
        "names": ["CONFIG_FILE", "INDEX_FILE", "PREPROCESSOR_FILE", "PROCESSOR_FILE", "TOKENIZER_CONFIG_FILE"],
        "weights": ["TensorInfo", "Weights", "find_weights", "total_size"],
    },
)
