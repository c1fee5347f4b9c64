"""timm's own weights: from a hub served on loopback, from its cache without a network, and what is refused."""

import http.server
import json
import os
import subprocess
import sys
import textwrap
import threading

import pytest
import torch
from safetensors.torch import save_file

from archsmith import TimmWrapperConfig, TimmWrapperForImageClassification

TAG = "r160_in1k"
COMMIT = "1" * 40


class Handler(http.server.BaseHTTPRequestHandler):
    """Speaks what ``hf_hub_download`` asks for: ``/timm/<name>/resolve/<revision>/<file>``."""

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, *, body):
        _, name, _, _, file = self.path.strip("/").split("/")
        folder = self.server.folder / name
        path = folder / file
        code = None if path.is_file() else "EntryNotFound" if folder.is_dir() else "RepoNotFound"
        content = b"" if code else path.read_bytes()
        self.send_response(200 if code is None else 404)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hash(content):x}"')
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content)


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Serve whole models of timm as timm publishes them, some of them spoilt."""
    served = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.folder = tmp_path_factory.mktemp("hub")
    for name in ("resnet", "efficientnet", "vit2", "convnext", "byobnet", "nfnet"):
        config = TimmWrapperConfig(architecture=f"test_{name}", num_labels=1000)
        state = TimmWrapperForImageClassification(config).timm_model.state_dict()
        state = {key: torch.rand_like(value) if value.is_floating_point() else value for key, value in state.items()}
        folder = served.folder / f"test_{name}.{TAG}"
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"architecture": f"test_{name}", "pretrained_cfg": {}}))
        last = list(state)[-1]
        if name == "vit2":
            torch.save(state, folder / "pytorch_model.bin")
            continue
        if name == "convnext":
            del state[last]
        if name == "byobnet":
            state[last][0] = float("nan")
        if name == "nfnet":
            state["surplus.weight"] = torch.zeros(3)
        save_file(state, folder / "model.safetensors")
    thread = threading.Thread(target=served.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield served
    served.shutdown()
    thread.join()
    served.server_close()


@pytest.fixture(scope="module")
def run(hub, tmp_path_factory):
    """Return a function that runs code in a process of its own: the hub's library reads its variables at import."""
    home = tmp_path_factory.mktemp("home")

    def call(code, **variables):
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(home),
            "HF_HOME": str(home / "cache"),
            "HF_ENDPOINT": f"http://127.0.0.1:{hub.server_port}",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "OMP_NUM_THREADS": "1",
            **variables,
        }
        script = (
            "import time; time.sleep = lambda seconds: None  # the hub's library tries again after a while\n"
            "import torch, archsmith\n"
            "from archsmith import AutoBackbone, TimmBackbone, TimmBackboneConfig\n"
            "from safetensors.torch import load_file\n"
            "def told(name, **fields):\n"
            "    try:\n"
            "        TimmBackbone(TimmBackboneConfig(name, use_pretrained_backbone=True, **fields))\n"
            "    except archsmith.ArchsmithError as error:\n"
            "        print(type(error).__name__, str(error).replace('\\n', ' '), sep=': ')\n"
            "    else:\n"
            "        print('no error')\n" + textwrap.dedent(code)
        )
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return call


def test_weights_from_the_hub_and_then_from_its_cache(hub, run):
    code = f"""
        file = load_file({os.fspath(hub.folder / f"test_resnet.{TAG}" / "model.safetensors")!r})
        config = TimmBackboneConfig("test_resnet", use_pretrained_backbone=True)
        models = {{
            "built": TimmBackbone(config),
            "by its tag": TimmBackbone(TimmBackboneConfig("test_resnet.{TAG}", use_pretrained_backbone=True)),
            "auto": AutoBackbone.from_pretrained("test_resnet", use_timm_backbone=True, out_indices=[1]),
            "frozen": TimmBackbone(
                TimmBackboneConfig("test_resnet", use_pretrained_backbone=True, freeze_batch_norm_2d=True)
            ),
        }}
        for name, model in models.items():
            state = model._backbone.state_dict()
            same = [key for key, value in state.items() if torch.equal(value, file[key])]
            print(name, len(same) == len(state), set(file) - set(state) >= {{"fc.weight", "fc.bias"}}, model.training)
        grey = TimmBackbone(TimmBackboneConfig("test_resnet", use_pretrained_backbone=True, num_channels=1))
        first = grey._backbone.state_dict()["conv1.0.weight"]
        print(torch.allclose(first, file["conv1.0.weight"].sum(1, keepdim=True)))
        models["built"].save_pretrained("{hub.folder}/saved")
    """
    expected = ["built True True True", "by its tag True True True", "auto True True False", "frozen True True True"]
    assert run(code) == [*expected, "True"]
    offline = {"HF_HUB_OFFLINE": "1", "HF_ENDPOINT": "http://127.0.0.1:9"}
    offline_code = f"""
        told("test_efficientnet")
        loaded = TimmBackbone.from_pretrained("{hub.folder}/saved")
        print(torch.equal(loaded._backbone.conv1[0].weight, file["conv1.0.weight"]), loaded.load_report.new)
    """
    *found, refused, saved = run(textwrap.dedent(code) + textwrap.dedent(offline_code), **offline)
    assert found == [*expected, "True"]
    assert saved == "True ()"
    assert refused == (
        f"HubError: 'model.safetensors' of 'timm/test_efficientnet.{TAG}' is not in the hub's cache, and the hub could "
        "not be asked (HF_HUB_OFFLINE is set). There is no local folder of that name either."
    )


def test_weights_that_are_refused(run):
    found = run(
        """
        for name in ("vit2", "convnext", "byobnet", "nfnet", "vit3"):
            told("test_" + name)
        told("test_resnet.imagined")
        """
    )
    pickled, lacking, infinite, surplus, absent, untagged = found
    assert pickled.startswith(
        f"CheckpointNotFound: 'timm/test_vit2.{TAG}' has no weights: expected model.safetensors or "
        "model.safetensors.index.json. It has pytorch_model.bin, a pickle, which can run code when it is read"
    )
    assert "WeightsMismatch: timm's 'test_convnext' cannot be loaded from" in lacking
    assert "Missing key(s)" in lacking or "is not in the file" in lacking
    assert "WeightsMismatch: timm's 'test_byobnet' cannot be loaded from" in infinite
    assert "holds NaN or infinity The file may be broken" in infinite
    assert 'Unexpected key(s) in state_dict: "surplus.weight"' in surplus
    assert untagged.endswith("has no such weights. Did you mean 'test_resnet.r160_in1k'?")
    assert absent.startswith("CheckpointNotFound: 'timm/test_vit3.r160_in1k' is neither a local folder")
