"""What holds for every verb: how it is found, how it ends, and what goes to which stream."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from textwrap import dedent

import pytest

from archsmith_cli.verb import BUILT_IN

TORCH_FREE = """
    import sys
    from archsmith_cli.main import run
    code = run(sys.argv[1:])
    heavy = {"torch", "tokenizers", "PIL", "soundfile", "huggingface_hub", "numpy", "rich"} & sys.modules.keys()
    assert not heavy, heavy
    sys.exit(code)
"""
HELP = """\
Usage: archsmith [OPTIONS] VERB ...

  Neural-network architectures as plugins: list, explain, check and
  instantiate what is installed.

  archsmith VERB --help explains a verb. TAB completes verbs, names and tasks
  after archsmith --install-completion.

Look:
  list     List the installed architectures.
  plugins  List the installed plugins and what they bring.
  show     Explain an architecture or a preset.
  inspect  Show what a checkpoint holds, and whether it loads.
  diff     Compare two checkpoints or configurations.

Run:
  create   Write a model with random weights, or its preprocessing.
  convert  Convert a checkpoint of another format.

Install:
  install    Install plugins, and show what they bring.
  uninstall  Uninstall plugins, and show what is gone.
  pin        Pin a name that several plugins claim to one of them.
  unpin      Remove a pin.
  disable    Switch plugins off, and leave them installed.
  enable     Switch plugins on again.

Problems:
  doctor   Find every problem, and say how to fix it.
  env      Describe this environment, for the report of a bug.
  version  Show versions: archsmith, Python, torch, plugins.

Options:
  --debug               Show the traceback of an error.
  --version             Show the version and end.
  -h, --help            Show this message and end.
  --install-completion  Install completion for the current shell.
  --show-completion     Show completion for the current shell, to copy it or
                        customize the installation.

Examples:
  archsmith list --task image-classification
  archsmith show vit
  archsmith doctor
"""
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
    assert re.search(rf"^  {verb} +(.*)", HELP, re.MULTILINE)[1] in result.out
    assert "--json" in result.out
    assert "--debug" in result.out
    assert all(len(line) <= 80 for line in result.out.splitlines())


def test_version_option(archsmith):
    result = archsmith("--version")
    assert (result.code, result.out, result.err) == (0, "archsmith 0.2.0\n", "")


def test_help_has_a_line_for_each_verb_of_a_plugin(archsmith, train, site, monkeypatch):
    """It is the verb's own sentence; where a verb cannot be used, the reason stands there, and hides no other."""
    site.declare("toy-broken", commands={"break": "toy_broken:app"})
    site.declare("toy-odd", commands={"odd": "toy_odd:app"})
    site.declare("toy-off", commands={"off": "toy_off:app"})
    site.write("toy_broken.py", "print('hello')\nraise SystemExit('no')")
    site.write("toy_odd.py", "app = 3")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-off")
    result = archsmith("--help")
    assert (result.code, result.err) == (0, "")
    assert result.out == HELP.replace(
        "\nOptions:",
        "\nFrom plugins:\n"
        "  break  toy-broken 1.0 is broken: toy_broken: SystemExit: no.\n"
        "  odd    toy-odd 1.0: its command 'odd' is neither a typer app nor a function\n"
        "         that becomes one: TypeError: 3 is not a callable object.\n"
        "  off    toy-off 1.0 is switched off by ARCHSMITH_DISABLE.\n"
        "  train  Train something.\n"
        "\nOptions:",
    )


GROUPED = """
    import typer
    from archsmith_cli.verb import in_group

    @in_group("Develop")
    def lint(word: str, speed: float = 1.5, mode: str = typer.Option(None), times: int = typer.Option(3, max=5)):
        '''Look for mistakes.

        Examples:
            archsmith lint WORD --speed 2

            archsmith lint "two words"
        '''

    app = typer.Typer(rich_help_panel="Mine")
    app.command()(lint)
    odd = typer.Typer(rich_help_panel=3)
    odd.command()(lint)
"""


