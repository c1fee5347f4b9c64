"""captum: integrated gradients of embeddings and of pixels."""

import pytest
import torch

from ..parity.support import assert_close
from .support import image_inputs, text_inputs

pytestmark = pytest.mark.long


def test_layer_of_words(bert):
    from captum.attr import LayerIntegratedGradients

    inputs, found = text_inputs(), []
    for model in (bert.ours, bert.theirs):
        explained = LayerIntegratedGradients(
            lambda ids, mask, m=model: m(input_ids=ids, attention_mask=mask).logits, model.bert.embeddings
        )
        found.append(
            explained.attribute(
                inputs["input_ids"],
                torch.zeros_like(inputs["input_ids"]),
                target=1,
                n_steps=8,
                additional_forward_args=(inputs["attention_mask"],),
            )
        )
    assert_close(*found, "attributions", 1e-4)


def test_words_alone(bert):
    """The layer of word embeddings, as the tutorials take it."""
    from captum.attr import LayerIntegratedGradients

    inputs, found = text_inputs(), []
    for model in (bert.ours, bert.theirs):
        explained = LayerIntegratedGradients(
            lambda ids, m=model: m(input_ids=ids).logits, model.bert.embeddings.word_embeddings
        )
        found.append(
            explained.attribute(inputs["input_ids"], torch.zeros_like(inputs["input_ids"]), target=1, n_steps=8)
        )
    assert_close(*found, "attributions", 1e-4)


def test_pixels(vit):
    from captum.attr import IntegratedGradients, LayerGradCam, Saliency

    pixels = image_inputs()["pixel_values"]
    for method in (IntegratedGradients, Saliency):
        found = [method(lambda x, m=model: m(x).logits).attribute(pixels, target=0) for model in (vit.ours, vit.theirs)]
        assert_close(*found, "attributions", 1e-4)
    explained = LayerGradCam(lambda x: vit.ours(x).logits, vit.ours.vit.embeddings.patch_embeddings.projection)
    assert explained.attribute(pixels, target=0).shape == (4, 1, 2, 2)
