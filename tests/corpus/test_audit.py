"""Nothing in a checkpoint is run, and nothing outside of it is read: shown by an audit hook around every load."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .audit import VARIABLE

HERE = Path(__file__).parent
#: What is loaded under the hook, beside the sound checkpoints: every kind of damage, in a part of the tensors.
WATCHED = ("audited.py", "test_files.py", "test_tokenizers.py", "test_configurations.py", "test_tensors.py")
#: More of the same kind of damage than is needed here: files are read alike for all architectures.
MORE = "every_field or accepted or settings or every_node or changed_byte or (every_tensor and not base-shards)"
ALIKE = "(maskformer or timm or vit or distilbert) and not that_name_code"
LEFT_OUT = f"not ({MORE}) and not ({ALIKE})"


@pytest.mark.long
def test_no_load_runs_code_or_reads_elsewhere():
    files = [str(HERE / name) for name in WATCHED]
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", LEFT_OUT, *files],
        env={**os.environ, VARIABLE: "1"},
        cwd=HERE.parents[1],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-20_000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed > 50, done.stdout