def test_verb_of_a_plugin_names_its_heading_and_has_examples(archsmith, site):
    site.declare("toy-verbs", commands={"lint": "toy_verbs:lint", "mine": "toy_verbs:app", "odd": "toy_verbs:odd"})
    site.write("toy_verbs.py", dedent(GROUPED))
    out = archsmith("--help").out
    assert "\nDevelop:\n  lint  Look for mistakes.\n\nProblems:" in out
    for verb in ("lint", "mine", "odd"):
        help_of = archsmith(verb, "-h").out
        assert help_of.endswith('Examples:\n  archsmith lint WORD --speed 2\n  archsmith lint "two words"\n')
        assert help_of.startswith(
            f"Usage: archsmith {verb} [OPTIONS] WORD\n\n  Look for mistakes.\n\nArguments:\n  WORD\n"
        )
        for option in ("--speed N ", "--mode MODE", "--times N "):
            assert option in help_of
        assert "[default: 3; x<=5]" in help_of
        assert not re.search("<|required|None", help_of.replace("x<=5", ""))


def test_running_a_verb_imports_no_other(archsmith, train, site):
    site.declare("toy-broken", commands={"break": "toy_broken:app"})
    site.write("toy_broken.py", "raise SystemExit('imported')")
    assert archsmith("train").out == "trained 1\n"
    site.write("toy_verbs.py", "raise SystemExit('imported')")
    assert archsmith("list").code == 0


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


REPORTING = """
    import typer
    from archsmith.errors import InputError
    from archsmith_cli.verb import Page, Report

    def count(what: str, most: int = 3) -> Report:
        '''Count something.'''
        print("counting")
        if most < 0:
            raise InputError(f"most is {most}; expected 0 or more.")
        return Report({"what": what, "count": most}, lambda page: page.line(f"{most} {what}"), exit_code=int(most > 3))

    app = typer.Typer(help="Several at once.")
    app.command()(count)

    @app.command()
    def hello():
        print("hello")
"""


@pytest.fixture
def reporting(site):
    """Install a plugin whose verbs return reports: a function, and a typer app of several commands."""
    site.declare("toy-reports", commands={"count": "toy_reports:count", "several": "toy_reports:app"})
    site.write("toy_reports.py", dedent(REPORTING))


@pytest.mark.parametrize("verb", [("count",), ("several", "count")])
def test_verb_of_a_plugin_that_returns_a_report_is_as_good_as_a_built_in_one(archsmith, reporting, verb):
    result = archsmith(*verb, "bags")
    assert (result.code, result.out, result.err) == (0, "3 bags\n", "counting\n")
    result = archsmith(*verb, "bags", "--most", 4, "--json")
    assert (result.code, result.data, result.err) == (1, {"what": "bags", "count": 4}, "counting\n")
    result = archsmith(*verb, "bags", "--most", -1, "--json")
    assert (result.code, result.data["error"]["type"]) == (1, "InputError")
    assert "Traceback" in archsmith(*verb, "bags", "--most", -1, "--debug").err
    result = archsmith(*verb, "-h")
    assert (result.code, result.err) == (0, "")
    assert "Count something." in result.out
    assert "--json" in result.out


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_verb_that_breaks_its_promise_of_a_report(archsmith, site, options):
    site.declare("toy-verbs", commands={"tally": "toy_verbs:tally"})
    site.write(
        "toy_verbs.py", "from archsmith_cli.verb import Report\ndef tally() -> Report:\n    'Tally.'\n    return None\n"
    )
    result = archsmith("tally", *options)
    assert result.code == 1
    assert "the verb 'tally' must return a Report, as it says, but returned None." in result.out + result.err


