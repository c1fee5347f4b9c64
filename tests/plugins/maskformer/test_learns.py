"""MaskFormer learns: the demo's model finds shapes in drawings that it has not seen."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

DEMO = Path(__file__).parents[3] / "demo" / "vision.py"


@pytest.fixture(scope="module")
def vision():
    sys.path.append(str(DEMO.parent))  # where it finds what demonstrations share
    specification = importlib.util.spec_from_file_location("demo_vision", DEMO)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    sys.path.remove(str(DEMO.parent))


@pytest.mark.long
def test_it_finds_shapes_in_new_drawings(vision):
    torch.manual_seed(0)
    model, processor = vision.build_finder()
    generator = np.random.default_rng(1)
    drawings = [vision.draw(generator) for _ in range(48)]
    before = vision.mean_iou(vision.find(model, processor, drawings), drawings)
    vision.train_finder(model.train(), processor)
    after = vision.mean_iou(vision.find(model, processor, drawings), drawings)
    assert before < 0.4
    assert after >= 0.8
    instances = processor.post_process_instance_segmentation(
        model(**processor(drawings[0][0], return_tensors="pt")), target_sizes=[(vision.SIZE, vision.SIZE)]
    )[0]
    kinds = {info["label_id"] for info in instances["segments_info"]}
    assert set(np.unique(drawings[0][1])) <= kinds
