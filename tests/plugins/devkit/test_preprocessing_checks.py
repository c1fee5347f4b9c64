"""The kit tells image processors and tokenizers that are wrong in one place from sound ones."""

import numpy as np
import pytest

from archsmith import BertTokenizerFast, Processor, ViTImageProcessor, Wav2Vec2FeatureExtractor
from archsmith.image_processor import normalize, rescale, resize
from archsmith_devkit import ImageProcessorConformance, ProcessorConformance, TokenizerConformance, sample_tokenizer


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


class NormalizedFirst(ViTImageProcessor):
    def scale(self, pixels):
        pixels = normalize(pixels, self.image_mean, self.image_std) if self.do_normalize else pixels
        return rescale(pixels, self.rescale_factor) if self.do_rescale else pixels.astype("float32")


class WidthFirst(ViTImageProcessor):
    def resized(self, image):
        return resize(image, self.size["width"], self.size["height"], resample=self.resample)


class Centred(ViTImageProcessor):
    def process(self, images, *, stack):
        rows = super().process(images, stack=stack)["pixel_values"]
        mean = np.mean([row.mean() for row in rows], dtype=np.float32)
        return {"pixel_values": [row - mean for row in rows]}


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
        (OwnMean, "settings_are_used", r"OwnMean: image_mean = \[0.4, 0.5, 0.6\].* changes no pixel"),
        (
            NormalizedFirst,
            "steps_do_what_they_say",
            r"NormalizedFirst with do_rescale = True, .* makes of the pixel \[",
        ),
        (
            WidthFirst,
            "steps_do_what_they_say",
            "WidthFirst with do_resize = .* makes 64 x 32 pixels .* expected 32 x 64",
        ),
        (
            Centred,
            "images_are_independent",
            "Centred, image 0 of a batch, held against the same image alone: pixel_val",
        ),
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


class Lossy(BertTokenizerFast):
    def __call__(self, text, *texts, **options):
        rows = super().__call__(text, *texts, **options)
        if text == "xyzzy":
            rows["input_ids"] = []
        return rows


class AlwaysLower(BertTokenizerFast):
    def __init__(self, vocab_file=None, **settings):
        super().__init__(vocab_file, **{**settings, "do_lower_case": True, "strip_accents": True})


@pytest.mark.parametrize(
    ("tokenizer", "check", "said"),
    [
        (Lossy, "no_text_is_lost", "Lossy: 'xyzzy' is lost, it becomes no id; expected pieces, or unk_token"),
        (AlwaysLower, "tokenizer_settings_are_used", "AlwaysLower: no text gets other ids, .* with .*strip_accents = "),
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


class Pair(Processor):
    parts = ("tokenizer", "image_processor")

    def __call__(self, text=None, images=None, *, padding=False, text_kwargs=None, return_tensors=None):
        batch = {}
        if text is not None:
            options = self.options_of("tokenizer", text_kwargs, padding=padding, return_tensors=return_tensors)
            batch |= self.tokenizer(text, **options)
        if images is not None:
            batch |= self.image_processor(images, return_tensors=return_tensors)
        return batch


class TextLost(Pair):
    def __call__(self, text=None, images=None, **options):
        return super().__call__(text if images is None else None, images, **options)


class NoTensors(Pair):
    def __call__(self, text=None, images=None, *, return_tensors=None, **options):
        return super().__call__(text, images, **options)


class NoKwargs(Pair):
    def __call__(self, text=None, images=None, *, text_kwargs=None, **options):
        return super().__call__(text, images, **options)


class Undeclared(Pair):
    parts = ("tokenizer",)


class Hears(Processor):
    parts = ("feature_extractor",)

    def __call__(self, audio=None, *, sampling_rate=None):
        return self.feature_extractor(audio, sampling_rate=self.feature_extractor.sampling_rate)


def of_processor(chosen):
    class Conformance(ProcessorConformance):
        def processor(self):
            held = {
                "tokenizer": sample_tokenizer(BertTokenizerFast),
                "image_processor": ViTImageProcessor(),
                "feature_extractor": Wav2Vec2FeatureExtractor(),
            }
            return chosen(**{name: held[name] for name in chosen.parts})

    return Conformance()


CHECKS = ("parts_are_declared", "options_reach_the_parts", "options_of_one_part", "inputs_together")


@pytest.mark.parametrize("check", [*CHECKS, "other_sampling_rates_are_refused"])
def test_a_sound_processor_passes(check):
    getattr(of_processor(Pair), f"test_{check}")()


@pytest.mark.parametrize(
    ("processor", "check", "said"),
    [
        (
            TextLost,
            "inputs_together",
            "TextLost, given text and images, returns no input_ids: what it makes of text is",
        ),
        (
            NoTensors,
            "options_reach_the_parts",
            "NoTensors: return_tensors is not passed on: with return_tensors = 'np'",
        ),
        (NoKwargs, "options_of_one_part", "NoKwargs: text_kwargs is not passed on: with padding = 'max_length', max"),
        (
            Undeclared,
            "parts_are_declared",
            "Undeclared takes images, but image_processor is not among its parts, which",
        ),
        (Hears, "other_sampling_rates_are_refused", "Hears takes audio of sampling_rate = 32000; expected an Input"),
    ],
)
def test_a_wrong_processor_is_found(processor, check, said):
    with pytest.raises(AssertionError, match=said):
        getattr(of_processor(processor), f"test_{check}")()
