import importlib
import inspect
import os
import pickle
import sys
import threading
import warnings
from textwrap import dedent

import pytest

import archsmith
import archsmith.registry.base
from archsmith.errors import (
    ArchsmithWarning,
    ClassNotAvailable,
    ClassNotFound,
    PluginBroken,
    PluginConflict,
    PluginDisabled,
    PluginError,
    PluginIncompatible,
    UnknownArchitecture,
    UnknownTask,
)
from archsmith.registry import Export, Registry
from archsmith.registry.installed import Kind, State


@pytest.fixture
def registry(site, monkeypatch) -> Registry:
    """A fresh registry over the pretended site, which is also the one behind ``from archsmith import …``."""
    fresh = Registry()
    monkeypatch.setattr(archsmith.registry.base, "registry", fresh)
    return fresh


def message_of(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is error
    return str(caught.value)


def loaded(prefix="toy_"):
    return {name for name in sys.modules if name.startswith(prefix)}


# ---- the way that goes well ---------------------------------------------------------------------------------


def test_nothing_installed(registry):
    assert registry.names() == []
    assert registry.entries() == []
    assert registry.identify({}) is None
    registry.load_all()


def test_only_what_is_asked_for_is_imported(site, registry):
    site.install("toy")
    site.install("other")
    assert registry.names() == ["other", "toy"]
    assert [str(entry) for entry in registry.entries(Kind.ARCHITECTURE)] == ["toy-other 1.0", "toy-toy 1.0"]
    assert loaded() == set()
    assert registry.get("toy").config == "toy_toy.config:ToyConfig"
    assert loaded() == {"toy_toy", "toy_toy.plugin"}
    assert registry.load("toy", "config").__name__ == "ToyConfig"
    assert loaded() == {"toy_toy", "toy_toy.plugin", "toy_toy.config"}
    assert registry.load("toy", "models.masked-lm").__name__ == "ToyForMaskedLM"
    assert loaded() == {"toy_toy", "toy_toy.plugin", "toy_toy.config", "toy_toy.model"}


def test_load_all(site, registry):
    site.install("toy")
    site.install("bad", manifest="1 / 0")
    registry.load_all()
    assert {entry.name: entry.state for entry in registry.entries()} == {"toy": State.OK, "bad": State.BROKEN}


def test_tasks_and_missing_parts(site, registry):
    site.install("toy")
    (owner,) = registry.entries()
    assert registry.tasks("toy") == {
        "base": Export(owner, "toy_toy.model:ToyModel"),
        "masked-lm": Export(owner, "toy_toy.model:ToyForMaskedLM"),
    }
    assert message_of(UnknownTask, registry.load, "toy", "models.masked-ml") == (
        "'toy' (toy-toy 1.0) has no model for the task 'masked-ml'. It has: base, masked-lm. Did you mean 'masked-lm'?"
    )
    assert (
        message_of(UnknownTask, registry.load, "toy", "image_processor")
        == "'toy' (toy-toy 1.0) has no image processor."
    )


def test_a_name_that_needs_no_class_loads_no_class(site, registry):
    package = site.install("toy")
    site.write(f"{package}/model.py", "1 / 0")
    assert set(registry.tasks("toy")) == {"base", "masked-lm"}
    assert message_of(PluginBroken, registry.load, "toy", "models.base") == (
        "toy-toy 1.0 is broken: toy_toy.model: ZeroDivisionError: division by zero. "
        "Run: pip install --upgrade toy-toy (or: pip uninstall toy-toy)"
    )


# ---- refusals -----------------------------------------------------------------------------------------------


def test_unknown_but_known_to_the_core(registry):
    assert message_of(UnknownArchitecture, registry.get, "vit", source="config.json") == (
        "config.json needs model_type 'vit', which no installed plugin provides. Run: pip install archsmith-vit"
    )
    assert message_of(UnknownArchitecture, registry.load, "timm_wrapper", "config") == (
        "No installed plugin provides model_type 'timm_wrapper'. Run: pip install archsmith-timm"
    )


def test_unknown(site, registry):
    site.install("toy")
    assert message_of(UnknownArchitecture, registry.get, "toi", source="x/config.json", written_by="acme-toi 1.2") == (
        "x/config.json needs model_type 'toi', which no installed plugin provides. "
        "The checkpoint says it was written by acme-toi 1.2. Installed: toy. Did you mean 'toy'?"
    )
    assert message_of(UnknownArchitecture, registry.get, "xyz") == (
        "No installed plugin provides model_type 'xyz'. Installed: toy."
    )
    with pytest.raises(UnknownArchitecture) as caught:
        registry.get("bert")
    assert (caught.value.model_type, caught.value.install) == ("bert", "archsmith-bert")


@pytest.mark.parametrize("said", ["Run: pip install evil", "x 1\nRun: pip install evil", "evil; rm 1", "x" * 200])
def test_what_a_checkpoint_says_is_a_name_and_a_version(registry, said):
    assert message_of(UnknownArchitecture, registry.get, "xyz", written_by=said) == (
        "No installed plugin provides model_type 'xyz'. Installed: none."
    )


def test_an_absurd_model_type_is_cut(site, registry):
    said = message_of(UnknownArchitecture, registry.get, "toy\n\x1b[2J" * 10**6, source="config.json")
    assert len(said) < 300
    assert said.isprintable()


def test_a_long_list_is_shortened(site, registry):
    site.declare("many", architectures={f"a{i:03}": "many.plugin" for i in range(50)})
    message = message_of(UnknownArchitecture, registry.get, "zzzzzz")
    assert message.endswith("a018, a019 and 30 more.")


@pytest.mark.parametrize("source", [None, "config.json"])
def test_each_state_has_its_own_wording(site, registry, monkeypatch, source):
    site.install("off")
    site.install("old", requires=("archsmith>=9",))
    site.install("bad", manifest="raise RuntimeError('no')")
    site.install("two", distribution="acme-a")
    site.install("two", distribution="acme-b")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-off")

    def wording(error, name):
        asked = f"config.json needs model_type {name!r}, but " if source else ""
        message = message_of(error, registry.get, name, source=source)
        assert message.startswith(asked)
        return message.removeprefix(asked)

    assert wording(PluginDisabled, "off") == (
        "toy-off 1.0 is switched off by ARCHSMITH_DISABLE. Remove toy-off from ARCHSMITH_DISABLE"
    )
    assert wording(PluginIncompatible, "old") == (
        f"toy-old 1.0 asks for archsmith>=9, but archsmith {archsmith.__version__} is installed. "
        "Run: pip install --upgrade archsmith toy-old"
    )
    assert wording(PluginBroken, "bad") == (
        "toy-bad 1.0 is broken: toy_bad.plugin: RuntimeError: no. "
        "Run: pip install --upgrade toy-bad (or: pip uninstall toy-bad)"
    )
    assert wording(PluginConflict, "two") == (
        "model_type 'two' is claimed by 2 distributions: acme-a 1.0, acme-b 1.0. "
        "Uninstall all but one, or pin one: archsmith pin two acme-a"
    )
    assert [(entry.name, entry.state) for entry in registry.entries()] == [
        ("bad", State.BROKEN),
        ("off", State.DISABLED),
        ("old", State.INCOMPATIBLE),
        ("two", State.CONFLICTING),
        ("two", State.CONFLICTING),
    ]


def test_a_refusal_carries_the_facts(site, registry):
    site.install("two", distribution="acme-a")
    site.install("two", distribution="acme-b")
    with pytest.raises(PluginConflict) as caught:
        registry.get("two")
    assert caught.value.distributions == ("acme-a 1.0", "acme-b 1.0")
    site.install("bad", manifest="1 / 0")
    for _ in range(2):
        with pytest.raises(PluginBroken) as caught:
            registry.get("bad")
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        assert len(caught.traceback) < 10


def test_the_pinned_distribution_decides_about_the_message(site, registry, monkeypatch):
    site.install("two", distribution="acme-a")
    site.install("two", distribution="acme-b")
    monkeypatch.setenv("ARCHSMITH_PIN", "two=acme-b")
    assert registry.load("two", "config").__module__ == "acme_b.config"
    monkeypatch.setenv("ARCHSMITH_DISABLE", "acme-b")
    assert message_of(PluginDisabled, registry.get, "two").startswith("acme-b 1.0 is switched off")


def test_a_change_of_the_variables_is_noticed(site, registry, monkeypatch):
    site.install("toy")
    assert registry.get("toy")
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "other-plugin")
    with pytest.warns(ArchsmithWarning, match=r"^ARCHSMITH_PLUGINS names 'other-plugin', which is not an installed"):
        assert registry.entries()[0].state is State.DISABLED
    monkeypatch.delenv("ARCHSMITH_PLUGINS")
    assert registry.get("toy")


