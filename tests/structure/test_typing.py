"""What type checkers make of a user's program: sound code passes, and mistakes are found."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

import archsmith
from archsmith.tasks import TASKS, auto_class_name

ROOT = Path(__file__).parents[2]
#: Where the sources lie, as wheels with their py.typed would have them.
SOURCES = [str(source) for source in [ROOT / "core/src", *ROOT.glob("plugins/*/src")]]
SOUND = """
    from archsmith import AutoConfig, AutoModel, AutoModelForSequenceClassification, AutoTokenizer
    from archsmith import BatchEncoding, PreTrainedModel, PreTrainedConfig
    from archsmith.config import Size, field
    from archsmith_distilbert import DistilBertConfig, DistilBertModel, DistilBertTokenizerFast
    from archsmith_resnet import ResNetBackbone, ResNetConfig

    class ToyConfig(PreTrainedConfig):
        model_type = "toy"
        dim: Size = field(default=8, doc="Width.")

    config: DistilBertConfig = DistilBertConfig(dim=96, n_heads=6)
    model: DistilBertModel = DistilBertModel.from_pretrained("folder", config=config, n_layers=2)
    width: int = DistilBertConfig.from_pretrained("folder").dim + ToyConfig(dim=4).dim + model.config.dim
    backbone: ResNetBackbone = ResNetBackbone(ResNetConfig(out_indices=[1, 2]))
    channels: list[int] = backbone.channels
    tokenizer: DistilBertTokenizerFast = DistilBertTokenizerFast.from_pretrained("folder", padding_side="left")

    any_model: PreTrainedModel = AutoModel.from_pretrained("folder")
    any_classifier: PreTrainedModel = AutoModelForSequenceClassification.from_pretrained("folder", num_labels=3)
    any_config: PreTrainedConfig = AutoConfig.from_pretrained("folder")
    batch: BatchEncoding = AutoTokenizer.from_pretrained("folder")(["a", "b"], padding=True, return_tensors="pt")
"""
#: A wrong line → what mypy, and what pyright calls the mistake.
WRONG = {
    'DistilBertConfig(dim="wide")': ("arg-type", "reportArgumentType"),
    "DistilBertConfig(dmi=3)": ("call-arg", "reportCallIssue"),
    "DistilBertConfig(96)": ("call-arg", "reportCallIssue"),
    'DistilBertModel.from_pretrained("folder", revision=3)': ("arg-type", "reportArgumentType"),
    "wrong: str = DistilBertConfig().dim": ("assignment", "reportAssignmentType"),
    "ResNetBackbone(ResNetConfig(out_indices=3))": ("arg-type", "reportArgumentType"),
    "AutoModelForSequenceClassification.from_pretrained(3)": ("arg-type", "reportArgumentType"),
    'base: DistilBertModel = AutoModel.from_pretrained("folder")': ("assignment", "reportAssignmentType"),
    'AutoTokenizer.from_pretrained("folder")(["a"], return_tensor="pt")': ("call-arg", "reportCallIssue"),
}


def mypy(program):
    """Return the lines with mistakes, and what mypy calls each."""
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(program)]
    variables = {"MYPYPATH": os.pathsep.join(SOURCES), "PATH": ""}
    done = subprocess.run(command, cwd=program.parent, env=variables, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    return first_of_each_line((int(line.split(":")[1]), line.rpartition("[")[2].rstrip("]")) for line in errors)


def pyright(program):
    """Return the lines with mistakes, and what pyright calls each; it is in its wheel, and asks no network."""
    settings = {"include": [program.name], "typeCheckingMode": "strict", "extraPaths": SOURCES}
    (program.parent / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable]
    done = subprocess.run(command, cwd=program.parent, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    errors = [found for found in json.loads(done.stdout)["generalDiagnostics"] if found["severity"] == "error"]
    return first_of_each_line((found["range"]["start"]["line"] + 1, found["rule"]) for found in errors)


def first_of_each_line(found):
    mistakes = {}
    for line, name in found:
        mistakes.setdefault(line, name)
    return mistakes


@pytest.mark.long
@pytest.mark.parametrize("checker", [mypy, pyright])
def test_sound_code_passes_and_mistakes_are_found(checker, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(dedent(SOUND))
    assert checker(program) == {}
    program.write_text(dedent(SOUND) + "".join(f"{line}\n" for line in WRONG))
    begin = dedent(SOUND).count("\n") + 1
    names = [each[checker is pyright] for each in WRONG.values()]
    assert checker(program) == dict(enumerate(names, begin))


def test_every_task_has_an_auto_class_for_type_checkers():
    source = Path(archsmith.__file__).with_suffix(".pyi").read_text(encoding="utf-8")
    aliases = [line for line in source.splitlines() if line.endswith(" = AutoModel")]
    declared = [name.strip() for line in aliases for name in line.split("=")[:-1]]
    assert declared == sorted(map(auto_class_name, TASKS))
