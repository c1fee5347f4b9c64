"""The kit tells image processors and tokenizers that are wrong in one place from sound ones."""

import numpy as np
import pytest

from archsmith import BertTokenizerFast, ViTImageProcessor
from archsmith_devkit import ImageProcessorConformance, TokenizerConformance, sample_tokenizer


class Turned(ViTImageProcessor):
    def __call__(self, images, **options):
        batch = super().__call__(images, **options)
        batch["pixel_values"] = batch["pixel_values"][:, ::-1] if options.get("return_tensors") == "np" else batch
        return batch


class OwnMean(ViTImageProcessor):
    def __call__(self, images, **options):
        return super().__call__(images, **{**options, "image_mean": [0.5, 0.5, 0.5]})


class ArraysApart(ViTImageProcessor):
    def __call__(self, images, **options):
        batch = super().__call__(images, **options)
        if isinstance(images, np.ndarray):
            batch["pixel_values"] = batch["pixel_values"] * 2
        return batch


def images(processor):
    class Conformance(ImageProcessorConformance):
        model_type = "vit"

        def processor(self):
            return processor()

    return Conformance()


@pytest.mark.parametrize(
    ("processor", "check", "said"),
    [
        (Turned, "channels_keep_their_order", r"Turned makes of red, beside black, \[0.0, 0.0, .*\] in its three"),
        (OwnMean, "settings_are_used", r"OwnMean: image_mean = \[0.1, 0.2, 0.3\] changes no pixel"),
        (ArraysApart, "sources_agree", "ArraysApart makes something else of a Pillow image than of an array"),
    ],
)
def test_a_wrong_image_processor_is_found(processor, check, said):
    getattr(images(ViTImageProcessor), f"test_{check}")()
    with pytest.raises(AssertionError, match=said):
        getattr(images(processor), f"test_{check}")()


class FirstOnly(BertTokenizerFast):
    def __call__(self, text, text_pair=None, **options):
        return super().__call__(text, None, **options)


class Shifted(BertTokenizerFast):
    def __call__(self, *texts, **options):
        rows = super().__call__(*texts, **options)
        if "offset_mapping" in rows:
            rows["offset_mapping"] = [(start + 9, end + 9) for start, end in rows["offset_mapping"]]
        return rows


@pytest.mark.parametrize(
    ("tokenizer", "check", "said"),
    [
        (FirstOnly, "pairs", "FirstOnly: the ids of a pair are"),
        (Shifted, "offsets", r"Shifted: a token of 'the quick .*' lies at \(\d+, \d+\)"),
    ],
)
def test_a_wrong_tokenizer_is_found(tokenizer, check, said):
    class Conformance(TokenizerConformance):
        model_type = "bert"
        chosen = BertTokenizerFast

        def tokenizers(self):
            return {"tokenizer_fast": sample_tokenizer(self.chosen)}

    getattr(Conformance(), f"test_{check}")()
    Conformance.chosen = tokenizer
    with pytest.raises(AssertionError, match=said):
        getattr(Conformance(), f"test_{check}")()
