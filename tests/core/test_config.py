"""Configurations: what they accept, what they refuse and how they say it, and what config.json holds."""

import copy
import dataclasses
import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

from archsmith import (
    AutoConfig,
    AutoModel,
    DistilBertConfig,
    DistilBertModel,
    PreTrainedConfig,
    ResNetConfig,
    ResNetModel,
)
from archsmith.config import Size, field
from archsmith.errors import (
    ArchsmithError,
    ArchsmithWarning,
    CheckpointError,
    ConfigError,
    OptionError,
    SaveFailed,
    UnknownField,
)

SMALL = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
SIZES = ("vocab_size", "max_position_embeddings", "n_layers", "n_heads", "dim", "hidden_dim")
SHARES = ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout")
SWITCHES = (
    "sinusoidal_pos_embds",
    "tie_word_embeddings",
    "output_hidden_states",
    "output_attentions",
    "return_dict",
)
MAPPINGS = ("id2label", "label2id", "pruned_heads")
NO_NUMBER = ["", "1", "gelu", b"x", [], {}, {"a": 1}, object(), float, 1j, float("nan"), float("inf"), torch.zeros(2)]
recursive_list: list = []
recursive_list.append(recursive_list)
BAD = {
    **{name: [*NO_NUMBER, None, True, 0, -1, 1.5, 2.0, 2**31, 10**400, recursive_list] for name in SIZES},
    **{name: [*NO_NUMBER, None, True, -0.1, 1.1, 10**400, -float("inf"), "0.1"] for name in SHARES},
    **{name: [*NO_NUMBER, 0, 1, "true", 0.0, [True]] for name in SWITCHES},
    "initializer_range": [*NO_NUMBER, None, True, -0.02, 10**400],
    "activation": ["", "gleu", "GELU", None, 1, b"gelu", ["gelu"], {"gelu": 1}, True, len, "\ud800", "gelu "],
    "pad_token_id": [*NO_NUMBER, -1, 1.0, True, 2**40, [1]],
    "bos_token_id": [*NO_NUMBER, -1, 1.0, True, 2**40, [1], [1, 2]],
    "eos_token_id": ["", "1", b"x", {"a": 1}, object(), 1j, float("nan"), -1, 1.0, True, [1, -1], [None], [[1]]],
    "architectures": ["DistilBertModel", 1, [1], [None], {"a": 1}, True, ["\ud800"], recursive_list, b"x"],
    "dtype": ["float", "int8", 32, torch.int8, float, ["float32"], True, "FLOAT32", "", np.float32],
    "problem_type": ["", "classification", 1, True, ["regression"], {"regression": 1}],
    "id2label": ["x", 1, True, ["a"], {"a": "b"}, {0: 1}, {0: None}, {-1: "a"}, {1.5: "a"}, {0: "\ud800"}, np.int64(3)],
    "label2id": ["x", 1, True, ["a"], {"a": "b"}, {"a": None}, {"a": -1}, {"a": 1.5}, {"\udfff": 0}, torch.zeros(2)],
    "num_labels": ["", "2", -1, 1.5, True, [], 10**9, float("nan"), np.array([1, 2]), torch.zeros(2), object()],
    "pruned_heads": ["x", 1, True, [1], {"a": [1]}, {0: 1}, {0: ["a"]}, {0: [-1]}, {-1: [0]}, np.float32(1)],
}
#: What is wrong in a call, but not in a file: its meaning is clear, or nothing depends on it.
CLEAR_IN_FILES = {
    **{name: [None] for name in (*SIZES, *SHARES, "initializer_range", "activation")},
    **{name: BAD[name] for name in ("architectures", "dtype", "bos_token_id", "eos_token_id")},
    "pad_token_id": [-1],
    "problem_type": [""],
    "id2label": [["a"], {0: 1}, {0: None}],
}
WAYS = {
    "argument": lambda name, value: DistilBertConfig(**{name: value}),
    "key of a file": lambda name, value: DistilBertConfig.from_dict({name: value}),
    "override": lambda name, value: DistilBertConfig.from_dict({}, **{name: value}),
    "update": lambda name, value: DistilBertConfig().update(**{name: value}),
    "assignment": lambda name, value: setattr(DistilBertConfig(), name, value),
}


def small(**values) -> DistilBertConfig:
    return DistilBertConfig(**{**SMALL, **values})


# ---- values ---------------------------------------------------------------------------------------------------


def test_every_field_has_bad_values():
    assert BAD.keys() == {each.name for each in dataclasses.fields(DistilBertConfig)} | {"num_labels"}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_value_is_refused_with_the_name_of_its_field(name, way):
    for value in BAD[name]:
        if way == "key of a file" and any(
            value is clear or repr(value) == repr(clear) for clear in CLEAR_IN_FILES.get(name, ())
        ):
            continue
        with pytest.raises(ConfigError) as caught:
            WAYS[way](name, value)
        assert name in str(caught.value), value
        assert caught.value.faults


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("dim", np.int64(24), 24),
        ("dim", torch.tensor(24), 24),
        ("dropout", 1, 1.0),
        ("dropout", np.float64(0.5), 0.5),
        ("dropout", torch.tensor(0.5), 0.5),
        ("sinusoidal_pos_embds", np.True_, True),
        ("dtype", torch.bfloat16, "bfloat16"),
        ("dtype", "torch.float16", "float16"),
        ("torch_dtype", "float64", "float64"),
        ("eos_token_id", [1, 2], [1, 2]),
        ("eos_token_id", (1, 2), [1, 2]),
        ("id2label", {"1": "b", "0": "a"}, {1: "b", 0: "a"}),
        ("id2label", {0: "straße", 1: "词"}, {0: "straße", 1: "词"}),
        ("pruned_heads", {"0": [1]}, {0: [1]}),
        ("pad_token_id", None, None),
        ("architectures", [], []),
        ("num_labels", 0, 0),
    ],
)
@pytest.mark.parametrize("way", ["argument", "key of a file", "override"])
def test_a_good_value_is_kept_in_its_type(name, value, kept, way):
    found = getattr(WAYS[way](name, value), name)
    assert found == kept
    assert isinstance(found, type(kept))
    assert isinstance(found, bool) == isinstance(kept, bool)


