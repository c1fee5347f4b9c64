"""Checks of image processors: every setting counts and does what it says, and no image knows of another."""

import ast
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from archsmith.errors import ArchsmithError
from archsmith.image_processor import ImageProcessor
from archsmith_devkit.settings import first_difference, own_settings, switches_of, unused_settings, variants_of
from archsmith_devkit.sources import sources

__all__ = ["ImageProcessorChecks"]

_MEAN, _STD, _FACTOR = [0.1, 0.2, 0.3], [0.4, 0.5, 0.6], 1 / 100
#: Setting → other values, where its type does not tell them.
_VALUES: dict[str, tuple[Any, ...]] = {
    "size": ({"height": 32, "width": 64}, {"shortest_edge": 32}),
    "crop_size": ({"height": 24, "width": 20},),
    "pad_size": ({"height": 384, "width": 320},),
    "resample": (0, 2, 3),
    "image_mean": (_STD,),
    "image_std": (_MEAN,),
    "rescale_factor": (_FACTOR / 2,),
}
#: What turns a step on, with what it needs.
_STEPS: dict[str, dict[str, Any]] = {
    "do_resize": {"size": {"height": 32, "width": 64}},
    "do_center_crop": {"crop_size": {"height": 20, "width": 28}},
    "do_rescale": {"rescale_factor": _FACTOR},
    "do_normalize": {"image_mean": _MEAN, "image_std": _STD},
    "do_pad": {"pad_size": {"height": 320, "width": 384}},
}
#: Settings of how images are read, and of how others are read.
_OF_READING = ("do_convert_rgb", "default_to_square", "input_data_format")
_HEIGHT, _WIDTH = 40, 56


class ImageProcessorChecks:
    """What a published file says must happen to an image happens to it, each time."""

    def processor(self) -> Any:
        """Return the image processor, with its usual settings."""
        raise NotImplementedError

    def test_settings_are_used(self) -> None:
        """A setting of a published file that changes nothing is ignored: the model sees other pixels.

        Fix: read every declared setting in the step that it belongs to, or do not declare it.
        """
        usual = self.processor()
        cls = type(usual)
        held = {name: getattr(usual, name) for name in cls.__dataclass_fields__ if name not in _OF_READING}
        variants = {
            name: [other for other in _VALUES.get(name) or variants_of(cls, name, value) if other != value]
            for name, value in held.items()
        }
        switches: list[dict[str, Any]] = [{step: True} for step in _STEPS]
        switches.append({"do_pad": True, "do_resize": False})
        switches += [switch for switch in switches_of(cls, held) if switch.keys().isdisjoint(_STEPS)]
        own = own_settings(cls, ImageProcessor)
        left = unused_settings(self._with, variants, switches, own=own)
        if _takes_more_than_images(cls):  # which a setting may be about
            left = {name: other for name, other in left.items() if name not in _read_in_source(cls)}
        told = "; ".join(f"{name} = {value!r}" for name, value in left.items())
        assert not left, f"{cls.__name__}: {told} changes no pixel"

    def test_steps_do_what_they_say(self) -> None:
        """Height before width, rescaled before normalised: a step that is another makes sound weights worthless.

        Fix: call the steps of archsmith.image_processor in the order of the base class, with the settings as they are
        called; waive the check for a class whose pixels are others by intent.
        """
        image = _image()
        for steps, wanted in _expectations(image):
            try:
                found = self._with({**dict.fromkeys(_STEPS, False), **steps}, image)["pixel_values"][0]
            except ArchsmithError:
                continue  # it says itself what it cannot do
            what = f"{type(self.processor()).__name__} with {_told(steps)}"
            if isinstance(wanted, tuple):
                assert found.shape[-2:] == wanted, (
                    f"{what} makes {found.shape[-2]} x {found.shape[-1]} pixels (height x width) of {_HEIGHT} x "
                    f"{_WIDTH}; expected {wanted[0]} x {wanted[1]}"
                )
                continue
            fault = first_difference({"pixel_values": [found]}, {"pixel_values": [wanted]})
            assert not fault, (
                f"{what} makes of the pixel {image[0, 0].tolist()} {np.round(found[..., 0, 0], 4).tolist()}; expected "
                f"{np.round(wanted[..., 0, 0], 4).tolist()} ({fault})"
            )

    def test_images_are_independent(self) -> None:
        """An image must become the same each time, alone and beside others: else nobody can repeat a result.

        Fix: draw no random numbers, compute means of each image alone, and keep what a call computes in local
        variables.
        """
        name, image, other = type(self.processor()).__name__, _image(), _image()[::-1] // 3
        alone = self._with({}, image)
        dark = self._with({}, other)
        for _ in range(3):
            fault = first_difference(self._with({}, image), alone)
            assert not fault, f"{name}, called again with the same image: {fault}"
        batch = self._with({}, [image, other])
        for place, wanted in enumerate((alone, dark)):
            fault = first_difference({key: rows[place : place + 1] for key, rows in batch.items()}, wanted)
            assert not fault, f"{name}, image {place} of a batch, held against the same image alone: {fault}"

    def _with(self, change: Mapping[str, Any], images: Any = None) -> dict[str, Any]:
        """Return what images become with some settings changed; a step that is turned on has what it needs."""
        usual = self.processor()
        needed: dict[str, Any] = {}
        for step, needs in _STEPS.items():
            if change.get(step):
                needed |= {name: value for name, value in needs.items() if getattr(usual, name, None) is None}
        return dict(usual.changed(**{**needed, **change})(_image() if images is None else images))


def _image() -> Any:
    return np.random.default_rng(0).integers(0, 256, (_HEIGHT, _WIDTH, 3), np.uint8)


def _expectations(image: Any) -> Iterator[tuple[dict[str, Any], Any]]:
    """Yield steps, with their settings, and the pixels or the height and width that an image has after them."""
    pixels = np.moveaxis(image, -1, 0).astype(np.float32)
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (_MEAN, _STD))
    rescale, normalize = ({step: True, **_STEPS[step]} for step in ("do_rescale", "do_normalize"))
    yield {}, pixels
    yield rescale, pixels * _FACTOR
    yield normalize, (pixels - mean) / std
    yield {**rescale, **normalize}, (pixels * _FACTOR - mean) / std
    for size in ({"height": 32, "width": 64}, {"height": 64, "width": 32}):
        yield {"do_resize": True, "size": size}, (size["height"], size["width"])
    yield {"do_center_crop": True, **_STEPS["do_center_crop"]}, pixels[:, 10:30, 14:42]


def _told(steps: Mapping[str, Any]) -> str:
    told = ", ".join(f"{name} = {value!r}" for name, value in steps.items())
    return f"{told} and no other step" if told else "all of do_resize, do_center_crop, do_rescale and do_normalize off"


def _takes_more_than_images(cls: type[Any]) -> bool:
    """Return whether a call takes something beside images, as maps of labels."""
    usual = inspect.signature(ImageProcessor.__call__).parameters
    taken = inspect.signature(cls.__call__).parameters.values()
    return any(each.name not in usual and each.kind is not each.VAR_KEYWORD for each in taken)


def _read_in_source(cls: type[Any]) -> set[str]:
    """Return the attributes that the modules of a class's package read."""
    trees = [tree for _, tree in sources(cls.__module__.partition(".")[0])]
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
