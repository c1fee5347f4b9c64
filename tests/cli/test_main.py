"""What holds for every verb: how it is found, how it ends, and what goes to which stream."""

import json
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from archsmith_cli.main import BUILT_IN

TORCH_FREE = """
    import sys
    from archsmith_cli.main import run
    code = run(sys.argv[1:])
    heavy = {"torch", "tokenizers", "PIL", "soundfile", "huggingface_hub", "numpy", "rich"} & sys.modules.keys()
    assert not heavy, heavy
    sys.exit(code)
"""
HELP = """\
Usage: archsmith [OPTIONS] COMMAND [ARGS]...

  Neural-network architectures as plugins: list, explain, check and
  instantiate what is installed.

Options:
  --debug               Show the traceback of an error.
  --version             Show the version and end.
  -h, --help            Show this message and end.
  --install-completion  Install completion for the current shell.
  --show-completion     Show completion for the current shell, to copy it or
                        customize the installation.

Commands:
""" + "".join(f"  {verb:11}{summary}\n" for verb, summary in BUILT_IN.items())
VERB = """
    import typer

    app = typer.Typer()

    @app.command()
    def train(steps: int = 1, fail: bool = False):
        '''Train something.'''
        if fail:
            from archsmith.errors import InputError
            raise InputError("steps must be even, but is 1.")
        print(f"trained {steps}")
"""


@pytest.fixture
def train(site):
    """Install a plugin that brings the command ``train``."""
    site.declare("toy-verbs", commands={"train": "toy_verbs:app"})
    site.write("toy_verbs.py", dedent(VERB))


@pytest.mark.parametrize("args", [(), ("--help",)])
def test_help_lists_every_verb(archsmith, args):
    result = archsmith(*args)
    assert (result.code, result.out.rstrip() + "\n", result.err) == (0, HELP, "")


@pytest.mark.parametrize("verb", BUILT_IN)
def test_every_verb_explains_itself_as_the_overview_does(archsmith, verb):
    result = archsmith(verb, "--help")
    assert result.code == 0
    assert BUILT_IN[verb] in result.out
    assert "--json" in result.out
    assert "--debug" in result.out
    assert all(len(line) <= 80 for line in result.out.splitlines())


def test_version_option(archsmith):
    result = archsmith("--version")
    assert (result.code, result.out, result.err) == (0, "archsmith 0.2.0\n", "")


def test_help_names_the_verbs_of_plugins_without_importing_them(archsmith, train, site):
    site.write("toy_verbs.py", "raise RuntimeError('imported')")
    result = archsmith("--help")
    assert result.code == 0
    assert "  train      From toy-verbs 1.0.\n" in result.out


def test_verb_of_a_plugin(archsmith, train):
    result = archsmith("train", "--steps", "3")
    assert (result.code, result.out, result.err) == (0, "trained 3\n", "")
    assert "Train something." in archsmith("train", "--help").out


def test_error_in_the_verb_of_a_plugin_is_readable(archsmith, train):
    result = archsmith("train", "--fail")
    assert (result.code, result.out, result.err) == (1, "", "error: steps must be even, but is 1.\n")


def test_plain_function_is_a_verb_too(archsmith, site):
    site.declare("toy-verbs", commands={"greet": "toy_verbs:greet"})
    site.write("toy_verbs.py", "def greet(name: str):\n    print('hello', name)\n")
    assert archsmith("greet", "you").out == "hello you\n"


def test_broken_verb_names_its_plugin(archsmith, site):
    site.declare("toy-verbs", commands={"train": "toy_verbs:app"})
    result = archsmith("train")
    assert result.code == 1
    assert result.err == (
        "error: toy-verbs 1.0 is broken: toy_verbs: ModuleNotFoundError: No module named 'toy_verbs'. "
        "Run: pip install --upgrade toy-verbs (or: pip uninstall toy-verbs)\n"
    )


def test_built_in_verb_wins_over_that_of_a_plugin(archsmith, site):
    site.declare("toy-verbs", commands={"version": "toy_verbs:app"})
    site.write("toy_verbs.py", "raise RuntimeError('imported')")
    assert archsmith("version").out.startswith("archsmith ")
    assert archsmith("--help").out.count("  version ") == 1


def test_unknown_verb(archsmith, train):
    result = archsmith("lsit")
    assert (result.code, result.out) == (2, "")
    assert result.err == (
        f"error: There is no command 'lsit'; there are: {', '.join(BUILT_IN)}, train. "
        "Did you mean 'list'? Try: archsmith --help\n"
    )


def test_usage_error(archsmith):
    result = archsmith("list", "--taks")
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("error: No such option: --taks")
    assert result.err.endswith("Try: archsmith list --help\n")


