import dataclasses

import pytest

from archsmith.errors import PluginError
from archsmith.plugin import Architecture, Extension, ManifestError, Preprocessing
from archsmith.tasks import TASKS

FULL = {
    "model_type": "toy_v2-large",
    "config": "toy.config:ToyConfig",
    "models": {"base": "toy.model:ToyModel", "masked-lm": "toy.model:ToyForMaskedLM"},
    "tokenizer": "BertTokenizer",
    "tokenizer_fast": "toy.tokenizer:ToyTokenizerFast",
    "image_processor": "toy.image_processor:ToyImageProcessor",
    "feature_extractor": "toy.feature_extractor:ToyFeatureExtractor",
    "processor": "toy.processor:ToyProcessor",
    "presets": {"acme/toy": {"dim": 8}},
    "aliases": {"OldToyModel": "ToyModel"},
    "private_configs": ("toy.detr:DetrConfig",),
}
REFERENCE = "must be a reference 'module:Class' (or the name of another plugin's class), but is"


def faults_of(record, **fields):
    with pytest.raises(ManifestError) as caught:
        record(**fields)
    return str(caught.value)


def test_a_full_record():
    record = Architecture(**FULL)
    assert record.references() == {
        "config": "toy.config:ToyConfig",
        "models.base": "toy.model:ToyModel",
        "models.masked-lm": "toy.model:ToyForMaskedLM",
        "tokenizer": "BertTokenizer",
        "tokenizer_fast": "toy.tokenizer:ToyTokenizerFast",
        "image_processor": "toy.image_processor:ToyImageProcessor",
        "feature_extractor": "toy.feature_extractor:ToyFeatureExtractor",
        "processor": "toy.processor:ToyProcessor",
        "private_configs.0": "toy.detr:DetrConfig",
    }
    assert record.exports() == {
        "ToyConfig": "toy.config:ToyConfig",
        "ToyModel": "toy.model:ToyModel",
        "ToyForMaskedLM": "toy.model:ToyForMaskedLM",
        "ToyTokenizerFast": "toy.tokenizer:ToyTokenizerFast",
        "ToyImageProcessor": "toy.image_processor:ToyImageProcessor",
        "ToyFeatureExtractor": "toy.feature_extractor:ToyFeatureExtractor",
        "ToyProcessor": "toy.processor:ToyProcessor",
        "OldToyModel": "toy.model:ToyModel",
    }


def test_the_smallest_record():
    record = Architecture(model_type="toy", config="toy.config:ToyConfig")
    assert record.references() == {"config": "toy.config:ToyConfig"}
    assert record.exports() == {"ToyConfig": "toy.config:ToyConfig"}


def test_a_record_does_not_change():
    models = {"base": "toy.model:ToyModel"}
    record = Architecture(model_type="toy", config="toy.config:ToyConfig", models=models)
    models["masked-lm"] = "toy.model:ToyForMaskedLM"
    assert dict(record.models) == {"base": "toy.model:ToyModel"}
    with pytest.raises(TypeError):
        record.models["masked-lm"] = "toy.model:ToyForMaskedLM"
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.config = "x:Y"


def test_private_configs_may_be_a_list():
    record = Architecture(model_type="toy", config="toy.config:ToyConfig", private_configs=["toy.detr:DetrConfig"])
    assert record.private_configs == ("toy.detr:DetrConfig",)


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        ("model_type", "Toy", "model_type must be lower-case letters, digits, '_' and '-', but is 'Toy'"),
        ("model_type", None, "model_type must be lower-case letters, digits, '_' and '-', but is None"),
        (
            "config",
            "toy.config.ToyConfig",
            f"config {REFERENCE} 'toy.config.ToyConfig'",
        ),
        (
            "tokenizer",
            "toy/tokenizer.py:Toy",
            f"tokenizer {REFERENCE} 'toy/tokenizer.py:Toy'",
        ),
        (
            "models",
            {"masked_lm": "toy.model:ToyForMaskedLM"},
            "the task key 'masked_lm' is a known one that is spelt otherwise: write 'masked-lm'",
        ),
        (
            "models",
            {"base": 7},
            f"models['base'] {REFERENCE} 7",
        ),
        ("models", ["toy.model:ToyModel"], "models must map task keys to references, but is ['toy.model:ToyModel']"),
        (
            "models",
            {"base": "toy.model:ToyConfig"},
            "'ToyConfig' names two classes: 'toy.config:ToyConfig' and 'toy.model:ToyConfig'",
        ),
        ("presets", {"acme/toy": 3}, "presets['acme/toy'] must be a mapping of configuration values, but is 3"),
        ("presets", 3, "presets must map checkpoint ids to configuration values, but is 3"),
        ("aliases", 3, "aliases must map older class names to this plugin's class names, but is 3"),
        ("aliases", {"old": "ToyModel"}, "aliases must map class names to class names, but holds 'old': 'ToyModel'"),
        (
            "aliases",
            {"OldModel": "ToyModle"},
            "the alias 'OldModel' leads to 'ToyModle', which is not a class of this record: ToyConfig, ToyModel",
        ),
        ("aliases", {"ToyConfig": "ToyModel"}, "the alias 'ToyConfig' hides the class 'toy.config:ToyConfig'"),
        (
            "private_configs",
            "toy.detr:DetrConfig",
            "private_configs must be a tuple of references, but is 'toy.detr:DetrConfig'",
        ),
        ("private_configs", 3, "private_configs must be a tuple of references, but is 3"),
        (
            "private_configs",
            ["DetrConfig"],
            "private_configs must hold references 'module:Class', but holds 'DetrConfig'",
        ),
    ],
)
def test_each_fault(field, value, fault):
    fields = {"model_type": "toy", "config": "toy.config:ToyConfig", "models": {"base": "toy.model:ToyModel"}}
    fields[field] = value
    assert faults_of(Architecture, **fields) == f"Architecture({fields['model_type']!r}): {fault}"


