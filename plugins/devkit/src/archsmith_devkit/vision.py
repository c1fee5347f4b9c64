"""Checks of models that take images, and of the pixels that image processors make for them."""

import inspect
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from archsmith.backbone import Backbone
from archsmith.errors import ArchsmithError
from archsmith.image_processor import ImageProcessor
from archsmith.model import PreTrainedModel
from archsmith_devkit.fields import built_config
from archsmith_devkit.harness import Harness, outputs_of, refusal

__all__ = ["PixelChecks", "VisionChecks"]

_STRETCH = "interpolate_pos_encoding"
#: What red, green and blue a plain image has; and how far a pixel of float32 may be from what is expected.
_COLOUR, _NEAR = (200, 120, 40), 2e-3
#: A size that is no square, and a multiple of what sizes are rounded to.
_ROWS, _COLUMNS = 32, 64


class VisionChecks(Harness):
    """Images come in other sizes than those of training, and configurations with sizes that go together or not."""

    def test_positions_stretch(self) -> None:
        """Positions are stretched over an image of another size: cut off, they would say that it is a corner.

        Fix: hand interpolate_pos_encoding on from every head, and interpolate the whole table of positions over the
        new grid.
        """
        for model in self.built():
            if model.main_input_name != "pixel_values" or _STRETCH not in inspect.signature(model.forward).parameters:
                continue
            pixels, name = self.inputs(model)["pixel_values"], type(model).__name__
            for what, size in _sizes(pixels):
                other = torch.nn.functional.interpolate(pixels, size=size, mode="bilinear")
                told = f"{name} with {_STRETCH}=True, images of {what} size, {size[0]} x {size[1]} (height x width)"
                inputs = {**self.inputs(model), "pixel_values": other, _STRETCH: True}
                try:
                    used = _used_places(model, inputs)
                except (ArchsmithError, RuntimeError) as error:
                    raise AssertionError(f"{told}, fails: {error}") from error
                for table, share in used.items():
                    assert share == 1, (
                        f"{told}: {share:.0%} of the places of {table} have an effect; expected that all are stretched "
                        "over the image"
                    )

    def test_own_size_is_taken(self) -> None:
        """A configuration of images smaller than a patch makes a model of no places: no image fits it.

        Fix: yield a sentence from rules() where image_size is below patch_size.
        """
        config = self.config()
        patch, size = getattr(config, "patch_size", None), getattr(config, "image_size", None)
        if patch is None or size is None or not self.models():
            return
        least = 1 if isinstance(size, int) else [1] * len(size)
        values = {**self.values(), "image_size": least}
        said = refusal(ArchsmithError, self.config_class(), **values)
        if said is not None:
            assert "image_size" in said or "patch_size" in said, f"the message does not name image_size: {said}"
            return
        told = f"{type(config).__name__} takes image_size = {least} with patch_size = {patch}"
        for cls in self.models().values():
            if cls.main_input_name != "pixel_values" or issubclass(cls, Backbone) or not self._has_places(cls):
                continue
            try:
                model = cls(self.config_class()(**values)).eval()
            except ArchsmithError:
                continue  # it says itself that they do not go together
            try:
                found = outputs_of(model, self.inputs(model))
            except Exception as error:
                raise AssertionError(
                    f"{told}, but {cls.__name__} of it takes no image of that size: {error}"
                ) from error
            assert all(value.numel() for value in found.values()), f"{told}, but {cls.__name__} of it has no places"

    def _has_places(self, cls: type[PreTrainedModel]) -> bool:
        """Return whether a model has parameters for the size of its images."""
        size = getattr(self.config(), "image_size", None)
        larger = size * 2 if isinstance(size, int) else [each * 2 for each in size or ()]
        config = built_config(self.config_class(), {**self.values(), "image_size": larger})
        return config is not None and cls(config).num_parameters() != cls(self.config()).num_parameters()


