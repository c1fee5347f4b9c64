"""Task keys: what a model is for, and the Auto class that follows from it. Free of torch."""

from collections.abc import Mapping

__all__ = ["TASKS", "auto_class_name"]

_KEYS = (
    "pre-training", "masked-lm", "sequence-classification", "token-classification", "question-answering",
    "multiple-choice", "image-classification", "masked-image-modeling", "instance-segmentation", "ctc",
    "audio-classification", "audio-frame-classification", "audio-xvector",
)  # fmt: skip
#: Where the field writes the suffix otherwise than word by word.
_SPELT = {"masked-lm": "MaskedLM", "ctc": "CTC", "audio-xvector": "AudioXVector"}


def _suffix(task: str) -> str:
    return _SPELT.get(task, "".join(word.capitalize() for word in task.split("-")))


#: The field's task keys and the suffix of their Auto class; a plugin may add keys.
TASKS: Mapping[str, str] = {task: _suffix(task) for task in _KEYS}


def auto_class_name(task: str) -> str:
    """Return the name of the Auto class for a task key.

    Example:
        >>> auto_class_name("masked-lm"), auto_class_name("base"), auto_class_name("depth-estimation")
        ('AutoModelForMaskedLM', 'AutoModel', 'AutoModelForDepthEstimation')
    """
    without_head = {"base": "AutoModel", "backbone": "AutoBackbone"}
    return without_head.get(task) or f"AutoModelFor{_suffix(task)}"
