"""What torch itself has for a training loop: AMP, averaged weights, pruning, parametrisations, hooks, clipping."""

import pytest
import torch
from torch.nn.utils import clip_grad_norm_, parameters_to_vector, prune

from ..parity.support import assert_close
from .support import text_inputs

pytestmark = pytest.mark.long


def test_averaged_model(bert):
    averages = []
    for model in (bert.ours, bert.theirs):
        averaged = torch.optim.swa_utils.AveragedModel(model)
        model(**text_inputs(labels=3)).loss.backward()
        torch.optim.SGD(model.parameters(), lr=0.1).step()
        averaged.update_parameters(model)
        averages.append(averaged(**text_inputs()).logits)
    assert_close(*averages, "logits", 1e-4)


def test_autocast(bert):
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        ours, theirs = (model(**text_inputs()).logits for model in (bert.ours, bert.theirs))
    assert ours.dtype == theirs.dtype == torch.bfloat16
    assert_close(ours.float(), theirs.float(), "logits", 5e-2)


def test_pruning_and_clipping(bert):
    for model in (bert.ours, bert.theirs):
        prune.l1_unstructured(model.classifier, "weight", amount=0.5)
        model(**text_inputs(labels=3)).loss.backward()
        assert clip_grad_norm_(model.parameters(), 1.0) > 0
        prune.remove(model.classifier, "weight")
        assert (model.classifier.weight == 0).float().mean() == pytest.approx(0.5, abs=0.02)
    assert parameters_to_vector(bert.ours.parameters()).shape == parameters_to_vector(bert.theirs.parameters()).shape


def test_weight_norm_and_hooks(bert):
    seen = []
    for model in (bert.ours, bert.theirs):
        torch.nn.utils.parametrizations.weight_norm(model.classifier)
        model.classifier.register_forward_hook(lambda module, inputs, output: seen.append(output.detach()))
        model(**text_inputs())
    assert_close(*seen, "output of the classifier")
