"""Checks on the images that are passed to a model."""

import torch
from torch import Tensor

from archsmith.errors import InputError
from archsmith.layers.inputs import check_tensor, is_readable

__all__ = ["check_patch_mask", "check_pixels"]

_AXES = 4


def check_pixels(pixel_values: Tensor, *, channels: int, least: tuple[int, int] = (1, 1)) -> Tensor:
    """Return the pixels of images, after checking that they are what a model can take.

    Args:
        pixel_values: ``(batch, channels, height, width)`` float.
        channels: How many channels the model takes.
        least: The smallest height and width that it takes, in pixels.

    Raises:
        InputError: They are not a tensor, have another shape, or are not floating-point numbers.
    """
    advice = " Ask the image processor: return_tensors='pt'."
    check_tensor("pixel_values", pixel_values, verb="are", hint=advice)
    shape = tuple(pixel_values.shape)
    if len(shape) != _AXES or not shape[0]:
        raise InputError(f"pixel_values must have the shape (batch, channels, height, width), but have {shape}.")
    if shape[1] != channels:
        hint = " The channels come second: data_format='channels_first'." if shape[-1] == channels else ""
        raise InputError(f"the model takes images with {channels} channels, but pixel_values have {shape}.{hint}")
    if shape[2] < least[0] or shape[3] < least[1]:
        raise InputError(
            f"the images are {shape[2]} x {shape[3]} pixels (height x width); expected at least "
            f"{least[0]} x {least[1]}."
        )
    if not pixel_values.is_floating_point():
        raise InputError(f"pixel_values must be floating-point numbers, but are {pixel_values.dtype}.{advice}")
    return pixel_values


def check_patch_mask(bool_masked_pos: Tensor, *, batch: int, patches: int) -> Tensor:
    """Return which patches are hidden, as booleans, after checking that each patch of each image has one.

    Args:
        bool_masked_pos: ``(batch, patches)`` boolean, or integers of 0 and 1.
        batch: How many images there are.
        patches: How many patches each of them has.

    Raises:
        InputError: They are not a tensor, have another shape, or are not boolean.
    """
    check_tensor("bool_masked_pos", bool_masked_pos)
    if bool_masked_pos.shape != (batch, patches) or bool_masked_pos.is_floating_point():
        raise InputError(
            f"bool_masked_pos must be boolean, of the shape (batch, patches) = {(batch, patches)}, but is "
            f"{bool_masked_pos.dtype}, of the shape {tuple(bool_masked_pos.shape)}."
        )
    hidden = bool_masked_pos.bool()
    if is_readable(hidden) and not torch.equal(hidden, bool_masked_pos):
        wrong = bool_masked_pos[bool_masked_pos != hidden][0].item()
        raise InputError(f"bool_masked_pos must be 0 or 1 for each patch, but holds {wrong}.")
    return hidden
