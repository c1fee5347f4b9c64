"""What the models are fed: inputs, masks and labels, for any model of texts."""

from collections.abc import Callable
from typing import Any, get_args

import torch
from torch import Tensor

from archsmith.configuration.fields import Activation

from .support import ids, ragged

BATCH, TOKENS = 3, 11
ACTIVATIONS = get_args(Activation)


def _fully_masked() -> Tensor:
    """Return a mask whose second text has no token at all."""
    mask = ragged(BATCH, TOKENS)
    mask[1] = 0
    return mask


def _square(heads: int) -> Tensor:
    """Return which token may attend to which, ``(batch, heads, tokens, tokens)``; each may attend to itself."""
    allowed = torch.rand(BATCH, heads, TOKENS, TOKENS, generator=torch.Generator().manual_seed(4)) < 0.6
    return allowed | torch.eye(TOKENS, dtype=torch.bool)


def _added(heads: int) -> Tensor:
    """Return numbers to be added to the attention scores: some of them closed, the others a bias."""
    bias = torch.randn(BATCH, heads, TOKENS, TOKENS, generator=torch.Generator().manual_seed(5))
    return bias.masked_fill(~_square(heads), torch.finfo(torch.float32).min)


def _positions(limit: int, batch: int = BATCH) -> Tensor:
    return ids(limit, batch, TOKENS, seed=6)


#: Name → the inputs, from vocabulary, positions, width and heads.
INPUTS: dict[str, Callable[[int, int, int, int], dict[str, Any]]] = {
    "plain": lambda v, p, w, h: {"input_ids": ids(v)},
    "int32": lambda v, p, w, h: {"input_ids": ids(v).int()},
    "one text": lambda v, p, w, h: {"input_ids": ids(v, batch=1)},
    "one token": lambda v, p, w, h: {"input_ids": ids(v, tokens=1)},
    "one token, masked": lambda v, p, w, h: {"input_ids": ids(v, tokens=1), "attention_mask": ragged(tokens=1)},
    "all positions": lambda v, p, w, h: {"input_ids": ids(v, tokens=p), "attention_mask": ragged(tokens=p)},
    "mask of integers": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": ragged()},
    "mask of booleans": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": ragged().bool()},
    "mask of floats": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": ragged().float()},
    "mask of bytes": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": ragged().to(torch.uint8)},
    "mask of ones": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": torch.ones(BATCH, TOKENS)},
    "padded left": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": ragged(left=True)},
    "mask with holes": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": _square(1)[:, 0, 0].long()},
    "one text fully masked": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": _fully_masked()},
    "added mask": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": _added(1)},
    "added mask for each head": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": _added(h)},
    "square mask": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": _square(1)},
    "square mask for each head": lambda v, p, w, h: {"input_ids": ids(v), "attention_mask": _square(h)},
    "positions": lambda v, p, w, h: {"input_ids": ids(v), "position_ids": _positions(p)},
    "positions of all texts": lambda v, p, w, h: {"input_ids": ids(v), "position_ids": _positions(p, 1)},
    "embeddings": lambda v, p, w, h: {
        "inputs_embeds": torch.randn(BATCH, TOKENS, w, generator=torch.Generator().manual_seed(7)),
        "attention_mask": ragged(),
    },
}

#: In eager attention the reference adds a boolean mask to the scores as 0 and 1; only its other path heeds it.
SQUARE = ("square mask", "square mask for each head")

#: A text without any token gets uniform attention in the eager path of both; the reference lets gradients through it.
CLOSED = ("one text fully masked",)
#: With causal attention the padding before a text has nothing to attend to.
CAUSALLY_CLOSED = ("padded left", "mask with holes")


def token_labels(vocab_size: int, *, batch: int = BATCH, tokens: int = TOKENS, share: float = 0.3) -> Tensor:
    """Return labels for masked words, ``(batch, tokens)``: -100 at all places but the first and a share of the rest."""
    chosen = torch.rand(batch, tokens, generator=torch.Generator().manual_seed(2)) < share
    chosen[0, 0] = True
    return torch.where(chosen, ids(vocab_size, batch, tokens, seed=3), -100)


def _classes(count: int, batch: int = BATCH) -> Tensor:
    return ids(count, batch, 1, seed=8)[:, 0]


def _numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(9))


def _bits(count: int) -> Tensor:
    return (_numbers(BATCH, count) > 0).float()


#: Name → problem_type, number of labels, the labels of a batch.
PROBLEMS: dict[str, tuple[str | None, int, Tensor]] = {
    "one number, inferred": (None, 1, _numbers(BATCH)),
    "one number in a column, inferred": (None, 1, _numbers(BATCH, 1)),
    "one number": ("regression", 1, _numbers(BATCH)),
    "several numbers": ("regression", 5, _numbers(BATCH, 5)),
    "two classes, inferred": (None, 2, _classes(2)),
    "five classes, inferred": (None, 5, _classes(5)),
    "five classes, inferred, one left out": (None, 5, torch.tensor([3, -100, 0])),
    "two classes": ("single_label_classification", 2, _classes(2)),
    "two classes in a column": ("single_label_classification", 2, _classes(2)[:, None]),
    "several labels at once, inferred": (None, 5, _bits(5)),
    "several labels at once": ("multi_label_classification", 5, _bits(5)),
    "two labels at once": ("multi_label_classification", 2, _bits(2)),
    "one label at once": ("multi_label_classification", 1, _bits(1)),
}
