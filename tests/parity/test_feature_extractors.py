"""Feature extractors that pad before they transform, or after it with the places last, equal the reference's."""

import numpy as np
import pytest

from archsmith import SequenceFeatureExtractor
from archsmith.config import Size, field

from .oracle import transformers

RATE = 16000
CHUNK = 2  # seconds, so that the test is quick


class Spectrum(SequenceFeatureExtractor):
    """Bands and frames of clips that were padded before, as Whisper takes them."""

    model_input_names = ("input_features", "attention_mask")
    places_last = True
    usual_padding = "max_length"
    usual_truncation = True

    feature_size: Size = field(default=80)
    return_attention_mask: bool = field(default=False)
    hop_length: Size = field(default=160)
    n_fft: Size = field(default=400)
    chunk_length: Size = field(default=CHUNK)

    def usual_length(self):
        return self.chunk_length * self.sampling_rate

    def samples_per_place(self):
        return self.hop_length

    def features_of(self, clip):
        reference = transformers.WhisperFeatureExtractor(chunk_length=CHUNK)
        bank = reference.mel_filters.T  # (bands, frequencies)
        half = self.n_fft // 2
        padded = np.pad(clip.astype(np.float64), half, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length][:-1]
        window = np.hanning(self.n_fft + 1)[:-1]
        power = np.abs(np.fft.rfft(frames * window)) ** 2
        levels = np.log10(np.maximum(bank @ power.T, 1e-10))
        return (np.maximum(levels, levels.max() - 8) + 4) / 4


def noise(*lengths):
    random = np.random.default_rng(0)
    return [random.uniform(-0.5, 0.5, length).astype(np.float32) for length in lengths]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"return_attention_mask": True},
        {"padding": "max_length", "max_length": 4000, "return_attention_mask": True},
        {"padding": "max_length", "max_length": 40000, "return_attention_mask": True},
        {"padding": True, "return_attention_mask": True},
        {"padding": True, "max_length": 6400, "return_attention_mask": True},
        {"padding": "longest", "pad_to_multiple_of": 640, "return_attention_mask": True},
    ],
)
@pytest.mark.parametrize("side", ["right", "left"])
def test_clips_that_are_padded_before_they_are_transformed(options, side):
    clips = noise(8000, 16000, 33333, 401)
    reference = transformers.WhisperFeatureExtractor(chunk_length=CHUNK, padding_side=side)
    wanted = reference(clips, sampling_rate=RATE, return_tensors="np", **options)
    found = Spectrum(padding_side=side)(clips, sampling_rate=RATE, return_tensors="np", **options)
    assert found.keys() == wanted.keys()
    assert found.input_features.shape == wanted.input_features.shape
    assert np.abs(found.input_features - wanted.input_features).max() < 1e-4
    assert found.input_features.dtype == np.float32
    if "attention_mask" in wanted:
        assert np.array_equal(found.attention_mask, wanted.attention_mask)
