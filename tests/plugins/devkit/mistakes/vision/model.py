from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from acme_vision.config import VisionConfig
from torch import Tensor, nn

from archsmith.backbone import Backbone
from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, split_heads
from archsmith.layers.losses import classification_loss
from archsmith.layers.pixels import check_pixels
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import BackboneOutput, BaseModelOutputWithPooling, ImageClassifierOutput


class Embeddings(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.config = config
        rows, columns = config.grid
        self.cls_token = nn.Parameter(torch.zeros(1, 1, config.hidden_size))
        self.position_embeddings = nn.Parameter(torch.zeros(1, rows * columns + 1, config.hidden_size))
        self.projection = nn.Conv2d(
            config.num_channels, config.hidden_size, kernel_size=config.patch_size, stride=config.patch_size
        )
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, pixels: Tensor, *, interpolate: bool) -> Tensor:
        height, width = pixels.shape[2:]
        if not interpolate and (height, width) != self.config.image_shape:
            raise InputError(
                f"the images are {height} x {width} pixels (height x width), but the model takes "
                f"{self.config.image_shape}. Pass interpolate_pos_encoding=True to stretch its positions."
            )
        patches = self.projection(pixels)  # (batch, width, rows, columns)
        grid = (patches.shape[2], patches.shape[3])
        patches = patches.flatten(2).transpose(1, 2)  # (batch, patches, width)
        hidden = torch.cat((self.cls_token.expand(patches.shape[0], -1, -1), patches), dim=1)
        return self.dropout(hidden + self._positions(grid))

    def _positions(self, grid: tuple[int, int]) -> Tensor:
        table = self.position_embeddings  # (1, patches + 1, width)
        if grid == self.config.grid:
            return table
        square = table[:, 1:].transpose(1, 2).unflatten(2, self.config.grid)  # (1, width, rows, columns)
        stretched = F.interpolate(square, size=grid, mode="bicubic", align_corners=False)
        return torch.cat((table[:, :1], stretched.flatten(2).transpose(1, 2)), dim=1)


class Attention(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.query = nn.Linear(config.hidden_size, config.hidden_size)
        self.key = nn.Linear(config.hidden_size, config.hidden_size)
        self.value = nn.Linear(config.hidden_size, config.hidden_size)
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)

    def forward(self, hidden: Tensor, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        query = split_heads(self.query(hidden), self.head_size)
        key = split_heads(self.key(hidden), self.head_size)
        value = split_heads(self.value(hidden), self.head_size)
        attended, maps = attend(query, key, value, eager=eager)
        return self.dense(attended), maps


class Layer(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.norm_before = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.attention = Attention(config)
        self.norm_after = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        attended, maps = self.attention(self.norm_before(hidden), eager=eager)
        hidden = hidden + self.dropout(attended)
        inner = self.activation(self.fc1(self.norm_after(hidden)))
        return hidden + self.dropout(self.fc2(inner)), maps


class Encoder(nn.Module):
    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.layer = Stack(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(self, hidden: Tensor, *, eager: bool) -> tuple[list[Tensor], list[Any]]:
        states, maps = [hidden], []
        for layer in self.layer.steps():
            hidden, attention = layer(hidden, eager=eager)
            states.append(hidden)
            maps.append(attention)
        return states, maps


class VisionPreTrainedModel(PreTrainedModel):
    config: VisionConfig
    config_class = VisionConfig
    base_model_prefix = "vision"
    main_input_name = "pixel_values"
    attention_projections = tuple(f"encoder.layer.{{}}.attention.{name}" for name in ("query", "key", "value", "dense"))

    def init_weights(self, module: nn.Module) -> None:
        super().init_weights(module)
        if isinstance(module, Embeddings):
            for parameter in (module.cls_token, module.position_embeddings):
                nn.init.normal_(parameter, std=self.config.initializer_range)


class VisionModel(VisionPreTrainedModel):
    """Encodes images."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        pixel_values: Tensor,
        interpolate_pos_encoding: bool = False,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        patch = (self.config.patch_size, self.config.patch_size)
        pixels = check_pixels(pixel_values, channels=self.config.num_channels, least=patch).to(self.dtype)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = self.encoder(self.embeddings(pixels, interpolate=interpolate_pos_encoding), eager=eager)
        last = self.layernorm(states[-1])
        output = BaseModelOutputWithPooling(
            last_hidden_state=last,
            pooler_output=last[:, 0],
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)


class VisionForImageClassification(VisionPreTrainedModel):
    """Classifies images."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__(config)
        self.vision = VisionModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        interpolate_pos_encoding: bool = False,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        encoded: BaseModelOutputWithPooling = self.vision(
            pixel_values,
            interpolate_pos_encoding,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.classifier(encoded.pooler_output)  # (batch, labels)
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        output = ImageClassifierOutput(loss, logits, encoded.hidden_states, encoded.attentions)
        return self.as_requested(output, return_dict)


class VisionBackbone(VisionPreTrainedModel, Backbone):
    """Gives a map of the patches after each of the chosen layers."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    @property
    def stage_channels(self) -> Sequence[int]:
        return [self.config.hidden_size] * len(self.stage_names)

    @property
    def stage_strides(self) -> Sequence[int]:
        return [self.config.patch_size] * len(self.stage_names)

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        pixels = check_pixels(pixel_values, channels=self.config.num_channels).to(self.dtype)
        patch = self.config.patch_size
        pixels = F.pad(pixels, (0, -pixels.shape[3] % patch, 0, -pixels.shape[2] % patch))
        grid = (pixels.shape[2] // patch, pixels.shape[3] // patch)
        wants_maps = self.wants_attentions(output_attentions)
        eager = wants_maps or self.attn_implementation == "eager"
        states, maps = self.encoder(self.embeddings(pixels, interpolate=True), eager=eager)
        features = tuple(
            self.layernorm(hidden)[:, 1:].transpose(1, 2).unflatten(2, grid)  # (batch, width, rows, columns)
            for hidden in self.select(states)
        )
        output = BackboneOutput(
            feature_maps=features,
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if wants_maps else None,
        )
        return self.as_requested(output, return_dict)
