"""Every field of every installed configuration with every kind of bad value, in each of the ways to give one."""

import json
from typing import Any

import pytest

from archsmith import AutoConfig, PreTrainedConfig
from archsmith.config.fields import to_json
from archsmith.config.labels import LABEL_FIELDS
from archsmith.config.names import field_names
from archsmith.errors import ArchsmithError, CheckpointCorrupt, ConfigError, WeightsMismatch
from archsmith.messages import shown
from archsmith.registry import registry

from .sound import CLASSES, CONFIG, conformance, encode_json, sound
from .verdict import Refused, Right, attempt, judge, misses, report_of

ARCHITECTURES = sorted({name for name, _ in CLASSES})
RECURSIVE: list = []
RECURSIVE.append(RECURSIVE)
#: What JSON can hold, or other programs write as if it could.
IN_FILES: dict[str, Any] = {
    "null": None,
    "true": True,
    "false": False,
    "zero": 0,
    "one": 1,
    "negative": -1,
    "huge": 2**31,
    "beyond 64 bits": 2**64,
    "largest size": 2**31 - 1,
    "fraction": 0.5,
    "whole fraction": 2.0,
    "tiny fraction": 1e-300,
    "huge fraction": 1e300,
    "negative fraction": -0.5,
    "empty text": "",
    "number in text": "3",
    "true in text": "true",
    "null in text": "null",
    "unknown word": "no such thing",
    "import path": "os:system",
    "long text": "x" * 100_000,
    "empty list": [],
    "list": [1, 2],
    "list of text": ["a"],
    "list of null": [None],
    "list of lists": [[[[1]]]],
    "huge list": [0] * 50_000,
    "empty object": {},
    "object": {"a": 1},
    "object of numbers": {"0": "a", "7": "b"},
    "object of lists": {"0": [0]},
    "deep object": {"a": {"b": {"c": {"d": 1}}}},
    "emoji": "😀",
    "nul": "a\0b",
}
#: What no file can hold, or no sound one.
BESIDES: dict[str, Any] = {
    "NaN": float("nan"),
    "Infinity": float("inf"),
    "-Infinity": -float("inf"),
    "lone surrogate": "\ud800",
    "key of a lone surrogate": {"\udfff": 1},
    "5,000 digits": 10**5000,
    "bytes": b"gelu",
    "object of Python": object(),
    "class": int,
    "function": print,
    "complex": 1j,
    "set": {1},
    "tuple": ((),),
    "recursive": RECURSIVE,
}


def fields_of(config_class: Any) -> list[str]:
    """Return the fields of a class: those that all have in common count for the first architecture alone."""
    common = field_names(PreTrainedConfig).fields if config_class.model_type != ARCHITECTURES[0] else ()
    return [name for name in field_names(config_class).fields if name not in common]


def same(found: Any, given: Any) -> bool:
    """Return whether a configuration holds what it was given: the same JSON, numbers by their value."""
    if isinstance(found, PreTrainedConfig):  # built from a mapping, whose keys it holds
        held = found.to_dict()
        return isinstance(given, dict) and all(key in held and same(held[key], item) for key, item in given.items())
    found, given = to_json(found), to_json(given)
    kinds = (bool, bool) if bool in (type(found), type(given)) else (type(found), type(given))
    return found == given and (kinds[0] is not bool or type(found) is type(given))


def is_clear(config_class: Any, name: str, value: Any) -> bool:
    """Return whether what a file has beside the letter is clear, or of no matter: it is read, and announced."""
    known = value is None or name in LABEL_FIELDS or name in config_class.descriptive
    return known or (name.endswith("_token_id") and value == -1) or (name, value) == ("problem_type", "")


