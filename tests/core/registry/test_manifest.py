import io
import sys
import threading

import pytest

from archsmith.errors import MissingDependency, PluginBroken
from archsmith.registry.blame import describe
from archsmith.registry.installed import Entry, Kind
from archsmith.registry.manifest import Plugins, load_app, load_class, load_manifest

IMPORTS = "from archsmith.plugin import Architecture, Extension, hookimpl\n"
REMEDY = "Run: pip install --upgrade toy (or: pip uninstall toy)"


def entry(name="toy", module="toy.plugin", kind=Kind.ARCHITECTURE):
    return Entry(kind, name, module, "toy", "1.0")


def load(*entries):
    return load_manifest(Plugins(), entries or (entry(),), io.StringIO())


def cause_of(call, *args):
    """Return the cause that the error names, after checking the rest of its message."""
    with pytest.raises(PluginBroken) as caught:
        call(*args)
    error = caught.value
    assert str(error) == f"{error.reason} {error.remedy}"
    assert error.remedy == REMEDY
    assert error.distributions == ("toy 1.0",)
    assert error.__cause__ is not None
    return error.reason.removeprefix("toy 1.0 is broken: ")


def architectures(*records):
    yields = "".join(f"    yield {record}\n" for record in records)
    return f"{IMPORTS}\n@hookimpl\ndef architectures():\n{yields}"


TOY = 'Architecture(model_type="toy", config="toy.config:ToyConfig")'
OTHER = 'Architecture(model_type="other", config="toy.config:OtherConfig")'
SOUND = architectures(TOY)
MORE = 'Extension(model_type="bert", models={"more": "toy.model:BertForMore"})'


def test_a_sound_manifest(site, manifest_of):
    site.write("toy/plugin.py", manifest_of("toy", "toy"))
    manifest = load()
    (record,) = manifest.of(entry())
    assert record.config == "toy.config:ToyConfig"
    assert manifest.records[Kind.EXTENSION] == manifest.records[Kind.PROCESSOR] == []
    assert manifest.identify({}) is None
    assert manifest.exports(entry()).keys() == {"ToyConfig", "ToyModel", "ToyForMaskedLM"}
    assert "toy.config" not in sys.modules


def test_a_list_is_as_good_as_a_generator(site):
    site.write("toy/plugin.py", f"{IMPORTS}\n@hookimpl\ndef architectures():\n    return [{TOY}]\n")
    assert load().names(Kind.ARCHITECTURE) == ["toy"]


def test_one_module_serves_several_entry_points(site):
    source = architectures(TOY, OTHER) + f"\n@hookimpl\ndef extensions():\n    yield {MORE}\n"
    site.write("toy/plugin.py", source)
    more = entry("bert.more", kind=Kind.EXTENSION)
    manifest = load(entry("other"), entry(), more)
    assert manifest.names(Kind.ARCHITECTURE) == ["toy", "other"]
    assert manifest.references(more) == {"models.more": "toy.model:BertForMore"}
    assert manifest.references(entry("toy.more", kind=Kind.EXTENSION)) == {}
    assert manifest.exports(more) == {"BertForMore": "toy.model:BertForMore"}


def test_several_modules_of_one_distribution(site):
    site.write("toy/plugin.py", SOUND)
    site.write("toy/second.py", architectures(OTHER))
    assert load(entry(), entry("other", "toy.second")).names(Kind.ARCHITECTURE) == ["toy", "other"]


def test_identify(site):
    site.write("toy/plugin.py", SOUND + "\n@hookimpl\ndef identify(config):\n    return config.get('x')\n")
    manifest = load()
    assert manifest.identify({"x": "toy"}) == "toy"
    assert manifest.identify({}) is None


def test_a_module_is_registered_once(site):
    site.write("toy/plugin.py", SOUND)
    plugins = Plugins()
    first = load_manifest(plugins, (entry(),), io.StringIO())
    assert load_manifest(plugins, (entry(),), io.StringIO()) == first
    assert plugins.list_name_plugin() == [("toy.plugin", sys.modules["toy.plugin"])]


