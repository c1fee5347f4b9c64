"""``archsmith install`` and ``uninstall``: what they hand to pip, which strangers' plugins are really installed by."""

import os
import shlex
import signal
import subprocess
import sys

import pytest

PIP = [sys.executable, "-m", "pip"]


@pytest.mark.parametrize(
    ("given", "handed"),
    [
        ("vit", "archsmith-vit"),
        ("timm", "archsmith-timm"),
        ("maskformer_swin", "archsmith-maskformer"),
        ("ViTForImageClassification", "archsmith-vit"),
        ("MaskFormerSwinConfig", "archsmith-maskformer"),
        ("BertModel==0.2.0", "archsmith-bert==0.2.0"),
        ("DistilBert", "archsmith-distilbert"),
        ("bert>=0.1,<2", "archsmith-bert<2,>=0.1"),
        ("archsmith-bert==0.2.0", "archsmith-bert==0.2.0"),
        ("devkit", "archsmith-devkit"),
        ("archsmith", "archsmith"),
        ("archsmith-of-a-stranger[extra]~=1.0", "archsmith-of-a-stranger[extra]~=1.0"),
        ("Toy_Toy>=1", "Toy_Toy>=1"),
        ("wheels/acme_good-1.0-py3-none-any.whl", "wheels/acme_good-1.0-py3-none-any.whl"),
        (".", "."),
        ("./acme[more]", "./acme[more]"),
        ("~/wheels/acme_good-1.0-py3-none-any.whl", "HOME/wheels/acme_good-1.0-py3-none-any.whl"),
    ],
)
def test_what_a_name_means(archsmith, toy, tmp_path, monkeypatch, given, handed):
    """Names of plugins that are known, installed, or bear the prefix; and what is there on disk."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "wheels").mkdir()
    (tmp_path / "wheels/acme_good-1.0-py3-none-any.whl").touch()
    (tmp_path / "acme").mkdir()
    handed = handed.replace("HOME", str(tmp_path))
    data = archsmith("install", "--dry-run", "--json", given).data
    assert data["command"] == [*PIP, "install", "--disable-pip-version-check", handed]


UNKNOWN = [
    ("gpt2x", "Pip would install the distribution 'gpt2x' of the package index, whoever wrote it."),
    ("transformers>=4", "Pip would install the distribution 'transformers' of the package index, whoever wrote it."),
    ("acme-good[extra]~=1.0", "Pip would install the distribution 'acme-good' of the package index, whoever wrote it."),
    ("vitt", "'vitt' is not a plugin that archsmith knows. Did you mean 'vit'? Pip would install"),
    ("archsmith-vitt", "'archsmith-vitt' is not a plugin that archsmith knows. Did you mean 'vit'? Pip would install"),
    ("git+https://example.org/acme.git", "is a URL: pip would install whatever is there."),
    ("vit@https://example.org/vit.whl", "is a URL: pip would install whatever is there."),
]


@pytest.mark.parametrize(("given", "said"), UNKNOWN)
def test_what_has_to_be_confirmed(archsmith, given, said):
    """On an index anybody can have any name."""
    result = archsmith("install", "--dry-run", given)
    assert (result.code, result.out) == (1, "")
    assert said in result.err
    assert result.err.endswith(f" If you mean that one: archsmith install --unknown {shlex.quote(given)}\n")
    confirmed = archsmith("install", "--dry-run", "--unknown", given, "--json").data["command"][-1]
    assert confirmed.startswith(given.partition("[")[0].partition(">")[0])


def test_the_command_is_shown_for_a_shell(archsmith):
    result = archsmith("install", "-U", "--dry-run", "vit>=0.1", "resnet")
    assert result.out.endswith(
        "-m pip install --disable-pip-version-check --upgrade 'archsmith-vit>=0.1' archsmith-resnet\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("x; rm -rf .", "'x; rm -rf .' is not a requirement: "),
        (
            " --index-url=https://example.org",
            "' --index-url=https://example.org' is an option of pip's; expected names",
        ),
        ("../no-such-folder", "there is no folder or file '../no-such-folder' to install from."),
        ("acme/vit", "there is no folder or file 'acme/vit' to install from."),
        ("no.whl", "there is no folder or file 'no.whl' to install from."),
        ("not a name", "'not a name' is not a requirement: "),
        ("", "'' is not a requirement: "),
    ],
)
def test_what_is_probably_a_mistake(archsmith, given, said):
    for options in ((), ("--unknown",)):
        result = archsmith("install", *options, given)
        assert (result.code, result.out) == (1, "")
        assert result.err.startswith(f"error: {said}")


@pytest.mark.parametrize("args", [("-r", "file.txt"), ("--index-url=https://example.org", "vit"), ("--pre", "vit")])
def test_no_option_reaches_pip(archsmith, args):
    assert archsmith("install", *args).code == 2
    assert archsmith("install", "--dry-run", "--", *args).code == 1
    assert archsmith("uninstall", *args).code == 2


def test_an_interpreter_without_pip(archsmith, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = archsmith("install", "vit")
    assert result.code == 1
    assert result.err == (
        f"error: {sys.executable} has no pip. Run: {sys.executable} -m ensurepip; or use the program that made this "
        "environment, such as: uv pip install archsmith-vit\n"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("archsmith", "archsmith is not a plugin; it runs just now. If you mean it: pip uninstall archsmith"),
        ("torch", " is not a plugin, so it stays. If you mean it: pip uninstall torch"),
        ("acme-bad", "no installed plugin is called 'acme-bad'. Installed: toy-toy."),
        ("vit", "no installed plugin is called 'archsmith-vit'. Installed: toy-toy."),
        ("toy-toy==1.0", "no installed plugin is called 'toy-toy==1.0'. Installed: toy-toy. Did you mean 'toy-toy'?"),
        ("", "no installed plugin is called ''. Installed: toy-toy."),
    ],
)
def test_what_is_not_uninstalled(archsmith, toy, name, said):
    result = archsmith("uninstall", name)
    assert (result.code, result.out) == (1, "")
    assert said in result.err


def test_what_is_uninstalled(archsmith, toy):
    data = archsmith("uninstall", "--dry-run", "--json", "Toy_Toy", "toy.toy", "toy").data
    assert data["command"] == [*PIP, "uninstall", "--disable-pip-version-check", "--yes", "toy-toy"]


def test_a_stranger_whose_name_is_like_a_known_one(archsmith, site):
    site.install("vits", distribution="vits")
    assert archsmith("uninstall", "--dry-run", "--json", "vits").data["command"][-1] == "vits"


def test_what_pip_leaves_in_place(process, toy, site):
    """Pip does not touch what is outside its environment, and calls that a success."""
    done = process("uninstall", "toy-toy")
    assert (done.returncode, done.stdout) == (1, "")
    assert "Not uninstalling toy-toy" in done.stderr
    assert done.stderr.endswith("error: pip left toy-toy in place, for the reason that it gives above.\n")


def test_archsmith_itself_has_changed(process, toy):
    """Then what runs cannot tell how the plugins stand with what is installed."""
    code = "import archsmith; archsmith.__version__ = '0.0.1'; from archsmith_cli.main import main; main()"
    done = process("install", "archsmith", code=code, PIP_NO_INDEX="1")
    assert (done.returncode, done.stdout) == (0, "archsmith itself is 0.2.0 now. What it finds: archsmith plugins\n")


@pytest.mark.parametrize("name", ["archsmith-bag", "Archsmith_Bag", "bag", "bags"])
def test_a_plugin_is_named_in_many_ways(archsmith, site, name):
    """By its own name in any spelling, without archsmith's prefix, and by the model_type that it brings."""
    site.install("bags", distribution="archsmith-bag")
    assert archsmith("uninstall", "--dry-run", "--json", name).data["command"][-1] == "archsmith-bag"


