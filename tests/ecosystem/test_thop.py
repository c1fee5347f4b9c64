"""thop: operations counted by hooks."""

import pytest

from .support import image_inputs

pytestmark = pytest.mark.long


def test_profile(vit):
    from thop import profile

    found = [profile(model, (image_inputs()["pixel_values"],), verbose=False) for model in (vit.ours, vit.theirs)]
    assert found[0] == pytest.approx(found[1])
