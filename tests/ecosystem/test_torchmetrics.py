"""torchmetrics: logits into metrics."""

import pytest

from .support import text_inputs

pytestmark = pytest.mark.long


def test_metrics(bert):
    from torchmetrics import MetricCollection
    from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

    inputs, found = text_inputs(labels=3), []
    for model in (bert.ours, bert.theirs):
        metrics = MetricCollection([MulticlassAccuracy(3), MulticlassF1Score(3)])
        metrics.update(model(**inputs).logits.detach(), inputs["labels"])
        found.append({name: float(value) for name, value in metrics.compute().items()})
    assert found[0] == pytest.approx(found[1])
