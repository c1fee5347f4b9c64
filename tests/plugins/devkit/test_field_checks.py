"""The kit finds fields that do nothing, first values that differ, files that do not fit, and private imports."""

import pytest
import torch
from torch import nn

from archsmith.config import NonNegative, PreTrainedConfig, Size, field
from archsmith.errors import InputError, PluginError
from archsmith.registry import registry
from archsmith_devkit import State, checks_of
from archsmith_devkit.harness import tensors_of
from archsmith_devkit.imports import private_imports

from .test_conformance import install  # noqa: F401
from .toy_decoder import ToyConfig, ToyDecoder, ToyOutput, conformance
from .toy_plugin import NAME


@pytest.mark.parametrize(
    "check",
    [
        "every_field_has_an_effect",
        "descriptive_fields_have_none",
        "nested_fields_survive",
        "initial_values",
        "ties_follow_the_configuration",
        "training_survives_files",
        "bfloat16",
        "float16",
    ],
)
def test_a_sound_model_passes(check):
    getattr(conformance(), f"test_{check}")()


class FieldTooMany(ToyConfig):
    depth_scale: NonNegative = field(default=1.0)


class Described(FieldTooMany):
    descriptive = (*ToyConfig.descriptive, "depth_scale")


class RopeDescribed(ToyConfig):
    descriptive = (*ToyConfig.descriptive, "rope_theta")


def told(found):
    return f"no parameter, output, loss, initial value or training step of .* changes with {found}"


def hard_coded(**values):
    """Return a decoder that computes with some values whatever its configuration says."""

    class HardCoded(ToyDecoder):
        def __init__(self, config):
            super().__init__(config)
            for layer in self.layers:
                for name, value in values.items():
                    if name == "eps":
                        layer.norm.eps = value
                    else:
                        setattr(layer, name, value)

    return HardCoded


class OwnSpread(ToyDecoder):
    def init_weights(self, module):
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=0.3)
            if getattr(module, "bias", None) is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


@pytest.mark.parametrize(
    ("decoder", "said"),
    [
        (hard_coded(eps=1e-5), "eps = 0.5 in place of 1e-05"),
        (hard_coded(theta=100.0), "rope_theta = 0.5 in place of 100.0"),
        (hard_coded(dropout=0.1), "dropout = 0.5 in place of 0.1"),
        (OwnSpread, "initializer_range = 0.5 in place of 0.2"),
    ],
)
def test_a_value_that_is_written_into_the_code_is_found(decoder, said):
    with pytest.raises(AssertionError, match=told(said)):
        conformance(decoder, decoder).test_every_field_has_an_effect()


def test_a_field_that_nothing_reads_is_found_or_declared():
    class Taking(ToyDecoder):
        config_class = FieldTooMany

    with pytest.raises(AssertionError, match=told("depth_scale = 0.5 in place of 1.0")):
        conformance(Taking, Taking, FieldTooMany).test_every_field_has_an_effect()

    class Declared(ToyDecoder):
        config_class = Described

    conformance(Declared, Declared, Described).test_every_field_has_an_effect()


def test_a_field_that_counts_is_not_descriptive():
    class Wrong(ToyDecoder):
        config_class = RopeDescribed

    with pytest.raises(AssertionError, match=r"RopeDescribed\.rope_theta is descriptive, but rope_theta = 0.5 changes"):
        conformance(Wrong, Wrong, RopeDescribed).test_descriptive_fields_have_none()


class Inner(PreTrainedConfig):
    model_type = "toy-inner"
    width: Size = field(default=4)


def test_a_nested_field_that_is_lost_is_found():
    class Outer(ToyConfig):
        inner: Inner = field(default=None)

        def __init__(self, **values):
            super().__init__(**{**values, "inner": Inner()})

    with pytest.raises(AssertionError, match=r"Outer.inner.width = 8: it is 4 in the configuration"):
        conformance(config=Outer).test_nested_fields_survive()


class Part(PreTrainedConfig):
    model_type = "toy-part"
    width: Size = field(default=4)
    scale: NonNegative = field(default=1.0)


class WholeConfig(ToyConfig):
    part: Part | None = field(default=None)

    def derived(self):
        return {} if self.part else {"part": Part()}


