"""Files as inputs, one after the other: lines of text, JSON lines, CSV and Parquet. Nothing is read whole."""

import contextlib
import csv
import gzip
import io
import itertools
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from archsmith.errors import InputError
from archsmith.messages import reason, shown
from archsmith.options import import_library
from archsmith_tasks.run.columns import Columns

__all__ = ["LONGEST", "TABLES", "Item", "column_names", "parquet", "read_file", "read_stream", "suffix_of", "written"]

#: The most bytes of a line or a field; a longer one is an error.
LONGEST = 16 * 2**20
#: How the files that have columns or keys end, each also with ``.gz`` behind it, Parquet apart.
TABLES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet")
_JSON = (".jsonl", ".ndjson")
_UTF8_MARK, _UTF16_MARKS = b"\xef\xbb\xbf", (b"\xff\xfe", b"\xfe\xff")
#: So many lines of JSON are looked at for the names of the columns.
_LOOKED_AT, _LOOKED_AT_BYTES = 1000, 2**20
#: So many rows of a Parquet file are read at once.
_ROWS = 256


class Item(NamedTuple):
    """One input.

    Attributes:
        id: What it is called in the output: the row's own id, its file, or its file and line.
        value: What the task takes; an `InputError`, if there is something wrong with it already.
        size: How many bytes of the files it took, about.
    """

    id: str
    value: Any
    size: int = 0


class _Line(NamedTuple):
    number: int  # from 1 on
    text: Any  # with its end, or an InputError
    size: int


def suffix_of(path: Path) -> str:
    """Return how a file ends, in lower case and without ``.gz``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    return "".join([suffix for suffix in suffixes if suffix != ".gz"][-1:])


def read_file(path: Path, columns: Columns, *, whole: bool = False) -> Iterator[Item]:
    """Yield the inputs that a file holds, by its suffix. One that cannot be read on ends with an item that says so.

    Args:
        path: The file.
        columns: Which columns are an input.
        whole: A file of plain text is one input, and not one for each line that is not blank.

    Raises:
        OptionError: It has not the columns.
        MissingDependency: It is a Parquet file, and pyarrow is not installed.
    """
    name, suffix = written(path), suffix_of(path)
    try:
        if suffix == ".parquet":
            yield from _parquet_rows(path, name, columns)
            return
        with _opened(path) as file:
            if suffix in TABLES:
                names = column_names(path)
                chosen = None if names is None else columns.chosen(names, repr(name))
                yield from _table(file, name, suffix, columns, path.parent, chosen)
            else:
                yield from read_stream(file, name, columns, path.parent, whole=whole)
    except (OSError, EOFError, zlib.error) as error:
        yield Item(name, InputError(f"{name!r} cannot be read from here on: {reason(error)}."))
    except InputError as error:  # of its columns
        yield Item(name, error)


def read_stream(file: BinaryIO, name: str, columns: Columns, folder: Path, *, whole: bool) -> Iterator[Item]:
    """Yield the inputs of a stream: JSON lines where the task needs names, else lines of text."""
    if columns.are_needed:
        yield from _table(file, name, ".jsonl", columns, folder, columns.wanted)
    elif whole:
        raw = file.read(LONGEST + 1)
        found = InputError(f"it has more than {LONGEST:,} bytes.") if len(raw) > LONGEST else _decoded(raw, "it")
        yield Item(name, found, len(raw))
    else:
        for line in _lines(file):
            if not isinstance(line.text, str) or line.text.strip():
                value = line.text if isinstance(line.text, InputError) else line.text.rstrip("\r\n")
                if columns.task.inputs != "text" and isinstance(value, str):
                    value = folder / value
                yield Item(f"{name}:{line.number}", value, line.size)


def column_names(path: Path) -> list[str] | None:
    """Return the columns of a table, or the keys of the first objects of a JSON lines file; None: there are none.

    Raises:
        MissingDependency: It is a Parquet file, and pyarrow is not installed.
        InputError: It cannot be read.
    """
    try:
        if suffix_of(path) == ".parquet":
            return _parquet_names(path)
        with _opened(path) as file:
            if suffix_of(path) in _JSON:
                return _first_keys(file)
            _, header, _ = next(_records(file, suffix_of(path)), (0, None, 0))
            return header if isinstance(header, list) else None
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{str(path)!r} cannot be read: {reason(error)}.") from error


def _first_keys(file: BinaryIO) -> list[str] | None:
    """Return the keys of the first objects, of one at least, as far as there is one."""
    names, size = dict[str, None](), 0
    for line in itertools.islice(_lines(file), _LOOKED_AT):
        row = _object(line.text) if isinstance(line.text, str) and line.text.strip() else None
        names |= dict.fromkeys(row) if isinstance(row, dict) else {}
        size += line.size
        if names and size > _LOOKED_AT_BYTES:
            break
    return list(names) or None


def written(path: object) -> str:
    """Return a path as text that can be written anywhere: a name of a file may be no text."""
    return str(path).encode("utf-8", "backslashreplace").decode()


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with contextlib.ExitStack() as ends:
        file: BinaryIO = ends.enter_context(path.open("rb"))
        if path.suffix.lower() == ".gz":
            file = ends.enter_context(io.BufferedReader(gzip.GzipFile(fileobj=file)))
        yield file


# ---- lines --------------------------------------------------------------------------------------------------------


def _lines(file: BinaryIO) -> Iterator[_Line]:
    """Yield the lines of a file; in the place of one that is no text stands an error."""
    number = 0
    while raw := file.readline(LONGEST + 1):
        number, size = number + 1, len(raw)
        if size > LONGEST:
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(LONGEST)
                size += len(raw)
            yield _Line(number, InputError(f"line {number} has more than {LONGEST:,} bytes."), size)
            continue
        text = _decoded(raw, f"line {number}", first=number == 1)
        yield _Line(number, text, size)
        if number == 1 and raw.startswith(_UTF16_MARKS):
            return  # none of the others could be read either


def _decoded(raw: bytes, what: str, *, first: bool = True) -> str | InputError:
    if first and raw.startswith(_UTF16_MARKS):
        return InputError("the file is UTF-16; expected UTF-8. Save it as UTF-8.")
    if first:
        raw = raw.removeprefix(_UTF8_MARK)
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        wrong = f"the byte 0x{raw[error.start]:02x} at {error.start}"
        return InputError(f"{what} is not UTF-8 ({wrong}). Save the file as UTF-8.")
    return InputError(f"{what} holds a null character; it is no text.") if "\0" in text else text


# ---- tables -------------------------------------------------------------------------------------------------------


def _table(
    file: BinaryIO, name: str, suffix: str, columns: Columns, folder: Path, chosen: Mapping[str, str] | None
) -> Iterator[Item]:
    rows = _json_rows(file, name, columns) if suffix in _JSON else _csv_rows(file, suffix)
    for number, row, size in rows:
        value, identity = row, f"{name}:{number}"
        if isinstance(row, dict):
            chosen = chosen or columns.chosen(row, repr(name))
            value = columns.value(row, chosen, folder)
            identity = _id_of(row, identity)
        yield Item(identity, value, size)


def _id_of(row: Mapping[str, Any], otherwise: str) -> str:
    found = row.get("id")
    if found is None or found == "":
        return otherwise
    text = json.dumps(found, default=str) if isinstance(found, (bool, list, dict)) else str(found)
    return text.encode("utf-8", "backslashreplace").decode()


def _json_rows(file: BinaryIO, name: str, columns: Columns) -> Iterator[tuple[int, Any, int]]:
    for number, text, size in _lines(file):
        if isinstance(text, InputError) or text.strip():
            row = text if isinstance(text, InputError) else _object(text, f"line {number} of {name!r}")
            if isinstance(row, str) and columns.are_needed:
                parts = [*columns.named.values()] or [*columns.task.fields]
                wanted = ", ".join(f'"{part}": …' for part in parts)
                row = InputError(f"line {number} of {name!r} is a string; expected an object, as {{{wanted}}}.")
            yield number, row, size


def _object(text: str, line: str = "") -> Any:
    """Return the object, or the string, that a line holds; or an `InputError`, which says which line."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        return InputError(f"{line} is not JSON: {reason(error)}.")
    if not isinstance(found, (dict, str)):
        return InputError(f"{line} must be a JSON object, but is {shown(found)}.")
    return found


