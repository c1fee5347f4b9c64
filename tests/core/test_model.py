"""Models as a user holds them: building, facts, attention, devices and copies."""

import copy
import pickle

import numpy as np
import pytest
import torch

import archsmith
from archsmith import (
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertModel,
    PreTrainedConfig,
)
from archsmith.errors import ConfigError, InputError, OptionError

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 2, "hidden_dim": 16, "max_position_embeddings": 12}
IDS = torch.tensor([[1, 2, 3]])


@pytest.fixture
def config():
    return DistilBertConfig(**CONFIG)


@pytest.mark.parametrize("wrong", [None, {}, "distilbert", CONFIG, DistilBertConfig, PreTrainedConfig()])
def test_it_is_built_from_its_configuration(wrong):
    with pytest.raises(ConfigError, match=r"^DistilBertModel is built from a DistilBertConfig, but got "):
        DistilBertModel(wrong)
    with pytest.raises(ConfigError, match="To load a checkpoint use DistilBertModel"):
        DistilBertModel.from_config(wrong)


def test_an_invalid_configuration_builds_nothing(config):
    config.dim = 9
    with pytest.raises(ConfigError, match="n_heads is 2, but must divide dim 9"):
        DistilBertModel(config)


def test_options_of_from_config(config):
    model = DistilBertForMaskedLM.from_config(config, dtype="bfloat16", attn_implementation="eager")
    assert model.training
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert model.distilbert.attn_implementation == "eager"
    assert DistilBertModel.from_config(config).dtype == torch.float32
    with pytest.raises(OptionError) as caught:
        DistilBertModel.from_config(config, n_layers=3)
    assert str(caught.value) == "DistilBertModel.from_config has no option 'n_layers'. Change the configuration itself."
    for wrong in ({"dtype": "int8"}, {"attn_implementation": "flash"}, {"nonsense": 1}):
        with pytest.raises(OptionError):
            DistilBertModel.from_config(config, **wrong)


def test_facts(config):
    model = DistilBertForMaskedLM(config)
    assert model.base_model is model.distilbert
    assert model.distilbert.base_model is model.distilbert
    assert model.device == torch.device("cpu")
    distinct = {id(parameter): parameter.numel() for parameter in model.parameters()}
    assert model.num_parameters() == sum(distinct.values())
    model.distilbert.requires_grad_(False)
    assert model.num_parameters(only_trainable=True) < model.num_parameters()


def test_attention_can_be_chosen_later(config):
    model = DistilBertForMaskedLM(config).eval()
    one = model(IDS).logits
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(IDS).logits, one)
    for wrong in ("flash", "", 3):
        with pytest.raises(OptionError):
            model.set_attn_implementation(wrong)
    assert model.attn_implementation == "eager"


def test_copies_and_pickles(config):
    model = DistilBertForMaskedLM(config).eval()
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(other(IDS).logits, model(IDS).logits)
        assert other.vocab_projector.weight is other.distilbert.embeddings.word_embeddings.weight
        assert other.config == model.config
        assert other.config is not model.config


def test_gradients_reach_every_parameter(config):
    for model, labels in (
        (DistilBertForMaskedLM(config), IDS),
        (DistilBertForSequenceClassification(config), torch.tensor([1])),
    ):
        model(IDS, labels=labels).loss.backward()
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.isfinite().all(), name


def test_a_loaded_model_trains(config, tmp_path):
    DistilBertForMaskedLM(config).save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    model = DistilBertForMaskedLM.from_pretrained(tmp_path).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    losses = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = model.eval()(IDS, labels=IDS).loss
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert (tmp_path / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize(
    ("option", "hint"),
    [
        ("add_poolinglayer", " Did you mean 'add_pooling_layer'?"),
        ("alow_new", " Did you mean 'allow_new'?"),
        ("hidden_sizes", " Did you mean 'hidden_size'?"),
        ("ignore_mismatchd_sizes", " Did you mean 'ignore_mismatched_sizes'?"),
        ("qqq", ""),
    ],
)
def test_an_unknown_option_of_from_pretrained(tmp_path, option, hint):
    from archsmith import BertConfig, BertModel

    sizes = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8}
    BertModel(BertConfig(vocab_size=20, **sizes)).save_pretrained(tmp_path)
    with pytest.raises(OptionError) as error:
        BertModel.from_pretrained(tmp_path, **{option: True})
    assert str(error.value) == f"{option!r} is not a field of BertConfig, nor an option of BertModel.{hint}"


@pytest.mark.parametrize("name", ["DistilBertForMaskedLM", "ViTForImageClassification"])
def test_a_model_built_on_the_meta_device_has_shapes_and_no_values(name):
    model_class = getattr(archsmith, name)
    with torch.device("meta"):
        model = model_class(model_class.config_class())
    assert all(parameter.is_meta for parameter in model.parameters())
    assert model.num_parameters() > 60_000_000
    for tied, source in model.tied_names().items():
        assert model.get_parameter(tied) is model.get_parameter(source)
    with pytest.raises(InputError, match="is on the meta device: there are no values to save"):
        model.save_pretrained("nowhere")


# ---- what a call switches on ------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", [torch.ones(2), torch.tensor(True), np.ones(2), "no", 1, 0, [], [True], 0.0])
@pytest.mark.parametrize("name", ["output_attentions", "output_hidden_states", "return_dict"])
def test_a_switch_is_on_or_off(config, name, value):
    for model in (DistilBertModel(config), DistilBertForMaskedLM(config)):
        with pytest.raises(OptionError, match=rf"^{name} must be True or False, but is "):
            model(IDS, **{name: value})
        model(IDS, **{name: None})


def test_other_switches_are_too():
    pixels = torch.zeros(1, 3, 32, 32)
    small = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}
    vit = archsmith.ViTModel(archsmith.ViTConfig(image_size=32, patch_size=16, **small))
    swin = archsmith.MaskFormerSwinModel(archsmith.MaskFormerSwinConfig(embed_dim=8, depths=[1], num_heads=[1]))
    timm = archsmith.TimmWrapperModel(archsmith.TimmWrapperConfig(architecture="test_resnet")).eval()
    for model, name in ((vit, "interpolate_pos_encoding"), (swin, "interpolate_pos_encoding"), (timm, "do_pooling")):
        for value in (torch.ones(2), "yes", 1, []):
            with pytest.raises(OptionError, match=rf"^{name} must be True or False, but is "):
                model(pixels, **{name: value})


@pytest.mark.parametrize("name", ["Bert", "DistilBert", "Wav2Vec2", "ViT", "ResNet", "MaskFormerSwin", "Detr"])
def test_a_number_of_layers_has_a_limit_that_its_field_names(name):
    from archsmith_maskformer.config import DetrConfig

    kind = DetrConfig if name == "Detr" else getattr(archsmith, f"{name}Config")
    depth = {"DistilBert": "n_layers", "ResNet": "depths", "MaskFormerSwin": "depths", "Detr": "decoder_layers"}
    field = depth.get(name, "num_hidden_layers")
    for value in (10_001, 1_000_000, 10**400, float("nan"), True, np.bool_(True), "3"):
        given = [value] if field == "depths" else value
        with pytest.raises(ConfigError, match=rf"{field}(\[0\])? must be an integer from 1 to 10000, but is"):
            kind.from_dict({field: given})
    kind.from_dict({field: np.int64(2) if field != "depths" else [1, 1, 1, 1]})
