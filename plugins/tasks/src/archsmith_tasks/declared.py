"""The tasks of this package. Free of torch."""

from collections.abc import Iterator

from archsmith_tasks.task import Task

__all__ = ["tasks"]

_TASKS = (
    Task(
        name="text-classification",
        summary="Give a text, or a pair of texts, one of the labels of the model.",
        models=("sequence-classification",),
        parts=("tokenizer",),
        inputs="text",
        optional_fields=("text", "text_pair"),
        steps="archsmith_tasks.text.classification:TextClassification",
        draw="archsmith_tasks.drawing.texts:draw_classification",
    ),
    Task(
        name="image-classification",
        summary="Give an image the likeliest labels of the model.",
        models=("image-classification",),
        parts=("image_processor",),
        inputs="image",
        steps="archsmith_tasks.vision.classification:ImageClassification",
        draw="archsmith_tasks.drawing.images:draw_classification",
    ),
    Task(
        name="audio-classification",
        summary="Give an audio clip the likeliest labels of the model.",
        models=("audio-classification",),
        parts=("feature_extractor",),
        inputs="audio",
        steps="archsmith_tasks.audio.classification:AudioClassification",
        draw="archsmith_tasks.drawing.sounds:draw_classification",
    ),
    Task(
        name="automatic-speech-recognition",
        summary="Write down what is said, and when; long recordings in chunks.",
        models=("ctc",),
        parts=("tokenizer", "feature_extractor"),
        inputs="audio",
        steps="archsmith_tasks.audio.recognition:SpeechRecognition",
        draw="archsmith_tasks.drawing.sounds:draw_transcript",
    ),
    Task(
        name="image-segmentation",
        summary="Cut an image into its parts, and name them: a mask for each.",
        models=("universal-segmentation", "instance-segmentation", "semantic-segmentation", "image-segmentation"),
        parts=("image_processor",),
        inputs="image",
        steps="archsmith_tasks.vision.segmentation:ImageSegmentation",
        draw="archsmith_tasks.drawing.images:draw_segmentation",
    ),
    Task(
        name="zero-shot-image-classification",
        summary="Give an image the likeliest of labels that you name.",
        models=("zero-shot-image-classification",),
        parts=("tokenizer", "image_processor"),
        inputs="image",
        steps="archsmith_tasks.vision.zero_shot:ZeroShotImageClassification",
        draw="archsmith_tasks.drawing.images:draw_classification",
    ),
    Task(
        name="token-classification",
        summary="Find the parts of a text that have a label, as names of people and places.",
        models=("token-classification",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.token_classification:TokenClassification",
        draw="archsmith_tasks.drawing.texts:draw_entities",
    ),
    Task(
        name="question-answering",
        summary="Find the answer to a question in a text.",
        models=("question-answering",),
        parts=("tokenizer",),
        inputs="text",
        fields=("question", "context"),
        steps="archsmith_tasks.text.question_answering:QuestionAnswering",
        draw="archsmith_tasks.drawing.texts:draw_answer",
    ),
    Task(
        name="fill-mask",
        summary="Say which words may stand at the masks of a text.",
        models=("masked-lm",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.fill_mask:FillMask",
    ),
    Task(
        name="feature-extraction",
        summary="Turn a text into a vector, near those of texts that mean about the same.",
        models=("base",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.features:FeatureExtraction",
    ),
    Task(
        name="text-generation",
        summary="Go on with a text, or answer in a conversation.",
        models=("causal-lm",),
        parts=("tokenizer",),
        inputs="text",
        steps="archsmith_tasks.text.generation:TextGeneration",
    ),
)


def tasks() -> Iterator[Task]:
    """Yield them."""
    yield from _TASKS
