"""Arguments that are passed by position are those of the reference: a mask is never taken for positions."""

import inspect

import pytest

import archsmith
from archsmith.registry import registry

from .oracle import transformers

ARCHITECTURES = (
    "bert", "distilbert", "gpt2", "llama", "maskformer", "maskformer-swin", "mistral", "qwen2", "resnet",
    "timm_backbone", "timm_wrapper", "vit", "wav2vec2",
)  # fmt: skip
FOUND = {facts.class_name for model_type in ARCHITECTURES for facts in registry.tasks(model_type).values()}
CLASSES = sorted(name for name in FOUND if hasattr(transformers, name))


def names(kind):
    parameters = inspect.signature(kind.forward).parameters.values()
    return [each.name for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]


@pytest.mark.parametrize("name", CLASSES)
def test_positional_arguments(name):
    ours, theirs = names(getattr(archsmith, name)), names(getattr(transformers, name))
    assert ours == theirs[: len(ours)]


def test_all_architectures_are_held():
    assert len(CLASSES) > 30
