"""The files of a checkpoint: where they are, and which may be read. Free of torch."""

import contextlib
import itertools
import os
import re
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from archsmith.errors import ArchsmithError, CheckpointCorrupt, CheckpointNotFound, OptionError
from archsmith.files import hub
from archsmith.files.journal import OWN_PREFIX, Journal, is_plain_name
from archsmith.files.paths import kind_of, local_path, mode_of, near_folder, open_file, state_of, working_directory
from archsmith.files.strictjson import MAX_JSON_BYTES, MAX_JSON_VALUES, parse_json, read_bytes
from archsmith.messages import announce, looks_like, shorten, shown
from archsmith.options import drop_inert, read_flags

__all__ = ["Checkpoint", "refuse_remote_code"]

#: Options that say where on the hub, and where inside, a checkpoint lies.
_HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "subfolder")

#: Options for the hub that mean nothing here: name → harmless values, and what to do in place of others.
_INERT: dict[str, tuple[tuple[Any, ...], str]] = {
    "force_download": ((False, None), "Delete the file from the hub's cache"),
    "mirror": ((None,), "Set the variable HF_ENDPOINT"),
    "proxies": ((None,), "Set the variables HTTP_PROXY and HTTPS_PROXY"),
    "use_auth_token": ((None, False), "Pass token"),
    **dict.fromkeys(["_commit_hash", "_from_auto", "_from_pipeline", "resume_download", "user_agent"], ((), "")),
}
#: How often a folder is read that is saved anew each time meanwhile.
_ATTEMPTS = 50
#: What a name led to that could not be looked up, or whose file was gone before it could be looked at.
_REFUSED = "refused"
#: So many names of a folder are looked at for a message.
_LOOKED_AT = 2_000
_LONGEST_ID = 96
#: How a name begins that can be nothing but a path.
_PATH = re.compile(r"\.{0,2}[/\\]|~|\.{1,2}$|[A-Za-z]:[/\\]")