class PixelChecks:
    """What an image processor makes of pixels, held against its settings: mixed into `ImageProcessorConformance`."""

    #: Two filters by number, nearest and bilinear, whose pixels differ whether an image grows or shrinks.
    filters: ClassVar[tuple[int, int]] = (0, 2)

    def processor(self) -> ImageProcessor:
        """Return the image processor, with its usual settings."""
        raise NotImplementedError

    def test_pixels_are_what_the_settings_say(self) -> None:
        """Pixels must be (value * rescale_factor - image_mean) / image_std, in this order, once, and red first.

        Fix: leave scaling to the base class; in a scale() of your own rescale first, then normalise, once each.
        """
        usual = self.processor()
        for dtype in (np.uint8, np.float32):  # of bytes the 256 values are scaled once, and looked up
            plain = np.full((64, 64, 3), _COLOUR, dtype) + (0 if dtype is np.uint8 else np.float32(0.5))
            for what, settings in _scalings():
                pixels = _made(type(usual), plain, settings)
                if pixels is None or pixels.ndim != 4 or pixels.shape[1] != len(_COLOUR):  # noqa: PLR2004
                    continue  # patches, or another layout
                found = pixels[0, :, pixels.shape[2] // 2, pixels.shape[3] // 2]
                wanted, formula = _scaled(type(usual)(**settings), plain[0, 0].astype(np.float64))
                swapped, _ = _scaled(type(usual)(**settings), plain[0, 0, ::-1].astype(np.float64))
                hint = "; the channels change places" if np.allclose(found, swapped, _NEAR, _NEAR) else ""
                assert np.allclose(found, wanted, _NEAR, _NEAR), (
                    f"{type(usual).__name__}{what}: red, green and blue of {plain[0, 0].tolist()}, {plain.dtype}, "
                    f"become {_rounded(found)}; expected {_rounded(wanted)}, which is {formula}, by rescale_factor, "
                    f"image_mean and image_std{hint}"
                )

    def test_mean_and_std_are_possible(self) -> None:
        """No pixels from 0 to 1 have a mean of 0.2 and a deviation of 0.5: the two have each other's numbers.

        Fix: let image_mean be the mean of each channel and image_std its deviation, which is the smaller one.
        """
        usual = self.processor()
        mean, std = (np.ravel(each if each is not None else 0.0) for each in (usual.image_mean, usual.image_std))
        white = 255 * (usual.rescale_factor or 1) if usual.do_rescale else 255
        if usual.do_normalize and not _is_possible(mean, std, white) and _is_possible(std, mean, white):
            limit = np.sqrt((white - mean) * mean)
            raise AssertionError(
                f"{type(usual).__name__}: image_mean is {mean.tolist()} and image_std {std.tolist()}, which no pixels "
                f"from 0 to {white:g} have; expected image_std of at most {_rounded(limit)}. They have changed places"
            )

    def test_size_is_height_and_width(self) -> None:
        """``size`` and ``crop_size`` say height first: nobody notices with squares that the two are swapped.

        Fix: resize to size["height"] rows and size["width"] columns, and crop likewise by crop_size.
        """
        usual, image = self.processor(), _gradient()
        for name, switches in _STEPS.items():
            settings = {**switches, name: {"height": _ROWS, "width": _COLUMNS}}
            made = _made(type(usual), image, settings)
            if made is None or made.ndim != 4:  # noqa: PLR2004
                continue
            told = ", ".join(f"{key} = {value!r}" for key, value in settings.items())
            assert made.shape[2:] == (_ROWS, _COLUMNS), (
                f"{type(usual).__name__} with {told} makes images of {made.shape[2]} x {made.shape[3]} pixels (height "
                f"x width); expected {_ROWS} x {_COLUMNS}"
            )

    def test_filter_is_used(self) -> None:
        """A file says by ``resample`` with which filter its model was trained: another one costs accuracy.

        Fix: resize with the filter of the settings, resample=self.resample.
        """
        usual, image = self.processor(), _gradient()
        if not usual.do_resize:
            return
        found = [_made(type(usual), image, {"resample": each}) for each in self.filters]
        one, other = found
        if one is not None and other is not None:
            assert one.shape != other.shape or not np.array_equal(one, other), (
                f"{type(usual).__name__}: resample = {self.filters[0]} and resample = {self.filters[1]} give the same "
                "pixels of an image that is resized"
            )


#: Step → the switches with which it alone changes the size.
_STEPS: dict[str, dict[str, Any]] = {
    "size": {"do_resize": True, "do_center_crop": False},
    "crop_size": {"do_resize": False, "do_center_crop": True},
}


def _sizes(pixels: Tensor) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield a smaller and a larger size, each of another ratio than the model's own."""
    height, width = pixels.shape[-2:]
    yield "a smaller", (height * 3 // 4, width * 3 // 4)
    yield "a smaller", (height, width * 3 // 4)
    yield "a larger", (height * 2, width + width // 2)


def _used_places(model: PreTrainedModel, inputs: dict[str, Any]) -> dict[str, float]:
    """Return for each table of positions the share of its rows that the outputs depend on."""
    model.zero_grad(set_to_none=True)
    tensors = [value for value in model(**inputs).values() if isinstance(value, Tensor) and value.requires_grad]
    torch.autograd.backward([tensor.float().square().sum() for tensor in tensors])
    found = {}
    for name, parameter in model.named_parameters():
        is_table = "position" in name or "pos_embed" in name
        if is_table and "relative" not in name and parameter.ndim > 1 and parameter.grad is not None:
            rows = parameter.grad.flatten(0, -2).abs().sum(-1)
            found[name] = (rows > 0).float().mean().item()
    return found


def _scalings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield settings of values, in words and as they are: the usual ones, and the two steps."""
    numbers = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.25, 0.5]}
    yield "", {}
    for switched in (False, True):
        what = f" with do_rescale = True and do_normalize = {switched}"
        yield what, {"do_rescale": True, "do_normalize": switched, **(numbers if switched else {})}


def _scaled(processor: ImageProcessor, values: Any) -> tuple[Any, str]:
    """Return what the settings make of the values of three channels, and in words."""
    formula = "value"
    if processor.do_rescale and processor.rescale_factor is not None:
        values, formula = values * processor.rescale_factor, "value * rescale_factor"
    if processor.do_normalize and processor.image_mean is not None and processor.image_std is not None:
        values = (values - np.array(processor.image_mean)) / np.array(processor.image_std)
        formula = f"({formula} - image_mean) / image_std"
    return values, formula


def _is_possible(mean: Any, std: Any, white: float) -> bool:
    """Return whether numbers from 0 to white can have such a mean and deviation (Bhatia and Davis, 2000)."""
    inside = (mean > 0).all() and (mean < white).all() and (std > 0).all()
    return bool(inside and (std**2 <= (white - mean) * mean * (1 + _NEAR)).all())


def _made(cls: type[ImageProcessor], image: Any, settings: dict[str, Any]) -> Any:
    """Return the pixels that a processor makes with some settings; None where it refuses them."""
    try:
        return cls(**settings)(image, return_tensors="np").pixel_values
    except ArchsmithError:
        return None


def _gradient() -> Any:
    """Return an image of 80 rows and 96 columns, every pixel another one."""
    return np.random.default_rng(1).integers(0, 256, (80, 96, 3), np.uint8)


def _rounded(values: Any) -> list[float]:
    return [round(float(value), 3) for value in values]
