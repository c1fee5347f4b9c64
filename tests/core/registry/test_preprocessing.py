"""Preprocessing that no architecture owns, and that which extensions add to somebody else's architecture."""

import json
from textwrap import dedent

import pytest

import archsmith
import archsmith.registry.base
from archsmith.errors import (
    ArchsmithWarning,
    CheckpointNotFound,
    ClassNotAvailable,
    PluginBroken,
    PluginConflict,
    PluginDisabled,
    PluginError,
    PluginIncompatible,
    UnknownArchitecture,
    UnknownTask,
)
from archsmith.registry import Kind, Owner, Registry, State

EXTRACTOR = """
    from archsmith.feature_extractor import SequenceFeatureExtractor

    class {name}(SequenceFeatureExtractor):
        def features_of(self, clips):
            return clips
    """
IMAGES = """
    from archsmith.image_processor import ImageProcessor

    class {name}(ImageProcessor):
        pass
    """
CONFIG = """
    from archsmith.config import PreTrainedConfig

    class ToyConfig(PreTrainedConfig):
        model_type = "toy"
    """


@pytest.fixture
def registry(site, monkeypatch) -> Registry:
    """The registry behind everything, over the pretended site."""
    archsmith.registry.base.registry.__init__()
    yield archsmith.registry.base.registry
    archsmith.registry.base.registry.__init__()


def manifest(hook, record):
    imports = "from archsmith.plugin import Extension, Preprocessing, hookimpl\n\n"
    return f"{imports}@hookimpl\ndef {hook}():\n    yield {record}\n"


def install_processor(site, name="sounds", distribution=None, *, fields=None, record=None, **metadata):
    """Install preprocessing without an architecture: a feature extractor, unless the arguments say otherwise."""
    distribution = distribution or f"acme-{name}"
    package, cls = distribution.replace("-", "_"), f"{name.capitalize()}FeatureExtractor"
    site.declare(distribution, processors={name: f"{package}.plugin"}, **metadata)
    fields = fields or f'feature_extractor="{package}.extractor:{cls}"'
    site.write(f"{package}/plugin.py", manifest("processors", record or f'Preprocessing(name="{name}", {fields})'))
    site.write(f"{package}/extractor.py", dedent(EXTRACTOR).format(name=cls))
    return package


def install_extension(site, distribution="acme-ears", *, fields=None, entry="toy.ears", **metadata):
    package = distribution.replace("-", "_")
    cls = f"{package.title().replace('_', '')}FeatureExtractor"
    site.declare(distribution, extensions={entry: f"{package}.plugin"}, **metadata)
    fields = fields or f'feature_extractor="{package}.extractor:{cls}"'
    site.write(f"{package}/plugin.py", manifest("extensions", f'Extension(model_type="toy", {fields})'))
    site.write(f"{package}/extractor.py", dedent(EXTRACTOR).format(name=cls))
    return cls


def install_toy(site, manifest_of=None, fields=""):
    package = site.install("toy", **({"manifest": manifest_of("toy_toy", "toy", fields)} if fields else {}))
    site.write(f"{package}/config.py", dedent(CONFIG))
    return package


def message_of(error, call, *args, **kwargs):
    with pytest.raises(error) as caught:
        call(*args, **kwargs)
    assert type(caught.value) is error
    return str(caught.value)


# ---- preprocessing without an architecture ------------------------------------------------------------------


def test_it_is_no_architecture(site, registry):
    install_processor(site)
    (entry,) = registry.entries()
    assert (entry.kind, entry.name, entry.state, entry.owner) == (
        Kind.PROCESSOR,
        "sounds",
        State.OK,
        Owner("sounds", Kind.PROCESSOR),
    )
    assert registry.names() == []
    assert message_of(UnknownArchitecture, registry.get, "sounds").startswith("No installed plugin provides model_type")
    assert list(registry.roles("sounds", Kind.PROCESSOR)) == ["feature_extractor"]
    assert registry.load("sounds", "feature_extractor", kind=Kind.PROCESSOR) is archsmith.SoundsFeatureExtractor
    assert registry.provenance(archsmith.SoundsFeatureExtractor) == {
        "version": archsmith.__version__,
        "plugin": "acme-sounds",
        "plugin_version": "1.0",
    }


