"""torch.func: a call with other parameters, gradients for each row, an ensemble."""

import pytest
import torch
from torch.func import functional_call, grad, stack_module_state, vmap

from ..parity.support import assert_close
from .support import make_pair, rows_of, text_inputs

pytestmark = pytest.mark.long


def gradients_of_rows(model, inputs, *, mapped=True):
    parameters = {name: value.detach() for name, value in model.named_parameters()}

    def loss(parameters, row):
        batch = {name: value[None] for name, value in row.items()}
        return functional_call(model, parameters, (), batch).logits.square().sum()

    if mapped:
        return vmap(grad(loss), in_dims=(None, 0))(parameters, inputs)
    rows = [grad(loss)(parameters, row) for row in rows_of(inputs)]
    return {name: torch.stack([row[name] for row in rows]) for name in parameters}


def test_gradients_of_rows(bert):
    inputs = text_inputs()
    theirs = gradients_of_rows(bert.theirs, inputs, mapped=False)  # their masks do not go through vmap
    ours = gradients_of_rows(bert.ours, inputs)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        assert_close(ours[name], value, name, 1e-4)


def test_ensemble():
    models = [make_pair("BertForSequenceClassification", num_labels=3).ours for _ in range(2)]
    with torch.no_grad():
        models[1].classifier.bias.add_(1.0)
    parameters, buffers = stack_module_state(models)
    inputs = text_inputs()
    found = vmap(lambda p, b: functional_call(models[0], (p, b), (), inputs).logits)(parameters, buffers)
    for i, model in enumerate(models):
        assert_close(found[i], model(**inputs).logits, "logits")
