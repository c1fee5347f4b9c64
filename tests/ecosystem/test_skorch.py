"""skorch: a network of scikit-learn's kind around our classifier, with a grid search."""

import numpy as np
import pytest
import torch

from .support import make_pair, text_inputs

pytestmark = pytest.mark.long


class Logits(torch.nn.Module):
    def __init__(self, model, scale=1.0):
        super().__init__()
        self.model, self.scale = model, scale

    def forward(self, **inputs):
        return self.model(**inputs).logits * self.scale


def test_fit_and_search(bert):
    from sklearn.model_selection import GridSearchCV
    from skorch import NeuralNetClassifier

    inputs = {name: value.numpy() for name, value in text_inputs(batch=6).items()}
    labels, found = np.arange(6) % 3, []
    for model in (bert.ours, bert.theirs):
        torch.manual_seed(0)
        net = NeuralNetClassifier(
            Logits,
            module__model=model,
            criterion=torch.nn.CrossEntropyLoss,
            max_epochs=2,
            lr=0.1,
            train_split=None,
            verbose=0,
            batch_size=3,
        )
        net.fit(inputs, labels)
        found.append(net.predict_proba(inputs))
    np.testing.assert_allclose(found[0], found[1], atol=1e-4)
    net = NeuralNetClassifier(
        Logits,
        module__model=make_pair("BertForSequenceClassification", num_labels=3).ours,
        criterion=torch.nn.CrossEntropyLoss,
        max_epochs=1,
        train_split=None,
        verbose=0,
    )
    search = GridSearchCV(net, {"lr": [0.1, 0.01]}, cv=2, scoring="accuracy")
    from skorch.helper import SliceDict

    search.fit(SliceDict(**inputs), labels)
    assert search.best_params_["lr"] in (0.1, 0.01)
