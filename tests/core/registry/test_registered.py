"""What a program registers for its own process: single classes with the Auto classes, and whole plugins."""

import sys
from types import ModuleType

import pytest
import torch

import archsmith
from archsmith import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoModelForSequenceClassification,
    AutoProcessor,
    AutoTokenizer,
    BertConfig,
    BertModel,
    BertTokenizer,
    BertTokenizerFast,
    DistilBertConfig,
    ImageProcessor,
    PreTrainedConfig,
    PreTrainedModel,
    Processor,
    SequenceFeatureExtractor,
)
from archsmith.config import Size, field
from archsmith.errors import OptionError, PluginConflict, PluginDisabled, PluginError, UnknownArchitecture, UnknownTask
from archsmith.registry import Kind, register, registry
from archsmith.registry import registered as room

SMALL = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "vocab_size": 10, "num_hidden_layers": 1}


class MineConfig(PreTrainedConfig):
    model_type = "mine"
    dim: Size = field(default=4, doc="Width.")


class MineModel(PreTrainedModel):
    config_class = MineConfig

    def __init__(self, config: MineConfig) -> None:
        super().__init__(config)
        self.layer = torch.nn.Linear(config.dim, config.dim)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return self.layer(values)


class MineClassifier(MineModel):
    pass


class OtherBert(BertModel):
    pass


@pytest.fixture(autouse=True)
def _process(monkeypatch):
    """Begin as a process that has registered nothing, and end so."""
    monkeypatch.setattr(room, "_classes", {})
    monkeypatch.setattr(registry.catalog, "_registered", {})
    yield
    monkeypatch.undo()
    registry.catalog.look_again()


def test_an_architecture_of_the_programs_own(tmp_path):
    AutoConfig.register("mine", MineConfig)
    AutoModel.register(MineConfig, MineModel)
    AutoModelForSequenceClassification.register(config_class=MineConfig, model_class=MineClassifier)
    model = AutoModel.from_config(AutoConfig.for_model("mine", dim=3))
    assert type(model) is MineModel
    model.save_pretrained(tmp_path)
    assert type(AutoConfig.from_pretrained(tmp_path)) is MineConfig
    assert type(AutoModelForSequenceClassification.from_pretrained(tmp_path)) is MineClassifier
    again = AutoModel.from_pretrained(tmp_path)
    assert torch.equal(again.layer.weight, model.layer.weight)
    assert archsmith.MineModel is MineModel
    assert "mine" in registry.names()
    assert registry.tasks("mine").keys() == {"base", "sequence-classification"}
    with pytest.raises(UnknownTask, match=r"'mine' .* has no model for the task 'backbone'"):
        registry.load("mine", "models.backbone")


def test_parts(tmp_path):
    class MineImages(ImageProcessor):
        pass

    class MineExtractor(SequenceFeatureExtractor):
        pass

    class MineProcessor(Processor):
        pass

    class MineTokenizer(BertTokenizer):
        pass

    class MineTokenizerFast(BertTokenizerFast):
        pass

    AutoConfig.register("mine", config=MineConfig)
    AutoTokenizer.register(MineConfig, fast_tokenizer_class=MineTokenizerFast, slow_tokenizer_class=MineTokenizer)
    AutoImageProcessor.register(MineConfig, None, MineImages)
    AutoFeatureExtractor.register(MineConfig, feature_extractor_class=MineExtractor)
    AutoProcessor.register(MineConfig, MineProcessor)
    found = {role: registry.load("mine", role) for role in registry.roles("mine")}
    assert found == {
        "config": MineConfig,
        "tokenizer": MineTokenizer,
        "tokenizer_fast": MineTokenizerFast,
        "image_processor": MineImages,
        "feature_extractor": MineExtractor,
        "processor": MineProcessor,
    }
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n")
    MineTokenizer(str(vocabulary)).save_pretrained(tmp_path / "saved")
    MineConfig().save_pretrained(tmp_path / "saved")
    assert type(AutoTokenizer.from_pretrained(tmp_path / "saved", use_fast=False)) is MineTokenizer
    assert type(AutoTokenizer.from_pretrained(tmp_path / "saved")) is MineTokenizerFast


