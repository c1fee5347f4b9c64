"""What the registry says about a dozen strangers' plugins, most of them bad ones."""

import subprocess
from textwrap import dedent

import pytest

import archsmith

NAMES = ["broken", "exits", "good", "newer", "off", "prints", "twin", "typo"]
ALL_STATES = {
    "acme-broken broken": "broken",
    "acme-commands greet": "ok",
    "acme-exits exits": "broken",
    "acme-extension good.acme": "ok",
    "acme-good good": "ok",
    "acme-newer newer": "incompatible",
    "acme-off off": "disabled",
    "acme-prints prints": "broken",
    "acme-sulk sulk": "ok",
    "acme-twin-a twin": "conflicting",
    "acme-twin-b twin": "conflicting",
    "acme-typo typo": "ok",
}


def broken(distribution, cause):
    remedy = f"Run: pip install --upgrade {distribution} (or: pip uninstall {distribution})"
    return "PluginBroken", f"{distribution} 1.0 is broken: {cause} {remedy}"


REFUSALS = {
    "broken": broken(
        "acme-broken", "acme_broken.plugin: ModuleNotFoundError: No module named 'acme_is_not_installed'."
    ),
    "exits": broken("acme-exits", "acme_exits.plugin: SystemExit: not on my watch."),
    "newer": (
        "PluginIncompatible",
        (
            f"acme-newer 1.0 asks for archsmith>=99, but archsmith {archsmith.__version__} is installed. "
            "Run: pip install --upgrade archsmith acme-newer"
        ),
    ),
    "off": (
        "PluginDisabled",
        "acme-off 1.0 is switched off by ARCHSMITH_DISABLE. Remove acme-off from ARCHSMITH_DISABLE",
    ),
    "prints": broken(
        "acme-prints",
        "acme_prints.plugin: it must not print while it is loaded, but printed 'welcome to acme\\n'.",
    ),
    "twin": (
        "PluginConflict",
        (
            "model_type 'twin' is claimed by 2 distributions: acme-twin-a 1.0, acme-twin-b 1.0. "
            "Uninstall all but one, or pin one: archsmith pin twin acme-twin-a"
        ),
    ),
    "typo": broken("acme-typo", "acme_typo.model: it has no 'TypoModle'. Did you mean 'TypoModel'?"),
}


def test_importing_archsmith_runs_no_plugin(run):
    program = """
        import archsmith, archsmith.config, archsmith.errors, archsmith.plugin, archsmith.registry
        import importlib.util
        answer = [importlib.util.find_spec("torch"), archsmith.__all__ == []]
        """
    assert run.python(program) == [None, False]
    assert run.imported() == set()


def test_listing_survives_them_all_and_runs_none(run):
    program = """
        from archsmith.registry import registry
        states = {f"{entry.distribution} {entry.name}": entry.state for entry in registry.entries()}
        answer = [registry.names(), states, registry.index.problems, registry.index.notes]
        """
    names, states, problems, notes = run.python(program, ARCHSMITH_DISABLE="acme-off")
    assert names == NAMES
    assert states == {name: "ok" if state == "broken" else state for name, state in ALL_STATES.items()}
    assert (problems, notes) == ([], [])
    assert run.imported() == set()


def test_loading_survives_them_all(run):
    program = """
        from archsmith.registry import registry
        registry.load_all()
        answer = {f"{entry.distribution} {entry.name}": entry.state for entry in registry.entries()}
        """
    assert run.python(program, ARCHSMITH_DISABLE="acme-off") == ALL_STATES
    packages = {name.partition(".")[0] for name in run.imported()}
    loaded = {"acme_broken", "acme_exits", "acme_extension", "acme_good", "acme_prints", "acme_typo"}
    assert packages == loaded
    assert {name for name in run.imported() if "." in name} == {f"{package}.plugin" for package in loaded}


