"""Each distribution carries its licence, says which it is, and shows its README: as a wheel and as an archive."""

import email
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.wheel import WheelBuilder
from packaging.metadata import Metadata

ROOT = Path(__file__).parents[2]
MEMBERS = [ROOT / "core", ROOT / "cli", *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]
LICENCE = (ROOT / "LICENSE").read_bytes()
BUILD = """
import sys
from hatchling.build import build_sdist, build_wheel
build_sdist(sys.argv[1])
build_wheel(sys.argv[1])
"""


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_licence_is_the_same_everywhere(member):
    assert (member / "LICENSE").read_bytes() == LICENCE


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_wheels_hold_the_numbers_of_the_original(member):
    """A recording that is not in the wheel is not replayed where the plugin is installed."""
    recorded = {path for path in member.rglob("reference/*/*") if path.is_file()}
    included = {Path(file.path) for file in WheelBuilder(str(member)).recurse_included_files()}
    assert recorded <= included


def test_the_wheel_of_the_core_holds_the_stubs():
    """A lazy face reads its names from the stub beside it."""
    stubs = set((ROOT / "core" / "src").rglob("*.pyi"))
    assert len(stubs) > 1
    assert stubs <= {Path(file.path) for file in WheelBuilder(str(ROOT / "core")).recurse_included_files()}


@pytest.mark.long
@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: member.name)
def test_wheel_and_source_archive(member, tmp_path):
    subprocess.run([sys.executable, "-c", BUILD, str(tmp_path)], cwd=member, check=True, capture_output=True)
    (wheel,), (archive,) = tmp_path.glob("*.whl"), tmp_path.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        written = packed.read(next(name for name in names if name.endswith("/METADATA")))
        licences = [packed.read(name) for name in names if name.endswith(".dist-info/licenses/LICENSE")]
        assert any(name.endswith("/__init__.py") for name in names)
    assert licences == [LICENCE]
    checked = Metadata.from_email(written, validate=True)  # raises on a field that is unknown, repeated or malformed
    assert not [label for label in checked.classifiers if label.startswith("License ::")]
    assert {"Homepage", "Documentation", "Source", "Changelog", "Issues"} == checked.project_urls.keys()
    metadata = email.message_from_bytes(written)
    assert (metadata["License-Expression"], metadata.get_all("License-File")) == ("Apache-2.0", ["LICENSE"])
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert (
        metadata.get_payload(decode=True).decode().strip() == (member / "README.md").read_text(encoding="utf-8").strip()
    )
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    assert {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO"} <= names