def test_a_problem_is_announced_once(registry, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "nobody")
    with pytest.warns(ArchsmithWarning, match="nobody") as said:
        assert registry.names() == []
    assert [each.filename for each in said] == [__file__]
    registry.refresh()
    assert registry.index.problems == ("ARCHSMITH_DISABLE names 'nobody', which is not an installed plugin.",)


def test_registration_is_all_or_nothing(site, registry):
    site.declare("toy", architectures={"one": "toy_two.first", "two": "toy_two.second"})
    for module, name in (("first", "one"), ("second", "other")):
        record = f'Architecture(model_type="{name}", config="toy_two.config:{name.capitalize()}Config")'
        imports = "from archsmith.plugin import Architecture, hookimpl\n"
        site.write(f"toy_two/{module}.py", f"{imports}@hookimpl\ndef architectures():\n    yield {record}\n")
    assert message_of(PluginBroken, registry.get, "one") == (
        "toy 1.0 is broken: toy_two.second: the entry point names 'two', but architectures() yields 'other'. "
        "Run: pip install --upgrade toy (or: pip uninstall toy)"
    )
    assert {entry.state for entry in registry.entries()} == {State.BROKEN}


# ---- what changes while the process runs --------------------------------------------------------------------


def test_a_plugin_installed_later_is_found(site, registry):
    assert registry.names() == []
    message_of(UnknownArchitecture, registry.get, "toy")
    site.install("toy")
    assert registry.get("toy").model_type == "toy"
    assert registry.names() == ["toy"]


