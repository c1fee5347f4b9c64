"""librosa and soundfile: the arrays that they read go into a feature extractor."""

import numpy as np
import pytest

from .support import SIDES

pytestmark = pytest.mark.long


def test_arrays(tmp_path):
    import librosa
    import soundfile

    wave = np.sin(np.arange(8000) * 0.05).astype(np.float32)
    soundfile.write(tmp_path / "tone.wav", wave, 8000, subtype="FLOAT")
    resampled, rate = librosa.load(tmp_path / "tone.wav", sr=16000)
    read, _ = soundfile.read(tmp_path / "tone.wav")  # float64
    for array in (resampled, read):
        found = [
            library.Wav2Vec2FeatureExtractor()(array, sampling_rate=rate, return_tensors="np").input_values
            for library in SIDES.values()
        ]
        np.testing.assert_allclose(*found, atol=1e-4)
