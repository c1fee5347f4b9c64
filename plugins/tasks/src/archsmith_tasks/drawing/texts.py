"""Pictures of texts: what is found in them in colours, and what a model looks at."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from archsmith_tasks.drawing.figures import ACCENT, QUIET, SIZE, colours, draw_bars, panel, sheet, shortened
from archsmith_tasks.drawing.paragraphs import Paragraph, Span
from archsmith_tasks.media import takes
from archsmith_tasks.results import Answer, Classification, Entities

__all__ = ["draw_answer", "draw_classification", "draw_entities"]

#: Inches: the margin, a line of text, one beside a map, its side, and its names.
_MARGIN, _WIDTH, _NARROW, _SIDE, _ABOVE = 0.45, 8.2, 4.6, 4.4, 0.6
_TYPE = 13.0
#: Tokens of a text whose map of attention can be read.
_MOST_TOKENS = 32
#: Characters before and behind an answer that are drawn with it.
_AROUND = 1200


@dataclass(frozen=True)
class _Attention:
    """How the last layer looks at a text: the mean of its heads.

    Attributes:
        tokens: As the tokenizer writes them.
        offsets: For each its first character and the one behind the last, and of which of two texts.
        weights: ``(tokens, tokens)``: how much each looks at each.
        row: The token from which the model tells the label.
    """

    tokens: list[str]
    offsets: list[tuple[int, int, int | None]]
    weights: NDArray[np.float32]
    row: int


def draw_classification(steps: Any, value: Any, result: Classification) -> Figure:
    """Return a picture of a text with its labels: what the model looks at is tinted, and its map stands beside it."""
    first, second = steps.texts_of(value)
    attention = _attention(steps, first, second)
    has_map = attention is not None and len(attention.tokens) <= _MOST_TOKENS
    width = _NARROW if has_map else _WIDTH
    tinted = [] if attention is None else _tinted(attention, len(first) + 1)
    text = Paragraph(first if second is None else f"{first}\n{second}", tinted, width=width, size=_TYPE)
    labels = result.labels[:10]
    height = max(text.height + 0.35 + 0.5 * len(labels), _SIDE + _ABOVE if has_map else 0.0)
    figure = sheet(width + 2 * _MARGIN + (_SIDE + 3.2 * _MARGIN if has_map else 0), height + 2 * _MARGIN)
    axes = panel(figure, _MARGIN, _MARGIN, width, height)
    text.draw(axes)
    draw_bars(axes, labels, width=min(width, _NARROW), top=text.height + 0.35)
    if attention is not None and has_map:
        _draw_map(figure, attention, width + 4.2 * _MARGIN, _MARGIN)
    return figure


def draw_entities(steps: Any, value: Any, result: Entities) -> Figure:
    """Return a picture of a text with what is found in it: a colour for each label."""
    text = steps.texts_of(value)[0]
    names = sorted({entity.label for entity in result.entities})
    tints = dict(zip(names, colours(len(names)), strict=True))
    spans = [Span(each.start, each.end, tints[each.label], 0.22, each.label) for each in result.entities]
    return _sheet_of([Paragraph(text, spans, width=_WIDTH, size=_TYPE)], [""])


def draw_answer(steps: Any, value: Any, result: Answer) -> Figure:
    """Return a picture of a text with the answer in it, and the question above."""
    question, whole = steps.texts_of(value)
    first, last = max(0, (result.start or 0) - _AROUND), (result.end or 0) + _AROUND
    context = f"{'… ' if first else ''}{whole[first:last]}{' …' if last < len(whole) else ''}"
    shift = (2 if first else 0) - first
    spans: list[Span] = []
    for number, each in enumerate((result, *result.others)):
        start, end = each.start, each.end
        if start is None or end is None or not first <= start < end <= last:
            continue
        start, end = start + shift, end + shift
        if all(end <= span.start or start >= span.end for span in spans):
            tag = f"{100 * each.score:.0f} %"
            spans.append(Span(start, end, ACCENT, 0.1 if number else 0.32, tag))
    note = "The text has no answer." if result.start is None else ""
    parts = [
        Paragraph(question, [], width=_WIDTH, size=_TYPE + 3),
        Paragraph(context, spans, width=_WIDTH, size=_TYPE),
    ]
    return _sheet_of(parts, ["", note])


def _sheet_of(parts: list[Paragraph], notes: list[str]) -> Figure:
    """Return a sheet of paragraphs one below the other, each with a note below it, or none."""
    gaps = [0.3 if note else 0.12 for note in notes]
    height = sum(part.height for part in parts) + sum(gaps)
    figure = sheet(_WIDTH + 2 * _MARGIN, height + 2 * _MARGIN - 0.12)
    axes, top = panel(figure, _MARGIN, _MARGIN, _WIDTH, height), 0.0
    for part, note, gap in zip(parts, notes, gaps, strict=True):
        part.draw(axes, top)
        top += part.height + gap
        if note:
            axes.text(0, top - 0.05, note, fontsize=SIZE, color=QUIET, va="center")
    return figure


# ---- attention ----------------------------------------------------------------------------------------------


def _attention(steps: Any, first: str, second: str | None) -> _Attention | None:
    """Return what the model looks at; None: it does not say it, or the tokenizer does not say where tokens stand."""
    tokenizer, model = steps.parts.tokenizer, steps.model
    if not getattr(tokenizer, "is_fast", False) or not takes(model, "output_attentions"):
        return None
    cut = {"truncation": True, "max_length": steps.longest} if steps.longest else {}
    encoded = tokenizer(first, second, return_offsets_mapping=True, **cut)
    batch = tokenizer.pad(
        {name: [encoded[name]] for name in tokenizer.model_input_names if name in encoded}, return_tensors="pt"
    )
    with torch.inference_mode():
        maps = model(**steps.to_model(dict(batch)), output_attentions=True).attentions
    if not maps or maps[-1] is None:
        return None
    weights = maps[-1][0].float().mean(0).cpu().numpy()
    offsets = [(*pair, of) for pair, of in zip(encoded["offset_mapping"], encoded.sequence_ids(0), strict=True)]
    is_causal = len(weights) > 1 and not weights[0, 1:].any()  # then only the last one has seen all
    return _Attention(encoded.tokens(0), offsets, weights, len(weights) - 1 if is_causal else 0)


def _tinted(attention: _Attention, second: int) -> list[Span]:
    """Return the tokens of a text, each as strong as the model looks at it; the second text begins at a character."""
    looks = attention.weights[attention.row]
    own = [place for place, (start, end, of) in enumerate(attention.offsets) if of is not None and end > start]
    most = max((looks[place] for place in own), default=1.0) or 1.0
    spans = []
    for place in own:
        start, end, of = attention.offsets[place]
        shift = second if of else 0
        spans.append(Span(start + shift, end + shift, ACCENT, 0.5 * float(looks[place]) / float(most)))
    return spans


def _draw_map(figure: Figure, attention: _Attention, left: float, top: float) -> None:
    axes = panel(figure, left, top + _ABOVE, _SIDE, _SIDE)
    count, names = len(attention.tokens), [shortened(token, 14) for token in attention.tokens]
    axes.axis("on")
    own = [of is not None for _, _, of in attention.offsets]  # the others are looked at for want of anything else
    most = attention.weights[:, own].max() if any(own) else None
    axes.imshow(attention.weights, cmap="Blues", vmin=0, vmax=most, aspect="auto")
    axes.set(xlim=(-0.5, count - 0.5), ylim=(count - 0.5, -0.5))
    size = min(SIZE - 1, 130 / count)
    axes.set_yticks(range(count), names, fontsize=size, color=QUIET)
    axes.set_xticks(range(count), names, fontsize=size, color=QUIET, rotation=90)
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
