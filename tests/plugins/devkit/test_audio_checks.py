"""The kit tells models of audio and feature extractors that are wrong in one place from sound ones."""

import numpy as np
import pytest
import torch

from archsmith import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForCTC
from archsmith.config import field
from archsmith.feature_extractor import SequenceFeatureExtractor
from archsmith_devkit import ArchitectureConformance, FeatureExtractorConformance


class Deaf(Wav2Vec2ForCTC):
    """Drops the mask."""

    def forward(self, input_values, attention_mask=None, **options):
        return super().forward(input_values, None, **options)


class OtherBlank(Wav2Vec2ForCTC):
    """Takes 0 for the blank."""

    def forward(self, input_values, attention_mask=None, labels=None, **options):
        said, self.config.pad_token_id = self.config.pad_token_id, 0
        output = super().forward(input_values, attention_mask, labels=labels, **options)
        self.config.pad_token_id = said
        return output


class CountsIgnored(Wav2Vec2ForCTC):
    """Takes -100 for a letter."""

    def forward(self, input_values, attention_mask=None, labels=None, **options):
        labels = labels if labels is None else torch.where(labels < 0, 5, labels)
        return super().forward(input_values, attention_mask, labels=labels, **options)


class Speech(ArchitectureConformance):
    model_type = "wav2vec2"
    chosen = Wav2Vec2ForCTC

    def models(self):
        return {"ctc": self.chosen}


@pytest.mark.parametrize(
    ("model", "check", "said"),
    [
        (
            Deaf,
            "padding_of_audio_does_not_count",
            r"Deaf, a clip of \d+ samples, padded to 1600 \(attention_mask\): logi",
        ),
        (OtherBlank, "ctc_loss", "OtherBlank: the loss of pad_token_id = 3, the blank is .*; expected "),
        (CountsIgnored, "ctc_loss", "CountsIgnored: the loss of one clip with a label of -100 is .*; expected "),
    ],
)
def test_a_wrong_model_of_audio_is_found(model, check, said):
    conformance = Speech()
    getattr(conformance, f"test_{check}")()
    conformance.chosen = model
    with pytest.raises(AssertionError, match=said):
        getattr(conformance, f"test_{check}")()


def test_masks_are_checked_where_they_are_given():
    """Of wav2vec 2.0 only the models that normalise by layers are used with masks."""
    assert Speech()._masking() == {"feat_extract_norm": "layer"}
    assert not Wav2Vec2FeatureExtractor.for_model(Wav2Vec2Config()).return_attention_mask


class Bands(SequenceFeatureExtractor):
    """Two bands of the loudness of a hundred samples each, the places last."""

    places_last = True
    usual_padding = "max_length"
    feature_size: int = field(default=2)

    def usual_length(self):
        return 200

    def features_of(self, clip):
        blocks = clip[: len(clip) // 100 * 100].reshape(-1, 100)
        return np.stack([blocks.mean(1), *[blocks.std(1)] * (self.feature_size - 1)]).astype(np.float32)


class Blocks(SequenceFeatureExtractor):
    """The mean of every hundred samples and their neighbours, of clips that are padded before."""

    hop: int = field(default=100)

    def samples_per_place(self):
        return self.hop

    def features_of(self, clip):
        return np.convolve(clip, np.ones(300), "same")[:: self.hop].astype(np.float32)


class TwoBands(Bands):
    feature_size: int = field(default=2)

    def features_of(self, clip):
        return super().features_of(clip)[[0, -1]]


class OwnHop(Blocks):
    def features_of(self, clip):
        return np.convolve(clip, np.ones(300), "same")[::100].astype(np.float32)


class OfThisRate(Bands):
    def __call__(self, raw_speech, *, sampling_rate=None, **options):
        return super().__call__(raw_speech, sampling_rate=self.sampling_rate, **options)


class Louder(Bands):
    loudest = [0.0]

    def features_of(self, clip):
        self.loudest.append(float(np.abs(clip).max()))
        return super().features_of(clip) / max(self.loudest)


def of_extractor(chosen):
    class Conformance(FeatureExtractorConformance):
        extractor_class = chosen

    return Conformance()


@pytest.mark.parametrize("extractor", [Wav2Vec2FeatureExtractor, Bands, Blocks])
@pytest.mark.parametrize(
    "check",
    [
        "audio_settings_are_used",
        "clips_are_independent",
        "other_sampling_rates_are_refused",
        "padding_shows_in_the_mask",
        "a_batch_is_its_clips",
        "sources_agree",
    ],
)
def test_sound_feature_extractors_pass(extractor, check):
    getattr(of_extractor(extractor), f"test_{check}")()


@pytest.mark.parametrize(
    ("extractor", "check", "said"),
    [
        (
            TwoBands,
            "audio_settings_are_used",
            "feature_size = 4 is taken and not followed: .* of TwoBands returns must",
        ),
        (OwnHop, "audio_settings_are_used", "OwnHop: nothing of what it makes of clips changes with hop = "),
        (OfThisRate, "other_sampling_rates_are_refused", "OfThisRate takes a clip of sampling_rate = 32000"),
        (Louder, "clips_are_independent", "Louder, called again with the same clips after louder ones: input_values"),
    ],
)
def test_a_wrong_feature_extractor_is_found(extractor, check, said):
    with pytest.raises(AssertionError, match=said):
        getattr(of_extractor(extractor), f"test_{check}")()
