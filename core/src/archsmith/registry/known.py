"""The plugins that the core can name when they are not installed, and the classes that must be theirs."""

import re
from collections.abc import Mapping

__all__ = ["KNOWN_PLUGINS", "install_hint", "known_model_type", "names_class_of", "squash"]

#: Architectures whose plugin the core can name when it is not installed.
KNOWN_PLUGINS: Mapping[str, str] = {
    "bert": "archsmith-bert",
    "distilbert": "archsmith-distilbert",
    "maskformer": "archsmith-maskformer",
    "maskformer-swin": "archsmith-maskformer",
    "resnet": "archsmith-resnet",
    "timm_backbone": "archsmith-timm",
    "timm_wrapper": "archsmith-timm",
    "vit": "archsmith-vit",
    "wav2vec2": "archsmith-wav2vec2",
}

_CLASS_SUFFIX = re.compile(
    r"(config|model|backbone|pretrainedmodel|tokenizer|tokenizerfast|imageprocessor|featureextractor|processor|for\w+)"
)


def known_model_type(class_name: str) -> str | None:
    """Return the architecture of a known plugin that a class belongs to, judged by its name alone.

    Example:
        >>> known_model_type("ViTForImageClassification")
        'vit'
    """
    return max((each for each in KNOWN_PLUGINS if names_class_of(class_name, each)), key=len, default=None)


def install_hint(class_name: str) -> str:
    """Return a sentence that says how to install the plugin of a class, if it is known."""
    model_type = known_model_type(class_name)
    return f" Run: pip install {KNOWN_PLUGINS[model_type]}" if model_type else ""


def names_class_of(name: str, model_type: str) -> bool:
    """Tell whether a class name is a model_type followed by what the classes of a plugin usually end in."""
    prefix = squash(model_type)
    return name.lower().startswith(prefix) and bool(_CLASS_SUFFIX.fullmatch(name[len(prefix) :].lower()))


def squash(name: str) -> str:
    """Return a model_type or a task key as it stands in the lowered name of a class."""
    return name.replace("_", "").replace("-", "")
