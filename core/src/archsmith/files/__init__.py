"""The files of a checkpoint, and how they are read and written. Free of torch."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.files.checkpoint import CONFIG_FILE, Checkpoint
    from archsmith.files.commit import replacing, save_folder
    from archsmith.files.weights import INDEX_FILE, TensorInfo, Weights, find_weights, total_size

__all__ = [
    "CONFIG_FILE",
    "INDEX_FILE",
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
        "checkpoint": ["CONFIG_FILE", "Checkpoint"],
        "commit": ["replacing", "save_folder"],
        "weights": ["INDEX_FILE", "TensorInfo", "Weights", "find_weights", "total_size"],
    },
)
