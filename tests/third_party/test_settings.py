"""The platform team's commands, in fresh environments: real pip, wheels, and a process for each command."""

import json


def test_install_use_restore_uninstall(workshop, tmp_path):
    """By short names, from wheels; what is installed is restored elsewhere, and in the end all is as before."""
    before = workshop.freeze()
    done = workshop.run("archsmith", "install", "vit", "resnet>=0.1", "--json", cwd=tmp_path)
    new = json.loads(done.stdout)["new"]
    assert "Successfully installed archsmith-resnet-0.1.0 archsmith-vit-0.1.0" in done.stderr
    assert {(row["kind"], row["name"], row["state"]) for row in new} == {
        ("architecture", "resnet", "ok"),
        ("architecture", "vit", "ok"),
    }
    assert "Nothing is new: " in workshop.run("archsmith", "install", "vit", cwd=tmp_path).stdout
    lines = workshop.run("archsmith", "plugins", "--requirements", cwd=tmp_path).stdout
    assert "archsmith-vit==0.1.0\n" in lines
    (tmp_path / "requirements.txt").write_text(lines)
    installed = workshop.freeze()
    done = workshop.run("archsmith", "uninstall", "vit", "resnet", cwd=tmp_path)
    assert done.stdout == (
        "GONE                 PLUGIN\n"
        "architecture resnet  archsmith-resnet 0.1.0\n"
        "architecture vit     archsmith-vit 0.1.0\n"
    )
    assert workshop.freeze() == before
    assert "No architecture is installed." in workshop.run("archsmith", "list", cwd=tmp_path).stdout
    workshop.run("python", "-m", "pip", "install", "-q", "-r", "requirements.txt", cwd=tmp_path)
    assert workshop.freeze() == installed
    workshop.run("archsmith", "uninstall", "archsmith-vit", "Archsmith_ResNet", cwd=tmp_path)
    assert workshop.freeze() == before


def test_what_pip_refuses(workshop, tmp_path):
    before = workshop.freeze()
    done = workshop.run("archsmith", "install", "vit==99", cwd=tmp_path, code=1, PIP_NO_INDEX="1")
    assert "No matching distribution found for archsmith-vit==99" in done.stderr
    assert done.stderr.rstrip().endswith("pip ended with code 1, for the reason that it gives above. Nothing changed.")
    assert done.stdout == ""
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
