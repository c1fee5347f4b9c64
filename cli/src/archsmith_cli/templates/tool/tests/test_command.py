"""The command runs, and counts right."""

from pathlib import Path

import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from archsmith_sample_net.command import app


def test_it_counts(tmp_path: Path) -> None:
    tensors = {"encoder.first.weight": torch.zeros(3, 4), "encoder.last.weight": torch.zeros(5), "head": torch.zeros(2)}
    save_file(tensors, tmp_path / "model.safetensors")
    shallow = CliRunner().invoke(app, [str(tmp_path)]).output
    assert [line.split() for line in shallow.splitlines()] == [["17", "encoder"], ["2", "head"], ["19", "in", "all"]]
    deep = CliRunner().invoke(app, [str(tmp_path), "--depth", "2"]).output
    assert [line.split()[:2] for line in deep.splitlines()][:2] == [["12", "encoder.first"], ["5", "encoder.last"]]
