import copy
import pickle
import re

import pytest

import archsmith
import archsmith.errors
from archsmith.errors import ArchsmithError, ArchsmithWarning, PluginError
from archsmith.messages import did_you_mean

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
