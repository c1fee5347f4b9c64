"""The kit finds arguments without effect, and faults that show with other settings and in half precision alone."""

import inspect

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from archsmith import DistilBertConfig, DistilBertForSequenceClassification, DistilBertModel
from archsmith.config import Size, field
from archsmith_devkit import ArchitectureConformance

from .test_model_checks import TINY
from .toy_decoder import ToyClassifier, ToyConfig, ToyDecoder, conformance

CHECKS = (
    "arguments_have_an_effect",
    "options_follow_the_configuration",
    "left_out_arguments_have_their_default",
    "heads_hand_arguments_on",
    "options_bring_what_they_name",
    "norms_in_float16",
    "computed_buffers_stay_out_of_files",
    "dropout_is_for_training",
    "problem_type_chooses_the_loss",
)


@pytest.mark.parametrize("check", CHECKS)
def test_a_sound_model_passes(check):
    getattr(conformance(), f"test_{check}")()


def spoiled(change, cls=ToyDecoder):
    """Return a class whose forward gets its arguments, by name, through a function first."""

    class Spoiled(cls):
        def forward(self, *arguments, **options):
            given = inspect.signature(cls.forward).bind(self, *arguments, **options).arguments
            return super().forward(**change({name: value for name, value in given.items() if name != "self"}))

        forward.__signature__ = inspect.signature(cls.forward)

    return Spoiled


def without(*names):
    return lambda given: {name: value for name, value in given.items() if name not in names}


def without_places_of_padding(given):
    return without("position_ids")(given) if given.get("attention_mask") is not None else given


def false_for_none(given):
    """An option that is None is off, whatever the configuration says."""
    return {**given, "output_attentions": bool(given.get("output_attentions"))}


def never_declined(given):
    return without("output_hidden_states")(given) if not given.get("output_hidden_states") else given


def halves_of_masks(given):
    mask = given.get("attention_mask")
    return given if mask is not None else {**given, "attention_mask": (torch.arange(7) < 4).expand(2, 7).long()}


class NormInHalf(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, hidden):
        return self.weight * hidden * torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + 1e-6)


class HalfNorm(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        for layer in self.layers:
            layer.norm = NormInHalf(config.hidden_size)


class Waves(nn.Module):
    def __init__(self):
        super().__init__()
        self.init_buffers()

    def init_buffers(self):
        self.register_buffer("waves", torch.arange(4.0))


class SavedWaves(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        self.rotary = Waves()


class AlwaysDrops(ToyDecoder):
    def final(self, hidden):
        return F.dropout(hidden, self.config.dropout)


class ClassesAlone(ToyClassifier):
    def classes_loss(self, logits, labels):
        return F.cross_entropy(logits, labels.argmax(-1) if labels.ndim > 1 else labels)


FAULTS = [
    ("arguments_have_an_effect", spoiled(without("position_ids")), "position_ids has no effect beside input_ids, att"),
    ("arguments_have_an_effect", spoiled(without_places_of_padding), "position_ids has no effect beside input_ids, a"),
    (
        "arguments_have_an_effect",
        spoiled(without("attention_mask")),
        r"attention_mask has .* with \[0, 0, 0, 1, 1",
    ),
    (
        "options_bring_what_they_name",
        spoiled(without("output_hidden_states")),
        "output_hidden_states=True returns logits, .*; expected hidden_states too",
    ),
    (
        "norms_in_float16",
        HalfNorm,
        r"layers.0.norm, a NormInHalf, in float16, of numbers up to 512: off by 1 ",
    ),
    (
        "computed_buffers_stay_out_of_files",
        SavedWaves,
        r"rotary.waves is saved .*, although Waves.init_buffers",
    ),
    ("dropout_is_for_training", AlwaysDrops, r"evaluation mode with dropout = 0.5: logits is off by"),
]


@pytest.mark.parametrize(("check", "decoder", "said"), FAULTS)
def test_a_fault_is_found(check, decoder, said):
    with pytest.raises(AssertionError, match=said):
        getattr(conformance(decoder), f"test_{check}")()


def test_a_loss_of_classes_alone_is_found():
    said = "ClassesAlone with problem_type = 'regression': loss is off by"
    with pytest.raises(AssertionError, match=said):
        conformance(classifier=ClassesAlone).test_problem_type_chooses_the_loss()


class ScaledEmbeddings(DistilBertModel):
    """Scales the embeddings of ids alone."""

    def forward(self, input_ids=None, attention_mask=None, position_ids=None, inputs_embeds=None, **options):
        words = inputs_embeds if input_ids is None else self.get_input_embeddings()(input_ids) * 2
        return super().forward(None, attention_mask, position_ids=position_ids, inputs_embeds=words, **options)


def swapped(given):
    """Hand two arguments on in the other order: both are integers of one shape."""
    places = given.get("position_ids")
    if places is None:
        return given
    return {**given, "attention_mask": (places > 0).long(), "position_ids": given["attention_mask"]}


HEAD = DistilBertForSequenceClassification


class MaskOfMaps(DistilBertModel):
    """Attention maps are computed in float32 in part, which shows where they are asked for alone."""

    def forward(self, input_ids=None, attention_mask=None, *, output_attentions=None, **options):
        output = super().forward(input_ids, attention_mask, output_attentions=output_attentions, **options)
        if output_attentions:
            output.attentions[0] @ torch.ones(7, 7)
        return output


@pytest.mark.parametrize(
    ("check", "model", "said"),
    [
        ("arguments_have_an_effect", spoiled(without("position_ids"), HEAD), "Spoiled: position_ids has no effect"),
        (
            "heads_hand_arguments_on",
            spoiled(without("position_ids"), HEAD),
            "hands something else on than position_ids: its hidden states with",
        ),
        ("heads_hand_arguments_on", spoiled(swapped, HEAD), "hands something else on than position_ids"),
        ("left_out_arguments_have_their_default", ScaledEmbeddings, "inputs_embeds in place of input_ids: last_hidden"),
        ("bfloat16", MaskOfMaps, "MaskOfMaps in bfloat16 with output_attentions=True: RuntimeError: "),
    ],
)
def test_a_fault_of_an_encoder_is_found(check, model, said):
    class Conformance(ArchitectureConformance):
        model_type = "distilbert"

        def built(self):
            return [model(DistilBertConfig(**TINY)).eval()]

    with pytest.raises(AssertionError, match=said):
        getattr(Conformance(), f"test_{check}")()


def test_tokens_that_never_meet_need_no_mask():
    class Alone(ToyDecoder):
        def visible(self, mask, tokens):
            return torch.eye(mask.shape[1], dtype=torch.bool)[-tokens:]

        def forward(self, input_ids, attention_mask=None, *, return_dict=None):
            return super().forward(input_ids, return_dict=return_dict)

    conformance(Alone).test_arguments_have_an_effect()


@pytest.mark.parametrize("types", [1, 2])
def test_one_token_type_tells_nothing(types):
    class Typed(ToyConfig):
        type_vocab_size: Size = field(default=types)

    class Taking(ToyDecoder):
        config_class = Typed

        def forward(self, input_ids, attention_mask=None, token_type_ids=None, *, return_dict=None):
            return super().forward(input_ids, attention_mask, return_dict=return_dict)

    check = conformance(Taking, Taking, Typed).test_arguments_have_an_effect
    if types == 1:
        check()
    else:
        with pytest.raises(AssertionError, match="Taking: token_type_ids has no effect"):
            check()