def test_what_is_broken_leaves_nothing_registered(site):
    site.write("toy/plugin.py", SOUND)
    site.write("toy/second.py", architectures(OTHER).replace("def architectures", "def architectues"))
    plugins = Plugins()
    with pytest.raises(PluginBroken):
        load_manifest(plugins, (entry(), entry("other", "toy.second")), io.StringIO())
    assert plugins.list_name_plugin() == []
    assert vars(plugins.hook).keys() == vars(Plugins().hook).keys()


def test_a_module_that_was_imported_anew_takes_the_place_of_the_old_one(site):
    site.write("toy/plugin.py", SOUND)
    plugins = Plugins()
    load_manifest(plugins, (entry(),), io.StringIO())
    del sys.modules["toy.plugin"]
    load_manifest(plugins, (entry(),), io.StringIO())
    assert plugins.list_name_plugin() == [("toy.plugin", sys.modules["toy.plugin"])]


# ---- causes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("import not_there", "ModuleNotFoundError: No module named 'not_there'."),
        ("raise RuntimeError('no.')", "RuntimeError: no."),
        ("raise RuntimeError", "RuntimeError."),
        ("raise SystemExit", "SystemExit."),
        ("import sys\nsys.exit(3)", "SystemExit: 3."),
        ("import sys\nsys.exit('not today')", "SystemExit: not today."),
        ("class Panic(BaseException):\n    pass\nraise Panic('in Rust')", "Panic: in Rust."),
        (
            "class Rude(Exception):\n    def __str__(self):\n        raise ValueError\nraise Rude",
            "Rude.",
        ),
        ("def f(:", "SyntaxError: invalid syntax (plugin.py, line 1)."),
        ("print('hello')\n" + SOUND, "it must not print while it is loaded, but printed 'hello\\n'."),
        (
            "import sys\nsys.stdout.writelines(['a', 'b'])\n" + SOUND,
            "it must not print while it is loaded, but printed 'ab'.",
        ),
        ("x = 1", "the entry point names 'toy', but architectures() yields nothing (is it decorated with @hookimpl?)."),
        (
            SOUND.replace("@hookimpl", ""),
            "the entry point names 'toy', but architectures() yields nothing (is it decorated with @hookimpl?).",
        ),
        (
            SOUND.replace("def architectures", "def architectues"),
            "there is no hook 'architectues'. Did you mean 'architectures'?",
        ),
        (architectures(OTHER), "the entry point names 'toy', but architectures() yields 'other'."),
        (architectures(TOY, OTHER), "architectures() yields 'other', which no entry point of this module names."),
        (architectures(TOY, TOY), "architectures() yields 'toy' 2 times."),
        (
            f"{IMPORTS}\n@hookimpl\ndef architectures():\n    while True:\n        yield {TOY}\n",
            "architectures() yields more than 1000 records.",
        ),
        (architectures(TOY, "'toy'"), "architectures() must yield Architecture records, but yielded 'toy'."),
        (
            f"{IMPORTS}\n@hookimpl\ndef architectures():\n    return {TOY}",
            "architectures() must yield Architecture records, but returned Architecture(model_type='toy', ",
        ),
        (
            f"{IMPORTS}\n@hookimpl\ndef architectures():\n    return 'toy'",
            "architectures() must yield Architecture records, but returned 'toy'.",
        ),
        (
            architectures('Architecture(model_type="toy", config="toy.config.ToyConfig")'),
            "Architecture('toy'): config must be a reference 'module:Class' ",
        ),
        (
            architectures('Architecture(model_type="toy", cfg="toy.config:ToyConfig")'),
            "TypeError: Architecture.__init__() got an unexpected keyword argument 'cfg'.",
        ),
        (architectures(TOY, "1 / 0"), "ZeroDivisionError: division by zero."),
        (architectures(TOY, "exit(4)"), "SystemExit: 4."),
        (architectures(TOY, "print('hi')"), "architectures() must yield Architecture records, but yielded None."),
        (SOUND + "    print('hi')\n", "it must not print while it is loaded, but printed 'hi\\n'."),
        (
            SOUND + f"\n@hookimpl\ndef extensions():\n    yield {MORE}\n",
            "extensions() yields 'bert', which no entry point of this module names.",
        ),
        (
            SOUND + "\n@hookimpl\ndef identify(path):\n    return 'toy'\n",
            "PluginValidationError: ",
        ),
    ],
)
def test_causes(site, source, cause, capsys):
    site.write("toy/plugin.py", source)
    found = cause_of(load)
    prefix = f"toy.plugin: {cause}"
    assert found == prefix or (not cause.endswith((".", "?")) and found.startswith(prefix))
    assert capsys.readouterr().out == ""