@pytest.mark.parametrize(
    ("code", "options", "said"),
    [
        (
            "def tally():\n    return REPORT",
            (),
            "the verb 'tally' returns a Report, so its function must say it: '-> Report'.",
        ),
        (
            "def tally() -> Report:\n    return REPORT",
            ("--json",),
            "the report of 'tally' is not JSON: Out of range float",
        ),
    ],
)
def test_report_that_could_not_be_read(archsmith, site, code, options, said):
    site.declare("toy-verbs", commands={"tally": "toy_verbs:tally"})
    report = "Report({'rate': float('nan')}, lambda page: page.line('none'))"
    site.write("toy_verbs.py", f"from archsmith_cli.verb import Report\n{code.replace('REPORT', report)}\n")
    result = archsmith("tally", *options)
    assert result.code == 1
    assert said in result.out + result.err


def test_functions_of_an_app_that_return_no_report_keep_to_themselves(archsmith, reporting):
    assert archsmith("several", "hello").out == "hello\n"
    assert archsmith("several", "hello", "--json").code == 2
    assert "  count    Count something.\n  several  Several at once.\n" in archsmith("--help").out


def test_verbs_are_not_architectures_for_the_list_of_plugins(archsmith, train, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "toy-verbs-of-another")
    assert archsmith("train").out == "trained 1\n"
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-verbs")
    result = archsmith("train")
    assert (result.code, result.err) == (
        1,
        "error: toy-verbs 1.0 is switched off by ARCHSMITH_DISABLE. Remove toy-verbs from ARCHSMITH_DISABLE\n",
    )


@pytest.mark.parametrize(
    ("verb", "package"), [("chat", "generation"), ("check", "devkit"), ("new", "devkit"), ("run", "tasks")]
)
def test_verb_of_an_official_package_that_is_not_installed(archsmith, verb, package):
    result = archsmith(verb, "my-bag")
    assert (result.code, result.out) == (1, "")
    assert result.err == f"error: {verb!r} comes in a package of its own. Run: pip install archsmith-{package}\n"


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
    assert "Traceback (most recent call last):\n  File " in archsmith("show", "toy", "--debug").err
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


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--seed", "x"), "Invalid value for '--seed': 'x': Input should be a valid integer"),
        (("--seed", "-1"), "Invalid value for '--seed': '-1': Input should be greater than or equal to 0."),
        (("--seed",), "Option '--seed' requires an argument, N."),
        (("--task",), "Option '--task' requires an argument, TASK."),
        (("--force=3",), "Option '--force' does not take a value, but got '3'."),
        (("--kind", "modl"), "Invalid value for '--kind': 'modl' is none of model, backbone, "),
        (("--seed", "1", "--seed", "2"), "Option '--seed' is given 2 times, but has one value."),
        (("more",), "Got unexpected extra argument(s) (more)."),
        (("--sed",), "No such option: --sed (Possible options: --"),
    ],
)
def test_wrong_arguments_are_shown_with_what_was_expected(archsmith, toy, tmp_path, args, said):
    result = archsmith("create", "toy", tmp_path / "out", *args)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith(f"error: {said}")
    assert result.err.endswith(" Try: archsmith create --help\n")
    assert not (tmp_path / "out").exists()


def test_missing_argument_says_what_was_expected(archsmith):
    assert archsmith("convert", "file").err == (
        "error: Missing argument 'FOLDER'. Expected: The folder to write; it is made if needed. "
        "Try: archsmith convert --help\n"
    )


HOSTILE = """
    import typer
    from archsmith_cli.verb import Report

    def evil(
        what: str = typer.Argument("x", help="An argument \\x1b[2J\\u202e.", metavar="A\\x9bB"),
        value: str = typer.Option("\\x1b]0;owned\\x07", help="An \\x1b[31moption."),
    ) -> Report:
        '''Do \\x1b[31mevil\\u202e.

        More \\x1b[2J of it.
        '''
        return Report({}, lambda page: None)

    app = typer.Typer(help="Do \\x1b[31mevil.")
    app.command()(evil)

    @app.command()
    def other(value: str = typer.Option("\\x1b]0;owned\\x07", help="An \\x1b[31moption.")):
        'Do \\x1b[31mother.'
"""


