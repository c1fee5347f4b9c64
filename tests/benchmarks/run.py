"""Print the budgets of the design beside what is measured now: ``make bench``, or ``run.py NAME…`` for some of them.

Nothing here passes or fails: machines differ and are shared. Ratios hold within one run. With ``--tiny`` everything
runs once, at a size that tells nothing of time.
"""

import os
import sys
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "true"
sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import bulk
import forward
import generation
import preprocessing
import start
from rich.console import Console
from rich.table import Table

BENCHES = {
    "import": start.bench_import,
    "list": start.bench_list,
    "cold": start.bench_cold,
    "warm": start.bench_warm,
    "save": start.bench_save,
    "forward": forward.bench_forward,
    "vision": forward.bench_vision,
    "speech": forward.bench_speech,
    "tokenise": preprocessing.bench_tokenise,
    "audio": preprocessing.bench_audio,
    "images": preprocessing.bench_images,
    "generation": generation.bench_generation,
    "generation-memory": generation.bench_memory,
    "compiled": generation.bench_compiled,
    "bulk": bulk.bench_bulk,
    "prompts": bulk.bench_prompts,
    "bulk-images": bulk.bench_bulk_images,
    "bulk-audio": bulk.bench_bulk_audio,
    "bulk-memory": bulk.bench_bulk_memory,
}


def main() -> None:
    names = [name for name in sys.argv[1:] if name != "--tiny"] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.exit(f"unknown benchmark {unknown[0]!r}; expected one of {', '.join(BENCHES)}")
    table = Table("what", "ours", "× floor", "× oracle", "budget", title="Medians; ratios within this run")
    for name in names:
        for row in BENCHES[name]():
            table.add_row(*row)
            print("  ".join(row), file=sys.stderr)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
