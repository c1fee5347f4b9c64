"""What is put around texts, as the post_processor of a tokenizer.json writes it."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec

from archsmith.errors import CheckpointCorrupt
from archsmith.tokenizer.templates import SpecialTokensTemplate, TemplatePart

__all__ = ["read_template", "surround", "template_json"]

_Number = Annotated[int, msgspec.Meta(ge=0, lt=2**32)]
_End = tuple[str, int]


class _Beside(msgspec.Struct):
    id: str
    type_id: _Number


class _Text(_Beside):
    id: Literal["A", "B"]


class _Place(msgspec.Struct, rename={"text": "Sequence", "beside": "SpecialToken"}, omit_defaults=True):
    text: _Text | None = None
    beside: _Beside | None = None


class _Special(msgspec.Struct):
    id: str
    ids: list[_Number]
    tokens: list[str]


class _Template(msgspec.Struct, tag_field="type", tag="TemplateProcessing"):
    single: list[_Place]
    pair: list[_Place]
    special_tokens: dict[str, _Special]


class _Bert(msgspec.Struct, tag_field="type", tag="BertProcessing"):
    sep: tuple[str, _Number]
    cls: tuple[str, _Number]


class _Roberta(_Bert, tag="RobertaProcessing"):
    """It puts two separators between texts."""


class _ByteLevel(msgspec.Struct, tag_field="type", tag="ByteLevel"):
    """It moves offsets alone."""


class _Several(msgspec.Struct, tag_field="type", tag="Sequence"):
    processors: list[_Template | _Bert | _Roberta | _ByteLevel]


class _File(msgspec.Struct):
    post_processor: _Template | _Bert | _Roberta | _ByteLevel | _Several | None


def surround(cls: _End | None, sep: _End | None, *, doubled: bool = False) -> SpecialTokensTemplate:
    """Return ``[CLS] A [SEP]`` and ``[CLS] A [SEP] B [SEP]``; a token that is None is left out.

    Args:
        cls: The first token and its id.
        sep: The last one.
        doubled: As RoBERTa has it: two separators between the texts of a pair, and one token type for both.
    """
    start, end = ([] if each is None else [TemplatePart(None, 0, (each[1],), (each[0],))] for each in (cls, sep))
    last = end if doubled or sep is None else [TemplatePart(None, 1, (sep[1],), (sep[0],))]
    second = TemplatePart(1, int(not doubled))
    pair = (*start, TemplatePart(0), *end, *(end if doubled else ()), second, *last)
    return SpecialTokensTemplate((*start, TemplatePart(0), *end), pair)


def read_template(post_processor: Any, where: str) -> SpecialTokensTemplate:
    """Return the template of a post_processor, or of the one in a sequence that puts tokens around texts.

    Raises:
        CheckpointCorrupt: It is damaged or contradicts itself.
        msgspec.ValidationError: It is of a kind that is not read in Python.
    """
    post = msgspec.convert({"post_processor": post_processor}, _File).post_processor
    steps = post.processors if isinstance(post, _Several) else [post]
    around = [step for step in steps if not isinstance(step, _ByteLevel | None)]
    if len(around) > 1:
        raise msgspec.ValidationError("Expected one step that puts tokens around texts - at `$.post_processor`")
    if not around:
        return SpecialTokensTemplate()
    (step,) = around
    if isinstance(step, _Template):
        return SpecialTokensTemplate(_places(step.single, step, where), _places(step.pair, step, where))
    return surround(step.cls, step.sep, doubled=isinstance(step, _Roberta))


def _places(places: Sequence[_Place], post: _Template, where: str) -> tuple[TemplatePart, ...]:
    parts: list[TemplatePart] = []
    for place in places:
        if place.text is not None:
            parts.append(TemplatePart("AB".index(place.text.id), place.text.type_id))
        elif place.beside is not None and (special := post.special_tokens.get(place.beside.id)) is not None:
            parts.append(TemplatePart(None, place.beside.type_id, tuple(special.ids), tuple(special.tokens)))
        else:
            raise CheckpointCorrupt(f"{where!r}: the post_processor names a token that its special_tokens lack.")
    texts = {part.text for part in parts if part.text is not None}
    if texts != ({0, 1} if places is post.pair else {0}):
        raise CheckpointCorrupt(f"{where!r}: the post_processor must name each text, A, or A and B for pairs.")
    return tuple(parts)


def template_json(template: SpecialTokensTemplate) -> Any:
    """Return the post_processor that puts a template around texts; None if it puts nothing."""
    if template == SpecialTokensTemplate():
        return None
    special: dict[str, _Special] = {}

    def written(part: TemplatePart) -> _Place:
        if part.text is not None:
            return _Place(text=_Text("A" if part.text == 0 else "B", part.token_type))
        name = " ".join(part.tokens)
        special[name] = _Special(name, list(part.ids), list(part.tokens))
        return _Place(beside=_Beside(name, part.token_type))

    single, pair = ([written(part) for part in parts] for parts in (template.single, template.pair))
    return msgspec.to_builtins(_Template(single, pair, special))
