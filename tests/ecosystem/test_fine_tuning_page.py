"""docs/fine-tuning.md runs as written, the blocks that need other people's trainers included."""

import re
import sys
from pathlib import Path

import pytest

from ..parity.oracle import transformers  # imports it beside torch for CPUs

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "fine-tuning.md"


@pytest.mark.filterwarnings("ignore::archsmith.errors.ArchsmithWarning")  # heads that start anew, as it says
def test_it_runs_as_written():
    text = PAGE.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__"}
    for match in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        start = text[: match.start()].count("\n") + 1
        exec(compile("\n" * start + match[1], str(PAGE), "exec"), namespace)
    assert namespace["transformers"].__version__ == transformers.__version__
    assert {"accelerate", "lightning", "peft"} <= sys.modules.keys()
