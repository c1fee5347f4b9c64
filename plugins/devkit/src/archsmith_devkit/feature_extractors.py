"""Checks of feature extractors: settings count, no call knows of another, and other sampling rates are refused."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from archsmith.errors import InputError
from archsmith.feature_extractor import SequenceFeatureExtractor
from archsmith_devkit.harness import refusal
from archsmith_devkit.settings import first_difference, own_settings, switches_of, unused_settings, variants_of

__all__ = ["FeatureExtractorChecks"]

#: Settings that show in what a call refuses, and in its mask.
_OF_CALLS = ("sampling_rate", "return_attention_mask")


class FeatureExtractorChecks:
    """What a published file says must happen to a clip happens to it, each time."""

    @property
    def extractor_class(self) -> type[SequenceFeatureExtractor]:
        """The class that is checked."""
        raise NotImplementedError

    def clips(self) -> list[Any]:
        """Return two clips, the longer one first, each ``(samples,)``."""
        raise NotImplementedError

    def test_audio_settings_are_used(self) -> None:
        """A setting of a published file that changes nothing is ignored: the model hears something else.

        Fix: read every declared setting in features_of or finish, or do not declare it; refuse in rules() the values
        that the class cannot follow.
        """
        cls, usual = self.extractor_class, self.extractor_class()
        held = {name: getattr(usual, name) for name in usual.to_dict() if hasattr(usual, name)}
        variants = {
            name: variants_of(cls, name, value)
            for name, value in held.items()
            if name not in _OF_CALLS and name in cls.__dataclass_fields__
        }
        left = unused_settings(
            self._with, variants, switches_of(cls, held), own=own_settings(cls, SequenceFeatureExtractor)
        )
        told = "; ".join(f"{name} = {value!r} in place of {held[name]!r}" for name, value in left.items())
        assert not left, f"{cls.__name__}: nothing of what it makes of clips changes with {told}"

    def test_other_sampling_rates_are_refused(self) -> None:
        """A clip of another rate that is taken as it is sounds higher or lower: its words become others.

        Fix: override no __call__, or hand sampling_rate on to that of the base class as the caller gave it.
        """
        extractor, clip = self.extractor_class(), self.clips()[0]
        other = extractor.sampling_rate * 2
        said = refusal(InputError, extractor, clip, sampling_rate=other)
        assert said is not None, (
            f"{self.extractor_class.__name__} takes a clip of sampling_rate = {other}, although it is for "
            f"{extractor.sampling_rate}; expected an InputError"
        )
        assert str(other) in said, f"the message does not tell the sampling_rate {other}: {said}"

    def test_clips_are_independent(self) -> None:
        """What a clip becomes must not depend on what was called before: two servers would give two answers.

        Fix: compute means and largest values of each clip alone, and keep them in local variables.
        """
        quiet, loud = [0.3 * clip for clip in self.clips()], [1.9 * clip for clip in self.clips()]
        before = self._with({}, quiet)
        self._with({}, loud)
        found = first_difference(self._with({}, quiet), before)
        assert not found, (
            f"{self.extractor_class.__name__}, called again with the same clips after louder ones: {found}; it keeps "
            "a state between calls"
        )

    def _with(self, change: Mapping[str, Any], clips: Any = None) -> dict[str, Any]:
        """Return the features of clips, of which one has silence in it, with some settings changed."""
        extractor = self.extractor_class(**change)
        if clips is None:
            clips = self.clips()
            clips[0][len(clips[0]) // 2 : len(clips[0]) * 4 // 5] = 0
        made = extractor([np.copy(clip) for clip in clips], sampling_rate=extractor.sampling_rate, padding=True)
        return {name: rows for name, rows in made.items() if name != "attention_mask"}
