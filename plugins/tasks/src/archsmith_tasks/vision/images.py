"""Images as rows for a model: read and preprocessed one by one, and put into batches of one size."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from torch import Tensor

from archsmith.errors import InputError
from archsmith_tasks.media import alike, arguments_of, file_of, stacked
from archsmith_tasks.steps import Example, TaskSteps

__all__ = ["ImageSteps"]


class ImageSteps(TaskSteps[Any]):
    """The base of tasks that give a model the pixels of images.

    Images of several sizes are not padded to one batch, as few models tell padding from an image.
    """

    budget = 4 * 224 * 224  # pixels: what the layers make of them stays in a CPU's cache
    window = 64
    hold = 64 * budget

    def prepare_one(self, value: Any) -> list[Example]:
        """Return the row of one image: a path, the bytes of a file, an image of Pillow, an array or a tensor."""
        return [self.example_of(file_of(value), {})]

    def example_of(self, image: Any, notes: dict[str, Any], **settings: Any) -> Example:
        """Return the row of an image. Raises `InputError`: it is none, or several."""
        features = self.parts.image_processor(image, return_tensors="np", **settings)
        pixels = features[self.parts.image_processor.model_input_names[0]]
        if len(pixels) != 1:
            raise InputError(f"an input must be one image, but holds {len(pixels)}. Pass a list of images.")
        size = pixels.size // pixels.shape[1]  # pixels, whatever the channels
        return Example(arguments_of(self.model, features), size, notes)

    def forward(self, examples: Sequence[Example]) -> Sequence[Any]:
        """Return what the model says of each image."""
        found: list[Any] = [None] * len(examples)
        for places in alike(examples):
            group = [examples[place] for place in places]
            output = self.output_of(self.to_model(stacked(group)))
            for place, said in zip(places, self.said(output, group), strict=True):
                found[place] = said
        return found

    def output_of(self, batch: dict[str, Tensor]) -> Any:
        """Return what the model returns for a batch of images of one size."""
        return self.model(**batch)

    @abstractmethod
    def said(self, output: Any, examples: Sequence[Example]) -> Sequence[Any]:
        """Return for each row of a batch what is kept of the model's output, on the CPU."""
