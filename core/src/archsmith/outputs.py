"""What models return: dataclasses with the field's names, which are mappings too, and reachable by index."""

import dataclasses
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from typing import Any, ClassVar, NoReturn, dataclass_transform

from torch import Tensor
from torch.utils import _pytree as pytree

from archsmith.errors import OptionError
from archsmith.messages import did_you_mean, shown

__all__ = [
    "BackboneOutput", "BaseModelOutput", "BaseModelOutputWithNoAttention", "BaseModelOutputWithPast",
    "BaseModelOutputWithPooling", "BaseModelOutputWithPoolingAndNoAttention", "CausalLMOutput",
    "CausalLMOutputWithPast", "ImageClassifierOutput", "ImageClassifierOutputWithNoAttention",
    "MaskedImageModelingOutput", "MaskedLMOutput", "ModelOutput", "MultipleChoiceModelOutput",
    "NextSentencePredictorOutput", "QuestionAnsweringModelOutput", "SequenceClassifierOutput",
    "SequenceClassifierOutputWithPast", "TokenClassifierOutput", "XVectorOutput",
]  # fmt: skip


@dataclass_transform()
class ModelOutput(OrderedDict[str, Any]):
    """The base of all outputs. A subclass declares its fields; it becomes a dataclass and a pytree node by itself.

    It is a mapping, too, of the fields that are not None, in their order; a number is the place of one in it, so
    ``output[0]`` is the loss when there is one. What is assigned by name or by key holds for both. A subclass is called
    with its fields, as it declares them; or with one mapping, or one iterator over pairs, of name and value. What is
    assigned by a key that is not nearly a field lies behind the fields, for those who hand more on in it.

    Example:
        >>> import torch
        >>> from archsmith.outputs import MaskedLMOutput
        >>> output = MaskedLMOutput(logits=torch.zeros(1, 2, 3))
        >>> output.logits is output["logits"] is output[0]
        True
        >>> list(output)
        ['logits']
        >>> MaskedLMOutput({"logits": output.logits}).logits is output.logits
        True
    """

    _names: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclasses.dataclass(eq=False)(cls)
        cls._names = tuple(field.name for field in dataclasses.fields(cls))  # type: ignore[arg-type]
        pytree.register_pytree_node(
            cls,
            lambda output: (list(output.values()), list(output)),
            lambda values, names: _rebuild(cls, names, values),
            serialized_type_name=f"{cls.__module__}.{cls.__qualname__}",
            flatten_with_keys_fn=lambda output: (
                [(pytree.GetAttrKey(name), value) for name, value in output.items()],
                list(output),
            ),
        )

    def __post_init__(self) -> None:
        """Take one mapping or iterator for all fields: so rebuild it ``DataParallel`` and whoever maps its values."""
        if list(self) != [*self._names[:1]]:
            return
        (first,) = self.values()
        is_pairs = isinstance(first, Mapping) and not (first and {*self._names}.isdisjoint(first))
        if isinstance(first, Iterator | ItemsView) or is_pairs:
            setattr(self, self._names[0], None)
            for name, value in dict(first).items():
                self[name] = value

    def to_tuple(self) -> tuple[Any, ...]:
        """Return the fields that are not None, as a tuple."""
        return tuple(self.values())

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name in self._names or name in self:
            if value is not None:
                super().__setitem__(name, value)
                behind = self._names[self._names.index(name) + 1 :] if name in self._names else ()
                for later in [*behind, *(key for key in self if key not in self._names)]:
                    if later in self:
                        self.move_to_end(later)
            elif name in self:
                super().__delitem__(name)

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, str):
            return self.to_tuple()[key]
        if key in self:
            return super().__getitem__(key)
        raise KeyError(f"{type(self).__name__} holds no {key!r}, but {', '.join(self) or 'nothing'}")

    def __setitem__(self, key: Any, value: Any) -> None:
        if key not in self._names:
            hint = did_you_mean(str(key), self._names, cutoff=0.8)
            if hint or not isinstance(key, str) or hasattr(type(self), key):
                raise OptionError(f"{shown(key)} is not a field of {type(self).__name__}.{hint}")
            super().__setitem__(key, value)
        setattr(self, key, value)

    def _refuse(self, *_: Any, **__: Any) -> NoReturn:
        raise OptionError(f"the fields of a {type(self).__name__} stay: assign them, None for what is not wanted.")

    __delitem__ = __ior__ = clear = pop = popitem = setdefault = update = _refuse
    __eq__, __ne__ = object.__eq__, object.__ne__  # tensors do not compare as a whole
    __hash__ = object.__hash__  # type: ignore[assignment]

    def __reduce__(self) -> tuple[Any, ...]:
        held = {**{name: getattr(self, name) for name in self._names}, **self}
        return _rebuild, (type(self), list(held), list(held.values()))


