"""What models return: dataclasses with the field's names, also reachable by key and by index."""

import dataclasses
from collections.abc import Iterator
from typing import Any, dataclass_transform

from torch import Tensor
from torch.utils import _pytree as pytree

__all__ = [
    "BackboneOutput", "BaseModelOutput", "BaseModelOutputWithNoAttention", "BaseModelOutputWithPooling",
    "BaseModelOutputWithPoolingAndNoAttention", "CausalLMOutput", "ImageClassifierOutput",
    "ImageClassifierOutputWithNoAttention", "MaskedImageModelingOutput", "MaskedLMOutput", "ModelOutput",
    "MultipleChoiceModelOutput", "QuestionAnsweringModelOutput", "SequenceClassifierOutput", "TokenClassifierOutput",
    "XVectorOutput",
]  # fmt: skip


@dataclass_transform()
class ModelOutput:
    """The base of all outputs. A subclass declares its fields; it becomes a dataclass and a pytree node by itself.

    By key and by index only the fields that are not None count, so ``output[0]`` is the loss when there is one.

    Example:
        >>> import torch
        >>> from archsmith.outputs import MaskedLMOutput
        >>> output = MaskedLMOutput(logits=torch.zeros(1, 2, 3))
        >>> output.logits is output["logits"] is output[0]
        True
        >>> list(output.keys())
        ['logits']
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(eq=False)(cls)
        names = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]

        def flatten(output: ModelOutput) -> tuple[list[Any], list[str]]:
            present = [name for name in names if getattr(output, name) is not None]
            return [getattr(output, name) for name in present], present

        def unflatten(values: Any, present: list[str]) -> ModelOutput:
            return cls(**dict(zip(present, values, strict=True)))

        pytree.register_pytree_node(
            cls,
            flatten,
            unflatten,
            serialized_type_name=f"{cls.__module__}.{cls.__qualname__}",
            flatten_with_keys_fn=lambda output: (
                [(pytree.GetAttrKey(name), value) for value, name in zip(*flatten(output), strict=True)],
                flatten(output)[1],
            ),
        )

    def keys(self) -> list[str]:
        """Return the names of the fields that are not None."""
        return [field.name for field in dataclasses.fields(self) if getattr(self, field.name) is not None]  # type: ignore[arg-type]

    def values(self) -> list[Any]:
        """Return the fields that are not None."""
        return [getattr(self, name) for name in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Return name and value of the fields that are not None."""
        return [(name, getattr(self, name)) for name in self.keys()]

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are not None, as a tuple."""
        return tuple(self.values())

    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, str):
            if key in self.keys():
                return getattr(self, key)
            raise KeyError(f"{type(self).__name__} holds no {key!r}, but {', '.join(self.keys()) or 'nothing'}")
        return self.to_tuple()[key]

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())


class BaseModelOutput(ModelOutput):
    """What a model without a head returns.

    Attributes:
        last_hidden_state: ``(batch, tokens, width)`` float.
        hidden_states: The embeddings and the output of each layer, each ``(batch, tokens, width)``.
        attentions: The attention probabilities of each layer, each ``(batch, heads, tokens, tokens)``.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class BaseModelOutputWithPooling(ModelOutput):
    """What a model without a head, but with a pooler, returns.

    Attributes:
        last_hidden_state: ``(batch, tokens, width)`` float.
        pooler_output: ``(batch, width)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class BaseModelOutputWithNoAttention(ModelOutput):
    """What a convolutional model without a head returns.

    Attributes:
        last_hidden_state: ``(batch, channels, height, width)`` float.
        hidden_states: The embeddings and the output of each stage, each ``(batch, channels, height, width)``.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class BaseModelOutputWithPoolingAndNoAttention(ModelOutput):
    """What a convolutional model without a head, but with a pooler, returns.

    Attributes:
        last_hidden_state: ``(batch, channels, height, width)`` float.
        pooler_output: ``(batch, channels, 1, 1)`` float.
        hidden_states: As `BaseModelOutputWithNoAttention`.
    """

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class BackboneOutput(ModelOutput):
    """What a backbone returns.

    Attributes:
        feature_maps: For each of its ``out_features`` ``(batch, channels, height, width)`` float, finest first.
        hidden_states: The embeddings and the output of each stage or layer, in the model's own shapes.
        attentions: The attention probabilities of each layer, for backbones that have some.
    """

    feature_maps: tuple[Tensor, ...] | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class _LogitsOutput(ModelOutput):
    """The fields of the classes below that hold nothing but logits, with the loss before and what is kept behind."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class ImageClassifierOutput(_LogitsOutput):
    """What a classifier of images returns.

    Attributes:
        loss: The loss that fits the problem type, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """


class ImageClassifierOutputWithNoAttention(ModelOutput):
    """What a convolutional classifier of images returns.

    Attributes:
        loss: The loss that fits the problem type, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        hidden_states: As `BaseModelOutputWithNoAttention`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class MaskedImageModelingOutput(ModelOutput):
    """What a model that fills in masked patches of images returns.

    Attributes:
        loss: Mean distance of the masked pixels from the true ones, if a mask was given; a scalar.
        reconstruction: ``(batch, channels, height, width)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """

    loss: Tensor | None = None
    reconstruction: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class CausalLMOutput(_LogitsOutput):
    """What a model that writes tokens along a sequence returns, one for speech among them.

    Attributes:
        loss: The loss over the labelled tokens, if labels were given; a scalar.
        logits: ``(batch, places, vocabulary)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """


class XVectorOutput(ModelOutput):
    """What a model that tells speakers apart returns.

    Attributes:
        loss: The loss over the labelled speakers, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        embeddings: ``(batch, size)`` float: the vector by which speakers are compared.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    embeddings: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class MaskedLMOutput(_LogitsOutput):
    """What a masked language model returns.

    Attributes:
        loss: Cross entropy over the labelled tokens, if labels were given; a scalar.
        logits: ``(batch, tokens, vocabulary)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """


class SequenceClassifierOutput(_LogitsOutput):
    """What a classifier of whole sequences (or images) returns.

    Attributes:
        loss: The loss that fits the problem type, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """


class TokenClassifierOutput(_LogitsOutput):
    """What a classifier of single tokens returns.

    Attributes:
        loss: Cross entropy over the labelled tokens, if labels were given; a scalar.
        logits: ``(batch, tokens, labels)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """


class QuestionAnsweringModelOutput(ModelOutput):
    """What a model that marks the answer to a question in a text returns.

    Attributes:
        loss: Mean cross entropy of the first and the last token of the answers, if both were given; a scalar.
        start_logits: ``(batch, tokens)`` float: how well the answer begins at each token.
        end_logits: ``(batch, tokens)`` float: how well the answer ends with each token.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """

    loss: Tensor | None = None
    start_logits: Tensor | None = None
    end_logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class MultipleChoiceModelOutput(_LogitsOutput):
    """What a model that picks one of several texts returns.

    Attributes:
        loss: Cross entropy over the choices, if labels were given; a scalar.
        logits: ``(batch, choices)`` float.
        hidden_states: As `BaseModelOutput`, with ``batch × choices`` texts.
        attentions: As `BaseModelOutput`, with ``batch × choices`` texts.
    """
