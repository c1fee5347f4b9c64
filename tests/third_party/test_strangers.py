"""ConvNeXt and CLIP of a stranger, as wheels in a fresh environment: listed, shown, checked, created, loaded."""

import json

import pytest

from .conftest import ROOT, build
from .strangers import HERE

PROGRAM = """
import sys, warnings
import torch
from archsmith import AutoConfig, AutoModel, AutoModelForZeroShotImageClassification

warnings.simplefilter("error")
folder = sys.argv[1]
config = AutoConfig.for_model("convnext", hidden_sizes=[4, 6, 8, 10], depths=[1, 1, 1, 1])
AutoModel.from_config(config).save_pretrained(folder + "/convnext")
backbone = AutoModel.from_pretrained(folder + "/convnext")
text = {"vocab_size": 521, "hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1}
vision = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_hidden_layers": 1, "image_size": 64}
config = AutoConfig.for_model("clip", text_config={**text, "eos_token_id": 517}, vision_config=vision)
AutoModel.from_config(config).save_pretrained(folder + "/clip")
whole = AutoModelForZeroShotImageClassification.from_pretrained(folder + "/clip")
output = whole(**whole.dummy_inputs)
print(type(backbone).__module__, type(whole).__module__, tuple(output.logits_per_image.shape))
"""


@pytest.fixture(scope="module")
def strangers(workshop, tmp_path_factory):
    """The wheels of both, installed by the environment's own pip, and gone again for whoever comes next."""
    wheels = tmp_path_factory.mktemp("strangers") / "wheels"
    build(wheels, HERE / "convnext", HERE / "clip")
    workshop.run("python", "-m", "pip", "install", "-q", *wheels.glob("*.whl"), cwd=ROOT)
    yield workshop
    workshop.run("python", "-m", "pip", "uninstall", "-q", "-y", "acme-convnext", "acme-clip", cwd=ROOT)


def test_they_are_listed_and_shown(strangers, tmp_path):
    listed = json.loads(strangers.run("archsmith", "list", "--json", cwd=tmp_path).stdout)
    assert {"clip", "clip_text_model", "clip_vision_model", "convnext"} <= set(json.dumps(listed).split('"'))
    for name, said in (("convnext", "ConvNextBackbone"), ("clip", "CLIPForImageClassification")):
        assert said in strangers.run("archsmith", "show", name, cwd=tmp_path).stdout


@pytest.mark.parametrize("name", ["acme-convnext", "acme-clip"])
def test_they_conform(strangers, name, tmp_path):
    assert " 0 failed" in strangers.run("archsmith", "check", name, cwd=tmp_path).stdout


def test_they_are_created_on_the_command_line(strangers, tmp_path):
    small = ("--set", "hidden_sizes=[4,6,8,10]", "--set", "depths=[1,1,1,1]")
    strangers.run("archsmith", "create", "convnext", "made", *small, cwd=tmp_path)
    assert (tmp_path / "made" / "model.safetensors").exists()


def test_auto_classes_load_them(strangers, tmp_path):
    said = strangers.run("python", "-c", PROGRAM, tmp_path, cwd=tmp_path).stdout
    assert said.split("\n")[0] == "acme_convnext.model acme_clip.model (2, 2)"
