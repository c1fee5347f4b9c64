"""What a type checker makes of a user's program: sound code passes, and mistakes are found."""

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

ROOT = Path(__file__).parents[2]
SOUND = """
    from archsmith.config import PreTrainedConfig, Size, field
    from archsmith_distilbert import DistilBertConfig, DistilBertModel, DistilBertTokenizerFast
    from archsmith_resnet import ResNetBackbone, ResNetConfig

    class ToyConfig(PreTrainedConfig):
        model_type = "toy"
        dim: Size = field(default=8, doc="Width.")

    config: DistilBertConfig = DistilBertConfig(dim=96, n_heads=6)
    model: DistilBertModel = DistilBertModel.from_pretrained("folder", config=config, n_layers=2)
    width: int = DistilBertConfig.from_pretrained("folder").dim + ToyConfig(dim=4).dim
    backbone: ResNetBackbone = ResNetBackbone(ResNetConfig(out_indices=[1, 2]))
    channels: list[int] = backbone.channels
    tokenizer: DistilBertTokenizerFast = DistilBertTokenizerFast.from_pretrained("folder", padding_side="left")
"""
#: A wrong line, and what the checker says of it.
WRONG = {
    'DistilBertConfig(dim="wide")': "arg-type",
    "DistilBertConfig(dmi=3)": "call-arg",
    'DistilBertModel.from_pretrained("folder", revision=3)': "arg-type",
    "wrong: str = DistilBertConfig().dim": "assignment",
    "ResNetBackbone(ResNetConfig(out_indices=3))": "arg-type",
}


def check(code, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(dedent(code))
    # Where the sources lie, as a wheel with its py.typed would have them.
    path = ":".join(str(source) for source in [ROOT / "core/src", *ROOT.glob("plugins/*/src")])
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", str(ROOT / "pyproject.toml"), str(program)]
    done = subprocess.run(command, cwd=tmp_path, env={"MYPYPATH": path, "PATH": ""}, capture_output=True, text=True)
    return done.stdout


def test_sound_code_passes_and_mistakes_are_found(tmp_path):
    assert "Success" in check(SOUND, tmp_path)
    found = check(dedent(SOUND) + "".join(f"\n{line}" for line in WRONG), tmp_path).splitlines()
    errors = [line.rpartition("[")[2].rstrip("]") for line in found if ": error:" in line]
    assert errors == list(WRONG.values()), found
