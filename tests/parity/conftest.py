"""Settings of the parity suite: one seed, one thread, and a line at the end that says how near the numbers are."""

import pytest
import torch

from .support import TOLERANCE, tally


@pytest.fixture(autouse=True)
def _seeded_and_single_threaded():
    """Begin each test with the same random numbers; models this small wait for threads longer than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


def pytest_terminal_summary(terminalreporter):
    if tally.tensors:
        terminalreporter.write_line(
            f"parity: {tally.tensors} tensors compared; the worst deviation is {tally.worst:.2g} "
            f"(allowed {TOLERANCE:.0e}), at {tally.where}"
        )
