"""Audio as rows for a model: read at its sampling rate, and padded only where the model does not hear the padding."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from archsmith.errors import InputError
from archsmith.messages import shown
from archsmith_tasks.media import alike, file_of, takes
from archsmith_tasks.steps import Example, TaskSteps

__all__ = ["AudioSteps"]

_PAIR = 2
#: So many times fewer samples a second than the model hears, and more, are a rate in kHz.
_FEWER = 50
#: How far numbers may be from each other that ought to be one: in float32, and in shorter types.
_EXACT, _SHORT = 1e-3, 5e-2


class AudioSteps(TaskSteps[Any]):
    """The base of tasks that give a model audio.

    Clips of several lengths share a batch where an attention mask keeps the padding out of the numbers: the settings
    say so, and the first such batch is a trial. Else only those of one length do.
    """

    budget = 2**17  # samples: 8 seconds at 16 kHz, which a CPU's cache holds
    window = 256
    hold = 128 * budget

    # ---- reading --------------------------------------------------------------------------------------------

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the row of one clip, in any of the forms that `samples_of` takes."""
        return [self.example_of(self.samples_of(value), {})]

    def samples_of(self, value: Any) -> NDArray[np.float32]:
        """Return the samples of an input, ``(samples,)``, at the rate of the model: channels become their average.

        Args:
            value: A path or the bytes of a file; samples, ``(samples,)`` or with channels; samples and their rate in a
                tuple; or a mapping of ``array`` (or ``raw``) and ``sampling_rate``, as data sets have it.

        Raises:
            InputError: It is none of them, or is damaged.
        """
        clip, rate = _clip_and_rate(file_of(value))
        wanted = self.parts.feature_extractor.sampling_rate
        if isinstance(rate, (int, float, np.number)) and 0 < rate < wanted / _FEWER:
            raise InputError(f"the sampling rate is {rate} Hz, but the model's is {wanted} Hz. Is it in kHz?")
        clips = self.parts.feature_extractor.read_audio(clip, sampling_rate=rate, resample=True, downmix=True)
        if len(clips) != 1:
            raise InputError(f"an input must be one audio clip, but holds {len(clips)}. Pass a list of clips.")
        samples: NDArray[np.float32] = clips[0]
        return samples

    def example_of(self, samples: NDArray[np.float32], notes: dict[str, Any]) -> Example:
        """Return the row of a clip, or of a part of one, at the rate of the model. Raises `InputError`: it is short."""
        extractor, least = self.parts.feature_extractor, getattr(self.model.config, "min_samples", 0)
        if len(samples) < least:
            raise InputError(f"the clip has {len(samples)} samples, but the model needs at least {least}.")
        features = extractor(samples, sampling_rate=extractor.sampling_rate, truncation=False, return_tensors="np")
        row = features[self._name][0]
        places = row.shape[-1] if extractor.places_last else row.shape[0]
        return Example({self._name: row}, places * (extractor.samples_per_place() or 1), notes)

    @property
    def _name(self) -> str:
        return str(self.parts.feature_extractor.model_input_names[0])

    # ---- batches --------------------------------------------------------------------------------------------

    @cached_property
    def masks(self) -> bool:
        """Whether the model gets an attention mask: its feature extractor makes one, and it takes one."""
        return bool(self.parts.feature_extractor.return_attention_mask) and takes(self.model, "attention_mask")

    @cached_property
    def pads(self) -> bool:
        """Whether padding may be without effect; where the first layer normalises over a whole clip it is not."""
        over_time = getattr(self.model.config, "feat_extract_norm", None) == "group"
        return self.masks and self.parts.feature_extractor.padding_side == "right" and not over_time

    def forward(self, examples: Sequence[Example]) -> Sequence[Any]:
        """Return what the model says of each clip."""
        groups = list(alike(examples))
        if len(groups) > 1 and self.pads and self._is_exact(min(examples, key=lambda each: each.size)):
            groups = [list(range(len(examples)))]
        found: list[Any] = [None] * len(examples)
        for places in groups:
            group = [examples[place] for place in places]
            for place, said in zip(places, self.said(self._logits(group), group), strict=True):
                found[place] = said
        return found

    @abstractmethod
    def said(self, logits: Tensor, examples: Sequence[Example]) -> Sequence[Any]:
        """Return for each row of a batch what is kept of the model's logits, ``(batch, …)`` float32 on the CPU."""

    def _logits(self, examples: Sequence[Example]) -> Tensor:
        extractor = self.parts.feature_extractor
        rows = [dict(example.inputs) for example in examples]
        batch = extractor.pad(rows, padding=True, return_attention_mask=self.masks, return_tensors="pt")
        logits: Tensor = self.model(**self.to_model(dict(batch))).logits
        return logits.float().cpu()

    def _is_exact(self, example: Example) -> bool:
        """Return whether a clip in a batch gives the numbers that it gives alone; tried once."""
        if self._tried is None:
            row = example.inputs[self._name]
            axis = -1 if self.parts.feature_extractor.places_last else 0
            twice = Example({self._name: np.concatenate([row, row], axis)}, 2 * example.size)
            alone = self._logits([example])[0]
            beside = self._logits([example, twice])[0][: len(alone)]  # of frames its own
            apart = _EXACT if self.model.dtype == torch.float32 else _SHORT
            self._tried = torch.allclose(beside, alone, rtol=apart, atol=apart * float(alone.abs().max()))
        return self._tried

    _tried: bool | None = None


def _clip_and_rate(value: Any) -> tuple[Any, Any]:
    """Return what holds the samples, and the rate in Hz that goes with them, or None."""
    if isinstance(value, Mapping):
        names = [name for name in ("array", "raw") if name in value]
        if len(names) != 1 or "sampling_rate" not in value or set(value) - {*names, "sampling_rate", "path"}:
            raise InputError(
                f"an input that is a mapping must have the keys array and sampling_rate, but has {shown(list(value))}."
            )
        return value[names[0]], value["sampling_rate"]
    if isinstance(value, tuple):
        rates = [part for part in value if isinstance(part, (int, float, np.number))]
        if len(value) != _PAIR or len(rates) != 1:
            raise InputError(f"an input that is a tuple must hold samples and their rate in Hz, but is {shown(value)}.")
        return value[1] if value[0] is rates[0] else value[0], rates[0]
    return value, None
