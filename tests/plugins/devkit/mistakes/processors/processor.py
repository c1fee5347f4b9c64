from collections.abc import Mapping
from typing import Any

from archsmith.batch import BatchFeature
from archsmith.errors import InputError
from archsmith.options import TensorType
from archsmith.processor import Processor


class WordingProcessor(Processor):
    """Audio, images and texts, as many of them as there are."""

    parts = ("tokenizer", "image_processor", "feature_extractor")

    def __call__(
        self,
        text: Any = None,
        images: Any = None,
        audio: Any = None,
        *,
        sampling_rate: int | None = None,
        padding: bool | str = False,
        max_length: int | None = None,
        truncation: bool = False,
        text_kwargs: Mapping[str, Any] | None = None,
        images_kwargs: Mapping[str, Any] | None = None,
        audio_kwargs: Mapping[str, Any] | None = None,
        return_tensors: TensorType | None = None,
    ) -> BatchFeature:
        if text is None and images is None and audio is None:
            raise InputError("there is nothing to process; pass text, images or audio.")
        batch: dict[str, Any] = {}
        if text is not None:
            options = self.options_of(
                "tokenizer",
                text_kwargs,
                padding=padding,
                max_length=max_length,
                truncation=truncation,
                return_tensors=return_tensors,
            )
            batch |= self.tokenizer(text, **options)
        if images is not None:
            options = self.options_of("image_processor", images_kwargs, return_tensors=return_tensors)
            batch |= self.image_processor(images, **options)
        if audio is not None:
            options = self.options_of(
                "feature_extractor",
                audio_kwargs,
                sampling_rate=sampling_rate,
                padding=padding,
                return_attention_mask=text is None,
                return_tensors=return_tensors,
            )
            batch |= self.feature_extractor(audio, **options)
        return BatchFeature(batch)
