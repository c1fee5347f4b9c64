"""BERT's normalizer within a tokenizer of the library ``tokenizers``."""

import json
from collections.abc import Mapping
from typing import Any

from archsmith.tokenizer import import_tokenizers

__all__ = ["bert_options", "changed_normalizer", "normalizer_state"]


def normalizer_state(normalizer: Any) -> dict[str, Any]:
    """Return a normalizer as tokenizer.json writes it; empty if there is none, or it is written in Python."""
    if normalizer is None:
        return {}
    try:
        return json.loads(normalizer.__getstate__())  # type: ignore[no-any-return]
    except Exception:  # noqa: BLE001 - the library raises bare exceptions
        return {}


def bert_options(state: dict[str, Any]) -> dict[str, Any] | None:
    """Return the options of BERT's normalizer, which may stand in a sequence, or None."""
    if state.get("type") == "BertNormalizer":
        return state
    found = (bert_options(part) for part in state.get("normalizers", ()))
    return next((options for options in found if options is not None), None)


def changed_normalizer(normalizer: Any, changes: Mapping[str, Any]) -> Any:
    """Return a normalizer with other options for BERT's part of it."""
    state = normalizer_state(normalizer)
    options = bert_options(state)
    if options is not None:
        options.update(changes)
    new = import_tokenizers().normalizers.Sequence([])
    new.__setstate__(json.dumps(state).encode())
    return new
