"""The hub, through ``huggingface_hub``, which is imported when first asked: its cache, offline mode and endpoint."""

import contextlib
import logging
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointNotFound, HubError, OptionError
from archsmith.files.names import CONFIG_FILE, INDEX_FILE, WEIGHTS_FILE
from archsmith.files.paths import near_folder, working_directory
from archsmith.messages import announce, said_by, shorten, shown

__all__ = ["HUB_ID", "UPLOAD_OPTIONS", "check_repo_id", "commit_of", "fetch", "is_offline", "upload"]

#: What a repository may be called: a name, or its owner's and its own.
HUB_ID = re.compile(r"(?!.*(--|\.\.|\.git$))(\w([\w.-]*\w)?/)?\w([\w.-]*\w)?", re.ASCII)

#: The options of `upload` that the user may give.
UPLOAD_OPTIONS = ("commit_message", "commit_description", "private", "token", "create_pr", "revision")


def check_repo_id(repo_id: object) -> str:
    """Return what names a repository. Raises `OptionError`: it cannot."""
    if not isinstance(repo_id, str) or not HUB_ID.fullmatch(repo_id):
        raise OptionError(f"repo_id must name a repository, as 'owner/name', but is {shown(repo_id)}.")
    return repo_id


def upload(paths: Sequence[str], repo_id: str, *, supersedes: re.Pattern[str], options: Mapping[str, Any]) -> str:
    """Put files into a hub repository, which is made if needed, in one commit, and return its address.

    Args:
        paths: The files.
        repo_id: The repository.
        supersedes: What matches the names of files to delete there, unless they are replaced.
        options: Those of `UPLOAD_OPTIONS` that are given.

    Raises:
        HubError: It refused, or did not answer.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

    asked: dict[str, Any] = {**dict.fromkeys(UPLOAD_OPTIONS), **options}
    files = {Path(path).name: path for path in paths}
    api, private, branch = HfApi(token=asked.pop("token")), asked.pop("private"), asked["revision"]
    message = asked.pop("commit_message") or f"Upload {', '.join(files)}"
    try:
        place = api.create_repo(repo_id, private=private, exist_ok=True).repo_id
        if branch is not None and not asked["create_pr"]:
            api.create_branch(place, branch=branch, exist_ok=True)
        held = api.list_repo_files(place, revision=branch)
        gone = [name for name in held if supersedes.fullmatch(name) and name not in files]
        changes = [CommitOperationAdd(*each) for each in files.items()] + [*map(CommitOperationDelete, gone)]
        done: str = api.create_commit(place, changes, commit_message=message, **asked)
    except Exception as error:  # its own, those of its HTTP client and of the system: all say that it did not happen
        said = said_by(error).rstrip(".")
        raise HubError(f"nothing was uploaded to {repo_id!r}: {type(error).__name__}: {said}.") from error
    if gone:
        announce(f"{repo_id!r}: deleted, as they belong to what was saved there before: {shorten(gone)}.")
    return done


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
    at_hub: dict[str, Any] = {"subfolder": subfolder or None, "token": token}
    try:
        if not is_offline(local_files_only) and not isinstance(_cached(source, name, subfolder, cache), str):
            _ask_once(source, name, revision=revision, **at_hub)
        with _quiet_retries():
            return Path(hf_hub_download(source, name, local_files_only=local_files_only, **at_hub, **cache))
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
            f"hub that can be seen with this token.{near_folder(source)}"
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise CheckpointNotFound(f"{source!r} on the hub has no revision {revision or 'main'!r}.") from error
    except Exception as error:
        # The hub library lets its HTTP client's and the system's exceptions through; all mean the same to a caller.
        raise HubError(f"the hub could not give {name!r} of {source!r}{at}: {type(error).__name__}: {error}") from error


def _ask_once(source: str, name: str, *, token: str | bool | None, **place: Any) -> None:
    """Raise `LocalEntryNotFoundError` if the hub does not answer; the library would go on trying for half a minute."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        get_hf_file_metadata(hf_hub_url(source, name, **place), token=token)
    except Exception as error:  # those of the HTTP client and of the system: all say that none answers
        status = getattr(getattr(error, "response", None), "status_code", 503)
        if status >= 500 or status == 429:  # noqa: PLR2004  # else it is an answer
            raise LocalEntryNotFoundError(str(error)) from error


@contextlib.contextmanager
def _quiet_retries() -> Iterator[None]:
    """Keep what the library says of each failed try off the terminal, unless the user has asked it to say more."""
    log, thread = logging.getLogger("huggingface_hub.utils._http"), threading.get_ident()

    def counts(record: logging.LogRecord) -> bool:
        is_retry = record.thread == thread and ("[Retry " in str(record.msg) or " thrown while " in str(record.msg))
        return not is_retry or log.isEnabledFor(logging.INFO)

    log.addFilter(counts)
    try:
        yield
    finally:
        log.removeFilter(counts)


def _cached(source: str, file: str, subfolder: str, cache: dict[str, Any]) -> object:
    """Return a file's path in the cache; another object if the repository is known to lack it; None: nobody knows."""
    from huggingface_hub import try_to_load_from_cache

    return try_to_load_from_cache(source, f"{subfolder}/{file}" if subfolder else file, **cache)


def commit_of(path: Path, subfolder: str = "") -> str | None:
    """Return the commit that a file in the hub's cache belongs to: ``…/snapshots/<commit>/<subfolder>/<name>``."""
    above = path.parts[: -len(Path(subfolder).parts) - 1]
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
    offline = is_offline(local_files_only)
    known_absent = _cached(source, name, subfolder, cache) is not None
    has = {file for file in (CONFIG_FILE, WEIGHTS_FILE) if isinstance(_cached(source, file, subfolder, cache), str)}
    if known_absent or (offline and name != CONFIG_FILE and CONFIG_FILE in has):
        return
    if name == INDEX_FILE and WEIGHTS_FILE in has:
        return
    cause = (error.__cause__ or error) if isinstance(error, FileNotFoundError) else error
    why = "local_files_only is set" if local_files_only else "HF_HUB_OFFLINE is set" if offline else ""
    raise HubError(
        f"{name!r} of {source!r} is not in the hub's cache, and the hub could not be asked "
        f"({why or f'{type(cause).__name__}: {str(cause).strip().partition(chr(10))[0]}'}). "
        f"There is no local folder of that name either.{near_folder(source)}"
    ) from error
