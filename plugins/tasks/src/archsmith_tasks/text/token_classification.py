"""The parts of a text that have a label: names of people, of places, kinds of words."""

import re
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from archsmith.config import Count, field
from archsmith.errors import OptionError
from archsmith_tasks.results import Entities, Entity
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.text.rows import TextSteps

__all__ = ["TokenClassification", "TokenOptions"]


class TokenOptions(Options):
    """How the labels of tokens become labels of parts of a text."""

    aggregation_strategy: Literal["none", "simple", "first", "average", "max"] = field(
        default="simple",
        doc="none: each token alone; simple: neighbours of one label are one part; first, average, max: so are the "
        "tokens of a word, whose label is that of its first token, of the mean of its scores, or of its surest token.",
    )
    ignore_labels: list[str] = field(default=["O"], doc="Labels that are left out.")
    stride: Count | None = field(
        default=None, doc="Read a text that is too long in windows that share so many tokens; null: it is an error."
    )
    truncation: bool = field(default=False, doc="Leave out the end of a text that is too long; else it is an error.")


_Scores = Any  # NDArray[np.float32]


class _Piece(NamedTuple):
    """A token or a word: its scores, ``(labels,)``, and its characters."""

    scores: _Scores
    start: int
    end: int


class TokenClassification(TextSteps):
    """Labelled parts of texts."""

    options_class = TokenOptions
    advice = "pass stride=0 or more to read it in windows, or truncation=True to leave out its end"

    def check(self) -> None:
        """Refuse a slow tokenizer, and windows that do not move on. Raises `OptionError`."""
        self.check_fast()
        stride, most = self.options.stride, self.longest
        if stride is not None and self.truncates:
            raise OptionError("stride and truncation=True are two ways with a text that is too long; pass one.")
        if stride is not None and most is not None:
            room = most - self.parts.tokenizer.num_special_tokens_to_add(pair=False)
            if stride >= room:
                raise OptionError(f"stride must be below {room}, the tokens of a window, but is {stride}.")

    @property
    def wanted(self) -> Mapping[str, Any]:
        """What the tokenizer is asked for: where each token stands, and windows where they are wanted."""
        asked = {"return_offsets_mapping": True, "return_special_tokens_mask": True}
        if self.options.stride is None or self.longest is None:
            return asked
        windows = {"truncation": True, "max_length": self.longest, "stride": self.options.stride}
        return asked | windows | {"return_overflowing_tokens": True}

    def forward(self, examples: Sequence[Example]) -> Sequence[_Scores]:
        """Return the scores of each token, ``(tokens, labels)`` float32."""
        scores = self.read(examples).logits.float().softmax(-1).cpu().numpy()
        return [row[: each.size] for row, each in zip(scores, examples, strict=True)]

    def answer(self, rows: Sequence[tuple[Example, _Scores]]) -> Entities:
        """Return the labelled parts of a text."""
        found = [entity for example, scores in rows for entity in self._entities(example, scores)]
        return Entities(tuple(_joined(found) if len(rows) > 1 else found))

    def _entities(self, example: Example, scores: _Scores) -> list[Entity]:
        """Return the labelled parts of one window."""
        pieces, text = self._pieces(example, scores), example.notes["texts"][0]
        names = self.labels
        labels = [(names[int(piece.scores.argmax())], float(piece.scores.max()), piece) for piece in pieces]
        if self.options.aggregation_strategy == "none":
            groups = [([score], label, piece.start, piece.end) for label, score, piece in labels]
        else:
            groups = _grouped(labels)
        return [
            Entity(label, sum(scores) / len(scores), text[start:end], start, end)
            for scores, label, start, end in groups
            if label not in self.options.ignore_labels
        ]

    def _pieces(self, example: Example, scores: _Scores) -> list[_Piece]:
        """Return the tokens of a row that stand for characters, or its words."""
        strategy, notes = self.options.aggregation_strategy, example.notes
        words: list[list[_Piece]] = []
        for number, (start, end) in enumerate(notes["offset_mapping"]):
            if notes["special_tokens_mask"][number]:
                continue
            piece = _Piece(scores[number], start, end)
            whole = strategy in ("first", "average", "max")
            if whole and words and self._goes_on(example.inputs["input_ids"][number], notes["texts"][0], start):
                words[-1].append(piece)
            else:
                words.append([piece])
        return [_word(word, strategy) for word in words]

    def _goes_on(self, token: int, text: str, start: int) -> bool:
        """Return whether a token goes on with the word before it: as it is marked, else where no space is between."""
        if token == self.parts.tokenizer.unk_token_id:
            return False
        if self._mark:
            return bool(self.parts.tokenizer.convert_ids_to_tokens(token).startswith(self._mark))
        return start > 0 and " " not in text[start - 1 : start + 1]

    @cached_property
    def _mark(self) -> str | None:
        """What a token begins with that goes on with a word, as ``##``; None: tokens are not marked so."""
        return getattr(self.parts.tokenizer.backend_tokenizer.model, "continuing_subword_prefix", None)


def _word(pieces: list[_Piece], strategy: str) -> _Piece:
    """Return the tokens of a word as one piece."""
    if strategy == "average":
        scores = np.mean([piece.scores for piece in pieces], axis=0)
    elif strategy == "max":
        scores = max((piece.scores for piece in pieces), key=lambda each: float(each.max()))
    else:
        scores = pieces[0].scores
    return _Piece(scores, pieces[0].start, pieces[-1].end)


def _grouped(labels: Sequence[tuple[str, float, _Piece]]) -> list[tuple[list[float], str, int, int]]:
    """Return neighbours of one label as one part, which B- before a label begins anew: scores, label, start, end."""
    groups: list[tuple[list[float], str, str, int, int]] = []
    for label, score, piece in labels:
        kind = label[2:] if label.startswith(("B-", "I-")) else label
        if groups and groups[-1][1] == kind and not label.startswith("B-"):
            scores, _, first, start, _ = groups[-1]
            scores.append(score)
            groups[-1] = (scores, kind, first, start, piece.end)
        else:
            groups.append(([score], kind, label, piece.start, piece.end))
    return [(scores, re.sub("^[A-Z]-", "", first), start, end) for scores, _, first, start, end in groups]


def _joined(found: Sequence[Entity]) -> list[Entity]:
    """Return the parts that several windows found, once: of those that share characters the longest, then the surest.

    What a window cut off at its edge, another one has whole.
    """
    kept: list[Entity] = []
    for entity in sorted(found, key=lambda each: each.start):
        last = kept[-1] if kept else None
        if last is None or (entity.start >= last.end and (entity.start, entity.end) != (last.start, last.end)):
            kept.append(entity)
        elif (entity.end - entity.start, entity.score) > (last.end - last.start, last.score):
            kept[-1] = entity
    return kept
