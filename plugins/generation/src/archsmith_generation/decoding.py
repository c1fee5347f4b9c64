"""One token after the other: the likeliest, or one drawn at random; or several at once that were guessed.

Source: Leviathan et al., "Fast Inference from Transformers via Speculative Decoding" (arXiv:2211.17192), section 2, for
the likeliest tokens alone: what comes out is what comes out without guesses.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from archsmith.errors import InputError
from archsmith.messages import shown
from archsmith_generation.config import GenerationConfig
from archsmith_generation.reading import Reader
from archsmith_generation.stopping import Stopping

__all__ = ["Writing", "tokens_by_guesses", "tokens_one_by_one"]


@dataclass
class Writing:
    """A batch of texts on the way.

    Attributes:
        held: ``(batch, most tokens)`` integer: prompts, what was written, and room.
        length: Columns that are written.
        ended: ``(batch,)`` boolean.
        may_leave: Whether the model may stop to read rows that have ended: nobody looks at their scores or the cache.
        scores: Those of each step, if they are wanted.
        logits: Likewise.
    """

    reader: Reader
    settings: GenerationConfig
    processors: Sequence[Callable[[Tensor, Tensor], Any]]  # a caller's may return anything
    stopping: Stopping
    padding: int
    held: Tensor
    length: int
    ended: Tensor
    generator: torch.Generator | Sequence[torch.Generator] | None = None
    may_leave: bool = False
    scores: list[Tensor] = field(default_factory=list)
    logits: list[Tensor] = field(default_factory=list)

    @property
    def ids(self) -> Tensor:
        """The texts so far."""
        return self.held[:, : self.length]

    def is_over(self) -> bool:
        """Return whether nothing is left to write."""
        return self.length == self.held.shape[1] or bool(self.ended.all())

    def process(self, ids: Tensor, scores: Tensor, logits: Tensor) -> Tensor:
        """Return the scores after all processors, and keep both, if they are wanted.

        Args:
            ids: ``(batch, tokens)`` integer.
            scores: ``(batch, vocabulary)`` float32.
            logits: What the model itself said, likewise.

        Raises:
            InputError: A processor of the caller returns something else.
        """
        if self.settings.output_logits:
            self.logits.append(logits.clone())  # a processor may write into what it gets
        shape, found = scores.shape, scores
        for process in self.processors:
            found = process(ids, found)
            if not isinstance(found, Tensor) or found.shape != shape:
                raise InputError(
                    f"a logits processor must return scores of the shape (batch, vocabulary) = {tuple(shape)}, as it "
                    f"gets them, but returned {shown(getattr(found, 'shape', found))}."
                )
        if self.settings.output_scores:
            self.scores.append(found.clone())
        return found

    def choose(self, logits: Tensor) -> Tensor:
        """Choose each row's next token by the model's scores, ``(batch, vocabulary)``, and append it."""
        scores = self.process(self.ids, logits, logits)
        best, tokens = scores.max(dim=1)
        _refuse_nothing(best)
        if self.settings.do_sample:
            tokens = self._drawn(scores.softmax(1))
        tokens = tokens.masked_fill(self.ended, self.padding)
        self.held[:, self.length] = tokens
        self.length += 1
        self.ended = self.ended | self.stopping.ended(self.ids, scores)
        return tokens

    def _drawn(self, shares: Tensor) -> Tensor:
        """Draw a token for each row, of the shares that its tokens have, ``(batch, vocabulary)``."""
        if not isinstance(self.generator, Sequence):
            return torch.multinomial(shares, 1, generator=self.generator).squeeze(1)
        pairs = zip(shares, self.generator, strict=True)
        return torch.cat([torch.multinomial(row, 1, generator=each) for row, each in pairs])


def _refuse_nothing(best: Tensor) -> None:
    if not bool((best > -float("inf")).all()):  # NaN included
        said = "NaN" if bool(best.isnan().any()) else "minus infinity for every token"
        raise InputError(
            f"the scores of a step are {said}: no token can be chosen. Either the weights are broken, or the settings "
            "forbid every token (bad_words_ids, suppress_tokens, no_repeat_ngram_size, a logits processor)."
        )


def tokens_one_by_one(writing: Writing) -> Iterator[Tensor]:
    """Write, and yield each step's tokens, ``(batch,)`` integer."""
    while not writing.is_over():
        if writing.may_leave:
            writing.reader.leave(writing.ended)
        yield writing.choose(writing.reader.logits(writing.ids)[:, -1])


def tokens_by_guesses(writing: Writing, guess: Callable[[Tensor], Tensor]) -> Iterator[Tensor]:
    """Write the likeliest tokens of one text, as `tokens_one_by_one`, but ask about several guesses at once.

    Args:
        writing: One row.
        guess: Takes the text so far, ``(1, tokens)``, and returns what may follow, ``(1, none or more)``.
    """
    reader = writing.reader
    while not writing.is_over():
        room = writing.held.shape[1] - writing.length - 1
        guessed = guess(writing.ids)[:, :room]
        begin = writing.length
        logits = reader.logits(torch.cat([writing.ids, guessed], 1), keep=guessed.shape[1] + 1)
        try:
            for place in range(guessed.shape[1] + 1):
                tokens = writing.choose(logits[:, place])
                yield tokens
                if writing.is_over() or (place < guessed.shape[1] and tokens[0] != guessed[0, place]):
                    break
        finally:  # what was guessed wrong, and what nobody asked for any more
            assert reader.cache is not None  # for the type checker
            reader.cache.crop(min(reader.cache.length, reader.offset + max(begin, writing.length - 1)))
