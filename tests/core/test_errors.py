import copy
import pickle
import re

import pytest

import archsmith
import archsmith.errors
from archsmith.errors import ArchsmithError, ArchsmithWarning, PluginError
from archsmith.messages import announce, clean, did_you_mean, listed, reason, said_by, shorten, shown

ERRORS = [
    value
    for name in archsmith.errors.__all__
    if isinstance(value := getattr(archsmith.errors, name), type) and issubclass(value, ArchsmithError)
]
LEAVES = [error for error in ERRORS if not error.__subclasses__()]
LIKENESS = {
    "CheckpointCorrupt": ValueError,
    "CheckpointNotFound": FileNotFoundError,
    "ClassNotAvailable": ImportError,
    "ClassNotFound": AttributeError,
    "ConfigError": ValueError,
    "HubError": OSError,
    "InputError": ValueError,
    "MissingDependency": ImportError,
    "OptionError": TypeError,
    "PluginBroken": ImportError,
    "PluginConflict": LookupError,
    "PluginDisabled": LookupError,
    "PluginIncompatible": ImportError,
    "SaveFailed": OSError,
    "UnknownArchitecture": LookupError,
    "UnknownTask": LookupError,
    "WeightsMismatch": ValueError,
}


def test_all_lists_every_public_name():
    public = {
        name
        for name, value in vars(archsmith.errors).items()
        if not name.startswith("_") and getattr(value, "__module__", "") == "archsmith.errors"
    }
    assert set(archsmith.errors.__all__) == public


def test_every_leaf_has_its_builtin():
    assert LIKENESS.keys() <= {error.__name__ for error in ERRORS}
    for leaf in LEAVES:
        builtins = [
            base for base in leaf.__mro__ if base.__module__ == "builtins" and base not in ArchsmithError.__mro__
        ]
        assert builtins, leaf
        assert not issubclass(leaf, KeyError)


@pytest.mark.parametrize("name", sorted(LIKENESS))
def test_likeness(name):
    error = getattr(archsmith.errors, name)
    with pytest.raises(LIKENESS[name], match=r"^what is wrong$"):
        raise error("what is wrong")


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_message_and_details_survive_pickling_and_copying(error):
    original = error("what is wrong", path="config.json", faults=("one", "two"))
    for again in (original, pickle.loads(pickle.dumps(original)), copy.copy(original)):
        assert type(again) is error
        assert str(again) == again.message == "what is wrong"
        assert (again.path, again.faults) == ("config.json", ("one", "two"))


def test_a_name_that_a_builtin_keeps_elsewhere_survives_too():
    original = archsmith.errors.ClassNotFound("what is wrong", name="ToyModel")
    for again in (pickle.loads(pickle.dumps(original)), copy.copy(original)):
        assert (again.name, again.message) == ("ToyModel", "what is wrong")


def test_the_docstring_shows_every_error():
    shown = set(re.findall(r"\w+", archsmith.errors.__doc__))
    assert {*archsmith.errors.__all__} - {"did_you_mean"} <= shown


def test_a_warning_is_a_user_warning():
    assert issubclass(ArchsmithWarning, UserWarning)
    assert archsmith.ArchsmithWarning is ArchsmithWarning
    assert archsmith.ArchsmithError is ArchsmithError
    assert issubclass(PluginError, ArchsmithError)


@pytest.mark.parametrize(
    ("name", "candidates", "hint"),
    [
        ("distilbret", ["bert", "distilbert"], " Did you mean 'distilbert'?"),
        ("DISTILBERT", ["DistilBert"], " Did you mean 'DistilBert'?"),
        ("x", ["bert"], ""),
        ("bert", [], ""),
    ],
)
def test_did_you_mean(name, candidates, hint):
    assert did_you_mean(name, candidates) == hint


# ---- text of strangers ----------------------------------------------------------------------------------------------

UNSEEN = {
    "escape": "\x1b[31m",
    "backspace": "\b",
    "delete": "\x7f",
    "C1": "\x9b2J",
    "next line": "\x85",
    "carriage return": "\r",
    "tab": "\t",
    "bidi override": "\u202e",
    "bidi isolate": "\u2066",
    "mark of direction": "\u200f",
    "Arabic mark": "\u061c",
    "zero-width": "\u200b",
    "byte order mark": "\ufeff",
    "word joiner": "\u2060",
    "line separator": "\u2028",
    "paragraph separator": "\u2029",
    "surrogate": "\udc80",
    "filler": "\u3164",
    "soft hyphen": "\xad",
    "variation selector": "\ufe0f",
    "tag": "\U000e0041",
}


@pytest.mark.parametrize("unseen", UNSEEN.values(), ids=UNSEEN)
def test_what_cannot_be_seen_is_escaped_wherever_it_is_shown(unseen):
    escaped = unseen.encode("unicode_escape").decode()
    assert clean(f"a{unseen}b") == f"a{escaped}b"
    assert clean(clean(f"a{unseen}b")) == f"a{escaped}b"
    error = ArchsmithError(f"a{unseen}b\nc")
    assert str(error) == error.message == error.args[0] == f"a{escaped}b\nc"
    assert shorten([f"a{unseen}b"]) == f"a{escaped}b"
    with pytest.warns(ArchsmithWarning, match=f"^{re.escape(f'a{escaped}b')}$"):
        announce(f"a{unseen}b")
    for said in (shown(f"a{unseen}b"), shown(type("Odd", (), {"__repr__": lambda self: f"a{unseen}b"})())):
        assert clean(said) == said
        assert escaped in said
    for said in (reason(ValueError(f"a{unseen}b")), said_by(ValueError(f"a{unseen}b"))):
        assert said in (f"a{escaped}b", "a b")


def test_what_can_be_seen_stays():
    text = "naïve Größe 日本語\u3000 …→ ½ \xa0 ✓ é עברית"
    assert clean(text) == text
    assert clean("a\nb") == "a\\nb"
    assert clean("a\nb\r\n", lines=True) == "a\nb\\r\n"


def test_a_stranger_cannot_forge_a_line():
    assert listed("file", ["one\n  - two", "three"]) == "file:\n  - one\n      - two\n  - three."
    assert reason(ValueError("one\ntwo.")) == "one two"
    assert reason(OSError(5, "Input/output error")) == "Input/output error"
    assert said_by(ValueError("x" * 10_000)) == "x" * 250 + " ... " + "x" * 250
    assert shown("x" * 10**8) == "'" + "x" * 76 + "..."


def test_a_value_that_fails_to_show_itself_is_named_by_its_type():
    class Odd:
        def __repr__(self):
            raise TypeError("no")

        __str__ = __repr__

    assert shown(Odd()) == "a value of type Odd that cannot be shown"
    assert said_by(type("OddError", (Exception,), {"__str__": Odd.__repr__})()) == ""
    assert reason(type("OddError", (Exception,), {"__str__": Odd.__repr__})()) == "OddError"
