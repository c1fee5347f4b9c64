"""fully_shard (FSDP2) over gloo, in two processes: one step is the step of one process on all rows."""

import socket
from pathlib import Path

import pytest
import torch

from ..parity.support import assert_close
from .processes import train_fsdp
from .support import make_pair, text_inputs

pytestmark = pytest.mark.long


def free_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


@pytest.mark.parametrize("side", ["ours", "theirs"])
def test_one_step(side, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))  # where the processes find this package
    torch.multiprocessing.spawn(train_fsdp, (free_port(), side, str(tmp_path / "end.pt")), nprocs=2)
    alone = make_pair("BertForSequenceClassification", num_labels=3).ours
    optimizer = torch.optim.SGD(alone.parameters(), lr=0.1)
    alone(**text_inputs(labels=3)).loss.backward()
    optimizer.step()
    end = torch.load(tmp_path / "end.pt", weights_only=True)
    for name, value in alone.named_parameters():
        assert_close(end[name], value.detach(), name, 1e-4)