def test_all_faults_come_in_one_message():
    with pytest.raises(ConfigError) as caught:
        DistilBertConfig(dim="wide", dropout=2, activation="gleu", hiden_dim=3)
    assert str(caught.value) == (
        "DistilBertConfig:\n"
        "  - 'hiden_dim' is not a field of DistilBertConfig. Did you mean 'hidden_dim'?\n"
        "  - dim must be an integer from 1 to 2147483647, but is 'wide'\n"
        "  - dropout must be a number from 0 to 1, but is 2\n"
        "  - activation must be one of 'gelu', 'gelu_10', 'gelu_accurate', 'gelu_fast', 'gelu_new', 'gelu_python', "
        "'gelu_python_tanh', 'gelu_pytorch_tanh', 'hardswish', 'laplace', 'leaky_relu', 'linear', 'mish', "
        "'quick_gelu', 'relu', 'relu2', 'relu6', 'sigmoid', 'silu', 'sqrtsoftplus', 'swish', 'tanh', but is 'gleu'."
    )
    assert len(caught.value.faults) == 4


def test_rules_between_fields():
    with pytest.raises(ConfigError, match=r"^DistilBertConfig: n_heads is 12, but must divide dim 10\.$"):
        DistilBertConfig(dim=10)
    with pytest.raises(ConfigError, match=r"^DistilBertConfig: pad_token_id is 5, but must be below vocab_size 5\.$"):
        DistilBertConfig(vocab_size=5, pad_token_id=5)


def test_arguments_have_names():
    with pytest.raises(OptionError, match=r"takes keyword arguments; none may be positional, got 1\."):
        DistilBertConfig(768)

    class Named(PreTrainedConfig):
        positional = ("name",)
        name: str = field(default="x")

    assert Named("y").name == "y"
    with pytest.raises(OptionError, match="got multiple values for name: one positional, one by keyword"):
        Named("y", name="z")


def test_a_field_that_must_be_given():
    class Needy(PreTrainedConfig):
        width: Size = field(doc="How wide.")

    assert Needy(width=3).to_diff_dict() == {"width": 3}
    assert Needy.json_schema()["required"] == ["width"]
    with pytest.raises(ConfigError, match=r"^Needy: width must be given: How wide\.$"):
        Needy()


def test_a_new_default_without_a_type_is_an_error_of_the_author():
    with pytest.raises(OptionError, match=r"Loose\.tie_word_embeddings has a new default, but no type"):

        class Loose(PreTrainedConfig):
            tie_word_embeddings = False


# ---- other names ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("other", "own"), [("hidden_size", "dim"), ("num_attention_heads", "n_heads"), ("num_hidden_layers", "n_layers")]
)
def test_common_names_are_names_of_the_same_field(other, own):
    for config in (
        DistilBertConfig(**{other: 24}),
        DistilBertConfig.from_dict({other: 24}),
        DistilBertConfig.from_dict({}, **{other: 24}),
        DistilBertConfig.from_dict({own: 48}, **{other: 24}),
        DistilBertConfig(**{other: 24, own: 24}),
    ):
        assert getattr(config, own) == getattr(config, other) == 24
        assert other not in config.to_dict()
    config = DistilBertConfig()
    setattr(config, other, 24)
    assert getattr(config, own) == 24
    config.update(**{other: 12})
    assert getattr(config, own) == 12


def test_two_names_with_two_values_contradict():
    with pytest.raises(ConfigError, match=r"^DistilBertConfig: dim is 12 and hidden_size is 24, but they are one fiel"):
        DistilBertConfig(dim=12, hidden_size=24)
    with pytest.raises(ConfigError, match="but they are one field"):
        DistilBertConfig.from_dict({"dim": np.zeros(2), "hidden_size": np.ones(2)})


# ---- unknown names --------------------------------------------------------------------------------------------


def test_unknown_keys_of_a_file_are_kept_and_written_back():
    strange = {"transformers_version": "4.1", "x": {"y": [1, None, "ü"]}, "check": 1, "attribute_map": 2, "extra": 3}
    config = DistilBertConfig.from_dict({**SMALL, **strange})
    assert config.extra == strange
    assert strange.items() <= config.to_dict().items()
    assert strange.items() <= json.loads(config.to_json_string()).items()
    assert DistilBertConfig.from_dict(config.to_dict()) == config
    assert (config.transformers_version, config.x) == ("4.1", {"y": [1, None, "ü"]})
    assert (config.attribute_map, config.extra) == (DistilBertConfig.attribute_map, strange)  # the class comes first


@pytest.mark.parametrize("value", [object(), float("nan"), {1, 2}, b"x", "\ud800", recursive_list, np.zeros(2), 1j])
def test_an_unknown_key_must_hold_json(value):
    with pytest.raises(ConfigError, match="note must be something that JSON can hold, but is"):
        DistilBertConfig.from_dict({"note": value})


def test_a_misspelt_key_of_a_file_is_announced():
    message = (
        "config.json: 'hiden_dim' is not a field of DistilBertConfig and has no effect. Did you mean 'hidden_dim'?"
    )
    with pytest.warns(ArchsmithWarning) as caught:
        config = DistilBertConfig.from_dict({"hiden_dim": 3})
    assert [str(warning.message) for warning in caught] == [message]
    assert config.extra == {"hiden_dim": 3}


def test_unknown_names_elsewhere_are_errors():
    message = r"^DistilBertConfig: 'n_layer' is not a field of DistilBertConfig\. Did you mean 'n_layers'\?$"
    for way in ("argument", "override", "update", "assignment"):
        with pytest.raises(ConfigError, match=message):
            WAYS[way]("n_layer", 3)
    with pytest.raises(
        AttributeError, match=r"^'n_layer' is not a field of DistilBertConfig\. Did you mean 'n_layers'\?$"
    ):
        DistilBertConfig().n_layer  # noqa: B018
    with pytest.raises(ConfigError, match="a field's name must be a string, but is 3"):
        DistilBertConfig.from_dict({3: 4})


