"""Checks on what is passed to a model, made where torch itself would fail with an obscure message."""

from typing import Any

import torch
from torch import Tensor

from archsmith.errors import InputError
from archsmith.messages import shown

__all__ = ["check_choices", "check_ids", "check_tensor", "check_token_inputs", "flatten_choices", "is_readable"]

_INTEGERS = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_tensor(name: str, value: Any, *, verb: str = "is", hint: str = "") -> None:
    """Refuse what is not a tensor. Raises `InputError`, whose message ends with the hint."""
    if not isinstance(value, Tensor):
        raise InputError(f"{name} must be a tensor, but {verb} {shown(value)}.{hint}")


def is_readable(tensor: Tensor) -> bool:
    """Return whether to look at the values of a tensor.

    It would stall the queue of a GPU, break a graph or be fixed in it (export, compile, trace), and a row under
    `torch.func.vmap` has no values of its own: there torch's own errors must do.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined,no-untyped-call]
        return False
    mapped: bool = torch._C._functorch.is_functorch_wrapped_tensor(tensor)  # noqa: SLF001  # there is no public name
    return tensor.device.type == "cpu" and not mapped


def check_token_inputs(
    input_ids: Tensor | None, inputs_embeds: Tensor | None, *, vocab_size: int, hidden_size: int, max_tokens: int
) -> Tensor:
    """Check the two ways to pass text to a model, and return the one that is given.

    Args:
        input_ids: ``(batch, tokens)`` integer, below ``vocab_size``; or None.
        inputs_embeds: ``(batch, tokens, hidden_size)`` float; or None.
        vocab_size: Rows of the vocabulary.
        hidden_size: Width of the embeddings.
        max_tokens: The most tokens that the model has positions for.

    Raises:
        InputError: Both or neither are given, or one has the wrong shape, type, length or values.
    """
    name, given = _the_one(input_ids, inputs_embeds)
    if name == "input_ids":
        if given.ndim != 2:  # noqa: PLR2004
            raise InputError(f"input_ids must have the shape (batch, tokens), but have {tuple(given.shape)}.")
        check_ids("input_ids", given, vocab_size)
    else:
        if not given.is_floating_point():
            raise InputError(f"inputs_embeds must be floating-point numbers, but are {given.dtype}.")
        if given.ndim != 3 or given.shape[-1] != hidden_size:  # noqa: PLR2004
            shapes = f"the shape (batch, tokens, {hidden_size}), but have {tuple(given.shape)}"
            raise InputError(f"inputs_embeds must have {shapes}.")
    tokens = given.shape[1]
    if not tokens:
        raise InputError("the input has no tokens; expected at least one.")
    if tokens > max_tokens:
        raise InputError(
            f"the input has {tokens} tokens, but the model has positions for {max_tokens} (max_position_embeddings). "
            "Truncate it: tokenizer(…, truncation=True)."
        )
    return given


def _the_one(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> tuple[str, Tensor]:
    """Return which of the two is given, and it. Raises `InputError`: both are, or none, or it is not a tensor."""
    if (input_ids is None) == (inputs_embeds is None):
        given = "neither" if input_ids is None else "both"
        raise InputError(f"pass either input_ids or inputs_embeds, but got {given}.")
    name, value = ("inputs_embeds", inputs_embeds) if input_ids is None else ("input_ids", input_ids)
    check_tensor(name, value, hint=" Ask the tokenizer: return_tensors='pt'.")
    return name, value  # type: ignore[return-value]  # it is a tensor


def check_ids(name: str, ids: Tensor, limit: int, *, shape: tuple[int, int] | None = None) -> None:
    """Check that indices are integers from 0 to ``limit - 1``.

    The values are looked at only where `is_readable`.

    Args:
        name: The argument's name, for the error message.
        ids: The indices.
        limit: The first index that is too large.
        shape: ``(batch, tokens)``, if the indices must have it; one row may serve a whole batch.

    Raises:
        InputError: They are not.
    """
    check_tensor(name, ids)
    if ids.dtype not in _INTEGERS:
        raise InputError(f"{name} must be integers, but are {ids.dtype}.")
    if shape is not None and tuple(ids.shape) not in (shape, (1, shape[1])):
        raise InputError(f"{name} must have the shape (batch, tokens) = {shape}, but have {tuple(ids.shape)}.")
    if not is_readable(ids) or not ids.numel():
        return
    low, high = (int(bound) for bound in torch.aminmax(ids))
    if low < 0 or high >= limit:
        raise InputError(f"{name} must be from 0 to {limit - 1}, but hold {low if low < 0 else high}.")


def check_choices(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> tuple[int, int, int]:
    """Check that there are several texts to choose from, and return ``(batch, choices, tokens)``.

    Args:
        input_ids: ``(batch, choices, tokens)``; or None.
        inputs_embeds: ``(batch, choices, tokens, width)``; or None.

    Raises:
        InputError: Both or neither are given, one has another number of dimensions, or there is no choice.
    """
    name, value = _the_one(input_ids, inputs_embeds)
    axes = "(batch, choices, tokens)" if name == "input_ids" else "(batch, choices, tokens, width)"
    if value.ndim != axes.count(",") + 1:
        raise InputError(
            f"{name} must have the shape {axes}, but have {tuple(value.shape)}. Put the choices of each "
            "question side by side: for a single question, unsqueeze(0)."
        )
    batch, choices, tokens = value.shape[:3]
    if not choices:
        raise InputError("the input has no choices; expected at least one.")
    return batch, choices, tokens


def flatten_choices(name: str, value: Tensor | None, shape: tuple[int, int, int]) -> Tensor | None:
    """Put the choices of all questions below each other: ``(batch, choices, …)`` → ``(batch × choices, …)``.

    Args:
        name: The argument's name, for the error message.
        value: ``(batch, choices, tokens, …)``; or what is flat already, ``(batch × choices or 1, tokens)``; or None.
        shape: ``(batch, choices, tokens)``, as `check_choices` returns it.

    Raises:
        InputError: The argument has another shape.
    """
    if value is None:
        return None
    check_tensor(name, value)
    batch, choices, tokens = shape
    if value.shape in ((batch * choices, tokens), (1, tokens)):
        return value
    if value.shape[:3] != shape:
        raise InputError(
            f"{name} must have the shape (batch, choices, tokens) = {shape}, but have {tuple(value.shape)}."
        )
    return value.flatten(0, 1)  # (batch × choices, tokens, …)