def test_a_class_of_a_plugin_installed_later_is_found(site, registry):
    message_of(AttributeError, registry.find_class, "ToyConfig")
    site.install("toy")
    assert registry.find_class("ToyConfig").__module__ == "toy_toy.config"


def test_a_conflict_that_was_settled_is_gone(site, registry):
    site.install("toy", distribution="acme-a")
    info = site.root / "acme_b-1.0.dist-info"
    site.install("toy", distribution="acme-b")
    message_of(PluginConflict, registry.get, "toy")
    for file in info.iterdir():
        file.unlink()
    info.rmdir()
    assert registry.load("toy", "config").__module__ == "acme_a.config"


def test_a_broken_plugin_stays_broken_until_it_is_repaired(site, registry, manifest_of):
    package = site.install("toy", manifest="print('hello')\n" + manifest_of("toy_toy", "toy"))
    for _ in range(2):
        message_of(PluginBroken, registry.get, "toy")
    message_of(UnknownArchitecture, registry.get, "xyz")  # looks again, and must not change what is known
    message_of(PluginBroken, registry.get, "toy")
    registry.refresh()
    message_of(PluginBroken, registry.get, "toy")  # it prints again
    site.write(f"{package}/plugin.py", manifest_of("toy_toy", "toy") + "# repaired\n")
    registry.refresh()
    assert registry.get("toy")


def test_another_version_of_a_broken_plugin_gets_its_chance(site, registry, manifest_of):
    package = site.install("toy", manifest="x = 1")
    message_of(PluginBroken, registry.get, "toy")
    (site.root / "toy_toy-1.0.dist-info").rename(site.root / "toy_toy-1.1.dist-info")
    metadata = site.root / "toy_toy-1.1.dist-info" / "METADATA"
    metadata.write_text(metadata.read_text().replace("Version: 1.0", "Version: 1.1"))
    site.write(f"{package}/plugin.py", manifest_of("toy_toy", "toy"))
    assert registry.get("toy")


def test_what_is_loaded_stays_loaded(site, registry):
    site.install("toy")
    before = registry.load("toy", "config")
    registry.refresh()
    assert registry.load("toy", "config") is before


# ---- extensions ---------------------------------------------------------------------------------------------


def extend(site, distribution="toy-more", *, model_type="toy", task="more", source=None):
    package = distribution.replace("-", "_")
    site.declare(distribution, extensions={f"{model_type}.{package}": f"{package}.plugin"})
    manifest = f"""
        from archsmith.plugin import Extension, hookimpl

        @hookimpl
        def extensions():
            yield Extension(model_type="{model_type}", models={{"{task}": "{package}.model:ToyForMore"}})
        """
    site.write(f"{package}/plugin.py", dedent(manifest) if source is None else source)
    site.write(f"{package}/model.py", "class ToyForMore:\n    pass\n")


def test_an_extension_adds_a_task(site, registry):
    site.install("toy")
    extend(site)
    assert list(registry.tasks("toy")) == ["base", "masked-lm", "more"]
    assert str(registry.tasks("toy")["more"].entry) == "toy-more 1.0"
    assert registry.load("toy", "models.more").__module__ == "toy_more.model"
    assert registry.find_class("ToyForMore") is registry.load("toy", "models.more")


def test_an_extension_does_not_override(site, registry):
    site.install("toy")
    extend(site, task="base")
    assert str(registry.tasks("toy")["base"].entry) == "toy-toy 1.0"
    assert registry.load("toy", "models.masked-lm").__module__ == "toy_toy.model"
    assert message_of(PluginConflict, registry.load, "toy", "models.base") == (
        "task 'base' of 'toy' is provided by toy-toy 1.0 and by the extension toy-more 1.0. "
        "Uninstall one, or switch it off: archsmith disable toy-more"
    )


