"""``archsmith version``."""

import platform
from importlib.metadata import version


def test_version(archsmith, toy, tmp_path):
    file = tmp_path / "settings" / "archsmith" / "config.toml"
    result = archsmith("version")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "archsmith      0.2.0\n"
        "archsmith-cli  0.2.0\n"
        f"python         {platform.python_version()}\n"
        f"torch          {version('torch')}\n"
        "toy-toy        1.0\n"
        f"settings       {file} (not there)\n"
    )
    archsmith("disable", "toy-toy")
    assert archsmith("version").out.endswith(f"{file}\n\nsettings  disable = toy-toy  ({str(file)!r})\n")


def test_json(archsmith, toy, tmp_path, monkeypatch):
    file = tmp_path / "settings" / "archsmith" / "config.toml"
    archsmith("disable", "toy-toy")
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "toy-toy")
    assert archsmith("version", "--json").data == {
        "archsmith": "0.2.0",
        "archsmith-cli": "0.2.0",
        "python": platform.python_version(),
        "torch": version("torch"),
        "platform": platform.platform(),
        "plugins": {"toy-toy": "1.0"},
        "settings": {
            "file": str(file),
            "exists": True,
            "plugins": {"names": ["toy-toy"], "source": "ARCHSMITH_PLUGINS"},
            "disable": {"names": ["toy-toy"], "source": str(file)},
            "pin": {},
        },
    }
