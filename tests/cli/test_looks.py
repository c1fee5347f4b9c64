"""What every verb shows: examples that work in its help, and no line longer than the terminal, at any width."""

import re
import shlex
import shutil

import pytest
import torch

from archsmith.registry import KNOWN_PLUGINS
from archsmith_cli.naming import KNOWN_VERBS
from archsmith_cli.verb import BUILT_IN, load_verb

VERBS = (*BUILT_IN, *KNOWN_VERBS)
#: Verbs whose examples need more than is quickly made: their command lines are parsed, and what they name is there.
PARSED = {"run", "chat"}
#: Examples with these would ask the network: what they name is known.
UNASKED = {"install": "--dry-run", "uninstall": "--dry-run"}
EXAMPLES = [line for verb in VERBS for line in load_verb(verb).examples]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_two_or_three_examples(installed, verb):
    examples = load_verb(verb).examples
    assert len(examples) >= 2, verb
    assert all(line.startswith(f"archsmith {verb}") for line in examples)
    shown = installed(verb, "--help").out.partition("\nExamples:\n")[2].replace(" \\\n   ", "")
    assert [line.strip() for line in shown.splitlines()] == examples


@pytest.fixture
def places(installed, tmp_path, monkeypatch):
    """Make the folders and files that examples name, in the current folder; put settings beside them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ARCHSMITH_CONFIG", str(tmp_path / "settings.toml"))
    small = [f"--set={each}" for each in ("dim=8", "hidden_dim=8", "n_layers=1", "n_heads=1", "vocab_size=9")]
    assert installed("create", "distilbert", "CHECKPOINT", *small).code == 0
    for name in ("before", "after", "my-model", "mine"):
        shutil.copytree("CHECKPOINT", name)
    torch.save({"classifier.weight": torch.ones(2, 2)}, "pytorch_model.bin")
    (tmp_path / "archsmith_vit-0.2.0-py3-none-any.whl").touch()
    return tmp_path


@pytest.mark.parametrize("line", EXAMPLES)
def test_example_works(installed, places, line):
    verb, *args = shlex.split(line)[1:]
    if verb in UNASKED:
        named = [arg for arg in args if not arg.startswith(("-", "."))]
        assert {name.removeprefix("archsmith-") for name in named} <= {*KNOWN_PLUGINS}
        if named:
            args += [UNASKED[verb]]
    if verb in PARSED or "--hub" in args:
        load_verb(verb).make_context(verb, args)
        return
    if verb in ("unpin", "enable"):
        assert (
            installed({"unpin": "pin", "enable": "disable"}[verb], *args, *(["archsmith-vit"] * (verb == "unpin"))).code
            == 0
        )
    if verb == "convert":  # needs a configuration beside the weights
        shutil.copy(places / "CHECKPOINT" / "config.json", places)
        state = torch.load("pytorch_model.bin")
        from archsmith.files import Checkpoint, find_weights

        state = {
            name: torch.zeros(info.shape) for name, info in find_weights(Checkpoint.open("CHECKPOINT")).tensors.items()
        }
        torch.save(state, "pytorch_model.bin")
        if args[0] == "CHECKPOINT":
            (places / "CHECKPOINT" / "model.safetensors").unlink()
            torch.save(state, places / "CHECKPOINT" / "pytorch_model.bin")
    result = installed(verb, *args)
    fine = {0, 1} if verb in ("diff", "doctor") else {0}
    assert result.code in fine, result
    assert "Traceback" not in result.err


def lines_of(text):
    return re.sub(r"\x1b\[[\d;]*m", "", text).splitlines()


def is_unbreakable(line):
    """Tell whether a line is one word, its indent and label apart."""
    return len(line.strip(" \\").split("  ")[-1].split()) <= 1 or re.fullmatch(
        r'\s*("[^"]*" \\|--[\w-]+ [A-Z]+|[\w -]+: +\S+)', line
    )


@pytest.mark.parametrize("columns", [30, 40, 80, 200])
def test_no_line_is_longer_than_the_terminal(installed, places, monkeypatch, columns):
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("NO_COLOR", "1")
    lines = [
        *(
            ["list"],
            ["list", "--tasks"],
            ["list", "nothing"],
            ["list", "--kind", "commands"],
            ["plugins"],
            ["show", "vit"],
        ),
        *(
            ["show", "distilbert", "--tree"],
            ["inspect", "CHECKPOINT"],
            ["inspect", "CHECKPOINT", "--tensors"],
            ["version"],
        ),
        *(
            ["diff", "bert", "distilbert"],
            ["pin", "vit", "archsmith-vit"],
            ["unpin", "vit"],
            ["disable", "vit"],
            ["list"],
        ),
        *(["doctor"], ["enable", "vit"], ["show", "nothing"], ["lits"], ["create", "vit"], ["run", "--list"]),
        *([verb, "--help"] for verb in VERBS),
        *(
            ["create", "distilbert", "new", "--set=dim=8", "--set=n_heads=1", "--set=vocab_size=9"],
            ["check", "--explain", "bpe"],
        ),
    ]
    long = []
    for args in lines:
        result = installed(*args)
        assert "Traceback" not in result.err
        for line in lines_of(result.out) + lines_of(result.err):
            if len(line) > columns and not is_unbreakable(line):
                long.append((args, line))
    assert long == []
