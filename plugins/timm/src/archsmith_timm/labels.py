"""The names of ImageNet's classes, from the lists that timm brings. Free of timm and of torch."""

import csv
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

__all__ = ["imagenet_labels"]

#: How many classes the sets of ImageNet have, and the list of each: there, the number tells the set.
_LISTS = {
    1000: "imagenet_synsets.txt",
    11221: "imagenet21k_miil_synsets.txt",
    11821: "imagenet12k_synsets.txt",
    21841: "imagenet22k_synsets.txt",
    21842: "imagenet22k_ms_synsets.txt",
    21843: "imagenet21k_goog_synsets.txt",
}


def imagenet_labels(count: Any) -> list[str] | None:
    """Return the names of the classes of the set of ImageNet that has so many; None if there is none."""
    file = _LISTS.get(count) if isinstance(count, int) else None
    if file is None:
        return None
    try:
        folder = Path(str(distribution("timm").locate_file("timm/data/_info")))
        words = dict(csv.reader(_lines(folder / "imagenet_synset_to_lemma.txt"), delimiter="\t"))
        return [words[synset] for synset in _lines(folder / file)]
    except (PackageNotFoundError, OSError, KeyError):
        return None  # a timm without them: the classes keep their numbers


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()
