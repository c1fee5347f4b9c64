"""Which words may stand at the masks of a text."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from archsmith.config import Size, field
from archsmith.errors import ArchsmithError, InputError, OptionError
from archsmith.messages import shorten, shown
from archsmith_tasks.results import Filled, FilledMasks
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.text.rows import TextSteps

__all__ = ["FillMask", "MaskOptions"]


class MaskOptions(Options):
    """Which words are told."""

    top_k: Size = field(default=5, doc="So many of the likeliest words for each mask.")
    targets: str | list[str] | None = field(default=None, doc="Only these words; null: the whole vocabulary.")
    truncation: bool = field(default=False, doc="Leave out the end of a text that is too long; else it is an error.")


class FillMask(TextSteps):
    """Words at masks."""

    options_class = MaskOptions

    def check(self) -> None:
        """Refuse a tokenizer without a mask, and targets that are no tokens. Raises `OptionError`."""
        if self.parts.tokenizer.mask_token_id is None:
            raise OptionError("fill-mask needs a tokenizer with a mask_token, which this one lacks.")
        self._known  # noqa: B018  # asks now, not at the first input

    @cached_property
    def _known(self) -> Tensor:
        """The ids that are told of, ``(words,)``: the targets, or those of the vocabulary that the model scores."""
        targets, tokenizer = self.options.targets, self.parts.tokenizer
        if targets is None:
            size = self.model.config.vocab_size
            return torch.tensor([number for number in set(tokenizer.get_vocab().values()) if number < size]).sort()[0]
        names = [targets] if isinstance(targets, str) else targets
        if not names:
            raise OptionError("targets holds no word; leave it out for the whole vocabulary.")
        return torch.tensor(list(dict.fromkeys(map(self._target, names))))

    def _target(self, name: str) -> int:
        tokenizer = self.parts.tokenizer
        vocabulary = tokenizer.get_vocab()
        if name in vocabulary:
            return int(vocabulary[name])
        ids = tokenizer(name, add_special_tokens=False).input_ids if name.strip() else []
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            pieces = f"; it is {shorten(tokenizer.convert_ids_to_tokens(ids))}" if len(ids) > 1 else ""
            raise OptionError(f"targets must hold words that are one token, but {shown(name)} is not{pieces}.")
        return int(ids[0])

    def prepare(self, values: Sequence[Any]) -> list[list[Example] | ArchsmithError]:
        """Tokenise texts. One without a mask is bad, and one whose masks are cut off."""
        return [self._masked(found) for found in super().prepare(values)]

    def _masked(self, found: list[Example] | ArchsmithError) -> list[Example] | ArchsmithError:
        if isinstance(found, ArchsmithError):
            return found
        tokenizer, (row,) = self.parts.tokenizer, found
        places = [at for at, token in enumerate(row.inputs["input_ids"]) if token == tokenizer.mask_token_id]
        expected = row.notes["texts"][0].count(tokenizer.mask_token)
        if not expected:
            return InputError(f"the text has no mask: write {tokenizer.mask_token} where a word is missing.")
        if len(places) != expected:
            return InputError(f"only {len(places)} of {expected} masks are read: the others are cut off or not whole.")
        row.notes["places"] = places
        return found

    def forward(self, examples: Sequence[Example]) -> Sequence[tuple[Tensor, Tensor]]:
        """Return the likeliest words of each mask: scores and ids, ``(masks, words)`` each."""
        places = [(row, at) for row, each in enumerate(examples) for at in each.notes["places"]]
        rows, columns = torch.tensor(places).T
        logits = self.read(examples).logits[rows, columns]  # (masks of all, vocabulary)
        scores = logits.float().softmax(-1)[:, self._known.to(logits.device)]
        best = scores.topk(min(self.options.top_k, scores.shape[1]))
        sizes = [len(each.notes["places"]) for each in examples]
        tokens = self._known[best.indices.cpu()]
        return list(zip(torch.split(best.values.cpu(), sizes), torch.split(tokens, sizes), strict=True))

    def answer(self, rows: Sequence[tuple[Example, tuple[Tensor, Tensor]]]) -> FilledMasks:
        """Return the words at the masks of a text."""
        (example, (scores, tokens)) = rows[0]
        filled = (
            tuple(self._filled(example, place, token, score) for score, token in zip(*each, strict=True))
            for place, *each in zip(example.notes["places"], scores.tolist(), tokens.tolist(), strict=True)
        )
        return FilledMasks(tuple(filled))

    def _filled(self, example: Example, place: int, token: int, score: float) -> Filled:
        tokenizer, ids = self.parts.tokenizer, list(example.inputs["input_ids"])
        ids[place] = token
        left = [number for number in ids if number not in self._unread]
        return Filled(tokenizer.decode(token), token, score, tokenizer.decode(left))

    @cached_property
    def _unread(self) -> frozenset[int]:
        """The special tokens that are no part of a text."""
        tokenizer = self.parts.tokenizer
        return frozenset(tokenizer.all_special_ids) - {tokenizer.mask_token_id}
