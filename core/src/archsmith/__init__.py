"""Neural-network architectures as plugins.

Everything public is importable from here; nothing heavy is imported before it is used. Names that the core does not
have itself are looked up among the installed plugins: ``from archsmith import DistilBertConfig``.
"""

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
    AutoModelForAudioClassification = AutoModel
    AutoModelForAudioFrameClassification = AutoModel
    AutoModelForAudioXVector = AutoModel
    AutoModelForCTC = AutoModel
    AutoModelForImageClassification = AutoModel
    AutoModelForInstanceSegmentation = AutoModel
    AutoModelForMaskedImageModeling = AutoModel
    AutoModelForMaskedLM = AutoModel
    AutoModelForMultipleChoice = AutoModel
    AutoModelForPreTraining = AutoModel
    AutoModelForQuestionAnswering = AutoModel
    AutoModelForSequenceClassification = AutoModel
    AutoModelForTokenClassification = AutoModel


_find = lazy_attributes(
    __name__,
    {
        "auto": [
            "AutoBackbone",
            "AutoConfig",
            "AutoFeatureExtractor",
            "AutoImageProcessor",
            "AutoModel",
            "AutoProcessor",
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
)


def __getattr__(name: str) -> Any:
    if name in __all__:
        return _find(name)
    if not name[:1].isupper() or name.isupper() or "_" in name:
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}")
    if name.startswith("AutoModelFor"):
        from archsmith.auto import auto_model_class

        return auto_model_class(name)
    from archsmith.registry.base import registry as plugins

    return plugins.find_class(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
