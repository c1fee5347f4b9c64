"""The sandbox in which chat templates run: a stranger's program, with a budget of steps, of text and of time.

Importing this imports jinja2. Every turn of a loop, every text, call, filter and operation of a template pays for what
it makes; what could make much out of little pays before, or is not there.
"""

import contextvars
import datetime as dt
import functools
import json
import re
import time
from collections.abc import Callable
from typing import Any, NoReturn

from jinja2 import nodes, pass_context
from jinja2.exceptions import SecurityError, TemplateRuntimeError
from jinja2.ext import Extension, LoopControlExtension
from jinja2.filters import do_indent
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

__all__ = ["Refused", "Sandbox", "budgeted"]

#: The most characters that a template may make in all, what it only makes on the way counted; a step counts as some.
MAX_WORK, STEP = 2**26, 64
MAX_SECONDS = 20.0
#: What grows out of bounds, or is different each time, and is of no use to a conversation.
_NO_FILTERS = (
    *("attr", "batch", "center", "filesizeformat", "format", "groupby", "pprint", "random", "round"),
    *("slice", "striptags", "sum", "urlencode", "urlize", "wordwrap", "xmlattr"),
)
_NO_METHODS = ("center", "expandtabs", "format", "format_map", "ljust", "rjust", "translate", "zfill")

_budget: contextvars.ContextVar[list[float]] = contextvars.ContextVar("_budget")


class Refused(TemplateRuntimeError):
    """The template itself refuses the conversation, with ``raise_exception``."""


def budgeted(action: Callable[..., Any], *args: Any) -> Any:
    """Return what a function returns that may spend one budget."""
    token = _budget.set([MAX_WORK, time.monotonic() + MAX_SECONDS])
    try:
        return action(*args)
    finally:
        _budget.reset(token)


def _spend(units: float) -> None:
    budget = _budget.get()
    budget[0] -= units
    if budget[0] < 0 or time.monotonic() > budget[1]:
        raise SecurityError("it takes too many steps, or makes too much text")


def _pay(value: Any) -> Any:
    """Pay for a step and the value that it made, and return that."""
    _spend(STEP + (len(value) if isinstance(value, str | list | tuple | dict) else 0))
    return value


def _pay_whole(value: Any) -> Any:
    """Pay for a value and all that is inside, as often as it is there: a list may hold one text many times."""
    todo = [value]
    while todo:
        each = _pay(todo.pop())
        todo += [*each, *each.values()] if isinstance(each, dict) else each if isinstance(each, list | tuple) else ()
    return value


def _replace(text: Any, old: str, new: str, count: int = -1) -> str:
    _spend(str(text).count(old) * len(new))
    return str(text).replace(old, new, count)


def _join(parts: Any, between: str = "", attribute: str | None = None) -> str:
    texts = [str(_pay_whole(part if attribute is None else part[attribute])) for part in parts]
    _spend(len(texts) * len(between))
    return between.join(texts)


def _tojson(value: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, **sort: Any) -> str:
    if len(str(separators)) > 40 or len(str(indent)) > 8 or (isinstance(indent, int) and indent > 16):  # noqa: PLR2004
        raise SecurityError("tojson is to indent or to separate by very long texts")
    return json.dumps(_pay_whole(value), ensure_ascii=ensure_ascii, indent=indent, separators=separators, **sort)


def _indent(text: str, width: int | str = 4, first: bool = False, blank: bool = False) -> str:
    if len(str(width)) > 8 or (isinstance(width, int) and width > 16):  # noqa: PLR2004
        raise SecurityError("indent is to indent by a very long text")
    return do_indent(str(text), width, first, blank)


def _strftime_now(pattern: str) -> str:
    if len(pattern) > 200 or re.search(r"%\W*\d", pattern):  # noqa: PLR2004
        raise SecurityError("strftime_now is given a width, or a very long pattern")
    return dt.datetime.now().strftime(pattern)  # noqa: DTZ005  # where the reader is


def _raise_exception(message: Any) -> NoReturn:
    raise Refused(str(message))


