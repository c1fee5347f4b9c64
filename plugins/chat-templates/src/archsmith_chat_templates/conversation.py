"""Conversations as callers give them: checked, and copied into values that a template can do nothing with."""

from collections.abc import Mapping
from typing import Any

from archsmith.errors import InputError
from archsmith.messages import did_you_mean, shown

__all__ = ["MARKS", "mark_end", "plain", "read_messages"]

#: The roles that any conversation may have; others are those that its template names.
_ROLES = ("system", "user", "assistant", "tool", "developer", "function", "ipython")
#: What the field calls a message's reasoning, the usual name first; and the keys that may stand for a content.
_REASONING = ("reasoning_content", "thinking", "reasoning")
_CONTENT = ("tool_calls", *_REASONING)
_MAX_DEPTH = 64
#: What no text holds: they stand around what the model wrote, or where its last message ends.
MARKS = ("\U000f0000", "\U000f0001")


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """Return a copy of plain values, which have no methods that a template could use. Raises `InputError`."""
    if depth > _MAX_DEPTH:
        raise InputError(f"{where[:80]}… is nested deeper than {_MAX_DEPTH} levels.")
    if value is None or type(value) in (bool, int, float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {
            plain(key, f"a key of {where}", depth): plain(each, f"{where}[{shown(key)}]", depth + 1)
            for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [plain(each, f"{where}[{place}]", depth + 1) for place, each in enumerate(value)]
    raise InputError(f"{where} is {shown(value)}; expected texts, numbers, lists and dictionaries, as JSON has them.")


def read_messages(conversation: Any, where: str, template: str) -> list[dict[str, Any]]:
    """Check a conversation and return a copy. Raises `InputError`: a message is of a wrong form."""
    if not isinstance(conversation, list | tuple) or not conversation:
        raise InputError(f"{where} must be a list of at least one message, but is {shown(conversation)}.")
    messages = []
    for place, message in enumerate(conversation):
        at = f"{where}[{place}]"
        if not isinstance(message, Mapping):
            raise InputError(f"{at} must be a dictionary with role and content, but is {shown(message)}.")
        held = {key: each for key, each in plain(message, at).items() if each is not None}
        role, content = held.get("role"), held.get("content")
        if not isinstance(role, str) or (role not in _ROLES and role not in template):
            known = f"one of {', '.join(_ROLES)}, or a role that the template names"
            raise InputError(f"{at} has the role {shown(role)}; expected {known}.{did_you_mean(str(role), _ROLES)}")
        if not isinstance(content, str | list) and (content is not None or held.keys().isdisjoint(_CONTENT)):
            raise InputError(f"{at} has the content {shown(content)}; expected a text, or a list of parts.")
        reasoning = next((held[name] for name in _REASONING if name in held), None)
        messages.append(held if reasoning is None else {"thinking": reasoning, **held, _REASONING[0]: reasoning})
    return messages


def mark_end(message: dict[str, Any], asked: bool | str) -> None:
    """Put a mark where the last message ends. Raises `InputError`: it has no text there."""
    name = asked if isinstance(asked, str) else "content"
    parts = message.get(name)
    texts = [part for part in parts if isinstance(part, dict) and "text" in part] if isinstance(parts, list) else []
    holder, key = (texts[-1], "text") if texts else (message, name)
    if not isinstance(holder.get(key), str):
        raise InputError(f"continue_final_message={asked!r}: the last message has no text {name!r} to go on with.")
    ended = f"{holder[key]}{MARKS[0]} "
    for same in _REASONING if name in _REASONING else (key,):
        holder[same] = ended
