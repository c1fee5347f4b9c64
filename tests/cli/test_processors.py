"""Preprocessing without an architecture, and parts that extensions add, on the command line."""

import json

import pytest

EXTRACTOR = """
    from archsmith.feature_extractor import SequenceFeatureExtractor

    class {name}(SequenceFeatureExtractor):
        def features_of(self, clips):
            return clips
    """


def bring(site, distribution, group, name, record, cls):
    package = distribution.replace("-", "_")
    site.declare(distribution, **{group: {name: f"{package}.plugin"}})
    record = f'{record}, feature_extractor="{package}.extractor:{cls}")'
    imports = "from archsmith.plugin import Extension, Preprocessing, hookimpl\n"
    site.write(f"{package}/plugin.py", f"{imports}@hookimpl\ndef {group}():\n    yield {record}\n")
    site.write(f"{package}/extractor.py", EXTRACTOR.format(name=cls))


@pytest.fixture
def sounds(site):
    bring(site, "acme-sounds", "processors", "sounds", 'Preprocessing(name="sounds"', "SoundsFeatureExtractor")


@pytest.fixture
def ears(site, toy):
    for name, cls in (("acme-ears", "EarsFeatureExtractor"), ("acme-hears", "HearsFeatureExtractor")):
        bring(site, name, "extensions", f"toy.{name[5:]}", 'Extension(model_type="toy"', cls)


def test_list(archsmith, toy, sounds):
    assert archsmith("list").out == (
        "ARCHITECTURE  DISTRIBUTION  VERSION  STATE\n"
        "toy           toy-toy       1.0      ok\n"
        "\n"
        "PROCESSOR  DISTRIBUTION  VERSION  STATE\n"
        "sounds     acme-sounds   1.0      ok\n"
    )
    (row,) = archsmith("list", "--tasks", "--json").data["processors"]
    assert (row["name"], row["state"], row["preprocessing"]) == ("sounds", "ok", ["feature_extractor"])
    assert "tasks" not in row


def test_plugins(archsmith, sounds):
    assert "acme-sounds  1.0      ok     processor sounds\n" in archsmith("plugins").out
    assert "acme-sounds==1.0\n" in archsmith("plugins", "--requirements").out


@pytest.mark.parametrize("name", ["sounds", "acme-sounds"])
def test_show(archsmith, sounds, name, site):
    result = archsmith("show", name)
    assert (result.code, result.err) == (0, "")
    assert result.out == (
        "sounds  acme-sounds 1.0\n\nPreprocessing\n"
        "PART               CLASS\nfeature_extractor  SoundsFeatureExtractor\n\nDefined in\n"
        f"SoundsFeatureExtractor  {site.root}/acme_sounds/extractor.py:4\n"
    )
    result = archsmith("show", name, "--schema")
    assert (result.code, result.err) == (1, "error: 'sounds' (acme-sounds 1.0) has no config.\n")


def test_create(archsmith, sounds, tmp_path):
    result = archsmith("create", "sounds", tmp_path / "out", "--kind", "feature-extractor", "--set", "feature_size=1")
    assert (result.code, result.err) == (0, "")
    written = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert written["feature_extractor_type"] == "SoundsFeatureExtractor"
    assert written["archsmith"]["plugin"] == "acme-sounds"
    result = archsmith("create", "sounds", tmp_path / "model")
    assert (result.code, result.err) == (
        1,
        "error: 'sounds' is preprocessing without an architecture, and no model. Pass --kind feature-extractor.\n",
    )
    result = archsmith("create", "sounds", tmp_path / "model", "--kind", "tokenizer")
    assert result.err == "error: 'sounds' has no tokenizer. Its preprocessing: feature-extractor.\n"
    assert not (tmp_path / "model").exists()


def test_doctor(archsmith, sounds, site):
    assert archsmith("doctor").code == 0
    site.write("acme_sounds/extractor.py", "1 / 0\n")
    archsmith.fresh()
    import sys

    sys.modules.pop("acme_sounds.extractor", None)
    (problem,) = archsmith("doctor", "--json").data["problems"]
    assert problem["subject"] == "acme-sounds 1.0"
    assert "acme_sounds.extractor: ZeroDivisionError" in problem["problem"]


def test_an_unusable_one_is_refused_with_its_reason(archsmith, sounds, monkeypatch):
    monkeypatch.setenv("ARCHSMITH_DISABLE", "acme-sounds")
    result = archsmith("show", "sounds")
    assert result.code == 1
    assert "acme-sounds 1.0 is switched off by ARCHSMITH_DISABLE" in result.err


def test_a_part_that_two_extensions_add(archsmith, ears, tmp_path):
    (problem,) = archsmith("doctor", "--json").data["problems"]
    assert problem["subject"] == "settings"
    assert problem["problem"].startswith(
        "feature extractor of 'toy' is provided by acme-ears 1.0 and by the extension acme-hears 1.0."
    )
    result = archsmith("create", "toy", tmp_path / "model")  # the model is made, and the part left out with a word
    assert result.code == 0
    assert "the feature extractor is left out: feature extractor of 'toy' is provided by" in result.err
    result = archsmith("pin", "toy.feature_extractor", "acme-hears")
    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("'toy.feature_extractor' is pinned to acme-hears 1.0.\n")
    assert archsmith("doctor").code == 0
    shown = archsmith("show", "toy", "--json").data
    assert shown["preprocessing"] == {"feature_extractor": "acme_hears.extractor:HearsFeatureExtractor"}
    assert shown["preprocessing_from"] == {"feature_extractor": "acme-hears"}
    assert "feature_extractor  HearsFeatureExtractor  acme-hears\n" in archsmith("show", "toy").out
    assert archsmith("unpin", "toy.feature_extractor").out.startswith("'toy.feature_extractor' is no longer pinned to")


@pytest.mark.parametrize(
    ("name", "distribution", "message"),
    [
        ("toy.feature_extractor", "toy-toy", "'toy-toy' does not claim 'toy.feature_extractor'; claimed by acme-ears,"),
        ("toy.tokenizer", "acme-ears", "no installed plugin claims 'toy.tokenizer'."),
        ("toy.feature_extractr", "acme-ears", "no installed plugin claims 'toy.feature_extractr'."),
    ],
)
def test_pins_that_are_refused(archsmith, ears, name, distribution, message):
    result = archsmith("pin", name, distribution)
    assert result.code == 1
    assert message in result.err


def test_requirements_of_files_that_name_a_class_alone(archsmith, sounds, tmp_path):
    named = {"feature_extractor_type": "SoundsFeatureExtractor"}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(named))
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer"}))
    result = archsmith("inspect", tmp_path, "--requirements")
    silent = "and does not say who wrote it\n"
    assert result.code == 0
    assert result.out == (
        f"acme-sounds  # 'preprocessor_config.json: feature_extractor_type' is 'SoundsFeatureExtractor' {silent}"
        f"archsmith-wordpiece  # 'tokenizer_config.json: tokenizer_class' is 'BertTokenizer' {silent}"
    )
