"""What `archsmith diff` compares with: values, names, fields, vocabularies."""

import math

import pytest
import torch

from archsmith_cli.comparison.fields import differences, is_same
from archsmith_cli.comparison.names import fold, match_names
from archsmith_cli.comparison.values import compare_values, count_nan, has_same_bytes

NAN, INF = math.nan, math.inf


def numbers(one, other, *names):
    found = compare_values(one, other)
    return tuple(found[name] for name in names)


def test_norms_and_differences():
    one, other = torch.tensor([3.0, 4.0]), torch.tensor([3.0, 4.5])
    found = compare_values(one, other)
    assert found["norm_a"] == pytest.approx(5.0)
    assert found["norm_b"] == pytest.approx(math.hypot(3, 4.5))
    assert (found["norm_difference"], found["max_difference"]) == (0.5, 0.5)
    assert found["relative"] == pytest.approx(0.1)
    assert (found["different"], found["numbers"]) == (1, 2)


def test_large_tensors_in_pieces_are_as_whole_ones():
    generator = torch.Generator().manual_seed(0)
    one = torch.randn(3, 700_001, generator=generator)
    other = one + 1e-3 * torch.randn(one.shape, generator=generator)
    found = compare_values(one, other)
    difference = one.double() - other.double()
    assert found["norm_difference"] == pytest.approx(float(difference.norm()), rel=1e-12)
    assert found["max_difference"] == float(difference.abs().max())
    assert found["norm_a"] == pytest.approx(float(one.double().norm()), rel=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float8_e4m3fn])
def test_nan_and_infinity(dtype):
    one = torch.tensor([1.0, NAN, NAN, 2.0, 4.0]).to(dtype)
    other = torch.tensor([1.0, NAN, 1.0, NAN, 2.0]).to(dtype)
    names = ("different", "nan_a", "nan_b", "nan_both", "max_difference", "norm_difference")
    assert numbers(one, other, *names) == (3, 2, 2, 1, 2.0, 2.0)
    assert count_nan(one) == 2
    if dtype is not torch.float8_e4m3fn:  # which has no infinity
        one, other = torch.tensor([INF, INF, 1.0]).to(dtype), torch.tensor([INF, -INF, 1.0]).to(dtype)
        assert numbers(one, other, "different", "infinite_a", "infinite_b", "norm_a") == (1, 2, 2, 1.0)


def test_all_that_is_json():
    """No number of a comparison is one that JSON does not have."""
    for one, other in (
        (torch.tensor([1e300, 1e300], dtype=torch.float64), torch.tensor([-1e300, 1e300], dtype=torch.float64)),
        (torch.tensor([1.7e308], dtype=torch.float64), torch.tensor([-1.7e308], dtype=torch.float64)),
        (torch.tensor([NAN]), torch.tensor([INF])),
        (torch.empty(0), torch.empty(0)),
        (torch.zeros(2), torch.ones(2)),
    ):
        assert all(value is None or math.isfinite(value) for value in compare_values(one, other).values())
    assert numbers(torch.zeros(2), torch.ones(2), "relative", "different") == (None, 2)
    big = torch.full((4,), 1e300, dtype=torch.float64)
    assert numbers(big, big * 2, "norm_a") == (pytest.approx(2e300),)


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (torch.tensor([2**53 + 1]), torch.tensor([2**53]), (1, 1.0)),  # which float64 takes for one number
        (torch.tensor([True, False]), torch.tensor([True, True]), (1, 1.0)),
        (torch.tensor([200], dtype=torch.uint8), torch.tensor([-56], dtype=torch.int8), (1, 256.0)),
        (torch.tensor([60_000], dtype=torch.uint16), torch.tensor([60_001], dtype=torch.uint16), (1, 1.0)),
        (torch.tensor([1 + 2j]), torch.tensor([1 + 4j]), (1, 2.0)),
        (torch.tensor([1 + 2j]), torch.tensor([1.0]), (1, 2.0)),
        (torch.tensor([1.0]), torch.tensor([1]), (0, 0.0)),
        (torch.tensor([0.1]), torch.tensor([0.1]).bfloat16(), (1, pytest.approx(9.766e-5, rel=1e-3))),
        (torch.tensor(-0.0), torch.tensor(0.0), (0, 0.0)),
    ],
)
def test_types(one, other, expected):
    assert numbers(one, other, "different", "max_difference") == expected


def test_same_bytes():
    one = torch.tensor([1.0, NAN])
    assert has_same_bytes(one, one.clone())
    assert not has_same_bytes(torch.tensor([0.0]), torch.tensor([-0.0]))
    assert has_same_bytes(torch.empty(0, 3), torch.empty(0, 3))


@pytest.mark.parametrize(
    ("one", "other", "pairs", "prefixes", "only_one", "only_other"),
    [
        ("a.w b.w", "a.w c.w", {"a.w": "a.w"}, None, "b.w", "c.w"),
        ("bert.a.w bert.b.w cls.w", "a.w b.w", {"bert.a.w": "a.w", "bert.b.w": "b.w"}, ("bert.", ""), "cls.w", ""),
        ("a.w", "head.w model.a.w", {"a.w": "model.a.w"}, ("", "model."), "", "head.w"),
        ("x.a.w x.b.w", "y.z.a.w y.z.b.w", {"x.a.w": "y.z.a.w", "x.b.w": "y.z.b.w"}, ("x.", "y.z."), "", ""),
        # That two heads have a weight each does not make them one.
        ("a.w score.weight", "a.w classifier.weight", {"a.w": "a.w"}, None, "score.weight", "classifier.weight"),
        ("", "a.w", {}, None, "", "a.w"),
    ],
)
def test_names(one, other, pairs, prefixes, only_one, only_other):
    found = match_names(one.split(), other.split())
    assert (found.pairs, found.prefixes, found.only) == (pairs, prefixes, (only_one.split(), only_other.split()))


def test_folding_by_layer():
    names = [f"layer.{layer}.{part}" for layer in range(11) for part in ("bias", "weight")]
    names += ["layer.3.norm", "layer.5.norm", "head.0.1", "a.1.b.2", "a.2.b.1", "v1.x"]
    folded = fold(names, name_of=lambda name: name, alike=len)
    assert [(name, len(group)) for name, group in folded] == [
        *(("layer.0-9.bias", 10), ("layer.0-9.weight", 10), ("layer.10.bias", 1), ("layer.10.weight", 1)),
        *(("layer.*.norm", 2), ("head.0.1", 1), ("a.*.b.*", 2), ("v1.x", 1)),
    ]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        *[(1, 1.0, True), (1, True, False), (0, False, False), ([1, {"a": None}], [1.0, {"a": None}], True)],
        *[([1], [1, 2], False), ({"a": 1}, {"b": 1}, False), ("1", 1, False), (None, None, True), ([True], [1], False)],
    ],
)
def test_json_values(one, other, same):
    assert is_same(one, other) is same


def test_fields():
    one = {"a": 1, "part": {"x": 1, "archsmith": {"version": "1"}}, "gone": None, "transformers_version": "4"}
    other = {"a": 1, "part": {"x": 2}, "new": {}, "label2id": {"archsmith": 0}}
    assert differences(one, other) == [
        {"field": "part.x", "only": None, "a": 1, "b": 2},
        {"field": "gone", "only": "a", "a": None},
        {"field": "new", "only": "b", "b": {}},
        {"field": "label2id.archsmith", "only": "b", "b": 0},
    ]
