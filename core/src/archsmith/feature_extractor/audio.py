"""The audio clips of one call to a feature extractor: whatever they are passed as, brought into one form."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from archsmith.errors import InputError, OptionError
from archsmith.feature_extractor.audio_files import MAX_SAMPLES, decode_audio
from archsmith.messages import announce, shown
from archsmith.options import import_library

__all__ = ["AudioReader", "read_rate"]

#: A second axis that is this short, beside a longer first one, holds channels: no clip has so few samples.
MOST_CHANNELS = 8
#: Sampling rates that are further apart take the resampler all time.
MOST_RATIO = 1000
#: A peak of floating-point samples from here on is no audio that was scaled to -1..1.
LOUD = 64.0

#: Whole-number types → what is subtracted, and what full scale is.
_SCALES = {"uint8": (128, 128), "int8": (0, 128), "uint16": (32768, 32768), "int16": (0, 32768), "int32": (0, 2**31)}


@dataclass(frozen=True)
class AudioReader:
    """How one call reads its audio.

    Attributes:
        target: The sampling rate of the result, in Hz.
        given: The sampling rate of arrays, in Hz; None: the caller did not say.
        resample: Convert audio clips of another rate, rather than refuse them.
        downmix: Average the channels of an audio clip that has several, rather than refuse it.
        any_level: Loud samples do no harm, because they are normalised.
    """

    target: int
    given: int | None
    resample: bool
    downmix: bool
    any_level: bool

    def read(self, audio: Any) -> list[NDArray[np.float32]]:
        """Return one array, ``(samples,)``, for each audio clip that a call was given.

        Raises:
            InputError: One is none, or cannot be what the caller thinks it is.
            MissingDependency: A library that it takes is not installed.
        """
        clips = self._clips(audio)
        if self.given is None and not all(_is_file(clip) for _, clip in clips):
            announce(
                f"the sampling rate of the audio is not given and taken to be {self.target} Hz. Pass sampling_rate=…, "
                "so that another one cannot go unnoticed."
            )
        return [self._read_one(name, clip) for name, clip in clips]

    def _clips(self, audio: Any) -> list[tuple[str, Any]]:
        """Return the audio, one or a batch, each with the name that messages give it."""
        if _is_file(audio):
            return [("the audio", audio)]
        wrong = "the audio must be an array of samples, a file or a list of them, but is"
        if isinstance(audio, Mapping):
            advice = "Pass its samples, as audio['array'], and sampling_rate=audio['sampling_rate']"
            raise InputError(f"{wrong} a mapping. {advice}.")
        if isinstance(audio, list | tuple):
            if not audio:
                raise InputError("the audio is an empty list; expected samples, or at least one clip.")
            if not isinstance(audio[0], int | float | complex) and getattr(audio[0], "ndim", None) != 0:
                return [(f"audio[{row}]", clip) for row, clip in enumerate(audio)]
            return [("the audio", audio)]
        if not hasattr(audio, "ndim"):
            raise InputError(f"{wrong} {type(audio).__name__}: {shown(audio)}.")
        has_channels = audio.ndim == 2 and 0 < audio.shape[1] <= min(MOST_CHANNELS, audio.shape[0] - 1)  # noqa: PLR2004
        if audio.ndim == 2 and not self.downmix and not has_channels:  # noqa: PLR2004
            return [(f"audio[{row}]", clip) for row, clip in enumerate(audio)]
        return [("the audio", audio)]

    def _read_one(self, name: str, clip: Any) -> NDArray[np.float32]:
        if _is_file(clip):
            samples, rate = decode_audio(clip, name)
            name = name if isinstance(clip, bytes) else f"{name} {os.fspath(clip)!r}"
            if self.given is not None and rate != self.given:
                raise InputError(
                    f"{name} was recorded at {rate} Hz, but sampling_rate says {self.given} Hz. Leave sampling_rate "
                    "out: a file tells it itself."
                )
        else:
            samples, rate = _as_floats(name, clip), self.given or self.target
        mono = self._mono(name, samples)
        if not len(mono):
            raise InputError(f"{name} is empty; expected at least one sample.")
        self._check_values(name, mono)
        return mono if rate == self.target else self._resampled(name, mono, rate)

    def _mono(self, name: str, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return one channel, ``(samples,)``, of ``(samples,)``, ``(samples, channels)`` or ``(channels, samples)``."""
        if samples.ndim == 1:
            return samples
        if samples.ndim != 2:  # noqa: PLR2004
            raise InputError(
                f"{name} must have one axis, of samples, or a second one, of channels, but has the shape "
                f"{samples.shape}."
            )
        axis = 1 if samples.shape[1] < samples.shape[0] or samples.shape[1] == 1 else 0
        channels = samples.shape[axis]
        if channels == 1:
            return samples[:, 0] if axis else samples[0]
        if channels > MOST_CHANNELS:
            raise InputError(f"{name} has the shape {samples.shape}; expected one audio clip, with at most 8 channels.")
        if not self.downmix:
            raise InputError(
                f"{name} has {channels} channels (shape {samples.shape}), but the model takes one. Pass one of them, "
                "or downmix=True for their average."
            )
        return samples.mean(axis=axis)  # type: ignore[no-any-return]

    def _check_values(self, name: str, samples: NDArray[np.float32]) -> None:
        low, high = float(samples.min()), float(samples.max())
        if not (np.isfinite(low) and np.isfinite(high)):
            place = int(np.flatnonzero(~np.isfinite(samples))[0])
            raise InputError(f"{name} holds {samples[place]} at sample {place}; expected finite numbers.")
        peak = max(-low, high)
        if peak > 1e15:  # noqa: PLR2004  # its square would leave float32
            raise InputError(f"{name} holds numbers up to {peak:.3g}; expected samples from -1 to 1.")
        if peak > LOUD and not self.any_level:
            announce(
                f"{name} has samples up to {peak:.6g}; expected floating-point samples from -1 to 1. Whole numbers are "
                "scaled by their type: pass them as they are, without turning them into floats."
            )

    def _resampled(self, name: str, samples: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
        if not self.resample:
            raise InputError(
                f"{name} has a sampling rate of {rate} Hz, but the model takes {self.target} Hz. Resample it, or pass "
                "resample=True."
            )
        if max(rate, self.target) > MOST_RATIO * min(rate, self.target):
            raise InputError(f"{name} has a sampling rate of {rate} Hz, too far from {self.target} Hz to be resampled.")
        if len(samples) * self.target / rate > MAX_SAMPLES:
            raise InputError(
                f"{name} has {len(samples):,} samples at {rate} Hz, which would become more than {MAX_SAMPLES:,} at "
                f"{self.target} Hz. Cut it into pieces, or give the right sampling rate."
            )
        soxr = import_library("soxr", "soxr", need="resampling needs", install="archsmith[audio]")
        try:
            resampled: NDArray[np.float32] = soxr.resample(samples, rate, self.target)
        except (RuntimeError, ValueError, MemoryError) as error:
            raise InputError(f"{name} cannot be resampled from {rate} to {self.target} Hz: {error}.") from error
        if not len(resampled):
            raise InputError(f"{name} is too short to be resampled: it has {len(samples)} samples at {rate} Hz.")
        return resampled


def read_rate(sampling_rate: Any) -> int | None:
    """Check a sampling rate that a caller gave. Raises `OptionError`."""
    if sampling_rate is None:
        return None
    number = sampling_rate.item() if getattr(sampling_rate, "shape", None) == () else sampling_rate
    if isinstance(number, bool) or not isinstance(number, int | float) or number != number // 1 or number < 1:
        raise OptionError(f"sampling_rate must be a whole number of Hz, but is {shown(sampling_rate)}.")
    return int(number)


def _as_floats(name: str, clip: Any) -> NDArray[np.float32]:
    """Return samples of any numeric type as float32; whole numbers are scaled to -1..1 by their type."""
    array = _as_array(name, clip)
    kind = array.dtype.kind
    if kind == "f":
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
            return array.astype(np.float32, copy=False)
    if array.dtype.name in _SCALES:
        middle, full = _SCALES[array.dtype.name]
        floats = array.astype(np.float32)
        if middle:
            floats -= middle
        floats /= full
        return floats
    if kind in "iu":
        if array.size == 0 or (array.min() >= -1 and array.max() <= 1):
            return array.astype(np.float32)
        raise InputError(
            f"{name} holds whole numbers of the type {array.dtype}, whose full scale is not known. Pass int16 samples "
            "as such (numpy.asarray(…, dtype='int16')), or floating-point ones from -1 to 1."
        )
    raise InputError(f"{name} must hold real numbers, but is of the type {array.dtype}: {shown(clip)}.")


def _as_array(name: str, clip: Any) -> NDArray[Any]:
    if isinstance(clip, list | tuple) and any(isinstance(sample, list | tuple) for sample in clip[:1]):
        raise InputError(f"{name} must be a list of samples, but its first one is a list. Pass an array.")
    try:
        if type(clip).__module__ == "torch":
            import torch

            tensor = clip.detach().cpu()
            return tensor.float().numpy() if tensor.dtype == torch.bfloat16 else tensor.numpy()  # type: ignore[no-any-return]
        return np.asarray(clip)
    except (TypeError, ValueError, RuntimeError, OverflowError) as error:
        raise InputError(f"{name} cannot be an array of samples: {shown(clip)}.") from error


def _is_file(clip: Any) -> bool:
    return isinstance(clip, str | bytes | os.PathLike)