def test_a_missing_module(site):
    assert cause_of(load) == "toy.plugin: ModuleNotFoundError: No module named 'toy'."


def test_printing_in_the_package_counts_too(site):
    site.write("toy/plugin.py", SOUND)
    (site.root / "toy" / "__init__.py").write_text("print('welcome')")
    assert cause_of(load) == "toy.plugin: it must not print while it is loaded, but printed 'welcome\\n'."


def test_a_broken_module_breaks_all_entries(site):
    site.write("toy/plugin.py", SOUND)
    site.write("toy/second.py", "1 / 0")
    assert cause_of(load, entry(), entry("other", "toy.second")) == ("toy.second: ZeroDivisionError: division by zero.")


def test_an_extension_entry_without_its_record(site):
    site.write("toy/plugin.py", SOUND)
    assert cause_of(load, entry(), entry("bert.more", kind=Kind.EXTENSION)) == (
        "toy.plugin: the entry point names 'bert', but extensions() yields nothing (is it decorated with @hookimpl?)."
    )


def test_an_extension_task_twice(site):
    site.write("toy/plugin.py", f"{IMPORTS}\n@hookimpl\ndef extensions():\n    yield {MORE}\n    yield {MORE}\n")
    assert cause_of(load, entry("bert.more", kind=Kind.EXTENSION)) == (
        "toy.plugin: extensions() yields the task 'more' of 'bert' 2 times."
    )


def test_keyboard_interrupt_passes(site):
    site.write("toy/plugin.py", "raise KeyboardInterrupt")
    with pytest.raises(KeyboardInterrupt):
        load()


def test_an_optional_library_is_a_cause_as_well(site):
    site.write("toy/plugin.py", "from archsmith.errors import MissingDependency\nraise MissingDependency('no pillow.')")
    assert cause_of(load) == "toy.plugin: MissingDependency: no pillow."


# ---- printing and threads -----------------------------------------------------------------------------------


def test_what_a_thread_of_the_manifest_prints_passes_through(site, capsys):
    start = "from threading import Thread\nthread = Thread(target=print, args=('from a thread',))\n"
    site.write("toy/plugin.py", f"{start}thread.start()\nthread.join()\n{SOUND}")
    assert load().names(Kind.ARCHITECTURE) == ["toy"]
    assert capsys.readouterr().out == "from a thread\n"


def test_printing_on_standard_error_is_allowed(site, capsys):
    site.write("toy/plugin.py", "import sys\nprint('note', file=sys.stderr)\n" + SOUND)
    assert load().names(Kind.ARCHITECTURE) == ["toy"]
    assert capsys.readouterr().err == "note\n"


def test_a_handler_that_keeps_the_stream_works_on(site, capsys):
    site.write("toy/plugin.py", "import sys\nSTREAM = sys.stdout\n" + SOUND)
    load()
    before = sys.stdout
    print("later", file=sys.modules["toy.plugin"].STREAM)
    assert sys.stdout is before
    assert capsys.readouterr().out == "later\n"


def test_the_stream_of_others_survives_one_that_ends_later(site, capsys, monkeypatch):
    """Another thread may have taken our stand-in for the real stream, and put it back after we are done."""
    site.write("toy/plugin.py", "import sys\nSTREAM = sys.stdout\n" + SOUND)
    load()
    monkeypatch.setattr(sys, "stdout", sys.modules["toy.plugin"].STREAM)
    site.write("toy/second.py", "print('hi')\n" + SOUND)
    assert cause_of(load, entry(module="toy.second")).endswith("printed 'hi\\n'.")
    print("still here")
    assert capsys.readouterr().out == "still here\n"


def test_a_process_without_standard_output(site, monkeypatch):
    start = "from threading import Thread\nthread = Thread(target=print, args=('x',), kwargs={'flush': True})\n"
    site.write("toy/plugin.py", f"{start}thread.start()\nthread.join()\n{SOUND}")
    monkeypatch.setattr(sys, "stdout", None)
    assert load().names(Kind.ARCHITECTURE) == ["toy"]
    assert sys.stdout is None


