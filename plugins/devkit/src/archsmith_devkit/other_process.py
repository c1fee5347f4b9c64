"""The other process of a check: loads what was saved, computes, and lets a worker that it spawns do the same.

``python -m archsmith_devkit.other_process FOLDER`` prints a JSON list of (place, task, output, whether it is the same).
FOLDER holds a checkpoint for each task, with ``inputs.st`` and ``outputs.st`` beside it.
"""

import json
import multiprocessing
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file

import archsmith
from archsmith.config import PreTrainedConfig
from archsmith.tasks import auto_class_name
from archsmith_devkit.harness import load_silently, tensors_of

__all__ = ["computed"]


def computed(place: str, folder: Path, config: PreTrainedConfig | None = None) -> list[tuple[str, str, str, bool]]:
    """Return for each output of a saved model whether it is what it was; a configuration must be the saved one too."""
    model = load_silently(getattr(archsmith, auto_class_name(folder.name)), folder)
    expected = load_file(folder / "outputs.st")
    with torch.no_grad():
        found = tensors_of(model(**load_file(folder / "inputs.st")))
    same = [
        (place, folder.name, name, torch.allclose(found[name], tensor, rtol=1e-5, atol=1e-6))
        for name, tensor in expected.items()
    ]
    return [*same, (place, folder.name, "config", config is None or config == model.config)]


def main(root: Path) -> None:
    """Compute here and in a worker, and print what came of it."""
    folders = sorted(path for path in root.iterdir() if path.is_dir())
    results = [row for folder in folders for row in computed("a fresh process", folder)]
    configs = [archsmith.AutoConfig.from_pretrained(folder) for folder in folders]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        places = ["a spawned worker"] * len(folders)
        for rows in pool.starmap(computed, zip(places, folders, configs, strict=True)):
            results += rows
    print(json.dumps(results))  # noqa: T201  # it is read by the check


if __name__ == "__main__":
    main(Path(sys.argv[1]))
