"""Checks of image processors, feature extractors and processors."""

import copy
import json
import tempfile
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from archsmith.auto import AutoFeatureExtractor, AutoImageProcessor, AutoProcessor
from archsmith.errors import InputError, OptionError
from archsmith.feature_extractor import SequenceFeatureExtractor
from archsmith.files import PREPROCESSOR_FILE, PROCESSOR_FILE
from archsmith.image_processor import ImageProcessor
from archsmith.processor import Processor
from archsmith.registry import Kind, Owner, State, registry
from archsmith_devkit.composites import LengthChecks
from archsmith_devkit.feature_extractors import FeatureExtractorChecks
from archsmith_devkit.harness import refusal, saved_and_loaded
from archsmith_devkit.image_processors import ImageProcessorChecks
from archsmith_devkit.processors import ProcessorChecks
from archsmith_devkit.tokenizers import sample_tokenizer
from archsmith_devkit.vision import PixelChecks

__all__ = ["FeatureExtractorConformance", "ImageProcessorConformance", "ProcessorConformance"]


class ImageProcessorConformance(PixelChecks, ImageProcessorChecks):
    """The checks for one image processor. Subclass it, and name the architecture.

    Attributes:
        model_type: The architecture; or the name of preprocessing without one.
        kind: Which of the two.
    """

    model_type: ClassVar[str]
    kind: ClassVar[Kind] = Kind.ARCHITECTURE

    def test_images(self) -> None:
        """A model gets finite float32 of every image, brighter for brighter ones, and the same as either tensor.

        Fix: leave reading, scaling and normalising to archsmith.image_processor, and add what is yours.
        """
        processor = self.processor()
        name, images = type(processor).__name__, _greys()
        values = processor(images, return_tensors="np").pixel_values
        assert values.shape[0] == len(images), f"{name} made {len(values)} of {len(images)} images"
        assert values.dtype == np.float32, f"{name} makes {values.dtype}, not float32"
        assert np.isfinite(values).all(), f"{name} makes numbers that are not finite"
        assert values[0].max() < values[1].min(), f"{name} makes of black no less than of white"
        assert torch.equal(processor(images, return_tensors="pt").pixel_values, torch.from_numpy(values))

    def test_bad_images_are_refused(self) -> None:
        """What is not an image must never become numbers without a word.

        Fix: read images by the base class alone; it says what is wrong with each.
        """
        holes, nothing = np.full((4, 4, 3), np.nan, np.float32), np.zeros((0, 4, 3), np.uint8)
        wrong: list[Any] = [b"not an image", [], holes, nothing]
        for bad in wrong:
            said = refusal(InputError, self.processor(), bad)
            assert said is not None, f"{type(self.processor()).__name__} takes {str(bad)[:40]!r} for an image"

    def test_files(self) -> None:
        """Settings must survive their file, a call must not change them, and the Auto class must find the class.

        Fix: declare every setting, and keep what a call computes in local variables.
        """
        processor = self.processor()
        before = processor.to_dict()
        processor(_greys())
        assert processor.to_dict() == before, f"a call changed {type(processor).__name__}"
        found = saved_and_loaded(processor, AutoImageProcessor)
        assert type(found) is type(processor), f"AutoImageProcessor gave {type(found).__name__}"
        assert found.to_dict() == before, f"{type(processor).__name__} changed on its way through its file"

    def test_sources_agree(self) -> None:
        """An image as a Pillow image, an array with channels last or first, or a tensor must become the same.

        Fix: read images by the base class alone.
        """
        from PIL import Image  # only who has an image processor has it

        processor, image = self.processor(), _coloured()
        wanted = processor(image, return_tensors="np").pixel_values
        first = np.ascontiguousarray(image.transpose(2, 0, 1))
        for what, source in {
            "a Pillow image": Image.fromarray(image),
            "an array with its channels first": first,
            "a tensor": torch.from_numpy(first),
        }.items():
            found = processor(source, return_tensors="np").pixel_values
            same = found.shape == wanted.shape and np.allclose(found, wanted, atol=1e-5)
            assert same, f"{type(processor).__name__} makes something else of {what} than of an array, channels last"

    def test_channels_keep_their_order(self) -> None:
        """Red must stay red: a model that was trained on red, green, blue reads blue, green, red without a word.

        Fix: keep the order in which the base class reads, and one number for each channel in image_mean.
        """
        processor = self.processor()
        red = np.zeros((40, 40, 3), np.uint8)
        red[..., 0] = 255
        black = processor(np.zeros_like(red), return_tensors="np").pixel_values
        risen = (processor(red, return_tensors="np").pixel_values - black).reshape(3, -1).max(1)
        assert risen[0] > 0 and not risen[1:].any(), (  # noqa: PT018
            f"{type(processor).__name__} makes of red, beside black, {risen.tolist()} in its three channels; expected "
            "more than 0 in the first alone"
        )

    def processor(self) -> ImageProcessor:
        """Return the image processor, with its usual settings."""
        found: ImageProcessor = registry.load(self.model_type, "image_processor", kind=self.kind)()
        return found