def test_two_extensions_with_one_task(site, registry):
    site.install("toy")
    extend(site)
    extend(site, "toy-most")
    assert message_of(PluginConflict, registry.load, "toy", "models.more") == (
        "task 'more' of 'toy' is provided by toy-more 1.0 and by the extension toy-most 1.0. "
        "Uninstall one, or switch it off: archsmith disable toy-most"
    )


def test_a_broken_extension_does_not_take_the_architecture_with_it(site, registry):
    site.install("toy")
    extend(site, source="1 / 0")
    assert registry.load("toy", "models.base").__name__ == "ToyModel"
    assert message_of(UnknownTask, registry.load, "toy", "models.more") == (
        "'toy' (toy-toy 1.0) has no model for the task 'more'. It has: base, masked-lm. "
        "Not asked: toy-more 1.0 is broken: toy_more.plugin: ZeroDivisionError: division by zero."
    )


def test_an_extension_without_its_architecture(site, registry):
    extend(site, model_type="bert")
    assert registry.names() == []
    message = "No installed plugin provides model_type 'bert'. Run: pip install archsmith-bert"
    assert message_of(UnknownArchitecture, registry.tasks, "bert") == message
    assert message_of(UnknownArchitecture, registry.load, "bert", "models.more") == message


# ---- commands -----------------------------------------------------------------------------------------------


def test_a_command_is_imported_when_it_is_asked_for(site, registry):
    site.declare("toy-play", commands={"play": "toy_play.cli:app"})
    site.write("toy_play/cli.py", "app = object()\n")
    (entry,) = registry.entries(Kind.COMMAND)
    assert (entry.name, entry.module, str(entry)) == ("play", "toy_play.cli:app", "toy-play 1.0")
    registry.load_all()
    assert loaded() == set()
    assert registry.command("play") is sys.modules["toy_play.cli"].app


def test_refused_commands(site, registry, monkeypatch):
    site.declare("toy-a", commands={"play": "toy_a.cli:app", "exit": "toy_a.exit:app", "typo": "toy_a.cli:ap"})
    site.declare("toy-b", commands={"play": "toy_b.cli:app"})
    site.declare("toy-old", commands={"old": "toy_old.cli:app"}, requires=("archsmith>=9",))
    site.write("toy_a/cli.py", "app = object()\n")
    site.write("toy_a/exit.py", "raise SystemExit(3)\n")
    remedy = "Run: pip install --upgrade toy-a (or: pip uninstall toy-a)"
    assert message_of(PluginError, registry.command, "pley") == (
        "No installed plugin provides the command 'pley'. Installed: exit, old, play, typo. Did you mean 'play'?"
    )
    assert message_of(PluginConflict, registry.command, "play") == (
        "command 'play' is claimed by 2 distributions: toy-a 1.0, toy-b 1.0. "
        "Uninstall all but one, or pin one: archsmith pin play toy-a"
    )
    assert message_of(PluginIncompatible, registry.command, "old") == (
        f"toy-old 1.0 asks for archsmith>=9, but archsmith {archsmith.__version__} is installed. "
        "Run: pip install --upgrade archsmith toy-old"
    )
    for _ in range(2):
        message = message_of(PluginBroken, registry.command, "exit")
        assert message == f"toy-a 1.0 is broken: toy_a.exit: SystemExit: 3. {remedy}"
    message = message_of(PluginBroken, registry.command, "typo")
    assert message == f"toy-a 1.0 is broken: toy_a.cli: it has no 'ap'. Did you mean 'app'? {remedy}"
    broken = {entry.name for entry in registry.entries(Kind.COMMAND) if entry.state is State.BROKEN}
    assert broken == {"exit", "typo"}
    monkeypatch.setenv("ARCHSMITH_PIN", "play=toy-a")
    assert registry.command("play") is sys.modules["toy_a.cli"].app


# ---- identify -----------------------------------------------------------------------------------------------


def identifying(body):
    return f"\n@hookimpl\ndef identify(config):\n    {body}\n"


def install_identifying(site, manifest_of, model_type, body):
    site.install(model_type, manifest=manifest_of(f"toy_{model_type}", model_type) + identifying(body))


def test_identify_takes_the_first_answer_by_name(site, registry, manifest_of):
    install_identifying(site, manifest_of, "b", "return 'b'")
    install_identifying(site, manifest_of, "a", "return 'a' if 'a' in config else None")
    site.install("bad", manifest="1 / 0")
    site.install("silent")
    assert registry.identify({}) == "b"
    assert registry.identify({"a": 1}) == "a"


def test_identify_can_not_change_the_config(site, registry, manifest_of):
    install_identifying(site, manifest_of, "a", "config['nested']['x'] = 2; config['y'] = 3")
    config = {"nested": {"x": 1}}
    assert registry.identify(config) is None
    assert config == {"nested": {"x": 1}}


