"""The tasks of this package. Free of torch."""

from collections.abc import Iterator

from archsmith_tasks.task import Task

__all__ = ["tasks"]


def tasks() -> Iterator[Task]:
    """Yield them."""
    yield Task(
        name="text-classification",
        summary="Give a text, or a pair of texts, one of the labels of the model.",
        models=("sequence-classification",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.classification:TextClassification",
    )
    yield Task(
        name="token-classification",
        summary="Find the parts of a text that have a label, as names of people and places.",
        models=("token-classification",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.token_classification:TokenClassification",
    )
    yield Task(
        name="question-answering",
        summary="Find the answer to a question in a text.",
        models=("question-answering",),
        parts=("tokenizer",),
        inputs="text",
        fields=("question", "context"),
        steps="archsmith_tasks.text.question_answering:QuestionAnswering",
    )
    yield Task(
        name="fill-mask",
        summary="Say which words may stand at the masks of a text.",
        models=("masked-lm",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.fill_mask:FillMask",
    )
    yield Task(
        name="feature-extraction",
        summary="Turn a text into a vector, near those of texts that mean about the same.",
        models=("base",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.features:FeatureExtraction",
    )
    yield Task(
        name="text-generation",
        summary="Go on with a text, or answer in a conversation.",
        models=("causal-lm",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.generation:TextGeneration",
    )