def test_all_faults_at_once():
    assert faults_of(Architecture, model_type="Toy", config="x", presets=3) == (
        "Architecture('Toy'): model_type must be lower-case letters, digits, '_' and '-', but is 'Toy'; "
        "config must be a reference 'module:Class' (or the name of another plugin's class), but is 'x'; "
        "presets must map checkpoint ids to configuration values, but is 3"
    )


def test_an_unknown_field():
    with pytest.raises(TypeError, match="unexpected keyword argument 'modles'"):
        Architecture(model_type="toy", config="toy.config:ToyConfig", modles={})


def test_extension():
    extension = Extension(model_type="bert", models={"toy-task": "toy.model:BertForToyTask"})
    assert extension.references() == {"models.toy-task": "toy.model:BertForToyTask"}
    assert extension.exports() == {"BertForToyTask": "toy.model:BertForToyTask"}
    assert faults_of(Extension, model_type="bert", models={}) == (
        "Extension('bert'): there must be at least a task in models, or one of tokenizer, tokenizer_fast, "
        "image_processor, feature_extractor, processor"
    )


def test_an_extension_of_preprocessing_alone():
    extension = Extension(
        model_type="bert", image_processor="toy.images:ToyImages", aliases={"OldImages": "ToyImages"}, tokenizer="Bare"
    )
    assert dict(extension.models) == {}
    assert extension.references() == {"tokenizer": "Bare", "image_processor": "toy.images:ToyImages"}
    assert extension.exports() == {"ToyImages": "toy.images:ToyImages", "OldImages": "toy.images:ToyImages"}


def test_preprocessing():
    record = Preprocessing(name="toy", tokenizer="toy.tokenizer:ToyTokenizer", aliases={"Older": "ToyTokenizer"})
    assert record.references() == {"tokenizer": "toy.tokenizer:ToyTokenizer"}
    assert list(record.exports()) == ["ToyTokenizer", "Older"]
    with pytest.raises(TypeError):
        record.aliases["x"] = "y"
    assert faults_of(Preprocessing, name="toy", processor="") == (f"Preprocessing('toy'): processor {REFERENCE} ''")


@pytest.mark.parametrize(
    ("key", "right"),
    [
        ("Masked-LM", "masked-lm"),
        ("causal_lm", "causal-lm"),
        ("causallm", "causal-lm"),
        ("seq-2-seq-lm", "seq2seq-lm"),
        ("image-text-totext", "image-text-to-text"),
        ("Base", "base"),
        ("back-bone", "backbone"),
    ],
)
@pytest.mark.parametrize("record", [Architecture, Extension])
def test_a_near_miss_of_a_published_task(record, key, right):
    config = {"config": "toy.config:ToyConfig"} if record is Architecture else {}
    assert faults_of(record, model_type="toy", models={key: "toy.model:ToyModel"}, **config) == (
        f"{record.__name__}('toy'): the task key {key!r} is a known one that is spelt otherwise: write {right!r}"
    )


def test_published_tasks_and_others_are_taken():
    keys = [*TASKS, "base", "backbone", "toy-parsing", "causal-language", "lm"]
    models = {key: f"toy.model:Toy{number}" for number, key in enumerate(keys)}
    assert list(Extension(model_type="toy", models=models).models) == keys


def test_a_manifest_error_is_in_the_tree():
    assert issubclass(ManifestError, PluginError)
    assert issubclass(ManifestError, ValueError)
