"""Classes that pick the architecture by themselves."""

import inspect
import json
import os
import re
import warnings
from pathlib import Path

import pytest

import archsmith
from archsmith import AutoConfig, AutoModel, AutoTokenizer, DistilBertConfig, DistilBertForMaskedLM, DistilBertModel
from archsmith.errors import (
    ArchsmithWarning,
    CheckpointNotFound,
    ConfigError,
    OptionError,
    UnknownArchitecture,
    UnknownTask,
)
from archsmith.registry import KNOWN_PLUGINS
from archsmith.tasks import auto_class_name

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}


@pytest.fixture
def folder(tmp_path):
    DistilBertForMaskedLM(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def rewrite(folder, **changes):
    values = json.loads((folder / "config.json").read_text()) | changes
    (folder / "config.json").write_text(json.dumps({key: value for key, value in values.items() if value != "away"}))


def test_the_class_follows_from_the_file(folder):
    config = AutoConfig.from_pretrained(folder, dropout=0.3)
    assert type(config) is DistilBertConfig
    assert config.dropout == 0.3
    assert type(AutoConfig.from_pretrained(folder / "config.json")) is DistilBertConfig
    with pytest.warns(ArchsmithWarning):
        assert type(AutoModel.from_pretrained(folder)) is DistilBertModel
    masked = archsmith.AutoModelForMaskedLM
    assert type(masked.from_pretrained(folder, dropout=0.3)) is DistilBertForMaskedLM
    assert type(masked.from_pretrained(folder, config=config)) is DistilBertForMaskedLM
    assert type(masked.from_config(config, dtype="float16")) is DistilBertForMaskedLM
    assert archsmith.AutoModelForMaskedLM is masked
    assert AutoConfig.for_model("distilbert", dim=24).dim == 24


def test_names_of_classes():
    assert auto_class_name("masked-lm") == "AutoModelForMaskedLM"
    for wrong, hint in (
        ("AutoModelForMaskedLm", "AutoModelForMaskedLM"),
        ("AutoModelForMaskdLM", "AutoModelForMaskedLM"),
        ("AutoModelForCausalLm", "AutoModelForCausalLM"),
        ("AutoModelForCtc", "AutoModelForCTC"),
        ("AutoModelForSeq2seqLM", "AutoModelForSeq2SeqLM"),
        ("AutoModelForImageTextTotext", "AutoModelForImageTextToText"),
        ("AutoTokeniser", "AutoTokenizer"),
        ("AutoImageProcesor", "AutoImageProcessor"),
    ):
        with pytest.raises(AttributeError, match=f"Did you mean '{hint}'"):
            getattr(archsmith, wrong)


def test_no_instances():
    for cls in (AutoConfig, AutoModel, archsmith.AutoTokenizer):
        with pytest.raises(OptionError, match=f"{cls.__name__} has no instances; use {cls.__name__}.from_pretrained"):
            cls()


@pytest.mark.parametrize("model_type", ["away", None])
def test_no_model_type(folder, model_type):
    rewrite(folder, model_type=model_type)
    for load in (AutoConfig.from_pretrained, AutoModel.from_pretrained):
        with pytest.raises(UnknownArchitecture, match="names no model_type, and no installed plugin recognises it"):
            load(folder)


@pytest.mark.parametrize("model_type", [3, ["distilbert"], {"a": 1}, True])
def test_a_model_type_that_is_no_string(folder, model_type):
    rewrite(folder, model_type=model_type)
    with pytest.raises(ConfigError, match="model_type must be a string, but is"):
        AutoConfig.from_pretrained(folder)


def test_unknown_architectures(folder, monkeypatch):
    monkeypatch.setitem(KNOWN_PLUGINS, "later", "archsmith-later")
    rewrite(folder, model_type="later")
    message = (
        r"config\.json needs model_type 'later', which no installed plugin provides\. Run: pip install archsmith-later$"
    )
    with pytest.raises(UnknownArchitecture, match=message):
        AutoModel.from_pretrained(folder)
    rewrite(folder, model_type="distilbret", archsmith={"plugin": "some-plugin", "plugin_version": "2.1"})
    with pytest.raises(UnknownArchitecture, match=r"written by some-plugin 2\.1\. .*Did you mean 'distilbert'\?"):
        AutoConfig.from_pretrained(folder)
    for said in ("x", {"plugin": 3}, {"plugin": "a b; rm"}, {"plugin": "a", "plugin_version": ["x"]}, None, []):
        rewrite(folder, model_type="nothing", archsmith=said)
        with pytest.raises(UnknownArchitecture):
            AutoConfig.from_pretrained(folder)
    with pytest.raises(UnknownArchitecture):
        AutoConfig.for_model("nothing")


def test_unknown_tasks(folder):
    with pytest.raises(UnknownTask, match="has no model for the task 'ctc'"):
        archsmith.AutoModelForCTC.from_pretrained(folder)


@pytest.mark.parametrize("wrong", [None, [], "x", 3, DistilBertConfig])
def test_what_is_no_configuration(folder, wrong):
    with pytest.raises(ConfigError):
        AutoModel.from_config(wrong)
    with pytest.raises(ConfigError):
        AutoConfig.from_dict(wrong)
    if wrong is not None:
        with pytest.raises(ConfigError):
            AutoModel.from_pretrained(folder, config=wrong)


def test_wrong_options(folder, tmp_path):
    for load, refusal, message in (
        (AutoConfig.from_pretrained, ConfigError, "'nonsense' is not a field of DistilBertConfig"),
        (
            AutoModel.from_pretrained,
            OptionError,
            "not a field of DistilBertConfig, nor an option of DistilBertModel",
        ),
    ):
        with pytest.raises(OptionError, match="trust_remote_code is refused"):
            load(folder, trust_remote_code=True)
        with pytest.raises(refusal, match=message):
            load(folder, nonsense=1)
        with pytest.raises(CheckpointNotFound):
            load(tmp_path / "nothing")
        for wrong in (None, 3, b"x", ""):
            with pytest.raises(OptionError):
                load(wrong)


def test_an_override_fixes_the_file(folder):
    """Through the Auto classes as through the class: the class is chosen by the file's ``model_type`` alone."""
    rewrite(folder, dropout=7, n_heads="two")
    fixes = {"dropout": 0.5, "n_heads": 2}
    for load in (AutoConfig, DistilBertConfig, archsmith.AutoModelForMaskedLM, DistilBertForMaskedLM):
        with pytest.raises(ConfigError, match="dropout must be"):
            load.from_pretrained(folder, n_heads=2)
        loaded = load.from_pretrained(folder, **fixes)
        assert getattr(loaded, "config", loaded).dropout == 0.5


def test_a_tokenizer_needs_no_sound_configuration(folder, tmp_path):
    from archsmith import BertTokenizerFast

    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n")
    BertTokenizerFast(vocab_file=vocabulary).save_pretrained(folder)
    rewrite(folder, dropout=7)
    for options in ({}, {"config": DistilBertConfig()}):
        assert AutoTokenizer.from_pretrained(folder, **options)("hello")["input_ids"] == [2, 5, 3]


@pytest.mark.parametrize("name", ["AutoConfig", "AutoModelForMaskedLM", "AutoTokenizer", "AutoProcessor"])
def test_each_file_is_opened_once(folder, tmp_path, monkeypatch, name):
    """So that the class and what it holds come from one state of the file."""
    from archsmith import BertTokenizerFast

    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n")
    BertTokenizerFast(vocab_file=vocabulary).save_pretrained(folder)
    opened = []
    os_open = os.open

    def count(path, *args, **options):
        opened.append(Path(path))
        return os_open(path, *args, **options)

    monkeypatch.setattr(os, "open", count)
    getattr(archsmith, name).from_pretrained(folder)
    read = [path.name for path in opened if path.parent == folder and path.suffix == ".json"]
    assert len(read) == len(set(read)) > 0


class TestTokenizerClass:
    """The class that tokenizer_config.json names decides; a general one leaves it to config.json."""

    @pytest.fixture
    def saved(self, tmp_path):
        from archsmith import BertTokenizerFast

        vocabulary = tmp_path / "words.txt"
        vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nhello\n")
        BertTokenizerFast(vocab_file=vocabulary).save_pretrained(tmp_path / "saved")
        return tmp_path / "saved"

    def rename(self, folder, name):
        path = folder / "tokenizer_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"tokenizer_class": name}))

    def test_a_folder_without_a_configuration(self, saved):
        tokenizer = AutoTokenizer.from_pretrained(saved)
        assert type(tokenizer).__name__ == "BertTokenizerFast"
        assert tokenizer("hello")["input_ids"] == [2, 5, 3]

    @pytest.mark.parametrize("name", ["DistilBertTokenizer", "DistilBertTokenizerFast"])
    def test_another_architectures_tokenizer(self, saved, name):
        from archsmith import BertConfig

        BertConfig().save_pretrained(saved)
        self.rename(saved, name)
        assert type(AutoTokenizer.from_pretrained(saved)).__name__ == "DistilBertTokenizerFast"

    @pytest.mark.parametrize("name", ["PreTrainedTokenizerFast", "TokenizersBackend", None])
    def test_a_general_class_leaves_it_to_the_configuration(self, saved, name):
        self.rename(saved, name)
        with pytest.raises(CheckpointNotFound, match="has no file 'config"):
            AutoTokenizer.from_pretrained(saved)
        DistilBertConfig().save_pretrained(saved)
        assert type(AutoTokenizer.from_pretrained(saved)).__name__ == "DistilBertTokenizerFast"

    def test_a_class_that_nobody_provides(self, saved):
        self.rename(saved, "BertJapaneseTokenizer")
        with pytest.raises(UnknownArchitecture) as error:
            AutoTokenizer.from_pretrained(saved)
        assert str(error.value) == (
            f"{saved / 'tokenizer_config.json'} names tokenizer_class 'BertJapaneseTokenizer', "
            "which no installed plugin provides. "
            "To read the files with another class, call that class's from_pretrained."
        )
        self.rename(saved, "T5Tokenizer")
        with pytest.raises(UnknownArchitecture, match="no installed plugin provides"):
            AutoTokenizer.from_pretrained(saved)


def test_an_announcement_points_at_the_line_of_the_user(folder, monkeypatch):
    values = {key: value for key, value in CONFIG.items() if key != "n_layers"} | {"n_layerz": 1}
    for number, call in enumerate(
        (
            lambda: DistilBertConfig.from_dict(values),
            lambda: AutoConfig.from_dict(values | {"model_type": "distilbert"}),
            lambda: AutoModel.from_pretrained(folder),
            lambda: DistilBertModel.from_pretrained(folder),
            lambda: archsmith.AutoModelForTokenClassification.from_pretrained(folder),
            lambda: AutoConfig.from_pretrained(folder),
            lambda: AutoConfig.for_model("distilbert", **CONFIG),
        )
    ):
        monkeypatch.setenv("ARCHSMITH_DISABLE", f"nobody-{number}")
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            call()
        lines = {(each.filename, each.lineno) for each in said}
        assert lines <= {(__file__, inspect.getsourcelines(call)[1])}, [str(each.message) for each in said]
        assert said


# ---- options --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["no", "true", None, 0, 1, []])
def test_a_switch_is_true_or_false(folder, value):
    with pytest.raises(OptionError, match=rf"^use_fast must be True or False, but is {re.escape(repr(value))}\.$"):
        AutoTokenizer.from_pretrained(folder, use_fast=value)
    with pytest.raises(OptionError, match=r"^use_timm_backbone must be True or False, but is "):
        archsmith.AutoBackbone.from_pretrained(folder, use_timm_backbone=value)


@pytest.mark.parametrize("value", ["distilbert", {"model_type": "distilbert"}, 3, False, DistilBertConfig])
def test_a_configuration_is_one(folder, value):
    for auto in ("AutoTokenizer", "AutoImageProcessor", "AutoFeatureExtractor", "AutoProcessor"):
        with pytest.raises(ConfigError, match=r"^config must be a configuration, but is "):
            getattr(archsmith, auto).from_pretrained(folder, config=value)
    with pytest.raises(ConfigError, match=r"^AutoModel needs a configuration, but got "):
        AutoModel.from_pretrained(folder, config=value)


@pytest.mark.parametrize("auto", [name for name in archsmith.__all__ if name.startswith("Auto")])
def test_a_model_type_is_no_option_and_no_name_of_ours_is(folder, auto):
    load = getattr(archsmith, auto).from_pretrained
    with pytest.raises(OptionError) as refused:
        load(folder, model_type="bert")
    assert str(refused.value) == (
        f"{auto}: model_type is what the file says, and cannot be replaced by 'bert'. "
        "To read the files as another architecture, use the classes of that one."
    )
    for name in ("checkpoint", "values", "source"):
        with pytest.raises(OptionError, match=f"^{auto} has no option '{name}'"):
            load(folder, **{name: None})


def test_a_model_type_among_values_is_refused(folder):
    with pytest.raises(OptionError, match="cannot be replaced by 'bert'"):
        AutoConfig.from_dict({"model_type": "distilbert"}, model_type="bert")


@pytest.mark.parametrize("value", [None, 3, ["bert"], b"bert"])
def test_a_model_type_is_a_string(value):
    with pytest.raises(OptionError, match=r"^a model_type must be a string, but is "):
        AutoConfig.for_model(value)


def test_a_part_of_a_processor_that_there_is_none_of(folder):
    with pytest.raises(OptionError, match=r"^'tokeniser' is not a part of a processor. Did you mean 'tokenizer'\?$"):
        archsmith.AutoProcessor.from_pretrained(folder, tokeniser=None)
