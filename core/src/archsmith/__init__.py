"""Neural-network architectures as plugins.

Everything public is importable from here; nothing heavy is imported before it is used. Names that the core does not
have itself are looked up among the installed plugins: ``from archsmith import DistilBertConfig``.
"""

from typing import TYPE_CHECKING, Any

from archsmith._version import __version__ as __version__

_HOME = {
    "ArchsmithError": "errors",
    "ArchsmithWarning": "errors",
    "AutoBackbone": "auto",
    "AutoConfig": "auto",
    "AutoFeatureExtractor": "auto",
    "AutoImageProcessor": "auto",
    "AutoModel": "auto",
    "AutoProcessor": "auto",
    "AutoTokenizer": "auto",
    "Backbone": "backbone",
    "BackboneConfig": "backbone_config",
    "BackboneHostConfig": "backbone_config",
    "BatchEncoding": "batch",
    "BatchFeature": "batch",
    "ImageProcessor": "image_processor",
    "PreTrainedConfig": "config",
    "PreTrainedModel": "model",
    "PreTrainedTokenizer": "tokenizer",
    "PreTrainedTokenizerFast": "tokenizer",
    "Processor": "processor",
    "SequenceFeatureExtractor": "feature_extractor",
}

__all__ = [
    "ArchsmithError",
    "ArchsmithWarning",
    "AutoBackbone",
    "AutoConfig",
    "AutoFeatureExtractor",
    "AutoImageProcessor",
    "AutoModel",
    "AutoProcessor",
    "AutoTokenizer",
    "Backbone",
    "BackboneConfig",
    "BackboneHostConfig",
    "BatchEncoding",
    "BatchFeature",
    "ImageProcessor",
    "PreTrainedConfig",
    "PreTrainedModel",
    "PreTrainedTokenizer",
    "PreTrainedTokenizerFast",
    "Processor",
    "SequenceFeatureExtractor",
]

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


def __getattr__(name: str) -> Any:
    import importlib

    if home := _HOME.get(name):
        return getattr(importlib.import_module(f"archsmith.{home}"), name)
    if not name[:1].isupper() or name.isupper() or "_" in name:
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}")
    if name.startswith("AutoModelFor"):
        from archsmith.auto import auto_model_class

        return auto_model_class(name)
    from archsmith.registry.base import registry as plugins

    return plugins.find_class(name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
