"""``archsmith env``: what a report of a bug says of where it happened, without secrets and without the user's name."""

import json
import sys

import pytest

import archsmith as core


def test_markdown(archsmith, toy):
    result = archsmith("env")
    assert (result.code, result.err) == (0, "")
    titles = [line for line in result.out.splitlines() if line.startswith("#")]
    assert titles == [
        *("### archsmith", "### Plugins", "### System", "### torch", "### Requirements", "### Variables"),
        "### Settings",
    ]
    assert all(line == "" or line.startswith(("- ", "### ")) for line in result.out.splitlines())
    assert f"- archsmith: {core.__version__}\n" in result.out
    assert "- toy-toy 1.0 (architecture toy): ok\n" in result.out
    assert "- accelerators: " in result.out


def test_json(archsmith, toy):
    import torch

    data = archsmith("env", "--json").data
    assert data["torch"]["version"] == str(torch.__version__)
    assert data["torch"]["threads"] == torch.get_num_threads()
    assert data["plugins"] == [
        {"distribution": "toy-toy", "version": "1.0", "brings": ["architecture toy"], "state": "ok", "reason": None}
    ]
    assert data["requirements"]["safetensors"]
    assert data["system"]["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")


def test_plugins_that_cannot_be_used_say_why(archsmith, toy, site, monkeypatch):
    site.install("wrong", manifest="import nowhere")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-toy")
    archsmith.fresh()
    out = archsmith("env").out
    assert "- toy-toy 1.0 (architecture toy): disabled, " in out
    assert "- toy-wrong 1.0 (architecture wrong): " in out
    assert "- disable: toy-toy (ARCHSMITH_DISABLE)\n" in out


def test_no_secret_and_no_home(archsmith, toy, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("HF_HOME", f"{tmp_path}/models")
    monkeypatch.setenv("HF_HUB_CACHE", f"{tmp_path}2/models")  # another user's, whose name begins alike
    monkeypatch.setenv("HF_TOKEN", "hf_0123456789abcdef")
    monkeypatch.setenv("ARCHSMITH_API_KEY", "very secret")
    monkeypatch.setenv("HF_ENDPOINT", "https://me:password@hub.example/x")
    monkeypatch.setenv("PYTHONPATH", "/x:hf_0123456789abcdef")
    for arguments in (("env",), ("env", "--json")):
        out = archsmith(*arguments).out
        for secret in ("0123456789abcdef", "very secret", "me:password"):
            assert secret not in out
        assert f"{tmp_path}/" not in out
    found = archsmith("env", "--json").data["variables"]
    assert found["HF_HOME"] == "~/models"
    assert found["HF_HUB_CACHE"] == f"{tmp_path}2/models"
    assert found["HF_TOKEN"] == found["ARCHSMITH_API_KEY"] == "(set, not shown)"
    assert found["HF_ENDPOINT"] == "https://(not shown)@hub.example/x"


def test_what_cannot_be_read_is_told_in_its_line(archsmith, toy, monkeypatch):
    import torch

    def fail(*_):
        raise RuntimeError("no driver")

    monkeypatch.setattr(torch.cuda, "device_count", fail)
    monkeypatch.setattr("platform.platform", fail)
    result = archsmith("env")
    assert (result.code, result.err) == (0, "")
    assert "- platform: cannot be read: RuntimeError: no driver\n" in result.out
    assert "- accelerators: cannot be read: RuntimeError: no driver\n" in result.out


def test_torch_that_does_not_import(process, toy, site):
    site.write("torch/__init__.py", "raise OSError('libgomp.so.1 is missing')")
    done = process("env")
    assert (done.returncode, done.stderr) == (0, "")
    assert "- fault: cannot be imported: OSError: libgomp.so.1 is missing\n" in done.stdout
    assert "### Settings\n" in done.stdout


@pytest.mark.parametrize(
    ("value", "shown"), [("a`b", "`` a`b ``"), ("a\nb", "`a\\nb`"), ("", "(empty)"), ("ü 東", "`ü 東`")]
)
def test_values_cannot_break_the_markdown(archsmith, toy, monkeypatch, value, shown):
    monkeypatch.setenv("TORCH_HOME", value)
    assert f"- TORCH_HOME: {shown}\n" in archsmith("env").out
    assert archsmith("env", "--json").data["variables"]["TORCH_HOME"] == value


def test_completion_and_settings_file(archsmith, toy, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ARCHSMITH_CONFIG", str(tmp_path / "mine.toml"))
    (tmp_path / "mine.toml").write_text('disable = ["toy-toy"]\n')
    (tmp_path / ".zfunc").mkdir()
    (tmp_path / ".zfunc/_archsmith").touch()
    archsmith.fresh()
    out = archsmith("env").out
    assert "- completion: ~/.zfunc/_archsmith\n" in out
    assert "- file: `~/mine.toml`\n- disable: toy-toy (~/mine.toml)\n" in out
    assert json.loads(archsmith("env", "--json").out)["settings"]["file"] == "~/mine.toml"
