"""What a chat template makes of a conversation."""

import functools
import re
from typing import Any

from jinja2 import meta

from archsmith.errors import InputError
from archsmith.messages import clean, said_by
from archsmith_chat_templates.conversation import MARKS, mark_end
from archsmith_chat_templates.sandbox import Refused, Sandbox, budgeted

__all__ = ["MARKS_NAME", "compile_template", "guarded", "render_text", "spoken_spans"]

#: The most characters of a template.
_MAX_TEMPLATE = 2**20
#: The variable by which the block ``generation`` learns of the marks.
MARKS_NAME = "generation_marks"


@functools.lru_cache(maxsize=32)
def compile_template(template: str) -> tuple[Any, frozenset[str]]:
    """Return what renders a template, and the names of the variables that it reads."""
    if len(template) > _MAX_TEMPLATE:
        raise ValueError(f"it has {len(template):,} characters, and {_MAX_TEMPLATE:,} are the most")
    sandbox = Sandbox()
    read = frozenset(meta.find_undeclared_variables(budgeted(sandbox.parse, template)))
    render = budgeted(sandbox.from_string, template).render
    return functools.partial(budgeted, render), read


def guarded(action: Any, *args: Any) -> Any:
    """Call what runs a template. Raises `InputError`: the template is wrong, or refuses the conversation."""
    try:
        return action(*args)
    except Exception as error:  # a stranger's program
        told = getattr(error, "message", None)  # of jinja2's, without a file's name
        said = (clean(told)[:500] if isinstance(told, str) else said_by(error)).rstrip(".") or type(error).__name__
        if isinstance(error, Refused):
            raise InputError(f"the chat template refuses the conversation: {said}.") from error
        line = getattr(error, "lineno", None)
        at = "" if line is None else f", line {line}"
        raise InputError(f"the chat template cannot be applied{at}: {said}.") from error


def render_text(render: Any, variables: dict[str, Any], continues: bool | str) -> str:
    """Return the text of a conversation; with ``continues`` up to where the last message ends."""
    if continues is not False:
        mark_end(variables["messages"][-1], continues)
    text, mark, rest = guarded(render, variables).rpartition(MARKS[0])
    if continues is False:
        return str(text + mark + rest)
    if not mark:
        raise InputError("continue_final_message: the chat template leaves out or changes the text to go on with.")
    if MARKS[0] in text:
        raise InputError("continue_final_message: the chat template writes the text to go on with more than once.")
    return str(text if rest.startswith(" ") else text.rstrip())


def spoken_spans(render: Any, text: str, variables: dict[str, Any]) -> list[tuple[int, int]]:
    """Return where in the text of a conversation the model itself speaks."""
    place, spans, plain = 0, [], ""
    for part in re.split(f"([{''.join(MARKS)}])", guarded(render, variables | {MARKS_NAME: MARKS})):
        if part == MARKS[0]:
            place = len(plain)
        elif part == MARKS[1]:
            spans.append((place, len(plain)))
        else:
            plain += part
    if plain != text:
        raise InputError("return_assistant_tokens_mask: the chat template changes the text of a generation block.")
    return spans
