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
from archsmith.files.weights import TensorInfo, Weights, encode_metadata, find_weights, read_weights, total_size

__all__ = [
    "CONFIG_FILE", "INDEX_FILE", "PREPROCESSOR_FILE", "PROCESSOR_FILE", "TOKENIZER_CONFIG_FILE",
    "TOKENIZER_FILE",
    "Checkpoint", "FromPretrained", "TensorInfo", "Weights", "encode_json", "encode_metadata",
    "find_weights", "local_path", "parse_json", "read_bytes", "read_json", "read_weights", "replacing", "save_folder",
    "total_size", "write_file", "write_files",
]  # fmt: skip
