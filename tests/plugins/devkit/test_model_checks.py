"""The conformance kit finds what it says it finds: models with one fault each do not pass."""

import inspect

import pytest
import torch

from archsmith import BertConfig, BertModel, DistilBertConfig, DistilBertForMaskedLM, DistilBertModel
from archsmith_devkit import ArchitectureConformance

TINY = {"dim": 8, "n_heads": 2, "n_layers": 2, "hidden_dim": 8, "vocab_size": 20, "max_position_embeddings": 12}

SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8, "vocab_size": 9}


class ForgottenHead(DistilBertForMaskedLM):
    tied_weights = {}


class NamelessEmbeddings(DistilBertModel):
    input_embeddings = ""


class TurnedProjections(DistilBertModel):
    attention_projections = (
        "transformer.layer.{}.attention.out_lin",
        *DistilBertModel.attention_projections[1:3],
        "transformer.layer.{}.attention.q_lin",
    )


class NoSteps(DistilBertModel):
    def __init__(self, config):
        super().__init__(config)
        self.transformer.layer.steps = lambda: list(self.transformer.layer)


class AlwaysTrained(DistilBertModel):
    def freeze(self, *patterns):
        return []


class SharedCopy(DistilBertModel):
    def __deepcopy__(self, memo):
        return self


class Changed(DistilBertModel):
    """DistilBERT with something done to its last hidden states."""

    def forward(self, input_ids=None, attention_mask=None, **options):
        output = super().forward(input_ids, attention_mask, **options)
        output.last_hidden_state = self.change(output.last_hidden_state)
        return output


class OtherStates(DistilBertForMaskedLM):
    def forward(self, input_ids=None, attention_mask=None, **options):
        output = super().forward(input_ids, attention_mask, **options)
        if output.hidden_states is not None:
            output.hidden_states = output.hidden_states[::-1]
        return output

    forward.__signature__ = inspect.signature(DistilBertForMaskedLM.forward)


class NoFirstState(DistilBertModel):
    def forward(self, input_ids=None, attention_mask=None, **options):
        output = super().forward(input_ids, attention_mask, **options)
        if output.hidden_states is not None:
            output.hidden_states = (0 * output.hidden_states[0], *output.hidden_states[1:])
        return output

    forward.__signature__ = inspect.signature(DistilBertModel.forward)


class MixedRows(Changed):
    def change(self, hidden):
        return hidden + hidden.mean(0)


class CountedPadding(Changed):
    def change(self, hidden):
        return hidden + hidden.mean(1, keepdim=True)


class Float32Inside(Changed):
    def change(self, hidden):
        return hidden @ torch.eye(8)


class BranchOnValues(Changed):
    def change(self, hidden):
        return hidden if hidden.sum() > 0 else 2 * hidden


class FixedBatch(Changed):
    def change(self, hidden):
        return hidden + torch.zeros(len(hidden), 1, 1)


#: Check, model with a fault, what is said.
FAULTS = [
    ("vocabulary_resizes", ForgottenHead, "vocab_projector"),
    ("vocabulary_resizes", NamelessEmbeddings, "NamelessEmbeddings must name its token embeddings"),
    ("heads_prune", TurnedProjections, "shapes cannot be multiplied"),
    ("gradient_checkpointing", NoSteps, "layers of a Stack must be called as its steps"),
    ("freezing", AlwaysTrained, "freeze\\(\\) leaves parameters trainable"),
    ("deep_copy", SharedCopy, "after its copy was changed: last_hidden_state is off by"),
    ("rows_of_a_batch_are_independent", MixedRows, "MixedRows, row 0 alone: last_hidden_state is off by"),
    ("padding_does_not_count", CountedPadding, "row 1 without its padding: last_hidden_state is off by"),
    ("bfloat16", Float32Inside, "same dtype"),
    ("hidden_states_are_those_of_the_base_model", OtherStates, r"its DistilBertModel: hidden_states\[0\] is off by"),
    ("hidden_states_are_those_of_the_base_model", NoFirstState, r"hidden_states\[0\] is zero everywhere"),
    ("exports", BranchOnValues, "data-dependent"),
    ("exports", FixedBatch, "specialized"),
    ("compiles", BranchOnValues, "Data-dependent"),
]


@pytest.mark.parametrize(("check", "model", "message"), FAULTS)
@pytest.mark.filterwarnings("ignore")
def test_a_fault_is_found(check, model, message):
    class Conformance(ArchitectureConformance):
        model_type = "distilbert"

        def built(self):
            return [model(DistilBertConfig(**TINY)).eval()]

    with pytest.raises(Exception, match=message):
        getattr(Conformance(), f"test_{check}")()


def test_the_same_checks_pass_without_the_fault():
    class Conformance(ArchitectureConformance):
        model_type = "distilbert"
        tiny = TINY

    built = Conformance().built()
    assert type(built[0]) is DistilBertModel
    assert not built[0].training
    for check in {check for check, _, _ in FAULTS}:
        getattr(Conformance(), f"test_{check}")()


def test_a_model_with_another_main_input_must_say_what_it_takes():
    class Strange(BertModel):
        main_input_name = "signs"

    with pytest.raises(NotImplementedError) as caught:
        Strange(BertConfig(**SMALL)).dummy_inputs  # noqa: B018
    assert str(caught.value) == (
        "Strange takes 'signs', so it must define dummy_inputs, "
        "as only input_ids, pixel_values, input_values are known."
    )