def test_a_class_of_an_installed_architecture_is_replaced_only_if_that_is_said():
    said = r"^the 'models.base' of 'bert' is archsmith-bert .*BertModel\), and not .*:OtherBert\. Pass exist_ok=True"
    with pytest.raises(PluginConflict, match=said):
        AutoModel.register(BertConfig, OtherBert)
    assert type(AutoModel.from_config(BertConfig(**SMALL))) is BertModel
    AutoModel.register(BertConfig, OtherBert, exist_ok=True)
    assert type(AutoModel.from_config(BertConfig(**SMALL))) is OtherBert
    AutoModel.register(BertConfig, OtherBert)  # once more changes nothing
    with pytest.raises(PluginConflict, match=r"the 'models.base' of 'bert' is this-program"):
        AutoModel.register(BertConfig, BertModel)
    AutoModel.register(BertConfig, BertModel, exist_ok=True)
    assert type(AutoModel.from_config(BertConfig(**SMALL))) is BertModel


def test_what_is_so_already_needs_no_leave():
    AutoConfig.register("bert", BertConfig)
    AutoModel.register(BertConfig, BertModel)
    assert registry.catalog._registered == {}


def test_a_configuration_that_is_known_stays():
    class MyBert(PreTrainedConfig):
        model_type = "bert"

    for exist_ok in (False, True):
        with pytest.raises(
            PluginConflict, match=r"the 'config' of 'bert' is archsmith-bert .* Give the architecture anot"
        ):
            AutoConfig.register("bert", MyBert, exist_ok=exist_ok)
    AutoConfig.register("mine", MineConfig)
    again = type("MineConfig", (PreTrainedConfig,), {"model_type": "mine", "__module__": __name__})
    with pytest.raises(PluginConflict, match="the 'config' of 'mine' is this-program"):
        AutoConfig.register("mine", again)
    AutoConfig.register("mine", again, exist_ok=True)  # as a cell of a notebook that is run again
    assert registry.load("mine", "config") is again


@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        (
            lambda: AutoConfig.register("other", MineConfig),
            OptionError,
            "cannot be registered for 'other', with model_",
        ),
        (lambda: AutoConfig.register(MineConfig, MineConfig), OptionError, "cannot be registered for <class"),
        (lambda: AutoConfig.register("bert", BertConfig()), OptionError, "cannot be registered for 'bert'"),
        (
            lambda: AutoModel.register(MineConfig, MineModel),
            UnknownArchitecture,
            "No installed plugin provides model_typ",
        ),
        (
            lambda: AutoModel.register("bert", OtherBert),
            OptionError,
            "cannot be registered for 'bert', with model_type N",
        ),
        (lambda: AutoModel.register(BertConfig(), OtherBert), OptionError, "cannot be registered for BertConfig"),
        (lambda: AutoModel.register(PreTrainedConfig, OtherBert), OptionError, "cannot be registered for"),
        (lambda: AutoModel.register(BertConfig, 5), OptionError, "5 cannot be registered for"),
        (lambda: AutoModel.register(BertConfig, exists_ok=OtherBert), OptionError, "no option 'exists_ok'"),
        (lambda: AutoModel.register(BertConfig, OtherBert, exist_ok=1), OptionError, "exist_ok must be True or False"),
        (lambda: register("archsmith_bert.plugin"), OptionError, "register takes the manifest module of a plugin, but"),
    ],
)
def test_refusals(act, kind, said):
    with pytest.raises(kind, match=said):
        act()
    assert registry.catalog._registered == {}
    assert room._classes == {}


