"""Where the files of a whole hold one of its parts, as those of a CLIP its text model."""

import contextlib
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from archsmith.config.names import field_names
from archsmith.errors import ArchsmithError

__all__ = ["places_of", "ties_of"]


def places_of(names: Collection[str], held: Iterable[str]) -> list[str]:
    """Return what stands before a part's parameters in the files of a whole: where at least half of them are.

    Args:
        names: The parameters.
        held: What the files hold.
    """
    starts = ((key, [0, *(dot.end() for dot in re.finditer(r"\.", key))]) for key in held)
    found = Counter(key[:start] for key, places in starts for start in places if key[start:] in names)
    return sorted(place for place, count in found.items() if 2 * count >= len(names))


def ties_of(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the tied parameters of the model that a whole's config.json says it was saved from; none if unknown."""
    from archsmith.registry.base import registry

    saved_from, model_type = values.get("architectures"), str(values.get("model_type"))
    for task in registry.tasks(model_type) if model_type in registry.names() else ():
        with contextlib.suppress(ArchsmithError):  # one that cannot be used tells nothing; a missing key is told then
            cls = registry.load(model_type, f"models.{task}")
            if isinstance(saved_from, list) and cls.__name__ in saved_from:
                usual = field_names(cls.config_class).default("tie_word_embeddings")
                return dict(cls.tied_weights) if values.get("tie_word_embeddings", usual) else {}
    return {}