def test_another_architectures_file():
    with pytest.raises(ConfigError) as caught:
        DistilBertConfig.from_dict({"model_type": "bert"}, source="x/config.json")
    assert str(caught.value) == (
        "x/config.json: model_type is 'bert', but DistilBertConfig reads 'distilbert'. "
        "Use AutoConfig, which picks the class by model_type."
    )
    for wrong in (None, 3, ["distilbert"], np.zeros(2)):
        with pytest.raises(ConfigError):
            DistilBertConfig.from_dict({"model_type": wrong})
    for wrong in ([], None, "x", 3):
        with pytest.raises(ConfigError, match="must be built from a mapping"):
            DistilBertConfig.from_dict(wrong)
    assert PreTrainedConfig.from_dict({"model_type": "bert"}).to_dict()["model_type"] == "bert"


# ---- labels ---------------------------------------------------------------------------------------------------

NAMES, INDICES = {0: "a", 1: "b", 2: "c"}, {"a": 0, "b": 1, "c": 2}


@pytest.mark.parametrize("way", ["argument", "key of a file", "override", "update", "assignment"])
@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"id2label": NAMES}, NAMES),
        ({"id2label": {"0": "a", "1": "b", "2": "c"}}, NAMES),
        ({"label2id": INDICES}, NAMES),
        ({"num_labels": 3}, {0: "LABEL_0", 1: "LABEL_1", 2: "LABEL_2"}),
        ({"num_labels": 3, "id2label": NAMES}, NAMES),
        ({"num_labels": 3, "label2id": INDICES}, NAMES),
        ({"id2label": NAMES, "label2id": INDICES}, NAMES),
        ({"id2label": NAMES, "label2id": INDICES, "num_labels": 3}, NAMES),
        ({"id2label": {}}, {}),
    ],
)
def test_labels_are_in_step(given, names, way):
    if way == "assignment":
        config = small()
        for name in ("id2label", "label2id", "num_labels"):  # a number after names keeps the names
            if name in given:
                setattr(config, name, given[name])
    elif way == "update":
        config = small()
        config.update(**given)
    else:
        config = {
            "argument": lambda: small(**given),
            "key of a file": lambda: DistilBertConfig.from_dict({**SMALL, **given}),
            "override": lambda: DistilBertConfig.from_dict({**SMALL, "id2label": {0: "z"}}, **given),
        }[way]()
    assert config.id2label == names
    assert config.label2id == {label: index for index, label in names.items()}
    assert config.num_labels == len(names)
    config.check()
    assert DistilBertConfig.from_dict(config.to_dict()) == config


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"num_labels": 2, "id2label": NAMES}, "num_labels is 2, but id2label has 3 entries"),
        ({"num_labels": 2, "label2id": INDICES}, "num_labels is 2, but label2id has 3 entries"),
        ({"id2label": NAMES, "label2id": {"a": 1}}, "label2id says 'a' is class 1, but id2label says 'b'"),
        ({"label2id": {"a": 0, "b": 0}}, "label2id gives the class 0 to 'a' and to 'b'"),
        ({"num_labels": 1_000_001}, "num_labels must be an integer from 0 to 1000000, but is 1000001"),
        ({"id2label": {1: "a", "1": "b"}}, "id2label must hold each class once, but is {1: 'a', '1': 'b'}"),
    ],
)
@pytest.mark.parametrize("way", ["argument", "override", "update"])
def test_labels_that_contradict_are_refused(given, message, way):
    with pytest.raises(ConfigError) as caught:
        {
            "argument": lambda: small(**given),
            "override": lambda: DistilBertConfig.from_dict({}, **given),
            "update": lambda: small().update(**given),
        }[way]()
    assert caught.value.faults == (message,)


def test_names_stay_where_their_number_is_right():
    config = small(id2label=NAMES)
    config.num_labels = 3
    assert config.id2label == NAMES
    config.update(num_labels=3)
    assert config.id2label == NAMES
    assert DistilBertConfig.from_dict(config.to_dict(), num_labels=3).id2label == NAMES
    config.num_labels = 2
    assert config.id2label == {0: "LABEL_0", 1: "LABEL_1"}


def test_none_means_not_given_but_can_not_be_assigned():
    nothing = {"num_labels": None, "id2label": None, "label2id": None}
    assert small(**nothing) == small()
    with pytest.warns(ArchsmithWarning, match=r"^config.json: num_labels None .*; id2label None .*; label2id None is"):
        assert DistilBertConfig.from_dict({**SMALL, **nothing}) == small()
    for name in nothing:
        with pytest.raises(ConfigError, match=f"{name} must be"):
            setattr(small(), name, None)


@pytest.mark.parametrize("value", [{"a": "0", "b": "1", "c": "2"}, {"a": "0", "b": 1, "c": 2}])
def test_digits_as_strings_are_indices_in_a_call_too(value):
    for config in (small(label2id=value), small(id2label={"0": "a", "1": "b", "2": "c"}, label2id=value)):
        assert (config.id2label, config.label2id) == (NAMES, INDICES)
    config = small()
    config.label2id = value
    assert (config.id2label, config.num_labels) == (NAMES, 3)


def test_a_part_of_label2id_is_completed():
    assert small(id2label=NAMES, label2id={"a": 0}).label2id == INDICES
    same = {0: "a", 1: "a"}
    assert small(id2label=same, label2id={"a": 0}).label2id == {"a": 0}
    assert small(id2label=same).label2id == {"a": 1}


