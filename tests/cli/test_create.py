"""``archsmith create``."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from textwrap import dedent

import pytest
from safetensors.torch import load_file


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_architecture(archsmith, toy, tmp_path):
    out = tmp_path / "new" / "model"
    result = archsmith("create", "toy", out, "--seed", "1", "--set", "dim=3")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"Created ToyModel (random weights, seed 1) in {out}\n12 parameters, 48 bytes: config.json, model.safetensors\n"
    )
    assert everything_below(out) == ["config.json", "model.safetensors"]
    assert json.loads((out / "config.json").read_text())["dim"] == 3


def test_preset_task_and_json(archsmith, toy, tmp_path):
    result = archsmith("create", "toys/small", tmp_path / "out", "--task", "masked-lm", "--json")
    assert (result.code, result.err) == (0, "")
    assert result.data == {
        "path": str(tmp_path / "out"),
        "class": "ToyForMaskedLM",
        "model_type": "toy",
        "preset": "toys/small",
        "task": "masked-lm",
        "seed": None,
        "parameters": 12,
        "bytes": 48,
        "preprocessing": [],
        "files": ["config.json", "model.safetensors"],
    }


def test_seed_gives_the_same_weights(archsmith, toy, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert archsmith("create", "toy", tmp_path / name, "--seed", seed).code == 0
    a, b, c = (load_file(tmp_path / name / "model.safetensors")["inner.weight"] for name in "abc")
    assert a.equal(b)
    assert not a.equal(c)


def test_settings_are_json_else_strings(archsmith, toy, tmp_path):
    args = (
        "--set",
        "name=plain words",
        "--set",
        "hidden_size=2",
        "--set",
        'id2label={"0": "x=y"}',
        "--set",
        "dropout=0",
    )
    assert archsmith("create", "toy", tmp_path / "out", *args).code == 0
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert (config["name"], config["dim"], config["id2label"]) == ("plain words", 2, {"0": "x=y"})


@pytest.mark.parametrize(
    ("setting", "code", "message"),
    [
        ("dim", 2, "Invalid value for --set: 'dim' must be of the form field=value. Try: archsmith create --help"),
        ("dim=0", 1, "ToyConfig: dim must be an integer from 1 to 2147483647, but is 0."),
        ("dmi=1", 1, "ToyConfig: 'dmi' is not a field of ToyConfig. Did you mean 'dim'?"),
        ("source=x", 1, "ToyConfig: 'source' cannot be set."),
    ],
)
@pytest.mark.usefixtures("toy")
def test_wrong_settings_leave_nothing(archsmith, tmp_path, setting, code, message):
    result = archsmith("create", "toy", tmp_path / "out", "--set", setting)
    assert (result.code, result.out, result.err) == (code, "", f"error: {message}\n")
    assert not (tmp_path / "out").exists()


@pytest.fixture
def pair(site, manifest_of):
    """Install a plugin whose configuration has a part."""
    site.install("pair", manifest=manifest_of("toy_pair", "pair"))
    source = """
        from archsmith import PreTrainedConfig
        from archsmith.config import Size, field

        class PartConfig(PreTrainedConfig):
            model_type = "part"
            dim: Size = field(default=2, doc="Width.")
            depth: Size = field(default=3, doc="Depth.")

        class PairConfig(PreTrainedConfig):
            model_type = "pair"
            text_config: PartConfig = field(default={"depth": 5}, doc="A part.")
        """
    site.write("toy_pair/config.py", source)
    model = """
        from archsmith import PreTrainedModel
        from torch import nn

        from toy_pair.config import PairConfig

        class PairModel(PreTrainedModel):
            config_class = PairConfig

            def __init__(self, config):
                super().__init__(config)
                self.linear = nn.Linear(config.text_config.dim, 1)
        """
    site.write("toy_pair/model.py", model)


@pytest.mark.usefixtures("pair")
def test_a_field_inside_a_part_is_set_alone(archsmith, tmp_path):
    args = ("--set", "text_config.dim=7", "--set", "text_config.num_labels=3")
    result = archsmith("create", "pair", tmp_path / "out", *args)
    assert (result.code, result.err) == (0, "")
    part = json.loads((tmp_path / "out/config.json").read_text())["text_config"]
    assert (part["dim"], part["depth"], len(part["id2label"])) == (7, 5, 3)


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        (
            ["text_config.dmi=7"],
            1,
            "PairConfig: 'text_config.dmi' is not a field of PartConfig. Did you mean 'dim'?",
        ),
        (["text_confg.dim=7"], 1, "PairConfig: 'text_confg' is not a field of PairConfig. Did you mean 'text_config'?"),
        (["text_config.dim=0"], 1, "PairConfig: text_config.dim must be an integer from 1 to 2147483647, but is 0."),
        (
            ["text_config=3", "text_config.dim=7"],
            2,
            "Invalid value for --set: 'text_config.dim' is set twice. Try: archsmith create --help",
        ),
        (
            ["text_config.dim=7", "text_config.dim=7"],
            2,
            "Invalid value for --set: 'text_config.dim' is set twice. Try: archsmith create --help",
        ),
        (
            ["text_config.dim=7", "text_config={}"],
            2,
            "Invalid value for --set: 'text_config' is set twice. Try: archsmith create --help",
        ),
    ],
)
@pytest.mark.usefixtures("pair")
def test_wrong_settings_inside_a_part(archsmith, tmp_path, settings, code, message):
    args = [word for setting in settings for word in ("--set", setting)]
    result = archsmith("create", "pair", tmp_path / "out", *args)
    assert (result.code, result.out, result.err) == (code, "", f"error: {message}\n")


def test_configuration_is_checked_before_torch_is_imported(process, toy, tmp_path):
    code = "import sys; from archsmith_cli.main import run; code = run(sys.argv[1:]); "
    code += "sys.exit(9 if 'torch' in sys.modules else code)"
    assert process("create", "toy", tmp_path / "out", "--set", "dim=0", code=code).returncode == 1
    assert process("create", "toy", tmp_path / "out", "--task", "nope", code=code).returncode == 1


def test_unknown_task(archsmith, toy, tmp_path):
    result = archsmith("create", "toy", tmp_path / "out", "--task", "masked-ml")
    assert result.code == 1
    assert "no model for the task 'masked-ml'" in result.err
    assert "Did you mean 'masked-lm'?" in result.err


def test_folder_that_is_not_empty(archsmith, toy, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    assert archsmith("create", "toy", out, "--seed", "1").code == 0
    before = (out / "model.safetensors").read_bytes()
    result = archsmith("create", "toy", out, "--seed", "2")
    assert (result.code, result.out) == (1, "")
    assert result.err == (
        f"error: '{out}' is not empty (it holds config.json, model.safetensors); expected an empty or a new folder. "
        "Choose another, or pass --force to replace the model in it.\n"
    )
    assert (out / "model.safetensors").read_bytes() == before
    (out / "mine.txt").touch()
    assert archsmith("create", "toy", out, "--seed", "2", "--force").code == 0
    assert (out / "model.safetensors").read_bytes() != before
    assert everything_below(out) == ["config.json", "mine.txt", "model.safetensors"]


def test_out_is_a_file(archsmith, toy, tmp_path):
    out = tmp_path / "out"
    out.touch()
    result = archsmith("create", "toy", out, "--force")
    assert (result.code, result.err) == (
        1,
        f"error: '{out}' is a file; expected a folder, or a path where nothing is yet.\n",
    )
    below = archsmith("create", "toy", out / "below")
    assert below.code == 1
    assert below.err == f"error: the folder '{out / 'below'}' cannot be made: Not a directory.\n"


def test_out_is_empty(archsmith, toy):
    result = archsmith("create", "toy", "")
    said = "it is empty; expected the path of a folder or file. Try: archsmith create --help"
    assert (result.code, result.err) == (2, f"error: Invalid value for FOLDER: {said}\n")


def test_model_that_is_too_large_to_build(archsmith, toy, tmp_path):
    result = archsmith("create", "toy", tmp_path / "out", "--set", "dim=2147483647")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith("error: no ToyModel can be built from this configuration: ")
    assert list(tmp_path.iterdir()) == [tmp_path / "site"]


def test_failing_save_leaves_nothing(archsmith, toy, site, tmp_path):
    source = (site.root / "toy_toy/model.py").read_text()
    failing = """
    def save_pretrained(self, save_directory, **_):
        (save_directory / "half").touch()
        raise OSError("disk full")
    ToyModel.save_pretrained = save_pretrained
    """
    site.write("toy_toy/model.py", source + dedent(failing))
    out = tmp_path / "work" / "deep" / "out"
    result = archsmith("create", "toy", out)
    assert result.code == 1
    assert result.err == f"error: the folder '{out}' cannot be made: disk full.\n"
    assert not (tmp_path / "work").exists()


@pytest.mark.skipif(os.name == "nt", reason="no signals of this kind")
@pytest.mark.long
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_leaves_nothing(toy, site, tmp_path, number, code):
    waiting = """
    def save_pretrained(self, save_directory, **_):
        import sys, time
        (save_directory / "half").touch()
        print("saving", file=sys.stderr, flush=True)
        time.sleep(60)
    ToyModel.save_pretrained = save_pretrained
    """
    site.write("toy_toy/model.py", (site.root / "toy_toy/model.py").read_text() + dedent(waiting))
    folder = tmp_path / "work"
    with subprocess.Popen(
        [sys.executable, "-m", "archsmith_cli", "create", "toy", str(folder / "out")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site.root)},
        # It may be ignored here, and would be there too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as creating:
        assert creating.stderr.readline() == "saving\n"
        creating.send_signal(number)
        written = creating.communicate(timeout=60)
    assert (creating.returncode, *written) == (code, "", "")
    assert not folder.exists()
