"""How the site reads docstrings, which are written to be read in the sources: in the words that its parser knows."""

import ast
import re
from pathlib import Path
from typing import Any

import griffe

_EXAMPLE = re.compile(r"^Example:$", re.MULTILINE)
_BEFORE_CODE = re.compile(r"::$", re.MULTILINE)
_SEVERAL_ERRORS = re.compile(r"^ +([A-Z]\w+, )+[A-Z]\w+: ", re.MULTILINE)
_COMMENT = re.compile(r"(?:^ *#: .*\n)+\Z", re.MULTILINE)


class Docstrings(griffe.Extension):
    """Turns examples into sections, ``::`` before a block of code into a colon, and a list of errors into a type.

    A comment that begins with ``#:`` is the docstring of the attribute below it; fields that are declared with
    ``archsmith.config.field`` become a table in the docstring of their class.
    """

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        """Change the docstring of a module, class, function or attribute before it is parsed."""
        if obj.is_attribute and not obj.docstring and (comment := _comment_above(obj)):
            obj.docstring = griffe.Docstring(comment, parent=obj)
        if obj.is_class and obj.docstring and "Attributes:" not in obj.docstring.value and (table := _fields(obj)):
            obj.docstring.value += f"\n\nAttributes:\n{table}"
        if obj.docstring:
            text = _EXAMPLE.sub("Examples:", obj.docstring.value)
            text = _BEFORE_CODE.sub(":", text)
            obj.docstring.value = _SEVERAL_ERRORS.sub(lambda errors: errors[0].replace(",", " |"), text)


def _fields(cls: griffe.Object) -> str:
    """Return a line for each field that a class declares: its name, what it is and its default."""
    lines = []
    for name, member in cls.members.items():
        call = member.value if isinstance(member, griffe.Attribute) else None
        if isinstance(call, griffe.ExprCall) and str(call.function) == "field":
            given = {each.name: str(each.value) for each in call.arguments if isinstance(each, griffe.ExprKeyword)}
            default = f" Default: ``{given['default']}``." if "default" in given else ""
            lines.append(f"    {name}: {ast.literal_eval(given.get('doc', repr('')))}{default}\n")
    return "".join(lines)


def _comment_above(attribute: griffe.Object) -> str:
    if not isinstance(attribute.filepath, Path) or attribute.lineno is None:
        return ""
    lines = attribute.lines_collection[attribute.filepath][: attribute.lineno - 1]
    comment = _COMMENT.search("".join(f"{line}\n" for line in lines[-9:]))
    return re.sub(r"^ *#: ", "", comment[0], flags=re.MULTILINE) if comment else ""
