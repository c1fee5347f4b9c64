"""The platform team's commands, in fresh environments: real pip, wheels, and a process for each command."""

import json

import pytest

from .conftest import architecture, build


def test_install_use_restore_uninstall(workshop, tmp_path):
    """By short names, from wheels; what is installed is restored elsewhere, and in the end all is as before."""
    before = workshop.freeze()
    done = workshop.run("archsmith", "install", "vit", "resnet>=0.1", "--json", cwd=tmp_path)
    new = json.loads(done.stdout)["new"]
    assert "archsmith-convnext-images-0.2.0 archsmith-resnet-0.2.0 archsmith-vit-0.2.0" in done.stderr
    assert {(row["kind"], row["name"], row["state"]) for row in new} == {
        ("architecture", "resnet", "ok"),
        ("architecture", "vit", "ok"),
        ("processor", "convnext-images", "ok"),
    }
    assert "Nothing is new: " in workshop.run("archsmith", "install", "vit", cwd=tmp_path).stdout
    lines = workshop.run("archsmith", "plugins", "--requirements", cwd=tmp_path).stdout
    assert "archsmith-vit==0.2.0\n" in lines
    (tmp_path / "requirements.txt").write_text(lines)
    installed = workshop.freeze()
    done = workshop.run("archsmith", "uninstall", "vit", "resnet", "archsmith-convnext-images", cwd=tmp_path)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["GONE", "PLUGIN"],
        ["architecture", "resnet", "archsmith-resnet", "0.2.0"],
        ["architecture", "vit", "archsmith-vit", "0.2.0"],
        ["processor", "convnext-images", "archsmith-convnext-images", "0.2.0"],
    ]
    assert workshop.freeze() == before
    assert "No architecture is installed." in workshop.run("archsmith", "list", cwd=tmp_path).stdout
    workshop.run("python", "-m", "pip", "install", "-q", "-r", "requirements.txt", cwd=tmp_path)
    assert workshop.freeze() == installed
    workshop.run("archsmith", "uninstall", "archsmith-vit", "Archsmith_ResNet", "convnext-images", cwd=tmp_path)
    assert workshop.freeze() == before


def test_what_pip_refuses(workshop, tmp_path):
    before = workshop.freeze()
    done = workshop.run("archsmith", "install", "vit==99", cwd=tmp_path, code=1, PIP_NO_INDEX="1")
    assert "No matching distribution found for archsmith-vit==99" in done.stderr
    assert done.stderr.rstrip().endswith("pip ended with code 1, for the reason that it gives above. Nothing changed.")
    assert done.stdout == ""
    assert workshop.freeze() == before


@pytest.fixture(scope="module")
def twins(tmp_path_factory):
    """Return the wheels of two plugins that claim one model_type."""
    folder = tmp_path_factory.mktemp("twins")
    toys = [architecture("twin", distribution=f"acme-twin-{letter}") for letter in "ab"]
    build(folder / "wheels", *(toy.write(folder) for toy in toys))
    return sorted((folder / "wheels").iterdir())


