"""Numbers that a plugin ships from its original: they are written whole or not at all, and a wrong port is told."""

import json
import shutil
from textwrap import dedent

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from archsmith import AutoTokenizer
from archsmith.errors import InputError, OptionError, SaveFailed
from archsmith.registry import registry
from archsmith_devkit import check_plugin, checks_of, record, sample_tokenizer

from .toy_plugin import FILES, NAME

CONFIG = {"model_type": "bag", "vocab_size": 50, "hidden_size": 8}
INPUTS = {
    "input_ids": torch.tensor([[5, 7, 9, 11], [2, 3, 0, 0]]),
    "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]),
}
CHECKS = ("reference_files", "reference_preprocessing", "reference_numbers")


class Original(nn.Module):
    """The bag of words, as another library has it."""

    def __init__(self, classes=None):
        super().__init__()
        torch.manual_seed(0)
        self.embeddings = nn.Embedding(50, 8)
        self.mix = nn.Linear(8, 8)
        self.eval()

    def forward(self, input_ids, attention_mask):
        hidden = self.mix(self.embeddings(input_ids))
        mask = attention_mask[..., None]
        return {"last_hidden_state": hidden, "pooler_output": (hidden * mask).sum(1) / mask.sum(1)}


class OriginalClassifier(nn.Module):
    """The same with two scores and a loss."""

    def __init__(self):
        super().__init__()
        self.bag = Original()
        self.classifier = nn.Linear(8, 2)
        self.eval()

    def forward(self, input_ids, attention_mask, labels):
        logits = self.classifier(self.bag(input_ids, attention_mask)["pooler_output"])
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def saved(model, folder):
    """Write a checkpoint as the other library does."""
    folder.mkdir()
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


@pytest.fixture
def original(tmp_path):
    """What there is to record: a module of torch, with the checkpoint that its library wrote."""
    model = Original()
    return {"model": model, "source": "acme 1.2", "task": "base", "checkpoint": saved(model, tmp_path / "checkpoint")}


@pytest.fixture
def bag(site):
    """Return a function that installs a plugin, sound or with a fault, and gives the folder for its recordings."""

    def install(package, file="", old="", new=""):
        site.declare(NAME, architectures={"bag": f"{package}.plugin"})
        for name, source in FILES.items():
            text = dedent(source)
            assert name != file or old in text
            text = text.replace(old, new) if name == file else text
            site.write(f"{package}/{name}.py", text.replace("PACKAGE", package))
        return site.root / package / "reference" / "bag"

    registry.__init__()
    yield install
    registry.__init__()


def found():
    """Return what the three checks have found, by name."""
    outcomes = [check.run() for check in checks_of(NAME) if check.name in CHECKS]
    assert sorted(outcome.check.name for outcome in outcomes) == sorted(CHECKS)
    return {outcome.check.name: outcome.found for outcome in outcomes if outcome.found}


def test_a_port_that_agrees(bag, original):
    folder = bag("agreeing_bag")
    assert record(inputs=INPUTS, folder=folder, **original) == folder
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "inputs.safetensors",
        "model.safetensors",
        "outputs.safetensors",
        "reference.json",
    ]
    assert json.loads((folder / "reference.json").read_text()) == {
        "format": 1,
        "source": "acme 1.2",
        "task": "base",
        "tolerance": 1e-5,
        "inputs": {name: {"$tensor": f"inputs.{name}"} for name in INPUTS},
        "preprocessing": {},
    }
    assert found() == {}
    torch.testing.assert_close(
        load_file(folder / "outputs.safetensors")["outputs.last_hidden_state"],
        original["model"](**INPUTS)["last_hidden_state"],
        rtol=0,
        atol=0,
    )