@pytest.mark.parametrize("which", ["id2label", "label2id"])
@pytest.mark.parametrize(
    "change",
    [
        lambda labels: labels.__setitem__(2, "new"),
        lambda labels: labels.__delitem__(next(iter(labels))),
        lambda labels: labels.__ior__({2: "new"}),
        lambda labels: labels.update({2: "new"}),
        lambda labels: labels.update(new=2),
        lambda labels: labels.pop(next(iter(labels))),
        lambda labels: labels.popitem(),
        lambda labels: labels.setdefault(2, "new"),
        lambda labels: labels.clear(),
    ],
)
def test_labels_do_not_change_in_place(which, change):
    config = small(id2label=NAMES)
    changed, copied = small(id2label=NAMES), copy.deepcopy(pickle.loads(pickle.dumps(config)))
    changed.num_labels = 2
    for each in (
        small(),
        changed,
        config,
        copied,
        config.changed(dim=16),
        DistilBertConfig.from_dict(config.to_dict()),
    ):
        before = each.to_dict()
        with pytest.raises(
            ConfigError, match="cannot be changed in place: the other one and num_labels would not follow"
        ):
            change(getattr(each, which))
        assert each.to_dict() == before
    config.id2label = {**config.id2label, 3: "new"}
    assert (config.num_labels, config.label2id["new"]) == (4, 3)
    assert json.loads(json.dumps(config.id2label)) == {"0": "a", "1": "b", "2": "c", "3": "new"}


# ---- what published files hold ----------------------------------------------------------------------------------

PAIR = {"0": "NEG", "1": "POS"}


def read_saying(given, **overrides):
    """Read the content of a file that is put in order, and return the configuration and the one announcement."""
    with pytest.warns(ArchsmithWarning) as caught:
        config = DistilBertConfig.from_dict({**SMALL, **given}, source="x/config.json", **overrides)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert DistilBertConfig.from_dict(json.loads(config.to_json_string())) == config  # nothing is announced again
    return config, str(caught[0].message)


@pytest.mark.parametrize(
    ("given", "names", "said"),
    [
        (
            {"id2label": PAIR, "label2id": {"NEG": "0", "POS": "1"}},
            {0: "NEG", 1: "POS"},
            "label2id {'NEG': '0', 'POS': '1'} is read as {'NEG': 0, 'POS': 1}",
        ),
        (
            {"id2label": {"0": 0, "1": 1.5, "2": True}},
            {0: "0", 1: "1.5", 2: "True"},
            "id2label {'0': 0, '1': 1.5, '2': ",
        ),
        ({"id2label": {"0": None, "1": "b"}}, {0: "LABEL_0", 1: "b"}, "id2label {'0': None, '1': 'b'} is read as"),
        (
            {"id2label": PAIR, "label2id": {"LABEL_0": 0, "LABEL_1": 1}},
            {0: "NEG", 1: "POS"},
            "label2id {'LABEL_0': 0, ",
        ),
        (
            {"id2label": PAIR, "label2id": {"POS": 1}},
            {0: "NEG", 1: "POS"},
            "label2id {'POS': 1} is read as {'NEG': 0, ",
        ),
        ({"id2label": PAIR, "label2id": {"NEG": 0, "POS": 1, "X": 5}}, {0: "NEG", 1: "POS"}, "label2id {'NEG': 0, "),
        ({"id2label": PAIR, "label2id": "?"}, {0: "NEG", 1: "POS"}, "label2id '?' is read as {'NEG': 0, 'POS': 1}"),
        ({"id2label": ["NEG", "POS"]}, {0: "NEG", 1: "POS"}, "id2label ['NEG', 'POS'] is read as {0: 'NEG', 1: 'POS'}"),
        ({"id2label": PAIR, "num_labels": 3}, {0: "NEG", 1: "POS"}, "num_labels 3 is read as 2"),
        ({"id2label": PAIR, "num_labels": "3"}, {0: "NEG", 1: "POS"}, "num_labels '3' is read as 2"),
        ({"label2id": {"a": 0}, "num_labels": 2}, {0: "LABEL_0", 1: "LABEL_1"}, "label2id {'a': 0} is read as"),
        ({"id2label": None, "label2id": INDICES}, NAMES, "id2label None is read as {0: 'a', 1: 'b', 2: 'c'}"),
    ],
)
def test_what_files_say_of_classes_is_put_in_order(given, names, said):
    config, message = read_saying(given)
    assert config.id2label == names
    assert config.label2id == {name: index for index, name in names.items()}
    assert config.num_labels == len(names)
    assert message.startswith(f"x/config.json: {said}")
    assert message.endswith(". Save it again to have it so in the file.")


@pytest.mark.parametrize(
    ("given", "names"),
    [
        ({"id2label": {"0": "a", "2": "b"}}, {0: "a", 2: "b"}),
        ({"id2label": {"0": "L", "1": "L"}}, {0: "L", 1: "L"}),
        ({"id2label": {"0": "L", "1": "L"}, "label2id": {"L": 0}}, {0: "L", 1: "L"}),
        ({"id2label": PAIR, "num_labels": 2, "_num_labels": 5}, {0: "NEG", 1: "POS"}),
    ],
)
def test_what_needs_no_order(given, names):
    assert DistilBertConfig.from_dict(given).id2label == names


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"id2label": {"NEG": 0}}, "id2label must be a mapping of integers from 0 to 2147483647 to strings, but is "),
        ({"id2label": {"-1": "a"}}, "id2label must be a mapping of integers"),
        ({"id2label": {"0": ["a"]}}, "id2label (at [...]) must be a mapping of integers"),
        ({"id2label": "NEG, POS", "num_labels": 2}, "id2label must be a mapping of integers"),
        ({"num_labels": "3"}, "num_labels must be an integer from 0 to 1000000, but is '3'"),
        ({"label2id": {"a": 0, "b": 0}}, "label2id gives the class 0 to 'a' and to 'b'"),
        ({"problem_type": "classification"}, "problem_type must be one of 'regression'"),
        ({"dim": 8.0}, "dim must be an integer from 1 to 2147483647, but is 8.0"),
        ({"dim": "8"}, "dim must be an integer from 1 to 2147483647, but is '8'"),
        ({"dropout": "0.1"}, "dropout must be a number from 0 to 1, but is '0.1'"),
        ({"initializer_range": "2e-2"}, "initializer_range must be a number of at least 0, but is '2e-2'"),
        ({"sinusoidal_pos_embds": 1}, "sinusoidal_pos_embds must be true or false, but is 1"),
        ({"pad_token_id": 2**40}, "pad_token_id must be an integer from 0 to 2147483647 or null, but is"),
        ({"pad_token_id": "0"}, "pad_token_id must be an integer"),
    ],
)
def test_what_results_depend_on_is_strict_in_files_too(given, fault):
    with pytest.raises(ConfigError) as caught:
        DistilBertConfig.from_dict({**SMALL, **given}, source="x/config.json")
    (found,) = caught.value.faults
    assert found.replace(" (at [...])", "").startswith(fault.replace(" (at [...])", ""))
    assert str(caught.value).startswith("x/config.json: DistilBertConfig: ")