_Result = TypeVar("_Result")


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
    _warnings: list[str] = field(default_factory=list)
    _files: dict[str, Path | None] = field(default_factory=dict)
    _contents: dict[str, bytes] = field(default_factory=dict)
    _seen: dict[str, object] = field(default_factory=dict)  # what each name led to
    _journal: Journal | None = None
    _names: dict[str, str] | None = None  # of a checkpoint of one file: what it is called → its name

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
        own_file: str = "",
    ) -> "Checkpoint":
        """Open a local folder of that name if there is one, else the hub repository of that id.

        Nothing is read yet, and a local folder never leads to the network.

        Args:
            id_or_path: A folder, or a hub id such as ``"distilbert/distilbert-base-uncased"``.
            own_file: The name of a file that is all that is wanted, so that its path, under whatever name, will do too.

        Raises:
            CheckpointNotFound: It is neither a folder nor a possible hub id, or it is a near miss of a folder within a
                folder that is here, and no option says that the hub is meant.
            OptionError: ``id_or_path`` is not a path, ``subfolder`` leads out of the folder, or an option is wrong.
        """
        folder = local_path("a checkpoint", id_or_path)
        source, hint = os.fspath(id_or_path), ""
        if not isinstance(subfolder, str) or "\0" in subfolder:  # type: ignore[redundant-expr]
            raise OptionError(f"subfolder must be a folder's name, but is {subfolder!r}.")
        if Path(subfolder).is_absolute() or ".." in Path(subfolder).parts:
            raise OptionError(f"subfolder must lie inside the checkpoint, but is {subfolder!r}.")
        _check_hub_options(revision, token, cache_dir, local_files_only)
        mode = mode_of(folder)
        if mode is not None and stat.S_ISDIR(mode):
            return cls(source, folder, subfolder)
        if mode is not None and own_file and stat.S_ISREG(mode):
            return cls(source, folder.parent, _names={own_file: folder.name})
        if mode is not None:
            with contextlib.suppress(OSError, CheckpointCorrupt), open_file(folder) as file:
                hint = looks_like(file.read(4096))
            raise CheckpointNotFound(
                f"{source!r} is {kind_of(mode)}; expected the folder that holds it, {str(folder.parent)!r}.{hint}"
            )
        checkpoint = cls(source, None, subfolder, revision, token, cache_dir, local_files_only)
        checkpoint._refuse_path()
        return checkpoint

    @classmethod
    def open_with(
        cls, id_or_path: str | os.PathLike[str], options: dict[str, Any], *, own_file: str = ""
    ) -> "Checkpoint":
        """Open with those of many options that say how, and take them out, with `_INERT`. Raises as `open`."""
        drop_inert(options, _INERT)
        hub_options = {name: options.pop(name) for name in _HUB_OPTIONS if name in options}
        return cls.open(id_or_path, own_file=own_file, **hub_options)

    def find(self, name: str) -> Path | None:
        """Return the path of one file, fetched from the hub if need be, or None if the checkpoint has no such file.

        Raises:
            CheckpointCorrupt: The name is no plain file name, or leads to something that is not a regular file.
            HubError: The hub could not be asked.
        """
        if self._names is not None and name not in self._names:
            return None
        if name not in self._files:
            self._seen[name] = _REFUSED  # unless it is found
            found = self._find(name)
            state = None if found is None else state_of(found)
            self._seen[name] = (found, state) if state else found and _REFUSED
            self._files[name] = found
        return self._files[name]

    def read_consistent(self, read: Callable[[], _Result]) -> _Result:
        """Return what a function reads from several files, all of them from one state of the folder.

        If files were saved anew while it read, what it read or raised does not count, and it reads again, whatever the
        files say of themselves. Of a file that could not be looked at nobody can tell whether it changed, and one that
        is missing may be on its way, so an error about these has to come twice.

        Args:
            read: It finds every file by this checkpoint.

        Raises:
            CheckpointCorrupt: The folder changes faster than it can be read.
            ArchsmithError: As ``read``.
        """
        said = None
        for attempt in range(1, _ATTEMPTS + 1):
            for known in (self._files, self._contents, self._seen, self._warnings):
                known.clear()
            try:
                result = read()
            except ArchsmithError as error:
                unsure = isinstance(error, CheckpointNotFound) or _REFUSED in self._seen.values()
                if not self._changed() and (self.folder is None or not unsure or said == str(error)):
                    raise
                said = str(error)
                time.sleep(0.002 * attempt)  # each pause is longer
            else:
                if not self._changed():
                    for message in self._warnings:
                        announce(message)
                    return result
        raise CheckpointCorrupt(
            f"{self.source!r} was saved anew each of the {_ATTEMPTS} times that it was read. Load it between two saves."
        )

    def warn(self, message: str) -> None:
        """Warn of something in the files, once what is being read counts (see `read_consistent`)."""
        self._warnings.append(message)

    def path(self, name: str) -> Path:
        """Return the path of one file that must be there.

        Raises:
            CheckpointNotFound: There is no such file.
            CheckpointCorrupt, HubError: As `find`.
        """
        found = self.find(name)
        if found is None:
            where = f"{self.source!r}" + (f", subfolder {self.subfolder!r}" if self.subfolder else "")
            raise CheckpointNotFound(
                f"{where} has no file {name!r}.{self.listing(name)}", source=self.source, file=name
            )
        return found

    def read_json(self, name: str, *, max_bytes: int = MAX_JSON_BYTES) -> dict[str, Any]:
        """Read a JSON object that must be there; the file is read once, however often it is asked for.

        Raises:
            CheckpointNotFound, CheckpointCorrupt, HubError: As `path`, and as `archsmith.files.read_json`.
        """
        path = self.path(name)
        if name not in self._contents:
            self._contents[name] = read_bytes(path, max_bytes=max_bytes)
        # Anew, because whoever got the values may change them.
        return parse_json(self._contents[name], str(path), max_values=MAX_JSON_VALUES)

    def _refuse_path(self) -> None:
        """Refuse what is no hub id, and what is rather a local path. Raises `CheckpointNotFound`."""
        where = f"there is no folder {shown(self.source)} (working directory: {working_directory()})"
        begin, slash, _ = self.source.partition("/")
        if _PATH.match(self.source):
            raise CheckpointNotFound(f"{where}.{near_folder(self.source)}")
        if not hub.HUB_ID.fullmatch(self.source) or len(self.source) > _LONGEST_ID:
            raise CheckpointNotFound(
                f"{where}, and it is not a valid hub id: expected 'name' or 'owner/name', of letters, digits, '-', '_' "
                f"and '.', without '--', '..' or '.git', at most {_LONGEST_ID} characters.{near_folder(self.source)}"
            )
        is_meant = (self.revision, self.token, self.cache_dir, self.local_files_only) != (None, None, None, False)
        hint = near_folder(self.source) if slash and not is_meant and not hub.is_offline(local_files_only=False) else ""
        if f"'./{begin}/" in hint:
            raise CheckpointNotFound(
                f"{where}, and the hub is not asked for it because {begin!r} is a folder here.{hint} If the repository "
                'on the hub is meant, pass revision="main".'
            )

    def _find(self, name: str) -> Path | None:
        if not is_plain_name(name):
            raise CheckpointCorrupt(
                f"{self.source!r} refers to a file {name!r}; expected a plain file name without a folder."
            )
        if self.folder is not None:
            folder = self.folder / self.subfolder
            if not self._files:
                self._journal = Journal.read(folder)
            name = name if self._names is None else self._names[name]
            path = self._journal.find(name) if self._journal else folder / name
            if path is None:
                return None
            mode = mode_of(path)
            if mode is None:
                if path.is_symlink():
                    raise CheckpointCorrupt(f"{str(path)!r} is a link that leads nowhere. Restore or delete it.")
                return None
            if not stat.S_ISREG(mode):
                raise CheckpointCorrupt(f"{str(path)!r} is not a regular file (it is {kind_of(mode)}).")
            return path
        found = hub.fetch(self.source, name, **{option: getattr(self, option) for option in _HUB_OPTIONS})
        if found is not None:
            self.revision = hub.commit_of(found, self.subfolder) or self.revision
        return found

    def _changed(self) -> bool:
        """Return whether a name that was looked up leads to something else by now, or another save goes on."""
        again = Checkpoint(self.source, self.folder, self.subfolder, _names=self._names)
        for name in self._seen if self.folder is not None else ():
            with contextlib.suppress(CheckpointCorrupt):
                again.find(name)
            if again._seen[name] != self._seen[name] or again._journal != self._journal:
                return True
        return False

    def names(self) -> list[str]:
        """Return the names in the local folder, as far as they can be shown and there are not too many of them."""
        if self.folder is None:
            return []
        with contextlib.suppress(OSError), os.scandir(self.folder / self.subfolder) as entries:
            found = sorted(entry.name for entry in itertools.islice(entries, _LOOKED_AT))
            return [name if name.isprintable() else shown(name) for name in found if not name.startswith(OWN_PREFIX)]
        return []

    def listing(self, missing: str = "") -> str:
        """Return a sentence that says what there is instead of a missing file, as far as it is known."""
        if self.folder is None:
            offline = hub.is_offline(self.local_files_only)
            return " The hub was not asked, only its cache, which may hold a part of the repository." if offline else ""
        if not (place := self.folder / self.subfolder).is_dir():
            whole = Checkpoint(self.source, self.folder)
            folders = [name for name in whole.names() if (self.folder / name).is_dir()]
            return f" There is no such subfolder; there is: {shorten(folders)}."
        names = self.names()
        inside = [name for name in names if missing and (place / name / missing).is_file()]
        hint = f" It is in the subfolder {shorten(inside)}." if inside else ""
        if not hint and missing == "config.json" and any(name.endswith((".safetensors", ".bin")) for name in names):
            hint = " Weights do not say of which model they are: save it with save_pretrained."
        return f" It holds: {', '.join(names[:8]) + (', …' if len(names) > 8 else '') or 'nothing'}.{hint}"  # noqa: PLR2004


def _check_hub_options(revision: object, token: object, cache_dir: object, local_files_only: object) -> None:
    read_flags(local_files_only=local_files_only)
    for name, value, kinds, what in (
        ("revision", revision, str, "a branch, a tag or a commit"),
        ("cache_dir", cache_dir, (str, os.PathLike), "the path of a folder"),
    ):
        if value is not None and not (isinstance(value, kinds) and value):
            raise OptionError(f"{name} must be {what}, or None, but is {shown(value)}.")
    is_text = isinstance(token, str) and re.fullmatch("[!-~]+", token)
    if token is not None and not isinstance(token, bool) and not is_text:  # which no message may show
        raise OptionError("token must be a string without spaces and line breaks, True, False or None.")


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