def test_a_port_that_is_slightly_off(bag, original):
    """No other check finds it: the port runs, learns, saves and loads."""
    folder = bag("wrong_bag", "model", "mask.sum(1).clamp(min=1)", "(mask.sum(1) + 1e-2)")
    record(inputs=INPUTS, folder=folder, **original)
    report = check_plugin(NAME)
    assert [(outcome.check.name) for outcome in report.outcomes if outcome.found] == ["reference_numbers"]
    recorded = original["model"](**INPUTS)["pooler_output"]
    deviation = (recorded - recorded * 2 / 2.01).abs() / (1 + recorded.abs())
    place = torch.unravel_index(deviation[1].argmax(), (8,))[0]
    said = found()["reference_numbers"]
    assert said.startswith(
        f"BagModel: the recording {str(folder)!r}, from acme 1.2, has pooler_output[1, {place}] = "
        f"{recorded[1, place].item():.9g}, but outputs have "
    )
    assert said.endswith(f"it deviates by {deviation[1, place].item():.3g}, and may by 1e-05; 1 of 2 outputs deviate")


def test_loss_gradients_and_several_cases(bag, original, tmp_path):
    folder = bag("several_bag")
    record(inputs=INPUTS, folder=folder / "base", **original)
    model = OriginalClassifier()
    options = {"source": "acme 1.3", "task": "sequence-classification", "gradients": True}
    checkpoint = saved(model, tmp_path / "classifier")
    inputs = {**INPUTS, "labels": torch.tensor([1, 0])}
    record(model, inputs, folder / "classes", checkpoint=checkpoint, **options)
    held = load_file(folder / "classes" / "outputs.safetensors")
    loss = model(**inputs)["loss"]
    assert held["outputs.loss"] == loss
    loss.backward()
    norms = {f"gradients.{name}": each.grad.double().norm() for name, each in model.named_parameters()}
    assert {name: value for name, value in held.items() if name.startswith("gradients")} == norms
    assert found() == {}

    held["gradients.classifier.bias"] += 1e-3
    held["outputs.loss"] -= 1e-3
    save_file(held, folder / "classes" / "outputs.safetensors")
    assert "from acme 1.3, has loss = " in found()["reference_numbers"]
    held["outputs.loss"] = loss.detach()
    save_file(held, folder / "classes" / "outputs.safetensors")
    assert "has classifier.bias = " in found()["reference_numbers"]


def test_preprocessing(bag, tmp_path):
    """Texts and options stand in JSON; what the model gets is what the tokenizer made."""
    folder = bag("text_bag")
    tokenizer = sample_tokenizer(registry.load("bag", "tokenizer_fast"))
    arguments = {"text": ["hello world", "world"], "padding": True}
    encoded = tokenizer(**arguments, return_tensors="pt")
    torch.manual_seed(0)
    config = registry.load("bag", "config")(vocab_size=len(tokenizer), hidden_size=8)
    model = registry.load("bag", "models.base")(config).eval()
    for part in (model, tokenizer):
        part.save_pretrained(tmp_path / "saved")
    options = {"checkpoint": tmp_path / "saved", "preprocessing": {"tokenizer": (arguments, encoded)}}
    record(model, encoded, folder, source="itself", **options)
    description = json.loads((folder / "reference.json").read_text())
    assert description["preprocessing"] == {"tokenizer": arguments}
    assert description["inputs"]["input_ids"] == {"$tensor": "tokenizer.input_ids"}
    assert found() == {}
    assert len(AutoTokenizer.from_pretrained(folder)) == len(tokenizer)

    description["preprocessing"]["tokenizer"]["text"][1] = "hello"
    (folder / "reference.json").write_text(json.dumps(description))
    said = found()
    assert list(said) == ["reference_preprocessing"]
    assert "has input_ids[1, " in said["reference_preprocessing"]
    description["preprocessing"]["tokenizer"] = {"text": ["hello"]}
    (folder / "reference.json").write_text(json.dumps(description))
    assert "has attention_mask of torch.int64, (2, " in found()["reference_preprocessing"]


