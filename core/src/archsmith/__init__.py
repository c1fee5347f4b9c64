"""Neural-network architectures as plugins.

Everything public is importable from here; nothing heavy is imported before it is used. Names that the core does not
have itself are looked up among the installed plugins: ``from archsmith import DistilBertConfig``.
"""

import sys
from typing import TYPE_CHECKING, Any

from archsmith._version import __version__ as __version__
from archsmith.lazy import lazy_attributes

__all__ = [
    "ArchsmithError", "ArchsmithWarning", "AutoBackbone", "AutoConfig", "AutoFeatureExtractor", "AutoImageProcessor",
    "AutoModel", "AutoProcessor", "AutoTokenizer", "Backbone", "BackboneConfig", "BackboneHostConfig", "BatchEncoding",
    "BatchFeature", "ImageProcessor", "PreTrainedConfig", "PreTrainedModel", "PreTrainedTokenizer",
    "PreTrainedTokenizerFast", "Processor", "SequenceFeatureExtractor",
]  # fmt: skip

if TYPE_CHECKING:
    from types import FrameType

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
    from archsmith.tokenizer.fast import PreTrainedTokenizerFast
    from archsmith.tokenizer.slow import PreTrainedTokenizer

    # What type checkers see of the classes that `__getattr__` makes for the field's tasks.
    # fmt: off
    AutoModelForAudioClassification = AutoModelForAudioFrameClassification = AutoModelForAudioTokenization = AutoModel
    AutoModelForAudioXVector = AutoModelForCTC = AutoModelForCausalLM = AutoModelForDecision = AutoModel
    AutoModelForDepthEstimation = AutoModelForDocumentQuestionAnswering = AutoModelForImageClassification = AutoModel
    AutoModelForImageMatting = AutoModelForImageSegmentation = AutoModelForImageTextToText = AutoModel
    AutoModelForImageToImage = AutoModelForInstanceSegmentation = AutoModelForKeypointDetection = AutoModel
    AutoModelForKeypointMatching = AutoModelForMaskGeneration = AutoModelForMaskedImageModeling = AutoModel
    AutoModelForMaskedLM = AutoModelForMultimodalLM = AutoModelForMultipleChoice = AutoModel
    AutoModelForNextSentencePrediction = AutoModelForNormalEstimation = AutoModelForObjectDetection = AutoModel
    AutoModelForPointmapEstimation = AutoModelForPoseEstimation = AutoModelForPreTraining = AutoModel
    AutoModelForQuestionAnswering = AutoModelForRNNT = AutoModelForSemanticSegmentation = AutoModel
    AutoModelForSeq2SeqLM = AutoModelForSequenceClassification = AutoModelForSpeechSeq2Seq = AutoModel
    AutoModelForTDT = AutoModelForTableQuestionAnswering = AutoModelForTableRecognition = AutoModel
    AutoModelForTextEncoding = AutoModelForTextRecognition = AutoModelForTextToSpectrogram = AutoModel
    AutoModelForTextToWaveform = AutoModelForTimeSeriesPrediction = AutoModelForTokenClassification = AutoModel
    AutoModelForUniversalSegmentation = AutoModelForVideoClassification = AutoModel
    AutoModelForVisualQuestionAnswering = AutoModelForZeroShotImageClassification = AutoModel
    AutoModelForZeroShotObjectDetection = AutoModel
    # fmt: on

_find = lazy_attributes(
    __name__,
    {
        "auto": [
            "AutoBackbone", "AutoConfig", "AutoFeatureExtractor", "AutoImageProcessor", "AutoModel", "AutoProcessor",
            "AutoTokenizer",
        ],
        "backbone": ["Backbone"],
        "backbone_config": ["BackboneConfig", "BackboneHostConfig"],
        "batch": ["BatchEncoding", "BatchFeature"],
        "config": ["PreTrainedConfig"],
        "errors": ["ArchsmithError", "ArchsmithWarning"],
        "feature_extractor": ["SequenceFeatureExtractor"],
        "image_processor": ["ImageProcessor"],
        "model": ["PreTrainedModel"],
        "processor": ["Processor"],
        "tokenizer": ["PreTrainedTokenizer", "PreTrainedTokenizerFast"],
    },
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in __all__:
        return _find(name)
    if name.startswith("_"):
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}")
    try:
        return _find_elsewhere(name)
    except Exception as error:  # noqa: BLE001  # each is passed on
        raise _absence(name, error, sys._getframe(1)) from error.__cause__  # noqa: SLF001


def _find_elsewhere(name: str) -> Any:
    """Return the class of an installed plugin, or the Auto class of a task."""
    if not _is_class_name(name):
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}.")
    if name.startswith("AutoModelFor"):
        from archsmith.auto import auto_model_class

        return auto_model_class(name)
    from archsmith.registry.base import registry as plugins

    return plugins.find_class(name)


def _is_class_name(name: str) -> bool:
    return name[:1].isupper() and not name.isupper() and "_" not in name


def _absence(name: str, error: Exception, caller: "FrameType") -> Exception:
    """Return the error for a name that cannot be had: as an attribute (`hasattr` is then False), or in an import.

    No class can be an AttributeError and an ImportError, and ``from archsmith import`` drops the message of an
    AttributeError. What the caller is about to do is in its bytecode.
    """
    from opcode import opmap

    from archsmith.errors import ArchsmithError, ClassNotAvailable, ClassNotFound
    from archsmith.messages import did_you_mean

    said, is_unknown = str(error), isinstance(error, AttributeError)
    if is_unknown and name.startswith("Auto") and not name.startswith("AutoModelFor"):
        said = said.partition(" Did you mean")[0]  # these are ours, whatever a plugin's class is near them
    if is_unknown and "Did you mean" not in said:
        said += did_you_mean(name, __all__, cutoff=0.8)
    if caller.f_code.co_code[caller.f_lasti] == opmap["IMPORT_FROM"]:
        said = said.replace(
            f"module 'archsmith' has no attribute {name!r}", f"cannot import name {name!r} from 'archsmith'"
        )
        return ClassNotAvailable(said, name=name) if is_unknown else error
    return ClassNotFound(said, name=name) if is_unknown or isinstance(error, ArchsmithError) else error


def __dir__() -> list[str]:
    from archsmith.tasks import TASKS, auto_class_name

    try:
        from archsmith.registry.base import registry as plugins

        exported = plugins.class_names()
    except Exception:  # noqa: BLE001  # whoever lists names, as a shell for completion, has not asked for plugins
        exported = set()
    return sorted({*__all__, "__version__", *map(auto_class_name, TASKS), *filter(_is_class_name, exported)})
