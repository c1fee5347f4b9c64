"""Packages whose classes are imported when they are first asked for."""

import importlib
import shutil
import subprocess
import sys

import pytest

from archsmith.lazy import lazy_attributes


def test_only_what_is_asked_for_is_imported():
    find = lazy_attributes("email", {"message": ["Message"], "no_such_module": ["Missing"]})
    assert find("Message").__name__ == "Message"
    with pytest.raises(AttributeError, match=r"^module 'email' has no attribute 'Nothing'$"):
        find("Nothing")
    with pytest.raises(ImportError):
        find("Missing")


def test_a_face_hands_out_what_its_stub_says(tmp_path, monkeypatch):
    package = tmp_path / "toy_face"
    package.mkdir()
    (package / "__init__.py").write_text(
        "from archsmith.lazy import lazy_face\n__getattr__, __dir__ = lazy_face(__name__)"
    )
    (package / "part.py").write_text("One, Two, Private = 1, 2, 3")
    (package / "__init__.pyi").write_text("from toy_face.part import One, Two\n__all__ = ['One', 'Two']\nAlias = One")
    packed = shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "toy_face")
    for place in (str(tmp_path), packed):
        monkeypatch.setattr(sys, "path", [place, *sys.path])
        face = importlib.import_module("toy_face")
        assert face.__file__.startswith(place)
        assert "toy_face.part" not in sys.modules
        assert (face.Two, face.__all__, dir(face)) == (2, ["One", "Two"], ["One", "Two"])
        with pytest.raises(AttributeError, match=r"^module 'toy_face' has no attribute 'Private'$"):
            _ = face.Private
        for name in ("toy_face", "toy_face.part"):
            del sys.modules[name]


def test_a_plugin_package_imports_nothing_heavy():
    code = (
        "import sys, archsmith_distilbert as package\n"
        "assert 'torch' not in sys.modules\n"
        "package.DistilBertConfig\n"
        "assert 'torch' not in sys.modules\n"
        "package.DistilBertModel\n"
        "assert 'torch' in sys.modules\n"
        "assert all(getattr(package, name) for name in package.__all__)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
