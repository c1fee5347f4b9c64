"""The same plugins as the command line shows them: ``archsmith list``, ``doctor``, and the plugins' own verbs."""

import json

import pytest

OFF = {"ARCHSMITH_DISABLE": "acme-off"}
TWINS = {"acme-twin-a": "conflicting", "acme-twin-b": "conflicting"}
BY_METADATA = TWINS | {"acme-newer": "incompatible", "acme-off": "disabled"}
BY_LOADING = BY_METADATA | {"acme-broken": "broken", "acme-exits": "broken", "acme-prints": "broken"}
BY_DOCTOR = BY_LOADING | {"acme-sulk": "broken", "acme-typo": "broken"}
CAUSES = (
    "acme-broken 1.0 is broken: acme_broken.plugin: ModuleNotFoundError: No module named 'acme_is_not_installed'.",
    "acme-exits 1.0 is broken: acme_exits.plugin: SystemExit: not on my watch.",
    "acme-prints 1.0 is broken: acme_prints.plugin: it must not print while it is loaded, but printed 'welcome",
    "acme-sulk 1.0 is broken: acme_sulk.sulk: SystemExit: 3.",
    "acme-typo 1.0 is broken: acme_typo.model: it has no 'TypoModle'. Did you mean 'TypoModel'?",
    "model_type 'twin' is claimed by 2 distributions: acme-twin-a 1.0, acme-twin-b 1.0.",
    "acme-newer 1.0 asks for archsmith>=99, but archsmith ",
)


def troubled(rows):
    return {row["distribution"]: row["state"] for row in rows if row["state"] != "ok"}


def test_list_runs_no_plugin(run):
    done = run.archsmith("list", "--json", **OFF)
    assert (done.returncode, done.stderr) == (0, "")
    assert troubled(json.loads(done.stdout)["architectures"]) == BY_METADATA
    plain = run.archsmith("list", **OFF)
    assert (plain.returncode, plain.stderr) == (0, "")
    assert all(name in plain.stdout for name in ("good", "acme-twin-a", "acme-broken", "incompatible"))
    assert run.imported() == set()


def test_list_with_tasks_survives_them_all(run):
    done = run.archsmith("list", "--tasks", "--json", **OFF)
    assert (done.returncode, done.stderr) == (0, "")
    rows = json.loads(done.stdout)["architectures"]
    assert troubled(rows) == BY_LOADING
    assert {row["model_type"]: row["tasks"] for row in rows}["good"] == ["acme-task", "base"]


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_doctor_names_each_cause(run, options):
    done = run.archsmith("doctor", *options, **OFF)
    assert (done.returncode, done.stderr) == (1, "")
    if options:
        report = json.loads(done.stdout)
        assert troubled(report["plugins"]) == BY_DOCTOR
        text = "\n".join(problem["problem"] for problem in report["problems"])
    else:
        text = done.stdout
    for cause in CAUSES:
        assert cause in text


def test_a_plugins_verb(run):
    done = run.archsmith("greet", "--name", "acme")
    assert (done.returncode, done.stdout, done.stderr) == (0, "hello, acme\n", "")
    assert {name.partition(".")[0] for name in run.imported()} == {"acme_commands"}


def test_a_plugins_broken_verb_is_found_at_use(run):
    done = run.archsmith("--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\nFrom plugins:\n  greet\n  sulk   acme-sulk 1.0 is broken: acme_sulk.sulk: SystemExit: 3.\n" in done.stdout
    assert {name.partition(".")[0] for name in run.imported()} == {"acme_commands", "acme_sulk"}
    done = run.archsmith("sulk")
    assert done.returncode not in (0, 3)
    assert done.stdout == ""
    assert "acme-sulk 1.0 is broken: acme_sulk.sulk: SystemExit: 3." in done.stderr
    assert "Traceback" not in done.stderr
