"""The files of a checkpoint: where they are, which may be read, and how JSON is read and written. Free of torch."""

import contextlib
import json
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from archsmith.errors import CheckpointCorrupt, CheckpointNotFound, OptionError, SaveFailed

__all__ = ["CONFIG_FILE", "Checkpoint", "encode_json", "read_json", "refuse_remote_code", "write_file"]

CONFIG_FILE = "config.json"
MAX_JSON_BYTES = 16 * 2**20
MAX_JSON_DEPTH = 64

_JSON_KINDS = {list: "a list", str: "a string", int: "a number", float: "a number", bool: "true or false"}
_JSON_KINDS |= {type(None): "null"}
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # as JSON escapes it
_SURROGATE_HALF = re.compile("[\ud800-\udfff]")
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)


@dataclass
class Checkpoint:
    """A folder on disk or a repository on the hub, opened for reading.

    Attributes:
        source: What the user named: a path or a hub id.
        folder: The local folder, or None for a hub repository.
        subfolder: A folder below it that holds the files; empty for the top.
        revision: Branch, tag or commit. After the first file of a hub repository it is that file's commit, so that
            all files come from one state of the repository.
        token: Access token for the hub.
        cache_dir: Where the hub's files are kept; None for the hub library's own choice.
        local_files_only: Ask the cache alone.
    """

    source: str
    folder: Path | None
    subfolder: str = ""
    revision: str | None = None
    token: str | bool | None = None
    cache_dir: str | os.PathLike[str] | None = None
    local_files_only: bool = False
    _files: dict[str, Path | None] = field(default_factory=dict)

    @classmethod
    def open(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        subfolder: str = "",
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
    ) -> "Checkpoint":
        """Open a local folder of that name if there is one, else the hub repository of that id.

        Nothing is read yet, and a local folder never leads to the network.

        Args:
            id_or_path: A folder, or a hub id such as ``"distilbert/distilbert-base-uncased"``.

        Raises:
            CheckpointNotFound: It is neither a folder nor a possible hub id.
            OptionError: ``id_or_path`` is no path, or ``subfolder`` leads out of the folder.
        """
        folder = local_path("a checkpoint", id_or_path)
        source = os.fspath(id_or_path)
        if not isinstance(subfolder, str) or "\0" in subfolder:  # type: ignore[redundant-expr]
            raise OptionError(f"subfolder must be a folder's name, but is {subfolder!r}.")
        if Path(subfolder).is_absolute() or ".." in Path(subfolder).parts:
            raise OptionError(f"subfolder must lie inside the checkpoint, but is {subfolder!r}.")
        mode = mode_of(folder)
        if mode is not None and stat.S_ISDIR(mode):
            return cls(source, folder, subfolder)
        if mode is not None:
            raise CheckpointNotFound(
                f"{source!r} is {_kind(mode)}; expected the folder that holds it, {str(folder.parent)!r}."
            )
        if not _HUB_ID.fullmatch(source):
            raise CheckpointNotFound(f"there is no folder {source!r} (working directory: {working_directory()}).")
        return cls(source, None, subfolder, revision, token, cache_dir, local_files_only)

    def find(self, name: str) -> Path | None:
        """Return the path of one file, fetched from the hub if need be, or None if the checkpoint has no such file.

        Raises:
            CheckpointCorrupt: The name is no plain file name, or leads to something that is not a regular file.
            HubError: The hub could not be asked.
        """
        if name not in self._files:
            self._files[name] = self._find(name)
        return self._files[name]

    def path(self, name: str) -> Path:
        """Return the path of one file that must be there.

        Raises:
            CheckpointNotFound: There is no such file.
            CheckpointCorrupt, HubError: As `find`.
        """
        found = self.find(name)
        if found is None:
            where = f"{self.source!r}" + (f", subfolder {self.subfolder!r}" if self.subfolder else "")
            raise CheckpointNotFound(f"{where} has no file {name!r}.{self.listing()}", source=self.source, file=name)
        return found

    def read_json(self, name: str, *, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
        """Read a JSON object that must be there. Raises as `path` and `read_json`."""
        return read_json(self.path(name), max_bytes=max_bytes)

    def _find(self, name: str) -> Path | None:
        if Path(name).name != name or "\\" in name or "\0" in name or name in ("", ".", ".."):
            raise CheckpointCorrupt(
                f"{self.source!r} refers to a file {name!r}; expected a plain file name without a folder."
            )
        if self.folder is not None:
            path = self.folder / self.subfolder / name
            mode = mode_of(path)
            if mode is None:
                if path.is_symlink():
                    raise CheckpointCorrupt(f"{str(path)!r} is a link that leads nowhere. Restore or delete it.")
                return None
            if not stat.S_ISREG(mode):
                raise CheckpointCorrupt(f"{str(path)!r} is not a regular file (it is {_kind(mode)}).")
            return path
        from archsmith import hub

        found = hub.fetch(self, name)
        if found is not None:
            self.revision = hub.commit_of(found, self.subfolder) or self.revision
        return found

    def listing(self) -> str:
        """Return a sentence that says what there is instead of a missing file, as far as it is known."""
        if self.folder is None:
            from archsmith import hub

            offline = hub.is_offline(self)
            return " The hub was not asked, only its cache, which may hold a part of the repository." if offline else ""
        try:
            names = sorted(entry.name for entry in (self.folder / self.subfolder).iterdir())
        except OSError:
            return ""
        shown = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")  # noqa: PLR2004
        return f" It holds: {shown or 'nothing'}."


def refuse_remote_code(trust_remote_code: object) -> None:
    """Refuse the option that would run code out of a checkpoint.

    Raises:
        OptionError: The option is anything but None or False.
    """
    if trust_remote_code is not None and trust_remote_code is not False:
        raise OptionError(
            "trust_remote_code is refused: archsmith never runs code that comes with a checkpoint. "
            "Install the plugin that provides the architecture instead."
        )


def read_json(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """Read a JSON file that holds an object.

    Args:
        path: A regular file.
        max_bytes: Refuse a larger one.

    Raises:
        CheckpointCorrupt: The file is too large, too deeply nested, not UTF-8, not JSON, not an object, names a key
            twice, or holds a number that JSON does not have (NaN, Infinity).
    """
    try:
        with path.open("rb") as file:
            raw = file.read(max_bytes + 1)
    except OSError as error:
        raise CheckpointCorrupt(f"{str(path)!r} can not be read: {reason(error)}.") from error
    if len(raw) > max_bytes:
        raise CheckpointCorrupt(f"{str(path)!r} is larger than {max_bytes:,} bytes; too large for a file of its kind.")
    return parse_json(raw, str(path))


def parse_json(raw: bytes, where: str) -> dict[str, Any]:
    """Parse a JSON object strictly. Raises `CheckpointCorrupt` as `read_json`; ``where`` names the file."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CheckpointCorrupt(f"{where!r} is not UTF-8 text (byte {error.start}).") from error
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite)
    except RecursionError as error:
        raise CheckpointCorrupt(f"{where!r} is nested deeper than {MAX_JSON_DEPTH} levels.") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise CheckpointCorrupt(f"{where!r} is not JSON: {error.msg} ({place}).{_looks_like(text)}") from error
    except ValueError as error:
        raise CheckpointCorrupt(f"{where!r}: {error}.") from error
    if not isinstance(value, dict):
        raise CheckpointCorrupt(f"{where!r} must hold a JSON object, but holds {_JSON_KINDS[type(value)]}.")
    if _depth_exceeds(value, MAX_JSON_DEPTH):
        raise CheckpointCorrupt(f"{where!r} is nested deeper than {MAX_JSON_DEPTH} levels.")
    if _SURROGATE.search(text) and (half := _half_character(value)):
        raise CheckpointCorrupt(f"{where!r} holds {half!r}, which is half a character and no text.")
    return value


def encode_json(value: Mapping[str, Any]) -> bytes:
    """Return sorted JSON with a two-space indent and a final newline, as UTF-8."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def write_file(path: Path, content: bytes) -> None:
    """Put a file in place whole. Raises `SaveFailed`; then nothing was replaced, and nothing is left beside it."""
    with replacing(path) as (beside,):
        beside.write_bytes(content)


@contextlib.contextmanager
def replacing(*paths: Path) -> Iterator[list[Path]]:
    """Yield a new, empty file beside each path; on success flush all to disk, then rename one after the other.

    A link is replaced, never written through; the mode follows the umask.

    Args:
        *paths: Files of one folder, in the order in which they are to be replaced.

    Raises:
        SaveFailed: The system refused; the old files stand, and the new ones are deleted.
    """
    besides = [path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp") for path in paths]
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            raise SaveFailed(f"{str(path)!r} can not be written: a folder has that name. Move it away.")
    try:
        for beside in besides:
            os.close(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
        mode = besides[0].stat().st_mode
        yield besides
        for beside in besides:
            beside.chmod(mode)  # safetensors puts a private file of its own in place of an empty one
            with beside.open("rb+") as file:
                os.fsync(file.fileno())
        for path, beside in zip(paths, besides, strict=True):
            beside.replace(path)
        _flush_folder(paths[0].parent)
    except SaveFailed:
        raise
    except (OSError, ValueError) as error:
        what = paths[0] if len(paths) == 1 else paths[0].parent
        raise SaveFailed(f"{str(what)!r} can not be written: {reason(error)}.") from error
    finally:
        for beside in besides:
            with contextlib.suppress(OSError, ValueError):
                beside.unlink()


def _flush_folder(folder: Path) -> None:
    """Make renames durable. Where a folder can not be flushed, the system's own order has to do."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def save_folder(save_directory: str | os.PathLike[str]) -> Path:
    """Make the folder that a save goes to, if it is not there.

    Raises:
        SaveFailed: It can not be made, or something else has its name.
        OptionError: It is no path.
    """
    folder = local_path("save_directory", save_directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except FileExistsError as error:
        raise SaveFailed(f"the folder {str(folder)!r} can not be made: something else has that name.") from error
    except (OSError, ValueError) as error:
        raise SaveFailed(f"the folder {str(folder)!r} can not be made: {reason(error)}.") from error
    return folder


def local_path(what: str, value: str | os.PathLike[str]) -> Path:
    """Return a path with ``~`` expanded; nothing is looked up.

    Raises:
        OptionError: The value is no path.
    """
    text: object = os.fspath(value) if isinstance(value, str | os.PathLike) else None  # type: ignore[redundant-expr]
    if not isinstance(text, str) or not text:
        raise OptionError(f"{what} must be named by a path, but got {value!r}.")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise OptionError(f"{what} is {text!r}, but there is no such home directory.") from error


def mode_of(path: Path) -> int | None:
    """Return what a path, links followed, leads to (as `os.stat` says it), or None if there is nothing.

    Raises:
        CheckpointCorrupt: The system refuses to say.
    """
    try:
        return path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return None  # ValueError: no file can have such a name
    except OSError as error:
        raise CheckpointCorrupt(f"{str(path)[:500]!r} can not be read: {reason(error)}.") from error


def working_directory() -> str:
    """Return the working directory, for messages."""
    try:
        return str(Path.cwd())
    except OSError:
        return "deleted"


def reason(error: Exception) -> str:
    """Return why the system refused something."""
    return getattr(error, "strerror", None) or str(error)


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    if stat.S_ISREG(mode):
        return "a file"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or a socket"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return value


def _no_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _looks_like(text: str) -> str:
    start = text.lstrip()[:40].lower()
    if not start:
        return " The file is empty."
    if start.startswith("version https://git-lfs"):
        return " It is a Git LFS pointer; fetch the real file with: git lfs pull"
    if start.startswith(("<!doctype", "<html")):
        return " It is a web page; the download went wrong."
    return ""


def _half_character(value: Any) -> str | None:
    """Return a key or a text that UTF-8 can not hold, because it has one half of a surrogate pair."""
    if isinstance(value, str):
        return value[:40] if _SURROGATE_HALF.search(value) else None
    children = [*value, *value.values()] if isinstance(value, dict) else value if isinstance(value, list) else []
    return next((half for child in children if (half := _half_character(child)) is not None), None)


def _depth_exceeds(value: Any, limit: int) -> bool:
    level = [value]
    for _ in range(limit):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True
