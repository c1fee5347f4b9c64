"""The journal of a save that changes several files: what is to be where, so that a reader sees all of it or nothing.

A save puts its new files into a folder of its own inside the checkpoint, and then a journal beside the checkpoint's
files. From that moment the new files count, wherever they lie: a reader looks through the journal until the save (or
the next one, if this one was cut short) has moved them to their places.
"""

import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from archsmith.errors import CheckpointCorrupt
from archsmith.files.paths import is_link, status_of
from archsmith.files.strictjson import encode_json, read_json
from archsmith.messages import shown

__all__ = ["JOURNAL_FILE", "OWN_PREFIX", "STAGING_PATTERN", "Journal", "Stamp", "is_plain_name", "stamp_of"]

#: How the names of all files begin that a save has for itself.
OWN_PREFIX = ".archsmith"
#: The file that says what a save is about to put in place.
JOURNAL_FILE = ".archsmith-journal.json"
#: Folders of new files.
STAGING_PATTERN = re.compile(r"\.archsmith-[0-9a-f]{16}", re.ASCII)

_FORMAT = 1

#: Size in bytes and time of the last change in nanoseconds.
Stamp = tuple[int, int]


@dataclass(frozen=True)
class Journal:
    """What one save changes in a folder.

    Attributes:
        folder: The folder.
        staging: The name of the folder inside it where the new files were written.
        new: Name of a file → the stamp of its new content.
        old: Name of a file that is replaced → the stamp of what it replaces; absent for one that is new.
        deleted: Name of a file that is deleted → its stamp.
    """

    folder: Path
    staging: str
    new: Mapping[str, Stamp]
    old: Mapping[str, Stamp]
    deleted: Mapping[str, Stamp]

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Return the journal of a save that was cut short or is being finished now; None if there is none.

        Raises:
            CheckpointCorrupt: There is one, but it is damaged or names files outside the folder.
        """
        path = folder / JOURNAL_FILE
        status = status_of(path, follow_links=False)
        if status is None:
            return None
        if not stat.S_ISREG(status.st_mode):
            raise _damaged(path, "it is not a regular file")
        try:
            values = read_json(path)
        except CheckpointCorrupt as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return None  # the save has just ended
            raise
        staging, parts = values.get("staging"), [values.get(part) for part in ("new", "old", "deleted")]
        if values.get("format") != _FORMAT:
            raise _damaged(path, f"its format is {shown(values.get('format'))}, but must be {_FORMAT}")
        if not isinstance(staging, str) or not STAGING_PATTERN.fullmatch(staging):
            raise _damaged(path, f"staging is {shown(staging)}, but must be the name of a folder of new files")
        new, old, deleted = (_stamps(path, part) for part in parts)
        if not old.keys() <= new.keys() or new.keys() & deleted.keys():
            raise _damaged(path, "what it says of replaced and deleted files contradicts itself")
        return cls(folder, staging, new, old, deleted)

    def encode(self) -> bytes:
        """Return the content of the journal's file."""
        values = {name: value for name, value in vars(self).items() if name != "folder"}
        return encode_json({"format": _FORMAT, **values})

    def find(self, name: str) -> Path | None:
        """Return where a file lies now, if there is one of that name; None if it no longer counts.

        Raises:
            CheckpointCorrupt: Another program has changed the file since the save.
        """
        target = self.folder / name
        if name in self.deleted:
            if stamp_of(target) not in (None, self.deleted[name]) or (target.is_dir() and not is_link(target)):
                raise self._changed(target)
            return None
        if name not in self.new:
            return target
        before = stamp_of(target)  # before the look at the new file: as long as that is there, this is the old one
        fresh = self.staged(name)
        if fresh is None:
            if stamp_of(target) != self.new[name]:
                raise self._changed(target)
            return target
        if before is not None and before != self.old.get(name):
            raise self._changed(target)
        return fresh

    def staged(self, name: str) -> Path | None:
        """Return where the new content of a file waits, or None if it is in its place already.

        Raises:
            CheckpointCorrupt: Another program has changed it.
        """
        above, path = self.folder / self.staging, self.folder / self.staging / name
        status = status_of(path, follow_links=False)
        if status is None:
            return None
        is_file = stat.S_ISREG(status.st_mode) and not is_link(above)
        if not is_file or (status.st_size, status.st_mtime_ns) != self.new[name]:
            raise self._changed(path)
        return path

    def _changed(self, path: Path) -> CheckpointCorrupt:
        journal, staging = self.folder / JOURNAL_FILE, self.folder / self.staging
        return CheckpointCorrupt(
            f"{str(path)!r} was changed by another program after a save that was cut short; {str(journal)!r} expects "
            f"it as it was. Restore it; or, to take the files as they lie now, delete {str(journal)!r} and "
            f"{str(staging)!r}, and check that they belong together.",
            file=str(path),
        )


def stamp_of(path: Path) -> Stamp | None:
    """Return the stamp of a file (of a link itself), or None if there is none.

    Raises:
        CheckpointCorrupt: The system refuses to say.
    """
    status = status_of(path, follow_links=False)
    return None if status is None else (status.st_size, status.st_mtime_ns)


def is_plain_name(name: str) -> bool:
    """Return whether a name is that of a file without any folder."""
    return Path(name).name == name and "\\" not in name and "\0" not in name and name not in ("", ".", "..")


def _stamps(path: Path, values: Any) -> dict[str, Stamp]:
    if not isinstance(values, dict):
        raise _damaged(path, "it must have objects under 'new', 'old' and 'deleted'")
    for name, value in values.items():
        if not is_plain_name(name) or name.startswith(OWN_PREFIX):
            raise _damaged(path, f"it names {shown(name)}; expected a plain file name without a folder")
        if not isinstance(value, list) or [type(number) for number in value] != [int, int]:
            raise _damaged(path, f"it says {shown(value)} of {shown(name)}; expected size and time")
    return {name: (size, time) for name, (size, time) in values.items()}


def _damaged(path: Path, what: str) -> CheckpointCorrupt:
    return CheckpointCorrupt(
        f"{str(path)!r}, the journal of a save that was cut short, is damaged: {what}. "
        "To take the files as they lie now, delete it, and check that they belong together.",
        file=str(path),
    )