def test_a_second_plugin_for_one_name(workshop, twins, tmp_path):
    """What was there comes into conflict; a pin ends that; a pin that points at nothing is named with its remedy."""
    before = workshop.freeze()
    first, second = twins
    file = tmp_path / "config" / "archsmith" / "config.toml"
    places = {
        "ARCHSMITH_CONFIG": "",
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "TOYS_SEEN": str(tmp_path),
        "PIP_NO_INDEX": "1",
        "COLUMNS": "500",
    }

    def archsmith(*arguments, code=0):
        return workshop.run("archsmith", *arguments, cwd=tmp_path, code=code, **places).stdout

    assert archsmith("install", first) == (
        "NEW                PLUGIN           STATE\narchitecture twin  acme-twin-a 1.0  ok\n"
    )
    assert archsmith("install", second, code=1) == (
        "NEW                PLUGIN           STATE\n"
        "architecture twin  acme-twin-b 1.0  conflicting\n\n"
        "CHANGED            PLUGIN           STATE\n"
        "architecture twin  acme-twin-a 1.0  conflicting\n\n"
        "conflicting  model_type 'twin' is claimed by 2 distributions: acme-twin-a 1.0, acme-twin-b 1.0.\n"
        "             Uninstall all but one, or pin one: archsmith pin twin acme-twin-a\n"
    )
    assert archsmith("pin", "twin", "acme-twin-b").startswith(f"'twin' is pinned to acme-twin-b 1.0.\n{file}\n")
    lines = archsmith("plugins", "--requirements").splitlines()
    assert f"acme-twin-a==1.0  # acme-twin-a @ {first.as_uri()}" in lines
    program = "import archsmith; print(archsmith.TwinConfig.__module__)"
    assert workshop.run("python", "-c", program, cwd=tmp_path, **places).stdout == "acme_twin_b.config\n"
    assert archsmith("uninstall", "acme-twin-b") == (
        "GONE               PLUGIN\n"
        "architecture twin  acme-twin-b 1.0\n\n"
        f"settings  {str(file)!r} gives 'twin' to 'acme-twin-b', which is not installed or does not claim it. "
        "Did you mean 'acme-twin-a'? To take the pin back: archsmith unpin twin\n"
    )
    assert "architecture twin  acme-twin-a 1.0  ok\n" in archsmith("unpin", "twin")
    archsmith("uninstall", "acme-twin-a")
    assert workshop.freeze() == before


def test_what_pip_does_in_part(workshop, twins, tmp_path):
    """It removes one plugin and fails at the next: what went is said all the same."""
    before = workshop.freeze()
    places = {"TOYS_SEEN": str(tmp_path), "PIP_NO_INDEX": "1", "COLUMNS": "500"}
    workshop.run("archsmith", "install", *twins, cwd=tmp_path, code=1, **places)
    (record,) = workshop.environment.root.rglob("acme_twin_b-1.0.dist-info/RECORD")
    record.rename(record.with_name("away"))
    done = workshop.run("archsmith", "uninstall", "acme-twin-a", "acme-twin-b", cwd=tmp_path, code=1, **places)
    assert done.stdout == ""
    assert done.stderr.endswith(
        "error: pip ended with code 1, for the reason that it gives above. "
        "Changed nevertheless: gone: acme-twin-a 1.0.\n"
    )
    record.with_name("away").rename(record)
    workshop.run("archsmith", "install", twins[0], cwd=tmp_path, code=1, **places)
    assert workshop.run("archsmith", "uninstall", "acme-twin-b", cwd=tmp_path, **places).stdout == (
        "GONE               PLUGIN\n"
        "architecture twin  acme-twin-b 1.0\n\n"
        "CHANGED            PLUGIN           STATE\n"
        "architecture twin  acme-twin-a 1.0  ok\n"
    )
    workshop.run("archsmith", "uninstall", "acme-twin-a", cwd=tmp_path, **places)
    assert workshop.freeze() == before


def test_an_environment_without_pip(run):
    done = run.archsmith("install", "vit")
    assert done.returncode == 1
    assert "has no pip. Run: " in done.stderr


def test_settings_last_from_process_to_process(run, tmp_path):
    file = {"ARCHSMITH_CONFIG": str(tmp_path / "settings.toml")}
    assert run.archsmith("pin", "twin", "acme-twin-b", **file).returncode == 0
    assert run.archsmith("disable", "acme-off", "acme-broken", **file).returncode == 0
    rows = json.loads(run.archsmith("plugins", "--json", **file).stdout)["plugins"]
    states = {row["distribution"]: row["state"] for row in rows}
    assert [states[name] for name in ("acme-twin-a", "acme-twin-b", "acme-off", "acme-broken")] == [
        "disabled",
        "ok",
        "disabled",
        "disabled",
    ]
    program = "import archsmith; answer = archsmith.TwinConfig.__module__"
    assert run.python(program, **file) == "acme_twin_b.config"
    assert run.archsmith("enable", "acme-off", **file).returncode == 0
    program = "import archsmith; answer = archsmith.OffConfig.__module__"
    assert run.python(program, **file) == "acme_off.config"
    doctor = run.archsmith("doctor", "--json", **file).stdout
    assert not any("twin" in row["problem"] for row in json.loads(doctor)["problems"])
    assert run.archsmith("unpin", "twin", **file).returncode == 0
    assert "conflicting" in run.archsmith("list", **file).stdout
