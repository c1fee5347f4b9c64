"""Runs in a child process where the hook is set: what no loader may do is noted, and ours does none of it."""

import json
import os
import pickle
import socket
import subprocess
from pathlib import Path

import pytest

from archsmith import AutoConfig, AutoModel, AutoTokenizer

from .audit import NAMED
from .sound import CLASSES, CONFIG, encode_json, sound
from .tokenizers_of import ARCHITECTURES, sound_tokenizer
from .verdict import Right, attempt, judge


class Pickled:
    def __reduce__(self):
        return os.getpid, ()


def bad_text(path: Path):
    return path.read_text()


#: Loaders that do what they must not, and what is noted of them.
BAD = {
    "pickle.find_class": lambda folder: pickle.loads((folder / "pickle").read_bytes()),
    "exec of '<string>'": lambda folder: exec((folder / "evil_module.py").read_text()),
    "compile of 'x'": lambda folder: compile((folder / "evil_module.py").read_text(), "x", "exec"),
    "import of 'this'": lambda folder: __import__(json.loads((folder / "names.json").read_text())["module"]),
    "subprocess.Popen": lambda folder: subprocess.run(["true"]),
    "os.system": lambda folder: os.system("true"),
    "socket.connect": lambda folder: socket.socket().connect_ex(("127.0.0.1", 9)),
    "open of '/etc/passwd'": lambda folder: Path("/etc/passwd").read_text(),
    "/beside'": lambda folder: (folder / "../beside").resolve().read_text(),
    "for writing": lambda folder: (folder / "names.json").write_text("{}"),
    "os.listdir of '/'": lambda folder: [*Path("/").iterdir()],
}


@pytest.mark.parametrize("deed", BAD)
def test_a_bad_loader_is_noticed(tmp_path, deed):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "pickle").write_bytes(pickle.dumps(Pickled()))
    (folder / "evil_module.py").write_text("evil = 1\n")
    (folder / "names.json").write_text('{"module": "this"}')
    (tmp_path / "beside").write_text("secret")
    noted = attempt(BAD[deed], folder).foreign
    assert any(deed in note for note in noted), noted
    assert not attempt(bad_text, folder / "names.json").foreign


@pytest.mark.parametrize(("model_type", "task"), CLASSES)
@pytest.mark.parametrize("layout", ["one file", "shards"])
def test_sound_models_that_name_code(tmp_path, monkeypatch, model_type, task, layout):
    model = sound(model_type, task)
    model.write(tmp_path, shards=layout == "shards")
    config = {**model.config, "auto_map": {"AutoModel": "evil_module.Model"}, "custom": [*NAMED], "__class__": NAMED[0]}
    (tmp_path / CONFIG).write_bytes(encode_json(config))
    for name in ("evil_module.py", f"modeling_{model_type}.py", "archsmith_bert.py", "sitecustomize.py"):
        (tmp_path / name).write_text("raise SystemExit('code of a checkpoint ran')")
    monkeypatch.chdir(tmp_path)
    assert judge(model, tmp_path, Right()) is None
    (tmp_path / CONFIG).write_bytes(encode_json({**config, "model_type": "evil_module", "architectures": [*NAMED]}))
    for loader in (AutoModel, AutoConfig):
        came = attempt(loader.from_pretrained, tmp_path)
        assert not came.foreign
        assert "evil_module" in str(came.error)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_sound_tokenizers_that_name_code(tmp_path, model_type):
    tokenizer = sound_tokenizer(model_type)
    for name, content in tokenizer.files.items():
        (tmp_path / name).write_bytes(content)
    values = json.loads(tokenizer.files["tokenizer_config.json"])
    values |= {"auto_map": {"AutoTokenizer": ["evil_module.A", "evil_module.B"]}, "custom": [*NAMED]}
    (tmp_path / "evil_module.py").write_text("raise SystemExit('code of a checkpoint ran')")
    (tmp_path / "tokenizer_config.json").write_bytes(encode_json(values))
    for cls in (AutoTokenizer, *tokenizer.classes.values()):
        came = attempt(cls.from_pretrained, tmp_path)
        assert not came.foreign
        assert came.error is None
    for named in ("evil_module.Tokenizer", "this", "builtins.exec", "__import__"):
        (tmp_path / "tokenizer_config.json").write_bytes(encode_json({**values, "tokenizer_class": named}))
        came = attempt(AutoTokenizer.from_pretrained, tmp_path)
        assert not came.foreign
        assert came.value is not None or named in str(came.error)
