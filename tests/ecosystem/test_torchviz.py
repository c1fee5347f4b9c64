"""torchviz: the graph of a loss, with the names of the parameters."""

import pytest

from .support import text_inputs

pytestmark = pytest.mark.long


def test_dot(bert):
    from torchviz import make_dot

    for model in (bert.ours, bert.theirs):
        source = make_dot(model(**text_inputs(labels=3)).loss, params=dict(model.named_parameters())).source
        assert "classifier.weight" in source
