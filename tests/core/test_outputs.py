"""What models return: by name, key and index; as a pytree; through export, compilation and pickling."""

import copy
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
    assert output.keys() == list(output) == ["logits", "hidden_states"]
    assert output.values() == [output.logits, output.hidden_states]
    assert output.items() == list(zip(output.keys(), output.values(), strict=True))
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
    assert output.keys() == ["loss", "logits", "hidden_states"]


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
    assert model(IDS).keys() == ["last_hidden_state"]
    assert isinstance(model(IDS, return_dict=False), tuple)
    everything = model(IDS, output_attentions=True, output_hidden_states=True)
    assert everything.keys() == ["last_hidden_state", "hidden_states", "attentions"]
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
