"""Texts as rows for a model: tokenised many at once, each with its own length, and padded a batch at a time."""

import inspect
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import torch
from torch import Tensor

from archsmith.errors import ArchsmithError, InputError, OptionError
from archsmith.messages import announce, shown
from archsmith_tasks.steps import Example, TaskSteps

__all__ = ["TextSteps", "checked_text", "from_pair"]


def checked_text(value: Any, name: str = "an input") -> str:
    """Return a text. Raises `InputError`: it is none, or empty."""
    if not isinstance(value, str):
        hint = " Of several texts pass a list: list(…)." if hasattr(value, "__array__") else ""
        raise InputError(f"{name} must be a text, but is {shown(value)}.{hint}")
    if not value.strip():
        raise InputError(f"{name} is empty; expected a text.")
    return value


def from_pair(value: Any, names: tuple[str, str]) -> tuple[Any, Any]:
    """Return the parts of a pair or of a mapping, None for one that is left out. Raises `InputError`: it is neither."""
    if isinstance(value, Mapping):
        if unknown := [key for key in value if key not in names]:
            raise InputError(f"an input has the keys {' and '.join(names)}, but got {shown(unknown[0])}.")
        return value.get(names[0]), value.get(names[1])
    if not isinstance(value, tuple):
        raise InputError(f"an input must be a pair or a mapping of {' and '.join(names)}, but is {shown(value)}.")
    if len(value) != len(names):
        raise InputError(f"a pair has two texts, but got {len(value)}.")
    return value[0], value[1]


