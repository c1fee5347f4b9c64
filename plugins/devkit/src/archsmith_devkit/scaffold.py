"""The files of a new distribution: templates, in which a few words are replaced.

A template is a project that works as it stands, for a model called SampleNet; what all kinds have in common lies beside
them. A file that is in both is put together, that of the kind first.
"""

import re
from collections.abc import Mapping
from pathlib import Path

__all__ = ["KINDS", "project_files"]

#: What can be made → what it is.
KINDS: Mapping[str, str] = {
    "text": "an encoder of texts with a classifier and tokenizers",
    "decoder": "a decoder that goes on with texts, with a cache and tokenizers",
    "vision": "a network for images with a classifier and an image processor",
    "audio": "a network for audio with a classifier and a feature extractor",
    "composite": "two encoders, of images and of texts, that are compared, with a processor",
    "processor": "an image processor, tokenizers and a processor, without a model",
    "backbone": "a vision backbone with an image processor",
    "extension": "a new task for somebody else's architecture",
    "tool": "a command for archsmith",
}

_TEMPLATES = Path(__file__).parent / "templates"
_CACHES = {"__pycache__", ".ruff_cache", ".mypy_cache", ".pytest_cache"}


def project_files(kind: str, words: Mapping[str, str]) -> dict[str, str]:
    """Return path → text of the files of one kind.

    Args:
        kind: One of `KINDS`.
        words: Words of the templates → what stands in their place; of two that begin alike the longer one goes first.
    """
    files: dict[str, str] = {}
    for root in (_TEMPLATES / kind, _TEMPLATES / "common"):
        for path in sorted(root.rglob("*")):
            relative = path.relative_to(root)
            if path.is_file() and not _CACHES.intersection(relative.parts):
                place = _filled(relative.as_posix(), words)
                files[place] = files.get(place, "") + _filled(path.read_text(encoding="utf-8"), words)
    return files


def _filled(text: str, words: Mapping[str, str]) -> str:
    longest_first = sorted(words, key=len, reverse=True)
    return re.sub("|".join(map(re.escape, longest_first)), lambda found: words[found[0]], text)
