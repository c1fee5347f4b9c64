"""Settings of the tests of other people's tools: what those announce is theirs, what we announce is a failure."""

from pathlib import Path

import pytest
import torch

from .support import make_pair, write_vocabulary

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Leave the warnings of the tools out of it, but not ours."""
    for item in items:
        if item.path.parent == HERE:
            item.add_marker(pytest.mark.filterwarnings("error::archsmith.errors.ArchsmithWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def _alone(tmp_path, monkeypatch):
    """Begin each test with the same random numbers, in a folder of its own, which is home for all that tools keep."""
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    for variable in ("HF_HOME", "HF_DATASETS_CACHE", "WANDB_DIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "kept"))


@pytest.fixture
def bert():
    """A classifier of texts, here and in the reference library, with the same weights."""
    return make_pair("BertForSequenceClassification", num_labels=3)


@pytest.fixture
def distilbert():
    """A classifier of texts without segments."""
    return make_pair("DistilBertForSequenceClassification", num_labels=3)


@pytest.fixture
def masked():
    """A model whose decoder is its embeddings: tied weights."""
    return make_pair("BertForMaskedLM")


@pytest.fixture
def vit():
    """A classifier of images."""
    return make_pair("ViTForImageClassification", num_labels=3)


@pytest.fixture
def vocabulary(tmp_path):
    """A vocab.txt of letters and a few words."""
    return write_vocabulary(tmp_path / "vocabulary")