@pytest.mark.parametrize(
    ("body", "warning"),
    [
        ("1 / 0", "toy-a 1.0: its identify() failed: ZeroDivisionError: division by zero."),
        ("raise SystemExit(2)", "toy-a 1.0: its identify() failed: SystemExit: 2."),
        ("return 42", "toy-a 1.0: its identify() answered 42, which is not a model_type of this plugin."),
        ("return ['a']", "toy-a 1.0: its identify() answered ['a'], which is not a model_type of this plugin."),
        ("return 'b'", "toy-a 1.0: its identify() answered 'b', which is not a model_type of this plugin."),
    ],
)
def test_an_identify_that_fails_or_answers_nonsense(site, registry, manifest_of, body, warning):
    install_identifying(site, manifest_of, "a", body)
    install_identifying(site, manifest_of, "b", "return 'b'")
    with pytest.warns(ArchsmithWarning) as caught:
        assert registry.identify({}) == "b"
    assert [(str(each.message), each.filename) for each in caught] == [(warning, __file__)]


def test_identify_lets_a_keyboard_interrupt_pass(site, registry, manifest_of):
    install_identifying(site, manifest_of, "a", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        registry.identify({})


def test_a_disabled_plugin_is_not_asked(site, registry, manifest_of, monkeypatch):
    install_identifying(site, manifest_of, "a", "return 'a'")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-a")
    assert registry.identify({}) is None
    assert loaded() == set()


def test_an_announcement_points_past_a_plugin(site, registry, manifest_of):
    package = site.install("toy")
    site.write(
        f"{package}/config.py",
        "from archsmith.messages import announce\n\n"
        "class ToyConfig:\n    def __init__(self):\n        announce('new weights')\n",
    )
    with pytest.warns(ArchsmithWarning, match="new weights") as said:
        registry.load("toy", "config")()
    assert [each.filename for each in said] == [__file__]


# ---- provenance ---------------------------------------------------------------------------------------------


def test_provenance(site, registry):
    site.install("toy", distribution="Acme.Toy", version="1.2rc1")
    (site.root / "Acme.Toy").rename(site.root / "Acme_Toy")
    config = type("ToyConfig", (), {"__module__": "Acme.Toy.config"})
    assert registry.provider(config).distribution == "Acme.Toy"
    assert registry.provenance(config) == {
        "version": archsmith.__version__,
        "plugin": "Acme.Toy",
        "plugin_version": "1.2rc1",
    }
    assert registry.provenance(dict) == {"version": archsmith.__version__}
    assert registry.provenance(Registry) == {"version": archsmith.__version__}


def test_distributions_that_share_a_package(site, registry):
    site.declare("acme-a", architectures={"a": "acme.a.plugin"})
    site.declare("acme-b", architectures={"b": "acme.b.plugin"})
    for part in "ab":
        config = type("Config", (), {"__module__": f"acme.{part}.config"})
        assert registry.provenance(config)["plugin"] == f"acme-{part}"


def test_a_command_is_no_provider(site, registry):
    site.declare("toy-play", commands={"play": "toy_play.cli:app"})
    assert registry.provider(type("X", (), {"__module__": "toy_play.cli"})) is None


# ---- from archsmith import X --------------------------------------------------------------------------------


def test_from_archsmith_import(site, registry):
    site.install("toy")
    from archsmith import ToyConfig, ToyModel

    assert ToyConfig is importlib.import_module("toy_toy.config").ToyConfig
    assert ToyModel is importlib.import_module("toy_toy.model").ToyModel


def test_the_prefix_decides_first(site, registry):
    site.install("toy")
    site.install("other")
    assert registry.find_class("ToyConfig").__module__ == "toy_toy.config"
    assert "toy_other.plugin" not in sys.modules


def test_all_plugins_are_asked_next(site, registry, manifest_of):
    source = manifest_of("toy_x", "x").replace("toy_x.config:XConfig", "toy_x.config:SomethingElse")
    package = site.install("x", manifest=source)
    site.write(f"{package}/config.py", "class SomethingElse:\n    pass\n")
    assert registry.find_class("SomethingElse").__module__ == "toy_x.config"


def test_separators_do_not_count_in_the_prefix(site, registry, manifest_of):
    source = manifest_of("toy_my_toy", "my_toy").replace("My_toy", "MyToy")
    package = site.install("my_toy", manifest=source)
    site.write(f"{package}/config.py", "class MyToyConfig:\n    pass\n")
    site.install("other")
    assert registry.find_class("MyToyConfig").__module__ == "toy_my_toy.config"
    assert "toy_other.plugin" not in sys.modules


def test_two_owners(site, registry, manifest_of):
    for name in ("xa", "xb"):
        site.install(name, manifest=manifest_of(f"toy_{name}", name).replace(f"{name.capitalize()}Model", "Shared"))
    assert message_of(ClassNotAvailable, registry.find_class, "Shared") == (
        "Shared is exported by toy-xa 1.0 (toy_xa.model:Shared) and toy-xb 1.0 (toy_xb.model:Shared). "
        "Import it from the package that you mean, or switch one off: archsmith disable"
    )
    with pytest.raises(ImportError, match=r"toy-xa 1\.0 .* and toy-xb 1\.0"):
        from archsmith import Shared  # noqa: F401


def test_one_class_under_two_entries_is_one_owner(site, registry):
    site.declare("toy", architectures={"one": "toy_two.plugin", "two": "toy_two.plugin"})
    manifest = """
        from archsmith.plugin import Architecture, hookimpl

        @hookimpl
        def architectures():
            for name in ("one", "two"):
                yield Architecture(model_type=name, config="toy_two.config:SharedConfig")
        """
    site.write("toy_two/plugin.py", manifest)
    site.write("toy_two/config.py", "class SharedConfig:\n    pass\n")
    assert registry.find_class("SharedConfig").__module__ == "toy_two.config"


def test_a_class_of_a_known_plugin_that_is_not_installed(registry):
    assert message_of(ClassNotFound, getattr, archsmith, "DistilBertForMaskedLM") == (
        "DistilBertForMaskedLM belongs to 'distilbert', which no installed plugin provides. "
        "Run: pip install archsmith-distilbert"
    )
    assert message_of(ClassNotAvailable, registry.find_class, "MaskFormerSwinConfig") == (
        "MaskFormerSwinConfig belongs to 'maskformer-swin', which no installed plugin provides. "
        "Run: pip install archsmith-maskformer"
    )


@pytest.mark.parametrize(
    ("state", "disabled", "declared", "message"),
    [
        ("broken", "", {"manifest": "1 / 0"}, "toy-toy 1.0 is broken: toy_toy.plugin: ZeroDivisionError: division by"),
        ("disabled", "toy-toy", {}, "toy-toy 1.0 is switched off by ARCHSMITH_DISABLE. Remove toy-toy from"),
        ("incompatible", "", {"requires": ("archsmith>=9",)}, "toy-toy 1.0 asks for archsmith>=9, but archsmith "),
    ],
)
def test_a_class_of_an_unusable_plugin(site, registry, monkeypatch, state, disabled, declared, message):
    monkeypatch.setenv("ARCHSMITH_DISABLE", disabled)
    site.install("toy", **declared)
    found = message_of(ClassNotFound, getattr, archsmith, "ToyForMaskedLM")
    assert found.startswith(f"ToyForMaskedLM cannot be imported: {message}")
    with pytest.raises(ImportError, match="ToyConfig cannot be imported"):
        from archsmith import ToyConfig  # noqa: F401
    assert message_of(ClassNotFound, getattr, archsmith, "Toyland") == (
        "module 'archsmith' has no attribute 'Toyland', and no installed plugin exports it. "
        f"Not asked: toy-toy 1.0 ({state})."
    )


def test_a_class_that_two_distributions_claim(site, registry):
    site.install("toy", distribution="acme-a")
    site.install("toy", distribution="acme-b")
    assert message_of(ClassNotAvailable, registry.find_class, "ToyModel") == (
        "ToyModel cannot be imported: model_type 'toy' is claimed by 2 distributions: acme-a 1.0, acme-b 1.0. "
        "Uninstall all but one, or pin one: archsmith pin toy acme-a"
    )


def test_a_broken_plugin_does_not_hide_the_others(site, registry):
    site.install("bad", manifest="raise SystemExit")
    site.install("toy")
    assert registry.find_class("ToyConfig")


def test_anything_else(site, registry):
    site.install("toy")
    assert message_of(ClassNotFound, getattr, archsmith, "ToyForMaskedML") == (
        "module 'archsmith' has no attribute 'ToyForMaskedML', and no installed plugin exports it. "
        "Did you mean 'ToyForMaskedLM'?"
    )
    assert not hasattr(archsmith, "Nonsense")
    for name in ("toy", "toy_model", "TOY", "Toy_Model"):
        assert message_of(ClassNotFound, getattr, archsmith, name) == f"module 'archsmith' has no attribute {name!r}."
    assert message_of(AttributeError, getattr, archsmith, "__x__") == "module 'archsmith' has no attribute '__x__'"
    with pytest.raises(ImportError, match="cannot import name 'Nonsense'"):
        from archsmith import Nonsense  # noqa: F401


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("ToyModle", "ToyModel"),
        ("TOYModel", "ToyModel"),
        ("Toymodel", "ToyModel"),
        ("AutoTokeniser", "AutoTokenizer"),
        ("autotokenizer", "AutoTokenizer"),
        ("PretrainedConfig", "PreTrainedConfig"),
        ("AutoModelForMaskedLanguageModeling", None),
        ("AutoModelForMaskedLm", "AutoModelForMaskedLM"),
    ],
)
def test_an_import_has_the_hint_that_an_attribute_has(site, registry, wrong, right):
    site.install("toy")
    with pytest.raises(ClassNotAvailable) as refused:
        exec(f"from archsmith import {wrong} as other", {})
    assert str(refused.value).startswith(f"cannot import name {wrong!r} from 'archsmith'")
    with pytest.raises(ClassNotFound) as absent:
        eval(f"archsmith.{wrong}")
    assert not hasattr(archsmith, wrong)
    for error in (refused, absent):
        assert right is None or str(error.value).endswith(f"Did you mean {right!r}?")