def test_what_it_does_not_have(site, registry):
    install_processor(site)
    assert message_of(UnknownTask, registry.load, "sounds", "tokenizer", kind=Kind.PROCESSOR) == (
        "'sounds' (acme-sounds 1.0) has no tokenizer."
    )
    assert message_of(PluginError, registry.load, "sound", "tokenizer", kind=Kind.PROCESSOR) == (
        "No installed plugin provides the processor 'sound'. Installed: sounds. Did you mean 'sounds'?"
    )


def test_a_bare_name_of_an_architecture_leads_to_it(site, registry, manifest_of):
    install_processor(site)
    install_toy(site, manifest_of, 'feature_extractor="SoundsFeatureExtractor",')
    found = registry.load("toy", "feature_extractor")
    assert found is registry.load("sounds", "feature_extractor", kind=Kind.PROCESSOR)
    assert registry.provenance(found)["plugin"] == "acme-sounds"


def test_names_of_preprocessing_and_architectures_do_not_clash(site, registry, monkeypatch):
    install_toy(site)
    install_processor(site, "toy")
    assert {entry.state for entry in registry.entries()} == {State.OK}
    monkeypatch.setenv("ARCHSMITH_PIN", "toy=acme-toy")  # as preprocessing; nothing else of that name is meant
    assert registry.index.problems == ()
    assert {entry.state for entry in registry.entries()} == {State.OK}
    assert registry.load("toy", "config").__name__ == "ToyConfig"


def test_two_distributions_with_one_name(site, registry, monkeypatch):
    install_processor(site, distribution="acme-a")
    install_processor(site, distribution="acme-b")
    message = (
        "processor 'sounds' is claimed by 2 distributions: acme-a 1.0, acme-b 1.0. "
        "Uninstall all but one, or pin one: archsmith pin sounds acme-a"
    )
    assert message_of(PluginConflict, registry.roles, "sounds", Kind.PROCESSOR) == message
    found = message_of(ClassNotAvailable, registry.find_class, "SoundsFeatureExtractor")
    assert found == f"SoundsFeatureExtractor cannot be imported: {message}"
    monkeypatch.setenv("ARCHSMITH_PIN", "sounds=acme-b")
    assert registry.find_class("SoundsFeatureExtractor").__module__ == "acme_b.extractor"


