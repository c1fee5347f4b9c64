"""The plugins that the core can name when they are not installed, and the classes that must be theirs."""

import re
from collections.abc import Mapping

__all__ = [
    "KNOWN_CLASSES", "KNOWN_PLUGINS", "install_hint", "known_distribution", "known_model_type", "names_class_of",
    "squash",
]  # fmt: skip

#: Architectures whose plugin the core can name when it is not installed.
KNOWN_PLUGINS: Mapping[str, str] = {
    "bert": "archsmith-bert",
    "distilbert": "archsmith-distilbert",
    "gpt2": "archsmith-gpt2",
    "llama": "archsmith-llama",
    "maskformer": "archsmith-maskformer",
    "maskformer-swin": "archsmith-maskformer",
    "mistral": "archsmith-llama",
    "qwen2": "archsmith-llama",
    "resnet": "archsmith-resnet",
    "timm_backbone": "archsmith-timm",
    "timm_wrapper": "archsmith-timm",
    "vit": "archsmith-vit",
    "wav2vec2": "archsmith-wav2vec2",
}

#: Classes of preprocessing that no architecture owns → the package that brings them.
KNOWN_CLASSES: Mapping[str, str] = {
    f"{prefix}Tokenizer{fast}": distribution
    for prefix, distribution in {
        "Bert": "archsmith-wordpiece",
        "GPT2": "archsmith-bpe",
        "Qwen2": "archsmith-bpe",
        "Roberta": "archsmith-bpe",
    }.items()
    for fast in ("", "Fast")
} | dict.fromkeys(
    (f"ConvNext{end}" for end in ("FeatureExtractor", "ImageProcessor", "ImageProcessorFast", "ImageProcessorPil")),
    "archsmith-convnext-images",
)

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


def known_distribution(class_name: str) -> str | None:
    """Return the distribution of a known plugin that a class belongs to."""
    return KNOWN_CLASSES.get(class_name) or KNOWN_PLUGINS.get(known_model_type(class_name) or "")


def install_hint(class_name: str) -> str:
    """Return a sentence that says how to install the plugin of a class, if it is known."""
    found = known_distribution(class_name)
    return f" Run: pip install {found}" if found else ""


def names_class_of(name: str, model_type: str) -> bool:
    """Tell whether a class name is a model_type followed by what the classes of a plugin usually end in."""
    prefix = squash(model_type)
    return name.lower().startswith(prefix) and bool(_CLASS_SUFFIX.fullmatch(name[len(prefix) :].lower()))


def squash(name: str) -> str:
    """Return a model_type or a task key as it stands in the lowered name of a class."""
    return name.replace("_", "").replace("-", "")