def test_a_class_that_cannot_be_had_is_no_attribute_and_a_refused_import(site, registry, manifest_of, monkeypatch):
    site.install("gone")
    site.install("bad", manifest="1 / 0")
    site.install("newer", requires=("archsmith>=9",))
    site.install("twin", distribution="acme-a")
    site.install("twin", distribution="acme-b")
    site.install("empty", manifest=manifest_of("toy_empty", "empty").replace(":EmptyModel", ":NothingModel"))
    package = site.install("optional")
    site.write(
        f"{package}/model.py", "from archsmith.errors import MissingDependency\nraise MissingDependency('no x')\n"
    )
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-gone")
    for name in (
        "GoneModel",
        "BadModel",
        "NewerModel",
        "TwinModel",
        "NothingModel",
        "OptionalModel",
        "DistilBertModel",
    ):
        assert not hasattr(archsmith, name)
        assert getattr(archsmith, name, None) is None
        with pytest.raises(ImportError) as refused:
            exec(f"from archsmith import {name}", {})
        assert isinstance(refused.value, PluginError)
        with pytest.raises(ClassNotFound) as absent:
            getattr(archsmith, name)
        assert str(absent.value) == str(refused.value)
        assert str(pickle.loads(pickle.dumps(absent.value))) == str(refused.value)
    inspect.getmembers(archsmith)


