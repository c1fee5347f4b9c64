"""torchinfo: the summary of a model that is fed by keywords."""

import pytest

from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


def test_summary(bert, vit):
    from torchinfo import summary

    for ours, theirs, inputs in ((bert.ours, bert.theirs, text_inputs()), (vit.ours, vit.theirs, image_inputs())):
        found = [summary(model, input_data=dict(inputs), verbose=0) for model in (ours, theirs)]
        assert found[0].total_params == sum(p.numel() for p in ours.parameters())
        assert type(ours).__name__ in str(found[0])