def test_a_verb_names_no_plugin(archsmith, site):
    site.declare("toy-verbs", commands={"wait": "toy_verbs:wait"})
    assert "no installed plugin is called 'wait'." in archsmith("uninstall", "wait").err


def test_a_model_type_that_several_bring_names_none(archsmith, site):
    site.install("bag", distribution="acme-a")
    site.install("bag", distribution="acme-b")
    result = archsmith("uninstall", "bag")
    assert (result.code, result.err) == (
        1,
        "error: 'bag' is brought by acme-a 1.0, acme-b 1.0. Name one of these plugins.\n",
    )


@pytest.mark.long
@pytest.mark.skipif(os.name == "nt", reason="no signals of this kind")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_pip_ends_in_its_own_way_before_we_do(tmp_path, number):
    """Whoever ends us while pip works must not find it killed in the middle, or still at work."""
    child = tmp_path / "child.py"
    child.write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: sys.exit(time.sleep(0.5) or print('cleaned', flush=True)))\n"
        "print('working', flush=True)\n"
        "time.sleep(60)\n"
    )
    program = "import sys; from archsmith_cli import exits, pip\nwith exits.terminable(): pip.run_pip(sys.argv[1:])"
    with subprocess.Popen(
        [sys.executable, "-c", program, sys.executable, str(child)], stderr=subprocess.PIPE, text=True
    ) as installing:
        assert installing.stderr.readline() == "working\n"
        installing.send_signal(number)
        said = installing.communicate(timeout=60)[1]
    assert said.startswith("cleaned\n")
