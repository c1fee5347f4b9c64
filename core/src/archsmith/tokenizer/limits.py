"""What a tokenizer.json may ask for: a small file cannot take all memory or time, whatever text it is given."""

import base64
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from archsmith.errors import CheckpointCorrupt
from archsmith.messages import announce, shown

__all__ = ["check_limits", "steps_of"]

#: How many times longer than it was the steps of one field may make a text; published files stay below 40.
MAX_GROWTH = 100
#: The most characters of one field, maps of characters left out: of its steps, patterns and templates.
MAX_FIELD = 20_000
#: The longest word that is split into pieces, which takes time by its square; published files have 100.
MAX_WORD = 2_000
#: The most added tokens, through which every call looks.
MAX_ADDED = 100_000

#: Regular expressions that match something or not at all; any other may match nothing, between any two characters.
_CONSUMING = re.compile(r"(?:[^\\?*|^$(){]|\\[sSwWdDntrx]|\\[^\w]|\{[1-9]\d*,?\})+")
#: Characters that a step may make of one: its bytes and a space before them, or a mark before it.
_MARKED = {"ByteLevel": 5, "Metaspace": 2}


def check_limits(content: Mapping[str, Any], where: str) -> None:
    """Refuse a tokenizer.json whose parts could make too much of a text; wrong types are left to the library.

    Raises:
        CheckpointCorrupt: A limit is passed; names the field.
    """
    model = content.get("model")
    model = model if isinstance(model, Mapping) else {}
    found = [
        ("model.max_input_chars_per_word", model.get("max_input_chars_per_word"), MAX_WORD),
        ("the number of added_tokens", _length(content.get("added_tokens")), MAX_ADDED),
    ]
    affixes = ("continuing_subword_prefix", "end_of_word_suffix")
    found += [(f"the length of model.{name}", _length(model.get(name)), MAX_GROWTH) for name in affixes]
    for name in ("normalizer", "pre_tokenizer", "post_processor", "decoder"):
        steps = steps_of(content.get(name))
        size = len(json.dumps(content.get(name))) - sum(_length(step.get("precompiled_charsmap")) for step in steps)
        found.append((f"the size of the {name}", size, MAX_FIELD))
        found.append((f"how many times longer the {name} makes a text", math.prod(map(_growth, steps)), MAX_GROWTH))
    for what, number, most in found:
        if isinstance(number, int | float) and number > most:
            raise CheckpointCorrupt(
                f"{where!r}: {what} is {shown(number)}, which could take all memory or time; expected at most {most}."
            )
    if model.get("dropout"):
        announce(f"{where!r}: model.dropout is {shown(model['dropout'])}, so a text gives other ids each time.")


def steps_of(part: Any) -> list[Mapping[str, Any]]:
    """Return the steps of a field, those in sequences too."""
    if not isinstance(part, Mapping):
        return []
    inner = [step for name, row in part.items() if isinstance(row, list) and name.endswith("rs") for step in row]
    return [part, *(step for one in inner for step in steps_of(one))]


def _growth(step: Mapping[str, Any]) -> int:
    """Return how many times longer a step can make a text, in characters; what Unicode itself makes does not count."""
    pattern, content = step.get("pattern"), _length(step.get("content"))
    if (kind := str(step.get("type"))) in _MARKED:
        return _MARKED[kind]
    if step.get("type") == "Precompiled":
        return _longest_replacement(step.get("precompiled_charsmap"))
    if isinstance(pattern, Mapping) and isinstance(text := pattern.get("String"), str):
        return max(1, math.ceil(content / max(len(text), 1)) + (not text))
    if isinstance(pattern, Mapping):
        return max(1, content + (_CONSUMING.fullmatch(str(pattern.get("Regex"))) is None))
    single, pair = (str(step.get(name)).count("'Sequence'") for name in ("single", "pair"))
    return max(1, single, pair - 1) + _length(step.get("prepend"))


def _longest_replacement(charsmap: Any) -> int:
    """Return the length of the longest text in a map of characters: the size of its index, that, then texts."""
    try:
        raw = base64.b64decode(charsmap)
    except (TypeError, ValueError):
        return 1
    return max(map(len, raw[4 + int.from_bytes(raw[:4], "little") :].decode(errors="replace").split("\0")))


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list) else 0