@pytest.mark.parametrize(
    ("error", "variable", "changes", "message"),
    [
        (PluginDisabled, "acme-sounds", {}, "acme-sounds 1.0 is switched off by ARCHSMITH_DISABLE. Remove acme-sounds"),
        (PluginDisabled, "sounds", {}, "acme-sounds 1.0 is switched off by ARCHSMITH_DISABLE. Remove sounds from"),
        (PluginIncompatible, "", {"requires": ("archsmith>=9",)}, "acme-sounds 1.0 asks for archsmith>=9, but "),
        (PluginBroken, "", {"record": "1 / 0"}, "acme-sounds 1.0 is broken: acme_sounds.plugin: ZeroDivisionError"),
    ],
)
@pytest.mark.filterwarnings("ignore:ARCHSMITH_DISABLE names 'sounds', which is taken for")
def test_states(site, registry, monkeypatch, tmp_path, error, variable, changes, message):
    monkeypatch.setenv("ARCHSMITH_DISABLE", variable)
    install_processor(site, **changes)
    assert message_of(error, registry.roles, "sounds", Kind.PROCESSOR).startswith(message)
    with pytest.raises(ImportError, match="SoundsFeatureExtractor cannot be imported: acme-sounds"):
        from archsmith import SoundsFeatureExtractor  # noqa: F401
    named = {"feature_extractor_type": "SoundsFeatureExtractor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(named))
    said = message_of(error, archsmith.AutoFeatureExtractor.from_pretrained, tmp_path)
    assert f"names feature_extractor_type 'SoundsFeatureExtractor', but {message}" in said


@pytest.mark.parametrize(
    ("record", "cause"),
    [
        (
            'Preprocessing(name="sounds")',
            (
                "Preprocessing('sounds'): there must be at least one of tokenizer, tokenizer_fast, image_processor, "
                "feature_extractor, processor."
            ),
        ),
        (
            'Preprocessing(name="Sounds", tokenizer=3)',
            (
                "Preprocessing('Sounds'): name must be lower-case letters, digits, '_' and '-', but is 'Sounds'; "
                "tokenizer must be a reference 'module:Class' (or the name of another plugin's class), but is 3."
            ),
        ),
        (
            'Preprocessing(name="noises", tokenizer="x:Y")',
            "the entry point names 'sounds', but processors() yields 'noises'.",
        ),
        (
            'Extension(model_type="sounds", tokenizer="x:Y")',
            "processors() must yield Preprocessing records, but yielded Extension(model_type='sounds', ",
        ),
        (
            'Preprocessing(name="sounds", tokenizer="x:Y")\n    yield Preprocessing(name="sounds", tokenizer="x:Y")',
            "processors() yields 'sounds' 2 times.",
        ),
        (
            'Preprocessing(name="sounds", tokenizer="x:Y", processor="z:Y")',
            "Preprocessing('sounds'): 'Y' names two classes: 'x:Y' and 'z:Y'.",
        ),
        (
            'Preprocessing(name="sounds", tokenizer="x:Y", aliases={"Z": "X"})',
            "Preprocessing('sounds'): the alias 'Z' leads to 'X', which is not a class of this record: Y.",
        ),
        (
            'Preprocessing(name="sounds", tokenizer="x:Y", waivers={"Y.files": "no"})',
            "Preprocessing('sounds'): waivers['Y.files'] must say in 4 words or more why, but is 'no'.",
        ),
        (
            'Preprocessing(name="sounds", config="x:Y")',
            "TypeError: Preprocessing.__init__() got an unexpected keyword argument 'config'.",
        ),
        (
            'Preprocessing(name="sounds", tokenizer="x:Y")\n\n@hookimpl\ndef procesors():\n    pass',
            "there is no hook 'procesors'. Did you mean 'processors'?",
        ),
    ],
)
def test_malformed_records(site, registry, record, cause):
    install_processor(site, record=record)
    found = message_of(PluginBroken, registry.roles, "sounds", Kind.PROCESSOR)
    assert found.startswith(f"acme-sounds 1.0 is broken: acme_sounds.plugin: {cause}")
    assert {entry.state for entry in registry.entries()} == {State.BROKEN}


@pytest.mark.parametrize("name", ["Sounds", "so.unds", "so unds", "-x"])
def test_names_of_entry_points(site, registry, name):
    site.declare("acme", processors={name: "acme.plugin"})
    (entry,) = registry.entries()
    assert entry.state is State.BROKEN
    assert entry.reason == (
        f"acme 1.0 is broken: the entry point {name!r} is not the name of preprocessing "
        "(lower-case letters, digits, '_' and '-')."
    )


def test_one_class_name_of_two_packages(site, registry, tmp_path):
    """Where the class is used, by import or by a file: an error that names both."""
    for name in ("one", "two"):
        fields = f'feature_extractor="acme_{name}.extractor:SharedFeatureExtractor"'
        install_processor(site, name, fields=fields)
        site.write(f"acme_{name}/extractor.py", dedent(EXTRACTOR).format(name="SharedFeatureExtractor"))
    said = message_of(ClassNotAvailable, registry.find_class, "SharedFeatureExtractor")
    both = "acme-one 1.0 (acme_one.extractor:SharedFeatureExtractor) and acme-two 1.0 (acme_two.extractor:Shared"
    assert said.startswith(f"SharedFeatureExtractor is exported by {both}")
    named = {"feature_extractor_type": "SharedFeatureExtractor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(named))
    said = message_of(PluginConflict, archsmith.AutoFeatureExtractor.from_pretrained, tmp_path)
    assert f"names feature_extractor_type 'SharedFeatureExtractor', which is provided by {both}" in said


def test_a_class_of_the_wrong_kind_is_refused(site, registry):
    install_processor(site, "ears", fields='image_processor="acme_ears.extractor:EarsFeatureExtractor"')
    said = message_of(PluginBroken, registry.load, "ears", "image_processor", kind=Kind.PROCESSOR)
    assert said.startswith(
        "acme-ears 1.0 is broken: 'acme_ears.extractor:EarsFeatureExtractor', the image processor of 'ears', must be "
        "a subclass of ImageProcessor, but is not. Run: pip install --upgrade acme-ears"
    )


def test_one_class_name_of_an_architecture_and_a_package(site, registry, manifest_of):
    """The architecture whose model_type begins the name does not win without a word."""
    install_toy(site, manifest_of, 'feature_extractor="toy_toy.extractor:ToyFeatureExtractor",')
    install_processor(site, "ears", fields='feature_extractor="acme_ears.extractor:ToyFeatureExtractor"')
    assert "is exported by acme-ears 1.0" in message_of(ClassNotAvailable, registry.find_class, "ToyFeatureExtractor")


def test_aliases(site, registry, tmp_path):
    fields = 'feature_extractor="acme_sounds.extractor:SoundsFeatureExtractor", '
    install_processor(site, fields=fields + 'aliases={"NoiseExtractor": "SoundsFeatureExtractor"}')
    assert archsmith.NoiseExtractor is archsmith.SoundsFeatureExtractor
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_extractor_type": "NoiseExtractor"}))
    for load in (archsmith.AutoFeatureExtractor, archsmith.SoundsFeatureExtractor):
        assert type(load.from_pretrained(tmp_path)) is archsmith.SoundsFeatureExtractor


def test_a_class_of_a_known_package_that_is_not_installed(registry, tmp_path):
    assert message_of(ClassNotAvailable, registry.find_class, "BertTokenizer") == (
        "BertTokenizer belongs to archsmith-wordpiece, which is not installed. Run: pip install archsmith-wordpiece"
    )
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizerFast"}))
    said = message_of(UnknownArchitecture, archsmith.AutoTokenizer.from_pretrained, tmp_path)
    assert "'BertTokenizerFast', which no installed plugin provides. Run: pip install archsmith-wordpiece " in said


def test_what_is_installed_later_is_found(site, registry, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_extractor_type": "SoundsFeatureExtractor"}))
    message_of(UnknownArchitecture, archsmith.AutoFeatureExtractor.from_pretrained, tmp_path)
    install_processor(site)
    found = archsmith.AutoFeatureExtractor.from_pretrained(tmp_path)
    assert type(found).__module__ == "acme_sounds.extractor"


# ---- Auto classes, without a config.json --------------------------------------------------------------------


def test_each_auto_class_finds_it(site, registry, tmp_path):
    both = 'feature_extractor="acme_all.extractor:AllFeatureExtractor", image_processor="acme_all.images:AllImages", '
    install_processor(site, "all", fields=both + 'processor="acme_all.processor:AllProcessor"')
    site.write("acme_all/images.py", dedent(IMAGES).format(name="AllImages"))
    site.write(
        "acme_all/processor.py",
        "from archsmith.processor import Processor\n\nclass AllProcessor(Processor):\n"
        "    parts = ('image_processor', 'feature_extractor')\n",
    )
    processor = archsmith.AllProcessor(
        image_processor=archsmith.AllImages(), feature_extractor=archsmith.AllFeatureExtractor()
    )
    processor.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "processor_config.json").read_text())
    assert {written[part]["archsmith"]["plugin"] for part in ("image_processor", "feature_extractor")} == {"acme-all"}
    assert written["archsmith"]["plugin"] == "acme-all"
    assert type(archsmith.AutoProcessor.from_pretrained(tmp_path)) is archsmith.AllProcessor
    assert type(archsmith.AutoImageProcessor.from_pretrained(tmp_path)) is archsmith.AllImages
    assert type(archsmith.AutoFeatureExtractor.from_pretrained(tmp_path)) is archsmith.AllFeatureExtractor
    # A processor's own class knows its parts where their files name no class.
    for part in ("image_processor", "feature_extractor"):
        del written[part][f"{part}_type"]
    (tmp_path / "processor_config.json").write_text(json.dumps(written))
    again = archsmith.AllProcessor.from_pretrained(tmp_path)
    assert type(again.feature_extractor) is archsmith.AllFeatureExtractor


def test_the_file_goes_before_the_architecture(site, registry, manifest_of, tmp_path):
    """A folder whose config.json is of an architecture with another part: the class that its file names is taken."""
    install_toy(site, manifest_of, 'feature_extractor="toy_toy.extractor:ToyFeatureExtractor",')
    install_processor(site)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "toy"}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_extractor_type": "SoundsFeatureExtractor"}))
    assert type(archsmith.AutoFeatureExtractor.from_pretrained(tmp_path)) is archsmith.SoundsFeatureExtractor


