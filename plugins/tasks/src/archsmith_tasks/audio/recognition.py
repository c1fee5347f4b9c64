"""Speech as text, by models that score letters frame by frame (CTC); long recordings in overlapping chunks.

Source: Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.2: the best path.
"""

import inspect
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from archsmith.config import NonNegative, field
from archsmith.errors import OptionError
from archsmith.messages import announce, shown
from archsmith_tasks.audio.clips import AudioSteps
from archsmith_tasks.results import Transcript, Word
from archsmith_tasks.steps import Example, Options

__all__ = ["RecognitionOptions", "SpeechRecognition"]

_PAIR = 2
#: Seconds: what is longer than the first is read in chunks of the second, unless the caller says another length.
_LONG, _CHUNK = 60.0, 30.0
#: What each side of a chunk has in common with the next one, as a part of it, unless the caller says so.
_STRIDE = 1 / 6
#: Frames over which the samples of one are counted.
_MANY = 1024


class RecognitionOptions(Options):
    """How recordings become text."""

    chunk_length_s: NonNegative | None = field(
        default=None, doc="Seconds of a chunk; 0: read all at once; null: 30, of what is longer than 60."
    )
    stride_length_s: NonNegative | list[NonNegative] | None = field(
        default=None, doc="Seconds at each end of a chunk that only help to hear the rest; null: a sixth of it."
    )
    word_times: bool = field(default=False, doc="Say when each word begins and ends.")
    return_timestamps: Literal["word", "char"] | None = field(
        default=None, doc="Say when each word, or each character, begins and ends."
    )


