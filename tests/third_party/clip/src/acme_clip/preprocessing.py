"""CLIP's image processor, and its processor of texts and images."""

from collections.abc import Mapping
from typing import Any

from archsmith.batch import BatchFeature
from archsmith.config import field
from archsmith.image_processor import ImageArea, ImageProcessor, ImageSize, PerChannel, Resample
from archsmith.options import TensorType, checked_call
from archsmith.processor import Processor

__all__ = ["CLIPImageProcessor", "CLIPProcessor"]


class CLIPImageProcessor(ImageProcessor):
    """Images for CLIP: the middle 224 x 224 pixels of images whose shortest edge was made 224."""

    do_resize: bool = True
    size: ImageSize = field(default={"shortest_edge": 224})
    default_to_square: bool = False
    resample: Resample = 3
    do_center_crop: bool = True
    crop_size: ImageArea = field(default={"height": 224, "width": 224})
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.48145466, 0.4578275, 0.40821073])
    image_std: PerChannel = field(default=[0.26862954, 0.26130258, 0.27577711])

    @classmethod
    def for_model(cls, config: Any) -> "CLIPImageProcessor":
        """As `ImageProcessor.for_model`; of CLIP's configuration that of its images counts, and the crop follows."""
        usual = super().for_model(getattr(config, "vision_config", config))
        edge = usual.size["shortest_edge"]
        return usual.changed(crop_size={"height": edge, "width": edge})


class CLIPProcessor(Processor):
    """Texts and images for CLIP."""

    parts = ("tokenizer", "image_processor")

    @checked_call
    def __call__(
        self,
        *,
        text: Any = None,
        images: Any = None,
        padding: Any = False,
        truncation: Any = None,
        max_length: int | None = None,
        text_kwargs: Mapping[str, Any] | None = None,
        images_kwargs: Mapping[str, Any] | None = None,
        return_tensors: TensorType | None = None,
    ) -> BatchFeature:
        """Prepare texts, images, or both.

        Args:
            text: What the tokenizer takes.
            images: What the image processor takes.
            padding: As for the tokenizer.
            truncation: As for the tokenizer.
            max_length: As for the tokenizer.
            text_kwargs: More options of the tokenizer's call.
            images_kwargs: Options of the image processor's call.
            return_tensors: ``"pt"``, ``"np"``, or None.

        Raises:
            InputError: There is no input, or one does not fit its part.
            OptionError: A part has no such option.
        """
        usual = {"padding": padding, "truncation": truncation, "max_length": max_length}
        options = self.options_of("tokenizer", text_kwargs, **usual) if text is not None else text_kwargs
        return super().__call__(
            text=text, images=images, text_kwargs=options, images_kwargs=images_kwargs, return_tensors=return_tensors
        )
