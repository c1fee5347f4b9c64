"""What the files of a sentence-transformers folder say about how a text becomes a vector. Free of torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from archsmith.errors import CheckpointCorrupt
from archsmith.files import CONFIG_FILE, Checkpoint, parse_json, read_bytes
from archsmith.messages import shorten, shown

__all__ = ["POOLINGS", "SentenceFiles", "model_folder", "module_folders", "read_sentence_files"]

#: The ways to make one vector of those of the tokens, in the order in which several are put side by side.
_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
POOLINGS = tuple(_FLAGS.values())
_MODULES = "modules.json"
_PROMPTS = "config_sentence_transformers.json"
#: Where the length stands: the first that is there.
_MODELS = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
_LENGTHS = [f"sentence_{name}_config.json" for name in _MODELS]


@dataclass(frozen=True)
class SentenceFiles:
    """How a text becomes a vector; without files: its tokens' mean.

    Attributes:
        pooling: Of `POOLINGS`, whose vectors are put side by side.
        normalize: Whether the vector gets the length one.
        max_seq_length: The most tokens of a text; None: what the model reads.
        truncates: Whether a longer text is cut.
        lowers: Whether texts are made lower-case before.
        prompts: Name → what is put before a text.
        default_prompt: The name of the one that is put before it unless another is asked for.
        pools_prompt: Whether the tokens of that count for the vector.
    """

    pooling: tuple[str, ...] = ("mean",)
    normalize: bool = False
    max_seq_length: int | None = None
    truncates: bool = False
    lowers: bool = False
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    pools_prompt: bool = True


def read_sentence_files(checkpoint: Checkpoint | None, width: int | None) -> SentenceFiles:
    """Return what a folder says.

    Args:
        checkpoint: The folder; None, or without modules.json: it says nothing.
        width: That of the model's vectors, if it is known.

    Raises:
        CheckpointCorrupt: A file is broken, or names what cannot be done here.
    """
    if checkpoint is None or checkpoint.find(_MODULES) is None:
        return SentenceFiles()
    names, places = _modules(checkpoint)
    pooling, pools_prompt = _pooling(_inside(checkpoint, places["Pooling"]), width)
    inner = _inside(checkpoint, places["Transformer"])
    length_file = next((name for name in _LENGTHS if inner.find(name)), None)
    lengths = inner.read_json(length_file) if length_file else {}
    prompts = checkpoint.read_json(_PROMPTS) if checkpoint.find(_PROMPTS) else {}
    found = SentenceFiles(
        pooling=pooling,
        normalize="Normalize" in names,
        max_seq_length=_typed(inner, length_file or "", lengths, "max_seq_length", int, None),
        truncates=True,
        lowers=_typed(inner, length_file or "", lengths, "do_lower_case", bool, default=False),
        prompts=_typed(checkpoint, _PROMPTS, prompts, "prompts", dict, {}),
        default_prompt=_typed(checkpoint, _PROMPTS, prompts, "default_prompt_name", str, None),
        pools_prompt=pools_prompt,
    )
    if found.max_seq_length is not None and found.max_seq_length < 1:
        raise _wrong(inner, length_file, f"max_seq_length must be at least 1, but is {found.max_seq_length}")
    if not all(isinstance(each, str) for pair in found.prompts.items() for each in pair):
        raise _wrong(checkpoint, _PROMPTS, f"prompts must map names to texts, but is {shown(found.prompts)}")
    if found.default_prompt is not None and found.default_prompt not in found.prompts:
        raise _wrong(checkpoint, _PROMPTS, f"default_prompt_name {found.default_prompt!r} is none of prompts")
    return found


def model_folder(checkpoint: Checkpoint) -> str:
    """Return the folder of the model below that of the checkpoint, which modules.json may name; empty: the same.

    Raises:
        CheckpointCorrupt: modules.json is broken.
    """
    if checkpoint.find(CONFIG_FILE) is not None:
        return ""
    return next((path for name, path in module_folders(checkpoint) if name.endswith(".Transformer")), "")


def module_folders(checkpoint: Checkpoint) -> list[tuple[str, str]]:
    """Return the type and the folder of each module, in their order; without modules.json none.

    Raises:
        CheckpointCorrupt: modules.json is broken.
    """
    if checkpoint.find(_MODULES) is None:
        return []
    text = read_bytes(checkpoint.path(_MODULES)).removeprefix(b"\xef\xbb\xbf")
    listed = parse_json(b'{"modules":' + text + b"}", str(checkpoint.path(_MODULES)), max_values=1000)["modules"]
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise _wrong(checkpoint, _MODULES, f"it must hold a list of modules, but holds {shown(listed)}")
    found = [(str(each.get("type")), each.get("path", "")) for each in listed]
    for _, path in found:
        if not isinstance(path, str) or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise _wrong(checkpoint, _MODULES, f"path must be a folder inside, but is {shown(path)}")
    return found


def _modules(checkpoint: Checkpoint) -> tuple[list[str], dict[str, str]]:
    """Return the names of the modules in their order, and the folder of each."""
    listed = module_folders(checkpoint)
    names = [each.rpartition(".")[2] for each, _ in listed]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]) or not all(
        each.startswith("sentence_transformers.") for each, _ in listed
    ):
        raise _wrong(
            checkpoint,
            _MODULES,
            f"it names the modules {shorten(each for each, _ in listed)}, but archsmith can do a Transformer, its "
            "Pooling and Normalize, in this order. Take the model as an object for its tokens' mean: pipeline(task, "
            "AutoModel.from_pretrained(…), tokenizer=…)",
        )
    places = {name: path for name, (_, path) in zip(names, listed, strict=True)}
    if places["Transformer"] not in ("", ".") and checkpoint.find(CONFIG_FILE) is not None:
        raise _wrong(
            checkpoint,
            _MODULES,
            f"its Transformer is in {places['Transformer']!r}, but there is a {CONFIG_FILE} in the top folder too. "
            "Remove the one that is not meant",
        )
    return names, places


def _inside(checkpoint: Checkpoint, path: str) -> Checkpoint:
    below = str(PurePosixPath(checkpoint.subfolder, path))
    names = ("revision", "token", "cache_dir", "local_files_only")
    return Checkpoint.open(checkpoint.source, subfolder=below, **{name: getattr(checkpoint, name) for name in names})


def _pooling(folder: Checkpoint, width: int | None) -> tuple[tuple[str, ...], bool]:
    """Return the ways to pool, and whether the tokens of a prompt count."""
    values = folder.read_json("config.json")
    given = values.get("pooling_mode", [name for key, name in _FLAGS.items() if values.get(key)] or "mean")
    names = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else ()
    flags = [key for key, value in values.items() if key.startswith("pooling_mode_") and value]
    if unknown := [key for key in flags if key not in _FLAGS]:
        raise _wrong(folder, "config.json", f"{unknown[0]} is a way to pool that archsmith does not have")
    if not names or not set(names) <= set(POOLINGS):
        raise _wrong(folder, "config.json", f"pooling_mode must be of {', '.join(POOLINGS)}, but is {shown(given)}")
    stored = values.get("embedding_dimension", values.get("word_embedding_dimension", width))
    if width is not None and stored != width:
        raise _wrong(folder, "config.json", f"the vectors have {stored} numbers, but those of the model {width}")
    return names, _typed(folder, "config.json", values, "include_prompt", bool, default=True)


def _typed(checkpoint: Checkpoint, file: str, values: Mapping[str, Any], key: str, kind: type, default: Any) -> Any:
    value = values.get(key)
    if value is None:
        return default
    if type(value) is not kind:
        raise _wrong(checkpoint, file, f"{key} must be of the type {kind.__name__}, but is {shown(value)}")
    return value


def _wrong(checkpoint: Checkpoint, file: str | None, said: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(f"{str(checkpoint.path(file or _MODULES))!r}: {said}.")
