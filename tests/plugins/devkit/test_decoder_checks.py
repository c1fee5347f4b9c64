"""The kit tells a decoder that is wrong in one place from a sound one."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archsmith.config import Size, field
from archsmith.outputs import BaseModelOutput
from archsmith_devkit.decoder_states import DecoderStateChecks
from archsmith_devkit.decoders import DecoderChecks
from archsmith_devkit.evaluation import EvaluationChecks

from .toy_decoder import Layer, ToyClassifier, ToyConfig, ToyDecoder, conformance

CHECKS = [
    name
    for group in (DecoderChecks, DecoderStateChecks, EvaluationChecks)
    for name in vars(group)
    if name.startswith("test_")
]


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_decoder_passes(check):
    getattr(conformance(), check)()


class SeesTheFuture(ToyDecoder):
    def visible(self, mask, tokens):
        return mask[:, None, None].bool().expand(-1, 1, tokens, -1)


class SeesAll(ToyDecoder):
    def visible(self, mask, tokens):
        return torch.ones(tokens, mask.shape[1], dtype=torch.bool)


class SeesItselfOnly(ToyDecoder):
    def visible(self, mask, tokens):
        return torch.eye(mask.shape[1], dtype=torch.bool)[-tokens:]


class CountsPadding(ToyDecoder):
    def visible(self, mask, tokens):
        return torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool).tril()[-tokens:]


class ForgetsTheCache(ToyDecoder):
    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **options):
        return super().forward(input_ids, None if past_key_values else attention_mask, position_ids, None, **options)

    forward.__signature__ = inspect.signature(ToyDecoder.forward)


class BeginsAgain(ToyDecoder):
    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **options):
        places = torch.arange(input_ids.shape[1])[None] if past_key_values else position_ids
        return super().forward(input_ids, attention_mask, places, past_key_values, **options)

    forward.__signature__ = inspect.signature(ToyDecoder.forward)


class AlwaysKeeps(ToyDecoder):
    def kept(self, past, use_cache):
        return past


class KeepsInTraining(ToyDecoder):
    def kept(self, past, use_cache):
        return None if use_cache is False else past


class NeverKeeps(ToyDecoder):
    def kept(self, past, use_cache):
        return None


class KeepsWhateverIsConfigured(ToyDecoder):
    def kept(self, past, use_cache):
        return None if use_cache is False or (use_cache is None and self.training) else past


class SummedLoss(ToyDecoder):
    def loss(self, logits, labels):
        return super().loss(logits, labels) * len(labels) / 2


class HardVocabulary(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        self.head = nn.Linear(config.hidden_size, 20, bias=False)


class UnshiftedLoss(ToyDecoder):
    def loss(self, logits, labels):
        return F.cross_entropy(logits.flatten(0, 1), labels.flatten())


class CountedLoss(ToyDecoder):
    def loss(self, logits, labels):
        return super().loss(logits, labels) * (labels[:, 1:] >= 0).sum() / labels[:, 1:].numel()


class FirstToken(ToyClassifier):
    def last(self, logits, mask):
        return logits[:, 0]


class LastPlace(ToyClassifier):
    def last(self, logits, mask):
        return logits[:, -1]


class CountedPlace(ToyClassifier):
    def last(self, logits, mask):
        return logits[torch.arange(len(logits)), mask.sum(1).long() - 1]


class TurnsTwice(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        for layer in self.layers:
            turn = layer.turn
            layer.turn = lambda states, positions, turn=turn: turn(states, positions) + positions[:, None, :, None]


class NoPositions(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        for layer in self.layers:
            layer.turn = lambda states, positions: states


class Dropping(ToyDecoder):
    def final(self, hidden):
        return F.dropout(hidden, 0.5)


class InPlace(ToyDecoder):
    def forward(self, input_ids, *arguments, **options):
        input_ids[:, 0] = 0
        return super().forward(input_ids, *arguments, **options)


class OneStateLess(ToyDecoder):
    def forward(self, *arguments, return_dict=None, **options):
        output = super().forward(*arguments, return_dict=True, **options)
        output.hidden_states = output.hidden_states and output.hidden_states[1:]
        return self.as_requested(output, return_dict)

    forward.__signature__ = inspect.signature(ToyDecoder.forward)


class Scores(ToyDecoder):
    def shares(self, scores):
        return scores.softmax(-1) * 2


class OneTable(ToyDecoder):
    table = torch.nn.Parameter(torch.ones(20, 8))

    def __init__(self, config):
        super().__init__(config)
        self.embed.weight = self.table


class ChangesTheCache(ToyDecoder):
    def forward(self, input_ids, attention_mask=None, position_ids=None, past_key_values=None, **options):
        output = super().forward(input_ids, attention_mask, position_ids, past_key_values, **options)
        for key, _ in past_key_values or ():
            key.zero_()
        return output

    forward.__signature__ = inspect.signature(ToyDecoder.forward)


class CountsFromTheCall(ToyDecoder):
    def places(self, mask, tokens):
        return super().places(mask[:, -tokens:], tokens)


class CountsPaddingBelowZero(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        self.table = torch.nn.Embedding(32, 1)

    def places(self, mask, tokens):
        places = (mask.cumsum(1) - 1)[:, -tokens:].long()
        self.table(places)
        return places


class Averaged(ToyDecoder):
    def forward(self, *arguments, return_dict=None, **options):
        output = super().forward(*arguments, return_dict=True, **options)
        output.attentions = output.attentions and tuple(each.mean(1) for each in output.attentions)
        return self.as_requested(output, return_dict)

    forward.__signature__ = inspect.signature(ToyDecoder.forward)


FAULTS = [
    ("cache_is_left_alone", ChangesTheCache, r"changes past_key_values\[0\]\[0\], which belongs to its caller"),
    ("cache", CountsFromTheCall, "past_key_values, 1 tokens at a time, without position_ids: logits is off by"),
    ("padding_on_either_side", CountsPaddingBelowZero, "on the left, without position_ids: IndexError: index out of"),
    ("attentions", Averaged, r"attentions\[0\] is \(2, 7, 7\); expected an axis for the heads"),
    ("no_token_sees_the_next", SeesTheFuture, "token 1 changed: logits before it: logits is off by"),
    ("no_token_sees_the_next", SeesItselfOnly, "the last token's logits do not depend on token 1"),
    ("padding_on_either_side", CountsPadding, "CountsPadding, padded on the left: logits is off by"),
    ("cache", ForgetsTheCache, "1 tokens at a time: logits is off by"),
    ("cache", BeginsAgain, "1 tokens at a time: logits is off by"),
    ("cache_on_request", AlwaysKeeps, "AlwaysKeeps returns past_key_values with use_cache=False"),
    ("cache_on_request", KeepsInTraining, "returns past_key_values in training, where nobody asked"),
    ("cache_on_request", NeverKeeps, "NeverKeeps returns no past_key_values with use_cache=True"),
    ("cache_on_request", KeepsWhateverIsConfigured, "with config.use_cache = False: expected no past_key_values"),
    ("shifted_loss", UnshiftedLoss, "it is not shifted"),
    ("shifted_loss", SummedLoss, "SummedLoss: the loss is .*; expected .*, the mean cross entropy of logits"),
    ("scores_follow_the_vocabulary", HardVocabulary, r"vocab_size = 23 and .*: logits is \(2, 7, 20\); expected 23"),
    ("shifted_loss", CountedLoss, r"the loss with -100 at \[1, 3\] is .*; expected"),
    ("rotary_positions_are_relative", TurnsTwice, r"position_ids \+ 3: logits is off by"),
    ("rotary_positions_are_relative", NoPositions, "do not depend on the distances in position_ids"),
    ("evaluation_repeats", Dropping, "called twice in evaluation mode: logits is off by"),
    ("a_call_leaves_everything_as_it_was", InPlace, "InPlace changes input_ids, which belongs to its caller"),
    ("hidden_states", OneStateLess, "2 tensors for num_hidden_layers = 2; expected 3"),
    ("attentions", Scores, "rows must be shares that sum to 1, but one is off by 1"),
    ("attentions", SeesAll, "a token attends to padding by"),
    ("instances_share_nothing", OneTable, "embed.weight of two models is one tensor"),
]


@pytest.mark.parametrize(("check", "decoder", "said"), FAULTS)
def test_a_wrong_decoder_is_found(check, decoder, said):
    with pytest.raises(AssertionError, match=said):
        getattr(conformance(decoder), f"test_{check}")()


@pytest.mark.parametrize(
    ("classifier", "said"),
    [
        (FirstToken, "FirstToken: no score depends on token 5 of 6"),
        (LastPlace, "LastPlace, padded on the right: logits is off by"),
        (CountedPlace, "CountedPlace, padded on the left: logits is off by"),
    ],
)
def test_a_classifier_that_reads_another_token_is_found(classifier, said):
    with pytest.raises(AssertionError, match=said):
        conformance(classifier=classifier).test_classifier_reads_the_last_token()


def test_learned_positions_are_not_held_to_be_relative():
    class Learned(ToyDecoder):
        def __init__(self, config):
            super().__init__(config)
            self.wpe = torch.nn.Embedding(32, config.hidden_size)
            for layer in self.layers:
                layer.turn = lambda states, positions: states + self.wpe(positions)[:, None, :, :4]

    conformance(Learned).test_rotary_positions_are_relative()
    conformance(Learned).test_cache()


class GroupedConfig(ToyConfig):
    num_attention_heads: Size = field(default=4)
    num_key_value_heads: Size = field(default=2)


class GroupedLayer(Layer):
    def __init__(self, config):
        super().__init__(config)
        self.shared = config.num_key_value_heads
        width = config.hidden_size // self.heads
        self.qkv = torch.nn.ModuleList(
            torch.nn.Linear(config.hidden_size, heads * width) for heads in (self.heads, self.shared, self.shared)
        )

    def repeated(self, states):
        return states.repeat_interleave(self.heads // self.shared, 1)

    def forward(self, hidden, mask, positions, past, owner):
        batch, tokens, _ = hidden.shape
        query, key, value = (
            each(self.norm(hidden)).view(batch, tokens, heads, -1).transpose(1, 2)
            for each, heads in zip(self.qkv, (self.heads, self.shared, self.shared), strict=True)
        )
        query, key = self.turn(query, positions), self.repeated(self.turn(key, positions))
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        maps = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1)
        attended = (maps @ self.repeated(value)).transpose(1, 2).reshape(hidden.shape)
        return hidden + self.out(attended), (key, value), maps


class TurnedGroups(GroupedLayer):
    def repeated(self, states):
        return states.repeat(1, self.heads // self.shared, 1, 1)


def grouped(layer):
    class Grouped(ToyDecoder):
        config_class = GroupedConfig

        def __init__(self, config):
            super().__init__(config)
            self.layers = torch.nn.ModuleList(layer(config) for _ in range(config.num_hidden_layers))

    return conformance(Grouped, config=GroupedConfig)


def test_heads_that_share_keys_are_neighbours():
    grouped(GroupedLayer).test_grouped_heads()
    with pytest.raises(AssertionError, match=r"num_key_value_heads = 2, beside the model of 4 .* logits is off by"):
        grouped(TurnedGroups).test_grouped_heads()


class Base(ToyDecoder):
    """The model without a head: its last hidden state is normalised, and so is the last of all."""

    last = 1.0

    def forward(self, *arguments, return_dict=None, **options):
        output = super().forward(*arguments, return_dict=True, **options)
        states = output.hidden_states
        found = BaseModelOutput(last_hidden_state=output.logits, hidden_states=None)
        found.hidden_states = states and (*states[:-1], output.logits * self.last)
        return self.as_requested(found, return_dict)

    forward.__signature__ = inspect.signature(ToyDecoder.forward)


def test_the_last_state_is_the_last_of_all():
    checks = conformance()
    models = checks.models()
    checks.models = lambda: {"base": Base, **models}
    checks.test_last_hidden_state_is_the_last_of_all()
    checks.models = lambda: {"base": type("Raw", (Base,), {"last": 2.0}), **models}
    said = r"Raw, beside last_hidden_state: hidden_states\[2\] is off by"
    with pytest.raises(AssertionError, match=said):
        checks.test_last_hidden_state_is_the_last_of_all()