class SpeechRecognition(AudioSteps):
    """Texts of recordings."""

    options_class = RecognitionOptions

    def check(self) -> None:
        """Refuse chunks that cannot be, and times that nobody knows. Raises `OptionError`."""
        if self.options.word_times and self.options.return_timestamps == "char":
            raise OptionError("word_times and return_timestamps='char' are two results; ask for one of them.")
        if self._times and "output_word_offsets" not in inspect.signature(self.parts.tokenizer.decode).parameters:
            name = type(self.parts.tokenizer).__name__
            raise OptionError(f"{name} does not say at which frame a word is, so there are no times of words.")
        if (self.options.chunk_length_s or self._times) and not self._ratio:
            name = type(self.model.config).__name__
            raise OptionError(
                f"{name} has no inputs_to_logits_ratio, so it is not known which samples a frame is of: "
                "chunk_length_s must be 0, and there are no times of words."
            )
        length, stride = self.options.chunk_length_s, self.options.stride_length_s
        if isinstance(stride, list) and len(stride) != _PAIR:
            raise OptionError(
                f"stride_length_s must be a number of seconds, or two of them, [left, right], but is {shown(stride)}."
            )
        if stride is not None and (length == 0 or (length is None and not self._ratio)):
            why = "chunk_length_s=0 asks for none" if length == 0 else "this model reads recordings at once"
            raise OptionError(f"stride_length_s is about chunks, but {why}. Leave it out.")
        if self._ratio and length != 0:
            self._sizes(_CHUNK if length is None else length)
        if stride is not None and length is None:
            announce(
                f"stride_length_s is used in recordings of more than {_LONG:.0f} seconds alone: shorter ones are read "
                "at once. Pass chunk_length_s for chunks of all."
            )

    # ---- chunks ---------------------------------------------------------------------------------------------

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the rows of a recording: one for each chunk."""
        samples = self.samples_of(value)
        rows = []
        for begin, end, left, right in self._chunks(samples):
            notes = {"samples": end - begin, "left": left, "right": right, "is_last": end == len(samples)}
            rows.append(self.example_of(samples[begin:end], notes))
        return rows

    def _chunks(self, samples: NDArray[np.float32]) -> list[tuple[int, int, int, int]]:
        """Return for each chunk its first sample, the one behind its last, and how many of both ends are dropped."""
        length, rate = self.options.chunk_length_s, self.parts.feature_extractor.sampling_rate
        if length is None and self._ratio and len(samples) > _LONG * rate:
            announce(
                f"recordings of more than {_LONG:.0f} seconds are read in chunks of {_CHUNK:.0f}, which overlap. Pass "
                "chunk_length_s for another length, or chunk_length_s=0 to read them at once."
            )
            length = _CHUNK
        if not length:
            return [(0, len(samples), 0, 0)]
        return list(self._spans(len(samples), length))

    def _spans(self, samples: int, length: float) -> Iterator[tuple[int, int, int, int]]:
        """Yield the chunks of so many samples, as `_chunks` returns them. Raises `OptionError`."""
        chunk, left, right = self._sizes(length)
        begin = 0
        while begin < samples:
            end = min(begin + chunk, samples)
            skipped = left if begin else 0
            if end - begin > skipped and (not begin or self._frames(end - begin) > 0):
                yield begin, end, skipped, 0 if end == samples else right
            if end == samples:
                break
            begin += chunk - left - right

    def _sizes(self, length: float) -> tuple[int, int, int]:
        """Return the samples of a chunk and of what is dropped at its ends, all of whole frames."""
        stride = self.options.stride_length_s
        ends = list(stride) if isinstance(stride, list) else [length * _STRIDE if stride is None else stride] * _PAIR
        rate = self.parts.feature_extractor.sampling_rate
        sizes = [round(seconds * rate / self._ratio) * self._ratio for seconds in (length, *ends)]
        if not sizes[0] > sum(sizes[1:]):
            raise OptionError(
                f"chunk_length_s must be longer than the strides at both of its ends together, but they are "
                f"{length:g} and {shown(ends)} seconds."
            )
        if self._frames(sizes[0]) < 1:
            raise OptionError(f"chunk_length_s is {length:g}, which is less than the model hears at once.")
        return sizes[0], sizes[1], sizes[2]

    # ---- frames ---------------------------------------------------------------------------------------------

    @property
    def _times(self) -> str | None:
        """Of what the times are asked for: ``word``, ``char`` or nothing."""
        return "word" if self.options.word_times else self.options.return_timestamps

    @cached_property
    def _ratio(self) -> int:
        """The samples from one frame to the next; 0: the configuration does not say it."""
        config = self.model.config
        ratio = int(getattr(config, "inputs_to_logits_ratio", 0)) * (
            self.parts.feature_extractor.samples_per_place() or 1
        )
        if ratio and self._counts_frames:  # an adapter behind the convolutions makes frames fewer
            ratio = ratio * _MANY // (self._frames(2 * _MANY * ratio) - self._frames(_MANY * ratio))
        return ratio

    @property
    def _counts_frames(self) -> bool:
        return hasattr(self.model.config, "frames") and not self.parts.feature_extractor.samples_per_place()

    def _frames(self, samples: int) -> int:
        """Return how many frames so many samples become."""
        return int(self.model.config.frames(samples)) if self._counts_frames else samples

    @cached_property
    def pads(self) -> bool:
        """As for every model of audio; and only where it is known which frames are of the padding."""
        return super().pads and self._counts_frames

    def said(self, logits: Tensor, examples: Sequence[Example]) -> Sequence[NDArray[np.int32]]:
        """Return for each chunk the likeliest token of every frame, ``(frames,)``, without the ends that are dropped.

        Where a chunk has a frame less than its samples are long, its last token stands for that one too.
        """
        rows = []
        for tokens, example in zip(logits.argmax(-1).numpy().astype(np.int32), examples, strict=True):
            samples, left, right = (example.notes[name] for name in ("samples", "left", "right"))
            kept = tokens[: self._frames(samples)]
            if not example.notes["is_last"]:
                kept = np.pad(kept, (0, max(0, samples // self._ratio - len(kept))), mode="edge")
                kept = kept[: len(kept) - right // self._ratio]
            rows.append(kept[left // self._ratio if left else 0 :])
        return rows

    def answer(self, rows: Sequence[tuple[Example, NDArray[np.int32]]]) -> Transcript:
        """Return the text of a recording."""
        tokens = np.concatenate([kept for _, kept in rows])
        if self._times is None:
            return Transcript(self.parts.tokenizer.decode(tokens))
        found = self.parts.tokenizer.decode(tokens, **{f"output_{self._times}_offsets": True})
        seconds = self._ratio / self.parts.feature_extractor.sampling_rate
        words = tuple(
            Word(each[self._times], each["start_offset"] * seconds, each["end_offset"] * seconds)
            for each in found[f"{self._times}_offsets"]
        )
        return Transcript(found["text"], words)
