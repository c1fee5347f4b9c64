from typing import Any

from archsmith._version import __version__ as __version__
from archsmith.auto import (
    AutoBackbone,
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoProcessor,
    AutoTokenizer,
)
from archsmith.backbone import Backbone
from archsmith.backbone_config import BackboneConfig, BackboneHostConfig
from archsmith.batch import BatchEncoding, BatchFeature
from archsmith.config.base import PreTrainedConfig
from archsmith.errors import ArchsmithError, ArchsmithWarning
from archsmith.feature_extractor.base import SequenceFeatureExtractor
from archsmith.image_processor.base import ImageProcessor
from archsmith.model.base import PreTrainedModel
from archsmith.processor.base import Processor
from archsmith.tokenizer.added_tokens import AddedToken
from archsmith.tokenizer.fast import PreTrainedTokenizerFast
from archsmith.tokenizer.slow import PreTrainedTokenizer

__all__ = [
    "AddedToken", "ArchsmithError", "ArchsmithWarning", "AutoBackbone", "AutoConfig", "AutoFeatureExtractor",
    "AutoImageProcessor", "AutoModel", "AutoProcessor", "AutoTokenizer", "Backbone", "BackboneConfig",
    "BackboneHostConfig", "BatchEncoding", "BatchFeature", "ImageProcessor", "PreTrainedConfig", "PreTrainedModel",
    "PreTrainedTokenizer", "PreTrainedTokenizerFast", "Processor", "SequenceFeatureExtractor",
]  # fmt: skip

# The classes that `__getattr__` makes for the field's tasks.
AutoModelForAudioClassification = AutoModel
AutoModelForAudioFrameClassification = AutoModel
AutoModelForAudioTokenization = AutoModel
AutoModelForAudioXVector = AutoModel
AutoModelForCTC = AutoModel
AutoModelForCausalLM = AutoModel
AutoModelForDecision = AutoModel
AutoModelForDepthEstimation = AutoModel
AutoModelForDocumentQuestionAnswering = AutoModel
AutoModelForImageClassification = AutoModel
AutoModelForImageMatting = AutoModel
AutoModelForImageSegmentation = AutoModel
AutoModelForImageTextToText = AutoModel
AutoModelForImageToImage = AutoModel
AutoModelForInstanceSegmentation = AutoModel
AutoModelForKeypointDetection = AutoModel
AutoModelForKeypointMatching = AutoModel
AutoModelForMaskGeneration = AutoModel
AutoModelForMaskedImageModeling = AutoModel
AutoModelForMaskedLM = AutoModel
AutoModelForMultimodalLM = AutoModel
AutoModelForMultipleChoice = AutoModel
AutoModelForNextSentencePrediction = AutoModel
AutoModelForNormalEstimation = AutoModel
AutoModelForObjectDetection = AutoModel
AutoModelForPointmapEstimation = AutoModel
AutoModelForPoseEstimation = AutoModel
AutoModelForPreTraining = AutoModel
AutoModelForQuestionAnswering = AutoModel
AutoModelForRNNT = AutoModel
AutoModelForSemanticSegmentation = AutoModel
AutoModelForSeq2SeqLM = AutoModel
AutoModelForSequenceClassification = AutoModel
AutoModelForSpeechSeq2Seq = AutoModel
AutoModelForTDT = AutoModel
AutoModelForTableQuestionAnswering = AutoModel
AutoModelForTableRecognition = AutoModel
AutoModelForTextEncoding = AutoModel
AutoModelForTextRecognition = AutoModel
AutoModelForTextToSpectrogram = AutoModel
AutoModelForTextToWaveform = AutoModel
AutoModelForTimeSeriesPrediction = AutoModel
AutoModelForTokenClassification = AutoModel
AutoModelForUniversalSegmentation = AutoModel
AutoModelForVideoClassification = AutoModel
AutoModelForVisualQuestionAnswering = AutoModel
AutoModelForZeroShotImageClassification = AutoModel
AutoModelForZeroShotObjectDetection = AutoModel

def __getattr__(name: str) -> Any: ...  # the classes of plugins
