"""Texts as rows for a model: tokenised many at once, each with its own length, and padded a batch at a time."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from archsmith.errors import ArchsmithError, InputError
from archsmith.messages import announce, shown
from archsmith_tasks.steps import Example, TaskSteps

__all__ = ["TextSteps", "checked_text"]


def checked_text(value: Any, name: str = "an input") -> str:
    """Return a text. Raises `InputError`: it is none, or empty."""
    if not isinstance(value, str):
        raise InputError(f"{name} must be a text, but is {shown(value)}.")
    if not value.strip():
        raise InputError(f"{name} is empty; expected a text.")
    return value


class TextSteps(TaskSteps[Any]):
    """The base of tasks that give a model the tokens of texts."""

    budget = 4096  # tokens
    #: What the tokenizer returns beside ids and masks, as ``return_offsets_mapping``.
    wanted: Mapping[str, bool] = {}

    @property
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

    def texts_of(self, value: Any) -> tuple[str, str | None]:
        """Return the text of an input, and the one that goes with it, or None. Raises `InputError`."""
        return checked_text(value), None

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the row of one text."""
        (found,) = self.prepare([value])
        if isinstance(found, ArchsmithError):
            raise found
        return found

    def prepare(self, values: Sequence[Any]) -> list[list[Example] | ArchsmithError]:
        """Tokenise texts, all at once; those that are bad are left out of it."""
        found: list[Any] = [self._texts_or_error(value) for value in values]
        good = [place for place, texts in enumerate(found) if not isinstance(texts, ArchsmithError)]
        if good:
            for place, example in zip(good, self._tokenised([found[place] for place in good]), strict=True):
                found[place] = example if isinstance(example, ArchsmithError) else [example]
        return found

    def _texts_or_error(self, value: Any) -> tuple[str, str | None] | ArchsmithError:
        try:
            return self.texts_of(value)
        except ArchsmithError as error:
            return error

    def _tokenised(self, texts: Sequence[tuple[str, str | None]]) -> list[Example | ArchsmithError]:
        firsts, seconds = [first for first, _ in texts], [second for _, second in texts]
        if None in seconds and any(second is not None for second in seconds):  # pairs and single texts apart
            return [found for each in texts for found in self._tokenised([each])]
        try:
            encoded = self.parts.tokenizer(firsts, None if None in seconds else seconds, **self.wanted)
        except ArchsmithError as error:
            if len(texts) == 1:
                return [error]
            return [found for each in texts for found in self._tokenised([each])]
        columns = dict(encoded)
        rows: list[Example | ArchsmithError] = []
        for number, ids in enumerate(columns["input_ids"]):
            inputs = {name: columns[name][number] for name in self.parts.tokenizer.model_input_names if name in columns}
            notes = {name: column[number] for name, column in columns.items() if name not in inputs}
            rows.append(self._fitting(texts[number], Example(inputs, len(ids), notes)))
        return rows

    def _fitting(self, texts: tuple[str, str | None], example: Example) -> Example | ArchsmithError:
        most = self.longest
        if most is None or example.size <= most:
            return example
        if not self.truncates:
            return InputError(
                f"the text has {example.size} tokens, but the model reads at most {most}. Make it shorter, or pass "
                "truncation=True to leave out its end."
            )
        announce(f"texts of more than {most} tokens are cut: the model reads no more.")
        cut = dict(self.parts.tokenizer(*texts, truncation=True, max_length=most, **self.wanted))
        inputs = {name: cut.pop(name) for name in list(cut) if name in example.inputs}
        return Example(inputs, len(inputs["input_ids"]), cut)

    def padded(self, examples: Sequence[Example]) -> dict[str, Tensor]:
        """Return rows as tensors for the model, ``(batch, tokens)``."""
        names = examples[0].inputs
        rows = {name: [example.inputs[name] for example in examples] for name in names}
        return self.to_model(dict(self.parts.tokenizer.pad(rows, return_tensors="pt")))
