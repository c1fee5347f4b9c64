"""Settings of the parity suite: one seed, and a line at the end that says how near the numbers are."""

import pytest
import torch

from .support import TOLERANCE, tally


@pytest.fixture(autouse=True)
def _seeded():
    """Begin each test with the same random numbers."""
    torch.manual_seed(0)


def pytest_terminal_summary(terminalreporter):
    if tally.tensors:
        terminalreporter.write_line(
            f"parity: {tally.tensors} tensors compared; the worst deviation is {tally.worst:.2g} "
            f"(allowed {TOLERANCE:.0e}), at {tally.where}"
        )