@pytest.mark.parametrize(
    ("auto", "file", "values", "said"),
    [
        ("AutoTokenizer", "tokenizer_config.json", {}, "tokenizer_config.json names no tokenizer_class of its own"),
        ("AutoTokenizer", "tokenizer.json", {}, "there is no tokenizer_config.json"),
        ("AutoImageProcessor", "preprocessor_config.json", {"size": 3}, "names no image_processor_type of its own"),
        (
            "AutoFeatureExtractor",
            "preprocessor_config.json",
            {"sampling_rate": 3},
            "names no feature_extractor_type of its own",
        ),
        ("AutoProcessor", "processor_config.json", {"image_processor": {}}, "names no image_processor_type of its own"),
    ],
)
def test_what_names_nothing(site, registry, tmp_path, auto, file, values, said):
    install_processor(site)
    (tmp_path / file).write_text(json.dumps(values))
    message = message_of(CheckpointNotFound, getattr(archsmith, auto).from_pretrained, tmp_path)
    assert f"{str(tmp_path)!r} has no file 'config.json', and " in message
    assert f"{said}, so that nothing tells the class. Use from_pretrained of the class itself, or pass " in message


# ---- what extensions add ------------------------------------------------------------------------------------


def test_an_extension_adds_a_part(site, registry, tmp_path):
    install_toy(site)
    cls = install_extension(site)
    assert registry.load("toy", "feature_extractor").__name__ == cls
    assert str(registry.roles("toy")["feature_extractor"].entry) == "acme-ears 1.0"
    assert getattr(archsmith, cls) is registry.load("toy", "feature_extractor")
    for values in ({"feature_extractor_type": cls}, {"sampling_rate": 8000}):
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
        (tmp_path / "config.json").write_text(json.dumps({"model_type": "toy"}))
        for auto in (archsmith.AutoFeatureExtractor, archsmith.AutoProcessor):
            assert type(auto.from_pretrained(tmp_path)).__name__ == cls
    (tmp_path / "config.json").unlink()
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"feature_extractor_type": cls}))
    found = archsmith.AutoFeatureExtractor.from_pretrained(tmp_path)
    found.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "preprocessor_config.json").read_text())
    assert written["archsmith"]["plugin"] == "acme-ears"


