"""What several files of these tests need."""

import pytest

from .run_support import called, make_classifier


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_classifier(tmp_path_factory.mktemp("run") / "m")


@pytest.fixture
def archsmith(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *args: called(capsys, *args)