def test_tensors_and_structure_of_inputs_come_back(bag, original, tmp_path):
    """Lists, mappings, numbers, words and arrays: a function around the original takes what the port takes."""
    given = {
        "a": [torch.ones(2), np.zeros(3, np.float32)],
        "b": {"c": True, "d": 1.5, "e": "word", "f": None},
        "g": (torch.ones(0), torch.tensor(3)),
    }
    seen = []

    def model(**inputs):
        seen.append(inputs)
        return {"x": {"y": [torch.ones(1)], "z": None}, "none": None}

    folder = record(inputs=given, folder=tmp_path / "any", **{**original, "model": model})
    description = json.loads((folder / "reference.json").read_text())
    assert description["inputs"] == {
        "a": [{"$tensor": "inputs.a[0]"}, {"$tensor": "inputs.a[1]"}],
        "b": {"c": True, "d": 1.5, "e": "word", "f": None},
        "g": [{"$tensor": "inputs.g[0]"}, {"$tensor": "inputs.g[1]"}],
    }
    assert list(load_file(folder / "outputs.safetensors")) == ["outputs.x.y[0]"]


def cut(path):
    path.write_bytes(path.read_bytes()[:-5])


def change(folder, **values):
    path = folder / "reference.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def rewrite(path, name, value):
    tensors = {**load_file(path), name: value}
    save_file({key: each for key, each in tensors.items() if each is not None}, path)


def file_instead(folder):
    shutil.rmtree(folder)
    folder.touch()


def stray(folder):
    shutil.copytree(folder, folder.parent / "copy")
    shutil.rmtree(folder)
    shutil.copytree(folder.parent / "copy", folder / "case")
    shutil.rmtree(folder.parent / "copy")
    (folder / "outputs.safetensors").touch()


