"""Which columns of a table, or keys of a JSON object, are an input."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from archsmith.errors import InputError, OptionError
from archsmith.messages import did_you_mean, shorten, shown
from archsmith_tasks.task import Task

__all__ = ["Columns"]

#: The column that is taken where none is named, by what the inputs of the task are.
_USUAL = {
    "text": ("text",),
    "image": ("image", "path", "file", "file_name"),
    "audio": ("audio", "path", "file", "file_name"),
}


class Columns:
    """The columns that make an input.

    Args:
        task: The task.
        fields: As ``--field`` has them: one name, or ``part=NAME`` for each part of an input.

    Raises:
        OptionError: They contradict each other, or the task has no such part.
    """

    def __init__(self, task: Task, fields: Sequence[str] = ()) -> None:
        self.task, self.named = task, dict[str, str]()
        for field in fields:
            part, equals, name = field.partition("=")
            part, name = (part.strip(), name) if equals else ("", field)
            if part in self.named:
                raise OptionError(f"--field names {f'the part {part!r}' if part else 'the input'} twice.")
            self._check_part(part)
            self.named[part] = name
        if "" in self.named and len(self.named) > 1:
            raise OptionError("--field names one column, or part=NAME for each part of an input; not both.")
        if "" in self.named and len(task.fields) > 1:
            parts = " ".join(f"--field {part}=NAME" for part in task.fields)
            raise OptionError(f"an input of {task.name} has several parts; name the column of each: {parts}.")
        needed = task.fields or task.optional_fields[:1]
        if self.named and "" not in self.named and (missing := [part for part in needed if part not in self.named]):
            raise OptionError(
                f"--field leaves out the part {missing[0]!r} of each input; add --field {missing[0]}=NAME."
            )

    def _check_part(self, part: str) -> None:
        known = self.task.fields or self.task.optional_fields
        if part and part not in known:
            hint = did_you_mean(part, known)
            parts = ", ".join(known) or "one part, which has no name"
            raise OptionError(f"{part!r} is not a part of an input of {self.task.name}; it has: {parts}.{hint}")

    @property
    def are_needed(self) -> bool:
        """Whether a plain text cannot be an input."""
        return bool(self.named or self.task.fields)

    @property
    def wanted(self) -> dict[str, str]:
        """Part → column, as far as something says it before a table is looked at."""
        return self.named or {part: part for part in self.task.fields}

    def chosen(self, names: Collection[str], where: str) -> dict[str, str]:
        """Return part → column for a table; the part is empty where a column is the whole input.

        Args:
            names: The columns that it has.
            where: What the table is, for a message.

        Raises:
            OptionError: A column is missing, or nothing says which to take.
        """
        wanted = self.wanted
        if not wanted:
            if self.task.optional_fields and set(self.task.optional_fields) <= set(names):
                return self._checked({part: part for part in self.task.optional_fields}, names, where)
            usual = [name for name in _USUAL[self.task.inputs] if name in names][:1]
            found = usual or [name for name in names if name != "id"]
            if len(found) != 1 or (not usual and set(found[0]) & set(";|\t")):
                raise OptionError(f"say which column of {where} is the input: --field NAME, of {shorten(names, 20)}.")
            wanted = {"": found[0]}
        return self._checked(wanted, names, where)

    def _checked(self, wanted: dict[str, str], names: Collection[str], where: str) -> dict[str, str]:
        for part, name in wanted.items():
            if name not in names:
                how = "" if self.named else f" Name the column of each part: --field {part}=NAME."
                hint = did_you_mean(name, names)
                if len(names) == 1 and ";" in next(iter(names)):
                    hint, how = " Its header holds semicolons; expected commas.", ""
                raise OptionError(f"{where} has no column {name!r}; it has: {shorten(names, 20)}.{hint}{how}")
        for name in (*wanted.values(), "id"):
            if list(names).count(name) > 1:
                raise OptionError(f"{where} has several columns {name!r}.")
        return dict(wanted)

    def value(self, row: Mapping[str, Any], chosen: Mapping[str, str], folder: Path) -> Any:
        """Return the input that a row holds, or an `InputError`. Paths of files are taken from a folder on."""
        try:
            found = {
                part: self._part(row, part, name, folder)
                for part, name in chosen.items()
                if name in row or self.named or part not in self.task.optional_fields[1:]
            }
        except InputError as error:
            return error
        return found.get("", found)

    def _part(self, row: Mapping[str, Any], part: str, name: str, folder: Path) -> Any:
        if name not in row:
            raise InputError(f"it has no {name!r}; it has: {shorten(row)}.")
        value = row[name]
        if isinstance(value, str) and "\0" in value:
            raise InputError(f"{name!r} holds a null character.")
        if self.task.inputs == "text" or part not in ("", self.task.inputs):
            return value
        if isinstance(value, Mapping) and set(value) <= {"bytes", "path"}:  # as data sets hold a file
            if value.get("bytes") is not None:
                return value
            value = value.get("path")
        if not isinstance(value, str) or not value.strip():
            raise InputError(f"{name!r} must be the path of a file, but is {shown(value)}.")
        if "://" in value:
            raise InputError(f"{name!r} is a URL, {shown(value)}; expected the path of a file.")
        return folder / value