@pytest.mark.parametrize(
    ("name", "value", "read"),
    [
        ("pad_token_id", -1, None),
        ("bos_token_id", [1, 2], None),
        ("eos_token_id", "[SEP]", None),
        ("problem_type", "", None),
        ("architectures", "DistilBertModel", None),
        ("dtype", "float", "float32"),
        ("dtype", "half", "float16"),
        ("dtype", "torch.half", "float16"),
        ("torch_dtype", "double", "float64"),
        ("dtype", "int8", None),
        ("dtype", 32, None),
        ("output_hidden_states", None, False),
        ("return_dict", None, False),
        ("tie_word_embeddings", None, False),
        ("dropout", None, 0.1),
        ("hidden_dim", None, 3072),
        ("activation", None, "gelu"),
        ("pruned_heads", None, {}),
    ],
)
def test_what_no_result_depends_on_and_null(name, value, read):
    config, message = read_saying({name: value})
    assert getattr(config, name) == read
    own = {"torch_dtype": "dtype"}.get(name, name)
    assert message == f"x/config.json: {own} {value!r} is read as {read!r}. Save it again to have it so in the file."


def test_one_announcement_for_all():
    _, message = read_saying({"num_labels": 3, "id2label": PAIR, "pad_token_id": -1, "dropout": None})
    parts = ["num_labels 3 is read as 2", "pad_token_id -1 is read as None", "dropout None is read as 0.1"]
    assert all(part in message for part in parts)
    assert message.count(" is read as ") == 3


def test_null_is_off_in_a_call_but_an_absent_key_is_not_null():
    assert small(output_attentions=None, tie_word_embeddings=None) == small(tie_word_embeddings=False)
    config = small()
    config.return_dict = None
    assert config.return_dict is False
    assert small().tie_word_embeddings is DistilBertConfig.from_dict({}).tie_word_embeddings is True
    with pytest.raises(
        ConfigError, match=r"^DistilBertConfig: dim must be an integer from 1 to 2147483647, but is None"
    ):
        small(dim=None)


def test_a_default_that_does_not_fit_is_told_with_the_null_it_stands_for():
    with pytest.raises(ConfigError) as caught:
        DistilBertConfig.from_dict({**SMALL, "n_heads": None}, source="x/config.json")
    assert str(caught.value) == (
        "x/config.json: DistilBertConfig: n_heads is 12, but must divide dim 8 (n_heads None is read as 12)."
    )


def test_null_for_what_has_no_default_is_refused():
    class Needful(PreTrainedConfig):
        width: Size = field(doc="How wide.")

    with pytest.raises(ConfigError, match=r"^Needful: width must be an integer from 1 to 2147483647, but is None\.$"):
        Needful.from_dict({"width": None})


def test_what_the_hub_holds_is_read_without_a_word():
    other = {
        "_name_or_path": "x", "_num_labels": 9, "architectures": None, "attn_implementation": "sdpa",
        "_attn_implementation": None, "finetuning_task": None, "gradient_checkpointing": True, "output_past": True,
        "summary_activation": None, "summary_first_dropout": 0.1, "summary_proj_to_labels": True, "torchscript": False,
        "torch_dtype": None, "use_bfloat16": False, "use_cache": True, "transformers_version": "4.1",
        "pruned_heads": {"0": [1]}, "dropout": 0, "activation": "gelu_python", "task_specific_params": None,
        "tie_weights_": True, "is_decoder": False, "language": "english", "layer_norm_eps": "1e-12",
    }  # fmt: skip
    config = DistilBertConfig.from_dict({"model_type": "distilbert", **SMALL, **other})
    assert (config.pruned_heads, config.dropout, config.num_labels) == ({0: [1]}, 0.0, 2)
    assert config.extra["gradient_checkpointing"] is True


# ---- what a call says over a file ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "call", "held"),
    [
        ({"dim": "wide"}, {"dim": 16}, {"dim": 16}),
        ({"dim": "wide"}, {"hidden_size": 16}, {"dim": 16}),
        ({"num_labels": "x"}, {"num_labels": 3}, {"num_labels": 3}),
        ({"num_labels": "x", "id2label": "y"}, {"num_labels": 3}, {"num_labels": 3}),
        ({"id2label": 7}, {"id2label": NAMES}, {"label2id": INDICES}),
        ({"label2id": 7, "num_labels": "x"}, {"id2label": NAMES}, {"label2id": INDICES}),
        ({"id2label": 7}, {"label2id": INDICES}, {"id2label": NAMES}),
        ({"problem_type": "x"}, {"problem_type": "regression"}, {"problem_type": "regression"}),
        ({"dtype": 5}, {"dtype": "float16"}, {"dtype": "float16"}),
        ({"dropout": None}, {"dropout": 0.5}, {"dropout": 0.5}),
    ],
)
def test_what_a_call_says_is_not_looked_at_in_the_file(tmp_path, file, call, held):
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "distilbert", **SMALL, **file}))
    for reader in (DistilBertConfig, AutoConfig):
        config = reader.from_pretrained(tmp_path, **call)
        assert {name: getattr(config, name) for name in held} == held