def test_each_cause_is_named(run):
    program = """
        from archsmith.errors import ArchsmithError
        from archsmith.registry import registry
        answer = {}
        for name in registry.names():
            try:
                registry.load(name, "models.base")
            except ArchsmithError as error:
                answer[name] = [type(error).__name__, str(error)]
        """
    answer = run.python(program, ARCHSMITH_DISABLE="acme-off")
    assert answer == {name: list(refusal) for name, refusal in REFUSALS.items()}


def test_one_is_used_and_no_other_runs(run):
    program = """
        from archsmith import GoodConfig, GoodModel
        from archsmith.registry import registry
        config = GoodConfig(hidden_size=16)
        answer = [config.hidden_size, GoodModel.__module__, registry.provenance(GoodConfig)["plugin"]]
        assert registry.load("good", "config") is GoodConfig
        """
    assert run.python(program) == [16, "acme_good.model", "acme-good"]
    assert {name.partition(".")[0] for name in run.imported()} == {"acme_good", "acme_extension"}


def test_an_extension(run):
    program = """
        from archsmith.registry import registry
        answer = [sorted(registry.tasks("good")), registry.load("good", "models.acme-task").__module__]
        """
    assert run.python(program) == [["acme-task", "base"], "acme_extension.model"]


def test_a_command(run):
    program = """
        from archsmith.errors import PluginBroken
        from archsmith.registry import registry
        answer = [type(registry.command("greet")).__name__]
        try:
            registry.command("sulk")
        except PluginBroken as error:
            answer.append(str(error))
        """
    answer = ["Typer", broken("acme-sulk", "acme_sulk.sulk: SystemExit: 3.")[1]]
    assert run.python(program) == answer


def test_a_pin_settles_the_conflict(run):
    program = """
        from archsmith.registry import registry
        answer = registry.load("twin", "config").__module__
        """
    assert run.python(program, ARCHSMITH_PIN="twin=acme-twin-b") == "acme_twin_b.config"


def test_only_the_listed_ones(run):
    program = """
        from archsmith.registry import registry
        answer = [entry.distribution for entry in registry.entries() if entry.state == "ok" and entry.kind != "command"]
        """
    assert run.python(program, ARCHSMITH_PLUGINS="ACME.good") == ["acme-good"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("BrokenConfig", "BrokenConfig cannot be imported: acme-broken 1.0 is broken: acme_broken.plugin: "),
        ("NewerConfig", "NewerConfig cannot be imported: acme-newer 1.0 asks for archsmith>=99, but archsmith "),
        ("TwinModel", "TwinModel cannot be imported: model_type 'twin' is claimed by 2 distributions: "),
        (
            "BertModel",
            "BertModel belongs to 'bert', which no installed plugin provides. Run: pip install archsmith-bert",
        ),
        ("Nonsense", "cannot import name 'Nonsense' from 'archsmith'"),
    ],
)
def test_import_errors(run, name, message):
    program = f"""
        try:
            from archsmith import {name}
        except ImportError as error:
            answer = str(error)
        """
    assert run.python(program).startswith(message)


def test_a_plugin_is_found_without_a_restart(run):
    program = """
        from archsmith.registry import registry
        from archsmith.errors import UnknownArchitecture
        try:
            registry.get("late")
        except UnknownArchitecture as error:
            print(error, flush=True)
        input()
        from archsmith import LateConfig
        print(registry.get("late").config, LateConfig.__name__, flush=True)
        """
    command = [run.environment.python, "-I", "-c", dedent(program)]
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=run.variables({}), **streams) as process:
        assert process.stdout.readline() == (
            f"No installed plugin provides model_type 'late'. Installed: {', '.join(NAMES)}.\n"
        )
        run.environment.pip("install", "--no-deps", "--no-index", run.environment.late)
        try:
            rest, _ = process.communicate("\n", timeout=60)
        finally:
            run.environment.pip("uninstall", "-y", "acme-late")
    assert rest == "acme_late.config:LateConfig LateConfig\n"
    assert run.python("from archsmith.registry import registry; answer = registry.names()") == NAMES