class Whole(ToyDecoder):
    config_class = WholeConfig

    def __init__(self, config):
        super().__init__(config)
        self.there = nn.Linear(config.hidden_size, config.part.width)
        self.back = nn.Linear(self.width(config), config.hidden_size)

    def width(self, config):
        return config.part.width

    def scale(self):
        return self.config.part.scale

    def final(self, hidden):
        return hidden + self.scale() * self.back(self.there(hidden))


def test_a_sound_whole_passes():
    for check in ("every_field_has_an_effect", "what_is_accepted_builds", "nested_fields_survive"):
        getattr(conformance(Whole, Whole, WholeConfig), f"test_{check}")()


def test_a_field_of_a_part_that_is_written_into_the_code_is_found():
    class HardScale(Whole):
        def scale(self):
            return 1.0

    with pytest.raises(AssertionError, match=told("part.scale = 0.5 in place of 1.0")):
        conformance(HardScale, HardScale, WholeConfig).test_every_field_has_an_effect()


def test_a_value_of_a_part_with_which_the_whole_fails_is_found():
    class HardWidth(Whole):
        def width(self, config):
            return 4

    with pytest.raises(AssertionError, match=r"WholeConfig takes part\.width = 3, but HardWidth fails with it"):
        conformance(HardWidth, HardWidth, WholeConfig).test_what_is_accepted_builds()


def test_a_crash_is_no_effect():
    class Broken(ToyDecoder):
        config_class = FieldTooMany

        def final(self, hidden):
            return hidden.view(3, 5, 7) if self.config.depth_scale != 1 else hidden

    failing = r"depth_scale = 0.5 in place of 1.0\. Broken fails with depth_scale = 0.5: RuntimeError: shape"
    with pytest.raises(AssertionError, match=told(failing)):
        conformance(Broken, Broken, FieldTooMany).test_every_field_has_an_effect()


class OddConfig(ToyConfig):
    kernel: Size = field(default=3)

    def rules(self):
        yield from super().rules()
        if self.kernel % 2 == 0:
            yield f"kernel is {self.kernel}, but must be odd"


def test_fields_of_odd_values_get_another_odd_one():
    class Padded(ToyDecoder):
        config_class = OddConfig

        def __init__(self, config):
            super().__init__(config)
            self.mixing = nn.Conv1d(config.hidden_size, config.hidden_size, config.kernel, padding=1)

        def final(self, hidden):
            return hidden + self.mixing(hidden.mT).mT

    with pytest.raises(AssertionError, match="OddConfig takes kernel = 5, but Padded fails with it: RuntimeError"):
        conformance(Padded, Padded, OddConfig).test_what_is_accepted_builds()


def test_a_value_that_the_model_always_refuses_is_found():
    class Refusing(ToyDecoder):
        def final(self, hidden):
            if self.config.hidden_size != 8:
                raise InputError(f"the hidden states must have 8 numbers, but have {self.config.hidden_size}.")
            return hidden

    with pytest.raises(AssertionError, match="other values of hidden_size than 8, but the models refuse all inputs"):
        conformance(Refusing, Refusing).test_what_is_accepted_builds()


def with_table(name):
    """Return a decoder with a table that starts otherwise where a file lacks it."""

    class TableInConstructor(ToyDecoder):
        def __init__(self, config):
            super().__init__(config)
            self.register_parameter(name, nn.Parameter(torch.arange(8.0), requires_grad=False))

        def init_weights(self, module):
            super().init_weights(module)
            table = getattr(self, name, None)
            if module is self and table is not None and table.isnan().any():
                nn.init.zeros_(table)

    return TableInConstructor