def complaint_of_taken(came: Any, name: str, value: Any, where: str) -> str | None:
    """Judge a configuration that took a value."""
    held, names = getattr(came.value, name), field_names(type(came.value))
    if came.warnings:
        said = f"{where}: {name} {shown(value)} is read as {shown(held)}. Save it again"
        is_told = len(came.warnings) == 1 and came.warnings[0].startswith(said)
        return None if is_told and is_clear(type(came.value), name, value) else f"announced: {came.warnings}"
    if value is None and names.hints.get(name) is bool:
        return None if held is False and not where.endswith(CONFIG) else f"holds {held!r}, and does not say it"
    if name == "rope_parameters" and not value:
        return None  # nothing is said of them, so what holds anyway stays
    if value is None and (name in LABEL_FIELDS or names.default(name) is None):
        return None  # not given, so it may follow from others
    return None if same(held, value) else f"holds {held!r}"


def complaint(came: Any, name: str, value: Any, where: str) -> str | None:
    """Judge what came of giving a value to a field."""
    if came.foreign or (came.error and came.warnings):
        return f"warned: {came.foreign or came.warnings}"
    if came.error is None:
        return complaint_of_taken(came, name, value, where)
    if not isinstance(came.error, ArchsmithError):
        return f"raised {came.error!r}, which is not ours"
    if name in LABEL_FIELDS:
        return misses(came.error, Refused(ConfigError, (where, "label")))
    text = repr(value)[:70] if not isinstance(value, int) or value < 10**1000 else "cannot be shown"
    if isinstance(value, int) and 2**53 < value < 10**1000:
        text = ""  # a field of decimal numbers shows it as one
    if (name, value) == ("features_only", None):
        text = "False"  # null is off, which this one must not be
    parts = (name, "must") if isinstance(value, dict | list | set | tuple) else (name, text, "must")
    if isinstance(value, dict) and "is not a field of" in str(came.error):  # of the configuration inside
        parts = (name,)
    return misses(came.error, Refused(ConfigError, (where, *parts)))


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_field_with_every_value(tmp_path, model_type):
    config_class, tiny = registry.load(model_type, "config"), conformance(model_type).values()
    sound_values = config_class(**tiny).to_dict()
    names = [*fields_of(config_class), *field_names(config_class).others, "num_labels"]
    path = tmp_path / CONFIG
    complaints = {}
    for name in names:
        own = field_names(config_class).own(name)
        for what, value in (IN_FILES | BESIDES).items():
            given = {key: item for key, item in tiny.items() if field_names(config_class).own(key) != own}
            came = attempt(config_class, **{**given, name: value})
            complaints[f"{name}, {what}, argument"] = complaint(came, own, value, config_class.__name__)
            if what in IN_FILES:
                values = {key: item for key, item in sound_values.items() if key not in (own, *LABEL_FIELDS)}
                path.write_bytes(encode_json({**values, name: value}))
                came = attempt(AutoConfig.from_pretrained, tmp_path)
                complaints[f"{name}, {what}, file"] = complaint(came, own, value, str(path))
            came = attempt(config_class.from_dict, sound_values, source=str(path), **{name: value})
            complaints[f"{name}, {what}, override"] = complaint(came, own, value, config_class.__name__)
    report_of(complaints, least=500)


@pytest.mark.parametrize(("model_type", "task"), [pair for pair in CLASSES if pair[1] == "base"])
def test_a_model_under_every_configuration_that_is_accepted(tmp_path, model_type, task):
    """A value that the configuration takes changes no weights: the model is refused, or has those in the files."""
    model, config_class = sound(model_type, task), registry.load(model_type, "config")
    model.write(tmp_path)
    complaints = {}
    for name in fields_of(config_class):
        for what, value in IN_FILES.items():
            values = {**model.config, name: value}
            if attempt(config_class.from_dict, values).error is None:
                (tmp_path / CONFIG).write_bytes(encode_json(values))
                complaints[f"{name}, {what}"] = judge_under_another(model, tmp_path)
    report_of(complaints, least=10)


