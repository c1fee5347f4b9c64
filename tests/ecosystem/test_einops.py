"""einops: its layers beside ours, and its functions on what we return."""

import pytest
import torch

from .support import image_inputs

pytestmark = pytest.mark.long


def test_rearrange(vit):
    from einops import rearrange
    from einops.layers.torch import Reduce

    hidden = vit.ours(**image_inputs(), output_hidden_states=True).hidden_states[-1]
    grid = rearrange(hidden[:, 1:], "b (h w) c -> b c h w", h=2)
    assert grid.shape == (4, 16, 2, 2)
    mean = Reduce("b c h w -> b c", "mean")(grid)
    torch.testing.assert_close(mean, hidden[:, 1:].mean(1))
