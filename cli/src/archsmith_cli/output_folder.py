"""The folder that a command writes: all of it is there in the end, or nothing of it."""

import contextlib
import secrets
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import typer

from archsmith.errors import ArchsmithError, SaveFailed

__all__ = ["output_folder"]


@contextlib.contextmanager
def output_folder(
    path: str, *, force: bool, remedy: str = "Choose another, or pass --force to replace the model in it."
) -> Iterator[Path]:
    """Yield the folder to write to: a new one that takes the place of ``path`` at the end, or that if it exists.

    Args:
        path: The folder that the user names.
        force: Write into a folder that is not empty, too.
        remedy: What the user can do about one that is not.

    Raises:
        SaveFailed: There is something already, or the folder cannot be made.
    """
    if not path:
        raise typer.BadParameter("it is empty; expected the path of a folder", param_hint="OUT")
    out = Path(path)
    was_empty = _check_free(out, force=force, remedy=remedy)
    try:
        with contextlib.ExitStack() as undo, _ended_by_signal():
            if out.exists():
                if was_empty:
                    undo.callback(_empty, out)
                yield out
            else:
                for folder in reversed([folder for folder in out.parents if not folder.exists()]):
                    undo.callback(_remove, folder)
                beside = out.parent / f".{out.name}.{secrets.token_hex(4)}.tmp"
                undo.callback(shutil.rmtree, beside, ignore_errors=True)
                beside.mkdir(parents=True)
                yield beside
                beside.rename(out)
            undo.pop_all()
    except OSError as error:
        if isinstance(error, ArchsmithError):
            raise
        what = "written" if out.exists() else "made"
        raise SaveFailed(f"the folder {str(out)!r} cannot be {what}: {error.strerror or error}.") from error


def _check_free(out: Path, *, force: bool, remedy: str) -> bool:
    """Refuse what cannot be written to; return whether nothing is there yet."""
    try:
        held = sorted(entry.name for entry in out.iterdir()) if out.exists() else []
    except NotADirectoryError:
        raise SaveFailed(f"{str(out)!r} is a file; expected a folder, or a path where nothing is yet.") from None
    except (OSError, ValueError) as error:
        raise SaveFailed(f"{str(out)!r} cannot be used: {getattr(error, 'strerror', None) or error}.") from error
    if held and not force:
        shown = ", ".join(held[:4]) + (", ..." if len(held) > 4 else "")  # noqa: PLR2004
        raise SaveFailed(f"{str(out)!r} is not empty (it holds {shown}); expected an empty or a new folder. {remedy}")
    return not held


def _remove(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink(missing_ok=True)


@contextlib.contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Let a termination signal unwind the stack, so that what was begun is cleaned away."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
