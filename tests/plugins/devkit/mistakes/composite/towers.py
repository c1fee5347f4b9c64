from typing import Any

import torch
from acme_pairing.config import PairingTextConfig, PairingVisionConfig
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_token_inputs
from archsmith.layers.pixels import check_pixels
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPooling

TowerConfig = PairingTextConfig | PairingVisionConfig


class Layer(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_attention_heads
        self.layer_norm1 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.q_proj, self.k_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.v_proj, self.out_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.layer_norm2 = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.fc1 = nn.Linear(width, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, width)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        normal = self.layer_norm1(hidden)
        query = split_heads(self.q_proj(normal), self.head_size)
        key = split_heads(self.k_proj(normal), self.head_size)
        value = split_heads(self.v_proj(normal), self.head_size)
        attended, maps = attend(query, key, value, mask, eager=eager)
        hidden = hidden + self.out_proj(attended)
        return hidden + self.fc2(self.activation(self.fc1(self.layer_norm2(hidden)))), maps


class Encoder(nn.Module):
    def __init__(self, config: TowerConfig) -> None:
        super().__init__()
        self.layers = Stack(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[list[Tensor], list[Any]]:
        states, maps = [hidden], []
        for layer in self.layers.steps():
            hidden, attention = layer(hidden, mask, eager=eager)
            states.append(hidden)
            maps.append(attention)
        return states, maps


class PairingTextModel(PreTrainedModel):
    """Encodes texts from left to right; the vector of a text is that of its last token."""

    config: PairingTextConfig
    config_class = PairingTextConfig
    base_model_prefix = "text_model"
    input_embeddings = "token_embedding"

    def __init__(self, config: PairingTextConfig) -> None:
        super().__init__(config)
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        check_token_inputs(
            input_ids,
            None,
            vocab_size=self.config.vocab_size,
            hidden_size=self.config.hidden_size,
            max_tokens=self.config.max_position_embeddings,
        )
        batch, tokens = input_ids.shape
        places = torch.arange(tokens, device=input_ids.device)
        hidden = self.token_embedding(input_ids) + self.position_embedding(places)  # (batch, tokens, width)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = self.encoder(hidden, attention_mask_for(hidden, attention_mask, causal=True), eager=eager)
        last = self.final_layer_norm(states[-1])
        if attention_mask is None:
            attention_mask = torch.ones_like(input_ids)
        ends = (attention_mask.bool() * places).argmax(-1)  # (batch,)
        output = BaseModelOutputWithPooling(
            last_hidden_state=last,
            pooler_output=last[torch.arange(batch, device=last.device), ends],
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)


class PairingVisionModel(PreTrainedModel):
    """Encodes images; the vector of an image is that of its class token."""

    config: PairingVisionConfig
    config_class = PairingVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"

    def __init__(self, config: PairingVisionConfig) -> None:
        super().__init__(config)
        width, patch = config.hidden_size, config.patch_size
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.patch_embedding = nn.Conv2d(config.num_channels, width, kernel_size=patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding((config.image_size // patch) ** 2 + 1, width)
        self.pre_layernorm = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.encoder = Encoder(config)
        self.post_layernorm = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def init_weights(self, module: nn.Module) -> None:
        super().init_weights(module)
        if module is self:
            nn.init.normal_(self.class_embedding, std=self.config.initializer_range)

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        pixels = check_pixels(pixel_values, channels=self.config.num_channels).to(self.dtype)
        side = self.config.image_size
        if tuple(pixels.shape[2:]) != (side, side):
            raise InputError(f"the images are {tuple(pixels.shape[2:])} pixels, but the model takes {(side, side)}.")
        patches = self.patch_embedding(pixels).flatten(2).transpose(1, 2)  # (batch, patches, width)
        first = self.class_embedding.expand(patches.shape[0], 1, -1)
        hidden = torch.cat((first, patches), dim=1)
        hidden = hidden + self.position_embedding(torch.arange(hidden.shape[1], device=hidden.device))
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = self.encoder(self.pre_layernorm(hidden), None, eager=eager)
        output = BaseModelOutputWithPooling(
            last_hidden_state=states[-1],
            pooler_output=self.post_layernorm(states[-1][:, 0]),
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)
