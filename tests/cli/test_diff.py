"""``archsmith diff``."""

import io
import json
import shutil
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.core.test_hub import FIRST, SECOND, hub  # noqa: F401  # a fixture

from archsmith_cli.comparison.drawing import draw
from archsmith_cli.render import Page

EQUAL = """\
A  {0}  folder
B  {1}  folder

Configuration: 0 fields differ

Tensors: 4 equal

Nothing differs.
"""


@pytest.fixture
def one(archsmith, toy, tmp_path, monkeypatch):
    """Write a masked-language toy beside the working directory's other folders."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "one"
    assert archsmith("create", "toy", folder, "--task", "masked-lm", "--seed", "0").code == 0
    return folder


@pytest.fixture
def other(one, tmp_path):
    """Return a copy of it."""
    return shutil.copytree(one, tmp_path / "other")


def change(folder, edit, **config):
    """Change the weights of a folder, and values of its config.json."""
    path = folder / "model.safetensors"
    save_file(edit(load_file(path)) or load_file(path), path, {"format": "pt"})
    path = folder / "config.json"
    values = json.loads(path.read_text())
    values.pop("archsmith", None)
    path.write_text(json.dumps(values | config))


def nothing(weights):
    return weights


def test_equal(archsmith, one, other):
    result = archsmith("diff", one, other)
    assert (result.code, result.err, result.out) == (0, "", EQUAL.format(one, other))
    data = archsmith("diff", one, other, "--json").data
    assert data["equal"] is data["weights"]["equal"] is True
    assert [row["name"] for row in data["weights"]["same"]] == [
        *("head.bias", "head.weight", "toy.inner.bias", "toy.inner.weight")
    ]
    change(other, nothing)  # written by nobody that says who
    assert archsmith("diff", one, other).code == 0


def test_values(archsmith, one, other):
    before = load_file(one / "model.safetensors")["head.weight"].double()

    def edit(weights):
        weights["head.weight"][0, 0] += 0.5
        return weights

    change(other, edit)
    result = archsmith("diff", one, other)
    assert (result.code, result.err) == (1, "")
    after = load_file(other / "model.safetensors")["head.weight"].double()
    difference = (before - after).norm()
    figures = [before.norm(), after.norm(), difference, difference, difference / before.norm()]
    row = next(line for line in result.out.splitlines() if line.startswith("head.weight"))
    assert row.split("  ")[1] == "1 of 8 values"
    assert row.split()[-5:] == [f"{float(figure):.4g}" for figure in figures]
    assert "\nTensors: 3 equal, 1 with other values\n" in result.out
    assert result.out.endswith("\nThey differ.\n")
    assert "toy.inner.bias" not in result.out
    assert "\ntoy.inner.bias    nothing" in archsmith("diff", one, other, "--all").out
    data = archsmith("diff", one, other, "--json").data
    assert data["equal"] is data["weights"]["equal"] is False
    (found,) = data["weights"]["different"]
    assert (found["name"], found["status"], found["different"], found["numbers"]) == ("head.weight", "values", 1, 8)
    assert found["max_difference"] == pytest.approx(0.5)


def test_fields_with_defaults(archsmith, one, other):
    path = other / "config.json"
    values = json.loads(path.read_text())
    del values["dropout"]  # which is the default's then
    path.write_text(json.dumps(values | {"name": "another", "extra_key": {"deep": [1]}}))
    result = archsmith("diff", one, other)
    assert result.code == 1
    assert (
        "Configuration: 2 fields differ\n"
        "FIELD           A       B\n"
        "name            a toy   another\n"
        "extra_key.deep  (none)  [1]\n"
    ) in result.out
    assert "Tensors: 4 equal\n" in result.out


def test_shapes_types_and_names(archsmith, one, other):
    def edit(weights):
        weights["head.bias"] = torch.zeros(3)
        weights["head.weight"] = weights["head.weight"].bfloat16()
        weights["new"] = torch.ones(2, 2)
        del weights["toy.inner.bias"]
        return weights

    change(other, edit)
    result = archsmith("diff", one, other)
    assert result.code == 1
    assert (
        "\nTensors: 1 equal, 1 of another type, 1 of another shape, 1 only in A, 1 only in B\nTENSOR       DIFFERS IN"
    ) in result.out
    assert "\nhead.bias    shape (2, 3)\n" in result.out
    assert "\nhead.weight  type (F32, BF16), 8 of 8 values  " in result.out
    assert "\nONLY IN A       DTYPE  SHAPE\ntoy.inner.bias  F32    4\n" in result.out
    assert "\nONLY IN B  DTYPE  SHAPE\nnew        F32    2x2\n" in result.out


def test_names_that_differ_by_a_prefix(archsmith, one, other):
    change(other, lambda weights: {name.removeprefix("toy."): each for name, each in weights.items()})
    result = archsmith("diff", one, other)
    assert result.code == 1  # the values are the same, but a name decides whether a file loads
    assert "\nTensors: 4 equal\n2 names have 'toy.' before them in A and nothing in B.\n" in result.out
    reverse = archsmith("diff", other, one, "--json").data["weights"]
    assert reverse["prefixes"] == {"a": "", "b": "toy.", "names": 2}
    assert reverse["same"][2]["name_b"] == "toy.inner.bias"


def test_a_configuration_that_cannot_be_read_is_not_equal_to_one_that_can(archsmith, one, other):
    dim = json.loads((one / "config.json").read_text()).get("dim", 4)
    change(one, nothing, dim=dim)
    change(other, nothing, dim=float(dim))  # as JSON values they are one, but a size must be an integer
    result = archsmith("diff", one, other)
    assert result.code == 1
    assert "as written" in result.out
    assert result.out.endswith("They differ.\n")


def test_keys_with_dots_are_not_keys_inside_others(archsmith, one, other):
    change(one, nothing, x={"b": 1})
    change(other, nothing, **{"x.b": 1})
    fields = archsmith("diff", one, other, "--json").data["configuration"]["fields"]
    assert [(row["field"], row["only"]) for row in fields] == [("x.b", "a"), ('"x.b"', "b")]


@pytest.mark.parametrize(
    ("mine", "theirs", "code"),
    [
        ({"model": {"merges": ["a b"]}}, {"model": {"merges": [["a", "b"]]}}, 0),  # two ways to write one merge
        ({"model": {"merges": [["a b", "c"]]}}, {"model": {"merges": [["a", "b c"]]}}, 1),
        (
            {"model": {"vocab": {"x": 5}}, "added_tokens": [{"content": "x", "id": 7}]},
            {"model": {"vocab": {"x": 6}}, "added_tokens": [{"content": "x", "id": 7}]},
            1,
        ),
        (
            {"model": {"vocab": [["a", -1], ["b", -1], ["a", -1]]}},
            {"model": {"vocab": [["b", -1], ["b", -1], ["a", -1]]}},
            1,
        ),
        ({"model": {"vocab": [["a", -1]]}}, {"model": {"vocab": {"a": [0, -1]}}}, 1),
        ({"model": {"vocab": "x"}}, {"model": {"vocab": "y"}}, 1),
        ({"added_tokens": "q"}, {"added_tokens": 7}, 1),
        ({"model": 7}, {"model": {}}, 1),
    ],
)
def test_a_tokenizer_with_other_content_is_never_equal(archsmith, one, other, mine, theirs, code):
    for folder, content in ((one, mine), (other, theirs)):
        (folder / "tokenizer.json").write_text(json.dumps(content))
    result = archsmith("diff", one, other)
    assert (result.code, "tokenizer.json: " in result.out) == (code, bool(code))


def test_two_that_have_nothing_in_common(archsmith, one, other):
    result = archsmith("diff", one / "config.json", other / "model.safetensors")
    assert result.code == 2
    assert "nothing of them can be compared: " in result.err


def test_files_that_are_not_compared_are_named(archsmith, one, other):
    shutil.copy(other / "model.safetensors", other / "extra.safetensors")
    (other / "modules.json").write_text("[]")
    result = archsmith("diff", one, other)
    assert result.code == 0
    assert "not compared: extra.safetensors, modules.json" in result.out
    assert result.out.endswith("Nothing that was compared differs.\n")


def test_nan(archsmith, one, other):
    def edit(weights):
        weights["head.weight"][0, 0] = float("nan")
        return weights

    change(other, edit)
    assert "1 of 8 values, 1 NaN in B alone" in archsmith("diff", one, other).out
    json.loads(archsmith("diff", one, other, "--json").out, parse_constant=pytest.fail)
    change(one, edit)
    result = archsmith("diff", one, other)
    assert result.code == 0
    assert "NaN in the same places of both, which counts as equal: head.weight.\n" in result.out


def test_tied_tensor_that_one_writes(archsmith, one, other):
    change(other, lambda weights: weights | {"tied.weight": weights["toy.inner.weight"].clone()})
    result = archsmith("diff", one, other)
    assert result.code == 1
    assert "tied.weight  F32    4x4    a copy of toy.inner.weight, as tied weights are\n" in result.out
    (found,) = archsmith("diff", one, other, "--json").data["weights"]["only_b"]
    assert found["copy_of"] == "toy.inner.weight"


def test_layers_are_folded_where_there_are_many(archsmith, one, other):
    def edit(add):
        return lambda weights: weights | {f"layer.{at}.w": torch.full((2, 2), 1.0 + add) for at in range(30)}

    change(one, edit(0.0))
    change(other, edit(0.5))
    out = archsmith("diff", one, other).out
    row = next(line for line in out.splitlines() if line.startswith("layer.0-29.w  x30"))
    norm = (30 * 4) ** 0.5
    assert row.split()[-5:] == [f"{norm:.4g}", f"{1.5 * norm:.4g}", f"{0.5 * norm:.4g}", "0.5", "0.5"]
    assert "\nlayer.17.w " in archsmith("diff", one, other, "--all").out
    assert len(archsmith("diff", one, other, "--json").data["weights"]["different"]) == 30


def test_narrow_terminal(archsmith, one, other):
    change(other, lambda weights: weights | {"head.bias": weights["head.bias"] + 2})
    data = archsmith("diff", one, other, "--json").data
    stream = io.StringIO()
    draw(Page(stream, width=40), data, every=False)
    lines = stream.getvalue().splitlines()
    assert lines[lines.index("head.bias") + 1 :][:2] == [
        "  2 of 2 values, norm a 0, norm b 2.828,",
        "    norm a-b 2.828, max a-b 2, relative",
    ]
    assert max(map(len, lines[6:])) <= 40


def test_shards_against_one_file(archsmith, one, other):
    weights = load_file(other / "model.safetensors")
    (other / "model.safetensors").unlink()
    for number, name in enumerate(weights, 1):
        save_file({name: weights[name]}, other / f"model-{number:05}-of-00004.safetensors", {"format": "pt"})
    where = {name: f"model-{number:05}-of-00004.safetensors" for number, name in enumerate(weights, 1)}
    (other / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    result = archsmith("diff", one, other)
    assert (result.code, "Tensors: 4 equal" in result.out) == (0, True)
    result = archsmith("diff", one, other / "model.safetensors.index.json")
    assert (result.code, "is an index. Name the folder that holds it" in result.err) == (2, True)


def test_files_of_preprocessing(archsmith, one, other):
    for folder, tokens, pad in ((one, ["a", "b", "c"], 0), (other, ["a", "c", "d", "\u2028x"], 1)):
        (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps({"pad": pad, "archsmith": {"version": str(pad)}}))
        model = {"type": "BPE", "vocab": {token: at for at, token in enumerate(tokens)}, "merges": [f"{pad} b"]}
        added = [{"id": 9 + pad, "content": "<x>", "special": bool(pad)}]
        (folder / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": added, "version": "1.0"}))
        (folder / "preprocessor_config.json").write_text(json.dumps({"size": {"height": 3}}, indent=pad))
        (folder / "chat_template.jinja").write_text("x" * pad)
        (folder / "README.md").write_text(f"{pad}")
    (other / "merges.txt").write_text("a b\n")
    result = archsmith("diff", one, other)
    assert (result.code, result.err) == (1, "")
    assert (
        "Other files: 1 equal, 5 different\n"
        "chat_template.jinja: other content, 0 and 1 bytes\n"
        "merges.txt: only in B\n"
        "tokenizer.json: 4 and 5 tokens; 1 only in A ('b'); 2 only in B ('d', '\\u2028x'); "
        "2 with another number ('c', '<x>')\n"
        "tokenizer.json: 1 and 1 merges, 1 only in A, 1 only in B\n"
        "tokenizer.json:\n"
        "FIELD                     A      B\n"
        "added_tokens.<x>.id       9      10\n"
        "added_tokens.<x>.special  false  true\n"
        "tokenizer_config.json:\n"
        "FIELD  A  B\n"
        "pad    0  1\n"
        "vocab.txt: 3 and 4 tokens; 1 only in A ('b'); 2 only in B ('d', '\\u2028x'); 1 with another number ('c')\n"
        "not compared: README.md\n"
    ) in result.out


@pytest.mark.parametrize("name", ["vocab.txt", "merges.txt"])
def test_ends_of_lines_count(archsmith, one, other, name):
    (one / name).write_bytes(b"a b\nc d\n")
    (other / name).write_bytes(b"a b\r\nc d\r\n")
    result = archsmith("diff", one, other)
    assert (result.code, f"\n{name}: other content, 8 and 10 bytes\n" in result.out) == (1, True)


def test_json_counts_as_what_it_says(archsmith, one, other):
    (one / "generation_config.json").write_text('{"a": 1, "b": 2.0, "transformers_version": "4"}')
    (other / "generation_config.json").write_text('{"b": 2,\n"a": 1}')
    result = archsmith("diff", one, other)
    assert (result.code, "Other files: 1 equal, 0 different\n" in result.out) == (0, True)


def test_file_that_is_damaged_is_named(archsmith, one, other):
    (one / "tokenizer_config.json").write_text("{}")
    (other / "tokenizer_config.json").write_text('{"a": ')
    result = archsmith("diff", one, other)
    assert (result.code, f"tokenizer_config.json: '{other}/tokenizer_config.json'" in result.out) == (1, True)


def test_architectures_and_presets(archsmith, toy):
    result = archsmith("diff", "toy", "toys/small")
    assert (result.code, result.err) == (1, "")
    assert result.out == (
        "A  toy  architecture\n"
        "B  toys/small  preset of toy\n"
        "\n"
        "Configuration: 1 field differs\n"
        "FIELD  A  B\n"
        "dim    4  2\n"
        "\n"
        "Weights: not compared: 'toy' (architecture) and 'toys/small' (preset of toy) have no weights.\n"
        "\n"
        "They differ.\n"
    )
    result = archsmith("diff", "toy", "toy")
    assert (result.code, result.out.endswith("\nNothing that was compared differs.\n")) == (0, True)


def test_fields_of_two_architectures_by_their_common_names(installed):
    data = installed("diff", "bert", "distilbert", "--json").data
    rows = {row["field"]: row for row in data["configuration"]["fields"]}
    assert "hidden_size" not in rows  # dim there, of the same value
    assert rows["num_hidden_layers"] == {
        "field": "num_hidden_layers",
        "only": None,
        "a": 12,
        "b": 6,
        "names": {"b": "n_layers"},
    }


def test_files_alone(archsmith, one, other):
    change(other, lambda weights: weights | {"head.bias": torch.ones(2)}, name="another")
    result = archsmith("diff", one / "config.json", other)
    assert result.code == 1
    assert "name   a toy  another\n" in result.out
    assert f"Weights: not compared: '{one}/config.json' (configuration) has no weights.\n" in result.out
    result = archsmith("diff", one / "model.safetensors", other / "model.safetensors")
    assert result.code == 1
    assert "have no config.json" in result.out or "has no config.json" in result.out
    assert "\nhead.bias  2 of 2 values" in result.out
    assert archsmith("diff", one / "model.safetensors", one).code == 0


def test_architecture_that_nobody_provides_is_compared_as_written(archsmith, one, other):
    for folder in (one, other):
        change(folder, nothing, model_type="unheard-of")
    change(other, nothing, depth=2)
    result = archsmith("diff", one, other)
    assert (result.code, result.err) == (1, "")
    assert "\nFIELD  A       B\ndepth  (none)  2\n" in result.out
    assert "as written  '" in result.out
    assert "unheard-of" in result.out


def test_folder_without_weights_or_configuration(archsmith, one, other):
    (other / "model.safetensors").unlink()
    result = archsmith("diff", one, other)
    assert result.code == 1
    assert f"Weights: not compared: '{other}' has no weights: expected model.safetensors" in result.out
    (one / "model.safetensors").unlink()
    assert archsmith("diff", one, other).code == 0
    (one / "config.json").unlink()
    result = archsmith("diff", one, other)
    assert (result.code, result.out) == (2, "")
    assert f"'{one}' has no weights" in result.err


def test_pickled_weights_are_refused_with_the_remedy(archsmith, one, other):
    (other / "model.safetensors").unlink()
    (other / "pytorch_model.bin").write_bytes(b"x")
    result = archsmith("diff", one, other)
    assert (result.code, result.out) == (2, "")
    assert "archsmith convert FILE OUT" in result.err
    assert archsmith("diff", one, other / "pytorch_model.bin").code == 2


def test_damaged_weights_are_named(archsmith, one, other):
    path = other / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    result = archsmith("diff", one, other, "--json")
    assert (result.code, result.err) == (2, "")
    assert str(path) in result.data["error"]["message"]
    assert archsmith("diff", other, one).code == 2


def test_plugin_that_fails_is_trouble_and_no_difference(archsmith, one, other, site):
    path = site.root / "toy_toy/config.py"
    path.write_text(f"{path.read_text()}\n    def rules(self):\n        raise TypeError('odd')\n")
    archsmith.fresh()
    for name in [name for name in sys.modules if name.startswith("toy_toy")]:
        del sys.modules[name]
    result = archsmith("diff", one, other)
    assert (result.code, result.out) == (2, "")
    assert "odd" in result.err


def test_weights_of_another_save_are_refused(archsmith, one, other, tmp_path):
    archsmith("create", "toy", tmp_path / "third", "--task", "masked-lm")
    shutil.copy(tmp_path / "third/model.safetensors", other)
    result = archsmith("diff", one, other)
    assert (result.code, "come from different saves" in result.err) == (2, True)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("toyy", "Did you mean 'toy'?"),
        ("./onee", "Did you mean 'one'?"),
        ("~nobody-has-this-name/x", "there is no such home directory"),
        ("", "it is empty"),
        ("https://example.org/x", "is a URL"),
    ],
)
def test_names_that_lead_nowhere(archsmith, one, name, said):
    for arguments in ((one, name), (name, one)):
        result = archsmith("diff", *arguments)
        assert (result.code, result.out) == (2, "")
        assert said in result.err


def test_home_spaces_and_names_that_steer_the_terminal(archsmith, one, other, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    spaced = other.rename(tmp_path / "ö ther")
    change(spaced, lambda weights: weights | {"a\x1b[2J\nThey": torch.ones(1)}, name="\x1b]0;owned\x07")
    result = archsmith("diff", "~/one", "./ö ther")
    assert (result.code, result.err) == (1, "")
    assert "\x1b" not in result.out
    assert "\\x1b" in result.out
    assert [line for line in result.out.splitlines() if line.startswith("They")] == ["They differ."]


def test_hub_id_that_is_a_preset_too(archsmith, toy, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert archsmith("diff", "toy", "toys/small", "--json").data["b"]["kind"] == "preset"
    result = archsmith("diff", "toys/small", "toys/small", "--hub")
    assert (result.code, result.out) == (2, "")
    assert "is not in the hub's cache" in result.err
    assert archsmith("diff", "toys/small@main", "toy", "--offline").code == 2


def test_two_revisions_on_the_hub(process, hub, tmp_path):  # noqa: F811
    variables = {
        "HOME": str(tmp_path),
        "HF_HOME": str(tmp_path / "cache"),
        "HF_ENDPOINT": hub.url,
        "HF_HUB_OFFLINE": "0",
    }
    done = process("diff", f"toys/small@{FIRST}", f"toys/small@{SECOND}", "--json", **variables)
    assert (done.returncode, done.stderr) == (1, "")
    data = json.loads(done.stdout)
    assert data["configuration"]["fields"] == [{"field": "dropout", "only": None, "a": 0.1, "b": 0.9}]
    assert len(data["weights"]["same"] + data["weights"]["different"]) == 25
    done = process("show", "toys/small", "--tree", "--json", **variables)
    assert (done.returncode, done.stderr, json.loads(done.stdout)["class"]) == (0, "", "DistilBertForMaskedLM")
    done = process("diff", "toys/small@nope", "toys/small", **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: 'toys/small' on the hub has no revision 'nope'.\n"
