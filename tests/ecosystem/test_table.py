"""The page about other people's tools says what the tests say."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

HERE = Path(__file__).parent
#: This one, and the page that several of the tools are on.
NOT_TOOLS = {Path(__file__).name, "test_fine_tuning_page.py"}
PAGE = HERE.parents[1] / "docs" / "works-with.md"


def rows():
    """Return the file of each row, and what the row says of archsmith."""
    lines = [line.split("|")[1:-1] for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    return {f"test_{re.sub(r'[^a-z0-9]+', '_', cells[0].strip().lower())}.py": cells[3] for cells in lines[1:]}


def test_each_row_is_a_file():
    assert sorted(rows()) == sorted({file.name for file in HERE.glob("test_*.py")} - NOT_TOOLS)


def test_rows_say_what_fails():
    """What the table says fails is what is expected to fail."""
    for name, here in rows().items():
        assert ("fails" in here) is ("mark.xfail" in (HERE / name).read_text(encoding="utf-8")), name
