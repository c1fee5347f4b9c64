from typing import TYPE_CHECKING

import numpy as np

from archsmith.config import Size, field
from archsmith.feature_extractor import SequenceFeatureExtractor

if TYPE_CHECKING:
    from numpy.typing import NDArray


class WordingFeatureExtractor(SequenceFeatureExtractor):
    """Logarithms of the loudness of tones, in windows that follow each other."""

    model_input_names = ("input_features", "attention_mask")

    feature_size: Size = field(default=8, doc="Tones: numbers at each place of a sequence.")
    sampling_rate: Size = field(default=16000, doc="Samples per second, in Hz.")
    hop_length: Size = field(default=160, doc="Samples from one window to the next.")
    n_fft: Size = field(default=400, doc="Samples of a window.")
    floor: float = field(default=1e-6, doc="The least loudness, of which the logarithm is taken.")

    def features_of(self, clip: "NDArray[np.float32]") -> "NDArray[np.float32]":
        short = max(self.n_fft - len(clip), 0)
        padded = np.pad(clip, (0, short))
        windows = np.lib.stride_tricks.sliding_window_view(padded, self.n_fft)[:: self.hop_length]
        loudness = np.abs(np.fft.rfft(windows * np.hanning(self.n_fft), axis=1)) ** 2  # (windows, n_fft / 2 + 1)
        tones = np.array_split(loudness, self.feature_size, axis=1)
        energies = np.stack([tone.mean(axis=1) if tone.size else loudness[:, 0] for tone in tones], axis=1)
        return np.log10(np.maximum(energies, self.floor)).astype(np.float32)  # (windows, feature_size)
