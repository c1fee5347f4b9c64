"""What a call of generate starts from: token ids or embeddings, and where they are padding."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from archsmith.errors import InputError
from archsmith.layers.inputs import check_ids, check_tensor
from archsmith.messages import shown
from archsmith_generation.config import GenerationConfig

__all__ = ["Prompt", "prompt_from"]


@dataclass(frozen=True)
class Prompt:
    """Texts to go on with.

    Attributes:
        ids: ``(batch, tokens)`` integer; without any token where there are embeddings.
        embeds: ``(batch, tokens, width)`` float, or None.
        mask: ``(batch, tokens)`` boolean, False for padding, which is on the left; None: there is none.
    """

    ids: Tensor
    embeds: Tensor | None = None
    mask: Tensor | None = None

    @property
    def length(self) -> int:
        """The tokens of a row, padding included."""
        return self.ids.shape[1] if self.embeds is None else self.embeds.shape[1]

    @property
    def begins(self) -> Tensor | None:
        """The first column of each row that is no padding, ``(batch,)``, among the ids; None: there is no padding."""
        return None if self.mask is None or self.embeds is not None else (~self.mask).sum(1)

    def repeated(self, times: int) -> "Prompt":
        """Return it with each row that often below itself."""
        if times == 1:
            return self
        held = (self.ids, self.embeds, self.mask)
        return Prompt(*(None if each is None else each.repeat_interleave(times, 0) for each in held))  # type: ignore[arg-type]


def prompt_from(
    model: Any,
    settings: GenerationConfig,
    input_ids: Any = None,
    inputs_embeds: Any = None,
    attention_mask: Any = None,
) -> Prompt:
    """Check what a caller passes, and return what to start from.

    Raises:
        InputError: There is nothing to start from, a shape or a value does not fit, or the padding is on the right.
    """
    if input_ids is None and inputs_embeds is None:
        if settings.bos_token_id is None:
            raise InputError("there is no prompt: pass input_ids or inputs_embeds; bos_token_id is not set either.")
        input_ids = torch.tensor([[settings.bos_token_id]], device=model.device)
    if input_ids is not None and inputs_embeds is not None:
        raise InputError("pass either input_ids or inputs_embeds, but got both.")
    name = "inputs_embeds" if input_ids is None else "input_ids"
    given = inputs_embeds if input_ids is None else input_ids
    check_tensor(name, given, hint=" Ask the tokenizer: return_tensors='pt'.")
    axes = 3 if input_ids is None else 2
    if given.ndim != axes or not given.shape[0] or not given.shape[1]:
        wanted = "(batch, tokens, width)" if input_ids is None else "(batch, tokens)"
        raise InputError(
            f"{name} must have the shape {wanted} with at least one of each, but have {tuple(given.shape)}. "
            "A model goes on with a text: an empty one begins with bos_token_id."
        )
    if input_ids is not None:
        check_ids("input_ids", input_ids, model.config.vocab_size)
        mask = _mask(attention_mask, given, _inferred(input_ids, settings))
        return Prompt(input_ids.long(), mask=mask)
    ids = torch.zeros(given.shape[0], 0, dtype=torch.long, device=given.device)
    return Prompt(ids, embeds=given, mask=_mask(attention_mask, given, None))


def _inferred(ids: Tensor, settings: GenerationConfig) -> Tensor | None:
    """Return which tokens of a row come after padding, where the token for padding has no other meaning."""
    pad = settings.pad_token_id
    if pad is None or pad in settings.eos_tokens() or pad == settings.bos_token_id:
        return None
    is_token = ids != pad
    left = is_token.cumsum(1) > 0
    return left & (is_token.flip(1).cumsum(1).flip(1) > 0)


def _mask(given: Any, prompt: Tensor, inferred: Tensor | None) -> Tensor | None:
    mask = inferred
    if given is not None:
        check_tensor("attention_mask", given)
        if given.shape != prompt.shape[:2]:
            raise InputError(
                f"attention_mask must have the shape (batch, tokens) = {tuple(prompt.shape[:2])}, "
                f"but has {tuple(given.shape)}."
            )
        mask = given.bool()
        if bool((mask != given).any()):
            raise InputError("attention_mask must be 1 for tokens and 0 for padding, but holds other numbers.")
    if mask is None or bool(mask.all()):
        return None
    if not bool(mask.any(1).all()):
        row = int((~mask.any(1)).nonzero()[0])
        raise InputError(f"row {row} of the prompt is padding alone; expected at least one token.")
    if not bool((mask.long().diff(dim=1) >= 0).all()):
        row = int((mask.long().diff(dim=1) < 0).any(1).nonzero()[0])
        raise InputError(
            f"row {row} of attention_mask is {shown(mask[row].int().tolist())}: padding comes after tokens, and a text "
            "cannot go on there. Pad on the left: tokenizer(…, padding_side='left')."
        )
    return mask
