"""The hub, through ``huggingface_hub``, which is imported when first asked: its cache, offline mode and endpoint."""

import os
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointNotFound, HubError
from archsmith.files.names import CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from archsmith.files.paths import working_directory

__all__ = ["commit_of", "fetch", "is_offline"]


def fetch(
    source: str,
    name: str,
    *,
    subfolder: str,
    revision: str | None,
    token: str | bool | None,
    cache_dir: str | os.PathLike[str] | None,
    local_files_only: bool,
) -> Path | None:
    """Return one file of a hub repository from the cache, downloading it if need be, or None if it has no such file.

    Raises:
        CheckpointNotFound: There is no such repository or revision, or it needs a token.
        HubError: The hub did not answer, or the file is not in the cache and the network is off.
    """
    from huggingface_hub import errors as hub_errors
    from huggingface_hub import hf_hub_download

    cache: dict[str, Any] = {"revision": revision, "cache_dir": None if cache_dir is None else os.fspath(cache_dir)}
    at = f" at revision {revision!r}" if revision else ""
    try:
        return Path(
            hf_hub_download(
                source, name, subfolder=subfolder or None, token=token, local_files_only=local_files_only, **cache
            )
        )
    except hub_errors.LocalEntryNotFoundError as error:
        _refuse_uncached(source, name, subfolder, cache, error, local_files_only=local_files_only)
        return None
    except hub_errors.EntryNotFoundError:
        return None
    except hub_errors.GatedRepoError as error:
        raise CheckpointNotFound(f"{source!r} is gated on the hub; pass a token that has access.") from error
    except hub_errors.RepositoryNotFoundError as error:
        raise CheckpointNotFound(
            f"{source!r} is neither a local folder (working directory: {working_directory()}) nor a repository on the "
            "hub that can be seen with this token."
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise CheckpointNotFound(f"{source!r} on the hub has no revision {revision!r}.") from error
    except hub_errors.HFValidationError as error:
        raise CheckpointNotFound(f"{source!r} is neither a local folder nor a valid hub id: {error}") from error
    except Exception as error:
        # The hub library lets its HTTP client's and the system's exceptions through; all mean the same to a caller.
        raise HubError(f"the hub could not give {name!r} of {source!r}{at}: {type(error).__name__}: {error}") from error


def commit_of(path: Path, subfolder: str = "") -> str | None:
    """Return the commit that a file in the hub's cache belongs to: ``…/snapshots/<commit>/<subfolder>/<name>``."""
    below = len(Path(subfolder).parts) + 1
    above = path.parts[:-below]
    return above[-1] if above[-2:-1] == ("snapshots",) else None


def is_offline(local_files_only: bool) -> bool:
    """Return whether only the cache is to be asked."""
    from huggingface_hub import constants

    return local_files_only or bool(constants.is_offline_mode())


def _refuse_uncached(
    source: str, name: str, subfolder: str, cache: dict[str, Any], error: Exception, *, local_files_only: bool
) -> None:
    """Say that a file is not in the cache. Return only if it is optional as far as the cache tells.

    That is so if the repository is known not to have it; if other files of the same state are there and the hub is not
    to be asked: whoever filled the cache then took what there was; or if it is the index of weights that are there in
    one file.
    """
    from huggingface_hub import try_to_load_from_cache

    def cached(file: str) -> object:
        return try_to_load_from_cache(source, f"{subfolder}/{file}" if subfolder else file, **cache)

    offline = is_offline(local_files_only)
    known_absent = cached(name) is not None
    if known_absent or (offline and name != CONFIG_FILE and isinstance(cached(CONFIG_FILE), str)):
        return
    if name == INDEX_FILE and isinstance(cached(WEIGHTS_FILE), str):
        return
    cause = error.__cause__ or error
    why = "local_files_only is set" if local_files_only else "HF_HUB_OFFLINE is set" if offline else ""
    raise HubError(
        f"{name!r} of {source!r} is not in the hub's cache, and the hub could not be asked "
        f"({why or f'{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]}'}). "
        "There is no local folder of that name either."
    ) from error
