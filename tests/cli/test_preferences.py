"""``archsmith pin``, ``unpin``, ``disable``, ``enable``: the user's file of settings."""

import errno
import multiprocessing
import os
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
    assert result.out.startswith("toy-good 1.0 is no longer switched off.\n")
    assert file.read_text() == 'disable = ["acme-a"]\n'
    assert archsmith("enable", "toy-good").out.startswith("Nothing to change.\n")
    archsmith("enable", "acme-a")
    assert file.read_text() == ""


def test_a_list_of_those_that_alone_are_on(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    file.write_text('plugins = ["acme-a"]  # what the team runs\n')
    assert f"toy-good 1.0 is not listed in {str(file)!r}. Run: archsmith enable toy-good" in archsmith("list").out
    assert "toy-good 1.0 is on the list of the plugins that are on.\n" in archsmith("enable", "toy-good").out
    assert file.read_text() == 'plugins = ["acme-a", "toy-good"]  # what the team runs\n'


def test_what_the_user_wrote_stays(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    text = '# mine\r\n\r\n[pin]  # names\r\nother = "acme-a"  # some reason\r\n'
    file.write_bytes(text.encode())
    archsmith("pin", "twin", "acme-a")
    assert file.read_bytes().decode() == text + 'twin = "acme-a"\n'
    file.write_text('disable = [\n  "acme_a",  # slow\n  "toy-good",  # too good\n]\n')
    archsmith("enable", "acme-a")
    assert file.read_text() == 'disable = [\n  "toy-good",  # too good\n]\n'


def test_a_variable_has_the_last_word_and_it_shows(archsmith, twins, file, monkeypatch):
    over = "settings  {} is set, and goes over what the file says of it. Unset it, and the file counts.\n"
    monkeypatch.setenv("ARCHSMITH_PIN", "twin=acme-a")
    result = archsmith("pin", "twin", "acme-b")
    assert over.format("ARCHSMITH_PIN") in result.out
    assert "ARCHSMITH_PIN gives 'twin' to acme-a, not to acme-b 1.0. Pin it instead: ARCHSMITH_PIN=twin=acme-b" in (
        result.out
    )
    assert over.format("ARCHSMITH_PIN") in archsmith("unpin", "twin").out
    monkeypatch.setenv("ARCHSMITH_PIN", "other=acme-a")
    assert "Unset it" not in archsmith("pin", "twin", "acme-b").out
    monkeypatch.setenv("ARCHSMITH_DISABLE", "acme-a")
    result = archsmith("disable", "toy-good")
    assert over.format("ARCHSMITH_DISABLE") in result.out
    assert "architecture good  toy-good 1.0  ok\n" in result.out
    assert archsmith("enable", "toy-good", "--json").data["overridden_by"] == ["ARCHSMITH_DISABLE"]
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "acme-a")
    data = archsmith("enable", "toy-good", "--json").data
    assert (data["changes"], data["overridden_by"]) == ([], ["ARCHSMITH_DISABLE", "ARCHSMITH_PLUGINS"])


def test_the_settings_in_force_are_shown(archsmith, twins, file, monkeypatch):
    archsmith("pin", "twin", "acme-b")
    archsmith("disable", "toy-good")
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "acme-a,acme-b,toy-good")
    shown = (
        "settings  plugins = acme-a, acme-b, toy-good  (ARCHSMITH_PLUGINS)\n"
        f"settings  disable = toy-good  ({str(file)!r})\n"
        f"settings  pin twin = acme-b  ({str(file)!r})\n"
    )
    data = {
        "file": str(file),
        "exists": True,
        "plugins": {"names": ["acme-a", "acme-b", "toy-good"], "source": "ARCHSMITH_PLUGINS"},
        "disable": {"names": ["toy-good"], "source": str(file)},
        "pin": {"twin": {"distribution": "acme-b", "source": str(file)}},
    }
    for verb in ("plugins", "doctor", "version"):
        assert shown in archsmith(verb).out
    for verb in ("plugins", "list", "version"):
        assert archsmith(verb, "--json").data["settings"] == data
    assert archsmith("doctor", "--json").data["versions"]["settings"] == data


def test_show_says_who_pinned_it(archsmith, toy, site, file):
    site.install("toy", distribution="acme-toy")
    archsmith("pin", "toy", "toy-toy")
    assert archsmith("show", "toy").out.startswith(f"toy  toy-toy 1.0\npinned to toy-toy by {file}\n")
    assert archsmith("show", "toy", "--json").data["pin"] == {"distribution": "toy-toy", "source": str(file)}


