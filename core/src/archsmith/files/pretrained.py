"""``from_pretrained``: how every object is read from a folder, a hub id or its own file. Free of torch."""

import os
import re
import tempfile
from typing import Any, ClassVar, Self, final

from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import hub
from archsmith.files.checkpoint import Checkpoint, refuse_remote_code
from archsmith.files.paths import local_path
from archsmith.files.strictjson import read_bytes
from archsmith.messages import announce, shown
from archsmith.options import checked_call, drop_inert, known_as

__all__ = ["FromPretrained"]

#: The most bytes of a side file.
_SIDE_BYTES = 2**20
#: Options of saving that mean nothing here: name → harmless values, and what to do in place of others.
_INERT: dict[str, tuple[tuple[Any, ...], str]] = {
    "distributed_checkpoint": ((False, None), "Save with torch.distributed.checkpoint"),
    "filename_prefix": ((None,), "Rename the files afterwards, or save into a folder of another name"),
    "legacy_format": ((None, False), "Leave it out: files are written in one way"),
    "safe_serialization": ((True, None), "Leave it out: weights are always written as safetensors files"),
    "variant": ((None,), "Save into a folder of another name"),
    **dict.fromkeys(["save_function", "save_original_format", "save_peft_format", "use_temp_dir"], ((), "")),
}
#: Those that mean something only in an upload.
_FOR_HUB = dict.fromkeys((*hub.UPLOAD_OPTIONS, "repo_id"), ((None, False), "Pass push_to_hub=True with it"))


class FromPretrained:
    """What is read from the files of a checkpoint. A subclass says how, in `read`, which the Auto classes call as well.

    Attributes:
        own_file: The file that holds all of it, whose path may be given in place of its folder; empty: there is none.
        side_file_names: Files that it carries along without reading them, see `side_files`.
    """

    own_file: ClassVar[str] = ""
    side_file_names: ClassVar[tuple[str, ...]] = ()
    _superseded: ClassVar[tuple[str, ...]] = ()  # patterns of what a save deletes beside the side files

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

    @checked_call
    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        *,
        is_main_process: bool = True,
        push_to_hub: bool = False,
        repo_id: str | None = None,
        **options: Any,
    ) -> tuple[str, ...]:
        """Write its files into a folder, which is made if needed, in place of those of an earlier save.

        Args:
            save_directory: The folder.
            is_main_process: With False nothing is written: another process of the same program does it.
            push_to_hub: Upload the files as well, as `push_to_hub` does.
            repo_id: Where to; None: a repository of your own with the folder's name.
            **options: What `write` and `push_to_hub` take.

        Returns:
            The paths of the files.

        Raises:
            SaveFailed: The system refused; what was there before still is.
            HubError: The hub refused; the files lie in the folder.
            ArchsmithError: As `write`.
        """
        if not is_main_process:
            return ()
        if push_to_hub:
            own_name = local_path("save_directory", save_directory).resolve().name
            return self._upload(save_directory, own_name if repo_id is None else repo_id, options)[0]
        drop_inert(options := {"repo_id": repo_id, **options}, _INERT | _FOR_HUB)
        return self.write(save_directory, **options)

    def push_to_hub(self, repo_id: str, **options: Any) -> str:
        """Upload its files to a repository of the hub, which is made if needed, in one commit.

        What an earlier save wrote there, and this one does not write anew, is deleted in the same commit.

        Args:
            repo_id: The repository, as ``"owner/name"``.
            **options: What `write` takes, and of ``huggingface_hub``: commit_message, commit_description, private,
                token, create_pr, revision (a branch, which is made if needed).

        Returns:
            The address of the commit.

        Raises:
            OptionError: ``repo_id`` is no name of a repository.
            HubError: The hub refused, and holds what it held before.
            ArchsmithError: As `write`.
        """
        with tempfile.TemporaryDirectory() as folder:
            return self._upload(folder, repo_id, options)[1]

    def _upload(self, folder: Any, repo_id: str, options: dict[str, Any]) -> tuple[tuple[str, ...], str]:
        hub.check_repo_id(repo_id)
        drop_inert(options, _INERT)
        asked = {name: options.pop(name) for name in hub.UPLOAD_OPTIONS if name in options}
        paths = self.write(folder, **options)
        return paths, hub.upload(paths, repo_id, supersedes=self._supersedes(), options=asked)

    def write(self, *args: Any, **options: Any) -> tuple[str, ...]:
        """Write its files into a folder, the first argument, and return their paths."""
        raise NotImplementedError

    def _supersedes(self) -> re.Pattern[str]:
        return re.compile("|".join([*self._superseded, *map(re.escape, self.side_file_names)]))

    def superseded_files(self, save_directory: str | os.PathLike[str]) -> re.Pattern[str]:
        """Return what matches the names of the files that a save deletes if it does not replace them.

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
        return self._supersedes()


def _is_text(content: Any) -> bool:
    return isinstance(content, bytes) and content.decode(errors="ignore").encode() == content