def _rebuild(cls: type[Any], names: Iterable[str], values: Iterable[Any]) -> Any:
    """Return an output with these fields, and with what else lay in it behind them."""
    held = dict(zip(names, values, strict=True))
    output = cls(**{name: held.pop(name) for name in cls._names if name in held})
    for name, value in held.items():
        output[name] = value
    return output


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


class BaseModelOutputWithPast(ModelOutput):
    """What a decoder without a head returns.

    Attributes:
        last_hidden_state: ``(batch, tokens, width)`` float.
        past_key_values: The cache, which the next call takes, if one is used.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`; each ``(batch, heads, tokens, all tokens so far)``.
    """

    last_hidden_state: Tensor | None = None
    past_key_values: Any = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class _PoolingOutput(ModelOutput):
    """The fields of the two classes with a pooler."""

    last_hidden_state: Tensor | None = None
    pooler_output: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class BaseModelOutputWithPooling(_PoolingOutput):
    """What a model without a head, but with a pooler, returns.

    Attributes:
        last_hidden_state: ``(batch, tokens, width)`` float.
        pooler_output: ``(batch, width)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """

    attentions: tuple[Tensor, ...] | None = None


class BaseModelOutputWithNoAttention(ModelOutput):
    """What a convolutional model without a head returns.

    Attributes:
        last_hidden_state: ``(batch, channels, height, width)`` float.
        hidden_states: The embeddings and the output of each stage, each ``(batch, channels, height, width)``.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class BaseModelOutputWithPoolingAndNoAttention(_PoolingOutput):
    """What a convolutional model without a head, but with a pooler, returns.

    Attributes:
        last_hidden_state: ``(batch, channels, height, width)`` float.
        pooler_output: ``(batch, channels, 1, 1)`` float.
        hidden_states: As `BaseModelOutputWithNoAttention`.
    """


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


class _PlainLogitsOutput(ModelOutput):
    """The fields where there is nothing but logits, with the loss before and what is kept behind: of convolutions."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None


class _LogitsOutput(_PlainLogitsOutput):
    """Likewise, of a model with attention."""

    attentions: tuple[Tensor, ...] | None = None


class ImageClassifierOutput(_LogitsOutput):
    """What a classifier of images returns.

    Attributes:
        loss: The loss that fits the problem type, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        hidden_states: As `BaseModelOutput`.
        attentions: As `BaseModelOutput`.
    """


class ImageClassifierOutputWithNoAttention(_PlainLogitsOutput):
    """What a convolutional classifier of images returns.

    Attributes:
        loss: The loss that fits the problem type, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        hidden_states: As `BaseModelOutputWithNoAttention`.
    """


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


class _PastOutput(ModelOutput):
    """The fields of a decoder's heads."""

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Any = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class CausalLMOutputWithPast(_PastOutput):
    """What a decoder that scores the next tokens returns.

    Attributes:
        loss: The loss over the labelled tokens, if labels were given; a scalar.
        logits: ``(batch, tokens, vocabulary)`` float: at each token the scores of the one after it.
        past_key_values: As `BaseModelOutputWithPast`, as are the others.
    """


class SequenceClassifierOutputWithPast(_PastOutput):
    """What a decoder that classifies sequences returns.

    Attributes:
        loss: The loss that fits the problem type, if labels were given; a scalar.
        logits: ``(batch, labels)`` float.
        past_key_values: As `BaseModelOutputWithPast`, as are the others.
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


class NextSentencePredictorOutput(_LogitsOutput):
    """What a model that tells whether one text follows another returns.

    Attributes:
        loss: Cross entropy over the labelled pairs, if labels were given; a scalar.
        logits: ``(batch, 2)`` float: the second text follows the first, or does not.
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
