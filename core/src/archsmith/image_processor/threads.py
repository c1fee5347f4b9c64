"""Work on several images at a time: Pillow and numpy let threads run while they compute."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

__all__ = ["in_threads"]

_MOST = 8

_Made = TypeVar("_Made")


def in_threads(make: Callable[[int], _Made], count: int) -> list[_Made]:
    """Return what a function makes of each number below a count; one number needs no thread.

    The first exception is raised once no thread runs any more.
    """
    threads = min(os.cpu_count() or 1, count, _MOST)
    if threads == 1:
        return [make(index) for index in range(count)]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(make, range(count)))
