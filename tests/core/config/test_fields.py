"""Types of configuration fields: what converts, what is said where it does not."""

from typing import Annotated, Literal, get_args

import msgspec
import numpy as np
import pytest
import torch

from archsmith.config import Activation, DType, NonNegative, Probability, Size, TokenId
from archsmith.config.fields import ReadBy, convert, convert_json, expected, field, to_json
from archsmith.errors import OptionError
from archsmith.layers.activations import ACTIVATIONS
from archsmith.messages import shown


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        (int, "an integer"),
        (float | None, "a number or null"),
        (Size, "an integer from 1 to 2147483647"),
        (Probability, "a number from 0 to 1"),
        (NonNegative, "a number of at least 0"),
        (
            TokenId | list[TokenId] | None,
            "an integer from 0 to 2147483647 or a list of integers from 0 to 2147483647 or null",
        ),
        (Literal["a"], "'a'"),
        (Literal["a", "b"] | None, "one of 'a', 'b' or null"),
        (dict[str, int], "a mapping of strings to integers"),
        (list[list[bool]], "a list of a list of true or false"),
        (Annotated[float, msgspec.Meta(gt=0)], "a number above 0"),
        (Annotated[float, msgspec.Meta(le=3)], "a number of at most 3"),
    ],
)
def test_types_in_words(hint, words):
    assert expected(hint) == words


def test_places_inside_are_named():
    assert convert("sizes", [1, 0], list[Size])[1] == ["sizes[1] must be an integer from 1 to 2147483647, but is 0"]


@pytest.mark.parametrize("value", [np.float32(0.5), np.float64(0.5), torch.tensor(0.5), torch.tensor(0.5).half(), 0.5])
def test_scalars(value):
    assert convert("x", value, float) == (0.5, [])


@pytest.mark.parametrize("value", [np.zeros(1), np.zeros((1, 1)), torch.zeros(1), torch.empty((), device="meta"), 1j])
def test_what_is_no_scalar(value):
    assert convert("x", value, float)[1][0].startswith("x must be a number, but is ")


def test_types_of_numbers():
    assert convert("dtype", torch.float16, DType | None) == ("float16", [])
    assert convert("dtype", "torch.bfloat16", DType | None) == ("bfloat16", [])
    assert convert("dtype", None, DType | None) == (None, [])


def test_long_values_are_cut():
    assert len(shown("x" * 1000)) == 80
    assert shown(10**5000) == "a value of type int that cannot be shown"
    assert shown([1]) == "[1]"


def test_json():
    assert convert_json("x", (1, {2: "ü"})) == ([1, {"2": "ü"}], [])
    assert to_json({1: [2, None]}) == {"1": [2, None]}
    assert convert_json("x", {1})[1] == ["x must be something that JSON can hold, but is {1}"]


def test_a_mutable_default_is_copied():
    made = field(default=[1], doc="x")
    assert made.default_factory() == [1]
    assert made.default_factory() is not made.default_factory()
    assert made.metadata["doc"] == "x"


def test_every_activation_has_a_function():
    assert set(get_args(Activation)) == set(ACTIVATIONS)


def test_a_value_of_several_forms_is_read_by_its_mark():
    def half(name, value):
        if value % 2:
            raise OptionError(f"{name} must be even, but is {value}")
        return value // 2

    hint = Annotated[int, ReadBy(half)]
    assert convert("size", 8, hint) == (4, [])
    assert convert("size", 7, hint) == (None, ["size must be even, but is 7"])


def test_an_array_of_one_axis_is_a_list():
    assert convert("means", np.array([0.5, 1.0]), list[float]) == ([0.5, 1.0], [])
    assert convert("means", torch.tensor([1, 2]), list[int]) == ([1, 2], [])
    assert convert("means", np.ones((1, 2)), list[float])[1]
