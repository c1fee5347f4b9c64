"""What the models are fed: inputs, masks and labels, for any model of texts."""

from collections.abc import Callable
from typing import Any, get_args

import torch
from torch import Tensor

from archsmith.config.fields import Activation

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


def choices_of(inputs: dict[str, Any], choices: int = 2) -> dict[str, Any]:
    """Return inputs with several texts for each question: the rows of each input, in another order for each choice."""
    return {name: torch.stack([value.roll(i, 0) for i in range(choices)], 1) for name, value in inputs.items()}


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


#: Name → first and last token of the answers in a batch of three texts of eleven tokens.
SPANS: dict[str, tuple[Tensor, Tensor]] = {
    "inside": (torch.tensor([0, 3, 10]), torch.tensor([0, 7, 10])),
    "in a column": (torch.tensor([[0], [3], [10]]), torch.tensor([[0], [7], [10]])),
    "cut off at the end": (torch.tensor([0, 3, 9]), torch.tensor([2, 11, 15])),
    "beyond the text": (torch.tensor([5, 11, 400]), torch.tensor([6, 12, 401])),
    "all beyond the text": (torch.tensor([11, 12, 13]), torch.tensor([12, 13, 14])),
    "before the text": (torch.tensor([-1, -100, 3]), torch.tensor([-1, -100, 4])),
    "the end before the start": (torch.tensor([7, 3, 10]), torch.tensor([2, 0, 1])),
}

#: Name → the right choice of two for each of three questions.
CHOICES: dict[str, Tensor] = {
    "each": torch.tensor([1, 0, 1]),
    "one left out": torch.tensor([1, -100, 0]),
    "all left out": torch.tensor([-100, -100, -100]),
}

_NO_CHOICES = "Put the choices of each question side by side: for a single question, unsqueeze(0)."
_HALVES = torch.tensor([0.0, 1.0, 1.0])

#: Head → labels (or inputs) that do not fit three texts of eleven tokens, and the whole message. Two labels.
REFUSED: dict[str, list[tuple[dict[str, Any], str]]] = {
    "TokenClassification": [
        ({"labels": [1]}, "labels must be a tensor, but are [1]."),
        (
            {"labels": torch.zeros(3, 11)},
            "labels must be integers, one class index for each row of logits, but are torch.float32.",
        ),
        (
            {"labels": torch.tensor([0, 1, 1])},
            "labels must have the shape (3, 11), one class index for each row of logits, but have (3,).",
        ),
        ({"labels": torch.full((3, 11), 2)}, "labels must be from 0 to 1 (or -100 to be ignored), but hold 2."),
        ({"labels": torch.full((3, 11), -1)}, "labels must be from 0 to 1 (or -100 to be ignored), but hold -1."),
    ],
    "PreTraining": [
        (
            {"labels": torch.tensor([0, 1, 1]), "next_sentence_label": torch.tensor([0, 1, 1])},
            "labels must have the shape (3, 11), one class index for each row of logits, but have (3,).",
        ),
        (
            {"labels": token_labels(41), "next_sentence_label": torch.tensor([0, 1, 2])},
            "next_sentence_label must be from 0 to 1 (or -100 to be ignored), but hold 2.",
        ),
        (
            {"labels": token_labels(41), "next_sentence_label": torch.tensor([0, 1])},
            "next_sentence_label must have the shape (3,), one class index for each row of logits, but have (2,).",
        ),
        (
            {"labels": token_labels(41), "next_sentence_label": torch.tensor([True, False, True])},
            "next_sentence_label must be integers, one class index for each row of logits, but are torch.bool.",
        ),
        (
            {"labels": token_labels(41), "next_sentence_label": 1},
            "next_sentence_label must be a tensor, but are 1.",
        ),
    ],
    "QuestionAnswering": [
        (
            {"start_positions": 3, "end_positions": torch.tensor([0, 1, 1])},
            "start_positions must be a tensor, but are 3.",
        ),
        (
            {"start_positions": torch.tensor([0, 1, 1]), "end_positions": _HALVES},
            "end_positions must be integers, one token index for each text, but are torch.float32.",
        ),
        (
            {"start_positions": torch.tensor([0, 1]), "end_positions": torch.tensor([0, 1, 1])},
            "start_positions must have the shape (3,), one token index for each text, but have (2,).",
        ),
    ],
    "MultipleChoice": [
        (
            {"input_ids": ids(9)},
            f"input_ids must have the shape (batch, choices, tokens), but have (3, 11). {_NO_CHOICES}",
        ),
        (
            {"input_ids": None, "inputs_embeds": torch.zeros(3, 11, 24)},
            "inputs_embeds must have the shape (batch, choices, tokens, width), but have (3, 11, 24). " + _NO_CHOICES,
        ),
        ({"input_ids": None}, "pass either input_ids or inputs_embeds, but got neither."),
        ({"inputs_embeds": torch.zeros(3, 2, 11, 24)}, "pass either input_ids or inputs_embeds, but got both."),
        ({"input_ids": [[[1]]]}, "input_ids must be a tensor, but is [[[1]]]. Ask the tokenizer: return_tensors='pt'."),
        ({"input_ids": torch.zeros(3, 0, 11).long()}, "the input has no choices; expected at least one."),
        ({"input_ids": torch.zeros(3, 2, 0).long()}, "the input has no tokens; expected at least one."),
        ({"input_ids": torch.full((3, 2, 11), 41)}, "input_ids must be from 0 to 40, but hold 41."),
        ({"attention_mask": [1]}, "attention_mask must be a tensor, but is [1]."),
        (
            {"attention_mask": ragged()},
            "attention_mask must have the shape (batch, choices, tokens) = (3, 2, 11), but have (3, 11).",
        ),
        (
            {"position_ids": torch.zeros(3, 3, 11).long()},
            "position_ids must have the shape (batch, choices, tokens) = (3, 2, 11), but have (3, 3, 11).",
        ),
        ({"position_ids": torch.full((3, 2, 11), 19)}, "position_ids must be from 0 to 18, but hold 19."),
        (
            {"labels": torch.zeros(3, 2).long()},
            "labels must have the shape (3,), one class index for each row of logits, but have (3, 2).",
        ),
        (
            {"labels": _HALVES},
            "labels must be integers, one class index for each row of logits, but are torch.float32.",
        ),
        (
            {"labels": torch.tensor([0, 1, 2])},
            "labels must be from 0 to 1 (or -100 to be ignored), but hold 2.",
        ),
    ],
}
