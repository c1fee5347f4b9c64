"""``archsmith install`` and ``uninstall``: what they hand to pip, which strangers' plugins are really installed by."""

import sys

import pytest

PIP = [sys.executable, "-m", "pip"]


@pytest.mark.parametrize(
    ("given", "handed"),
    [
        ("vit", "archsmith-vit"),
        ("timm", "archsmith-timm"),
        ("maskformer_swin", "archsmith-maskformer"),
        ("bert>=0.1,<2", "archsmith-bert<2,>=0.1"),
        ("archsmith-bert==0.1.0", "archsmith-bert==0.1.0"),
        ("archsmith", "archsmith"),
        ("acme-good", "acme-good"),
        ("acme-good[extra]~=1.0", "acme-good[extra]~=1.0"),
        ("wheels/acme_good-1.0-py3-none-any.whl", "wheels/acme_good-1.0-py3-none-any.whl"),
        ("git+https://example.org/acme.git", "git+https://example.org/acme.git"),
    ],
)
def test_what_a_name_means(archsmith, given, handed):
    data = archsmith("install", "--dry-run", "--json", given).data
    assert data["command"] == [*PIP, "install", "--disable-pip-version-check", handed]


def test_the_command_is_shown_for_a_shell(archsmith):
    result = archsmith("install", "-U", "--dry-run", "vit>=0.1", "resnet")
    assert result.out.endswith(
        "-m pip install --disable-pip-version-check --upgrade 'archsmith-vit>=0.1' archsmith-resnet\n"
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("vitt", "'vitt' is no plugin that archsmith knows. Did you mean 'vit'? If not: pip install vitt"),
        ("not a name", "'not a name' is no requirement: "),
    ],
)
def test_what_is_probably_a_mistake(archsmith, given, said):
    result = archsmith("install", given)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: {said}")


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
        ("archsmith", "archsmith is no plugin; it runs just now. If you mean it: pip uninstall archsmith"),
        ("torch", " is no plugin, so it stays. If you mean it: pip uninstall torch"),
        ("acme-bad", "no installed plugin is called 'acme-bad'. Installed: toy-toy."),
    ],
)
def test_what_is_not_uninstalled(archsmith, toy, name, said):
    result = archsmith("uninstall", name)
    assert (result.code, result.out) == (1, "")
    assert said in result.err


def test_what_is_uninstalled(archsmith, toy):
    data = archsmith("uninstall", "--dry-run", "--json", "Toy_Toy").data
    assert data["command"] == [*PIP, "uninstall", "--disable-pip-version-check", "--yes", "toy-toy"]
