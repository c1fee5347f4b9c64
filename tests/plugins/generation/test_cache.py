"""The cache: what it returns is what was put in, however it grows, is cropped, reordered and copied."""

import copy

import pytest
import torch

from archsmith.errors import InputError, OptionError
from archsmith_generation import Cache

SIZES = [5, 1, 1, 70, 1, 3, 200, 1]


def states(tokens, *, batch=2, heads=3, size=4, seed=0, **options):
    return torch.randn(batch, heads, tokens, size, generator=torch.Generator().manual_seed(seed)).to(**options)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
@pytest.mark.parametrize("window", [None, 1, 4, 64, 1000])
def test_all_that_was_read(mode, window):
    everything = [states(sum(SIZES), seed=0), states(sum(SIZES), seed=1, size=6)]
    cache = Cache(windows=[None, window])
    read = 0
    with mode():
        for tokens in SIZES:
            begin = 0 if window is None else max(0, read - window + 1)
            assert (cache.length, cache.kept(0), cache.kept(1)) == (read, read, read - begin)
            new = [each[:, :, read : read + tokens] for each in everything]
            for layer, first in ((0, 0), (1, begin)):
                found = cache.update(layer, *new)
                for one, whole in zip(found, everything, strict=True):
                    assert one.equal(whole[:, :, first : read + tokens])
            read += tokens
    assert (len(cache), cache.batch, cache.length) == (2, 2, read)
    assert repr(cache) == "<Cache of 2 layers, 2 rows, 282 tokens>"


def test_a_token_costs_no_copy():
    cache, places = Cache(), set()
    with torch.no_grad():
        for _ in range(1000):
            keys, _ = cache.update(0, states(1), states(1))
            places.add(keys.data_ptr())
    assert len(places) < 20


def test_modes_may_change_on_the_way():
    cache = Cache()
    whole = states(9)
    modes = [torch.inference_mode, torch.no_grad, torch.enable_grad, torch.no_grad, torch.inference_mode] * 2
    for place, mode in zip(range(9), modes, strict=False):
        with mode():
            new = whole[:, :, place : place + 1].clone()
            keys, _ = cache.update(0, new, new)
            assert keys.equal(whole[:, :, : place + 1])


def test_gradients_flow_through_all_steps():
    cache, leaves = Cache(), [states(2, seed=seed).requires_grad_() for seed in range(3)]
    total = sum(cache.update(0, leaf, leaf)[0].pow(2).sum() for leaf in leaves)
    copied = copy.deepcopy(cache)
    assert copied.length == 6
    with torch.no_grad():
        cache.crop(3)
        cache.update(0, states(1), states(1))
    total.backward()
    for steps, leaf in zip((3, 2, 1), leaves, strict=True):
        torch.testing.assert_close(leaf.grad, 2 * steps * leaf.detach())


@torch.no_grad()
def test_rows_that_are_reordered_and_repeated():
    cache, whole = Cache(), states(6, batch=3)
    cache.update(0, whole[:, :, :5], whole[:, :, :5])
    cache.reorder(torch.tensor([2, 2, 0, 1]))
    assert cache.batch == 4
    new = whole[[2, 2, 0, 1]]
    assert cache.update(0, new[:, :, 5:], new[:, :, 5:])[1].equal(new)
    cache.repeat(2)
    assert cache.batch == 8
    last = states(1, batch=8)
    found, _ = cache.update(0, last, last)
    assert found.equal(torch.cat([new.repeat_interleave(2, 0), last], 2))
    empty = Cache()
    empty.repeat(3)
    assert (empty.batch, empty.length, bool(empty)) == (0, 0, True)


