"""The device that the tests of this folder run on: a CUDA device, or what ``--device`` names."""

import os

import pytest
import torch


@pytest.fixture(scope="session")
def device(pytestconfig):
    """The device; the numbers of matrices are those of float32 on it, not of its faster approximation."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    found = torch.device(pytestconfig.option.device)
    if found.type == "cuda" and not torch.cuda.is_available():
        pytest.fail("there is no CUDA device: run this where there is one, or pass --device cpu")
    return found
