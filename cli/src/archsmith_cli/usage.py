"""What typer says of a wrong command line, with what it leaves out: the value, what was expected, and where to look."""

from collections.abc import Callable, Sequence
from typing import Any

__all__ = ["explaining"]


def explaining(parse: Callable[[Any, list[str]], Any]) -> Callable[[Any, list[str]], Any]:
    """Return a command's method that parses its arguments, and completes what it says of wrong ones."""

    def parse_args(context: Any, args: list[str]) -> Any:
        given = tuple(args)
        try:
            _refuse_repeated(context, given)
            return parse(context, args)
        except Exception as error:
            fault: Any = error
            if hasattr(fault, "format_message") and hasattr(fault, "ctx"):
                fault.ctx = fault.ctx or context
                fault.message = _completed(fault, context, given)
            raise

    return parse_args


def _refuse_repeated(context: Any, given: Sequence[str]) -> None:
    """Refuse an option with one value that is given several: all but the last would be ignored without a word."""
    if context.resilient_parsing:
        return
    options = [param for param in context.command.params if param.param_type_name == "option"]
    takes = {name for option in options if not (option.is_flag or option.count) for name in option.opts}
    seen: dict[str, int] = {}
    words = iter(given)
    for word in words:
        if word == "--":
            break
        name, attached, _ = word.partition("=")
        if name in takes:
            seen[name] = seen.get(name, 0) + 1
            if not attached:
                next(words, None)
    for option in options:
        times = sum(seen.get(name, 0) for name in option.opts)
        if times > 1 and not option.multiple:
            context.fail(f"Option {option.opts[0]!r} is given {times} times, but has one value.")


def _completed(error: Any, context: Any, given: Sequence[str]) -> str:
    said: str = error.message
    if hasattr(error.__cause__, "errors"):  # of pydantic, which leaves the value to whoever shows the error
        values = [each["input"] for each in error.__cause__.errors()]
        return f"{', '.join(map(repr, values))}: {said}"
    wanted = getattr(getattr(error, "param", None), "help", None)
    if said == "" and wanted:  # an argument is missing
        return f"Expected: {wanted}"
    option = getattr(error, "option_name", None)
    param = next((each for each in context.command.params if option in getattr(each, "opts", ())), None)
    if param is None:
        return said
    if said.endswith("requires an argument."):
        return f"{said.removesuffix('.')}, {param.metavar or param.display_type(context) or 'a value'}."
    attached = next((each.partition("=")[2] for each in given if each.startswith(f"{option}=")), None)
    return said if attached is None else f"{said.removesuffix('.')}, but got {attached!r}."