@torch.no_grad()
def test_what_is_cropped_is_overwritten_and_copies_stay():
    cache, whole, other = Cache(windows=[None, 4]), states(12), states(12, seed=1)
    for layer in (0, 1):
        cache.update(layer, whole[:, :, :8], whole[:, :, :8])
    kept = copy.deepcopy(cache)
    cache.crop(6)
    assert (cache.length, cache.kept(0), cache.kept(1)) == (6, 6, 3)
    for layer, first in ((0, 0), (1, 3)):
        found, _ = cache.update(layer, other[:, :, 6:8], other[:, :, 6:8])
        assert found.equal(torch.cat([whole[:, :, first:6], other[:, :, 6:8]], 2))
        found, _ = kept.update(layer, whole[:, :, 8:9], whole[:, :, 8:9])
        assert found.equal(whole[:, :, 9 - found.shape[2] : 9])
    cache.crop(0)
    assert (len(cache), cache.length) == (0, 0)
    cache.update(0, states(1, heads=5), states(1, heads=5))


@torch.no_grad()
def test_what_a_window_dropped_does_not_come_back():
    cache = Cache(windows=[4])
    for _ in range(300):
        cache.update(0, states(1), states(1))
    cache.crop(290)
    with pytest.raises(InputError, match=r"layer 0 of the cache has a window of 4 tokens and has dropped those before"):
        cache.crop(20)
    assert cache.length == 290
    assert max(layer.keys.shape[2] for layer in cache._layers.values()) < 150


@torch.no_grad()
def test_a_call_that_was_stopped_on_its_way():
    cache = Cache()
    for layer in (0, 1):
        cache.update(layer, states(3), states(3))
    cache.update(0, states(1), states(1))
    cache.update(0, states(1), states(1))
    with pytest.raises(InputError) as caught:
        cache.update(1, states(1), states(1))
    assert str(caught.value) == (
        "the cache holds 3 tokens of layer 1, but 4 of the first layer: it is another model's, or a call that used it "
        "was stopped on its way. Start with a new Cache(), or drop what is torn: cache.crop(length)."
    )
    cache.crop(3)
    for layer in (0, 1):
        assert cache.update(layer, states(1), states(1))[0].shape[2] == 4
    with pytest.raises(InputError, match="the cache holds 0 tokens of layer 2, but 4 of the first layer"):
        cache.update(2, states(0), states(0))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (states(1, heads=2), states(1, heads=2)),
        (states(1, batch=1), states(1, batch=1)),
        (states(1, size=8), states(1)),
        (states(1), states(2)),
        (states(1), states(1, dtype=torch.bfloat16)),
        (states(1)[0], states(1)[0]),
    ],
)
def test_another_models_states(key, value):
    cache = Cache()
    cache.update(0, states(2), states(2))
    with pytest.raises(InputError, match="another model's or another batch's; start with a new Cache"):
        cache.update(0, key, value)
    assert cache.length == 2


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda cache: cache.crop(3), "length must be from 0 to 2, the tokens of the cache, but is 3."),
        (lambda cache: cache.crop(-1), "length must be an integer of at least 0, but is -1."),
        (lambda cache: cache.crop(1.5), "length must be an integer of at least 0, but is 1.5."),
        (lambda cache: cache.repeat(0), "times must be an integer of at least 1, but is 0."),
        (lambda cache: cache.repeat(True), "times must be an integer of at least 1, but is True."),
        (lambda cache: cache.reorder([0, 2]), "rows must be from 0 to 1, the rows of the cache, but are "),
        (lambda cache: cache.reorder([-1]), "rows must be from 0 to 1, the rows of the cache, but are "),
        (lambda cache: cache.reorder([]), "rows must be integers of the shape (batch,), but are "),
        (lambda cache: cache.reorder(torch.zeros(1)), "rows must be integers of the shape (batch,), but are "),
        (lambda cache: Cache(windows=[0]), "a window must be an integer of at least 1, but is 0."),
        (lambda cache: Cache(windows=["8"]), "a window must be an integer of at least 1, but is '8'."),
    ],
)
def test_what_is_refused(wrong, message):
    cache = Cache()
    cache.update(0, states(2), states(2))
    with pytest.raises((InputError, OptionError)) as caught:
        wrong(cache)
    assert str(caught.value).startswith(message)
    assert cache.length == 2
