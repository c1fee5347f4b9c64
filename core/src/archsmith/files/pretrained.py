"""``from_pretrained``: how every object is read from a folder, a hub id or its own file. Free of torch."""

import os
import re
from typing import Any, ClassVar, Self, final

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files.checkpoint import Checkpoint, refuse_remote_code
from archsmith.files.paths import local_path
from archsmith.files.strictjson import read_bytes
from archsmith.messages import announce, shown
from archsmith.options import known_as

__all__ = ["FromPretrained"]

#: The most bytes of a side file.
_SIDE_BYTES = 2**20


class FromPretrained:
    """What is read from the files of a checkpoint. A subclass says how, in `read`, which the Auto classes call as well.

    Attributes:
        own_file: The file that holds all of it, whose path may be given in place of its folder; empty: there is none.
        side_file_names: Files that it carries along without reading them, see `side_files`.
    """

    own_file: ClassVar[str] = ""
    side_file_names: ClassVar[tuple[str, ...]] = ()

    @property
    def side_files(self) -> dict[str, bytes]:
        """Name → content of the files that are carried along: read with it, and written in the same save.

        They are those that ``side_file_names`` names, each UTF-8 and of at most 1 MiB, as ``chat_template.jinja`` of a
        tokenizer and ``generation_config.json`` of a model. Whoever understands one may change it here; what is taken
        out is deleted by the next save into its folder.
        """
        found: dict[str, bytes] = self.__dict__.setdefault("_side_files", {})
        return found

    def read_side_files(self, checkpoint: Checkpoint) -> None:
        """Take along what an opened checkpoint has of `side_files`.

        Raises:
            CheckpointCorrupt: One is too large, or not UTF-8.
        """
        for name in self.side_file_names:
            if (path := checkpoint.find(name)) is not None:
                content = read_bytes(path, max_bytes=_SIDE_BYTES)
                if not _is_text(content):
                    raise CheckpointCorrupt(f"{str(path)!r} is not UTF-8 text. Restore or delete it.")
                self.side_files[name] = content

    def side_contents(self) -> dict[str, bytes]:
        """Return what a save writes of `side_files`.

        Raises:
            OptionError: One is not a file that is carried along, or is not UTF-8 of at most 1 MiB.
        """
        for name, content in self.side_files.items():
            if name not in self.side_file_names:
                raise OptionError(
                    f"{type(self).__name__} does not carry {shown(name)} along, only "
                    f"{', '.join(self.side_file_names) or 'no file'}. Take it out of side_files."
                )
            if not _is_text(content) or len(content) > _SIDE_BYTES:
                raise OptionError(f"side_files[{name!r}] must be UTF-8 bytes, at most 1 MiB, but is {shown(content)}.")
        return dict(self.side_files)

    @final
    @classmethod
    @known_as(pretrained_model_name_or_path="id_or_path")
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        subfolder: str = "",
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> Self:
        """Read it from a folder, a hub id, or, where one file holds all of it, a path to that file.

        Args:
            id_or_path: A local folder if there is one of that name, which never leads to the network; else a hub id.
            revision: Branch, tag or commit on the hub.
            token: Access token for the hub.
            cache_dir: Where the hub's files are kept.
            local_files_only: Do not ask the hub, only its cache.
            subfolder: A folder inside the checkpoint that holds the files.
            trust_remote_code: Refused, for the reason that the error gives.
            **options: What `read` takes.

        Raises:
            CheckpointNotFound, CheckpointCorrupt, HubError: The files cannot be had or are damaged.
            ArchsmithError: As `read`.
        """
        refuse_remote_code(trust_remote_code)
        options |= {
            "revision": revision,
            "token": token,
            "cache_dir": cache_dir,
            "local_files_only": local_files_only,
            "subfolder": subfolder,
        }
        checkpoint = Checkpoint.open_with(id_or_path, options, own_file=cls.own_file)
        return checkpoint.read_consistent(lambda: cls.read(checkpoint, **options))

    @classmethod
    def read(cls, checkpoint: Checkpoint, **options: Any) -> Self:
        """Read it from an opened checkpoint."""
        raise NotImplementedError

    def superseded_files(self, save_directory: str | os.PathLike[str], *patterns: str) -> re.Pattern[str]:
        """Return what matches the names of `side_files` and some patterns: a save deletes what it does not replace.

        Of a file beside these that would go, which somebody else may have written, it is told.
        """
        folder = local_path("save_directory", save_directory)
        for name in [
            name for name in self.side_file_names if name not in self.side_files and os.path.lexists(folder / name)
        ]:
            announce(
                f"{str(folder / name)!r} is deleted: it belongs to what was saved there before. To keep it with this "
                f"{type(self).__name__} put its content into side_files[{name!r}]."
            )
        return re.compile("|".join([*patterns, *map(re.escape, self.side_file_names)]))


def _is_text(content: Any) -> bool:
    return isinstance(content, bytes) and content.decode(errors="ignore").encode() == content
