"""Answers as a Parquet file."""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from archsmith.errors import PluginError
from archsmith.messages import reason
from archsmith_tasks.results import Failure, Result
from archsmith_tasks.run.reading import parquet
from archsmith_tasks.run.rows import BEFORE, ERROR, Writer, flush

__all__ = ["ParquetRows"]


class ParquetRows(Writer):
    """Parquet, to which nothing can be appended: rows are kept in parts beside it, which become one file at the end."""

    ROWS: ClassVar[int] = 2048
    SECONDS: ClassVar[float] = 10.0

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.library = parquet()
        self._folder = path.with_name(f"{path.name}.parts")
        self._merged = self._folder / "merged"
        self._waiting: list[Mapping[str, Any]] = []
        self._types: dict[str, Any] = {}
        self._since, self._is_open = time.monotonic(), False

    @property
    def kept(self) -> int:  # noqa: D102
        return self.rows - len(self._waiting)

    def is_there(self) -> bool:  # noqa: D102
        return self.path.exists() or self._folder.exists()

    def clear(self) -> None:  # noqa: D102
        self.path.unlink(missing_ok=True)
        if self._folder.exists():
            shutil.rmtree(self._folder)

    def begin(self) -> None:  # noqa: D102
        self._folder.mkdir()
        self._is_open = True

    def _part(self, first: int) -> Path:
        return self._folder / f"{first:015d}.parquet"

    def _parts(self) -> list[Path]:
        return sorted(self._folder.glob("*.parquet"))

    def resume(self) -> None:  # noqa: D102
        self._folder.mkdir(exist_ok=True)
        self._merged.unlink(missing_ok=True)
        if self.path.exists():
            for part in self._parts():  # the merged file has their rows too: it was killed before it deleted them
                part.unlink()
            self.path.rename(self._part(0))
        for part in self._parts():
            try:
                table = self.library.read_table(part, columns=["index", ERROR])
            except (OSError, ValueError):
                raise self.no_row(self.rows) from None
            if table["index"].to_pylist() != list(range(self.rows, self.rows + len(table))):
                raise self.no_row(self.rows)
            self.rows += len(table)
            self.failed += len(table) - table[ERROR].null_count
        self._is_open = True

    def add(self, row: Mapping[str, Any], found: Result) -> None:  # noqa: D102
        for name in row:
            value = getattr(found, name, None)
            if hasattr(value, "dtype") and hasattr(value, "ndim"):
                self._types[name] = _list_type(value)
        self._waiting.append(row)
        self.rows += 1
        self.failed += isinstance(found, Failure)
        if len(self._waiting) >= self.ROWS or time.monotonic() - self._since > self.SECONDS:
            self._flush()

    def _flush(self) -> None:
        """Write what waits. If this is cut short, it is done again, under the same name."""
        if self._waiting:
            beside = self._merged.with_suffix(".part")
            table = self._table(self._waiting)
            try:
                self.library.write_table(table, beside)
            except NotImplementedError as error:  # it has no objects without names
                raise _mixed(error) from error
            flush(beside)
            beside.replace(self._part(self._waiting[0]["index"]))
        self._waiting, self._since = [], time.monotonic()

    def _table(self, rows: list[Mapping[str, Any]]) -> Any:
        import pyarrow as pa

        names = dict.fromkeys(name for row in rows for name in row if name != ERROR)
        types = self._types | {"index": pa.int64(), "id": pa.string(), ERROR: pa.string()}
        columns = {}
        for name in (*BEFORE, *(name for name in names if name not in BEFORE), ERROR):
            values = [row.get(name) for row in rows]
            try:
                columns[name] = pa.array(values, type=types.get(name))
            except UnicodeEncodeError:  # half of a pair of UTF-16
                columns[name] = pa.array(_encodable(values), type=types.get(name))
            except (pa.ArrowException, OverflowError) as error:
                raise _mixed(error) from error
        return pa.table(columns)

    def close(self) -> None:  # noqa: D102
        if not self._is_open:
            return
        with self.refusing():
            self._flush()
            self._merge()
        self._is_open = False

    def _merge(self) -> None:
        import pyarrow as pa

        parts = self._parts()
        schemas = [self.library.read_schema(part) for part in parts] or [self._table([]).schema]
        try:
            schema = pa.unify_schemas(schemas, promote_options="permissive")
        except pa.ArrowException as error:
            raise _mixed(error) from error
        found = [each for each in schema if each.name != ERROR]
        if len(found) == len(BEFORE):  # there is no answer
            found += [pa.field(name, pa.null()) for name in self.fields]
        schema = pa.schema([*found, schema.field(ERROR)])
        with self.library.ParquetWriter(self._merged, schema) as merged:
            for part in parts:
                with self.library.ParquetFile(part) as file:
                    for number in range(file.num_row_groups):
                        merged.write_table(_conformed(file.read_row_group(number), schema))
        flush(self._merged)  # before the parts go, whose rows it has
        self._merged.replace(self.path)
        shutil.rmtree(self._folder)


def _list_type(value: Any) -> Any:
    import pyarrow as pa

    found = pa.from_numpy_dtype(value.dtype)
    for _ in range(value.ndim):
        found = pa.list_(found)
    return found


def _conformed(table: Any, schema: Any) -> Any:
    """Return a table with the columns and types of a schema that fits it."""
    import pyarrow as pa

    columns = []
    for field in schema:
        column = table[field.name] if field.name in table.column_names else pa.nulls(len(table), field.type)
        try:
            columns.append(column.cast(field.type))
        except pa.ArrowException:  # older ones do not cast an object to one with more names
            columns.append(pa.array(column.to_pylist(), field.type))
    return pa.table(columns, schema=schema)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_encodable(each) for each in value]
    return {name: _encodable(each) for name, each in value.items()} if isinstance(value, dict) else value


def _mixed(error: Exception) -> PluginError:
    return PluginError(
        f"the answers cannot become Parquet, which has one type for each column: {reason(error)}. Write .jsonl."
    )
