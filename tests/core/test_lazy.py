"""Packages whose classes are imported when they are first asked for."""

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
