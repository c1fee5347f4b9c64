"""Task keys: what a model is for, and the Auto class that follows from it. Free of torch."""

from collections.abc import Mapping

__all__ = ["TASKS", "auto_class_name"]

#: The field's task keys and the suffix of their Auto class; a plugin may add keys.
TASKS: Mapping[str, str] = {
    "pre-training": "PreTraining",
    "masked-lm": "MaskedLM",
    "sequence-classification": "SequenceClassification",
    "token-classification": "TokenClassification",
    "question-answering": "QuestionAnswering",
    "multiple-choice": "MultipleChoice",
    "image-classification": "ImageClassification",
    "masked-image-modeling": "MaskedImageModeling",
    "instance-segmentation": "InstanceSegmentation",
    "ctc": "CTC",
    "audio-classification": "AudioClassification",
    "audio-frame-classification": "AudioFrameClassification",
    "audio-xvector": "AudioXVector",
}


def auto_class_name(task: str) -> str:
    """Return the name of the Auto class for a task key.

    Example:
        >>> auto_class_name("masked-lm"), auto_class_name("base"), auto_class_name("depth-estimation")
        ('AutoModelForMaskedLM', 'AutoModel', 'AutoModelForDepthEstimation')
    """
    if task == "base":
        return "AutoModel"
    if task == "backbone":
        return "AutoBackbone"
    return "AutoModelFor" + TASKS.get(task, "".join(word.capitalize() for word in task.split("-")))
