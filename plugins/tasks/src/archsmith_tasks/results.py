"""What tasks answer: dataclasses that print well and turn into JSON. Free of torch."""

import dataclasses
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "Answer", "Classification", "Entities", "Entity", "Failure", "Features", "Filled", "FilledMasks", "GeneratedText",
    "Label", "Result", "Segment", "Segmentation", "Transcript", "Word",
]  # fmt: skip


class Result:
    """What every result can do."""

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values. All results of a task have the same names."""
        return {each.name: _plain(getattr(self, each.name)) for each in dataclasses.fields(self)}  # type: ignore[arg-type]

    def to_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(self.to_dict(), ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Result):
        return value.to_dict()
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if hasattr(value, "tolist"):
        return value.tolist()
    return value


@dataclass(frozen=True)
class Failure(Result):
    """What stands in the place of a result where an input is bad and ``errors="keep"``.

    Attributes:
        error: What is wrong with it, a full sentence.
    """

    error: str

    def __str__(self) -> str:
        return f"error: {self.error}"


@dataclass(frozen=True)
class Label(Result):
    """One label, and how sure the model is of it.

    Attributes:
        label: Its name.
        score: From 0 to 1; where a model has no such scale, the number itself.
    """

    label: str
    score: float

    def __str__(self) -> str:
        return f"{self.label} {self.score:.3f}"


@dataclass(frozen=True)
class Classification(Result):
    """The label of an input, and those next to it.

    Attributes:
        label: The likeliest one.
        score: How sure the model is of it.
        labels: The likeliest ones, as many as ``top_k`` says, the likeliest first.
    """

    label: str
    score: float
    labels: tuple[Label, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return "  ".join(map(str, self.labels)) or f"{self.label} {self.score:.3f}"


@dataclass(frozen=True)
class Entity(Result):
    """A part of a text that has a label.

    Attributes:
        label: Its label, without B- and I-; of a token alone as the model has it.
        score: From 0 to 1.
        text: The part, as it stands in the text.
        start: Its first character in the text.
        end: The character behind its last one.
    """

    label: str
    score: float
    text: str
    start: int
    end: int

    def __str__(self) -> str:
        return f"{self.text} [{self.label} {self.score:.3f}]"


@dataclass(frozen=True)
class Entities(Result):
    """The labelled parts of a text, in its order.

    Attributes:
        entities: What was found, in the order of the text.
    """

    entities: tuple[Entity, ...]

    def __str__(self) -> str:
        return "  ".join(map(str, self.entities)) or "(none)"


@dataclass(frozen=True)
class Answer(Result):
    """Where in a text the answer to a question stands.

    Attributes:
        answer: The words; empty, where the text has no answer.
        score: From 0 to 1.
        start: The first character in the text; None where there is no answer.
        end: The character behind the last one.
        others: The next likely ones, where ``top_k`` asks for them.
    """

    answer: str
    score: float
    start: int | None
    end: int | None
    others: tuple["Answer", ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.answer or '(no answer)'} {self.score:.3f}"


@dataclass(frozen=True)
class Filled(Result):
    """What may stand at a mask.

    Attributes:
        token: The word, as the tokenizer writes it.
        token_id: Its id.
        score: From 0 to 1.
        text: The whole text as the tokenizer decodes it, with it at this mask.
    """

    token: str
    token_id: int
    score: float
    text: str

    def __str__(self) -> str:
        return f"{self.token} {self.score:.3f}"


@dataclass(frozen=True)
class FilledMasks(Result):
    """What may stand at each mask of a text.

    Attributes:
        masks: For each mask in the order of the text: the likeliest words, the likeliest first.
    """

    masks: tuple[tuple[Filled, ...], ...]

    def __str__(self) -> str:
        return "; ".join("  ".join(map(str, words)) for words in self.masks)


@dataclass(frozen=True, eq=False)
class Features(Result):
    """What a model makes of a text.

    Attributes:
        vector: ``(width,)`` float32; with ``pooling="none"`` ``(tokens, width)``.
    """

    vector: "NDArray[np.float32]"

    def __str__(self) -> str:
        shape = " by ".join(map(str, self.vector.shape))
        return f"{shape} numbers, {', '.join(f'{each:.4f}' for each in self.vector.reshape(-1)[:4])}, …"


@dataclass(frozen=True)
class GeneratedText(Result):
    """What a model writes after a prompt.

    Attributes:
        text: What is new; behind the prompt, where ``return_full_text`` asks for it.
        tokens: How many tokens are new, the one that ends the text included.
        ended: Whether it came to its end; else a limit cut it.
        others: The other texts, where ``num_return_sequences`` asks for several.
    """

    text: str
    tokens: int
    ended: bool
    others: tuple["GeneratedText", ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, eq=False)
class Segment(Result):
    """A part of an image.

    Attributes:
        label: What it is.
        score: From 0 to 1; None where each pixel has one of its own (semantic segmentation).
        mask: ``(height, width)`` boolean, of the size of the image: its pixels. In JSON: COCO's run lengths.
        box: Left, top, right, bottom: the pixels that bound it, right and bottom excluded; zeros: it has none.
    """

    label: str
    score: float | None
    mask: "NDArray[np.bool_]" = field(repr=False)
    box: tuple[int, int, int, int]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"label": self.label, "score": self.score, "mask": _run_lengths(self.mask), "box": list(self.box)}

    def __str__(self) -> str:
        score = "" if self.score is None else f" {self.score:.3f}"
        return f"{self.label}{score} {100 * self.mask.mean():.1f} %"


def _run_lengths(mask: Any) -> dict[str, Any]:
    """Return a mask as COCO's uncompressed run lengths: its size, and runs of 0 and 1 down the columns, 0 first."""
    import numpy as np

    flat = np.asarray(mask).T.reshape(-1)  # column by column
    changes = np.flatnonzero(np.diff(flat)) + 1
    counts = np.diff(np.concatenate([[0], changes, [flat.size]])).tolist()
    return {"size": list(np.asarray(mask).shape), "counts": [0, *counts] if flat.size and flat[0] else counts}


@dataclass(frozen=True)
class Segmentation(Result):
    """The parts of an image, the surest first; those without a score by the number of their class.

    Attributes:
        segments: The parts: for `semantic` one for each class that is there, else one for each thing.
    """

    segments: tuple[Segment, ...]

    def __str__(self) -> str:
        return "  ".join(map(str, self.segments)) or "(none)"


@dataclass(frozen=True)
class Word(Result):
    """A word of a transcript.

    Attributes:
        text: The word.
        start: When it begins, in seconds.
        end: When it ends.
    """

    text: str
    start: float
    end: float

    def __str__(self) -> str:
        return f"{self.text} {self.start:.2f}-{self.end:.2f}s"


@dataclass(frozen=True)
class Transcript(Result):
    """What is said in a recording.

    Attributes:
        text: All of it.
        words: Its words and when they are said, where ``word_times`` asks for them; or its characters.
    """

    text: str
    words: tuple[Word, ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return self.text