class AlwaysTied(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        self.head.weight = self.embed.weight


class CountedSteps(ToyDecoder):
    def __init__(self, config):
        super().__init__(config)
        self.steps = 1.0

    def final(self, hidden):
        self.steps += float(self.training)
        return hidden * self.steps


@pytest.mark.parametrize(
    ("check", "decoder", "said"),
    [
        (
            "initial_values",
            with_table("scale"),
            "scale begins with numbers around 0 ± 0 where a file lacks it; expected",
        ),
        (  # the first of the smallest tensors
            "initial_values",
            with_table("a_scale"),
            "a_scale begins with numbers around 0 ± 0 where a file lacks it; expected",
        ),
        ("ties_follow_the_configuration", AlwaysTied, "head.weight and embed.weight are one matrix"),
        ("training_survives_files", CountedSteps, "CountedSteps, saved after a training step: logits is off by"),
    ],
)
def test_a_wrong_beginning_is_found(check, decoder, said):
    with pytest.raises(AssertionError, match=said):
        getattr(conformance(decoder), f"test_{check}")()


@pytest.mark.parametrize(
    ("old", "new", "check", "said"),
    [
        (
            "self.bag = BagModel(config)",
            "self.bag = BagModel(config)\n        self.bag.extra = nn.Linear(2, 2)",
            "classes_load_each_other",
            "BagForSequenceClassification from the file of BagModel is refused: ",
        ),
        (
            "def forward(self, input_ids, attention_mask=None, *,",
            "def forward(self, input_ids, mask=None, *,",
            "preprocessing_fits_the_model",
            "BagTokenizer makes attention_mask, which is not an argument of BagModel.forward",
        ),
        (
            "import PreTrainedModel\n",
            "import PreTrainedModel\nfrom archsmith.model.base import attention_name\n",
            "imports_are_public",
            "it imports archsmith.model.base, which is a private part of archsmith.model",
        ),
    ],
)
def test_what_does_not_fit_is_found(install, old, new, check, said):  # noqa: F811
    install(f"unfit_{check}", "model", old, new)
    found = {each.name: each.run().found for each in checks_of(NAME) if each.name == check}
    assert said in found[check]


def test_tensors_are_found_at_any_depth():
    tensor, inner = torch.zeros(1), ToyOutput(logits=torch.ones(1))
    found = tensors_of({"a": tensor, "b": ((tensor, None), [tensor]), "c": inner, "d": {"e": tensor}, "f": 3})
    assert list(found) == ["a", "b[0][0]", "b[1][0]", "c.logits", "d.e"]


def test_private_imports_are_found(site):
    site.write(
        "prying/model.py",
        "import archsmith.model.base\n"
        "from archsmith import AutoModel\n"
        "from archsmith._version import __version__\n"
        "from archsmith.layers.attention import attend\n"
        "from archsmith.layers.stack import checkpoint\n"
        "from archsmith.model import PreTrainedModel\n"
        "from archsmith.registry.base import Registry\n"
        "from torch._C import Size\n",
    )
    site.write("prying/__init__.py", "")
    assert list(private_imports("prying")) == [
        ("prying.model, line 1", "it imports archsmith.model.base, which is a private part of archsmith.model"),
        ("prying.model, line 3", "it imports archsmith._version, which is private"),
        (
            "prying.model, line 5",
            "it imports checkpoint from archsmith.layers.stack, which does not list it in __all__",
        ),
        ("prying.model, line 7", "it imports archsmith.registry.base, which is a private part of archsmith.registry"),
    ]


def test_a_waiver_is_for_one_class_and_one_check(install):  # noqa: F811
    install("one_waiver", "model", "config.num_labels)", "6)")
    reason = "Its scores are for six kinds of text."
    waivers = {"BagForSequenceClassification.head_shapes": reason}
    found = {each.name: each.run() for each in checks_of(NAME, waivers=waivers) if "head_shapes" in each.name}
    assert {name: outcome.state for name, outcome in found.items()} == {
        "head_shapes": State.PASSED,
        "BagForSequenceClassification.head_shapes": State.WAIVED,
    }
    registry.__init__()
    unneeded = checks_of(NAME, waivers={"BagModel.head_shapes": reason})
    found = {each.name: each.run().found for each in unneeded if "head_shapes" in each.name}
    assert found["BagModel.head_shapes"] == "it passes: delete its waiver."
    assert "logits is (2, 6), not (2, 5)" in found["head_shapes"]
    with pytest.raises(PluginError) as caught:
        checks_of(NAME, waivers={"BagMode.head_shapes": reason})
    assert str(caught.value) == (
        "archsmith-bag 1.0: a waiver names 'BagMode.head_shapes', but no model class that is checked is called "
        "'BagMode'. Did you mean 'BagModel'? Expected <ClassName>.<check>, with one of BagForSequenceClassification, "
        "BagModel"
    )


def test_an_unknown_waiver_of_a_manifest_is_found(install):  # noqa: F811
    install("stale_waiver", "plugin", "tiny={", 'waivers={"compile": "It did not compile a year ago."}, tiny={')
    with pytest.raises(PluginError, match="a waiver names the check 'compile', which there is not"):
        checks_of(NAME)
