"""What models return: by name, key and index; as a pytree; through export, compilation and pickling."""

import copy
import dataclasses
import pickle

import pytest
import torch
from torch.utils import _pytree as pytree

from archsmith import (
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForMultipleChoice,
    DistilBertForQuestionAnswering,
    DistilBertModel,
)
from archsmith.errors import OptionError
from archsmith.outputs import BaseModelOutput, MaskedLMOutput, ModelOutput

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
IDS = torch.tensor([[1, 2, 3], [4, 5, 6]])


@pytest.fixture
def output() -> MaskedLMOutput:
    return MaskedLMOutput(logits=torch.ones(1, 2), hidden_states=(torch.zeros(1), torch.ones(2)))


def test_by_name_key_index_and_slice(output):
    assert output.logits is output["logits"] is output[0]
    assert output[1] is output[-1] is output.hidden_states
    assert output[:1] == (output.logits,)
    assert output[5:] == ()
    assert output.loss is None
    assert "loss" not in output
    assert "logits" in output
    assert 3 not in output
    assert list(output.keys()) == list(output) == ["logits", "hidden_states"]
    assert list(output.values()) == [output.logits, output.hidden_states]
    assert list(output.items()) == list(zip(output.keys(), output.values(), strict=True))
    assert output.to_tuple() == tuple(output.values())
    assert dict(output) == dict(output.items()) == {**output}
    assert len(output) == 2


def test_what_is_not_there(output):
    with pytest.raises(KeyError, match="MaskedLMOutput holds no 'loss', but logits, hidden_states"):
        output["loss"]
    with pytest.raises(IndexError):
        output[2]
    with pytest.raises(AttributeError):
        output.logitz  # noqa: B018
    with pytest.raises(TypeError):
        MaskedLMOutput(logitz=1)


def test_assignment(output):
    output.loss = torch.tensor(1.0)
    assert output[0] is output.loss
    assert list(output) == ["loss", "logits", "hidden_states"]


def test_assignment_by_name_and_by_key_is_one(output):
    loss, logits = torch.tensor(1.0), torch.zeros(3)
    output["logits"] = logits
    output["loss"] = loss
    assert list(output.items()) == [("loss", loss), ("logits", logits), ("hidden_states", output.hidden_states)]
    assert (output.loss, output.logits) == (loss, logits)
    output["loss"] = None
    output.hidden_states = None
    assert list(output) == ["logits"]
    assert output.to_tuple() == (logits,)
    output.remark = "of the user's own"
    assert list(output) == ["logits"]
    with pytest.raises(OptionError, match=r"^'logit' is not a field of MaskedLMOutput\. Did you mean 'logits'\?$"):
        output["logit"] = logits


def test_an_entry_that_is_no_field_lies_behind_the_fields(output):
    """As pipelines put what they were given into what they return."""
    logits, ids = output.logits, torch.ones(2)
    output["input_ids"] = ids
    output["nested"] = {"a": 1}
    output.loss = torch.tensor(1.0)
    assert list(output) == ["loss", "logits", "hidden_states", "input_ids", "nested"]
    assert output.input_ids is output["input_ids"] is output[3] is ids
    assert output[1] is logits
    output.input_ids = logits
    assert output["input_ids"] is logits
    output["input_ids"] = None
    assert list(output) == ["loss", "logits", "hidden_states", "nested"]
    output["input_ids"] = ids
    others = [
        copy.copy(output),
        copy.deepcopy(output),
        pickle.loads(pickle.dumps(output)),
        type(output)(output),
        type(output)(iter(output.items())),
        type(output)({name: value for name, value in output.items()}),  # noqa: C416
        pytree.tree_map(lambda leaf: leaf, output),
    ]
    for other in others:
        assert list(other) == ["loss", "logits", "hidden_states", "nested", "input_ids"]
        assert torch.equal(other.input_ids, ids)
        assert other.nested == {"a": 1}
        assert other.attentions is None


@pytest.mark.parametrize("key", ["logitz", "hidden_state", "keys", "to_tuple", "_names", 0, None, ("a",)])
def test_a_key_that_is_nearly_a_field_or_a_method_is_refused(output, key):
    with pytest.raises(OptionError, match="is not a field of MaskedLMOutput"):
        output[key] = torch.ones(1)
    assert list(output) == ["logits", "hidden_states"]


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.pop("logits"),
        lambda it: it.popitem(),
        lambda it: it.update(loss=1),
        lambda it: it.setdefault("loss", 1),
        lambda it: it.clear(),
        lambda it: it.__delitem__("logits"),
        lambda it: it.__ior__({"loss": 1}),
    ],
)
def test_fields_stay(output, change):
    with pytest.raises(OptionError, match="the fields of a MaskedLMOutput stay: assign them, None for what is not"):
        change(output)
    assert list(output) == ["logits", "hidden_states"]


def test_it_is_rebuilt_from_a_mapping_or_an_iterator_and_from_nothing_else(output):
    assert isinstance(output, dict)
    pairs = {"hidden_states": output.hidden_states, "logits": output.logits}
    for given in (
        pairs,
        iter(pairs.items()),
        ((name, pairs[name]) for name in pairs),
        output,
        zip(pairs, pairs.values(), strict=True),
    ):
        again = type(output)(given)
        assert again.to_tuple() == output.to_tuple()
        assert again.loss is None
        assert list(again) == ["logits", "hidden_states"]
    for value in ((("logits", 1),), [("logits", 1)], torch.ones(1), {"own": 1}):
        assert type(output)(value).loss is value
    assert list(type(output)({})) == []
    with pytest.raises(OptionError, match="'logitz' is not a field"):
        type(output)(iter([("logitz", 1)]))
    assert dataclasses.replace(output, loss=1).to_tuple() == (1, *output.to_tuple())


