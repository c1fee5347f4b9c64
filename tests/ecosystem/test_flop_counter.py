"""The counter of operations that torch has."""

import pytest
from torch.utils.flop_counter import FlopCounterMode

from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("name", "inputs"), [("bert", text_inputs()), ("vit", image_inputs())])
def test_count(name, inputs, request):
    pair, totals = request.getfixturevalue(name), []
    for model in (pair.ours, pair.theirs):
        with FlopCounterMode(display=False) as counter:
            model(**inputs).logits.sum().backward()
        totals.append(counter.get_total_flops())
    assert totals[0] == totals[1] > 0