@pytest.mark.parametrize("name", ["num_labels", "id2label"])
def test_none_in_a_call_hides_nothing_in_the_file(name):
    for given in ({"id2label": PAIR}, {"label2id": {"NEG": 0, "POS": 1}}):
        assert DistilBertConfig.from_dict(given, **{name: None}).id2label == {0: "NEG", 1: "POS"}
    with pytest.raises(ConfigError, match="num_labels must be an integer"):
        DistilBertConfig.from_dict({"num_labels": "x"}, **{name: None})


def test_who_said_what_is_wrong(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({**SMALL, "model_type": "distilbert"}))

    def message(**call):
        with pytest.raises(ConfigError) as caught:
            AutoConfig.from_pretrained(tmp_path, **call)
        return str(caught.value)

    assert message(dim="x") == "DistilBertConfig: dim must be an integer from 1 to 2147483647, but is 'x'."
    assert message(dim=9) == f"{path}, with dim of the call: DistilBertConfig: n_heads is 2, but must divide dim 9."
    assert message(num_labels=2, id2label=NAMES) == "DistilBertConfig: num_labels is 2, but id2label has 3 entries."
    path.write_text(json.dumps({**SMALL, "model_type": "distilbert", "dropout": 7}))
    assert message(dim="x") == (
        f"{path}: DistilBertConfig:\n"
        "  - dim must be an integer from 1 to 2147483647, but is 'x', as the call has it\n"
        "  - dropout must be a number from 0 to 1, but is 7."
    )


def test_an_unknown_name_is_one_error_everywhere(tmp_path):
    model = DistilBertModel(small())
    model.save_pretrained(tmp_path)
    for call in (
        lambda: small(hiden_dim=3),
        lambda: small().update(hiden_dim=3),
        lambda: setattr(small(), "hiden_dim", 3),
        lambda: DistilBertConfig.from_pretrained(tmp_path, hiden_dim=3),
        lambda: AutoConfig.from_pretrained(tmp_path, hiden_dim=3),
        lambda: AutoConfig.for_model("distilbert", hiden_dim=3),
        lambda: DistilBertModel.from_pretrained(tmp_path, hiden_dim=3),
        lambda: AutoModel.from_pretrained(tmp_path, hiden_dim=3),
    ):
        with pytest.raises(
            UnknownField, match=r"'hiden_dim' is not a field of DistilBertConfig.* Did you mean 'hidden_d"
        ) as c:
            call()
        assert isinstance(c.value, ConfigError)
        assert isinstance(c.value, OptionError)


def test_the_architecture_is_no_option(tmp_path):
    DistilBertModel(small()).save_pretrained(tmp_path)
    for call in (
        lambda: small(model_type="bert"),
        lambda: setattr(small(), "model_type", "bert"),
        lambda: DistilBertConfig.from_pretrained(tmp_path, model_type="bert"),
        lambda: DistilBertModel.from_pretrained(tmp_path, model_type="bert"),
    ):
        with pytest.raises(UnknownField, match=r"'model_type' is not a field .*It is fixed by the class; AutoConfig p"):
            call()
    for auto in (AutoConfig, AutoModel):
        with pytest.raises(OptionError, match="model_type"):
            auto.from_pretrained(tmp_path, model_type="bert")


@pytest.mark.parametrize(
    "content", [{}, {"tokenizer_class": "BertTokenizer", "do_lower_case": True}, {"version": "1.0"}]
)
@pytest.mark.parametrize("name", ["config.json", "tokenizer_config.json"])
def test_a_file_of_another_kind_is_refused(tmp_path, content, name):
    (tmp_path / name).write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"json: this is not the configuration of a model: it has neither model_type"):
        DistilBertConfig.from_pretrained(tmp_path / name)
    if name == "config.json":
        with pytest.raises(ConfigError, match="this is not the configuration of a model"):
            DistilBertModel.from_pretrained(tmp_path)


def test_lists_changed_in_place_are_checked_when_saved(tmp_path):
    for change in (
        lambda config: config.depths.append(0),
        lambda config: config.depths.append(1),
        lambda config: config.hidden_sizes.clear(),
        lambda config: config.out_features.append("stage1"),
        lambda config: config.out_indices.append(7),
        lambda config: config.out_features.clear(),
    ):
        config = ResNetConfig(depths=[1, 1], hidden_sizes=[8, 8], out_features=["stage2"])
        change(config)
        for use in (ResNetConfig.check, lambda config: config.save_pretrained(tmp_path), ResNetModel):
            with pytest.raises(ConfigError):
                use(config)
    assert not list(tmp_path.iterdir())


# ---- changing -------------------------------------------------------------------------------------------------


def test_update_changes_all_or_nothing():
    config = small(id2label=NAMES)
    before = config.to_dict()
    for wrong in ({"dim": 12, "dropout": 3}, {"dim": 9}, {"n_heads": 4, "nonsense": 1}, {"num_labels": 5, "dim": "x"}):
        with pytest.raises(ConfigError):
            config.update(**wrong)
        assert config.to_dict() == before
    config.update(dim=9, n_heads=3)  # each alone would break the rule
    assert (config.dim, config.n_heads, config.id2label) == (9, 3, NAMES)
    config.update()
    assert config.dim == 9


