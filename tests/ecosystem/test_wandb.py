"""wandb, offline: watch a model, log its configuration."""

import pytest

from .support import text_inputs

pytestmark = pytest.mark.long


def test_watch(bert, tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    import wandb

    run = wandb.init(project="small", dir=str(tmp_path), config=bert.ours.config.to_dict())
    run.watch(bert.ours, log="all", log_freq=1)
    bert.ours(**text_inputs(labels=3)).loss.backward()
    run.log({"loss": 1.0})
    assert run.config["num_hidden_layers"] == 2
    run.finish()
