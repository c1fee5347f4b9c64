"""``archsmith inspect``."""

import json
import sys

import pytest


@pytest.fixture
def checkpoint(archsmith, toy, tmp_path):
    """Write a masked-language toy."""
    folder = tmp_path / "checkpoint"
    assert archsmith("create", "toy", folder, "--task", "masked-lm", "--set", "dim=3").code == 0
    return folder


def test_report(archsmith, checkpoint):
    result = archsmith("inspect", checkpoint)
    assert (result.code, result.err) == (0, "")
    sizes = {path.name: path.stat().st_size for path in checkpoint.iterdir()}
    files = ", ".join(
        f"{name} ({size} bytes)" if size < 1024 else f"{name} ({size / 1024:.1f} KiB)"
        for name, size in sorted(sizes.items())
    )
    assert result.out.startswith(
        f"{checkpoint}\n"
        "  architecture  toy, saved from ToyForMaskedLM\n"
        "  plugin        toy-toy 1.0  ok\n"
        "  config.json   archsmith 0.2.0, toy-toy 1.0\n"
        "  weights       archsmith 0.2.0, toy-toy 1.0, format pt\n"
        f"  files         {files}\n"
        "\n"
        "Configuration\n"
    )
    assert result.out.endswith(
        "\n"
        "Weights: 20 numbers in 4 tensors, 80 bytes\n"
        "DTYPE  TENSORS  NUMBERS      SIZE\n"
        "F32          4       20  80 bytes\n"
        "\n"
        "MODULE  TENSORS  NUMBERS      SIZE\n"
        "head          2        8  32 bytes\n"
        "toy           2       12  48 bytes\n"
        "\n"
        "Loads as ToyForMaskedLM (task masked-lm)\n"
        "  loaded    4 from the files\n"
        "  new       0\n"
        "  unused    0\n"
        "  ignored   0\n"
    )


def test_every_tensor(archsmith, checkpoint):
    assert (
        "TENSOR            DTYPE  SHAPE  SIZE\n"
        "head.bias         F32    2      8 bytes\n"
        "head.weight       F32    2x3    24 bytes\n"
        "toy.inner.bias    F32    3      12 bytes\n"
        "toy.inner.weight  F32    3x3    36 bytes\n"
    ) in archsmith("inspect", checkpoint, "--tensors").out


def test_json(archsmith, checkpoint):
    data = archsmith("inspect", checkpoint, "--json").data
    assert data["tensors"][1] == {
        "name": "head.weight",
        "dtype": "F32",
        "shape": [2, 3],
        "bytes": 24,
        "file": "model.safetensors",
    }
    assert data["dtypes"] == {"F32": {"tensors": 4, "numbers": 20, "bytes": 80}}
    assert (data["numbers"], data["bytes"], data["faults"]) == (20, 80, [])
    assert data["plugin"] == {
        "model_type": "toy",
        "distribution": "toy-toy",
        "version": "1.0",
        "state": "ok",
        "reason": None,
    }
    assert data["loading"]["loads"] is True
    assert data["written_by"]["config.json"]["archsmith"]["plugin"] == "toy-toy"


def test_other_task(archsmith, checkpoint):
    result = archsmith("inspect", checkpoint, "--task", "base")
    assert result.code == 0
    assert result.out.endswith(
        "Loads as ToyModel (task base)\n"
        "  loaded    2 from the files\n"
        "  new       0\n"
        "  unused    2 in the files, but of no use to this model\n"
        "            head.bias\n"
        "            head.weight\n"
        "  ignored   0\n"
    )


def test_unknown_task(archsmith, checkpoint):
    result = archsmith("inspect", checkpoint, "--task", "nope")
    assert (result.code, result.out) == (1, "")
    assert "no model for the task 'nope'" in result.err


def test_older_class_name(archsmith, checkpoint):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": ["OldToy"]}))
    assert archsmith("inspect", checkpoint, "--json").data["loading"]["task"] == "masked-lm"
    for stranger in (["Stranger"], "ToyModel", 5, {"ToyModel": 1}, [5]):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"architectures": stranger}))
        result = archsmith("inspect", checkpoint)
        assert result.code == 1  # nothing says that it loads
        assert result.out.endswith("\nNo class that it was saved from is installed. Name a task: --task base\n")


def test_weights_that_do_not_fit(archsmith, checkpoint):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"dim": 5}))
    result = archsmith("inspect", checkpoint)
    assert (result.code, result.err) == (1, "")
    assert "\nDoes not load as ToyForMaskedLM (task masked-lm)\n" in result.out
    assert "'toy.inner.weight' must be [5, 5] float, but model.safetensors holds [3, 3] F32" in result.out
    loading = archsmith("inspect", checkpoint, "--json").data["loading"]
    assert (loading["loads"], len(loading["faults"])) == (False, 3)


