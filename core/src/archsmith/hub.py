"""The hub, through ``huggingface_hub``: its cache, offline mode and endpoint variable. Imported only when asked."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from archsmith.errors import CheckpointNotFound, HubError

if TYPE_CHECKING:
    from archsmith.checkpoint import Checkpoint

__all__ = ["commit_of", "fetch"]


def fetch(checkpoint: "Checkpoint", name: str) -> Path | None:
    """Return one file of a hub repository from the cache, downloading it if need be, or None if it has no such file.

    Raises:
        CheckpointNotFound: There is no such repository or revision, or it needs a token.
        HubError: The hub did not answer, or the file is not in the cache and the network is off.
    """
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import hf_hub_download

    cache_dir = _cache_dir(checkpoint)
    source, at = checkpoint.source, f" at revision {checkpoint.revision!r}" if checkpoint.revision else ""
    try:
        return Path(
            hf_hub_download(
                source,
                name,
                subfolder=checkpoint.subfolder or None,
                revision=checkpoint.revision,
                token=checkpoint.token,
                cache_dir=cache_dir,
                local_files_only=checkpoint.local_files_only,
            )
        )
    except hub_errors.LocalEntryNotFoundError as error:
        return _not_cached(checkpoint, name, error)
    except hub_errors.EntryNotFoundError:
        return None
    except hub_errors.GatedRepoError as error:
        raise CheckpointNotFound(f"{source!r} is gated on the hub; pass a token that has access.") from error
    except hub_errors.RepositoryNotFoundError as error:
        raise CheckpointNotFound(
            f"{source!r} is neither a local folder (working directory: {Path.cwd()}) nor a repository on the hub that "
            "can be seen with this token."
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise CheckpointNotFound(f"{source!r} on the hub has no revision {checkpoint.revision!r}.") from error
    except hub_errors.HFValidationError as error:
        raise CheckpointNotFound(f"{source!r} is neither a local folder nor a valid hub id: {error}") from error
    except Exception as error:
        # The hub library lets its HTTP client's and the system's exceptions through; all mean the same to a caller.
        raise HubError(f"the hub could not give {name!r} of {source!r}{at}: {type(error).__name__}: {error}") from error


def commit_of(path: Path) -> str | None:
    """Return the commit that a file in the hub's cache belongs to: ``…/snapshots/<commit>/…``."""
    parts = path.parts
    return parts[parts.index("snapshots") + 1] if "snapshots" in parts else None


def _cache_dir(checkpoint: "Checkpoint") -> str | None:
    return None if checkpoint.cache_dir is None else os.fspath(checkpoint.cache_dir)


def _not_cached(checkpoint: "Checkpoint", name: str, error: Exception) -> Path | None:
    """Tell a file that the repository is known not to have from one that was never fetched."""
    from huggingface_hub import try_to_load_from_cache

    cache_dir = _cache_dir(checkpoint)
    filename = f"{checkpoint.subfolder}/{name}" if checkpoint.subfolder else name
    known = try_to_load_from_cache(checkpoint.source, filename, cache_dir=cache_dir, revision=checkpoint.revision)
    snapshot = try_to_load_from_cache(
        checkpoint.source, "config.json", cache_dir=cache_dir, revision=checkpoint.revision
    )
    if isinstance(known, str):
        return Path(known)
    if known is not None or (isinstance(snapshot, str) and name != "config.json"):
        return None
    raise HubError(
        f"{name!r} of {checkpoint.source!r} is not in the hub's cache, and the hub could not be asked "
        f"({'local_files_only is set' if checkpoint.local_files_only else type(error.__cause__ or error).__name__}). "
        "There is no local folder of that name either."
    ) from error
