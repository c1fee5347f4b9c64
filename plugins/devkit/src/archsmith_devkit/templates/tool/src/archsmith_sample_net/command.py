"""``archsmith sample-net``: how many numbers each part of a checkpoint holds."""

import math
from collections import Counter
from typing import Annotated

import typer
from archsmith_cli.verb import Page, Report

__all__ = ["count"]


def count(
    checkpoint: Annotated[str, typer.Argument(help="A folder with weights, or a hub id.")],
    depth: Annotated[int, typer.Option(min=1, help="How many parts of a tensor's name make a row.")] = 1,
) -> Report:
    """Say how many numbers each part of a checkpoint holds."""
    # What a command needs is imported when it runs: `archsmith --help` does not wait for it.
    from archsmith.files import Checkpoint, find_weights

    numbers: Counter[str] = Counter()
    for name, tensor in find_weights(Checkpoint.open(checkpoint)).tensors.items():
        numbers[".".join(name.split(".")[:depth])] += math.prod(tensor.shape)

    def draw(page: Page) -> None:
        rows = [(part, f"{amount:,}") for part, amount in numbers.most_common()]
        page.table(("PART", "NUMBERS"), [*rows, ("in all", f"{numbers.total():,}")], right=["NUMBERS"])

    return Report({"parts": dict(numbers), "numbers": numbers.total()}, draw)