def test_tools_that_convert_or_gather_outputs(output):
    """As accelerate converts to float32, and as DataParallel puts together what its devices return."""
    half = MaskedLMOutput(logits=torch.ones(1, 2).half())
    converted = type(half)({name: tensor.float() for name, tensor in half.items()})
    assert converted.logits.dtype == torch.float32
    gathered = type(output)((name, torch.cat([each[name] for each in (half, half)])) for name in half)
    assert gathered.logits.shape == (2, 2)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_through_vmap_trace_and_checkpointing():
    model = DistilBertForMaskedLM(DistilBertConfig(**CONFIG)).eval()
    traced = torch.jit.trace(model, (IDS,), strict=False)
    assert torch.equal(traced(IDS)["logits"], model(IDS).logits)
    hidden = torch.randn(2, 3, 8)
    mapped = torch.vmap(lambda row: MaskedLMOutput(logits=row * 2))(hidden)
    assert type(mapped) is MaskedLMOutput
    assert torch.equal(mapped.logits, hidden * 2)
    start = hidden.clone().requires_grad_()
    kept = torch.utils.checkpoint.checkpoint(lambda it: MaskedLMOutput(logits=it.exp()), start, use_reentrant=False)
    kept.logits.sum().backward()
    torch.testing.assert_close(start.grad, hidden.exp())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compile_with_gradients():
    model = DistilBertForMaskedLM(DistilBertConfig(**CONFIG, dropout=0.0, attention_dropout=0.0))
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    compiled(IDS, labels=IDS).loss.backward()
    found = model.vocab_transform.weight.grad.clone()
    model.zero_grad()
    model(IDS, labels=IDS)["loss"].backward()
    torch.testing.assert_close(found, model.vocab_transform.weight.grad)


def test_a_pytree(output):
    leaves, spec = pytree.tree_flatten(output)
    assert len(leaves) == 3
    again = pytree.tree_unflatten(leaves, spec)
    assert type(again) is MaskedLMOutput
    assert again.keys() == output.keys()
    assert again.logits is output.logits
    doubled = pytree.tree_map(lambda tensor: tensor * 2, output)
    assert doubled.logits.tolist() == [[2, 2]]
    assert doubled.hidden_states[1].tolist() == [2, 2]
    paths = [pytree.keystr(path) for path, _ in pytree.tree_flatten_with_path(output)[0]]
    assert paths == [".logits", ".hidden_states[0]", ".hidden_states[1]"]
    assert pytree.treespec_loads(pytree.treespec_dumps(spec)) == spec


def test_copies(output):
    for other in (pickle.loads(pickle.dumps(output)), copy.deepcopy(output), copy.copy(output)):
        assert type(other) is MaskedLMOutput
        assert other.keys() == output.keys()
        assert torch.equal(other.logits, output.logits)
        assert other != output


def test_a_new_output():
    class Mine(ModelOutput):
        score: torch.Tensor | None = None
        parts: BaseModelOutput | None = None

    mine = Mine(score=torch.ones(1), parts=BaseModelOutput(last_hidden_state=torch.zeros(2)))
    assert len(pytree.tree_leaves(mine)) == 2
    assert mine[0] is mine.score
    assert repr(Mine()) == f"{Mine.__qualname__}(score=None, parts=None)"


def test_tuples_and_what_is_asked_for():
    model = DistilBertModel(DistilBertConfig(**CONFIG)).eval()
    assert list(model(IDS)) == ["last_hidden_state"]
    assert isinstance(model(IDS, return_dict=False), tuple)
    everything = model(IDS, output_attentions=True, output_hidden_states=True)
    assert list(everything) == ["last_hidden_state", "hidden_states", "attentions"]
    model.config.update(return_dict=False, output_hidden_states=True)
    assert len(model(IDS)) == 2
    assert isinstance(model(IDS, return_dict=True), BaseModelOutput)


def test_export():
    model = DistilBertModel(DistilBertConfig(**CONFIG)).eval()
    program = torch.export.export(model, (IDS,), {"attention_mask": torch.ones_like(IDS)})
    output = program.module()(IDS, attention_mask=torch.ones_like(IDS))
    assert isinstance(output, BaseModelOutput)
    torch.testing.assert_close(output.last_hidden_state, model(IDS).last_hidden_state)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_compile():
    model = DistilBertForMaskedLM(DistilBertConfig(**CONFIG)).eval()
    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    one, other = compiled(IDS, mask, labels=IDS), model(IDS, mask, labels=IDS)
    assert isinstance(one, MaskedLMOutput)
    torch.testing.assert_close(one.logits, other.logits)
    torch.testing.assert_close(one.loss, other.loss)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("cls", "words", "labels"),
    [
        (
            DistilBertForQuestionAnswering,
            IDS,
            {"start_positions": torch.tensor([0, 2]), "end_positions": torch.tensor([1, 9])},
        ),
        (DistilBertForMultipleChoice, torch.stack([IDS, IDS.flip(1)], 1), {"labels": torch.tensor([0, 1])}),
    ],
)
def test_compile_heads(cls, words, labels):
    model = cls(DistilBertConfig(**CONFIG)).eval()
    mask = torch.ones_like(words)
    mask[1, ..., 2] = 0
    one = torch.compile(model, backend="aot_eager", fullgraph=True)(words, mask, **labels)
    other = model(words, mask, **labels)
    assert one.keys() == other.keys()
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_pairs_of_another_output_make_it_again(output):
    for pairs in (output.items(), iter(output.items()), dict(output), dict(output).items()):
        again = type(output)(pairs)
        assert list(again) == ["logits", "hidden_states"]
        assert again.logits is output.logits