def test_dir_names_the_classes_of_usable_plugins(site, registry, monkeypatch):
    site.install("toy")
    site.install("bad", manifest="1 / 0")
    site.install("gone")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-gone")
    names = dir(archsmith)
    assert {"AutoModel", "AutoModelForMaskedLM", "ToyConfig", "ToyForMaskedLM", "__version__"} <= set(names)
    assert not [name for name in names if "Bad" in name or "Gone" in name]
    assert "toy_toy.config" not in sys.modules
    monkeypatch.setattr(registry, "class_names", lambda: 1 / 0)
    assert "AutoModel" in dir(archsmith)


def test_a_typo_in_a_reference(site, registry, manifest_of):
    site.install("toy", manifest=manifest_of("toy_toy", "toy").replace("model:ToyModel", "model:ToyModle"))
    message = (
        "toy-toy 1.0 is broken: toy_toy.model: it has no 'ToyModle'. Did you mean 'ToyModel'? "
        "Run: pip install --upgrade toy-toy (or: pip uninstall toy-toy)"
    )
    assert message_of(PluginBroken, registry.load, "toy", "models.base") == message
    assert message_of(PluginBroken, registry.find_class, "ToyModle") == message
    assert registry.load("toy", "config")


def test_aliases(site, registry, manifest_of):
    site.install("toy", manifest=manifest_of("toy_toy", "toy", 'aliases={"AncientModel": "ToyModel"},'))
    from archsmith import AncientModel

    assert AncientModel is registry.load("toy", "models.base")
    (entry,) = registry.entries()
    assert registry.exports(entry)["AncientModel"] == "toy_toy.model:ToyModel"


def test_core_names_win(site, registry, manifest_of):
    site.install("toy", manifest=manifest_of("toy_toy", "toy", 'aliases={"ArchsmithError": "ToyModel"},'))
    assert archsmith.ArchsmithError.__module__ == "archsmith.errors"


def test_private_configs_are_nobody_elses(site, registry, manifest_of):
    package = site.install(
        "toy", manifest=manifest_of("toy_toy", "toy", 'private_configs=("toy_toy.detr:DetrConfig",),')
    )
    site.write(f"{package}/detr.py", "class DetrConfig:\n    pass\n")
    assert "DetrConfig" not in registry.exports(registry.entries()[0])
    assert not hasattr(archsmith, "DetrConfig")
    assert registry.names() == ["toy"]
    assert "toy_toy.detr" not in sys.modules


