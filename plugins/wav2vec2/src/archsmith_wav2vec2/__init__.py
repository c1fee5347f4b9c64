"""wav2vec 2.0 for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_wav2vec2.config import Wav2Vec2Config
    from archsmith_wav2vec2.ctc import Wav2Vec2ForCTC
    from archsmith_wav2vec2.feature_extractor import Wav2Vec2FeatureExtractor
    from archsmith_wav2vec2.heads import Wav2Vec2ForAudioFrameClassification, Wav2Vec2ForSequenceClassification
    from archsmith_wav2vec2.masking import compute_mask_indices, sample_negative_indices
    from archsmith_wav2vec2.model import Wav2Vec2Model, Wav2Vec2PreTrainedModel
    from archsmith_wav2vec2.pretraining import Wav2Vec2ForPreTraining
    from archsmith_wav2vec2.processor import Wav2Vec2Processor
    from archsmith_wav2vec2.tokenizer import Wav2Vec2CTCTokenizer
    from archsmith_wav2vec2.xvector import Wav2Vec2ForXVector

__all__ = [
    "Wav2Vec2CTCTokenizer",
    "Wav2Vec2Config",
    "Wav2Vec2FeatureExtractor",
    "Wav2Vec2ForAudioFrameClassification",
    "Wav2Vec2ForCTC",
    "Wav2Vec2ForPreTraining",
    "Wav2Vec2ForSequenceClassification",
    "Wav2Vec2ForXVector",
    "Wav2Vec2Model",
    "Wav2Vec2PreTrainedModel",
    "Wav2Vec2Processor",
    "compute_mask_indices",
    "sample_negative_indices",
]


__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["Wav2Vec2Config"],
        "ctc": ["Wav2Vec2ForCTC"],
        "feature_extractor": ["Wav2Vec2FeatureExtractor"],
        "heads": ["Wav2Vec2ForAudioFrameClassification", "Wav2Vec2ForSequenceClassification"],
        "masking": ["compute_mask_indices", "sample_negative_indices"],
        "model": ["Wav2Vec2Model", "Wav2Vec2PreTrainedModel"],
        "pretraining": ["Wav2Vec2ForPreTraining"],
        "processor": ["Wav2Vec2Processor"],
        "tokenizer": ["Wav2Vec2CTCTokenizer"],
        "xvector": ["Wav2Vec2ForXVector"],
    },
)
