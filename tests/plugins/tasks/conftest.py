"""What several files of these tests need."""

import pytest
from tests.third_party.strangers import installed

from .run_support import called, make_classifier


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_classifier(tmp_path_factory.mktemp("run") / "m")


@pytest.fixture
def archsmith(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: called(capsys, *args)


@pytest.fixture(scope="module")
def clip_installed(tmp_path_factory):
    with installed(tmp_path_factory.mktemp("metadata"), "clip"):
        yield