# ---- references to other plugins ----------------------------------------------------------------------------


def borrow(site, manifest_of, name="OtherConfig"):
    site.install("toy", manifest=manifest_of("toy_toy", "toy", f'tokenizer="{name}",'))


def test_a_class_of_another_plugin(site, registry, manifest_of):
    borrow(site, manifest_of)
    site.install("other")
    assert registry.resolve(registry.roles("toy")["tokenizer"]) is registry.load("other", "config")
    assert "OtherConfig" not in registry.exports(registry.entries()[1])


def test_a_class_of_a_plugin_that_is_missing(site, registry, manifest_of):
    borrow(site, manifest_of, "BertTokenizer")
    assert message_of(ClassNotAvailable, registry.load, "toy", "tokenizer") == (
        "toy-toy 1.0 needs a class of another plugin. BertTokenizer belongs to archsmith-wordpiece, which is not "
        "installed. Run: pip install archsmith-wordpiece"
    )
    assert registry.load("toy", "config")


def test_a_class_that_nobody_has(site, registry, manifest_of):
    borrow(site, manifest_of, "Nonsense")
    assert message_of(PluginBroken, registry.load, "toy", "tokenizer") == (
        "toy-toy 1.0 is broken: it refers to 'Nonsense', which no installed plugin exports. "
        "Run: pip install --upgrade toy-toy (or: pip uninstall toy-toy)"
    )


# ---- threads ------------------------------------------------------------------------------------------------


def run_in_threads(*calls):
    """Start all calls at the same moment, one per thread."""
    results, barrier = [], threading.Barrier(len(calls))

    def run(call):
        barrier.wait()
        try:
            results.append(call())
        except Exception as error:
            results.append((type(error), str(error)))

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(results) == len(calls)
    return results


def test_many_threads_get_one_class(site, registry, manifest_of):
    for name in ("toy", "other", "third"):
        slow = f"import time\ntime.sleep(0.05)\n{manifest_of(f'toy_{name}', name)}"
        site.install(name, manifest=slow)
    results = run_in_threads(
        *[lambda: (archsmith.ToyModel, registry.load("other", "config"), registry.get("third"))] * 16
    )
    assert len({(model, config, id(record)) for model, config, record in results}) == 1


@pytest.mark.parametrize("fault", ["print('hello')", "raise SystemExit(1)", "1 / 0"])
def test_many_threads_get_one_cause(site, registry, manifest_of, fault):
    site.install("toy", manifest=f"import time\n{fault}\ntime.sleep(0.05)\n{manifest_of('toy_toy', 'toy')}")
    results = run_in_threads(*[lambda: registry.get("toy")] * 16)
    assert len(set(results)) == 1
    assert results[0][0] is PluginBroken
    assert sys.stdout is not None


def test_threads_that_find_something_new(site, registry):
    registry.names()
    site.install("toy")
    results = run_in_threads(*[lambda: registry.get("toy").model_type] * 16)
    assert results == ["toy"] * 16


def test_a_manifest_that_asks_the_registry(site, registry, manifest_of):
    site.install("toy", manifest="from archsmith import OtherConfig\n" + manifest_of("toy_toy", "toy"))
    site.install("other")
    assert registry.get("toy")
    site.install("loop", manifest="from archsmith import LoopConfig\n" + manifest_of("toy_loop", "loop"))
    assert message_of(PluginBroken, registry.get, "loop").startswith(
        "toy-loop 1.0 is broken: toy_loop.plugin: ClassNotAvailable: cannot import name 'LoopConfig' from 'archsmith'"
    )


def test_a_package_that_asks_the_registry_while_another_thread_loads_its_manifest(site, registry, manifest_of):
    """The import lock of the package and the registry must not wait for each other."""
    package = site.install("toy")
    init = "import time\ntime.sleep(0.1)\nfrom archsmith import OtherConfig\n"
    (site.root / package / "__init__.py").write_text(init)
    site.install("other")
    calls = [lambda: registry.get("toy").model_type, lambda: importlib.import_module(package).__name__]
    results = run_in_threads(*calls * 8)
    assert sorted(results) == ["toy"] * 8 + ["toy_toy"] * 8


# ---- the process --------------------------------------------------------------------------------------------


def test_warnings_as_errors_do_not_break_the_scan(registry, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "nobody")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ArchsmithWarning, match="nobody"):
            registry.names()
    assert registry.names() == []


def test_the_environment_is_read_each_time(site, registry, monkeypatch):
    site.install("toy")
    assert registry.entries()[0].state is State.OK
    monkeypatch.setitem(os.environ, "ARCHSMITH_DISABLE", "toy-toy")
    assert registry.entries()[0].state is State.DISABLED
