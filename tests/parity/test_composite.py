"""Wholes that the reference saved: their parts are read out of the same files, with the same values."""

import pytest
import torch
from torch import nn

from archsmith import PreTrainedConfig, PreTrainedModel
from archsmith.config import Size, field
from archsmith.errors import ArchsmithWarning, ConfigError

from .oracle import transformers

TEXT = {"vocab_size": 40, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 8}
VISION = {"image_size": 8, "patch_size": 4, **{name: TEXT[name] for name in list(TEXT)[1:]}}


class TextConfig(PreTrainedConfig):
    """What a text model's configuration has in common."""

    base_config_key = "text_config"

    vocab_size: Size = field(default=10, doc="Tokens.")
    hidden_size: Size = field(default=4, doc="Width.")
    num_hidden_layers: Size = field(default=2, doc="Layers.")


class ClipTextConfig(TextConfig):
    model_type = "clip_text_model"


class BlipTextConfig(TextConfig):
    model_type = "blip_text_model"


class BertLikeConfig(TextConfig):
    model_type = "bert"


class Tower(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.final_layer_norm = nn.LayerNorm(config.hidden_size)
        self.embeddings = nn.ModuleDict({"token_embedding": nn.Embedding(config.vocab_size, config.hidden_size)})


class ClipText(PreTrainedModel):
    """Some modules of the text model, under the names that they have in a CLIP; the others are left over."""

    config_class = ClipTextConfig

    def __init__(self, config):
        super().__init__(config)
        self.text_model = Tower(config)


def test_parts_of_a_clip(tmp_path):
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=4)
    model = transformers.CLIPModel(config)
    model.save_pretrained(tmp_path)
    read = ClipTextConfig.from_pretrained(tmp_path)
    theirs = transformers.CLIPTextConfig.from_pretrained(tmp_path)
    assert all(getattr(read, name) == getattr(theirs, name) for name in ("vocab_size", "hidden_size"))
    rest = ["text_model.encoder.*", "text_model.embeddings.position*"]
    with pytest.warns(ArchsmithWarning, match="not used by this model"):
        part = ClipText.from_pretrained(tmp_path, allow_unused=rest)
    weight = part.text_model.embeddings["token_embedding"].weight
    assert torch.equal(weight, model.text_model.embeddings.token_embedding.weight)
    assert {name for name in model.state_dict() if name.startswith("vision_model.")} <= set(part.load_report.unused)
    with pytest.raises(ConfigError, match=r"text_config: model_type is 'clip_text_model', but BlipTextConfig reads"):
        BlipTextConfig.from_pretrained(tmp_path)


def test_parts_of_a_blip_and_of_a_dual_encoder(tmp_path):
    blip = transformers.BlipConfig(text_config=TEXT, vision_config=VISION)
    blip.save_pretrained(tmp_path / "blip")
    assert BlipTextConfig.from_pretrained(tmp_path / "blip").hidden_size == 8
    dual = transformers.VisionTextDualEncoderConfig.from_vision_text_configs(
        transformers.ViTConfig(**VISION), transformers.BertConfig(**TEXT)
    )
    dual.save_pretrained(tmp_path / "dual")
    assert BertLikeConfig.from_pretrained(tmp_path / "dual").vocab_size == 40
    assert transformers.BertConfig(**TEXT).vocab_size == 40


def test_a_mapping_over_defaults_as_the_reference_has_it():
    theirs = transformers.CLIPConfig(text_config={"hidden_size": 16}).text_config

    class Both(PreTrainedConfig):
        model_type = "toy_parity_both"
        text_config: ClipTextConfig = field(default={}, doc="A part.")

    ours = Both(text_config={"hidden_size": 16}).text_config
    assert ours.hidden_size == theirs.hidden_size == 16
    assert (ours.vocab_size, theirs.vocab_size) == (10, transformers.CLIPTextConfig().vocab_size)
