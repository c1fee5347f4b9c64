"""When a text has ended: a token, a string, or what the caller says."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from archsmith.errors import OptionError
from archsmith.messages import shown
from archsmith_generation.config import GenerationConfig

__all__ = ["Stopping", "StoppingCriterion"]

#: Takes the token ids so far, ``(batch, tokens)``, and the scores of the last, and says whether to stop: True or False
#: for all rows, or a boolean tensor ``(batch,)``.
StoppingCriterion = Callable[[Tensor, Tensor], "bool | Tensor"]

#: Tokens that are decoded beside those that a stop string can take: the pieces of a character, and what has no text.
_BEFORE = 8


class Stopping:
    """Says which rows have ended.

    Raises:
        OptionError: There are stop strings, but no tokenizer.
    """

    def __init__(
        self,
        settings: GenerationConfig,
        *,
        prompt: int,
        tokenizer: Any,
        given: Sequence[StoppingCriterion],
        device: Any,
    ) -> None:
        self._eos = torch.tensor(settings.eos_tokens(), dtype=torch.long, device=device)
        strings = settings.stop_strings or []
        self._strings = [strings] if isinstance(strings, str) else strings
        if self._strings and tokenizer is None:
            raise OptionError(f"stop_strings {shown(strings)} need tokenizer=…, which turns the tokens into text.")
        self._tokenizer, self._prompt, self._given = tokenizer, prompt, given
        self._longest = max((len(text.encode()) for text in self._strings), default=0)

    def ended(self, ids: Tensor, scores: Tensor) -> Tensor:
        """Return which rows end with the token that came last: ``(batch,)`` boolean.

        Args:
            ids: ``(batch, tokens)`` integer, the last token included.
            scores: What it was chosen by.

        Raises:
            OptionError: A criterion of the caller returned something else than it should.
        """
        ended = torch.isin(ids[:, -1], self._eos)
        if self._strings:
            ended |= torch.tensor([self._has_string(row) for row in ids], device=ids.device)
        for criterion in self._given:
            said = criterion(ids, scores)
            if isinstance(said, Tensor) and said.dtype == torch.bool and said.numel() in (1, len(ids)):
                ended |= said.reshape(-1)
            elif isinstance(said, bool):
                ended |= said
            else:
                raise OptionError(
                    f"stopping_criteria must return True, False or a boolean tensor of the shape ({len(ids)},), "
                    f"but one returned {shown(said)}."
                )
        return ended

    def _has_string(self, row: Tensor) -> bool:
        """Return whether a stop string ends within the last token, of the text that was written."""
        written = row[self._prompt :][-(self._longest + _BEFORE) :].tolist()
        text = self._tokenizer.decode(written, skip_special_tokens=False)
        before = self._tokenizer.decode(written[:-1], skip_special_tokens=False)
        return any(text.count(string) > before.count(string) for string in self._strings)
