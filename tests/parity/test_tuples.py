"""With return_dict=False every class of every plugin gives what the reference gives, in its order."""

import inspect
import itertools
from collections.abc import Callable
from typing import Any

import pytest
import torch

from . import (
    test_bert,
    test_distilbert,
    test_maskformer,
    test_resnet,
    test_timm,
    test_timm_classifiers,
    test_vit,
    test_wav2vec2,
)
from .support import Pair, assert_close, build, ids, ragged

Built = tuple[Pair, dict[str, Any]]
LABELS = {"labels", "next_sentence_label", "start_positions", "end_positions", "mask_labels", "class_labels",
          "sampled_negative_indices", "bool_masked_pos"}  # fmt: skip


def _text(subject: Any, kind: str) -> Built:
    inputs = {"input_ids": ids(41), "attention_mask": ragged()}
    return subject.pair_of(kind, "eager"), subject.labelled(kind, {}, inputs)


def _wav2vec2(kind: str) -> Built:
    pair = test_wav2vec2.pair_of(kind, "eager", **test_wav2vec2.values_of(kind, {}))
    return pair, test_wav2vec2.labelled(kind, pair, test_wav2vec2.inputs_of(test_wav2vec2.MASKS["int32"]))


def _vit(kind: str) -> Built:
    return build(test_vit.CLASSES[kind], test_vit.TINY, attention="eager"), test_vit.labelled(kind, test_vit.TINY)


def _resnet(kind: str) -> Built:
    return test_resnet.pair_of(kind, test_resnet.TINY), test_resnet.labelled(kind, test_resnet.TINY)


def _swin(name: str, **options: Any) -> Built:
    values = {name: value for name, value in test_maskformer.SWIN.items() if name != "model_type"}
    return test_maskformer.pair_of(name, values, options=options), {"pixel_values": test_maskformer.images()}


def _maskformer(name: str) -> Built:
    pair = test_maskformer.pair_of(name, backbone_config=test_maskformer.SWIN, decoder_config=test_maskformer.DETR)
    masks, classes = test_maskformer.labels_for(test_maskformer.images(), 4)
    labels = {"mask_labels": masks, "class_labels": classes} if "ForInstance" in name else {}
    return pair, {"pixel_values": test_maskformer.images(), **labels}


def _timm(kind: str) -> Built:
    values = {"architecture": "test_resnet", "num_labels": 3}
    return build(test_timm_classifiers.CLASSES[kind], values), test_timm_classifiers.labelled(kind, {"num_labels": 3})


BUILT: dict[str, Callable[[], Built]] = {
    **{f"BERT, {kind}": lambda kind=kind: _text(test_bert, kind) for kind in test_bert.CLASSES},
    **{f"DistilBERT, {kind}": lambda kind=kind: _text(test_distilbert, kind) for kind in test_distilbert.CLASSES},
    **{f"wav2vec 2.0, {kind}": lambda kind=kind: _wav2vec2(kind) for kind in test_wav2vec2.CLASSES},
    **{f"ViT, {kind}": lambda kind=kind: _vit(kind) for kind in test_vit.CLASSES},
    **{f"ResNet, {kind}": lambda kind=kind: _resnet(kind) for kind in test_resnet.CLASSES},
    **{f"timm, {kind}": lambda kind=kind: _timm(kind) for kind in test_timm_classifiers.CLASSES},
    "timm, backbone": lambda: (
        build("TimmBackbone", {"backbone": "test_resnet", "out_indices": [1, 3]}),
        {"pixel_values": test_timm.images()},
    ),
    "Swin": lambda: _swin("MaskFormerSwinModel"),
    "Swin, without pooler": lambda: _swin("MaskFormerSwinModel", add_pooling_layer=False),
    "Swin, backbone": lambda: _swin("MaskFormerSwinBackbone"),
    "MaskFormer": lambda: _maskformer("MaskFormerModel"),
    "MaskFormer, segments": lambda: _maskformer("MaskFormerForInstanceSegmentation"),
}


@pytest.mark.parametrize("name", BUILT)
def test_tuples(name):
    pair, inputs = BUILT[name]()
    known = inspect.signature(pair.ours.forward).parameters
    switches = [switch for switch in ("output_hidden_states", "output_attentions") if switch in known]
    if name.startswith("timm"):
        switches = ["output_hidden_states"]  # there are no maps of attention
    without = {key: value for key, value in inputs.items() if key not in LABELS}
    for chosen in itertools.product((False, True), repeat=len(switches)):
        asked = dict(zip(switches, chosen, strict=True))
        if name.startswith("Swin") and chosen == (False, True):
            continue  # where the reference fails
        for fed in (inputs, without):
            with torch.no_grad():
                ours, theirs = (model(**fed, **asked, return_dict=False) for model in (pair.ours, pair.theirs))
            theirs = tuple(part for part in theirs if not isinstance(part, tuple) or part)  # maps of no cross-attention
            if asked.get("output_attentions") and name.startswith("Swin"):
                assert len(ours) == len(theirs)
                ours, theirs = ours[:-1], theirs[:-1]  # the reference gives other tensors for the maps
            assert_close(ours, theirs, f"{name}, {asked}, labels: {fed is inputs}")
