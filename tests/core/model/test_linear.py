"""Linear layers that compute by another library give the same numbers, and step back wherever somebody looks."""

import copy
import gc
import pickle
import weakref

import pytest
import torch
from torch import nn
from torch.autograd import forward_ad
from torch.utils.flop_counter import FlopCounterMode

from archsmith.model import linear


@pytest.fixture(autouse=True)
def on_any_cpu(monkeypatch):
    monkeypatch.setattr(linear, "_is_worth_it", lambda: True)
    monkeypatch.setattr(linear, "_LEAST", 1)


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Linear(12, 7), nn.Linear(7, 5, bias=False)

    def forward(self, hidden):
        return self.second(self.first(hidden))


@pytest.fixture
def pair():
    """Return a module that computes by the other library, and its like that does not."""
    torch.manual_seed(0)
    plain = Two().eval()
    chosen = copy.deepcopy(plain)
    linear.choose_kernels(chosen)
    return chosen, plain


def is_chosen(module):
    return "forward" in vars(module)


@pytest.fixture
def counted(monkeypatch):
    """Count the products that the other library makes."""
    calls, is_plain = [], linear._is_plain

    def watch(*args):
        calls.append(is_plain(*args))
        return calls[-1]

    monkeypatch.setattr(linear, "_is_plain", watch)
    return calls


def test_a_model_is_gone_when_nobody_needs_it(pair):
    chosen, _ = pair
    seen = [weakref.ref(each) for each in (chosen.first, copy.deepcopy(chosen).first)]
    gc.disable()
    try:
        layer = copy.deepcopy(chosen)
        seen.append(weakref.ref(layer.second.weight))
        del layer
        assert seen[-1]() is None
        assert seen[1]() is None
        assert seen[0]() is chosen.first
    finally:
        gc.enable()


def test_a_shallow_copy_that_outlives_its_layer_says_so(pair):
    chosen, _ = pair
    shallow = copy.copy(chosen.first)
    with torch.no_grad():
        assert torch.equal(shallow(torch.ones(1, 12)), chosen.first(torch.ones(1, 12)))
        del chosen.first
        with pytest.raises(ReferenceError, match=r"copy a layer with copy\.deepcopy"):
            shallow(torch.ones(1, 12))


SHAPES = [(12,), (0, 12), (1, 12), (3, 12), (2, 0, 12), (2, 3, 12), (2, 3, 4, 12), (1, 1, 1, 12)]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("shape", SHAPES)
def test_same_numbers_for_every_shape(pair, shape, mode, counted):
    chosen, plain = pair
    hidden = torch.randn(shape)
    with mode():
        torch.testing.assert_close(chosen(hidden), plain(hidden), rtol=1e-6, atol=1e-6)
    assert counted == [len(shape) > 1 and 0 not in shape] * 2


@pytest.mark.parametrize(
    "hidden",
    [
        torch.randn(12, 9).t(),
        torch.randn(4, 5, 24)[..., ::2],
        torch.randn(1, 12).expand(6, 12),
        torch.randn(4, 1, 12).expand(4, 6, 12),
        torch.randn(100, 13)[:, 1:],
        torch.randn(6, 4, 12).transpose(0, 1),
    ],
)
def test_same_numbers_for_every_layout(pair, hidden):
    chosen, plain = pair
    with torch.no_grad():
        torch.testing.assert_close(chosen(hidden), plain(hidden), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("hidden", [torch.randn(3, 11), torch.randint(3, (2, 12)), torch.randn(2, 12).double()])
def test_what_does_not_fit_fails_in_the_same_words(pair, hidden):
    said = []
    for module in pair:
        with torch.no_grad(), pytest.raises(RuntimeError) as caught:
            module(hidden)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_gradients_are_those_of_torch(pair):
    hidden = torch.randn(3, 12)
    for module in pair:
        module(hidden).square().sum().backward()
    for ours, theirs in zip(pair[0].parameters(), pair[1].parameters(), strict=True):
        assert torch.equal(ours.grad, theirs.grad)


def test_copies_and_pickles_compute_with_their_own_weights(pair):
    chosen, _ = pair
    hidden = torch.randn(2, 12)
    with torch.no_grad():
        before = chosen(hidden)
        for other in (copy.deepcopy(chosen), pickle.loads(pickle.dumps(chosen))):
            assert torch.equal(other(hidden), before)
            for parameter in other.parameters():
                parameter.zero_()
            assert not other(hidden).any()
        assert torch.equal(chosen(hidden), before)


@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")
def test_whoever_watches_sees_the_operation_that_they_know(pair, counted):
    chosen, plain = pair
    hidden = torch.randn(2, 12)
    with torch.no_grad():
        traced = torch.jit.trace(chosen, hidden)
        assert "mkldnn" not in str(traced.inlined_graph)
        counted.clear()  # tracing ends with plain calls, whose numbers it compares
        exported = torch.export.export(chosen, (hidden,)).graph
        compiled = torch.compile(chosen, backend="eager", fullgraph=True)
        for found in (traced(hidden), compiled(hidden), torch.func.vmap(chosen)(hidden[None])[0]):
            torch.testing.assert_close(found, plain(hidden))
        with FlopCounterMode(display=False) as counter:
            chosen(hidden)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            assert chosen(hidden).dtype == torch.bfloat16
        with forward_ad.dual_level():
            moved = chosen(forward_ad.make_dual(hidden, torch.ones_like(hidden)))
            assert forward_ad.unpack_dual(moved).tangent is not None
    assert counter.get_total_flops() == 2 * 2 * (12 * 7 + 7 * 5)
    assert "linear" in str(exported)
    assert "mkldnn" not in str(exported)
    assert not any(counted)


def test_only_where_the_weights_lie_on_the_cpu_in_float32():
    model = nn.Sequential(nn.Linear(4, 4))
    for dtype, expected in ((torch.bfloat16, False), (torch.float32, True), (torch.float64, False)):
        linear.choose_kernels(model.to(dtype))
        assert is_chosen(model[0]) == expected
    linear.choose_kernels(model.float().to("meta"))
    assert not is_chosen(model[0])


def test_small_ones_stay_as_they_are(monkeypatch):
    monkeypatch.setattr(linear, "_LEAST", 2**16)
    model = nn.Sequential(nn.Linear(256, 255), nn.Linear(256, 256))
    linear.choose_kernels(model)
    assert [is_chosen(layer) for layer in model] == [False, True]


def test_a_forward_of_somebody_else_stays():
    layer = nn.Linear(4, 4)
    layer.forward = mine = lambda hidden: hidden
    linear.choose_kernels(layer)
    assert layer.forward is mine
    linear.choose_kernels(layer.to(torch.bfloat16))
    assert layer.forward is mine


def test_models_choose_when_they_are_built_loaded_and_moved(tmp_path):
    from archsmith import DistilBertConfig, DistilBertModel

    model = DistilBertModel(DistilBertConfig(vocab_size=30, dim=8, n_heads=2, hidden_dim=8, n_layers=1))
    model.save_pretrained(tmp_path)
    loaded = DistilBertModel.from_pretrained(tmp_path)
    half = DistilBertModel.from_pretrained(tmp_path, dtype=torch.bfloat16)

    def chosen(model):
        return {is_chosen(module) for module in model.modules() if type(module) is nn.Linear}

    assert chosen(model) == chosen(loaded) == chosen(half.float()) == {True}
    assert chosen(model.to(torch.bfloat16)) == chosen(model.half()) == {False}
    assert chosen(copy.deepcopy(loaded).double()) == {False}
