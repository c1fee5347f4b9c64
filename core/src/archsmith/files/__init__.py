"""The files of a checkpoint, and how they are read and written. Free of torch."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.files.checkpoint import Checkpoint
    from archsmith.files.commit import replacing, save_folder, write_file, write_files
    from archsmith.files.names import (
        CONFIG_FILE,
        INDEX_FILE,
        PREPROCESSOR_FILE,
        PROCESSOR_FILE,
        TOKENIZER_CONFIG_FILE,
        TOKENIZER_FILE,
    )
    from archsmith.files.paths import local_path
    from archsmith.files.pretrained import FromPretrained
    from archsmith.files.strictjson import encode_json, parse_json, read_bytes, read_json
    from archsmith.files.weights import TensorInfo, Weights, find_weights, read_weights, total_size

__all__ = [
    "CONFIG_FILE", "INDEX_FILE", "PREPROCESSOR_FILE", "PROCESSOR_FILE", "TOKENIZER_CONFIG_FILE",
    "TOKENIZER_FILE",
    "Checkpoint", "FromPretrained", "TensorInfo", "Weights", "encode_json",
    "find_weights", "local_path", "parse_json", "read_bytes", "read_json", "read_weights", "replacing", "save_folder",
    "total_size", "write_file", "write_files",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "checkpoint": ["Checkpoint"],
        "commit": ["replacing", "save_folder", "write_file", "write_files"],
        "names": [
            "CONFIG_FILE", "INDEX_FILE", "PREPROCESSOR_FILE", "PROCESSOR_FILE", "TOKENIZER_CONFIG_FILE",
            "TOKENIZER_FILE",
        ],
        "paths": ["local_path"],
        "pretrained": ["FromPretrained"],
        "strictjson": ["encode_json", "parse_json", "read_bytes", "read_json"],
        "weights": ["TensorInfo", "Weights", "find_weights", "read_weights", "total_size"],
    },
)  # fmt: skip