def test_an_assignment_checks_its_field_and_leaves_the_rules_to_saving(tmp_path):
    config = small()
    config.save_pretrained(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    config.dim = 9
    assert '"dim": 9' in str(config)
    with pytest.raises(ConfigError, match="n_heads is 2, but must divide dim 9"):
        config.save_pretrained(tmp_path)
    assert (tmp_path / "config.json").read_bytes() == before
    config.n_heads = 3
    config.save_pretrained(tmp_path)
    assert DistilBertConfig.from_pretrained(tmp_path) == config


@pytest.mark.parametrize(
    "spoil",
    [
        lambda config: config.pruned_heads.update({0: "x"}),
        lambda config: config.pruned_heads[0].append(-1),
        lambda config: config.extra.update(note=object()),
        lambda config: config.extra.update(note=float("nan")),
    ],
)
def test_a_configuration_spoilt_in_place_is_refused_and_the_old_file_stays(tmp_path, spoil):
    config = small(pruned_heads={0: [1]})
    config.save_pretrained(tmp_path)
    before = (tmp_path / "config.json").read_bytes()
    spoil(config)
    for write in (config.save_pretrained, lambda folder: config.to_json_file(folder / "config.json")):
        with pytest.raises(ConfigError):
            write(tmp_path)
    for show in (config.check, config.to_dict, config.to_diff_dict, config.to_json_string):
        with pytest.raises(ConfigError):
            show()
    assert repr(config).startswith("<DistilBertConfig: ")
    assert (tmp_path / "config.json").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["config.json"]


def test_copies_are_independent():
    config = small(id2label=NAMES, pruned_heads={0: [1]})
    config.extra["note"] = {"a": [1]}
    for other in (
        copy.deepcopy(config),
        pickle.loads(pickle.dumps(config)),
        DistilBertConfig.from_dict(config.to_dict()),
    ):
        assert other == config
        assert other is not config
        other.pruned_heads[0].append(0)
        other.id2label = {0: "z"}
        other.extra["note"]["a"].append(2)
        other.dropout = 0.9
        assert config == small(id2label=NAMES, pruned_heads={0: [1]}) or config.extra == {"note": {"a": [1]}}
        assert config.dropout == 0.1
        assert config.pruned_heads == {0: [1]}
    config.to_dict()["note"]["a"].append(3)
    assert config.extra == {"note": {"a": [1]}}
    given = {0: "a", 1: "b"}
    config = small(id2label=given)
    given[0] = "x"
    assert config.id2label[0] == "a"
    assert small().id2label is not small().id2label


def test_equality_and_no_hash():
    assert small() == small()
    assert small() != small(dim=16)
    assert small() != small().to_dict()
    with pytest.raises(TypeError):
        hash(small())


# ---- what is written ------------------------------------------------------------------------------------------


def test_printing_is_sorted_json():
    text = str(DistilBertConfig())
    assert text == (
        "DistilBertConfig {\n"
        '  "activation": "gelu",\n'
        '  "attention_dropout": 0.1,\n'
        '  "bos_token_id": null,\n'
        '  "dim": 768,\n'
        '  "dropout": 0.1,\n'
        '  "eos_token_id": null,\n'
        '  "hidden_dim": 3072,\n'
        '  "initializer_range": 0.02,\n'
        '  "max_position_embeddings": 512,\n'
        '  "model_type": "distilbert",\n'
        '  "n_heads": 12,\n'
        '  "n_layers": 6,\n'
        '  "pad_token_id": 0,\n'
        '  "qa_dropout": 0.1,\n'
        '  "seq_classif_dropout": 0.2,\n'
        '  "sinusoidal_pos_embds": false,\n'
        '  "tie_word_embeddings": true,\n'
        '  "vocab_size": 30522\n'
        "}"
    )


def test_only_the_difference():
    assert DistilBertConfig().to_diff_dict() == {"model_type": "distilbert"}
    config = DistilBertConfig(dim=24, num_labels=3, dtype="float16")
    names = {str(index): f"LABEL_{index}" for index in range(3)}
    indices = {label: int(index) for index, label in names.items()}
    assert config.to_diff_dict() == {
        "dim": 24,
        "dtype": "float16",
        "id2label": names,
        "label2id": indices,
        "model_type": "distilbert",
    }
    assert DistilBertConfig.from_dict(config.to_diff_dict()) == config
    assert json.loads(config.to_json_string(use_diff=True)) == config.to_diff_dict()


def test_saving_and_loading_give_the_same(tmp_path):
    config = DistilBertConfig(activation="relu", attention_dropout=0.4, id2label={0: "straße", 1: "词"})
    config.extra["note"] = "ü"
    config.save_pretrained(tmp_path / "a" / "b")
    file = tmp_path / "a" / "b" / "config.json"
    assert DistilBertConfig.from_pretrained(tmp_path / "a" / "b") == config
    assert DistilBertConfig.from_pretrained(file) == config
    assert DistilBertConfig.from_pretrained(str(file), dim=24).dim == 24
    written = json.loads(file.read_text("utf-8"))
    assert written["archsmith"] == {
        "version": written["archsmith"]["version"],
        "plugin": "archsmith-distilbert",
        "plugin_version": written["archsmith"]["plugin_version"],
    }
    assert "词" in file.read_text("utf-8")
    config.to_json_file(tmp_path / "x.json", use_diff=True)
    assert DistilBertConfig.from_pretrained(tmp_path / "x.json") == config
    with pytest.raises(SaveFailed):
        config.to_json_file(tmp_path / "no" / "x.json")
    with pytest.raises(OptionError):
        config.to_json_file(3)


def follows(schema, value) -> bool:
    """Hold a value against the part of JSON Schema that ours uses."""
    kinds = {
        "integer": lambda: isinstance(value, int) and not isinstance(value, bool),
        "number": lambda: isinstance(value, int | float) and not isinstance(value, bool),
        "string": lambda: isinstance(value, str),
        "boolean": lambda: isinstance(value, bool),
        "null": lambda: value is None,
        "array": lambda: isinstance(value, list),
        "object": lambda: isinstance(value, dict),
    }
    rules = {
        "type": lambda kind: kinds[kind](),
        "enum": lambda choices: value in choices,
        "const": lambda only: value == only,
        "minimum": lambda low: value >= low,
        "maximum": lambda high: value <= high,
        "anyOf": lambda parts: any(follows(part, value) for part in parts),
        "items": lambda part: all(follows(part, item) for item in value),
        "additionalProperties": lambda part: all(follows(part, item) for item in value.values()),
        "properties": lambda parts: all(follows(part, value[key]) for key, part in parts.items() if key in value),
    }
    return all(rule(schema[name]) for name, rule in rules.items() if name in schema)


def test_the_schema_describes_what_is_written(tmp_path):
    schema = DistilBertConfig.json_schema()
    json.dumps(schema)
    assert all(part.get("description") for name, part in schema["properties"].items() if name != "model_type")
    for config in (
        DistilBertConfig(),
        small(id2label=NAMES, eos_token_id=[1, 2], dtype="float16", pruned_heads={0: [1]}, architectures=["x"]),
        small(eos_token_id=3, problem_type="regression", num_labels=1),
    ):
        config.save_pretrained(tmp_path)
        assert follows(schema, json.loads((tmp_path / "config.json").read_text()))
        assert follows(schema, json.loads(json.dumps(config.to_dict())))
    for name, value in {"dim": 0, "dropout": 2.0, "activation": "x", "model_type": "bert", "eos_token_id": "x"}.items():
        assert not follows(schema, {**config.to_dict(), name: value}), name


# ---- files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"3",
        b'"x"',
        b"\xff\xfe",
        b'{"dim": 8, "dim": 16}',
        b'{"dim": NaN}',
        b'{"x": Infinity}',
        b'{"x": 1e999}',
        b'{"x": ' + b"9" * 5000 + b"}",
        b'{"x": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"x": ' + b"[" * 100 + b"]" * 100 + b"}",
        b'{"x": ' + b"[" * 200_000,
        b"{" + b" " * 17_000_000 + b"}",
        b"<!DOCTYPE html><html></html>",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        b"\x80\x04K\x01.",
        b'{"model_type": "bert"}',
        b'{"model_type": 3}',
        b'{"dim": 1000000000000}',
        b'{"dim": true}',
        b'{"num_labels": 1000000000}',
    ],
)
def test_a_bad_file_is_refused(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    for path in (tmp_path, tmp_path / "config.json"):
        with pytest.raises((CheckpointError, ConfigError)) as caught:
            DistilBertConfig.from_pretrained(path)
        assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "'{}' is not JSON: Expecting value (line 1, column 1). The file is empty."),
        (b"[]", "'{}' must hold a JSON object, but holds a list."),
        (b"<html>", "'{}' is not JSON: Expecting value (line 1, column 1). It is a web page; the download went wrong."),
        (b'{"a": 1, "a": 2}', "'{}': the key 'a' stands twice in one object."),
        (b'{"a": NaN}', "'{}': NaN is not a JSON number."),
        (b'{"a": "\\ud800"}', "'{}' holds '\\ud800', which is half a character and no text."),
        (b'{"dim": 0}', "{}: DistilBertConfig: dim must be an integer from 1 to 2147483647, but is 0."),
    ],
)
def test_what_a_bad_file_is_told(tmp_path, content, message):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ArchsmithError) as caught:
        DistilBertConfig.from_pretrained(tmp_path)
    assert str(caught.value) == message.replace("{}", str(tmp_path / "config.json"))


