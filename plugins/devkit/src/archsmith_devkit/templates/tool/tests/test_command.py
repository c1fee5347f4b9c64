"""The command counts right, and draws what it counted."""

import io
from pathlib import Path

import torch
from archsmith_cli.verb import Page
from safetensors.torch import save_file

from archsmith_sample_net.command import count


def test_it_counts(tmp_path: Path) -> None:
    tensors = {"encoder.first.weight": torch.zeros(3, 4), "encoder.last.weight": torch.zeros(5), "head": torch.zeros(2)}
    save_file(tensors, tmp_path / "model.safetensors")
    report = count(str(tmp_path))
    assert report.data == {"parts": {"encoder": 17, "head": 2}, "numbers": 19}
    drawn = io.StringIO()
    report.draw(Page(drawn))
    assert drawn.getvalue() == "PART     NUMBERS\nencoder       17\nhead           2\nin all        19\n"
    deep = {"encoder.first": 12, "encoder.last": 5, "head": 2}
    assert count(str(tmp_path), depth=2).data["parts"] == deep
