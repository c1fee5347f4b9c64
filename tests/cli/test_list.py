"""``archsmith list``."""


def test_nothing_installed(archsmith):
    result = archsmith("list")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "No architecture is installed. Each comes in a package of its own: pip install archsmith-distilbert\n"
    )
    data = archsmith("list", "--json").data
    assert (data["architectures"], data["problems"]) == ([], [])


def test_states_stand_in_the_table_and_reasons_below(archsmith, site, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-off,toy-offf")
    site.install("fine")
    site.install("off")
    site.install("old", requires=("archsmith>=9",))
    site.install("both")
    site.declare("other-both", version="2.0", architectures={"both": "other.plugin"})
    result = archsmith("list")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "ARCHITECTURE  DISTRIBUTION  VERSION  STATE\n"
        "both          other-both    2.0      conflicting\n"
        "both          toy-both      1.0      conflicting\n"
        "fine          toy-fine      1.0      ok\n"
        "off           toy-off       1.0      disabled\n"
        "old           toy-old       1.0      incompatible\n"
        "\n"
        "conflicting  model_type 'both' is claimed by 2 distributions: other-both 2.0, toy-both 1.0.\n"
        "             Uninstall all but one, or pin one: archsmith pin both other-both\n"
        "\n"
        "disabled  toy-off 1.0 is switched off by ARCHSMITH_DISABLE. Remove toy-off from ARCHSMITH_DISABLE\n"
        "\n"
        "incompatible  toy-old 1.0 asks for archsmith>=9, but archsmith 0.2.0 is installed.\n"
        "              Run: pip install --upgrade archsmith toy-old\n"
        "\n"
        "settings  ARCHSMITH_DISABLE names 'toy-offf', which is not an installed plugin. Did you mean 'toy-off'?\n"
    )


def test_json(archsmith, site, tmp_path, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_PIN", "nonsense,fine=toy-fine")
    site.install("fine")
    assert archsmith("list", "--json").data == {
        "architectures": [
            {
                "model_type": "fine",
                "distribution": "toy-fine",
                "version": "1.0",
                "summary": "",
                "state": "ok",
                "reason": None,
                "remedy": None,
            }
        ],
        "processors": [],
        "settings": {
            "file": str(tmp_path / "settings" / "archsmith" / "config.toml"),
            "exists": False,
            "plugins": None,
            "disable": None,
            "pin": {"fine": {"distribution": "toy-fine", "source": "ARCHSMITH_PIN"}},
        },
        "problems": ["ARCHSMITH_PIN holds 'nonsense'; expected model_type=distribution, comma-separated."],
        "message": None,
    }


def test_tasks_loads_the_manifests(archsmith, site, manifest_of):
    site.install("fine", manifest=manifest_of("toy_fine", "fine", 'tokenizer_fast="toy_fine.tokenizer:FineTokenizer",'))
    site.install("wrong", manifest="import nowhere")
    result = archsmith("list", "--tasks")
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "fine  toy-fine 1.0\n"
        "  tasks          base, masked-lm\n"
        "  preprocessing  tokenizer_fast\n"
        "\n"
        "wrong  toy-wrong 1.0  broken\n"
        "\n"
        "broken  toy-wrong 1.0 is broken: toy_wrong.plugin: ModuleNotFoundError: No module named 'nowhere'.\n"
        "        Run: pip install --upgrade toy-wrong (or: pip uninstall toy-wrong)\n"
    )
    fine, wrong = archsmith("list", "--tasks", "--json").data["architectures"]
    assert (fine["tasks"], fine["preprocessing"]) == (["base", "masked-lm"], ["tokenizer_fast"])
    assert (wrong["state"], wrong["tasks"], wrong["preprocessing"]) == ("broken", [], [])


def test_without_tasks_a_plugin_that_does_not_load_is_not_known_to_be_broken(archsmith, site):
    site.install("wrong", manifest="import nowhere")
    assert archsmith("list", "--json").data["architectures"][0]["state"] == "ok"


