"""docs/walk-through.md runs as written: top to bottom, in one interpreter, with the network cut off."""

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


@pytest.mark.parametrize("has_weights", [False, True], ids=["empty cache", "timm's weights in the cache"])
@pytest.mark.parametrize("variables", [{}, {"HF_HUB_OFFLINE": "1"}], ids=["cut off", "offline"])
def test_it_runs_as_written(tmp_path, variables, has_weights):
    """It begins in an empty folder, with nothing but what pip has installed."""
    if has_weights:
        cache_timms_weights(tmp_path / "hub")
    (tmp_path / "empty").mkdir()
    program = CUT_OFF + "".join(snippets()) + "print('ran to the end')\n"
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path / "empty",
        env=os.environ | {"HF_HUB_CACHE": str(tmp_path / "hub"), "HF_HUB_DISABLE_TELEMETRY": "1"} | variables,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.endswith("ran to the end\n")
    assert ("model.safetensors' of 'timm/" in done.stdout) is not has_weights
