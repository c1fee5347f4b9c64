from collections.abc import Mapping
from typing import Any

from archsmith.batch import BatchFeature
from archsmith.config import field
from archsmith.errors import InputError
from archsmith.image_processor import ImageArea, ImageProcessor, ImageSize, PerChannel
from archsmith.options import TensorType
from archsmith.processor import Processor
from archsmith_wordpiece import WordPieceTokenizerFast


class PairingTokenizerFast(WordPieceTokenizerFast):
    """The tokenizer of the texts."""

    model_input_names = ("input_ids", "attention_mask")


class PairingImageProcessor(ImageProcessor):
    """The middle of images."""

    do_resize: bool = True
    size: ImageSize = field(default={"shortest_edge": 224})
    default_to_square: bool = False
    resample: int = 3
    do_center_crop: bool = True
    crop_size: ImageArea = field(default={"height": 224, "width": 224})
    do_normalize: bool = True
    image_mean: PerChannel = field(default=[0.48, 0.46, 0.41])
    image_std: PerChannel = field(default=[0.27, 0.26, 0.28])


class PairingProcessor(Processor):
    """Texts and images, of which either may be left out."""

    parts = ("image_processor", "tokenizer")

    def __call__(
        self,
        text: Any = None,
        images: Any = None,
        *,
        padding: bool | str = False,
        truncation: bool = False,
        max_length: int | None = None,
        text_kwargs: Mapping[str, Any] | None = None,
        images_kwargs: Mapping[str, Any] | None = None,
        return_tensors: TensorType | None = None,
    ) -> BatchFeature:
        if text is None and images is None:
            raise InputError("there is nothing to process; pass text or images.")
        batch: dict[str, Any] = {}
        if text is not None:
            options = self.options_of(
                "tokenizer",
                text_kwargs,
                padding=padding,
                truncation=truncation,
                max_length=max_length,
                return_tensors=return_tensors,
            )
            batch |= self.tokenizer(text, **options)
        if images is not None:
            options = self.options_of("image_processor", images_kwargs, return_tensors=return_tensors)
            batch |= self.image_processor(images, **options)
        return BatchFeature(batch)
