"""The image processor's own step."""

import numpy
import pytest
from archsmith.errors import InputError

from archsmith_sample_net import SampleNetImageProcessor


def test_the_margin_is_cut_off() -> None:
    page = numpy.zeros((40, 50, 3), numpy.uint8)
    page[8:-8, 8:-8] = 255
    batch = SampleNetImageProcessor(size=16)(page, return_tensors="np")
    assert batch.pixel_values.shape == (1, 3, 16, 16)
    assert (batch.pixel_values == 1).all()


def test_an_image_that_is_all_margin() -> None:
    with pytest.raises(InputError, match="twice the margin"):
        SampleNetImageProcessor()(numpy.zeros((16, 50, 3), numpy.uint8))
