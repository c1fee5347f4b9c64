"""``archsmith version``."""

import platform
from importlib.metadata import version


def test_version(archsmith, toy):
    result = archsmith("version")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "archsmith      0.1.0\n"
        "archsmith-cli  0.1.0\n"
        f"python         {platform.python_version()}\n"
        f"torch          {version('torch')}\n"
        "toy-toy        1.0\n"
    )


def test_json(archsmith, toy, tmp_path):
    assert archsmith("version", "--json").data == {
        "archsmith": "0.1.0",
        "archsmith-cli": "0.1.0",
        "python": platform.python_version(),
        "torch": version("torch"),
        "platform": platform.platform(),
        "plugins": {"toy-toy": "1.0"},
        "settings": {"file": str(tmp_path / "settings/archsmith/config.toml"), "exists": False},
    }