def test_five_hundred_plugins_of_which_some_are_not_well(archsmith, site):
    """One damaged, one in conflict, one broken when it is loaded: each is named, and the others are listed."""
    for number in range(500):
        site.declare(f"fleet-{number}", architectures={f"fleet{number}": f"fleet_{number}.plugin"})
    (site.root / "fleet_77-1.0.dist-info" / "METADATA").write_text("nothing")
    site.declare("acme-rival", architectures={"fleet123": "acme_rival.plugin"})
    result = archsmith("list")
    assert (result.code, result.err) == (0, "")
    lines = result.out.splitlines()
    assert sum(line.split()[-1:] == ["ok"] for line in lines) == 498
    assert "fleet77" in next(line for line in lines if line.endswith("broken"))
    assert any("fleet-77 (unknown version) is broken: its METADATA is missing or damaged." in line for line in lines)
    assert any(
        "model_type 'fleet123' is claimed by 2 distributions: acme-rival 1.0, fleet-123 1.0." in line for line in lines
    )
    for number in range(0, 500, 50):
        site.write(f"fleet_{number}/plugin.py", "import not_there" if number == 250 else "")
    states = {row["model_type"]: row["state"] for row in archsmith("list", "--tasks", "--json").data["architectures"]}
    assert states["fleet250"] == "broken"


def test_words_and_filters(archsmith, toy, site):
    """Every word is in the name, the plugin or its summary; in the names of classes too where manifests are loaded."""
    site.install("other")
    metadata = site.root / "toy_toy-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("\nVersion", "\nSummary: A model for Tests of words\nVersion"))
    site.declare("toy-verbs", commands={"train": "toy_verbs:app"}, formats={"packed": "toy_verbs:packed"})

    def found(*args, key="architectures"):
        result = archsmith("list", *args, "--json")
        assert result.code == int(not result.data[key])
        return [row.get("model_type") or row["name"] for row in result.data[key]]

    assert found("TOY") == ["other", "toy"]
    assert found("tests", "toy") == ["toy"]
    assert found("tests", "other") == found("ToyForMaskedLM") == []
    assert found("ToyForMaskedLM", "--tasks") == found("--task", "masked-lm", "words") == ["toy"]
    assert found("--kind", "architectures", "oth") == ["other"]
    assert found("--kind", "commands", key="commands") == ["train"]
    assert found("--kind", "formats", "pack", key="formats") == ["packed"]
    assert archsmith("list", "--kind", "extensions").out == "No extension is installed.\n"
    assert archsmith("list", "--kind", "commands").out == (
        "COMMAND  DISTRIBUTION  VERSION  STATE\ntrain    toy-verbs     1.0      ok\n"
    )


def test_nothing_found_says_what_is_near(archsmith, toy):
    for args, said in (
        (("tooy",), "Nothing that is installed has 'tooy'. Did you mean 'toy'?"),
        (("--task", "masked-ml"), "Nothing that is installed has the task 'masked-ml'. Did you mean 'masked-lm'?"),
        (("nobody", "--task", "base"), "Nothing that is installed has the task 'base' and 'nobody'."),
    ):
        result = archsmith("list", *args)
        assert (result.code, result.out, result.err) == (1, f"{said}\n", "")
        data = archsmith("list", *args, "--json").data
        assert (data["message"], data["architectures"]) == (said, [])


def test_summary_stands_where_a_terminal_has_room(archsmith, toy, site, monkeypatch):
    metadata = site.root / "toy_toy-1.0.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("\nVersion", "\nSummary: A toy of \x1b[31mtests\nVersion"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    for columns, shown in ((120, True), (60, False)):
        monkeypatch.setenv("COLUMNS", str(columns))
        result = archsmith("list")
        assert ("SUMMARY" in result.out) is shown
        assert (r"A toy of \x1b[31mtests" in result.out) is shown