DAMAGES = {
    "no outputs": (lambda folder: (folder / "outputs.safetensors").unlink(), "outputs.safetensors' cannot be read: "),
    "outputs cut short": (lambda folder: cut(folder / "outputs.safetensors"), "outputs.safetensors' cannot be read: "),
    "inputs of another": (
        lambda folder: save_file({"x": torch.ones(1)}, folder / "inputs.safetensors"),
        "inputs.safetensors' has no tensor 'inputs.",
    ),
    "outputs of another": (
        lambda folder: save_file({"x": torch.ones(1)}, folder / "outputs.safetensors"),
        "outputs.safetensors' holds no tensors of outputs. Record it again.",
    ),
    "no JSON": (lambda folder: (folder / "reference.json").write_text("{"), "reference.json' is not "),
    "a newer layout": (
        lambda folder: change(folder, format=2),
        "reference.json' is not a description of a recording: Invalid enum value 2 - at `$.format`.",
    ),
    "any tolerance": (lambda folder: change(folder, tolerance=10.0), "Expected `float` <= 0.01 - at `$.tolerance`."),
    "a tolerance in words": (lambda folder: change(folder, tolerance="1"), "Expected `float`, got `str`"),
    "an unknown key": (lambda folder: change(folder, outptus={}), "unknown field `outptus`"),
    "an unknown part": (
        lambda folder: change(folder, preprocessing={"tokeniser": {}}),
        "Invalid enum value 'tokeniser' - at `key` in `$.preprocessing`",
    ),
    "an unknown task": (
        lambda folder: change(folder, task="masked-lm"),
        "is of the task 'masked-lm'; 'bag' has base, sequence-classification",
    ),
    "too large": (
        lambda folder: (folder / "notes.txt").write_text("x" * (1 << 20)),
        "(notes.txt 1,048,576, ",
    ),
    "another architecture": (
        lambda folder: (folder / "config.json").write_text('{"model_type": "bert"}'),
        "'bert'",
    ),
    "weights that are not there": (
        lambda folder: rewrite(folder / "model.safetensors", "mix.bias", None),
        "mix.bias",
    ),
    "weights without a place": (
        lambda folder: rewrite(folder / "model.safetensors", "spare.bias", torch.ones(1)),
        "spare.bias",
    ),
    "no description": (
        lambda folder: (folder / "reference.json").unlink(),
        "reference.json' cannot be read: No such file",
    ),
    "a stray file beside folders": (stray, "reference.json' cannot be read: No such file"),
    "a file": (file_instead, "holds bag, which is no folder of an architecture"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_recording_fails(bag, original, name):
    """Each of these would else hold nothing against anything, without a word."""
    damage, said = DAMAGES[name]
    folder = bag(f"damaged_bag_{list(DAMAGES).index(name)}")
    record(inputs=INPUTS, folder=folder, **original)
    assert found() == {}
    damage(folder)
    told = found()
    assert told
    for each in told.values():
        assert said in each
        assert str(folder.parent) in each
        assert "Error" not in each.partition(":")[0], "it is a stray error, not a failed check"


def test_a_folder_of_no_architecture_is_told(bag, original):
    folder = bag("misspelt_bag")
    record(inputs=INPUTS, folder=folder.with_name("bga"), **original)
    assert found() == {
        "reference_files": f"{str(folder.parent)!r} holds bga, which is no folder of an architecture of the plugin; it "
        "has bag"
    }


def test_outputs_that_the_original_has_not_are_allowed(bag, original):
    """Who records one output compares one; what is recorded must be there."""
    model = original["model"]
    folder = bag("partial_bag")
    original["model"] = lambda **inputs: {"pooler_output": model(**inputs)["pooler_output"]}
    record(inputs=INPUTS, folder=folder, **original)
    assert found() == {}
    original["model"] = lambda **inputs: {"pooled": model(**inputs)["pooler_output"]}
    record(inputs=INPUTS, folder=folder, **original)
    assert "has pooled, which outputs have not; they have " in found()["reference_numbers"]
    original["model"] = lambda **inputs: {"pooler_output": [model(**inputs)["pooler_output"]]}
    record(inputs=INPUTS, folder=folder, **original)
    assert "has pooler_output[0], which outputs have not; they have pooler_output" in found()["reference_numbers"]
    original["model"] = lambda **inputs: {"pooler_output": model(**inputs)["pooler_output"].double()}
    record(inputs=INPUTS, folder=folder, **original)
    assert "has pooler_output of torch.float64, (2, 8), but outputs have " in found()["reference_numbers"]


def returning(value):
    return {"model": lambda **_: value}


REFUSED = {
    "a tensor": (returning(torch.ones(1)), InputError, "outputs must be a mapping of names, but is of type Tensor."),
    "nothing": (returning({"a": None}), InputError, "outputs hold no tensors. There must be something to compare."),
    "a cache": (
        returning({"a": torch.ones(1), "past": object()}),
        InputError,
        "outputs.past is <object object",
    ),
    "NaN": (returning({"a": torch.tensor([1, torch.nan])}), InputError, "outputs.a holds NaN, which cannot be compa"),
    "complex": (returning({"a": torch.ones(1) * 1j}), InputError, "outputs.a holds complex numbers, which cannot"),
    "a name with dots": (returning({"a.b": torch.ones(1)}), InputError, "outputs has the name 'a.b'; expected a word"),
    "a number as a name": (returning({1: torch.ones(1)}), InputError, "outputs has the name 1; expected a word of"),
    "two of one name": (
        returning({"a": {"b": {"c": torch.ones(1)}, "b.c": torch.ones(1)}}),
        InputError,
        "outputs have two tensors of one name, outputs.a.b.c.",
    ),
    "chance": ({"model": lambda **_: {"a": torch.rand(3)}}, InputError, "outputs.a differs from call to call. Switch"),
    "too much": (
        returning({"a": torch.ones(1 << 18)}),
        InputError,
        "(outputs.safetensors 1,048,6",
    ),
    "training": ({"model": nn.Linear(1, 1)}, OptionError, "model is in training mode, in which outputs are random."),
    "no checkpoint": ({"checkpoint": None}, OptionError, "checkpoint must be the folder that the other library wrote"),
    "no folder": ({"checkpoint": "nowhere"}, OptionError, "checkpoint is 'nowhere', which has no config.json."),
    "no task": ({"task": None}, OptionError, "task must be given: the model is not archsmith's."),
    "a class for a task": ({"task": "AutoModel"}, OptionError, "task is 'AutoModel', which a recording cannot hold: "),
    "no source": ({"source": " "}, OptionError, "source is ' ', which a recording cannot hold: "),
    "a large tolerance": (
        {"tolerance": 0.5},
        OptionError,
        "tolerance is 0.5, which a recording cannot hold: Expected `float` <= 0.01",
    ),
    "NaN as a tolerance": (
        {"tolerance": float("nan")},
        OptionError,
        "tolerance is nan, which a recording cannot hold: ",
    ),
    "gradients of a function": (
        {"gradients": True, **returning({"loss": torch.ones(1)})},
        OptionError,
        "gradients need a module of torch, whose parameters have names",
    ),
    "gradients without a loss": ({"gradients": True}, InputError, "gradients need outputs with a loss, but Original"),
    "inputs in a list": ({"inputs": [torch.ones(1)]}, InputError, "inputs must be a mapping of names, but is of type"),
    "an input with NaN": ({"inputs": {"a": torch.tensor(torch.nan)}}, InputError, "inputs.a holds NaN, which cannot"),
    "an object as input": ({"inputs": {"a": object()}}, InputError, "inputs.a is <object object"),
    "an array of objects": ({"inputs": {"a": np.array([None])}}, InputError, "inputs.a cannot be held as a tensor: "),
    "an unknown part": (
        {"preprocessing": {"tokeniser": ({}, {"a": torch.ones(1)})}},
        OptionError,
        "preprocessing is {'tokeniser': {}}, which a recording cannot hold: Invalid enum value 'tokeniser'",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_recorded_is_refused(original, tmp_path, name):
    """Nothing is written: what was recorded before stands, and no half of a folder is left."""
    options, error, said = REFUSED[name]
    folder = tmp_path / "reference" / "bag"
    record(inputs=INPUTS, folder=folder, **original)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(error) as refused:
        record(**{"inputs": INPUTS, "folder": folder, **original, **options})
    assert said in str(refused.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in folder.parent.iterdir()] == ["bag"]


def test_folders_that_are_no_recordings_are_left_alone(original, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    record(inputs=INPUTS, folder=mine, **original)  # an empty folder is nobody's
    record(inputs=INPUTS, folder=mine, **original)
    wrong = {
        mine / "inside": f"folder is {str(mine / 'inside')!r}, which lies inside another recording. Choose one beside",
        original[
            "checkpoint"
        ]: "which is not a recording: it has no reference.json, but config.json, model.safetensors",
        mine / "config.json": "which lies inside another recording",
        tmp_path: f"folder is {str(tmp_path)!r}, which is not a recording: it has no reference.json, but checkpoint, m",
    }
    for folder, said in wrong.items():
        with pytest.raises(OptionError) as refused:
            record(inputs=INPUTS, folder=folder, **original)
        assert said in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "mine"]


def test_a_checkpoint_with_a_pickle_is_refused(original, tmp_path):
    (original["checkpoint"] / "pytorch_model.bin").touch()
    with pytest.raises(OptionError, match=r"pytorch_model.bin'; a recording takes .json, .txt, .safetensors, .jinja"):
        record(inputs=INPUTS, folder=tmp_path / "new", **original)
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written(original, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SaveFailed, match=r"cannot be made: Not a directory."):
        record(inputs=INPUTS, folder=tmp_path / "file" / "new", **original)


def test_the_report_says_what_numbers_are_held_against(archsmith, bag, original):
    folder = bag("told_bag")
    asked = ("check", NAME, "--only", "reference_numbers")
    place = {"plugin": "archsmith-bag 1.0", "part": "architecture bag"}
    line = "\narchsmith-bag 1.0, architecture bag: numbers: "
    assert f"{line}not held against any reference\n" in archsmith(*asked).out
    assert archsmith(*asked).code == 0
    record(inputs=INPUTS, folder=folder / "one", **original)
    record(inputs=INPUTS, folder=folder / "other", **{**original, "source": "acme 1.1"})
    assert f"{line}held against a reference (acme 1.1, acme 1.2)\n" in archsmith(*asked).out
    assert archsmith(*asked, "--json").data["numbers"] == [
        {**place, "held": True, "sources": ["acme 1.1", "acme 1.2"],
         "text": "numbers: held against a reference (acme 1.1, acme 1.2)"}
    ]  # fmt: skip
    rewrite(folder / "one" / "model.safetensors", "mix.bias", torch.ones(8))
    assert f"{line}do not agree with the reference (acme 1.1, acme 1.2)\n" in archsmith(*asked).out
    cut(folder / "one" / "outputs.safetensors")
    result = archsmith(*asked, "--json")
    assert (result.code, result.data["numbers"][0]["held"]) == (1, False)
    assert result.data["numbers"][0]["text"] == "numbers: do not agree with the reference (which cannot be read)"
    assert "numbers" not in archsmith("check", NAME, "--only", "usable").out


EXTENSION = """
    from archsmith.plugin import Extension, hookimpl


    @hookimpl
    def extensions():
        yield Extension(model_type="bag", models={"token-classification": "acme_tags.inner.model:BagForTokens"})
"""
TAGS = """
    from archsmith.model import PreTrainedModel
    from archsmith.outputs import TokenClassifierOutput
    from extended_bag.config import BagConfig
    from extended_bag.model import BagModel
    from torch import nn


    class BagForTokens(PreTrainedModel):
        config_class = BagConfig
        base_model_prefix = "bag"

        def __init__(self, config):
            super().__init__(config)
            self.bag = BagModel(config)
            self.classifier = nn.Linear(config.hidden_size, config.num_labels)

        def forward(self, input_ids, attention_mask=None, *, return_dict=None):
            hidden = self.bag(input_ids, attention_mask, return_dict=True).last_hidden_state
            return self.as_requested(TokenClassifierOutput(logits=self.classifier(hidden)), return_dict)
"""


class OriginalTags(nn.Module):
    def __init__(self):
        super().__init__()
        self.bag = Original()
        self.classifier = nn.Linear(8, 2)
        self.eval()

    def forward(self, input_ids, attention_mask):
        return {"logits": self.classifier(self.bag(input_ids, attention_mask)["last_hidden_state"])}


def test_an_extension_ships_its_own(bag, site, tmp_path, archsmith):
    """It lies in the package of the extension, here above the one that holds the manifest."""
    bag("extended_bag")
    site.declare("acme-tags", extensions={"bag.tags": "acme_tags.inner.plugin"})
    site.write("acme_tags/inner/plugin.py", dedent(EXTENSION))
    site.write("acme_tags/inner/model.py", dedent(TAGS))
    registry.__init__()
    folder, model = site.root / "acme_tags" / "reference" / "bag", OriginalTags()
    checkpoint = saved(model, tmp_path / "tags")
    record(model, INPUTS, folder, source="acme 1.2", task="token-classification", checkpoint=checkpoint)
    asked = ("check", "acme-tags", "--only", "reference_numbers", "--only", "reference_files")
    line = "acme-tags 1.0, extension bag.tags: numbers: held against a reference (acme 1.2)"
    assert line in archsmith(*asked).out
    rewrite(folder / "model.safetensors", "classifier.bias", torch.ones(2))
    result = archsmith(*asked)
    assert result.code == 1
    assert "has logits[" in " ".join(result.out.split())


def test_a_manifest_outside_of_a_package_ships_none(site, archsmith):
    """Its neighbours are all that is installed: a folder named reference there is somebody else's."""
    site.declare("lone", architectures={"lone": "lone_plugin"})
    site.write("lone_plugin.py", "")
    (site.root / "reference" / "lone").mkdir(parents=True)
    manifest = "from archsmith.plugin import Architecture, hookimpl\n\n\n@hookimpl\ndef architectures():\n"
    site.write(
        "lone_plugin.py", manifest + "    yield Architecture(model_type='lone', config='lone_config:LoneConfig')\n"
    )
    config = "from archsmith.config import PreTrainedConfig\n\n\nclass LoneConfig(PreTrainedConfig):\n"
    site.write("lone_config.py", config + "    model_type = 'lone'\n")
    registry.__init__()
    result = archsmith("check", "lone", "--only", "reference_numbers")
    assert (result.code, "numbers: not held against any reference" in result.out) == (0, True)
