"""The answer to a question, in a text of any length.

Source: Devlin et al., "BERT" (arXiv:1810.04805), section 4.2 and 4.3: a span is scored by its first and its last token,
and that there is no answer by the first token of the row.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config import Count, Size, field
from archsmith.errors import InputError, OptionError
from archsmith_tasks.results import Answer
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.text.rows import TextSteps, checked_text, from_pair

__all__ = ["AnsweringOptions", "QuestionAnswering"]

#: Tokens of a window and those that two windows share, where nobody says how many.
_WINDOW, _SHARED = 384, 128
_FORBIDDEN = -10000.0


class AnsweringOptions(Options):
    """Which answers are looked for, and how a long text is read."""

    top_k: Size = field(default=1, doc="So many of the likeliest answers.")
    max_answer_len: Size = field(default=15, doc="The most tokens of an answer.")
    max_question_len: Size = field(default=64, doc="The most tokens of a question; a longer one is an error.")
    doc_stride: Count | None = field(
        default=None, doc="Tokens of the text that two windows share; null: 128, or half of a shorter window."
    )
    max_seq_len: Size | None = field(
        default=None, doc="Tokens of a window, the question included; null: 384, or what a shorter model reads."
    )
    handle_impossible_answer: bool = field(default=False, doc="Whether it may be that the text has no answer.")
    align_to_words: bool = field(default=True, doc="Answers begin and end at words.")


class QuestionAnswering(TextSteps):
    """Answers that stand in a text."""

    options_class = AnsweringOptions

    def check(self) -> None:
        """Refuse what cannot be read so. Raises `OptionError`."""
        self.check_fast()
        most, asked = self.longest, self.options.max_seq_len
        if most is not None and asked is not None and asked > most:
            raise OptionError(f"max_seq_len is {asked}, but the model reads at most {most} tokens.")
        if (self.options.doc_stride or 0) >= self._window:
            raise OptionError(
                f"doc_stride must be below the {self._window} tokens of a window, but is {self.options.doc_stride}."
            )
        if self.options.handle_impossible_answer and self.parts.tokenizer.cls_token_id is None:
            raise OptionError("handle_impossible_answer=True needs a tokenizer with a cls_token, which this one lacks.")

    @property
    def _window(self) -> int:
        return self.options.max_seq_len or min(_WINDOW, self.longest or _WINDOW)

    @property
    def wanted(self) -> Mapping[str, Any]:
        """What the tokenizer is asked for: windows of the text, each behind the question."""
        shared = self.options.doc_stride
        return {
            "truncation": "only_second",
            "max_length": self._window,
            "stride": min(_SHARED, self._window // 2) if shared is None else shared,
            "return_overflowing_tokens": True,
            "return_offsets_mapping": True,
        }

    def texts_of(self, value: Any) -> tuple[str, str | None]:
        """Return the question and the text, of a pair or a mapping of ``question`` and ``context``."""
        question, context = from_pair(value, ("question", "context"))
        return checked_text(question, "question"), checked_text(context, "context")

    def encoded(self, texts: Sequence[tuple[str, str | None]], options: Mapping[str, Any]) -> list[list[Example]]:
        """Return the windows of each pair. Raises `InputError`: a question is too long."""
        questions = [question for question, _ in texts]
        sizes = [len(ids) for ids in self.parts.tokenizer(questions, add_special_tokens=False, verbose=False).input_ids]
        most = self.options.max_question_len
        if max(sizes) > most:
            raise InputError(
                f"the question has {max(sizes)} tokens, but may have {most}. Make it shorter, or pass max_question_len."
            )
        room = self._window - max(sizes) - self.parts.tokenizer.num_special_tokens_to_add(pair=True)
        if options["stride"] >= room:
            if len(texts) > 1 or self.options.doc_stride is not None or room < 2:  # noqa: PLR2004
                raise InputError(  # of several: each is asked about alone
                    f"a window of {self._window} tokens has room for {max(room, 0)} beside the question, and they must "
                    f"be more than doc_stride {options['stride']}. Pass a larger max_seq_len or a smaller doc_stride."
                )
            options = {**options, "stride": room // 2}
        return super().encoded(texts, options)

    def noted(self, encoded: Any, number: int) -> dict[str, Any]:
        """Return which tokens of a window are of the text, and of which word each is."""
        places = [place for place, part in enumerate(encoded.sequence_ids(number)) if part == 1]
        return {"places": places, "words": encoded.word_ids(number)}

    def forward(self, examples: Sequence[Example]) -> Sequence[tuple[Tensor, Tensor]]:
        """Return the scores of each token as the first and as the last of an answer, ``(tokens,)`` float32 each."""
        output = self.read(examples)
        begins, ends = output.start_logits.float().cpu(), output.end_logits.float().cpu()
        return [(begins[row, : each.size], ends[row, : each.size]) for row, each in enumerate(examples)]

    def answer(self, rows: Sequence[tuple[Example, tuple[Tensor, Tensor]]]) -> Answer:
        """Return the likeliest answers: of all windows, each scored within its own."""
        top_k, best = self.options.top_k, dict[tuple[int, int], float]()
        none = 1.0
        for example, (begins, ends) in rows:
            first, last, nothing = self._scores(example, begins, ends)
            none = min(none, nothing)
            found = dict[tuple[int, int], float]()
            for score, begin, end in _spans(first, last, self.options.max_answer_len):
                place = self._characters(example, begin, end)
                found.setdefault(place, score)
                if len(found) == top_k:
                    break
            for place, score in found.items():
                best[place] = max(score, best.get(place, 0.0))
        text = rows[0][0].notes["texts"][1]
        answers = [Answer(text[start:end], score, start, end) for (start, end), score in best.items()]
        if self.options.handle_impossible_answer:
            answers.append(Answer("", none, None, None))
        answers.sort(key=lambda each: -each.score)
        if not answers:
            raise InputError("the text has no tokens to answer with.")
        one = answers[0]
        return Answer(one.answer, one.score, one.start, one.end, tuple(answers[1:top_k]))

    def _scores(self, example: Example, begins: Tensor, ends: Tensor) -> tuple[Tensor, Tensor, float]:
        """Return how likely each token of the text is the first and the last, ``(tokens,)``, and how likely none is."""
        ids, none = example.inputs["input_ids"], self.parts.tokenizer.cls_token_id
        nowhere = [place for place, token in enumerate(ids) if token == none and place not in example.notes["places"]]
        known = torch.zeros(len(ids), dtype=torch.bool)
        known[example.notes["places"] + nowhere] = True
        first, last = (each.masked_fill(~known, _FORBIDDEN).softmax(0) for each in (begins, ends))
        score = float(first[nowhere[0]] * last[nowhere[0]]) if nowhere else 0.0
        inside = torch.zeros_like(known)
        inside[example.notes["places"]] = True
        return first * inside, last * inside, score

    def _characters(self, example: Example, begin: int, end: int) -> tuple[int, int]:
        """Return where in the text an answer stands: its first character, and the one behind its last."""
        words, offsets = example.notes["words"], example.notes["offset_mapping"]
        places = example.notes["places"]
        if self.options.align_to_words:
            while begin > places[0] and words[begin - 1] is not None and words[begin - 1] == words[begin]:
                begin -= 1
            while end < places[-1] and words[end + 1] is not None and words[end + 1] == words[end]:
                end += 1
        return offsets[begin][0], offsets[end][1]


def _spans(first: Tensor, last: Tensor, longest: int) -> Iterator[tuple[float, int, int]]:
    """Yield spans of at most so many tokens, the likeliest first: score, first token, last token."""
    width = min(longest, len(first))
    ends = F.pad(last, (0, width - 1)).unfold(0, width, 1)  # (tokens, width): from each token on
    scores, places = (first[:, None] * ends).flatten().sort(descending=True, stable=True)
    for score, place in zip(scores.tolist(), places.tolist(), strict=True):
        if score <= 0:
            return
        yield score, place // width, place // width + place % width
