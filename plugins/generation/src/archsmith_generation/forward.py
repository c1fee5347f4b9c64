"""What the forward pass of a decoder decides beside its layers: whether there is a cache, and which places count."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config import PreTrainedConfig
from archsmith.errors import InputError, OptionError
from archsmith.layers.inputs import check_ids, is_readable
from archsmith.layers.losses import classification_loss, token_loss
from archsmith.layers.stack import Stack
from archsmith.messages import shown
from archsmith.model import PreTrainedModel
from archsmith.options import read_count, read_flag
from archsmith.outputs import BaseModelOutputWithPast, CausalLMOutputWithPast, SequenceClassifierOutputWithPast
from archsmith_generation.cache import Cache

__all__ = ["cache_for", "causal_output", "last_states", "packed_mask", "places_kept", "text_output"]


def cache_for(
    model: PreTrainedModel, given: Any, wanted: bool | None, windows: Sequence[int | None] = ()
) -> Cache | None:
    """Return the cache that a call writes into: the one given, or a new one if one is wanted.

    Args:
        model: The decoder without its head.
        given: ``past_key_values`` of the call.
        wanted: ``use_cache`` of the call; None: as the configuration says, but not in training, nor in a graph that is
            made of the call, which returns tensors alone.
        windows: As `Cache` takes them.

    Raises:
        InputError: Something else than a cache is given, or one that keeps less than a token sees.
        OptionError: There would be one while layers are run twice, or ``wanted`` is neither True nor False.
    """
    if given is not None and not isinstance(given, Cache):
        raise InputError(
            f"past_key_values must be a Cache of archsmith_generation, as an earlier call returned it, but is "
            f"{shown(given)}."
        )
    in_graph = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    usual = not model.training and not in_graph and model.config.use_cache
    wanted = read_flag("use_cache", wanted, usual)
    if given is None and not wanted:
        return None
    stacks = [module for module in model.children() if isinstance(module, Stack)]
    if model.training and torch.is_grad_enabled() and any(stack.gradient_checkpointing for stack in stacks):
        raise OptionError(
            "gradient checkpointing runs each layer twice, so the cache would hold each token twice. Pass "
            "use_cache=False and no past_key_values, or call gradient_checkpointing_disable()."
        )
    if given is None:
        return Cache(windows=windows)
    given.check_windows(windows, type(model).__name__)
    return given


def packed_mask(mask: Tensor | None, position_ids: Tensor | None) -> Tensor | None:
    """Return the mask of a call without ``attention_mask`` and without a cache: several texts may stand in one row.

    A text begins where positions do not go on by one, and sees nothing of those before it in its row. So rows are
    packed for training.

    Args:
        mask: What `attention_mask_for` returned, None or ``(tokens, tokens)`` boolean.
        position_ids: ``(batch or 1, tokens)``, or None.
    """
    if position_ids is None:
        return mask
    begins = position_ids.diff(dim=-1) != 1  # (batch or 1, tokens - 1)
    looks = is_readable(begins) or (begins.is_cuda and not torch.compiler.is_compiling())
    if looks and not bool(begins.any()):
        return mask
    text = F.pad(begins.cumsum(dim=-1), (1, 0))  # (batch or 1, tokens): the number of the text in its row
    seen = (text[:, :, None] == text[:, None, :])[:, None].tril()  # (batch or 1, 1, tokens, tokens)
    return seen if mask is None else seen & mask


def places_kept(hidden: Tensor, kept: int | Tensor) -> Tensor:
    """Return the hidden states that are scored: ``(batch, tokens, width)`` → ``(batch, places, width)``.

    Args:
        hidden: The hidden states.
        kept: The last so many places, 0 for all; or ``(places,)`` integer, the same places of each text.

    Raises:
        InputError: The places have another shape or type, or there are no such.
        OptionError: The number is below 0.
    """
    if not isinstance(kept, Tensor):
        return hidden[:, -(read_count("logits_to_keep", kept, least=0, optional=False) or 0) :]
    if kept.ndim != 1:
        raise InputError(f"logits_to_keep must have the shape (places,), but has {tuple(kept.shape)}.")
    check_ids("logits_to_keep", kept, hidden.shape[1])
    return hidden[:, kept]


def last_states(
    hidden: Tensor, input_ids: Tensor | None, attention_mask: Tensor | None, pad_token_id: int | None
) -> Tensor:
    """Return the hidden states of the last tokens that are neither masked nor padding, ``(batch, width)``.

    Args:
        hidden: ``(batch, tokens, width)``.
        input_ids: ``(batch, tokens)``, or None.
        attention_mask: ``(batch, all tokens so far)``, or None; masks of other shapes say nothing of where texts end.
        pad_token_id: The padding token, or None.
    """
    is_token = torch.ones(hidden.shape[:2], dtype=torch.bool, device=hidden.device)
    if attention_mask is not None and attention_mask.ndim == is_token.ndim:
        is_token = attention_mask[:, -hidden.shape[1] :].bool()
    if input_ids is not None and pad_token_id is not None:
        is_token = is_token & (input_ids != pad_token_id)
    last = (is_token * torch.arange(hidden.shape[1], device=hidden.device)).argmax(dim=-1)  # (batch,)
    return hidden[torch.arange(hidden.shape[0], device=hidden.device), last]


def causal_output(
    read: BaseModelOutputWithPast, logits: Tensor, labels: Tensor | None, count: Tensor | float | None
) -> CausalLMOutputWithPast:
    """Return what a model for ``causal-lm`` returns.

    Args:
        read: What the decoder without a head returned.
        logits: ``(batch, places, vocabulary)``.
        labels: ``(batch, places)`` integer: the scores at one place are held against the label at the next.
        count: As `archsmith.layers.losses.token_loss` takes it.
    """
    return CausalLMOutputWithPast(
        loss=None if labels is None else token_loss(logits, labels, shifted=True, count=count),
        logits=logits,
        past_key_values=read.past_key_values,
        hidden_states=read.hidden_states,
        attentions=read.attentions,
    )


def text_output(
    read: BaseModelOutputWithPast, logits: Tensor, labels: Tensor | None, config: PreTrainedConfig
) -> SequenceClassifierOutputWithPast:
    """Return what a model for ``sequence-classification`` returns.

    Args:
        read: What the decoder without a head returned.
        logits: ``(batch, labels)``.
        labels: As `archsmith.layers.losses.classification_loss` takes them.
        config: The model's, whose ``problem_type`` names the loss.
    """
    return SequenceClassifierOutputWithPast(
        loss=None if labels is None else classification_loss(logits, labels, config.problem_type),
        logits=logits,
        past_key_values=read.past_key_values,
        hidden_states=read.hidden_states,
        attentions=read.attentions,
    )
