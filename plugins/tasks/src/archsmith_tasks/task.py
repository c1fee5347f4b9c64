"""What a task is: a declaration of the parts that it is made of. Free of torch."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["PARTS", "Task"]


@dataclass(frozen=True, kw_only=True)
class Task:
    """One thing that models do for people. Its parts are named, and imported when they are used.

    An entry point in the group ``archsmith_tasks.tasks`` names a function that yields tasks; the entry point's name is
    that of the task, and the function may serve several of them::

        [project.entry-points."archsmith_tasks.tasks"]
        sentiment-over-time = "acme_tasks.declared:tasks"

    Attributes:
        name: Kebab-case, as the command line takes it.
        summary: What it does, one line for ``archsmith run --list``.
        models: The task keys of models that can do it, as ``sequence-classification``; the first that fits is taken.
        parts: The preprocessing that it needs: of ``tokenizer``, ``image_processor``, ``feature_extractor``.
        inputs: What an input is: ``text``, ``image`` or ``audio``.
        fields: The names of the parts of an input that is a mapping, as ``question`` and ``context``; empty: one value.
        optional_fields: Likewise, where an input may be one value or a mapping, as ``text`` and ``text_pair``;
            the first is then the one value.
        steps: ``"module:Class"``, a subclass of `archsmith_tasks.TaskSteps`.
        draw: ``"module:function"`` of a function that is called with the steps, an input and its result, and returns
            a picture of them: a figure of matplotlib, or an image of Pillow; None: there is none.
    """

    name: str
    summary: str
    models: tuple[str, ...]
    parts: tuple[str, ...]
    inputs: str
    steps: str
    fields: tuple[str, ...] = ()
    optional_fields: tuple[str, ...] = ()
    draw: str | None = None

    def faults(self) -> Iterable[str]:
        """Yield what is wrong with the declaration."""
        if self.inputs not in _INPUTS:
            yield f"inputs must be one of {', '.join(_INPUTS)}, but is {self.inputs!r}"
        if unknown := set(self.parts) - set(PARTS):
            yield f"parts must be of {', '.join(PARTS)}, but one is {min(unknown)!r}"
        if not self.models:
            yield "models must name at least one task key"
        for name in ("steps", "draw"):
            reference = getattr(self, name)
            if reference is not None and reference.count(":") != 1:
                yield f"{name} must be 'module:name', but is {reference!r}"


_INPUTS = ("text", "image", "audio")
PARTS = ("tokenizer", "image_processor", "feature_extractor")
