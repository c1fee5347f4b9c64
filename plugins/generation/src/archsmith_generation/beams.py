"""Several beginnings at once, of which the likeliest go on.

Source: Wu et al., "Google's Neural Machine Translation System" (arXiv:1609.08144), section 7, with the length alone as
the penalty's base; drawn at random, as the reference libraries of the field do it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from archsmith.errors import InputError
from archsmith_generation.decoding import Writing

__all__ = ["write_beams"]

_LOW = -1e9


@dataclass
class _Beams:
    """Beginnings or texts that have ended, each ``(batch, beams, …)``: their tokens, lengths and scores."""

    ids: Tensor
    lengths: Tensor
    scores: Tensor
    ended: Tensor

    def chosen(self, places: Tensor) -> "_Beams":
        """Return some of them: ``(batch, wanted)`` integer."""
        ids = self.ids.gather(1, places[..., None].expand(-1, -1, self.ids.shape[2]))
        return _Beams(ids, *(each.gather(1, places) for each in (self.lengths, self.scores, self.ended)))

    def beside(self, other: "_Beams") -> "_Beams":
        """Return both."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return _Beams(*(torch.cat(pair, 1) for pair in pairs))


def write_beams(writing: Writing) -> tuple[Tensor, Tensor]:
    """Write, and return the best texts with their scores.

    Args:
        writing: One row for each prompt.

    Returns:
        ``(batch × num_return_sequences, tokens)`` integer, and ``(batch × num_return_sequences,)`` float.

    Raises:
        InputError: There are more beams than tokens to begin with.
    """
    settings, reader = writing.settings, writing.reader
    beams, prompt, (batch, columns) = settings.num_beams, writing.length, writing.held.shape
    ids = writing.held[:, None].repeat(1, beams, 1)
    scores = torch.zeros(batch, beams, device=ids.device)
    scores[:, 1:] = _LOW  # all begin alike
    lengths = torch.full((batch, beams), prompt, device=ids.device)
    running = _Beams(ids, lengths, scores, torch.zeros_like(lengths, dtype=torch.bool))
    done = _Beams(ids.clone(), lengths.clone(), torch.full_like(scores, _LOW), running.ended.clone())
    improving = torch.ones(batch, 1, dtype=torch.bool, device=ids.device)
    logits = reader.logits(writing.ids)[:, -1].repeat_interleave(beams, 0)
    reader.repeat(beams)
    while True:
        candidates, rows = _candidates(writing, running, logits)
        candidates.ended |= writing.stopping.ended(candidates.ids[..., : writing.length].flatten(0, 1), logits).view(
            batch, -1
        )
        if writing.length == columns:
            candidates.ended[:] = True
        open_ones = candidates.scores + candidates.ended * _LOW
        going_on = open_ones.topk(beams)
        over = bool(candidates.ended.all())
        done = _finished(writing, done, candidates, improving, prompt)
        running = candidates.chosen(going_on.indices)
        running.scores = going_on.values
        improving &= _can_improve(writing, running, done, prompt, columns)
        if over or not bool(improving.any()) or (settings.early_stopping is True and bool(done.ended.all())):
            break
        if reader.cache is not None:
            reader.cache.reorder(rows.gather(1, going_on.indices).flatten())
        logits = reader.logits(running.ids[..., : writing.length].flatten(0, 1))[:, -1]
    best = _Beams(*(each[:, : settings.num_return_sequences] for each in vars(done).values()))
    if bool((best.scores <= _LOW / 2).any()):
        raise InputError(
            f"num_return_sequences is {settings.num_return_sequences}, but the settings leave fewer texts than that."
        )
    longest = int(best.lengths.max())
    return best.ids[..., :longest].flatten(0, 1), best.scores.flatten()


def _candidates(writing: Writing, running: _Beams, logits: Tensor) -> tuple[_Beams, Tensor]:
    """Return the likeliest next beginnings of each prompt, best first, and the rows of the batch that they go on from.

    There are more than beams, so that as many are left where some have ended.
    """
    settings, (batch, beams) = writing.settings, running.scores.shape
    ids = running.ids[..., : writing.length].flatten(0, 1)
    scores = writing.process(ids, logits.log_softmax(1), logits)
    scores = (scores.view(batch, beams, -1) + running.scores[..., None]).flatten(1)
    wanted = max(2, 1 + len(settings.eos_tokens())) * beams
    if wanted > scores.shape[1] // beams:
        raise InputError(
            f"num_beams is {beams}, which takes {wanted} first tokens, but the vocabulary has {logits.shape[1]}."
        )
    if settings.do_sample:
        places = torch.multinomial(scores.softmax(1), wanted, generator=writing.generator)  # type: ignore[arg-type]  # one
        best = scores.gather(1, places)
    else:
        best, places = scores.topk(wanted)
    if bool(best[:, 0].isnan().any()) or bool((best[:, 0] <= _LOW).any()):
        raise InputError(
            "the scores of a step leave no token to go on with: the settings forbid every one, or are NaN."
        )
    tokens = places % logits.shape[1]
    chosen = running.chosen(places // logits.shape[1])
    chosen.ids[..., writing.length] = tokens
    chosen.scores, chosen.lengths = best, chosen.lengths + 1
    writing.length += 1
    offsets = torch.arange(batch, device=ids.device)[:, None] * beams
    return chosen, places // logits.shape[1] + offsets


def _finished(writing: Writing, done: _Beams, candidates: _Beams, improving: Tensor, prompt: int) -> _Beams:
    """Return the best texts that have ended, the new ones among the first beams included."""
    beams, settings = done.scores.shape[1], writing.settings
    places = torch.arange(candidates.scores.shape[1], device=done.scores.device)
    new = candidates.chosen(places.expand_as(candidates.scores))  # a copy
    new.ended &= places < beams
    full = done.ended.all(1, keepdim=True) & (settings.early_stopping is True)
    new.scores = new.scores / (writing.length - prompt) ** settings.length_penalty
    new.scores = new.scores + (~new.ended | full | ~improving) * _LOW
    new.ids[..., writing.length :] = writing.padding
    both = done.beside(new)
    return both.chosen(both.scores.topk(beams).indices)


def _can_improve(writing: Writing, running: _Beams, done: _Beams, prompt: int, columns: int) -> Tensor:
    """Return whether what goes on may still come to a better score than what has ended: ``(batch, 1)``."""
    settings = writing.settings
    length = writing.length - prompt
    if settings.early_stopping == "never" and settings.length_penalty > 0:
        length = columns - prompt
    best = running.scores[:, :1] / length**settings.length_penalty
    worst = torch.where(done.ended, done.scores.amin(1, keepdim=True), _LOW)
    improves: Tensor = (best > worst).any(1, keepdim=True)
    return improves
