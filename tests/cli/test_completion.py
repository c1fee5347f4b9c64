"""What a shell gets to complete a line: through the protocol of each shell, in a process of its own."""

import os
import subprocess
import sys

import pytest

#: Anything heavier than a manifest would be felt at each TAB.
LIGHT = """
import sys
from archsmith_cli.main import main
try:
    main()
finally:
    heavy = {"torch", "tokenizers", "PIL", "numpy", "huggingface_hub"} & sys.modules.keys()
    if heavy:
        print("imported:", heavy)
"""


@pytest.fixture
def complete(process):
    """Return a function that types a line up to its end and returns what the shell gets."""

    def call(line, shell="bash", code=LIGHT, **variables):
        typed = f"archsmith {line}"
        asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
        asked |= {"_TYPER_COMPLETE_ARGS": typed, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
        done = process(code=code, _ARCHSMITH_COMPLETE=f"complete_{shell}", **asked | variables)
        assert done.stderr == "", line
        return done.stdout.strip()

    return call


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("u", "uninstall\nunpin"),
        ("tr", "train"),
        ("--ver", "--version"),
        ("show to", "toy\ntoys/small"),
        ("create to", "toy\ntoys/small"),
        ("create toy out --task ", "base\nmasked-lm"),
        ("create toys/small out --task m", "masked-lm"),
        ("create nothing out --task ", ""),
        ("create toy out --kind im", "image-processor"),
        ("list --task masked-l", "masked-lm"),
        ("list --kind c", "commands"),
        ("list --k", "--kind"),
        ("inspect x --task masked-l", "masked-lm"),
        ("convert x y --dtype f", "float32\nfloat16"),
        ("convert x y --format to", "torch"),
        ("install dist", "distilbert"),
        ("uninstall toy-t", "toy-toy"),
        ("disable toy-t", "toy-toy"),
        ("enable ", "toy-off"),
        ("pin tr", "train"),
        ("pin toy ", "toy-toy"),
        ("unpin ", "toy"),
        ("nothing x", ""),
        ("off ", ""),
        ("break ", ""),
    ],
)
def test_bash(complete, toy, site, line, offered):
    site.declare(
        "toy-verbs", commands={"train": "toy_verbs:train", "$(touch x)": "toy_verbs:train", "two words": "x:y"}
    )
    site.write("toy_verbs.py", "print('imported')\ndef train():\n    'Train.'\n")
    site.declare("toy-broken", commands={"break": "toy_broken:app"})
    site.write("toy_broken.py", "raise SystemExit('imported')")
    site.declare("toy-off", architectures={"off": "toy_off.plugin"})
    assert (
        complete(line, ARCHSMITH_PIN="toy=toy-toy", ARCHSMITH_DISABLE="toy-off,none").replace("archsmith-", "")
        == offered
    )


def test_zsh_and_fish(complete, toy, site):
    site.declare("toy-verbs", commands={"evil": "toy_verbs:evil", "unmarked": "toy_verbs:marked"})
    site.write("toy_verbs.py", "def evil():\n    'Do $(x) `y` \"z\" [/red].'\ndef marked():\n    'A [bold] word.'\n")
    assert complete("show toy", "zsh") == """_arguments '*: :(("toy"\n"toys/small"))'"""
    assert complete("ev", "zsh") == """_arguments '*: :(("evil":"Do (x) y z /red."))'"""
    assert complete("nothing x", "zsh") == "_files"
    assert complete("show toy", "fish") == "toy\ntoys/small"
    assert complete("unm", "fish") == "unmarked\tA bold word."


@pytest.mark.parametrize(("line", "code"), [("show t", 0), ("show qq", 1)])
def test_fish_asks_whether_there_is_anything(process, toy, line, code):
    asked = {"_TYPER_COMPLETE_FISH_ACTION": "is-args", "_TYPER_COMPLETE_ARGS": f"archsmith {line}"}
    assert process(_ARCHSMITH_COMPLETE="complete_fish", **asked).returncode == code


def test_verbs_of_official_packages():
    for line, offered in (
        ("run image-cl", "image-classification"),
        ("new x --kind ext", "extension"),
        ("new x --base distil", "distilbert"),
        ("check archsmith-vi", "archsmith-vit"),
    ):
        typed = f"archsmith {line}"
        asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split(" ")) - 1)}
        done = subprocess.run(
            [sys.executable, "-c", LIGHT],
            env={**os.environ, "_ARCHSMITH_COMPLETE": "complete_bash"} | asked,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.stdout.strip(), done.stderr) == (offered, "")


@pytest.mark.parametrize(
    ("shell", "file", "said"),
    [
        ("bash", ".bash_completions/archsmith.sh", "complete -o default -F _archsmith_completion archsmith"),
        ("zsh", ".zfunc/_archsmith", "#compdef archsmith"),
        ("fish", ".config/fish/completions/archsmith.fish", "complete --command archsmith --no-files"),
    ],
)
def test_installing(process, tmp_path, shell, file, said):
    """The script that is installed is the one that is shown; the shell is the one that runs us."""
    detected = f"import shellingham; shellingham.detect_shell = lambda: ({shell!r}, '')"
    code = f"{detected}; from archsmith_cli.main import main; main()"
    shown = process("--show-completion", code=code, HOME=str(tmp_path))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert said in shown.stdout
    done = process("--install-completion", code=code, HOME=str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert said in (tmp_path / file).read_text()
    assert str(tmp_path / file) in done.stdout
