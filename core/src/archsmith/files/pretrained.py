"""``from_pretrained``: how every object is read from a folder, a hub id or its own file. Free of torch."""

import os
from typing import Any, ClassVar, Self, final

from archsmith.files.checkpoint import Checkpoint, refuse_remote_code

__all__ = ["FromPretrained"]


class FromPretrained:
    """What is read from the files of a checkpoint. A subclass says how, in `read`, which the Auto classes call as well.

    Attributes:
        own_file: The file that holds all of it, whose path may be given in place of its folder; empty: there is none.
    """

    own_file: ClassVar[str] = ""

    @final
    @classmethod
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
        checkpoint = Checkpoint.open(
            id_or_path,
            own_file=cls.own_file,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            subfolder=subfolder,
        )
        return checkpoint.read_consistent(lambda: cls.read(checkpoint, **options))

    @classmethod
    def read(cls, checkpoint: Checkpoint, **options: Any) -> Self:
        """Read it from an opened checkpoint."""
        raise NotImplementedError
