"""Fixtures for the command line: run it in this process on pretended installations, or as a process of its own."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import pytest

from archsmith.registry import registry
from archsmith_cli.main import run

TOY_CONFIG = """
    from archsmith.config import PreTrainedConfig, Probability, Size, field

    class ToyConfig(PreTrainedConfig):
        '''A toy's configuration.

        More about it.
        '''

        model_type = "toy"
        attribute_map = {"hidden_size": "dim"}
        dim: Size = field(default=4, doc="Width of the hidden states.")
        dropout: Probability = field(default=0.1, doc="Share of values that are dropped.")
        name: str = field(default="a toy")
"""
TOY_MODEL = """
    import torch
    from archsmith.model import PreTrainedModel
    from toy_toy.config import ToyConfig

    class ToyModel(PreTrainedModel):
        config_class = ToyConfig
        base_model_prefix = "toy"

        def __init__(self, config):
            super().__init__(config)
            self.inner = torch.nn.Linear(config.dim, config.dim)

    class ToyForMaskedLM(PreTrainedModel):
        config_class = ToyConfig
        base_model_prefix = "toy"

        def __init__(self, config):
            super().__init__(config)
            self.toy = ToyModel(config)
            self.head = torch.nn.Linear(config.dim, 2)
"""


@dataclass
class Result:
    """How a run ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """The JSON on standard output; fails if there is anything else."""
        return json.loads(self.out)


@pytest.fixture
def archsmith(site, capsys):
    """Return a function that runs a command line here, with what the `site` holds and nothing else installed."""
    yield from caller(capsys)


@pytest.fixture
def installed(capsys):
    """Return a function that runs a command line here, with the plugins that are really installed."""
    yield from caller(capsys)


def caller(capsys):
    registry.__init__()

    def call(*args) -> Result:
        capsys.readouterr()
        code = run([str(arg) for arg in args])
        written = capsys.readouterr()
        return Result(code, written.out, written.err)

    call.fresh = registry.__init__
    yield call
    registry.__init__()


@pytest.fixture
def toy(site, manifest_of):
    """Install a sound plugin: a configuration, two models, a preset."""
    fields = 'presets={"toys/small": {"dim": 2}}, aliases={"OldToy": "ToyForMaskedLM"}, '
    site.install("toy", manifest=manifest_of("toy_toy", "toy", fields))
    site.write("toy_toy/config.py", dedent(TOY_CONFIG))
    site.write("toy_toy/model.py", dedent(TOY_MODEL))


@pytest.fixture
def process(site):
    """Return a function that runs a Python program in a process that also sees the `site`."""

    def call(*args, code="from archsmith_cli.main import main; main()", **variables) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, args)],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
            check=False,
            env={**os.environ, "PYTHONPATH": str(site.root), "PYTHONUTF8": "1", **variables},
        )

    return call
