"""What ``--set`` says, whichever verb takes it."""

import pytest
import typer

from archsmith_cli.verb import parse_assignments


def test_values_are_json_else_strings():
    texts = ["dim=3", "name=a toy", "part.depth=[1, 2]", "part.on=true", "note=a=b", "empty=", " spaced = 1"]
    assert parse_assignments(texts) == {
        "dim": 3,
        "name": "a toy",
        "part": {"depth": [1, 2], "on": True},
        "note": "a=b",
        "empty": "",
        "spaced": 1,
    }
    assert parse_assignments(["a=True", "b=False", "c=None", "d=true", "e=TRUE"]) == {
        "a": True, "b": False, "c": None, "d": True, "e": "TRUE",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["dim"], "'dim' must be of the form option=value"),
        (["=3"], "'=3' must be of the form option=value"),
        (["dim=1", "dim=2"], "'dim' is set twice"),
        (["part=1", "part.dim=2"], "'part.dim' is set twice"),
    ],
)
def test_what_is_refused(texts, said):
    with pytest.raises(typer.BadParameter, match="^" + said + "$"):
        parse_assignments(texts, form="option=value")
