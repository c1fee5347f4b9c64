"""kornia, albumentations and torchvision: what they make of images goes into an image processor."""

import numpy as np
import pytest
import torch

from ..parity.support import assert_close
from .support import SIDES, image_array

pytestmark = pytest.mark.long


def test_arrays():
    import albumentations
    import kornia
    import torchvision.transforms.v2 as transforms

    flipped = albumentations.Compose([albumentations.HorizontalFlip(p=1.0)])(image=image_array())["image"]
    tensors = [
        flipped,
        (kornia.geometry.transform.hflip(torch.from_numpy(image_array()).permute(2, 0, 1)[None].float()))[0].byte(),
        transforms.RandomHorizontalFlip(1.0)(transforms.functional.to_image(image_array())),
    ]
    ours, theirs = (library.ViTImageProcessor(size={"height": 20, "width": 20}) for library in SIDES.values())
    expected = theirs(np.ascontiguousarray(image_array()[:, ::-1]), return_tensors="pt").pixel_values
    for image in tensors:
        assert_close(ours(image, return_tensors="pt").pixel_values, expected, type(image).__name__)