def test_a_part_that_the_owner_has_is_refused_where_it_is_used(site, registry, manifest_of):
    install_toy(site, manifest_of, 'feature_extractor="toy_toy.extractor:ToyFeatureExtractor",')
    install_extension(site)
    assert message_of(PluginConflict, registry.load, "toy", "feature_extractor") == (
        "feature extractor of 'toy' is provided by toy-toy 1.0 and by the extension acme-ears 1.0. Uninstall one, or "
        "switch it off: archsmith disable acme-ears. Or pin one: archsmith pin toy.feature_extractor acme-ears"
    )
    assert registry.load("toy", "config").__name__ == "ToyConfig"


def test_two_extensions_with_one_part(site, registry, monkeypatch, tmp_path):
    install_toy(site)
    first, second = install_extension(site), install_extension(site, "acme-hears", entry="toy.hears")
    message = (
        "feature extractor of 'toy' is provided by acme-ears 1.0 and by the extension acme-hears 1.0. Uninstall one, "
        "or switch it off: archsmith disable acme-hears. Or pin one: archsmith pin toy.feature_extractor acme-hears"
    )
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "toy"}))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
    for call in (
        lambda: registry.load("toy", "feature_extractor"),
        lambda: archsmith.AutoFeatureExtractor.from_pretrained(tmp_path),
    ):
        assert message_of(PluginConflict, call) == message
    assert registry.load("toy", "config").__name__ == "ToyConfig"
    assert archsmith.AutoConfig.from_pretrained(tmp_path).model_type == "toy"
    for pinned, cls in (("acme-ears", first), ("acme-hears", second), ("Acme_Hears", second)):
        monkeypatch.setenv("ARCHSMITH_PIN", f"toy.feature_extractor={pinned}")
        assert registry.index.problems == ()
        assert registry.load("toy", "feature_extractor").__name__ == cls
        assert type(archsmith.AutoFeatureExtractor.from_pretrained(tmp_path)).__name__ == cls
    monkeypatch.setenv("ARCHSMITH_PIN", "")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "acme-ears")
    assert registry.load("toy", "feature_extractor").__name__ == second


