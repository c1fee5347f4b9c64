"""How each verb ends: 0 if all is well, 1 if something is wrong, 2 if the command line is."""

import json

import pytest

from archsmith_cli.verb import BUILT_IN

#: Verb → command lines that end with 0, with 1, and with 2. OUT is a folder that is not there, MODEL a checkpoint.
CASES = {
    "list": (
        (["list"], ["list", "--tasks"], ["list", "toy"], ["list", "--kind", "extensions"]),
        (["list", "tooy"], ["list", "--task", "ctc"], ["list", "toy", "--task", "base", "vit"]),
        (
            *(
                ["list", "--task"],
                ["list", "--kind", ""],
                ["list", ""],
                ["list", "--kind", "formats", "--task", "base"],
            ),
            *(["list", "--task", "base", "--task", "ctc"], ["list", "--task=base", "toy", "--task=base"]),
        ),
    ),
    "plugins": ((["plugins"], ["plugins", "--requirements"]), (), (["plugins", "toy"],)),
    "show": (
        (
            ["show", "toy"],
            ["show", "toys/small"],
            ["show", "toy-toy"],
            ["show", "toy", "--schema"],
            ["show", "MODEL", "--tree"],
        ),
        (["show", "tooy"], ["show", ""], ["show", "MODEL"]),
        (["show"], ["show", "toy", "toy"], ["show", "toy", "--depth", "1"]),
    ),
    "create": (
        (["create", "toy", "OUT"], ["create", "toy-toy", "OUT"], ["create", "toy", "OUT", "--seed", "3"]),
        (["create", "tooy", "OUT"], ["create", "toy", "MODEL"], ["create", "toy", "OUT", "--task", "ctc"]),
        (["create", "toy"], ["create", "toy", ""], ["create", "toy", "OUT", "--seed", "x"]),
    ),
    "inspect": (
        (["inspect", "MODEL"], ["inspect", "MODEL/"], ["inspect", "MODEL", "--requirements"]),
        (["inspect", "OUT"], ["inspect", "BROKEN"], ["inspect", "MODEL", "--task", "ctc"]),
        (["inspect"], ["inspect", ""], ["inspect", "file://MODEL"]),
    ),
    "diff": (
        (["diff", "MODEL", "MODEL/"], ["diff", "toy", "toy-toy"]),
        (["diff", "MODEL", "BROKEN"], ["diff", "toy", "toys/small"]),
        (["diff"], ["diff", "MODEL"], ["diff", "MODEL", "OUT"], ["diff", "MODEL", "tooy"], ["diff", "", "toy"]),
    ),
    "convert": (
        (),
        (["convert", "OUT", "there"], ["convert", "MODEL/config.json", "there"]),
        (["convert"], ["convert", "MODEL"]),
    ),
    "install": (
        (["install", "vit", "--dry-run"],),
        (["install", "gpt9", "--dry-run"], ["install", "OUT", "--dry-run"]),
        (["install"], ["install", "-r", "x"]),
    ),
    "uninstall": (
        (["uninstall", "toy", "--dry-run"],),
        (["uninstall", "torch", "--dry-run"], ["uninstall", "archsmith", "--dry-run"], ["uninstall", "tooy"]),
        (["uninstall"],),
    ),
    "pin": ((["pin", "toy", "toy"],), (["pin", "tooy", "toy"], ["pin", "toy", "vit"]), (["pin", "toy"],)),
    "unpin": ((["unpin", "toy"],), (["unpin", "tooy"],), (["unpin"],)),
    "disable": ((["disable", "toy"],), (["disable", "tooy"],), (["disable"],)),
    "enable": ((["enable", "toy"],), (["enable", "tooy"],), (["enable"],)),
    "doctor": ((["doctor"],), (), (["doctor", "toy"],)),
    "env": ((["env"],), (), (["env", "toy"],)),
    "version": ((["version"],), (), (["version", "toy"],)),
}


def test_every_verb_is_here():
    assert set(CASES) == set(BUILT_IN)


@pytest.mark.parametrize(
    ("code", "line"), [(code, line) for cases in CASES.values() for code in (0, 1, 2) for line in cases[code]]
)
def test_how_it_ends(archsmith, toy, tmp_path, monkeypatch, code, line):
    monkeypatch.chdir(tmp_path)
    model, broken = tmp_path / "model", tmp_path / "broken"
    assert archsmith("create", "toy", model, "--seed", "1").code == 0
    broken.mkdir()
    (broken / "config.json").write_text(json.dumps({"model_type": "unheard-of"}))
    (broken / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    places = {"OUT": str(tmp_path / "out"), "MODEL": str(model), "BROKEN": str(broken)}
    for place, path in places.items():
        line = [argument.replace(place, path) for argument in line]
    result = archsmith(*line)
    assert result.code == code, result
    assert "Traceback" not in result.err
    assert bool(result.err) is bool(code) or line[0] in ("inspect", "list", "diff")  # whose report says it
    assert (tmp_path / "out").exists() is (code == 0 and line[0] == "create")


@pytest.mark.parametrize(
    ("line", "near"),
    [
        (["show", "tooy"], "toy"),
        (["create", "tooy", "out"], "toy"),
        (["disable", "tooy"], "toy"),
        (["pin", "tooy", "toy"], "toy"),
        (["unpin", "tooy"], "toy"),
        (["uninstall", "toy-tooy"], "toy-toy"),
        (["lisst"], "list"),
    ],
)
def test_what_is_near_is_named(archsmith, toy, line, near):
    result = archsmith(*line)
    assert result.code in (1, 2)
    assert f"Did you mean {near!r}?" in result.err
