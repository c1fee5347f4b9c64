"""The page of errors: every class of the tree is on it, and every message on it is the one that is really raised."""

import os
import re
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from archsmith import errors

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
#: Runs the examples of a page; what is said of soxr and the hub on it is so.
RUN = """
import doctest, pathlib, re, sys, warnings
sys.modules["soxr"] = None
warnings.simplefilter("ignore")
doctest.ELLIPSIS_MARKER = r"\\u2026"  # as doctest compares it
text = pathlib.Path(sys.argv[1]).read_text(encoding="utf-8")
examples = "\\n".join(re.findall(r"^```pycon\\n(>>>.*?)^```$", text, re.MULTILINE | re.DOTALL))
test = doctest.DocTestParser().get_doctest(examples, {}, "errors.md", sys.argv[1], 0)
runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
runner.run(test)
sys.exit(runner.failures)
"""


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory):
    """A folder with the distributions of which the page speaks, installed for whoever has it in PYTHONPATH."""
    site = tmp_path_factory.mktemp("site")
    for name, model_type, requires, source in (
        ("acme-off", "off", "archsmith", None),
        ("acme-twin-a", "twin", "archsmith", None),
        ("acme-twin-b", "twin", "archsmith", None),
        ("acme-newer", "newer", "archsmith>=99", None),
        ("acme-broken", "broken", "archsmith", "import acme_is_not_installed\n"),
    ):
        package = name.replace("-", "_")
        info = site / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: {requires}\n"
        )
        (info / "entry_points.txt").write_text(f"[archsmith.architectures]\n{model_type} = {package}.plugin\n")
        (site / package).mkdir()
        (site / package / "__init__.py").touch()
        (site / package / "plugin.py").write_text(source or manifest(model_type, package))
    return site


def manifest(model_type, package):
    return dedent(f"""
        from archsmith.plugin import Architecture, hookimpl

        @hookimpl
        def architectures():
            yield Architecture(model_type="{model_type}", config="{package}.config:{model_type.capitalize()}Config")
        """)


def test_every_class_is_on_it():
    text = PAGE.read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| `(\w+)` \| *(.*?) *\|", text, re.MULTILINE))
    roots = {errors.ArchsmithError, errors.PluginError, errors.CheckpointError}
    for name in errors.__all__:
        found = getattr(errors, name)
        if not isinstance(found, type):
            continue
        if found not in roots:
            assert f"### {name}\n" in text, f"{name} has no section"
            assert re.search(rf"^archsmith\.errors\.{name}: |print\(said", text, re.MULTILINE), f"{name} has no example"
        if found not in (errors.ArchsmithError, errors.ArchsmithWarning):
            builtin = [f"`{base.__name__}`" for base in found.__bases__ if base.__module__ == "builtins"]
            assert table[name] == "".join(builtin), f"{name} is also a {builtin}"


def test_every_message_is_as_it_reads(surroundings, tmp_path):
    variables = {
        "PYTHONPATH": str(surroundings),
        "ARCHSMITH_DISABLE": "acme-off",
        "HF_HUB_OFFLINE": "1",
        "HF_HUB_CACHE": str(tmp_path / "hub"),
    }
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(PAGE)],
        cwd=tmp_path,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
