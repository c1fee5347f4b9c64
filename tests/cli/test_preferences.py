"""``archsmith pin``, ``unpin``, ``disable``, ``enable``: the user's file of settings."""

import multiprocessing
from pathlib import Path

import pytest

from archsmith.registry import registry


@pytest.fixture
def twins(site):
    """Install two plugins that claim one name, and one that stands alone."""
    site.install("twin", distribution="acme-a")
    site.install("twin", distribution="acme-b")
    site.install("good")


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "settings" / "archsmith" / "config.toml"


def test_a_pin_settles_a_conflict(archsmith, twins, file):
    result = archsmith("list")
    assert "Uninstall all but one, or pin one: archsmith pin twin acme-a\n" in result.out
    result = archsmith("pin", "twin", "Acme_B")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        f"'twin' is pinned to acme-b 1.0.\n{file}\n\n"
        "NAME               PLUGIN      STATE\n"
        "architecture twin  acme-b 1.0  ok\n"
        "architecture twin  acme-a 1.0  disabled\n\n"
        f"disabled  {str(file)!r} gives 'twin' to acme-b, not to acme-a 1.0. "
        "Pin it instead: archsmith pin twin acme-a\n"
    )
    assert file.read_text() == '[pin]\ntwin = "acme-b"\n'
    assert registry.get("twin").config == "acme_b.config:TwinConfig"
    again = archsmith("pin", "twin", "acme-b", "--json").data
    assert (again["changes"], again["file"]) == ([], str(file))
    assert [(entry["plugin"], entry["state"]) for entry in again["entries"]] == [
        ("acme-b 1.0", "ok"),
        ("acme-a 1.0", "disabled"),
    ]


def test_a_pin_is_taken_back(archsmith, twins, file):
    archsmith("pin", "twin", "acme-b")
    result = archsmith("unpin", "twin")
    assert result.out.startswith(f"'twin' is no longer pinned to acme-b.\n{file}\n")
    assert "conflicting" in result.out
    assert file.read_text() == ""
    assert archsmith("unpin", "twin").out.startswith("Nothing to change.\n")


def test_off_and_on(archsmith, twins, file):
    result = archsmith("disable", "toy_good", "acme-a")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith(f"toy-good 1.0 is switched off.\nacme-a 1.0 is switched off.\n{file}\n")
    reason = f"toy-good 1.0 is switched off by {str(file)!r}. Run: archsmith enable toy-good"
    assert reason in archsmith("list").out
    assert reason.partition(" Run")[0] in archsmith("doctor").out
    assert reason in archsmith("show", "good").err
    assert archsmith("disable", "toy-good").out.startswith("Nothing to change.\n")
    assert file.read_text() == 'disable = ["toy-good", "acme-a"]\n'
    result = archsmith("enable", "toy-good")
    assert result.out.startswith("toy-good is no longer switched off.\n")
    assert file.read_text() == 'disable = ["acme-a"]\n'
    assert archsmith("enable", "toy-good").out.startswith("Nothing to change.\n")
    archsmith("enable", "acme-a")
    assert file.read_text() == ""


def test_a_list_of_those_that_alone_are_on(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    file.write_text('plugins = ["acme-a"]  # what the team runs\n')
    assert f"toy-good 1.0 is not listed in {str(file)!r}. Run: archsmith enable toy-good" in archsmith("list").out
    assert "toy-good is on the list of the plugins that are on.\n" in archsmith("enable", "toy-good").out
    assert file.read_text() == 'plugins = ["acme-a", "toy-good"]  # what the team runs\n'


def test_what_the_user_wrote_stays(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    text = '# mine\n\n[pin]  # names\nother = "acme-a"  # some reason\n'
    file.write_text(text)
    archsmith("pin", "twin", "acme-a")
    assert file.read_text() == text + 'twin = "acme-a"\n'


def test_a_variable_has_the_last_word_and_it_shows(archsmith, twins, file, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_PIN", "twin=acme-a")
    result = archsmith("pin", "twin", "acme-b")
    assert "ARCHSMITH_PIN gives 'twin' to acme-a, not to acme-b 1.0. Pin it instead: ARCHSMITH_PIN=twin=acme-b" in (
        result.out
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pin", "twinn", "acme-a"), "no installed plugin claims 'twinn'. Did you mean 'twin'?"),
        (("pin", "twin", "acme-c"), "'acme-c' does not claim 'twin'; claimed by acme-a, acme-b."),
        (("disable", "toy-god"), "no installed plugin is called 'toy-god'. Installed: acme-a, acme-b, toy-good."),
        (("enable", "toy-god"), "no installed plugin is called 'toy-god'. Installed: acme-a, acme-b, toy-good."),
    ],
)
def test_mistakes_change_nothing(archsmith, twins, file, arguments, said):
    result = archsmith(*arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: {said}")
    assert not file.exists()


def test_a_file_that_holds_something_else_is_left_alone(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    for text in ("not toml", 'disable = "a"', "disable = 3\n"):
        file.write_text(text)
        result = archsmith("disable", "toy-good")
        assert result.code == 1
        assert f"error: {str(file)!r} is not a file of settings: " in result.err
        assert result.err.endswith("Mend or delete it.\n")
        assert file.read_text() == text
        assert str(file) in archsmith("doctor").out
        assert archsmith("list").code == 0


def test_a_link_is_kept(archsmith, twins, file, tmp_path):
    file.parent.mkdir(parents=True)
    mine = tmp_path / "dotfiles"
    mine.write_text("# mine\n")
    file.symlink_to(mine)
    archsmith("disable", "toy-good")
    assert file.is_symlink()
    assert mine.read_text() == '# mine\ndisable = ["toy-good"]\n'


def test_a_place_where_no_file_can_be(archsmith, twins, tmp_path, monkeypatch):
    (tmp_path / "a-file").touch()
    monkeypatch.setenv("ARCHSMITH_CONFIG", str(tmp_path / "a-file" / "config.toml"))
    result = archsmith("disable", "toy-good")
    assert result.code == 1
    assert f"the folder {str(tmp_path / 'a-file')!r} can not be made" in result.err


def _pin(number):
    from archsmith_cli import preferences

    def edit(document):
        document.setdefault("pin", {})[f"name-{number}"] = "acme-a"
        return []

    preferences.change(edit)


def test_two_that_write_at_once_lose_nothing(archsmith, file):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_pin, range(24))
    assert file.read_text().count("acme-a") == 24
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]
