"""The user's settings: variables, the file, and which of them has the last word."""

import os
import sys

import pytest

from archsmith.errors import ArchsmithWarning
from archsmith.registry import Registry
from archsmith.registry.preferences import Pin, Settings, Switch, settings_file


@pytest.fixture
def read(tmp_path):
    """Return a function that reads settings from the text of a file and from variables."""

    def call(text, **variables):
        path = tmp_path / "config.toml"
        path.write_text(text, encoding="utf-8")
        named = {f"ARCHSMITH_{name}": value for name, value in variables.items()}
        return Settings.read({"ARCHSMITH_CONFIG": str(path), **named})

    call.source = repr(str(tmp_path / "config.toml"))
    return call


def test_nothing_is_set(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    found = Settings.read({"XDG_CONFIG_HOME": str(tmp_path)})
    assert (found.only, found.disable, found.pins, found.faults) == (Switch(), Switch(), (), ())
    if sys.platform == "linux":
        assert found.file == tmp_path / "archsmith" / "config.toml"


def test_the_file(read):
    found = read('plugins = ["a", "b"]\ndisable = ["c"]\n\n[pin]\ntwin = "acme-twin"\n')
    assert found.only == Switch(("a", "b"), read.source)
    assert found.disable == Switch(("c",), read.source)
    assert found.pins == (Pin("twin", "acme-twin", read.source),)
    assert found.faults == ()
    assert found.only.in_file
    assert not Switch(("a",), "ARCHSMITH_PLUGINS").in_file


def test_a_variable_goes_over_the_file_thing_by_thing(read):
    text = 'plugins = ["a"]\ndisable = ["c"]\n[pin]\none = "x"\ntwo = "y"\n'
    found = read(text, DISABLE="d, e", PIN="two=z,three=w")
    assert found.only == Switch(("a",), read.source)
    assert found.disable == Switch(("d", "e"), "ARCHSMITH_DISABLE")
    assert {pin.name: (pin.distribution, pin.source) for pin in found.pins} == {
        "one": ("x", read.source),
        "two": ("z", "ARCHSMITH_PIN"),
        "three": ("w", "ARCHSMITH_PIN"),
    }
    assert read(text, DISABLE="").disable == Switch(("c",), read.source)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('disabel = ["a"]', ": 'disabel' is not a setting; there are plugins, disable, pin. Did you mean 'disable'?"),
        ('disable = "a"', ": disable must be a list of distributions, but is 'a'."),
        ("plugins = [1]", ": plugins must be a list of distributions, but is [1]."),
        ('plugins = [" "]', ": plugins must be a list of distributions, but is [' ']."),
        ('pin = ["a"]', ": pin must be a table of model_type = \"distribution\", but is ['a']."),
        ("[pin]\na = 1", ": the pin of 'a' must be a distribution, but is 1."),
        (
            '[pin]\na.processor = "x"',
            ": the pin of 'a' must be a distribution, but is {'processor': 'x'}. A name with a dot stands in quotes.",
        ),
    ],
)
def test_what_can_not_be_understood_does_not_count(read, text, said):
    found = read(text)
    assert (found.only, found.disable, found.pins) == (Switch(), Switch(), ())
    assert found.faults == (f"{read.source}{said} It does not count.",)


def test_the_rest_counts(read):
    found = read('plugins = "a"\ndisable = ["c"]\nnew = 1\n[pin]\na = 1\ntwin = "acme-twin"\n')
    assert found.only == Switch()
    assert found.disable == Switch(("c",), read.source)
    assert found.pins == (Pin("twin", "acme-twin", read.source),)
    assert len(found.faults) == 3


@pytest.mark.parametrize("text", ["plugins = [", "a" * 10, "a = " + "[" * 5000, "\x00", "x = 1\nx = 2"])
def test_a_file_that_is_not_toml(read, text):
    found = read(text, DISABLE="d")
    assert found.disable == Switch(("d",), "ARCHSMITH_DISABLE")
    (fault,) = found.faults
    assert fault.startswith(f"{read.source} is not TOML: ")
    assert fault.endswith(". No setting in it counts.")


def test_a_file_that_is_not_there_or_not_readable(tmp_path):
    path = tmp_path / "missing.toml"
    found = Settings.read({"ARCHSMITH_CONFIG": str(path)})
    assert found.faults == (f"ARCHSMITH_CONFIG names {str(path)!r}, but there is no such file.",)
    folder = Settings.read({"ARCHSMITH_CONFIG": str(tmp_path)})
    assert folder.faults == (f"{str(tmp_path)!r} is not a regular file. No setting in it counts.",)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "is not TOML" in Settings.read({"ARCHSMITH_CONFIG": str(tmp_path / "bytes")}).faults[0]


def test_a_change_of_the_file_is_seen(read):
    assert read('disable = ["a"]').disable.names == ("a",)
    assert read('disable = ["b"]').disable.names == ("b",)


def test_what_would_never_end_is_not_read(tmp_path):
    path = tmp_path / "pipe"
    if hasattr(os, "mkfifo"):
        os.mkfifo(path)
    else:
        path.mkdir()
    found = Settings.read({"ARCHSMITH_CONFIG": str(path)})
    assert found.faults == (f"{str(path)!r} is not a regular file. No setting in it counts.",)


def test_what_is_absurd_is_cut_or_not_read(read, tmp_path):
    (fault,) = read("#" * (2**20 + 1)).faults
    assert fault == f"{read.source} has 1048577 bytes, more than 1048576. No setting in it counts."
    (fault,) = read(f'disable = "{"x" * 10_000}"').faults
    assert len(fault) < 300
    (fault,) = read(f'"{"k" * 10_000}" = 1').faults
    assert len(fault) < 300
    (fault,) = read(f"disable = {'9' * 5000}").faults
    assert len(fault) < 300
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    (fault,) = Settings.read({"ARCHSMITH_CONFIG": str(loop)}).faults
    assert fault.startswith(f"{str(loop)!r} cannot be read: ")


def test_where_it_is(tmp_path):
    assert settings_file({"ARCHSMITH_CONFIG": str(tmp_path / "x")}) == tmp_path / "x"
    assert settings_file({"ARCHSMITH_CONFIG": os.devnull}) is None
    assert Settings.read({"ARCHSMITH_CONFIG": os.devnull}) == Settings()


def test_the_registry_notices_a_change_of_the_file(site, tmp_path):
    site.install("toy")
    registry = Registry()
    file = tmp_path / "settings" / "archsmith" / "config.toml"
    assert [entry.state for entry in registry.entries()] == ["ok"]
    file.parent.mkdir(parents=True)
    file.write_text('disable = ["toy-toy"]')
    assert [entry.state for entry in registry.entries()] == ["disabled"]
    file.write_text('disable = ["toy-tox"]')
    with pytest.warns(ArchsmithWarning) as warned:
        assert [entry.state for entry in registry.entries()] == ["ok"]
    assert str(warned[0].message) == (
        f"{str(file)!r} names 'toy-tox', which is not an installed plugin. Did you mean 'toy-toy'? "
        "To take it off the list: archsmith enable toy-tox"
    )
    file.unlink()
    assert registry.index.problems == ()
