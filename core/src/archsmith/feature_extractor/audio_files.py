"""Audio out of files: WAV, FLAC, OGG (Vorbis and Opus) and MP3, through the library ``soundfile``."""

import io
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsmith.errors import CheckpointCorrupt, InputError
from archsmith.files.paths import local_path, mode_of, working_directory
from archsmith.messages import announce, reason
from archsmith.options import import_library

__all__ = ["MAX_SAMPLES", "decode_audio"]

#: The most samples of all channels that a file may hold: a small file can unpack to hours of silence.
MAX_SAMPLES = 2**28

_FORMATS = ("FLAC", "MP3", "OGG", "RF64", "WAV", "WAVEX")
_LAST_PAGE = 4  # the bit that marks the last page of an OGG stream


def decode_audio(source: str | os.PathLike[str] | bytes, name: str) -> tuple[NDArray[np.float32], int]:
    """Read an audio file, or the bytes of one.

    Args:
        source: The path of a local file, or its content.
        name: What to call it in messages.

    Returns:
        Samples, ``(samples, channels)``, whole numbers scaled to -1..1 by their type; and the sampling rate in Hz.

    Raises:
        InputError: There is no such file, or it holds no audio that can be read.
        MissingDependency: ``soundfile`` is not installed.
    """
    soundfile = import_library("soundfile", "soundfile", need="audio files need", install="archsmith[audio]")
    content = source if isinstance(source, bytes) else _checked_path(source, name)
    if isinstance(content, Path):
        name = f"{name} {str(content)!r}"
    try:
        with soundfile.SoundFile(io.BytesIO(content) if isinstance(content, bytes) else str(content)) as audio:
            samples, rate, kind = _samples(audio, name), int(audio.samplerate), str(audio.format)
            frames = int(audio.frames)
    except (soundfile.SoundFileError, TypeError, ValueError, OSError, MemoryError) as error:
        # TypeError: the name ends in .raw, for which the library wants to be told everything.
        said = str(getattr(error, "error_string", "")).strip().rstrip(".") or reason(error)
        raise InputError(
            f"{name} cannot be read as audio: {said[:200]}. Expected a whole WAV, FLAC, OGG or MP3 file."
        ) from error
    if len(samples) < frames or _is_cut_off(content, kind):
        announce(f"{name} is cut off: only its first {len(samples) / rate:.2f} seconds could be read.")
    return samples, rate


def _samples(audio: Any, name: str) -> NDArray[np.float32]:
    import soundfile

    if audio.format not in _FORMATS:
        raise InputError(f"{name} is of the format {audio.format}; expected WAV, FLAC, OGG or MP3.")
    if audio.frames * audio.channels > MAX_SAMPLES:
        seconds = audio.frames / audio.samplerate
        raise InputError(
            f"{name} holds {seconds:,.0f} seconds of {audio.channels} channels, more than {MAX_SAMPLES:,} samples. "
            "Cut it into pieces."
        )
    try:
        return audio.read(dtype="float32", always_2d=True)  # type: ignore[no-any-return]
    except soundfile.LibsndfileError:
        audio.seek(0)
    blocks: list[NDArray[np.float32]] = []  # what a damaged file gives before the damage, second by second
    try:
        while len(block := audio.read(audio.samplerate, dtype="float32", always_2d=True)):
            blocks.append(block)
    except soundfile.LibsndfileError:
        if not blocks:
            raise
    return np.concatenate(blocks)


def _checked_path(source: str | os.PathLike[str], name: str) -> Path:
    if isinstance(source, str) and "://" in source:
        raise InputError(f"{name} is the address {source[:200]!r}, but only local files are read. Download it first.")
    path = local_path(name, source)
    try:
        mode = mode_of(path)
    except CheckpointCorrupt as error:
        raise InputError(f"{name} {str(path)!r} cannot be read: {error}") from error
    if mode is None:
        raise InputError(f"{name}: there is no file {str(path)[:500]!r} (working directory: {working_directory()}).")
    if not stat.S_ISREG(mode):
        raise InputError(f"{name} {str(path)!r} is not a file; expected one that holds audio.")
    return path


def _is_cut_off(content: bytes | Path, kind: str) -> bool:
    """Tell whether a file ends before its own header says, where reading it does not show that."""
    if kind not in ("OGG", "WAV", "WAVEX"):
        return False
    with io.BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        if kind == "OGG":
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 2**17))  # a page is half as long at most
            tail = file.read()
            page = tail.rfind(b"OggS\0")
            return page < 0 or len(tail) < page + 6 or not tail[page + 5] & _LAST_PAGE
        head = file.read(8)
        claimed = int.from_bytes(head[4:], "little")
        return head[:4] == b"RIFF" and claimed not in (0, 2**32 - 1) and claimed + 8 > file.seek(0, os.SEEK_END) + 1
