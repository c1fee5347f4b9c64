"""What the arguments of ``archsmith run`` name: texts, files, folders, globs, and standard input."""

import hashlib
import os
import re
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from archsmith.errors import InputError, OptionError
from archsmith.messages import announce, did_you_mean, reason, shorten, shown
from archsmith_tasks.run.columns import Columns
from archsmith_tasks.run.reading import TABLES, Item, column_names, read_file, read_stream, suffix_of, written
from archsmith_tasks.task import Task

__all__ = ["Inputs"]

STDIN = "-"
_TEXTS = (".txt", ".text", ".md")
_FILES = {
    "text": _TEXTS,
    "image": (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"),
    "audio": (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aiff", ".aif", ".au"),
}
#: How paths end that nobody writes as a text.
_KNOWN = {*(suffix for suffixes in _FILES.values() for suffix in suffixes), *TABLES, ".json", ".gz", ".zip", ".pdf"}
_GLOB = re.compile(r"[*?[]")
#: A word that ends as a file does, whichever kind it is: ``data.xlsx``, ``reviews.csvv``.
_SUFFIX = re.compile(r"\w\.[a-z]\w{1,4}$")
#: A glob, and not a word with a star or a question: ``*.log``, ``data-*.log``, ``notes.*``.
_STAR = re.compile(r"\*[^.]*\.\w+$|\w\.\*$")


class _Given(NamedTuple):
    kind: str  # "text", "stdin", "file", "folder" or "glob"
    text: str


class Inputs:
    """The inputs that arguments name, in their order. They are read anew each time that one loops over them.

    Args:
        arguments: What the user wrote.
        task: The task.
        columns: Which columns of tables are an input.
        whole: A file of plain text is one input.
        as_texts: Every argument is a text, whatever it looks like.

    Attributes:
        is_one: Whether it is a single text.
        size: The bytes of all files; None where standard input is among them.

    Raises:
        OptionError: There is no such file, none in a folder, or none with the columns.
        InputError: A table cannot be read.
    """

    def __init__(
        self, arguments: Sequence[str], task: Task, columns: Columns, *, whole: bool = False, as_texts: bool = False
    ) -> None:
        self.task, self.columns, self.whole = task, columns, whole
        if list(arguments).count(STDIN) > 1 and not as_texts:
            raise OptionError("standard input, '-', can be read once.")
        self._given = [_Given("text", each) if as_texts else self._known(each) for each in arguments]
        if whole and not any(map(self._may_be_plain, self._given)):
            raise OptionError("--whole is for files of plain text, and there is none among the inputs. Leave it out.")
        self._described = [self._describe(given) for given in self._given]
        sizes = [each.get("bytes") for each in self._described]
        self.size = None if None in sizes else sum(filter(None, sizes))
        self.is_one = [given.kind for given in self._given] == ["text"]

    def _known(self, text: str) -> _Given:
        """Return what an argument is. Raises `OptionError`: it looks like a path where there is nothing."""
        if text == STDIN:
            return _Given("stdin", text)
        path = _path(text)
        try:
            mode = path.stat().st_mode if text else None
        except (OSError, ValueError):  # it is too long for a path, for one
            mode = None
        if mode is not None and stat.S_ISDIR(mode):
            return _Given("folder", str(path))
        if mode is not None and stat.S_ISREG(mode):
            return _Given("file", str(path))
        if mode is not None:
            raise OptionError(f"{text!r} is neither a file nor a folder. Send it to standard input: … | archsmith run")
        looks_like_path = self.task.inputs != "text" or _looks_like_path(text)
        if _GLOB.search(text) and looks_like_path:
            return _Given("glob", str(path))
        if looks_like_path:
            hint = _near(path) or (" If it is a text, pass --text." if self.task.inputs == "text" else "")
            raise OptionError(f"there is no file {shown(text)} (working directory: {str(Path.cwd())!r}).{hint}")
        return _Given("text", text)

    def _may_be_plain(self, given: _Given) -> bool:
        if self.task.inputs != "text" or self.columns.are_needed or given.kind == "text":
            return False
        return given.kind != "file" or suffix_of(Path(given.text)) not in TABLES

    # ---- what a record says of them ---------------------------------------------------------------------------

    def describe(self) -> list[dict[str, Any]]:
        """Return what tells these inputs from others: of files where they are, their size, and when they changed."""
        return self._described

    def reads(self, path: Path) -> bool:
        """Return whether a file or a folder is among the inputs, or would be if it were there."""
        place = path.resolve()
        for given in self._given:
            if given.kind in ("file", "folder") and place.is_relative_to(Path(given.text).resolve()):
                return True
            if given.kind == "glob" and place.match(str(Path(given.text).absolute())):
                return True
        return False

    def _describe(self, given: _Given) -> dict[str, Any]:
        if given.kind in ("text", "stdin"):
            if given.kind == "stdin":
                return {"standard input": True}
            if self.columns.are_needed:
                self.columns.chosen(_object(given.text, self.columns), "the input")
            raw = given.text.encode("utf-8", "surrogatepass")
            return {"text": hashlib.sha256(raw).hexdigest(), "bytes": len(raw)}
        state: os.stat_result | None = None
        digest, size, count, skipped = hashlib.sha256(), 0, 0, Counter[str]()
        for path in self._files(given, skipped):
            try:
                state = path.stat()
            except OSError as error:
                raise InputError(f"{str(path)!r} cannot be read: {reason(error)}.") from error
            self._check_file(path)
            digest.update(f"{os.fsencode(path)!r} {state.st_size} {state.st_mtime_ns}\n".encode())
            size, count = size + state.st_size, count + 1
        if skipped:
            kinds = shorten([f"{number} {suffix or 'without a suffix'}" for suffix, number in skipped.most_common()], 5)
            announce(f"{given.text!r}: files that are not {self._noun} are left out: {kinds}.")
        if not count:
            raise OptionError(f"{given.text!r} holds no {self._noun}.")
        found = {"path": written(Path(given.text).absolute()), "files": count, "bytes": size}
        if given.kind == "file" and state is not None:
            return found | {"modified_ns": state.st_mtime_ns}
        return found | {"sizes_and_times": digest.hexdigest()}

    @property
    def _noun(self) -> str:
        return {"text": "texts or tables", "image": "images or tables", "audio": "recordings or tables"}[
            self.task.inputs
        ]

    def _check_file(self, path: Path) -> None:
        suffix = suffix_of(path)
        if suffix == ".json" and self.task.inputs == "text":
            raise OptionError(f"{str(path)!r} is JSON; expected JSON lines (.jsonl): one object a line.")
        if suffix in TABLES:
            names = column_names(path)
            if names is not None:
                self.columns.chosen(names, repr(str(path)))
        elif self.columns.named or (self.task.fields and self.task.inputs == "text"):
            parts = ", ".join(self.columns.named.values() or self.task.fields)
            raise OptionError(
                f"{str(path)!r} has no columns, and so no {parts}; expected a file that ends in {', '.join(TABLES)}."
            )

    # ---- reading ------------------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[Item]:
        for number, given in enumerate(self._given):
            if given.kind == "text":
                value: Any = given.text
                if self.columns.are_needed:
                    row = _object(value, self.columns)
                    value = self.columns.value(row, self.columns.chosen(row, "the input"), Path())
                yield Item(f"argument {number + 1}", value, len(given.text))
            elif given.kind == "stdin":
                if sys.stdin is None:
                    raise OptionError("there is no standard input to read: it is closed.")
                with os.fdopen(os.dup(sys.stdin.fileno()), "rb") as file:
                    yield from read_stream(file, STDIN, self.columns, Path(), whole=self.whole)
            else:
                for path in self._files(given, Counter()):
                    yield from self._read(path)

    def _read(self, path: Path) -> Iterator[Item]:
        if self.task.inputs == "text" or suffix_of(path) in TABLES:
            yield from read_file(path, self.columns, whole=self.whole)
        else:
            value: Any = {self.task.inputs: path} if self.task.fields else path
            yield Item(written(path), value, path.stat().st_size if path.exists() else 0)

    def _files(self, given: _Given, skipped: "Counter[str]") -> Iterator[Path]:
        if given.kind == "file":
            yield Path(given.text)
        elif given.kind == "folder":
            yield from self._below(Path(given.text), skipped)
        else:
            pattern = Path(given.text)
            try:
                found = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
            except ValueError as error:
                raise OptionError(f"{given.text!r} is not a glob: {reason(error)}.") from error
            seen = [path for path in found if not any(p[0] == "." and p not in pattern.parts for p in path.parts)]
            if not seen:
                hint = " If it is a text, pass --text." if self.task.inputs == "text" else ""
                raise OptionError(
                    f"no file is named like {given.text!r} (working directory: {str(Path.cwd())!r}).{hint}"
                )
            for path in seen:
                if path.is_dir():
                    if "**" not in given.text:
                        yield from self._below(path, skipped)
                else:
                    yield path

    def _below(self, folder: Path, skipped: "Counter[str]") -> Iterator[Path]:
        """Yield the files of a folder and of those in it, sorted; hidden ones and links to folders are left out."""
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            raise InputError(f"{str(folder)!r} cannot be read: {reason(error)}.") from error
        for entry in entries:
            path = folder / entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from self._below(path, skipped)
            elif entry.is_file() and suffix_of(path) in (*_FILES[self.task.inputs], *TABLES):
                yield path
            else:
                skipped[path.suffix.lower()] += 1


def _object(text: str, columns: Columns) -> dict[str, Any]:
    """Return the JSON object that an argument is. Raises `OptionError`: it is none, and has to be one."""
    import json

    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, dict):
        return found
    parts = [*columns.named.values()] if columns.named else [*columns.task.fields]
    wanted = ", ".join(f'"{part}": …' for part in parts)
    raise OptionError(f"an input is a JSON object, {{{wanted}}}, or a file of such; but got {shown(text)}.")


def _path(text: str) -> Path:
    try:
        return Path(text).expanduser()
    except RuntimeError:  # there is no such user
        return Path(text)


def _looks_like_path(text: str) -> bool:
    """Return whether nobody means a text: it ends as files do, or has a separator and no blank."""
    if "\n" in text or not text.strip():
        return False
    if text.startswith(("./", "../", "~/", "/")) or Path(text).suffix.lower() in _KNOWN:
        return True
    if re.search(r"\s", text):
        return False
    is_named_as_one = "/" in text or os.sep in text or bool(_SUFFIX.search(text) or _STAR.search(text))
    return is_named_as_one or _names_files(text)


def _names_files(text: str) -> bool:
    """Return whether a glob without a folder has files here. A question, and [MASK], mean themselves."""
    return any(mark in text for mark in "*?") and any(fnmatchcase(path.name, text) for path in Path().iterdir())


def _near(path: Path) -> str:
    try:
        beside = [str(each) for each in path.parent.iterdir()]
    except (OSError, ValueError):
        return ""
    return did_you_mean(str(path), beside, cutoff=0.8)
