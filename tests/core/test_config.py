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

from archsmith import DistilBertConfig, PreTrainedConfig
from archsmith.config import Size, field
from archsmith.errors import ArchsmithError, ArchsmithWarning, CheckpointError, ConfigError, OptionError, SaveFailed

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
    **{name: [*NO_NUMBER, None, 0, 1, "true", 0.0, [True]] for name in SWITCHES},
    "initializer_range": [*NO_NUMBER, None, True, -0.02, 10**400],
    "activation": ["", "gleu", "GELU", None, 1, b"gelu", ["gelu"], {"gelu": 1}, True, len, "\ud800", "gelu "],
    "pad_token_id": [*NO_NUMBER, -1, 1.0, True, 2**40, [1]],
    "bos_token_id": [*NO_NUMBER, -1, 1.0, True, 2**40, [1]],
    "eos_token_id": ["", "1", b"x", {"a": 1}, object(), 1j, float("nan"), -1, 1.0, True, [1, -1], [None], [[1]]],
    "architectures": ["DistilBertModel", 1, [1], [None], {"a": 1}, True, ["\ud800"], recursive_list, b"x"],
    "dtype": ["float", "int8", 32, torch.int8, float, ["float32"], True, "FLOAT32", "", np.float32],
    "problem_type": ["", "classification", 1, True, ["regression"], {"regression": 1}],
    "id2label": ["x", 1, True, ["a"], {"a": "b"}, {0: 1}, {0: None}, {-1: "a"}, {1.5: "a"}, {0: "\ud800"}, np.int64(3)],
    "label2id": ["x", 1, True, ["a"], {"a": "b"}, {"a": None}, {"a": -1}, {"a": 1.5}, {"\udfff": 0}, torch.zeros(2)],
    "num_labels": ["", "2", -1, 1.5, True, [], 10**9, float("nan"), np.array([1, 2]), torch.zeros(2), object()],
    "pruned_heads": ["x", 1, True, [1], {"a": [1]}, {0: 1}, {0: ["a"]}, {0: [-1]}, {-1: [0]}, np.float32(1)],
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
    assert type(found) is type(kept)


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
    with pytest.raises(AttributeError):
        config.transformers_version  # noqa: B018


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
        ({"num_labels": 2, "label2id": INDICES}, "num_labels is 2, but id2label has 3 entries"),
        ({"id2label": NAMES, "label2id": {"a": 1}}, "label2id says 'a' is class 1, but id2label says 'b'"),
        ({"label2id": {"a": 0, "b": 0}}, "label2id says 'a' is class 0, but id2label says 'b'"),
        ({"num_labels": 1_000_001}, "num_labels must be an integer from 0 to 1000000, but is 1000001"),
    ],
)
@pytest.mark.parametrize("way", ["argument", "key of a file", "override", "update"])
def test_labels_that_contradict_are_refused(given, message, way):
    with pytest.raises(ConfigError) as caught:
        {
            "argument": lambda: small(**given),
            "key of a file": lambda: DistilBertConfig.from_dict(given),
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
    assert small(**nothing) == small() == DistilBertConfig.from_dict({**SMALL, **nothing})
    for name in nothing:
        with pytest.raises(ConfigError, match=f"{name} must be"):
            setattr(small(), name, None)


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
        lambda config: config.id2label.update({7: 3}),
        lambda config: config.label2id.update({"\ud800": 0}),
        lambda config: config.extra.update(note=object()),
        lambda config: config.extra.update(note=float("nan")),
    ],
)
def test_a_configuration_spoilt_in_place_is_refused_and_the_old_file_stays(tmp_path, spoil):
    config = small()
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
        other.id2label[0] = "z"
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