@pytest.mark.parametrize("args", [(), ("evil",), ("group",), ("group", "evil"), ("group", "other")])
def test_help_of_a_stranger_does_not_steer_the_terminal(archsmith, site, args):
    site.declare("toy-evil", commands={"evil": "toy_evil:evil", "group": "toy_evil:app"})
    site.declare("toy-named", commands={"e\x1b[2Jv": "toy_evil:evil"})
    site.write("toy_evil.py", HOSTILE)
    result = archsmith(*args, "--help")
    assert result.code == 0
    assert all(char.isprintable() or char == "\n" for char in result.out), repr(result.out)
    assert "\\x1b" in result.out


def test_names_of_a_stranger_do_not_steer_the_terminal(archsmith, site):
    """Not in any list, not in an error, not as JSON."""
    name = "e\x1b[2Jv\u202eil"
    site.declare(f"toy-{name}", version=f"1.0{name}", architectures={name: "toy_evil.plugin"}, commands={name: "x:y"})
    for args in (("list",), ("plugins",), ("doctor",), ("version",), ("list", "--tasks"), ("show", name), (name,)):
        for options in ((), ("--json",)):
            result = archsmith(*args, *options)
            for text in (result.out, result.err):
                assert all(char.isprintable() or char == "\n" for char in text), (args, options, text)


NOISY = """
    import os, subprocess, sys
    os.write(1, b"imported\\n")
    import atexit
    from archsmith_cli.verb import Report

    def noisy() -> Report:
        os.write(1, b"written\\n")
        subprocess.run([sys.executable, "-c", "print('child')"])
        atexit.register(os.write, 1, b"at the end\\n")
        atexit.register(print, "at the end")
        return Report({"fine": True}, lambda page: page.line("fine"))
"""


@pytest.mark.long
def test_nothing_but_the_report_is_on_standard_output(process, site):
    """Whatever writes there: the descriptor itself, other programs, the interpreter as it ends."""
    site.declare("toy-noisy", commands={"noisy": "toy_noisy:noisy"})
    site.write("toy_noisy.py", NOISY)
    done = process("noisy", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"fine": True})
    assert sorted(done.stderr.split("\n")) == ["", "at the end", "at the end", "child", "imported", "written"]
    assert process("noisy").stdout.startswith("fine\n")


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no terminals of this kind")
@pytest.mark.parametrize(
    "variables", [{}, {"NO_COLOR": "1"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}]
)
@pytest.mark.parametrize(
    "args", [("list",), ("plugins",), ("show", "toy"), ("doctor",), ("--help",), ("nope",), ("show", "nö")]
)
def test_narrow_terminal(site, toy, args, variables):
    """At 40 columns, without colours or Unicode: no traceback, and no name is lost."""
    import pty

    site.declare("toy-ü", architectures={"toy-of-a-stranger-with-a-rather-long-name": "toy"})
    reader, writer = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(site.root), "COLUMNS": "40", "TERM": "xterm"} | variables
    done = subprocess.Popen(
        [sys.executable, "-m", "archsmith_cli", *args], stdin=writer, stdout=writer, stderr=writer, env=environment
    )
    os.close(writer)
    written = b""
    while True:
        try:
            if not (piece := os.read(reader, 65536)):
                break
        except OSError:  # how Linux says that nobody has it open any more
            break
        written += piece
    os.close(reader)
    done.wait(timeout=60)
    text = written.decode()
    assert "Traceback" not in text
    if "NO_COLOR" in variables:
        assert "\x1b[3" not in text
    if args[0] in ("list", "plugins"):
        assert "toy-of-a-stranger-with-a-rather-long-name" in text
        assert ("toy-ü" if "LC_ALL" not in variables else "toy-\\xfc") in text


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no pipes of this kind")
@pytest.mark.parametrize("verb", ["list", "plugins", "version", "doctor", "--help", "list --json"])
def test_reader_that_is_gone(site, toy, verb):
    shell = f"'{sys.executable}' -m archsmith_cli {verb} | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(site.root)},
    )
    assert done.stderr == ""
    assert done.stdout in ("141\n", "0\n", "1\n")
