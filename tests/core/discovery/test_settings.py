"""The user's settings: variables, the file, and which of them has the last word."""

import sys

import pytest

from archsmith.discovery.settings import Pin, Settings, Switch, settings_file


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
        ("plugins = [", "is not TOML: "),
        ('disabel = ["a"]', ": 'disabel' is no setting; there are plugins, disable, pin. Did you mean 'disable'?"),
        ('disable = "a"', ": disable must be a list of distributions, but is 'a'."),
        ("plugins = [1]", ": plugins must be a list of distributions, but is [1]."),
        ('plugins = [" "]', ": plugins must be a list of distributions, but is [' ']."),
        ('pin = ["a"]', ": pin must be a table of model_type = \"distribution\", but is ['a']."),
        ("[pin]\na = 1", ": pin must be a table of model_type = \"distribution\", but is {'a': 1}."),
    ],
)
def test_a_file_that_can_not_be_understood(read, text, said):
    found = read(text, DISABLE="d")
    assert found.only == Switch()
    assert found.disable == Switch(("d",), "ARCHSMITH_DISABLE")
    assert any(f"{read.source}{said}" in fault or f"{read.source} {said}" in fault for fault in found.faults)
    assert "no setting in it counts" in found.faults[-1].lower()


def test_a_file_that_is_not_there_or_not_readable(tmp_path):
    path = tmp_path / "missing.toml"
    found = Settings.read({"ARCHSMITH_CONFIG": str(path)})
    assert found.faults == (f"ARCHSMITH_CONFIG names {str(path)!r}, but there is no such file.",)
    folder = Settings.read({"ARCHSMITH_CONFIG": str(tmp_path)})
    assert folder.faults == (f"{str(tmp_path)!r} can not be read: Is a directory. No setting in it counts.",)
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    assert "is not TOML" in Settings.read({"ARCHSMITH_CONFIG": str(tmp_path / "bytes")}).faults[0]


def test_a_change_of_the_file_is_seen(read):
    assert read('disable = ["a"]').disable.names == ("a",)
    assert read('disable = ["b"]').disable.names == ("b",)


def test_where_it_is(tmp_path):
    assert settings_file({"ARCHSMITH_CONFIG": str(tmp_path / "x")}) == tmp_path / "x"