def test_a_byte_order_mark_and_whole_surrogate_pairs_are_fine(tmp_path):
    (tmp_path / "config.json").write_bytes(b'\xef\xbb\xbf{"id2label": {"0": "\\ud83d\\ude00"}}')
    assert DistilBertConfig.from_pretrained(tmp_path).id2label == {0: "😀"}


@pytest.mark.parametrize(
    "place", [3, None, b"x", "", [], "a\0b", "x" * 5000, "~no-such-user/x", "../../no/such", "/dev/null", "a/b/c", "."]
)
def test_a_bad_place_is_refused(tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    with pytest.raises((CheckpointError, OptionError)):
        DistilBertConfig.from_pretrained(place)


@pytest.mark.parametrize("subfolder", ["..", "a/../..", "/etc", "a\0b", 3, None])
def test_a_bad_subfolder_is_refused(tmp_path, subfolder):
    small().save_pretrained(tmp_path)
    with pytest.raises(OptionError, match="subfolder must"):
        DistilBertConfig.from_pretrained(tmp_path, subfolder=subfolder)


def test_remote_code_is_refused_and_the_switch_may_be_off(tmp_path):
    small().save_pretrained(tmp_path / "in")
    message = (
        "trust_remote_code is refused: archsmith never runs code that comes with a checkpoint. "
        "Install the plugin that provides the architecture instead."
    )
    for value in (True, 1, "yes", np.zeros(3)):
        with pytest.raises(OptionError) as caught:
            DistilBertConfig.from_pretrained(tmp_path, subfolder="in", trust_remote_code=value)
        assert str(caught.value) == message
    assert DistilBertConfig.from_pretrained(tmp_path, subfolder="in", trust_remote_code=False) == small()


def test_torch_is_not_imported():
    code = (
        "import sys, archsmith; archsmith.DistilBertConfig(dim=24).to_json_string(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_two_names_of_one_class_are_refused_when_they_are_assigned_too():
    config = DistilBertConfig(num_labels=2)
    with pytest.raises(ConfigError, match="label2id gives the class 0 to 'a' and to 'b'"):
        config.label2id = {"a": 0, "b": 0}
    assert config.num_labels == 2


def test_a_near_miss_of_the_number_of_classes_is_announced():
    with pytest.warns(
        ArchsmithWarning, match=r"'num_label' is not a field .* has no effect\. Did you mean 'num_labels'"
    ):
        DistilBertConfig.from_dict({"model_type": "distilbert", "num_label": 3})


def test_what_a_class_merges_adds_to_what_those_above_it_merge():
    class Merging(PreTrainedConfig):
        merged = ("halves",)
        width: int = field(default=8, doc="How wide.")

        def merge_values(self, known, replaced, faults):
            merged = super().merge_values(known, replaced, faults)
            return merged | ({"width": 2 * known.pop("halves")} if "halves" in known else {})

    config = Merging(halves=3, num_labels=3)
    assert (config.width, config.num_labels) == (6, 3)
    config.id2label = {0: "no", 1: "yes"}
    assert config.label2id == {"no": 0, "yes": 1}
    with pytest.raises(ConfigError, match=r"^Merging: num_labels must be given, but is None\.$"):
        config.num_labels = None