class FeatureExtractorConformance(FeatureExtractorChecks):
    """The checks for one feature extractor. Subclass it, and name the architecture.

    Attributes:
        model_type: The architecture; or the name of preprocessing without one.
        kind: Which of the two.
        seconds: How long the longer clip of the checks is.
    """

    model_type: ClassVar[str]
    kind: ClassVar[Kind] = Kind.ARCHITECTURE
    seconds: ClassVar[float] = 0.5

    @property
    def extractor_class(self) -> type[SequenceFeatureExtractor]:
        """The class that is checked."""
        found: type[SequenceFeatureExtractor] = registry.load(self.model_type, "feature_extractor", kind=self.kind)
        return found

    def test_files(self) -> None:
        """Settings must survive their file, be found by the Auto class, and name the class that wrote them.

        Fix: declare every setting as a field (archsmith.config.field), so that it is written and read.
        """
        extractor = self.extractor_class(padding_side="left")
        with tempfile.TemporaryDirectory() as folder:
            extractor.save_pretrained(folder)
            written = json.loads(Path(folder, PREPROCESSOR_FILE).read_text(encoding="utf-8"))
            assert written["feature_extractor_type"] == self.extractor_class.__name__
            for found in (self.extractor_class.from_pretrained(folder), AutoFeatureExtractor.from_pretrained(folder)):
                assert found == extractor, f"{self.extractor_class.__name__} changed on its way through files"

    def test_unknown_settings_are_refused(self) -> None:
        """A misspelt setting that is ignored would change what the model sees.

        Fix: declare settings as fields, and write no __init__ that takes anything.
        """
        said = refusal(OptionError, self.extractor_class, smpling_rate=1)
        assert said is not None, f"{self.extractor_class.__name__} takes settings that do not exist"
        assert "sampling_rate" in said, f"the message does not name the setting that was meant: {said}"

    def test_a_call_leaves_everything_as_it_was(self) -> None:
        """Neither the object nor the caller's samples may change: threads share the one, the caller needs the other.

        Fix: keep what a call computes in local variables, and compute out of place.
        """
        extractor, clips = self.extractor_class(), self.clips()
        before, samples = copy.deepcopy(extractor), [clip.copy() for clip in clips]
        self._call(clips, padding=True, return_tensors="pt")
        assert extractor == before, "a call changed the settings"
        assert all(map(np.array_equal, clips, samples)), "a call changed the samples that it was given"

    def test_padding_shows_in_the_mask(self) -> None:
        """The mask must be 1 for each clip's own places, on either side.

        Fix: return one row for each place of features_of, and let the base class pad and mask.
        """
        for side in ("right", "left"):
            batch = self._call(self.clips(), side, padding=True, return_attention_mask=True, return_tensors="np")
            values, mask = self._by_places(batch), batch["attention_mask"]
            assert values.dtype == np.float32, f"features are {values.dtype}, not float32"
            assert mask.shape == values.shape[:2], (
                f"the mask has the shape {mask.shape}; expected {values.shape[:2]}, a number for each place of features"
            )
            assert mask[0].all(), "the longest clip is not masked whole"
            edge = mask[1][::-1] if side == "right" else mask[1]
            assert not edge[: np.argmax(edge)].any(), f"padding is not on the {side}"
            assert edge[np.argmax(edge) :].all(), "there are holes in the mask"

    def test_a_batch_is_its_clips(self) -> None:
        """With a mask, a clip must become the same alone and in a batch: the padding may not leak into it.

        Fix: normalise each clip by itself, before it is padded.
        """
        clips = self.clips()
        options: dict[str, Any] = {"padding": True, "return_attention_mask": True, "return_tensors": "np"}
        if self.extractor_class().samples_per_place() is not None:  # clips are padded first, and all of it is seen
            options |= {"padding": "max_length", "max_length": max(map(len, clips))}
        rows = []
        for given in (clips, clips[1:]):
            batch = self._call(given, **options)
            rows.append(self._by_places(batch)[-1][batch["attention_mask"][-1].astype(bool)])
        assert rows[0].shape == rows[1].shape, f"a clip in a batch has {len(rows[0])} places, alone {len(rows[1])}"
        assert np.allclose(rows[0], rows[1], atol=1e-6), "a clip in a batch is not what it is alone"

    def test_sources_agree(self) -> None:
        """A clip as a list, an array, a tensor, 16-bit samples or a file must become the same.

        Fix: leave reading to the base class; features_of gets float32 samples.
        """
        clip = np.round(self.clips()[0] * 32767).astype(np.int16)
        floats = clip.astype(np.float32) / 32768
        name = self.extractor_class.model_input_names[0]
        wanted = self._call(floats, return_tensors="np")[name]
        for source in (floats.tolist(), floats.astype(np.float64), torch.from_numpy(floats), clip):
            found = self._call(source, return_tensors="np")[name]
            assert np.allclose(found, wanted, atol=1e-6), f"{type(source).__name__} becomes something else"

    def test_bad_audio_is_refused(self) -> None:
        """What is not audio must never become numbers without a word.

        Fix: leave reading to the base class, which refuses it.
        """
        for bad in ([0.1, float("nan")] * 300, [], np.zeros((2, 300, 2)), np.zeros(300, bool), ["no such file.wav"]):
            said = refusal(InputError, self._call, bad)
            assert said is not None, f"{self.extractor_class.__name__} takes {str(bad)[:60]!r} for audio"

    def clips(self) -> list[Any]:
        """Return two clips of noise, the longer one first, each ``(samples,)``."""
        random = np.random.default_rng(0)
        samples = int(self.seconds * self.extractor_class().sampling_rate)
        return [random.uniform(-0.5, 0.5, size).astype(np.float32) for size in (samples, samples * 2 // 3)]

    def _by_places(self, batch: Any) -> Any:
        """Return the features of a batch, ``(clips, places, …)``."""
        values = batch[self.extractor_class.model_input_names[0]]
        return np.swapaxes(values, 1, 2) if self.extractor_class.places_last else values

    def _call(self, audio: Any, side: Literal["right", "left"] = "right", **options: Any) -> Any:
        extractor = self.extractor_class(padding_side=side)
        return extractor(audio, sampling_rate=extractor.sampling_rate, **options)


class ProcessorConformance(LengthChecks, ProcessorChecks):
    """The checks for one processor. Subclass it, and name the architecture.

    Attributes:
        model_type: The architecture; or the name of preprocessing without one.
        kind: Which of the two.
    """

    model_type: ClassVar[str]
    kind: ClassVar[Kind] = Kind.ARCHITECTURE

    def processor(self) -> Processor:
        """Return the processor, made of small parts. Override it for one that is made in another way."""
        processor_class = registry.load(self.model_type, "processor", kind=self.kind)
        parts = {name: self._part(name) for name in processor_class.parts or ()}
        found: Processor = processor_class(**parts)
        return found

    def _part(self, name: str) -> Any:
        owner = Owner(self.model_type, self.kind)
        if {name, f"{name}_fast"}.isdisjoint(registry.roles(*owner)):  # the part is of another package
            owner = _owner_with(name)
        role = f"{name}_fast" if f"{name}_fast" in registry.roles(*owner) else name
        part_class = registry.load(owner.name, role, kind=owner.kind)
        return sample_tokenizer(part_class) if name == "tokenizer" else part_class()

    def test_parts(self) -> None:
        """Every part must be there, and a missing or wrong one must be refused by name.

        Fix: name the parts in the class attribute parts, and let the base class take them.
        """
        processor = self.processor()
        given = {name: getattr(processor, name) for name in processor.parts or ()}
        type(processor)(**given)
        for name in given:
            for wrong in ({**given, name: None}, {**given, name: object()}):
                said = refusal(OptionError, type(processor), **wrong)
                assert said is not None, f"{type(processor).__name__} does without {name}"
                assert name in said, f"the message does not name {name}: {said}"

    def test_files(self) -> None:
        """A processor must come back whole, through its own class and the Auto class, from either layout of files.

        Fix: keep no state beside the parts and declared settings.
        """
        processor = self.processor()
        with tempfile.TemporaryDirectory() as folder:
            processor.save_pretrained(folder)
            found = [type(processor).from_pretrained(folder), AutoProcessor.from_pretrained(folder)]
            Path(folder, PROCESSOR_FILE).unlink()
            if processor.feature_extractor is None or processor.image_processor is None:
                found.append(AutoProcessor.from_pretrained(folder))  # from the parts' own files
        for again in found:
            assert type(again) is type(processor), f"{type(again).__name__} came back for {type(processor).__name__}"
            for name in processor.parts or ():
                one, other = getattr(processor, name), getattr(again, name)
                assert type(one) is type(other), f"{name} came back as {type(other).__name__}"
                assert _settings(one) == _settings(other), f"{name} changed on its way through files"


def _greys() -> list[Any]:
    return [np.full((40, 40, 3), shade, np.uint8) for shade in (0, 200)]


def _coloured() -> Any:
    return np.random.default_rng(0).integers(0, 256, (40, 56, 3), np.uint8)


def _owner_with(part: str) -> Owner:
    """Return the first of what is installed that brings a part, be it an architecture or preprocessing alone."""
    for kind in (Kind.PROCESSOR, Kind.ARCHITECTURE):
        for entry in registry.entries(kind):
            if entry.state is State.OK and not {part, f"{part}_fast"}.isdisjoint(registry.roles(*entry.owner)):
                return entry.owner
    raise AssertionError(
        f"nothing that is installed brings the part {part}: install a package that does, or override processor() of "
        "ProcessorConformance"
    )


def _settings(part: Any) -> Any:
    """Return what a part is told; the name of its processor is not a part of that."""
    if hasattr(part, "to_dict"):
        return {name: value for name, value in part.to_dict().items() if name != "processor_class"}
    return repr(part), part.get_vocab()