class _Generation(Extension):
    """The block that says what the model has written: what it says stands between two marks, if there are any."""

    tags = {"generation"}

    def parse(self, parser: Any) -> Any:
        """Read the block, as jinja2 asks for it."""
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        call = self.call_method("mark", [nodes.Name("generation_marks", "load")])
        return nodes.CallBlock(call, [], [], body).set_lineno(line)

    def mark(self, marks: Any, caller: Callable[[], str]) -> str:
        """Return what the block says."""
        begin, end = marks or ("", "")
        return f"{begin}{caller()}{end}"


class _Metered(NodeTransformer):
    """Lets those parts of a template pay that jinja2 runs without asking its environment."""

    def visit_For(self, node: Any) -> Any:  # noqa: N802
        node.body.insert(0, nodes.Output([nodes.TemplateData("")], lineno=node.lineno))
        return self.generic_visit(node)

    visit_Macro = visit_CallBlock = visit_For  # noqa: N815

    def generic_visit(self, node: Any, *args: Any) -> Any:
        """Put a filter around what makes a value."""
        node = super().generic_visit(node, *args)
        makes = isinstance(node, nodes.Concat | nodes.TemplateData) or isinstance(getattr(node, "arg", 0), nodes.Slice)
        holds = isinstance(node, nodes.List | nodes.Tuple | nodes.Dict) and getattr(node, "ctx", "load") == "load"
        name = "whole " if holds else "made "
        return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno) if makes or holds else node


class Sandbox(ImmutableSandboxedEnvironment):
    """Jinja as published chat templates expect it. All that it does is to be called by `budgeted`."""

    intercepted_binops = frozenset({"+", "*", "**", "%"})

    def __init__(self) -> None:
        extensions = [_Generation, LoopControlExtension]
        super().__init__(trim_blocks=True, lstrip_blocks=True, extensions=extensions, finalize=_pay_whole)
        own = {"replace": _replace, "join": _join, "indent": _indent, "tojson": _tojson}
        found = {name: each for name, each in self.filters.items() if name not in _NO_FILTERS} | own
        self.filters = {
            name: functools.wraps(each)(lambda *a, _do=each, **k: _pay(_do(*a, **k))) for name, each in found.items()
        }
        self.filters |= {
            "made ": pass_context(lambda _, it: _pay(it)),
            "whole ": pass_context(lambda _, it: _pay_whole(it)),
        }
        self.globals = {name: self.globals[name] for name in ("range", "namespace")}
        self.globals |= {"raise_exception": _raise_exception, "strftime_now": _strftime_now}
        self.globals["dict"] = lambda *args, **values: _pay_whole(dict(*args, **values))

    def _parse(self, *args: Any) -> Any:
        return _Metered().visit(super()._parse(*args)).set_environment(self)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Refuse the methods of texts that grow out of bounds, too."""
        return attr not in _NO_METHODS and super().is_safe_attribute(obj, attr, value)

    def wrap_str_format(self, value: Any) -> None:
        """Leave ``format`` to `is_safe_attribute`, which refuses it."""

    def unsafe_undefined(self, obj: Any, attribute: str) -> NoReturn:
        """Refuse at once, not when the value is used."""
        raise SecurityError(f"it reads the attribute {attribute!r} of a {type(obj).__name__}")

    def call(self, context: Any, function: Any, /, *args: Any, **options: Any) -> Any:
        """Let a call pay for what it makes."""
        text = getattr(function, "__self__", None)
        if isinstance(text, str) and function.__name__ in ("replace", "join"):
            function = functools.partial(
                _replace if function.__name__ == "replace" else lambda by, it: _join(it, by), text
            )
        return _pay(super().call(context, function, *args, **options))

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Let an operation pay for what it makes, and refuse what could make much out of little."""
        if operator == "*" and {type(left), type(right)} <= {int, float}:
            _spend(abs(left * right) / 2**40)
        elif operator == "*" and {type(left), type(right)} == {str, int}:
            _spend(abs(len(left) * right if isinstance(left, str) else left * len(right)))
        elif operator in ("*", "**") or (operator == "%" and isinstance(left, str)):
            raise SecurityError(f"it calculates a {type(left).__name__} {operator} a {type(right).__name__}")
        return _pay(super().call_binop(context, operator, left, right))