@pytest.mark.parametrize(
    ("args", "kind", "code"), [(("show",), "MissingParameter", 2), (("show", "x"), "UnknownArchitecture", 1)]
)
def test_errors_as_json(archsmith, args, kind, code):
    result = archsmith(*args, "--json")
    assert (result.code, result.err) == (code, "")
    assert set(result.data["error"]) == {"type", "message"}
    assert result.data["error"]["type"] == kind


def test_unexpected_error_has_no_traceback_unless_asked(archsmith, toy, site):
    site.write("toy_toy/config.py", "class ToyConfig:\n    pass\n")
    result = archsmith("show", "toy")
    assert (result.code, result.out) == (1, "")
    assert "Traceback" not in result.err
    assert result.err.startswith("error: ")
    assert result.err.endswith("(unexpected; --debug shows where)\n")
    assert "Traceback" in archsmith("show", "toy", "--debug").err
    assert "Traceback" in archsmith("--debug", "show", "toy").err


def test_what_a_plugin_prints_stays_out_of_the_result(archsmith, toy, site):
    config = (site.root / "toy_toy/config.py").read_text()
    site.write("toy_toy/config.py", "print('hello')\n" + config)
    result = archsmith("show", "toy", "--json")
    assert result.data["model_type"] == "toy"


def test_announcements_are_notes_on_standard_error(archsmith, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-x")
    result = archsmith("show", "nothing", "--json")
    assert result.data["error"]["type"] == "UnknownArchitecture"
    assert result.err == "note: ARCHSMITH_DISABLE names 'toy-x', which is not an installed plugin.\n"


@pytest.mark.parametrize("args", [("list",), ("list", "--json"), ("plugins",), ("version",), ("show", "toy")])
def test_no_heavy_library_is_imported(process, toy, args):
    result = process(*args, code=dedent(TORCH_FREE))
    assert (result.returncode, result.stderr) == (0, "")


def test_listing_runs_no_code_of_a_plugin(process, toy, site):
    site.write("toy_toy/__init__.py", "raise SystemExit('imported')")
    for verb in ("list", "plugins", "version"):
        result = process(verb)
        assert (result.returncode, result.stderr) == (0, "")
        assert "toy-toy" in result.stdout


def test_listing_does_not_pay_for_what_only_typed_options_need(process):
    code = "import sys; from archsmith_cli.main import run; run(['list']); sys.exit('pydantic' in sys.modules)"
    assert process(code=code).returncode == 0


@pytest.mark.skipif(os.name == "nt", reason="no pipes of this kind")
def test_closed_pipe_ends_quietly(process, site):
    for number in range(2000):
        site.declare(f"toy-{number}", architectures={f"toy{number}-{'x' * 40}": "toy"})
    shell = f"'{sys.executable}' -m archsmith_cli list | head -1; echo ${{PIPESTATUS[0]}}"
    result = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(site.root)},
    )
    header, code = result.stdout.splitlines()
    assert header.split() == ["ARCHITECTURE", "DISTRIBUTION", "VERSION", "STATE"]
    assert (code, result.stderr) == ("141", "")


@pytest.mark.skipif(os.name == "nt", reason="no signals of this kind")
def test_interrupt_ends_quietly(site):
    site.declare("toy-verbs", commands={"wait": "toy_verbs:wait"})
    site.write("toy_verbs.py", "import time\ndef wait():\n    print('ready', flush=True)\n    time.sleep(60)\n")
    with subprocess.Popen(
        [sys.executable, "-m", "archsmith_cli", "wait"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(site.root)},
        # It may be ignored here, and would be there too.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    ) as waiting:
        assert waiting.stdout.readline() == "ready\n"
        time.sleep(0.1)
        waiting.send_signal(signal.SIGINT)
        out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out, err) == (130, "", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no such device")
def test_streams_that_are_full_or_closed(site):
    for redirect, code in ((">/dev/full", 1), (">&-", 0), (">&- 2>&-", 0)):
        result = subprocess.run(
            ["bash", "-c", f"'{sys.executable}' -m archsmith_cli version {redirect}"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (result.returncode, "Traceback" in result.stderr) == (code, False), result.stderr


def test_stream_that_can_not_encode_a_name(process, site):
    site.declare("toy-ü", architectures={"toy": "toy"})
    for args in (("list",), ("list", "--json")):
        result = process(*args, PYTHONUTF8="0", PYTHONIOENCODING="ascii", LC_ALL="C")
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.isascii()
    assert "toy-ü" in {row["distribution"] for row in json.loads(result.stdout)["architectures"]}
