"""Task keys: what a model is for, and the Auto class that follows from it. Free of torch."""

from collections.abc import Mapping

__all__ = ["TASKS", "auto_class_name", "published_task"]

_KEYS = (
    "pre-training", "masked-lm", "causal-lm", "seq2seq-lm", "multimodal-lm", "sequence-classification",
    "token-classification", "question-answering", "multiple-choice", "next-sentence-prediction", "text-encoding",
    "table-question-answering", "time-series-prediction", "decision",
    "image-classification", "zero-shot-image-classification", "video-classification", "masked-image-modeling",
    "object-detection", "zero-shot-object-detection", "image-segmentation", "semantic-segmentation",
    "instance-segmentation", "universal-segmentation", "mask-generation", "image-matting", "depth-estimation",
    "normal-estimation", "pointmap-estimation", "pose-estimation", "keypoint-detection", "keypoint-matching",
    "image-to-image", "image-text-to-text", "visual-question-answering", "document-question-answering",
    "table-recognition", "text-recognition",
    "ctc", "rnnt", "tdt", "speech-seq2seq", "audio-classification", "audio-frame-classification", "audio-xvector",
    "audio-tokenization", "text-to-spectrogram", "text-to-waveform",
)  # fmt: skip
_WITHOUT_HEAD = {"base": "AutoModel", "backbone": "AutoBackbone"}
#: Words that the field spells otherwise than with one capital letter.
_SPELT = {"ctc": "CTC", "lm": "LM", "rnnt": "RNNT", "seq2seq": "Seq2Seq", "tdt": "TDT", "xvector": "XVector"}


def _suffix(task: str) -> str:
    return "".join(_SPELT.get(word) or word.capitalize() for word in task.split("-"))


#: The field's task keys and the suffix of their Auto class; a plugin may add keys.
TASKS: Mapping[str, str] = {task: _suffix(task) for task in _KEYS}


def auto_class_name(task: str) -> str:
    """Return the name of the Auto class for a task key.

    Example:
        >>> auto_class_name("masked-lm"), auto_class_name("base"), auto_class_name("toy-parsing")
        ('AutoModelForMaskedLM', 'AutoModel', 'AutoModelForToyParsing')
    """
    return _WITHOUT_HEAD.get(task) or f"AutoModelFor{_suffix(task)}"


def published_task(key: str) -> str | None:
    """Return the field's task key that a key is, or differs from by case, hyphens and underscores alone; None: none.

    Example:
        >>> published_task("maskedLM"), published_task("toy-parsing")
        ('masked-lm', None)
    """
    return _BY_LETTERS.get(_letters(key))


def _letters(key: str) -> str:
    return key.lower().replace("-", "").replace("_", "")


_BY_LETTERS = {_letters(task): task for task in (*_WITHOUT_HEAD, *_KEYS)}
