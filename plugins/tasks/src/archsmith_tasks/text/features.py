"""A vector for each text: what a model makes of its tokens, pooled."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Literal

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config import field
from archsmith.errors import OptionError
from archsmith.messages import did_you_mean, shorten, shown
from archsmith_tasks.results import Features
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.text.rows import TextSteps, checked_text
from archsmith_tasks.text.sentence_files import SentenceFiles, read_sentence_files

__all__ = ["FeatureExtraction", "FeatureOptions"]

_Pooling = Literal["cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]


class FeatureOptions(Options):
    """How the vectors of tokens become one; null is what a sentence-transformers folder says."""

    pooling: _Pooling | Literal["none"] | list[_Pooling] | None = field(
        default=None, doc="How: null is mean in other folders; none: a vector for each token; of several, side by side."
    )
    normalize: bool | None = field(default=None, doc="Give vectors the length one; null: not, in other folders.")
    prompt_name: str | None = field(default=None, doc="Which of the folder's prompts is put before each text.")
    prompt: str | None = field(default=None, doc="What is put before each text.")
    truncation: bool | None = field(
        default=None, doc="Leave out the end of a text that is too long; null: an error, in other folders."
    )


class FeatureExtraction(TextSteps):
    """Vectors of texts."""

    options_class = FeatureOptions

    def check(self) -> None:
        """Refuse a prompt that is not there, and no pooling. Raises `OptionError`."""
        if self.options.pooling == []:
            raise OptionError("pooling holds nothing; leave it out for what the folder says.")
        name, prompts = self.options.prompt_name, self._files.prompts
        if name is not None and self.options.prompt is not None:
            raise OptionError("prompt and prompt_name are two ways to say what is put before a text; pass one.")
        if name is not None and name not in prompts:
            known = f"it has {shorten(prompts)}" if prompts else "the folder has none"
            raise OptionError(f"prompt_name {shown(name)} is not known; {known}.{did_you_mean(name, prompts)}")

    @cached_property
    def _files(self) -> SentenceFiles:
        return read_sentence_files(self.parts.checkpoint, getattr(self.model.config, "hidden_size", None))

    @property
    def truncates(self) -> bool:
        """Whether a text that is too long is cut, and not refused."""
        asked = self.options.truncation
        return self._files.truncates if asked is None else asked

    @cached_property
    def longest(self) -> int | None:
        """The most tokens of a row; None: there is no limit."""
        known = [each for each in (super().longest, self._files.max_seq_length) if each is not None]
        return min(known, default=None)

    @cached_property
    def _pooling(self) -> tuple[str, ...]:
        asked = self.options.pooling
        return self._files.pooling if asked is None else (asked,) if isinstance(asked, str) else tuple(asked)

    @cached_property
    def _prompt(self) -> str:
        if self.options.prompt is not None:
            return self.options.prompt  # type: ignore[no-any-return]
        return self._files.prompts.get(self.options.prompt_name or self._files.default_prompt or "", "")

    @cached_property
    def _skipped(self) -> int:
        """How many tokens of each text are of the prompt and are not pooled."""
        if self._files.pools_prompt or not self._prompt:
            return 0
        ids = self.parts.tokenizer(self._lowered(self._prompt)).input_ids
        return len(ids) - (ids[-1] in self.parts.tokenizer.all_special_ids)

    def _lowered(self, text: str) -> str:
        return text.lower() if self._files.lowers else text

    def texts_of(self, value: Any) -> tuple[str, str | None]:
        """Return a text behind its prompt."""
        return self._lowered(self._prompt + checked_text(value)), None

    def forward(self, examples: Sequence[Example]) -> Sequence[Any]:
        """Return the vector of each text, ``(width,)`` float32 numpy; or those of its tokens, ``(tokens, width)``."""
        hidden = getattr(self.read(examples), "last_hidden_state", None)
        if hidden is None:
            raise OptionError(f"{type(self.model).__name__} returns no last_hidden_state, of which features are made.")
        hidden = hidden.float()
        normalize = self.options.normalize
        if self._pooling == ("none",):
            hidden = F.normalize(hidden, dim=-1) if normalize else hidden
            return [row[: each.size].copy() for row, each in zip(hidden.cpu().numpy(), examples, strict=True)]
        sizes = torch.tensor([each.size for each in examples], device=hidden.device)
        vectors = torch.cat([_pooled(hidden, sizes, name, self._skipped) for name in self._pooling], -1)
        normalize = self._files.normalize if normalize is None else normalize
        return list((F.normalize(vectors, dim=-1) if normalize else vectors).cpu().numpy())

    def answer(self, rows: Sequence[tuple[Example, Any]]) -> Features:
        """Return the vector of a text."""
        return Features(rows[0][1])


def _pooled(hidden: Tensor, sizes: Tensor, name: str, skipped: int) -> Tensor:
    """Return one vector of those of the tokens of each row, ``(batch, tokens, width)`` → ``(batch, width)``.

    Args:
        hidden: Padded on the right.
        sizes: How many tokens each row has, ``(batch,)``.
        name: How.
        skipped: So many tokens at the beginning do not count.
    """
    places = torch.arange(hidden.shape[1], device=hidden.device)
    own = (places < sizes[:, None]) & (places >= skipped)  # (batch, tokens)
    rows = torch.arange(len(hidden), device=hidden.device)
    if name == "cls":
        return hidden[rows, own.int().argmax(1)]
    if name == "lasttoken":
        return hidden[rows, sizes - 1]
    if name == "max":
        return hidden.masked_fill(~own[..., None], -torch.inf).amax(1)
    weights = own * (places + 1) if name == "weightedmean" else own
    total = weights.sum(1, keepdim=True).clamp(min=1e-9)
    divisor = total.sqrt() if name == "mean_sqrt_len_tokens" else total
    return (hidden * weights[..., None]).sum(1) / divisor
