"""What a second process runs, of the tests that need two that talk to each other."""

import os
import time
from pathlib import Path

import torch
import torch.distributed as dist

from .support import make_pair, text_inputs


def start(rank: int, port: int) -> None:
    """Join the group of two."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group("gloo", rank=rank, world_size=2)


def halves(rank: int) -> dict[str, torch.Tensor]:
    """Return the rows of one of the two."""
    return {name: value[rank * 2 : rank * 2 + 2] for name, value in text_inputs(labels=3).items()}


def end(rank: int, file: str) -> None:
    """Leave the process when the other one is here too: taking a group down in order waits for ever now and then."""
    done = [Path(f"{file}.{each}") for each in range(2)]
    done[rank].touch()
    for _ in range(600):
        if all(each.exists() for each in done):
            break
        time.sleep(0.1)
    os._exit(0)


def train_ddp(rank: int, port: int, side: str, file: str) -> None:
    """Train one step on half of the rows, and save the parameters."""
    start(rank, port)
    model = getattr(make_pair("BertForSequenceClassification", num_labels=3), side)
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(wrapped.parameters(), lr=0.1)
    wrapped(**halves(rank)).loss.backward()
    optimizer.step()
    if rank == 0:
        torch.save(model.state_dict(), file)
    end(rank, file)


def train_fsdp(rank: int, port: int, side: str, file: str) -> None:
    """As `train_ddp`, with the parameters of each layer shared out between the two."""
    from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
    from torch.distributed.fsdp import fully_shard

    start(rank, port)
    mesh = dist.init_device_mesh("cpu", (2,))
    model = getattr(make_pair("BertForSequenceClassification", num_labels=3), side)
    for layer in model.bert.encoder.layer:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(**halves(rank)).loss.backward()
    optimizer.step()
    whole = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True))
    if rank == 0:
        torch.save(whole, file)
    end(rank, file)