def judge_under_another(model, folder) -> str | None:
    came = attempt(model.cls.from_pretrained, folder)
    if isinstance(came.error, WeightsMismatch):
        return misses(came.error, Refused(parts=(str(folder), "config.json")))
    if isinstance(came.error, ConfigError):
        said = "must" if "must" in str(came.error) else f"no {model.cls.__name__} can be built"  # as torch refuses it
        return misses(came.error, Refused(parts=(str(folder / CONFIG), said)))
    if came.error is not None or came.foreign:
        return f"{came.error or came.foreign!r} is not ours, or of the wrong kind"
    state = came.value.state_dict()
    other = [name for name, tensor in model.state.items() if name in state and not (tensor == state[name]).all()]
    unlawful = [name for name in came.value.load_report.new if not model.optional(name)]
    return f"loaded other values for {other}, and {unlawful} anew" if other or unlawful else None


NOT_JSON: dict[str, bytes] = {
    "empty": b"",
    "blank": b" \n",
    "null": b"null",
    "a list": b"[{}]",
    "a number": b"7",
    "cut": b'{"a": 1',
    "comment": b'{"a": 1} // and so on',
    "comment inside": b'{/* */ "a": 1}',
    "comma at the end": b'{"a": 1,}',
    "comma at the end of a list": b'{"a": [1,]}',
    "single quotes": b"{'a': 1}",
    "no quotes": b"{a: 1}",
    "two objects": b"{} {}",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": [-Infinity]}',
    "overflow": b'{"a": 1e400}',
    "5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "same key": b'{"a": 1, "a": 1}',
    "same key, escaped": b'{"a": 1, "\\u0061": 2}',
    "same key, inside": b'{"b": [{"a": 1, "a": 2}]}',
    "deep lists": b'{"a": ' + b"[" * 70 + b"]" * 70 + b"}",
    "very deep lists": b'{"a": ' + b"[" * 1_000_000,
    "very deep objects": b'{"a":' * 300_000,
    "lone surrogate": b'{"a": "\\ud83d"}',
    "reversed surrogates": b'{"a": "\\ude00\\ud83d"}',
    "not UTF-8": b'{"a": "\xe9"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "control character": b'{"a": "\x01"}',
    "escape": b'{"a": "\\x41"}',
    "leading zero": b'{"a": 01}',
    "plus": b'{"a": +1}',
    "hexadecimal": b'{"a": 0x10}',
    "nul behind": b'{"a": 1}\0',
    "pickle": b"\x80\x04K\x01.",
    "zip": b"PK\x03\x04" + bytes(60),
    "HTML": b"<!DOCTYPE html><html></html>",
    "LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n",
    "zeros": bytes(4096),
    "too large": b'{"a": "' + b" " * (17 * 2**20) + b'"}',
}


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_what_is_no_json(tmp_path, model_type):
    path = tmp_path / CONFIG
    complaints = {}
    for what, raw in NOT_JSON.items():
        path.write_bytes(raw)
        for call in (AutoConfig.from_pretrained, registry.load(model_type, "config").from_pretrained):
            came = attempt(call, tmp_path)
            found = came.error
            complaints[f"{what}, {call.__qualname__}"] = (
                misses(found, Refused(CheckpointCorrupt, (str(path),)))
                if isinstance(found, ArchsmithError)
                else f"gave {found or came.value!r}"
            )
    report_of(complaints, least=2 * len(NOT_JSON))


@pytest.mark.parametrize(("model_type", "task"), [pair for pair in CLASSES if pair[1] == "base"])
def test_json_that_looks_odd_but_is_sound(tmp_path, model_type, task):
    model = sound(model_type, task)
    model.write(tmp_path)
    for raw in (
        b"\xef\xbb\xbf" + encode_json(model.config),
        json.dumps(model.config, indent="\t").replace("\n", "\r\n").encode(),
        json.dumps({**model.config, "note": "😀", "more": {"a": [[]]}}).encode(),
        json.dumps(model.config).replace("model_type", "\\u006dodel_type").encode(),
    ):
        (tmp_path / CONFIG).write_bytes(raw)
        assert judge(model, tmp_path, Right()) is None