class TextSteps(TaskSteps[Any]):
    """The base of tasks that give a model the tokens of texts."""

    budget = 1024  # tokens: what the layers make of them stays in a CPU's cache
    #: What else can be done about a text that is too long.
    advice = "pass truncation=True to leave out its end"

    @property
    def wanted(self) -> Mapping[str, Any]:
        """What the tokenizer is asked for beside ids and masks, as ``return_offsets_mapping``."""
        return {}

    @cached_property
    def longest(self) -> int | None:
        """The most tokens of a row; None: there is no limit."""
        known = [
            getattr(self.model.config, "max_position_embeddings", None),
            getattr(self.parts.tokenizer, "model_max_length", None),
        ]
        return min((each for each in known if isinstance(each, int) and 0 < each < 2**31), default=None)

    @property
    def truncates(self) -> bool:
        """Whether a text that is too long is cut, and not refused."""
        return bool(getattr(self.options, "truncation", False))

    def check_fast(self) -> None:
        """Refuse a slow tokenizer. Raises `OptionError`."""
        if not self.parts.tokenizer.is_fast:
            name = type(self.parts.tokenizer).__name__
            raise OptionError(
                f"the task says where in a text its answers stand, which needs a fast tokenizer, but {name} is a slow "
                f"one. Pass tokenizer=, of the class {name}Fast."
            )

    def texts_of(self, value: Any) -> tuple[str, str | None]:
        """Return the text of an input, and the one that goes with it, or None. Raises `InputError`."""
        return checked_text(value), None

    def noted(self, encoded: Any, number: int) -> dict[str, Any]:  # noqa: ARG002
        """Return what an answer needs to know of a row of what the tokenizer returned. Here: nothing."""
        return {}

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the rows of one text."""
        (found,) = self.prepare([value])
        if isinstance(found, ArchsmithError):
            raise found
        return found

    def prepare(self, values: Sequence[Any]) -> list[list[Example] | ArchsmithError]:
        """Tokenise texts, all at once; those that are bad are left out of it."""
        found: list[Any] = [self._texts_or_error(value) for value in values]
        for paired in (False, True):
            places = [
                place
                for place, texts in enumerate(found)
                if isinstance(texts, tuple) and (texts[1] is not None) is paired
            ]
            if places:
                rows = self._tokenised([found[place] for place in places])
                for place, row in zip(places, rows, strict=True):
                    found[place] = row
        return found

    def _texts_or_error(self, value: Any) -> tuple[str, str | None] | ArchsmithError:
        try:
            return self.texts_of(value)
        except ArchsmithError as error:
            return error

    def _tokenised(self, texts: Sequence[tuple[str, str | None]]) -> list[list[Example] | ArchsmithError]:
        """Return the rows of each text; of texts that are all single, or all pairs."""
        try:
            rows = self.encoded(texts, self.wanted)
        except ArchsmithError as error:
            if len(texts) == 1:
                return [error]
            return [found for each in texts for found in self._tokenised([each])]
        return [self._fitting(each, row) for each, row in zip(texts, rows, strict=True)]

    def encoded(self, texts: Sequence[tuple[str, str | None]], options: Mapping[str, Any]) -> list[list[Example]]:
        """Return the rows of each text as the tokenizer makes them with some options. Raises as it."""
        firsts, seconds = [first for first, _ in texts], [second for _, second in texts]
        encoded = self.parts.tokenizer(firsts, None if seconds[0] is None else seconds, verbose=False, **options)
        columns = dict(encoded)
        samples = columns.pop("overflow_to_sample_mapping", range(len(texts)))
        names = [name for name in self.parts.tokenizer.model_input_names if name in columns and self._takes(name)]
        rows: list[list[Example]] = [[] for _ in texts]
        for number, sample in enumerate(samples):
            inputs = {name: columns[name][number] for name in names}
            notes = {name: column[number] for name, column in columns.items() if name not in inputs}
            notes |= {"texts": texts[sample]} | self.noted(encoded, number)
            rows[sample].append(Example(inputs, len(columns["input_ids"][number]), notes))
        return rows

    def _takes(self, name: str) -> bool:
        return name in self._arguments or any(each.kind is each.VAR_KEYWORD for each in self._arguments.values())

    @cached_property
    def _arguments(self) -> Mapping[str, inspect.Parameter]:
        return inspect.signature(type(self.model).forward).parameters  # tools wrap that of an object

    def _fitting(self, texts: tuple[str, str | None], rows: list[Example]) -> list[Example] | ArchsmithError:
        size = max(row.size for row in rows)
        if size == 0:
            return InputError(f"{shown(texts[0])} has no tokens; expected a text.")
        most = self.longest
        if most is None or size <= most:
            return rows
        if not self.truncates:
            return InputError(
                f"the text has {size} tokens, but the model reads at most {most}. Make it shorter, or {self.advice}."
            )
        announce(f"texts of more than {most} tokens are cut: the model reads no more.")
        try:
            return self.encoded([texts], {**self.wanted, "truncation": True, "max_length": most})[0]
        except ArchsmithError as error:
            return error

    def read(self, examples: Sequence[Example]) -> Any:
        """Return what the model returns for rows, padded. What a decoder keeps to go on from is not kept."""
        plain = {"use_cache": False} if "use_cache" in self._arguments else {}
        return self.model(**self.padded(examples), **plain)

    def padded(self, examples: Sequence[Example], *, side: Literal["left", "right"] = "right") -> dict[str, Tensor]:
        """Return rows as tensors for the model, ``(batch, tokens)``, with a mask where rows are padded.

        A tokenizer without a token for padding is good enough: what is masked is not read.
        """
        tokenizer, sizes = self.parts.tokenizer, [len(each.inputs["input_ids"]) for each in examples]
        width = max(sizes)
        padding = {"input_ids": tokenizer.pad_token_id or 0, "token_type_ids": tokenizer.pad_token_type_id}
        columns = {name: [each.inputs[name] for each in examples] for name in examples[0].inputs}
        if min(sizes) < width:
            columns.setdefault("attention_mask", [[1] * size for size in sizes])
        batch = {}
        for name, rows in columns.items():
            fill = [[padding.get(name, 0)] * (width - len(row)) for row in rows]
            pairs = zip(rows, fill, strict=True)
            batch[name] = torch.tensor([row + more if side == "right" else more + row for row, more in pairs])
        return self.to_model(batch)
