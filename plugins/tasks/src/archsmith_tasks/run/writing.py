"""Answers as files that are whole whatever stops the run, and that a later run goes on with."""

import contextlib
import csv
import errno
import io
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from archsmith.errors import InputError, PluginError, SaveFailed
from archsmith.messages import shorten
from archsmith_tasks.results import Failure, Result
from archsmith_tasks.run.parquet import ParquetRows
from archsmith_tasks.run.rows import BEFORE, ERROR, Writer

__all__ = ["FORMATS", "held"]


class _Appended(Writer):
    """A file to whose end rows are written, each with one write; the end of a half-written one is cut."""

    _file: IO[bytes] | None = None
    _whole: tuple[int, int, int] = (0, 0, 0)  # the bytes, rows and errors that are whole: they change at one moment

    def is_there(self) -> bool:
        return self.path.exists()

    def clear(self) -> None:
        self.path.unlink(missing_ok=True)  # a link is replaced, never written through

    def begin(self) -> None:
        self._open()

    def _open(self) -> None:
        self._file = open(self.path, "r+b" if self.path.exists() else "w+b", buffering=0)  # noqa: SIM115, PTH123
        self._cut()

    def _cut(self) -> None:
        assert self._file is not None  # of us, for the type checker
        size, self.rows, self.failed = self._whole
        self._file.truncate(size)
        self._file.seek(size)

    def append(self, raw: bytes, *, rows: int = 1, failed: int) -> None:
        """Write what is a row, or several."""
        assert self._file is not None
        rest = memoryview(raw)
        while rest:
            rest = rest[self._file.write(rest) :]
        size = self._whole[0] + len(raw)
        self._whole = (size, self._whole[1] + rows, self._whole[2] + failed)
        _, self.rows, self.failed = self._whole

    def close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._cut()
            with contextlib.closing(self._file), self.refusing():
                file, self._file = self._file, None
                os.fsync(file.fileno())  # before a record says that the rows are there


class _JsonLines(_Appended):
    def resume(self) -> None:
        size = rows = failed = 0
        with self.path.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n"):
                    break  # half written
                try:
                    row = json.loads(raw)
                    wrong = row[ERROR] is not None
                except (ValueError, TypeError, LookupError):
                    raise self.no_row(rows) from None
                if row.get("index") != rows:
                    raise self.no_row(rows)
                size, rows, failed = size + len(raw), rows + 1, failed + wrong
        self._whole = (size, rows, failed)
        self._open()

    def add(self, row: Mapping[str, Any], found: Result) -> None:
        self.append(f"{_json(row)}\n".encode(), failed=isinstance(found, Failure))


#: What some programs take for the end of a line, although JSON does not.
_LINE_ENDS = {ord(each): f"\\u{ord(each):04x}" for each in "\x85\u2028\u2029"}


def _json(value: Any) -> str:
    """Return JSON on one line. Raises `InputError`: a number is not finite."""
    try:
        text = json.dumps(value, ensure_ascii=False, allow_nan=False).translate(_LINE_ENDS)
        text.encode()
    except UnicodeEncodeError:  # half of a pair of UTF-16
        return json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise InputError("the answer holds a number that is not finite.") from error
    return text


class _Csv(_Appended):
    """CSV. Its columns are known with the first answer; errors before it wait, and are written with it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._header: list[str] = []
        self._waiting: list[Mapping[str, Any]] = []

    def resume(self) -> None:
        rows = size = failed = 0
        found = list[Mapping[str, Any]]()
        for raw, cells in self._records():
            if not self._header:
                self._header = cells
                if cells[:2] != [*BEFORE] or cells[-1] != ERROR:
                    raise self.no_row(0)
            elif cells[0] != str(rows) or len(cells) != len(self._header):
                raise self.no_row(rows)
            else:
                rows, failed = rows + 1, failed + bool(cells[-1])
                if rows == failed:
                    found.append({"index": rows - 1, "id": cells[1], ERROR: cells[-1]})
            size += len(raw)
        self._whole = (size, rows, failed)
        if rows == failed:  # errors alone: what the columns are is still to be seen
            self._header, self._whole = [], (0, 0, 0)
        self._open()
        for row in found if rows == failed else ():
            self._wait(row)

    def _records(self) -> Iterator[tuple[bytes, list[str]]]:
        """Yield the whole rows of the file, as bytes and as cells. A row ends where no quote is open."""
        csv.field_size_limit(2**31 - 1)
        record = b""
        with self.path.open("rb") as file:
            for raw in file:
                record += raw
                if record.endswith(b"\n") and not record.count(b'"') % 2:
                    try:
                        (cells,) = csv.reader(io.StringIO(record.decode(), newline=""), strict=True)
                    except (ValueError, csv.Error):
                        raise self.no_row(self.rows) from None
                    yield record, cells
                    record = b""

    def add(self, row: Mapping[str, Any], found: Result) -> None:
        if isinstance(found, Failure) and not self._header:
            self._wait(row)
            return
        if not self._header:
            self._begin(list(row))
        if unknown := row.keys() - set(self._header):
            raise PluginError(f"the answer has a field {min(unknown)!r}; others had {shorten(self._header)}.")
        self.append(self._line(row), failed=isinstance(found, Failure))

    def _wait(self, row: Mapping[str, Any]) -> None:
        self._waiting.append(row)
        self.rows, self.failed = len(self._waiting), len(self._waiting)

    def _begin(self, header: list[str]) -> None:
        self._header, waiting = header, self._waiting
        raw = b"".join([self._line(dict(zip(header, header, strict=True))), *map(self._line, waiting)])
        self.append(raw, rows=len(waiting), failed=len(waiting))
        self._waiting = []

    def _line(self, row: Mapping[str, Any]) -> bytes:
        buffer = io.StringIO(newline="")
        cells = [row.get(name) for name in self._header]
        csv.writer(buffer, lineterminator="\r\n").writerow(  # so that cells with either of the two are quoted
            "" if cell is None else cell if isinstance(cell, str) else _json(cell) for cell in cells
        )
        return f"{buffer.getvalue()[:-2]}\n".encode("utf-8", "backslashreplace")

    def close(self) -> None:
        try:
            if self._file is not None and not self._header:
                with self.refusing():
                    self._begin([*BEFORE, *self.fields, ERROR])
        finally:
            super().close()


#: How the file ends → what writes it.
FORMATS: dict[str, type[Writer]] = {".jsonl": _JsonLines, ".csv": _Csv, ".parquet": ParquetRows}


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Keep other runs from writing the same file. Raises `SaveFailed`: one does."""
    try:
        import fcntl
    except ImportError:  # on Windows an open file cannot be replaced anyway
        yield
        return
    lock = path.with_name(f"{path.name}.lock")
    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            is_ours = lock.exists() and os.path.samestat(os.fstat(handle), lock.stat())
        except OSError as error:
            is_ours = error.errno not in (errno.EWOULDBLOCK, errno.EAGAIN)  # else the file system has no locks
        if not is_ours:
            raise SaveFailed(f"another run is writing {str(path)!r}. Wait for it, or choose another file.")
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
    finally:
        os.close(handle)