def test_what_the_file_names_and_is_gone(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    file.write_text('disable = ["vit", "acme-gone"]\n[pin]\ntwin = "acme-gone"\n"good.more" = "acme-gone"\n')
    said = archsmith("list").out
    assert (
        f"{str(file)!r} names 'vit', which is not an installed plugin. To take it off the list: archsmith enable vit"
        in said
    )
    assert "which is not installed or does not claim it. To take the pin back: archsmith unpin good.more" in said
    for command in ("enable vit acme-gone", "unpin twin", "unpin good.more"):
        assert archsmith(*command.split()).code == 0
    assert file.read_text() == ""
    assert archsmith("list", "--json").data["problems"] == []


def test_short_names(archsmith, site, file):
    site.install("vit", distribution="archsmith-vit")
    site.install("vit", distribution="acme-vit")
    assert archsmith("pin", "vit", "vit").out.startswith("'vit' is pinned to archsmith-vit 1.0.\n")
    assert archsmith("disable", "ViTModel").out.startswith("archsmith-vit 1.0 is switched off.\n")
    assert archsmith("enable", "vit").out.startswith("archsmith-vit 1.0 is no longer switched off.\n")


def test_names_of_extensions_are_quoted(archsmith, site, file):
    for name in ("acme-a", "acme-b"):
        site.declare(name, extensions={"bert.more": f"{name[-1]}.plugin"})
    archsmith("pin", "bert.more", "acme-b")
    assert file.read_text() == '[pin]\n"bert.more" = "acme-b"\n'
    states = {
        entry["plugin"]: entry["state"] for entry in archsmith("pin", "bert.more", "acme-b", "--json").data["entries"]
    }
    assert states == {"acme-a 1.0": "disabled", "acme-b 1.0": "ok"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("pin", "twinn", "acme-a"), "no installed plugin claims 'twinn'. Did you mean 'twin'?"),
        (("pin", "twin", "acme-c"), "'acme-c' does not claim 'twin'; claimed by acme-a, acme-b."),
        (("disable", "toy-god"), "no installed plugin is called 'toy-god'. Installed: acme-a, acme-b, toy-good."),
        (
            ("enable", "toy-god"),
            "no installed plugin is called 'toy-god'. Installed: acme-a, acme-b, toy-good. Did you mean 'toy-good'?",
        ),
        (("unpin", "twinn"), "'twinn' is not pinned, and no installed plugin claims it. Did you mean 'twin'?"),
    ],
)
def test_mistakes_change_nothing(archsmith, twins, file, arguments, said):
    result = archsmith(*arguments)
    assert (result.code, result.out) == (1, "")
    assert result.err.startswith(f"error: {said}")
    assert not file.parent.exists()


def test_a_file_that_holds_something_else_is_left_alone(archsmith, twins, file):
    file.parent.mkdir(parents=True)
    for text, said in (
        ("not toml", " is not TOML: "),
        ('disable = "a"', ": disable must be a list of distributions, but is 'a'."),
        ("[pin]\na = 3\n", ": the pin of 'a' must be a distribution, but is 3."),
        ("Disable = []\n", ": 'Disable' is not a setting; there are plugins, disable, pin. Did you mean 'disable'?"),
    ):
        file.write_text(text)
        result = archsmith("disable", "toy-good")
        assert result.code == 1
        assert result.err.startswith(f"error: {str(file)!r}{said}")
        assert result.err.endswith(" Fix or delete it.\n")
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
    assert f"the folder {str(tmp_path / 'a-file')!r} cannot be made" in result.err
    monkeypatch.setenv("ARCHSMITH_CONFIG", str(tmp_path))
    said = f"{str(tmp_path)!r} is not a regular file. Set ARCHSMITH_CONFIG to the path of one.\n"
    assert archsmith("disable", "toy-good").err == f"error: {said}"
    monkeypatch.setenv("ARCHSMITH_CONFIG", os.devnull)
    said = f"there is no file to keep settings in: ARCHSMITH_CONFIG is {os.devnull}. "
    assert archsmith("disable", "toy-good").err.startswith(f"error: {said}")


def test_the_system_refuses(archsmith, twins, file, monkeypatch):
    """The disk is full, or the file belongs to another: nothing is changed, nothing is left beside it."""
    file.parent.mkdir(parents=True)
    file.write_text("# mine\n")

    def refuse(path, content):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", refuse)
        result = archsmith("disable", "toy-good")
    assert (result.code, result.out) == (1, "")
    assert result.err == f"error: {str(file)!r} cannot be written: No space left on device.\n"
    assert file.read_text() == "# mine\n"
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_nothing_to_change_writes_nothing(archsmith, twins, file):
    for arguments in (("unpin", "twin"), ("enable", "acme-a")):
        assert archsmith(*arguments).out.startswith(f"Nothing to change.\n{file}\n")
    assert not file.parent.exists()


def _pin(number):
    from archsmith_cli import preferences

    def edit(document):
        document.setdefault("pin", {})[f"name-{number}"] = "acme-a"
        return ["changed"]

    preferences.change(edit)


def test_two_that_write_at_once_lose_nothing(archsmith, file):
    with multiprocessing.get_context("fork").Pool(4) as pool:
        pool.map(_pin, range(24))
    assert file.read_text().count("acme-a") == 24
    assert [path.name for path in file.parent.iterdir()] == ["config.toml"]


def test_file_in_the_home_folder(archsmith, toy, tmp_path, monkeypatch):
    """A variable that no shell has expanded makes no folder that is called '~'."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("ARCHSMITH_CONFIG", "~/settings.toml")
    assert archsmith("disable", "toy").code == 0
    assert (tmp_path / "home/settings.toml").read_text() == 'disable = ["toy-toy"]\n'
    assert not (tmp_path / "~").exists()