def test_without_its_plugin(archsmith, checkpoint, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-toy")
    result = archsmith("inspect", checkpoint)
    assert (result.code, result.err) == (1, "")
    assert (
        "  plugin        toy-toy 1.0  disabled\n"
        "                config.json needs model_type 'toy', but toy-toy 1.0 is switched off by ARCHSMITH_DISABLE. "
        "Remove toy-toy from ARCHSMITH_DISABLE\n"
    ) in result.out
    assert "Weights: 20 numbers in 4 tensors" in result.out
    assert "oads as" not in result.out


def test_architecture_that_nobody_provides(archsmith, checkpoint):
    path = checkpoint / "config.json"
    path.write_text(json.dumps({"model_type": "unheard-of"}))
    result = archsmith("inspect", checkpoint, "--json")
    data = result.data
    assert result.code == 1
    assert (data["plugin"]["state"], data["plugin"]["distribution"]) == ("missing", None)
    assert "unheard-of" in data["plugin"]["reason"]
    path.write_text("{}")
    assert "  plugin        missing\n" in archsmith("inspect", checkpoint).out


def test_damaged_weights_are_a_fault_beside_the_rest(archsmith, checkpoint):
    (checkpoint / "model.safetensors").write_bytes(b"nonsense")
    result = archsmith("inspect", checkpoint)
    assert (result.code, result.err) == (1, "")
    assert "Configuration\n" in result.out
    assert "\ndamaged  '" in result.out
    assert len(archsmith("inspect", checkpoint, "--json").data["faults"]) == 1


def test_configuration_without_weights(archsmith, checkpoint):
    (checkpoint / "model.safetensors").unlink()
    result = archsmith("inspect", checkpoint)
    assert result.code == 1
    assert "has no weights" in result.out


def test_no_checkpoint_at_all(archsmith, tmp_path):
    result = archsmith("inspect", tmp_path / "nowhere")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: there is no folder '{tmp_path / 'nowhere'}'")
    (tmp_path / "empty").mkdir()
    result = archsmith("inspect", tmp_path / "empty")
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: '{tmp_path / 'empty'}' is not a checkpoint. ")


def test_names_that_would_steer_the_terminal(archsmith, checkpoint):
    path = checkpoint / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"name": "\x1b]0;owned\x07"}))
    out = archsmith("inspect", checkpoint).out
    assert "\x1b" not in out
    assert "\\x1b]0;owned\\x07" in out


def test_name_that_would_forge_a_line(archsmith, checkpoint):
    """A line break in a name from a file is shown, and begins no line that could be taken for one of ours."""
    from safetensors.torch import load_file, save_file

    weights = load_file(checkpoint / "model.safetensors")
    forged = "zz\nLoads as ToyForMaskedLM (task masked-lm)"
    save_file(weights | {forged: weights["head.weight"].clone()}, checkpoint / "model.safetensors", {"format": "pt"})
    (checkpoint / "x\nLoads as X").touch()
    path = checkpoint / "config.json"
    values = json.loads(path.read_text())
    path.write_text(
        json.dumps(values | {"name": "a\n\u202eb", "architectures": [*values["architectures"], "A\nLoads as"]})
    )
    for options in ((), ("--tensors",)):
        lines = archsmith("inspect", checkpoint, *options).out.splitlines()
        assert [line for line in lines if line.startswith("Loads as")] == [lines[i] for i in _places(lines)]
        assert any("\\nLoads as" in line for line in lines)
        assert not any("\u202e" in line for line in lines)
    assert "\\u202e" in archsmith("inspect", checkpoint, "--json").out


def _places(lines):
    return [i for i, line in enumerate(lines) if line == "Loads as ToyForMaskedLM (task masked-lm)"][-1:]


def test_broken_plugin_and_home(archsmith, checkpoint, site, monkeypatch):
    monkeypatch.setenv("HOME", str(checkpoint.parent))
    assert archsmith("inspect", f"~/{checkpoint.name}").code == 0
    site.write("toy_toy/plugin.py", "raise ValueError('no')")
    del sys.modules["toy_toy.plugin"]
    archsmith.fresh()
    result = archsmith("inspect", checkpoint)
    assert result.code == 1
    assert "broken" in result.out


@pytest.mark.parametrize(
    ("given", "code", "said"),
    [
        ("", 2, "Invalid value for CHECKPOINT: it is empty; expected the path of a folder, or a hub id."),
        (
            "file:///tmp/x",
            2,
            "'file:///tmp/x' is a URL; expected the path of a folder, or a hub id. Leave out 'file://': /tmp/x.",
        ),
        ("https://example.org/x", 2, "'https://example.org/x' is a URL; expected the path of a folder, or a hub id."),
        ("~nobody-has-this-name/x", 2, "there is no such home directory"),
    ],
)
def test_what_is_no_path(archsmith, given, code, said):
    result = archsmith("inspect", given)
    assert (result.code, result.out) == (code, "")
    assert said in result.err


def test_folder_that_is_mistyped(archsmith, checkpoint):
    result = archsmith("inspect", checkpoint.parent / "chekpoint")
    assert result.code == 1
    assert result.err.endswith(f"Did you mean '{checkpoint}'?\n")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--revision", "main"], "Invalid value for --revision: it is for the hub, but"),
        (["--requirements", "--tensors"], "Invalid value for --tensors: it has no effect with --requirements"),
    ],
)
def test_options_without_effect(archsmith, tmp_path, options, said):
    result = archsmith("inspect", tmp_path, *options)
    assert result.code == 2
    assert said in result.err
