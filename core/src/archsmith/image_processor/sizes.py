"""The forms in which the size of an image is given, and what each makes of an image. Sizes are in pixels."""

from collections.abc import Mapping
from typing import Annotated, Any

from archsmith.config.fields import ReadBy
from archsmith.errors import OptionError
from archsmith.messages import shown

__all__ = ["SIZE_FORMS", "ImageArea", "ImageSize", "Size", "read_size", "target_size", "with_edges"]

#: A size as the files hold it: names of edges → pixels.
Size = dict[str, int]

SIZE_FORMS = (
    ("height", "width"),
    ("shortest_edge",),
    ("shortest_edge", "longest_edge"),
    ("longest_edge",),
    ("max_height", "max_width"),
)
_LONGEST = 2**31 - 1


def read_size(name: str, value: Any) -> Size:
    """Return a size as a dictionary of one of `SIZE_FORMS`.

    Args:
        name: What the size is called, for the message.
        value: Such a dictionary; a pair of height and width; or one number for both.

    Raises:
        OptionError: It has none of these forms, or a number is not from 1 to 2147483647.
    """
    if isinstance(value, Mapping):
        given = {edge: number for edge, number in value.items() if number is not None}
    elif isinstance(value, list | tuple) and len(value) == 2:  # noqa: PLR2004
        given = dict(zip(("height", "width"), value, strict=True))
    elif _is_whole(value):
        given = {"height": value, "width": value}
    else:
        given = {}
    form = next((form for form in SIZE_FORMS if given.keys() == set(form)), None)
    if form is None:
        forms = " or ".join("{" + ", ".join(form) + "}" for form in SIZE_FORMS)
        raise OptionError(
            f"{name} must be a number, a pair (height, width) or a mapping {forms}, but is {shown(value)}"
        )
    for edge, number in given.items():
        if not _is_whole(number) or not 1 <= number <= _LONGEST:
            raise OptionError(f"{name}[{edge!r}] must be an integer from 1 to {_LONGEST}, but is {shown(number)}")
    return {edge: int(given[edge]) for edge in form}


def _read_area(name: str, value: Any) -> Size:
    area = read_size(name, value)
    if "height" not in area:
        raise OptionError(f"{name} must have a height and a width, but is {shown(value)}")
    return area


#: The type of a setting that is a size of any form: what it holds is `Size` or None.
ImageSize = Annotated[Any, ReadBy(read_size)]
#: The same for one that has a height and a width; one number is both.
ImageArea = Annotated[Any, ReadBy(_read_area)]


def with_edges(size: Any, longest: Any, *, is_square: bool, is_later: bool = False) -> Any:
    """Return a size of one number, perhaps with a limit for the longest edge, as a dictionary; others as they are.

    Args:
        size: Any form of a size.
        longest: ``max_size`` of older files: the longest edge, which was given apart from the size; or None.
        is_square: Whether one number without a limit means height and width, rather than the shortest edge.
        is_later: Whether the limit was given after the size, so that it replaces the one that the size has.

    Raises:
        OptionError: A limit does not fit the size, or contradicts it.
    """
    if longest is None:
        return {"shortest_edge": size} if _is_whole(size) and not is_square else size
    edges = {"shortest_edge": size} if _is_whole(size) else size if isinstance(size, Mapping) else {}
    if edges.get("shortest_edge") is None or edges.keys() - {"shortest_edge", "longest_edge"}:
        raise OptionError(f"max_size is the longest edge beside a size of one number, but size is {shown(size)}")
    if not is_later and edges.get("longest_edge", longest) not in (None, longest):
        raise OptionError(
            f"max_size is {shown(longest)} and size['longest_edge'] is {shown(edges['longest_edge'])}, but they are "
            "one setting. Leave max_size out"
        )
    return {**edges, "longest_edge": longest}


def target_size(height: int, width: int, size: Size, *, divisor: int = 1) -> tuple[int, int]:
    """Return the height and width that an image gets when it is resized; neither is below one pixel.

    ``height`` and ``width`` are taken as they are; every other form keeps the ratio of the edges. ``shortest_edge``
    scales that edge to this length, but the other one to at most ``longest_edge``; ``longest_edge`` alone scales that
    edge to this length; ``max_height`` and ``max_width`` scale up or down until one of them is reached.

    Args:
        height: Of the image.
        width: Of the image.
        size: A dictionary of one of `SIZE_FORMS`.
        divisor: Round both edges up to a multiple of this.

    Example:
        >>> target_size(480, 640, {"shortest_edge": 224})
        (224, 298)
        >>> target_size(480, 640, {"shortest_edge": 224, "longest_edge": 256}, divisor=32)
        (192, 256)
    """
    short, long = sorted((height, width))
    if "height" in size:
        new = (size["height"], size["width"])
    elif "max_height" in size:
        scale = min(size["max_height"] / height, size["max_width"] / width)
        new = (int(height * scale), int(width * scale))
    else:
        most = size.get("longest_edge")
        if "shortest_edge" not in size:
            edges = (int(size["longest_edge"] * short / long), size["longest_edge"])
        elif most is not None and long / short * size["shortest_edge"] > most:
            exact = most * short / long
            edge = round(exact)
            edges = (edge, long if edge == short else int(exact * long / short))
        else:
            edges = (size["shortest_edge"], int(size["shortest_edge"] * long / short))
        new = edges if height <= width else edges[::-1]
    rounded = (max(1, edge) + -max(1, edge) % divisor for edge in new)
    return next(rounded), next(rounded)


def _is_whole(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return isinstance(value, int) or (hasattr(value, "__index__") and getattr(value, "shape", None) == ())