def test_other_threads_print_meanwhile(site, capsys):
    source = "import builtins\nbuiltins.toy_started.set()\nassert builtins.toy_printed.wait(10)\n" + SOUND
    site.write("toy/plugin.py", source)
    import builtins

    builtins.toy_started, builtins.toy_printed = threading.Event(), threading.Event()
    try:
        thread = threading.Thread(target=load)
        thread.start()
        assert builtins.toy_started.wait(10)
        print("not the plugin's")
        builtins.toy_printed.set()
        thread.join()
    finally:
        del builtins.toy_started, builtins.toy_printed
    assert capsys.readouterr().out == "not the plugin's\n"


def test_threads_that_share_a_buffer_agree(site):
    site.write("toy/plugin.py", "import time\nprint('hello')\ntime.sleep(0.2)\n" + SOUND)
    plugins, printed, causes = Plugins(), io.StringIO(), []

    def run():
        try:
            load_manifest(plugins, (entry(),), printed)
        except PluginBroken as error:
            causes.append(error.reason)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (
        causes == ["toy 1.0 is broken: toy.plugin: it must not print while it is loaded, but printed 'hello\\n'."] * 8
    )


# ---- classes and commands -----------------------------------------------------------------------------------


def test_a_class(site):
    site.write("toy/model.py", "class ToyModel:\n    pass\n")
    assert load_class(entry(), "toy.model:ToyModel").__name__ == "ToyModel"


@pytest.mark.parametrize(
    ("reference", "cause"),
    [
        ("toy.model:ToyModle", "toy.model: it has no 'ToyModle'. Did you mean 'ToyModel'?"),
        ("toy.model:Xyz", "toy.model: it has no 'Xyz'."),
        ("toy.modle:ToyModel", "toy.modle: ModuleNotFoundError: No module named 'toy.modle'."),
        ("toy.model:helper", "toy.model: 'helper' is not a class but function."),
        ("toy.lazy:ToyModel", "toy.lazy: it has no 'ToyModel'. ('NoneType' object has no attribute 'x')."),
        ("toy.exits:ToyModel", "toy.exits: SystemExit: 1."),
        ("toy.needs:ToyModel", "toy.needs: ModuleNotFoundError: No module named 'not_there'."),
        ("toy.attribute:ToyModel", "toy.attribute: AttributeError: module 'math' has no attribute 'taus'."),
    ],
)
def test_references_that_lead_nowhere(site, reference, cause):
    site.write("toy/model.py", "class ToyModel:\n    pass\n\ndef helper():\n    pass\n")
    site.write(
        "toy/lazy.py",
        "def __getattr__(name):\n    if name == 'ToyModel':\n        return None.x\n    raise AttributeError",
    )
    site.write("toy/exits.py", "raise SystemExit(1)")
    site.write("toy/needs.py", "import not_there")
    site.write("toy/attribute.py", "import math\nmath.taus")
    assert cause_of(load_class, entry(), reference) == cause


def test_what_a_module_raises_as_our_own_error_passes(site):
    site.write(
        "toy/model.py", "from archsmith.errors import MissingDependency\nraise MissingDependency('pip install x')"
    )
    with pytest.raises(MissingDependency, match=r"^pip install x$"):
        load_class(entry(), "toy.model:ToyModel")


def test_a_command(site):
    site.write("toy/cli.py", "class Box:\n    app = object()\n")
    app = load_app(entry("play", "toy.cli:Box.app", Kind.COMMAND), io.StringIO())
    assert app is sys.modules["toy.cli"].Box.app


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        ("application = 1", "toy.cli: it has no 'app'."),
        ("apps = 1", "toy.cli: it has no 'app'. Did you mean 'apps'?"),
        ("import not_there", "toy.cli: ModuleNotFoundError: No module named 'not_there'."),
        ("raise SystemExit(2)", "toy.cli: SystemExit: 2."),
        ("print('usage')\napp = 1", "toy.cli: it must not print while it is loaded, but printed 'usage\\n'."),
    ],
)
def test_broken_commands(site, source, cause):
    site.write("toy/cli.py", source)
    assert cause_of(load_app, entry("play", "toy.cli:app", Kind.COMMAND), io.StringIO()) == cause


def test_describe():
    assert describe(ValueError("x")) == "ValueError: x"
    assert describe(ValueError()) == "ValueError"
