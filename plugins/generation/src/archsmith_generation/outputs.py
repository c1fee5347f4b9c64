"""What generate returns, on request."""

from torch import Tensor

from archsmith.outputs import ModelOutput
from archsmith_generation.cache import Cache

__all__ = ["GenerateOutput"]


class GenerateOutput(ModelOutput):
    """What ``generate`` returns with ``return_dict_in_generate=True``.

    Attributes:
        sequences: ``(batch × num_return_sequences, tokens)`` integer: prompts and what was written.
        sequences_scores: ``(batch × num_return_sequences,)`` float: of beams, the score that they were ranked by.
        scores: With ``output_scores``, for each step the scores that tokens were chosen by, ``(rows, vocabulary)``.
        logits: With ``output_logits``, for each step the model's own, likewise.
        past_key_values: The cache, good for a prompt that goes on from here; not of beams.
    """

    sequences: Tensor | None = None
    sequences_scores: Tensor | None = None
    scores: tuple[Tensor, ...] | None = None
    logits: tuple[Tensor, ...] | None = None
    past_key_values: Cache | None = None
