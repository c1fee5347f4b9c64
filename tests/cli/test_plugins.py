"""``archsmith plugins``."""


def test_nothing_installed(archsmith):
    result = archsmith("plugins")
    assert (result.code, result.err) == (0, "")
    assert result.out == "No plugin is installed. Each is a package: pip install archsmith-distilbert\n"


def test_table(archsmith, site, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_PIN", "b=toy-b")
    site.declare(
        "toy-all",
        architectures={"a": "toy_all.plugin", "b": "toy_all.plugin"},
        extensions={"c.more": "toy_all.plugin"},
        commands={"train": "toy_all:app"},
    )
    site.install("b")
    site.install("old", requires=("archsmith>=9",))
    result = archsmith("plugins")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "PLUGIN   VERSION  STATE         BRINGS\n"
        "toy-all  1.0      ok            architectures a, b (disabled)\n"
        "                                extension c.more\n"
        "                                command train\n"
        "toy-b    1.0      ok            architecture b\n"
        "toy-old  1.0      incompatible  architecture old\n"
        "\n"
        "settings  pin b = toy-b  (ARCHSMITH_PIN)\n"
        "\n"
        "disabled  ARCHSMITH_PIN gives 'b' to toy-b, not to toy-all 1.0. Pin it instead: ARCHSMITH_PIN=b=toy-all\n"
        "\n"
        "incompatible  toy-old 1.0 asks for archsmith>=9, but archsmith 0.2.0 is installed.\n"
        "              Run: pip install --upgrade archsmith toy-old\n"
    )


def test_json(archsmith, site):
    site.declare("toy-all", architectures={"a": "toy.plugin"}, commands={"train": "toy:app"})
    (plugin,) = archsmith("plugins", "--json").data["plugins"]
    fine = {"state": "ok", "reason": None, "remedy": None}
    assert plugin == {
        "distribution": "toy-all",
        "version": "1.0",
        "state": "ok",
        "architectures": [{"name": "a", **fine}],
        "extensions": [],
        "processors": [],
        "formats": [],
        "commands": [{"name": "train", **fine}],
    }
