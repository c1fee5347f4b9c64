"""What changes the scores of the next token: penalties, what is forbidden and forced, and what sampling leaves out.

Source: Keskar et al., "CTRL" (arXiv:1909.05858), section 4.1, the repetition penalty; Holtzman et al., "The Curious
Case of Neural Text Degeneration" (arXiv:1904.09751), section 3.1, top-p; Nguyen et al., "Turning Up the Heat"
(arXiv:2407.01082), section 3, min-p; Meister et al., "Locally Typical Sampling" (arXiv:2202.00666), section 4.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from archsmith_generation.config import GenerationConfig

__all__ = ["LogitsProcessor", "Rows", "scores_processors"]

#: Takes the token ids so far, ``(batch, tokens)``, and the scores of the next, ``(batch, vocabulary)`` float32, and
#: returns scores.
LogitsProcessor = Callable[[Tensor, Tensor], Tensor]

_NEVER = -float("inf")


@dataclass(frozen=True)
class Rows:
    """What processors know of the rows.

    Attributes:
        prompt: Columns of the prompt, padding included.
        limit: Columns at which writing ends.
        begins: ``(batch,)`` integer: the first column that is not padding; None: there is none.
    """

    prompt: int
    limit: int
    begins: Tensor | None = None


def scores_processors(
    settings: GenerationConfig, rows: Rows, given: Sequence[LogitsProcessor] = ()
) -> list[LogitsProcessor]:
    """Return what is to be done with the scores, in the order in which it is done.

    Args:
        settings: The settings.
        rows: What is known of the rows.
        given: The caller's own, which come before the sampling.
    """
    eos, found = settings.eos_tokens(), list[LogitsProcessor]()
    if settings.repetition_penalty != 1:
        found.append(_repetition(settings.repetition_penalty, rows))
    if settings.no_repeat_ngram_size:
        found.append(_no_repeat(settings.no_repeat_ngram_size, rows))
    if settings.bad_words_ids:
        found.append(_bad_words(settings.bad_words_ids, rows))
    until = max(settings.min_length, rows.prompt + (settings.min_new_tokens or 0))
    if eos and until > rows.prompt:
        found.append(_forbidden(eos, while_below=until))
    if settings.forced_bos_token_id is not None:
        found.append(_forced([settings.forced_bos_token_id], at=rows.prompt))
    if settings.forced_eos_token_id is not None:
        found.append(_forced(settings.forced_eos_tokens(), at=rows.limit - 1))
    if settings.suppress_tokens:
        found.append(_forbidden(settings.suppress_tokens))
    if settings.begin_suppress_tokens:
        found.append(_forbidden(settings.begin_suppress_tokens, while_below=rows.prompt + 1))
    found += given
    return found + (_sampling(settings) if settings.do_sample else [])


def _sampling(settings: GenerationConfig) -> list[LogitsProcessor]:
    """Return what leaves tokens out before one is drawn; beams need one more than can end a text."""
    least = max(len(settings.eos_tokens()), 1) + 1 if settings.num_beams > 1 else 1
    found = list[LogitsProcessor]()
    if settings.temperature != 1:
        found.append(lambda _, scores: scores / settings.temperature)
    if settings.top_k:
        found.append(_top_k(max(settings.top_k, least)))
    if settings.top_p < 1:
        found.append(_top_p(settings.top_p, least))
    if settings.min_p is not None:
        found.append(_min_p(settings.min_p, least))
    if settings.typical_p < 1:
        found.append(_typical(settings.typical_p, least))
    return found


def _repetition(penalty: float, rows: Rows) -> LogitsProcessor:
    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if not ids.shape[1]:
            return scores
        if rows.begins is not None:  # the first token once more in place of padding
            places = torch.arange(ids.shape[1], device=ids.device).maximum(rows.begins[:, None])
            ids = ids.gather(1, places)
        held = scores.gather(1, ids)
        return scores.scatter(1, ids, torch.where(held < 0, held * penalty, held / penalty))

    return process


def _no_repeat(size: int, rows: Rows) -> LogitsProcessor:
    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] < size:
            return scores
        windows = ids.unfold(1, size, 1)  # (batch, places, size)
        last = ids[:, ids.shape[1] - size + 1 :]  # (batch, size - 1)
        again = (windows[:, :, :-1] == last[:, None]).all(-1)  # (batch, places)
        if rows.begins is not None:
            again &= torch.arange(again.shape[1], device=ids.device) >= rows.begins[:, None]
        banned = torch.zeros_like(scores).scatter_add_(1, windows[:, :, -1], again.to(scores.dtype))
        return scores.masked_fill(banned > 0, _NEVER)

    return process


def _bad_words(words: list[list[int]], rows: Rows) -> LogitsProcessor:
    single, longer = [word[0] for word in words if len(word) == 1], [word for word in words if len(word) > 1]

    def process(ids: Tensor, scores: Tensor) -> Tensor:
        scores = scores.index_fill(1, torch.tensor(single, device=ids.device), _NEVER) if single else scores.clone()
        for word in longer:
            before = ids.new_tensor(word[:-1])
            if (first := ids.shape[1] - len(before)) >= 0:
                hit = (ids[:, first:] == before).all(1)
                if rows.begins is not None:
                    hit &= rows.begins <= first
                scores[:, word[-1]].masked_fill_(hit, _NEVER)
        return scores

    return process


def _forbidden(tokens: list[int], *, while_below: int | None = None) -> LogitsProcessor:
    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if while_below is not None and ids.shape[1] >= while_below:
            return scores
        return scores.index_fill(1, torch.tensor(tokens, device=scores.device), _NEVER)

    return process


def _forced(tokens: list[int], *, at: int) -> LogitsProcessor:
    def process(ids: Tensor, scores: Tensor) -> Tensor:
        if ids.shape[1] != at:
            return scores
        return torch.full_like(scores, _NEVER).index_fill(1, torch.tensor(tokens, device=scores.device), 0)

    return process


def _top_k(most: int) -> LogitsProcessor:
    def process(_: Tensor, scores: Tensor) -> Tensor:
        last = scores.topk(min(most, scores.shape[1])).values[:, -1:]
        return scores.masked_fill(scores < last, _NEVER)

    return process


def _top_p(share: float, least: int) -> LogitsProcessor:
    def process(_: Tensor, scores: Tensor) -> Tensor:
        ordered, tokens = scores.sort(dim=1)
        out = ordered.softmax(1).cumsum(1) <= 1 - share
        out[:, -least:] = False
        return scores.masked_fill(out.scatter(1, tokens, out), _NEVER)

    return process


def _min_p(share: float, least: int) -> LogitsProcessor:
    def process(_: Tensor, scores: Tensor) -> Tensor:
        likely = scores.softmax(1)
        out = likely < share * likely.amax(1, keepdim=True)
        out.scatter_(1, scores.topk(min(least, scores.shape[1])).indices, value=False)
        return scores.masked_fill(out, _NEVER)

    return process


def _typical(share: float, least: int) -> LogitsProcessor:
    def process(_: Tensor, scores: Tensor) -> Tensor:
        logs = scores.log_softmax(1)
        entropy = -(logs * logs.exp()).nansum(1, keepdim=True)
        distance, tokens = (-logs - entropy).abs().sort(dim=1)
        total = scores.gather(1, tokens).softmax(1).cumsum(1)
        last = (total < share).sum(1, keepdim=True).clamp(max=scores.shape[1] - 1)
        out = distance > distance.gather(1, last)
        out[:, :least] = False
        return scores.masked_fill(out.scatter(1, tokens, out), _NEVER)

    return process