def test_two_classes_of_one_name_are_refused():
    AutoConfig.register("mine", MineConfig)
    AutoModel.register(MineConfig, MineModel)
    other = type("MineModel", (MineClassifier,), {})
    with pytest.raises(OptionError, match="another class of the name 'MineModel' is registered"):
        AutoModelForSequenceClassification.register(MineConfig, other)
    assert registry.load("mine", "models.base") is MineModel
    assert "models.sequence-classification" not in registry.roles("mine")


def test_a_class_that_is_no_part_is_refused_when_it_is_asked_for():
    AutoConfig.register("mine", MineConfig)
    AutoProcessor.register(MineConfig, MineModel)
    with pytest.raises(PluginError, match="the processor of 'mine', must be a subclass of Processor, but is not"):
        registry.load("mine", "processor")


def test_the_settings_of_the_user_hold(monkeypatch):
    monkeypatch.setenv("ARCHSMITH_PLUGINS", "archsmith-bert")
    with pytest.raises(PluginDisabled, match=r"this-program .* is not listed in ARCHSMITH_PLUGINS"):
        AutoConfig.register("mine", MineConfig)
    assert "mine" not in registry.names()


# ---- whole plugins ------------------------------------------------------------------------------------------------


@pytest.fixture
def bundled(tmp_path, monkeypatch):
    """A package without metadata, as it is in a program that is bundled into one file."""
    package = tmp_path / "acme_bundled"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "plugin.py").write_text(
        "from archsmith.plugin import Architecture, Extension, hookimpl\n"
        "@hookimpl\n"
        "def architectures():\n"
        "    yield Architecture(model_type='bundled', config='acme_bundled.config:BundledConfig')\n"
        "@hookimpl\n"
        "def extensions():\n"
        "    yield Extension(model_type='bert', models={'acme': 'acme_bundled.config:Acme'})\n"
    )
    (package / "config.py").write_text(
        "from archsmith import BertModel, PreTrainedConfig\n"
        "class BundledConfig(PreTrainedConfig):\n    model_type = 'bundled'\n"
        "class Acme(BertModel):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import acme_bundled.plugin

    yield acme_bundled.plugin
    for name in [name for name in sys.modules if name.startswith("acme_bundled")]:
        del sys.modules[name]


def test_a_plugin_without_metadata(bundled, tmp_path):
    with pytest.raises(UnknownArchitecture):
        AutoConfig.for_model("bundled")
    for _ in range(2):
        register(bundled)
    config = AutoConfig.for_model("bundled")
    assert type(config).__name__ == "BundledConfig"
    config.save_pretrained(tmp_path)
    assert AutoConfig.from_pretrained(tmp_path) == config
    assert registry.load("bert", "models.acme").__name__ == "Acme"
    entries = [entry for entry in registry.entries() if entry.distribution == "acme-bundled"]
    assert [(entry.kind, entry.model_type) for entry in entries] == [
        (Kind.ARCHITECTURE, "bundled"),
        (Kind.EXTENSION, "bert"),
    ]


def test_an_installed_plugin_may_be_registered_too():
    import archsmith_bert.plugin

    before = registry.entries()
    register(archsmith_bert.plugin)
    assert registry.entries() == before
    assert AutoConfig.for_model("bert") == BertConfig()


def test_a_plugin_that_claims_what_another_has_is_refused(bundled):
    rival = ModuleType("acme_rival")
    rival.architectures = archsmith.plugin.hookimpl(
        lambda: [archsmith.plugin.Architecture(model_type="bert", config="acme_bundled.config:BundledConfig")]
    )
    with pytest.raises(
        PluginConflict, match=r"model_type 'bert' is claimed by 2 distributions: acme-rival .*, archsmith-b"
    ):
        register(rival)
    assert AutoConfig.for_model("bert") == BertConfig()
    assert type(AutoConfig.for_model("distilbert")) is DistilBertConfig


def test_a_module_that_declares_nothing_is_refused():
    with pytest.raises(OptionError, match="declares no plugin"):
        register(ModuleType("acme_empty"))