@pytest.mark.parametrize(
    ("pin", "problem"),
    [
        ("toy.feature_extractor=acme-gone", "gives 'toy.feature_extractor' to 'acme-gone', which is not installed or"),
        ("toy.feature_extractr=acme-ears", r"Did you mean 'toy\.feature_extractor'\?"),
        ("tpy.feature_extractor=acme-ears", r"Did you mean 'toy\.feature_extractor'\?"),
        ("toy.feature_extractor=acme-sounds", "to 'acme-sounds', which is not installed or does not claim it"),
    ],
)
def test_unknown_pins_are_reported(site, registry, monkeypatch, pin, problem):
    install_toy(site)
    install_extension(site)
    install_processor(site)
    monkeypatch.setenv("ARCHSMITH_PIN", pin)
    with pytest.warns(ArchsmithWarning, match=problem):
        assert {entry.state for entry in registry.entries()} == {State.OK}


def test_a_pin_to_who_does_not_bring_the_part(site, registry, monkeypatch):
    install_toy(site)
    install_extension(site)
    monkeypatch.setenv("ARCHSMITH_PIN", "toy.feature_extractor=toy-toy")
    assert message_of(PluginConflict, registry.load, "toy", "feature_extractor").startswith(
        "ARCHSMITH_PIN gives 'toy.feature_extractor' to toy-toy, but the feature extractor of 'toy' is provided by "
        "acme-ears 1.0."
    )


def test_a_pin_of_a_part_is_not_about_an_extension_of_that_name(site, registry, monkeypatch):
    install_toy(site)
    first = install_extension(site, entry="toy.feature_extractor")
    second = install_extension(site, "acme-hears", entry="toy.hears")
    for pinned, cls in (("acme-hears", second), ("acme-ears", first)):
        monkeypatch.setenv("ARCHSMITH_PIN", f"toy.feature_extractor={pinned}")
        assert {entry.state for entry in registry.entries()} == {State.OK}
        assert registry.load("toy", "feature_extractor").__name__ == cls


def test_two_entries_of_one_distribution_with_one_part(site, registry):
    """Also in two modules: the second does not take the place of the first without a word."""
    install_toy(site)
    site.declare("acme-ears", extensions={"toy.a": "acme_ears.a", "toy.b": "acme_ears.b"})
    for module in "ab":
        record = f'Extension(model_type="toy", feature_extractor="acme_ears.{module}x:{module.upper()}Extractor")'
        site.write(f"acme_ears/{module}.py", manifest("extensions", record))
    said = message_of(UnknownTask, registry.load, "toy", "feature_extractor")
    assert "acme_ears.b: extensions() yields the feature extractor of 'toy' 2 times." in said


def test_an_extension_that_cannot_be_used_leaves_the_rest(site, registry):
    install_toy(site)
    install_extension(site, fields="1 / 0")
    assert message_of(UnknownTask, registry.load, "toy", "feature_extractor") == (
        "'toy' (toy-toy 1.0) has no feature extractor. Not asked: acme-ears 1.0 is broken: acme_ears.plugin: "
        "SyntaxError: positional argument follows keyword argument (plugin.py, line 5)."
    )
    assert registry.load("toy", "config").__name__ == "ToyConfig"


def test_an_extension_of_models_and_preprocessing_with_an_alias(site, registry):
    package = install_toy(site)
    cls = "AcmeEarsFeatureExtractor"
    fields = f'feature_extractor="acme_ears.extractor:{cls}", models={{"toy-task": "acme_ears.model:ToyForTask"}}, '
    install_extension(site, fields=fields + f'aliases={{"OldEars": "{cls}"}}')
    site.write("acme_ears/model.py", f"import {package}\n\nclass ToyForTask:\n    pass\n")
    assert list(registry.tasks("toy")) == ["base", "masked-lm", "toy-task"]
    assert archsmith.OldEars is registry.load("toy", "feature_extractor")


def test_the_configuration_alone_loads_no_extension(site, registry):
    install_toy(site)
    install_extension(site, fields="1 / 0")
    assert registry.load("toy", "config").__name__ == "ToyConfig"
    assert {entry.state for entry in registry.entries()} == {State.OK}