def _csv_rows(file: BinaryIO, suffix: str) -> Iterator[tuple[int, Any, int]]:
    header: list[str] | None = None
    for number, row, size in _records(file, suffix):
        if isinstance(row, InputError):
            yield number, row, size
            if header is None:
                return  # no other row says what its columns are
        elif header is None:
            header = row
        elif len(row) != len(header):
            yield number, InputError(f"the row has {len(row)} columns, but the header has {len(header)}."), size
        else:
            yield number, dict(zip(header, row, strict=True)), size


class _Texts:
    """The lines of a file as the csv module takes them. Unlike a generator it goes on behind an error."""

    def __init__(self, file: BinaryIO) -> None:
        self._lines, self.number, self.size = _lines(file), 0, 0

    def __iter__(self) -> "_Texts":
        return self

    def __next__(self) -> str:
        self.number, text, size = next(self._lines)
        self.size += size
        if isinstance(text, InputError):
            raise text
        return str(text)


def _records(file: BinaryIO, suffix: str) -> Iterator[tuple[int, list[str] | InputError, int]]:
    """Yield the rows of CSV, each with the line where it begins, and what it took."""
    csv.field_size_limit(LONGEST)
    texts = _Texts(file)
    reader = csv.reader(texts, delimiter="\t" if suffix == ".tsv" else ",", strict=True)
    while True:
        begin, before = texts.number + 1, texts.size
        row: list[str] | InputError
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            row = InputError(f"the row that begins in line {begin} is not CSV: {reason(error)}.")
        except InputError as error:
            row = error
        if row:  # not a blank line
            yield begin, row, texts.size - before


# ---- Parquet ------------------------------------------------------------------------------------------------------


def parquet() -> Any:
    """Import pyarrow.parquet. Raises `MissingDependency`."""
    return import_library("pyarrow.parquet", "pyarrow", need="Parquet needs", install="archsmith-tasks[parquet]")


@contextlib.contextmanager
def _parquet_file(path: Path) -> Iterator[Any]:
    library = parquet()
    from pyarrow import ArrowException

    try:
        with library.ParquetFile(path) as file:
            yield file
    except ArrowException as error:
        raise OSError(reason(error)) from error


def _parquet_names(path: Path) -> list[str]:
    with _parquet_file(path) as file:
        return list(file.schema_arrow.names)


def _parquet_rows(path: Path, name: str, columns: Columns) -> Iterator[Item]:
    with _parquet_file(path) as file:
        names = file.schema_arrow.names
        chosen = columns.chosen(names, repr(name))
        wanted = [*dict.fromkeys(chosen.values()), *(["id"] if "id" in names else [])]
        size, number = path.stat().st_size // max(1, file.metadata.num_rows), 0
        for batch in file.iter_batches(_ROWS, columns=wanted):
            for row in batch.to_pylist():
                yield Item(_id_of(row, f"{name}:{number}"), columns.value(row, chosen, path.parent), size)
                number += 1
