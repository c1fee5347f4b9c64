"""A save is held against what its configuration builds: what no load would take is refused while it still exists."""

import copy
import json
import pickle

import pytest
import torch
from torch import nn
from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper
from torch.nn.utils import parametrizations, prune

from archsmith import (
    BertConfig,
    BertForMaskedLM,
    BertForSequenceClassification,
    BertModel,
    MaskFormerConfig,
    MaskFormerForInstanceSegmentation,
    PreTrainedConfig,
    PreTrainedModel,
    ResNetConfig,
)
from archsmith.config import Size, field
from archsmith.errors import ArchsmithWarning, ConfigError, InputError, OptionError

SMALL = {
    "vocab_size": 30, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32
}  # fmt: skip


def classifier(**config) -> BertForSequenceClassification:
    return BertForSequenceClassification(BertConfig(**{**SMALL, **config}))


class Adapter(nn.Module):
    """A layer with a small one beside it, as fine-tuning libraries put it in the place of the layer."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base_layer, self.down, self.up = base, nn.Linear(base.in_features, 2), nn.Linear(2, base.out_features)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.base_layer(hidden) + self.up(self.down(hidden))


def replaced_head(model):
    model.classifier = nn.Linear(16, 5)


def another_number_of_labels(model):
    model.config.num_labels = 5


def fewer_layers(model):
    model.bert.encoder.layer = model.bert.encoder.layer[:1]


def fewer_layers_in_the_configuration(model):
    model.config.num_hidden_layers = 1


def one_more_part(model):
    model.second_head = nn.Linear(16, 2)


def a_buffer_more(model):
    model.register_buffer("temperature", torch.ones(1))


def a_head_without_bias(model):
    model.classifier = nn.Linear(16, 2, bias=False)


def an_adapter(model):
    attention = model.bert.encoder.layer[0].attention.self
    attention.query = Adapter(attention.query)


def an_adapter_of_the_embeddings(model):
    model.bert.embeddings.word_embeddings = nn.Sequential(model.bert.embeddings.word_embeddings)


def a_parametrised_part(model):
    parametrizations.weight_norm(model.classifier)


def a_pruned_part(model):
    prune.l1_unstructured(model.classifier, "weight", 0.5)


def quantised_weights(model):
    model.classifier.weight = nn.Parameter(torch.zeros(2, 16, dtype=torch.int8), requires_grad=False)


def wrapped_in_a_name_of_its_own(model):
    model.bert = nn.ModuleDict({"module": model.bert})


CHANGES = [
    (replaced_head, "'classifier.weight' must be [2, 16] float, but the model holds [5, 16] F32"),
    (another_number_of_labels, "'classifier.bias' must be [5] float, but the model holds [2] F32"),
    (fewer_layers, "missing key 'bert.encoder.layer.1.attention.self.query.weight'"),
    (fewer_layers_in_the_configuration, "unexpected key 'bert.encoder.layer.1.attention.self.query.weight'"),
    (one_more_part, "unexpected key 'second_head.weight'"),
    (a_buffer_more, "unexpected key 'temperature'"),
    (a_head_without_bias, "missing key 'classifier.bias'"),
    (an_adapter, "unexpected key 'bert.encoder.layer.0.attention.self.query.base_layer.weight'"),
    (an_adapter_of_the_embeddings, "unexpected key 'bert.embeddings.word_embeddings.0.weight'"),
    (a_parametrised_part, "unexpected key 'classifier.parametrizations.weight.original0'"),
    (a_pruned_part, "unexpected key 'classifier.weight_orig'"),
    (quantised_weights, "'classifier.weight' must be [2, 16] float, but the model holds [2, 16] I8"),
    (wrapped_in_a_name_of_its_own, "unexpected key 'bert.module.embeddings.word_embeddings.weight'"),
]


@pytest.mark.parametrize(("change", "fault"), CHANGES, ids=lambda value: getattr(value, "__name__", ""))
@pytest.mark.parametrize("comes_from", ["constructor", "files", "copy", "pickle"])
def test_what_no_load_would_take_is_refused_before_a_byte_is_written(tmp_path, change, fault, comes_from):
    model = classifier()
    if comes_from == "files":
        model.save_pretrained(tmp_path / "before")
        model = BertForSequenceClassification.from_pretrained(tmp_path / "before")
    elif comes_from == "copy":
        model = copy.deepcopy(model)
    elif comes_from == "pickle":
        model = pickle.loads(pickle.dumps(model))
    change(model)
    with pytest.raises(
        ConfigError, match="BertForSequenceClassification cannot be saved: it is not the model"
    ) as error:
        model.save_pretrained(tmp_path / "after")
    assert any(fault in each for each in error.value.faults), error.value.faults
    assert not (tmp_path / "after").exists()


def test_the_whole_message(tmp_path):
    model = classifier()
    model.classifier = nn.Linear(16, 3)
    with pytest.raises(ConfigError) as error:
        model.save_pretrained(tmp_path)
    assert str(error.value) == (
        "BertForSequenceClassification cannot be saved: it is not the model that its configuration builds, so no load "
        "would take it:\n"
        "  - 'classifier.weight' must be [2, 16] float, but the model holds [3, 16] F32\n"
        "  - 'classifier.bias' must be [2] float, but the model holds [3] F32\n"
        "Set the configuration to what the model is (as num_labels, or the number of layers), or undo what has "
        "replaced or wrapped its parts. To keep the weights as they are use safetensors.torch.save_model(model, file)."
    )
    model.config.num_labels = 3
    model.save_pretrained(tmp_path)  # as it says
    assert torch.equal(
        BertForSequenceClassification.from_pretrained(tmp_path).classifier.weight, model.classifier.weight
    )


def test_an_adapter_that_changes_a_configuration_which_another_model_shares(tmp_path):
    config = BertConfig(**SMALL)
    one, other = BertForSequenceClassification(config), BertForSequenceClassification(config)
    other.classifier = nn.Linear(16, 4)
    other.config.num_labels = 4
    other.save_pretrained(tmp_path / "other")
    with pytest.raises(ConfigError, match=r"'classifier\.weight' must be"):
        one.save_pretrained(tmp_path / "one")


def compiled_part(model):
    model.bert.encoder = torch.compile(model.bert.encoder, backend="eager")


def compiled_base(model):
    model.bert = torch.compile(model.bert, backend="eager")


def compiled_layers(model):
    for index, layer in enumerate(model.bert.encoder.layer):
        model.bert.encoder.layer[index] = torch.compile(layer, backend="eager")


def compiled_twice(model):
    compiled_layers(model)
    compiled_part(model)


def compiled_in_place(model):
    model.compile(backend="eager")


def parallel_base(model):
    model.bert = nn.DataParallel(model.bert)


def checkpointed_layer(model):
    model.bert.encoder.layer[0] = checkpoint_wrapper(model.bert.encoder.layer[0])


@pytest.mark.parametrize(
    "wrap",
    [
        compiled_part,
        compiled_base,
        compiled_layers,
        compiled_twice,
        compiled_in_place,
        parallel_base,
        checkpointed_layer,
    ],
)
@pytest.mark.parametrize("cls", [BertForSequenceClassification, BertForMaskedLM])
def test_wrappers_that_only_rename_are_seen_through(tmp_path, wrap, cls):
    model = cls(BertConfig(**SMALL))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    wrap(model)
    model.save_pretrained(tmp_path)
    after = cls.from_pretrained(tmp_path)
    assert after.load_report.new == after.load_report.unused == ()
    assert list(after.state_dict()) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.state_dict().items())


def test_a_model_that_is_wrapped_whole(tmp_path):
    model = classifier()
    torch.compile(model, backend="eager").save_pretrained(tmp_path / "compiled")
    nn.DataParallel(model).module.save_pretrained(tmp_path / "parallel")
    for folder in ("compiled", "parallel"):
        after = BertForSequenceClassification.from_pretrained(tmp_path / folder)
        assert torch.equal(after.classifier.weight, model.classifier.weight)


def test_what_may_change(tmp_path):
    model = BertForMaskedLM(BertConfig(**SMALL))
    model.resize_token_embeddings(40)
    model.prune_heads({0: [1]})
    model.config.update(problem_type="regression", id2label={0: "a", 1: "b", 2: "c"})
    model.bfloat16().freeze("bert.embeddings.*")
    model.save_pretrained(tmp_path)
    after = BertForMaskedLM.from_pretrained(tmp_path)
    assert all(torch.equal(after.state_dict()[name], tensor) for name, tensor in model.state_dict().items())


def test_options_of_the_constructor_count(tmp_path):
    BertModel(BertConfig(**SMALL), add_pooling_layer=False).save_pretrained(tmp_path / "one")
    assert BertModel.from_pretrained(tmp_path / "one", add_pooling_layer=False).load_report.new == ()
    changed = BertModel(BertConfig(**SMALL), False)
    changed.resize_token_embeddings(33)
    changed.save_pretrained(tmp_path / "two")
    assert BertModel.from_pretrained(tmp_path / "two", add_pooling_layer=False).load_report.new == ()


def test_an_inner_model_saves_itself(tmp_path):
    model = BertForMaskedLM(BertConfig(**SMALL))  # its inner model has no pooler, which is optional
    model.bert.save_pretrained(tmp_path)
    with pytest.warns(ArchsmithWarning, match=r"start from random values: pooler.dense.weight, pooler.dense.bias\."):
        after = BertModel.from_pretrained(tmp_path)
    assert torch.equal(after.embeddings.word_embeddings.weight, model.bert.embeddings.word_embeddings.weight)
    model.bert.encoder.layer = model.bert.encoder.layer[:1]
    with pytest.raises(ConfigError, match="BertModel cannot be saved"):
        model.bert.save_pretrained(tmp_path)


def test_a_host_is_built_from_the_backbone_that_is_written_with_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    small = {"encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8, "d_model": 8}
    small |= {"encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = MaskFormerConfig(
        backbone_config=ResNetConfig(
            embedding_size=4, hidden_sizes=[4, 6, 8, 10], depths=[1, 1, 1, 1], layer_type="basic"
        ),
        fpn_feature_size=32,
        mask_feature_size=8,
        decoder_config=small | {"model_type": "detr", "num_queries": 3},
    )
    model = MaskFormerForInstanceSegmentation(config)
    model.config.num_labels = 4
    with pytest.raises(ConfigError, match=r"'class_predictor.weight' must be \[5, 8\] float"):
        model.save_pretrained(tmp_path)
    model.class_predictor = nn.Linear(8, 5)
    model.save_pretrained(tmp_path)
    after = MaskFormerForInstanceSegmentation.from_pretrained(tmp_path)
    assert all(torch.equal(after.state_dict()[name], tensor) for name, tensor in model.state_dict().items())
    file = tmp_path / "config.json"
    content = json.loads(file.read_text())
    content["backbone_config"]["quantization_config"] = {"quant_method": "awq"}
    file.write_text(json.dumps(content))
    with pytest.warns(
        ArchsmithWarning, match=r"says that the weights are quantised \('awq'\), which archsmith does not"
    ):
        MaskFormerForInstanceSegmentation.from_pretrained(tmp_path)


class ToyConfig(PreTrainedConfig):
    """A configuration of the tests."""

    model_type = "toy_of_save_checks"
    dim: Size = field(default=4, doc="Width.")


class NeedsMore(PreTrainedModel):
    """A model whose constructor asks for what no configuration says."""

    config_class = ToyConfig

    def __init__(self, config: ToyConfig, *, parts: list[nn.Module]) -> None:
        super().__init__(config)
        self.layers = nn.ModuleList([nn.Linear(config.dim, config.dim), *parts])
        if any(parameter.is_meta for part in parts for parameter in part.parameters()):
            raise ValueError("no values")


def test_a_class_that_its_configuration_alone_cannot_build_is_announced(tmp_path):
    model = NeedsMore(ToyConfig(), parts=[])
    model.save_pretrained(tmp_path / "as built")
    model.build_record = type(model.build_record)()  # as that of a model which another one has built
    with pytest.warns(ArchsmithWarning) as said:
        model.save_pretrained(tmp_path / "changed")
    assert str(said[0].message) == (
        "NeedsMore is saved, but nobody knows whether it loads: NeedsMore(config) fails with TypeError: "
        "NeedsMore.__init__() missing 1 required keyword-only argument: 'parts'. Save a model that its configuration "
        "alone can build."
    )
    assert said[0].filename == __file__
    assert (tmp_path / "changed" / "model.safetensors").is_file()


def test_a_number_that_is_none_is_announced(tmp_path):
    model = classifier()
    with torch.no_grad():
        model.classifier.bias[1] = float("nan")
    with pytest.warns(ArchsmithWarning, match="'classifier.bias' holds NaN or infinity. It is saved as it is; to load"):
        model.save_pretrained(tmp_path)
    after = BertForSequenceClassification.from_pretrained(tmp_path, check_finite=False)
    assert after.classifier.bias[1].isnan()


class WithState(nn.Linear):
    """A layer with state that is no tensor."""

    def get_extra_state(self):
        return {"steps": 3}

    def set_extra_state(self, state):
        pass


class WithExtraState(PreTrainedModel):
    """A model that has such a layer."""

    config_class = ToyConfig

    def __init__(self, config: ToyConfig) -> None:
        super().__init__(config)
        self.layer = WithState(config.dim, config.dim)


def test_what_is_no_dense_tensor(tmp_path):
    model = WithExtraState(ToyConfig())
    with pytest.raises(InputError, match=r"'layer\._extra_state' is dict, but safetensors files hold dense tensors"):
        model.save_pretrained(tmp_path / "new")
    model = classifier()
    model.classifier.weight = nn.Parameter(torch.eye(2, 16).to_sparse())
    with pytest.raises(InputError, match=r"'classifier\.weight' is a tensor of layout torch\.sparse_coo, but"):
        model.save_pretrained(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_type_that_files_cannot_hold(tmp_path):
    model = classifier()
    model.classifier.bias = nn.Parameter(torch.zeros(2, dtype=torch.complex128))
    with pytest.raises(
        InputError, match=r"'classifier\.bias' is of type complex128, but safetensors files hold bool, "
    ):
        model.save_pretrained(tmp_path)
    assert not list(tmp_path.iterdir())


def test_an_argument_that_a_save_does_not_take(tmp_path):
    refusals = {
        "safe_serialization": "safe_serialization=False cannot be had here. Leave it out: weights are always written ",
        "max_shard_sise": "'max_shard_sise' is not an option of BertForSequenceClassification. Did you mean 'max_shard",
        "is_main_process": "is_main_process must be True or False, but is 0.",
        "variant": "variant='fp16' cannot be had here. Save into a folder of another name.",
        "commit_message": "commit_message='x' cannot be had here. Pass push_to_hub=True with it.",
    }
    values = {"safe_serialization": False, "is_main_process": 0, "variant": "fp16"}
    for option, message in refusals.items():
        with pytest.raises(OptionError) as refused:
            classifier().save_pretrained(tmp_path, **{option: values.get(option, "x")})
        assert str(refused.value).startswith(message)
    assert not list(tmp_path.iterdir())


def test_what_computes_otherwise_than_the_configuration_says_is_announced(tmp_path):
    model = classifier()
    model.config.update(layer_norm_eps=0.5, hidden_dropout_prob=0.3)
    with pytest.warns(ArchsmithWarning) as said:
        model.save_pretrained(tmp_path)
    was, would = nn.LayerNorm(16, eps=1e-12), nn.LayerNorm(16, eps=0.5)
    assert str(said[0].message) == (
        "BertForSequenceClassification is saved, but what is loaded will not be the same: "
        f"'bert.embeddings.LayerNorm' is {was}, but would be {would}; 'bert.embeddings.dropout' is Dropout(p=0.1, "
        "inplace=False), but would be Dropout(p=0.3, inplace=False); 'bert.encoder.layer.0.attention.output.LayerNorm' "
        f"is {was}, but would be {would}; and 8 more. The configuration has changed since the model was built from "
        "it, or a part was replaced."
    )
