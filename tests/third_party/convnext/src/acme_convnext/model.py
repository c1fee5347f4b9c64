"""ConvNeXt: a convolutional network whose layers have the shape of a transformer's.

Source: Liu et al., "A ConvNet for the 2020s" (arXiv:2201.03545), section 2.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from acme_convnext.config import ConvNextConfig
from archsmith.backbone import Backbone
from archsmith.layers.activations import activation
from archsmith.layers.losses import classification_loss
from archsmith.layers.pixels import check_pixels
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import (
    BackboneOutput,
    BaseModelOutputWithPoolingAndNoAttention,
    ImageClassifierOutputWithNoAttention,
)

__all__ = ["ConvNextBackbone", "ConvNextForImageClassification", "ConvNextModel", "ConvNextPreTrainedModel"]

_EPS = 1e-6


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of ``(batch, channels, height, width)``."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise each place of the grid."""
        return super().forward(hidden.movedim(1, -1)).movedim(-1, 1)


class Layer(nn.Module):
    """A wide convolution of each channel alone, then two layers over the channels, beside a shortcut (figure 4).

    In training a share ``drop`` of the images takes the shortcut alone.
    """

    def __init__(self, config: ConvNextConfig, width: int, drop: float) -> None:
        super().__init__()
        self.scale, self.drop = config.layer_scale_init_value, drop
        self.layer_scale_parameter = nn.Parameter(torch.empty(width)) if self.scale else None
        self.dwconv = nn.Conv2d(width, width, kernel_size=7, padding=3, groups=width)
        self.layernorm = nn.LayerNorm(width, eps=_EPS)
        self.pwconv1 = nn.Linear(width, 4 * width)
        self.pwconv2 = nn.Linear(4 * width, width)
        self.activation = activation(config.hidden_act)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Give the scale its initial value."""
        if self.layer_scale_parameter is not None:
            nn.init.constant_(self.layer_scale_parameter, self.scale)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next hidden states, ``(batch, width, height, width)``."""
        added = self.layernorm(self.dwconv(hidden).movedim(1, -1))  # (batch, height, width, channels)
        added = self.pwconv2(self.activation(self.pwconv1(added)))
        if self.layer_scale_parameter is not None:
            added = added * self.layer_scale_parameter
        if self.training and self.drop:
            kept = 1 - self.drop
            chance = torch.rand((len(added), 1, 1, 1), dtype=added.dtype, device=added.device)
            added = added / kept * (kept + chance).floor()
        return hidden + added.movedim(-1, 1)


class Stage(nn.Module):
    """Layers of one width; every stage but the first halves the image."""

    def __init__(self, config: ConvNextConfig, number: int, drops: Sequence[float]) -> None:
        super().__init__()
        width = config.hidden_sizes[number]
        self.downsampling_layer = nn.ModuleList()
        if number:
            before = config.hidden_sizes[number - 1]
            halve = nn.Conv2d(before, width, kernel_size=2, stride=2)
            self.downsampling_layer.extend([ChannelNorm(before, eps=_EPS), halve])
        self.layers = Stack(Layer(config, width, drop) for drop in drops)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the hidden states after the stage, ``(batch, channels, height, width)``."""
        for step in self.downsampling_layer:
            hidden = step(hidden)
        for layer in self.layers.steps():
            hidden = layer(hidden)
        return hidden


class Embeddings(nn.Module):
    """The stem: patches that do not overlap. What is left over at the right and below counts for nothing."""

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        width, patch = config.hidden_sizes[0], config.patch_size
        self.patch_embeddings = nn.Conv2d(config.num_channels, width, kernel_size=patch, stride=patch)
        self.layernorm = ChannelNorm(width, eps=_EPS)
        self.channels, self.least = config.num_channels, patch * 2 ** (config.num_stages - 1)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Embed images: ``(batch, channels, ⌊height / patch⌋, ⌊width / patch⌋)``."""
        pixels = check_pixels(pixel_values, channels=self.channels, least=(self.least, self.least))
        return self.layernorm(self.patch_embeddings(pixels.to(self.patch_embeddings.weight.dtype)))


class Encoder(nn.Module):
    """The stages; images skip later layers more often (section 2.1)."""

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__()
        total = sum(config.depths)
        drops = [config.drop_path_rate * index / max(1, total - 1) for index in range(total)]
        starts = [sum(config.depths[:number]) for number in range(config.num_stages)]
        self.stages = nn.ModuleList(
            Stage(config, number, drops[start : start + depth])
            for number, (start, depth) in enumerate(zip(starts, config.depths, strict=True))
        )

    def forward(self, hidden: Tensor) -> tuple[Tensor, ...]:
        """Return the embedded images and the hidden states after each stage."""
        states = [hidden]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return tuple(states)


class ConvNextPreTrainedModel(PreTrainedModel):
    """What all ConvNeXt models share."""

    config: ConvNextConfig
    config_class = ConvNextConfig
    base_model_prefix = "convnext"
    main_input_name = "pixel_values"
    # The last normalisation is the pooler's; a backbone has one for each of its feature maps instead.
    optional_keys = ("layernorm.*", "hidden_states_norms.*")


class ConvNextModel(ConvNextPreTrainedModel):
    """ConvNeXt without a head."""

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_sizes[-1], eps=config.layer_norm_eps)

    def forward(
        self, pixel_values: Tensor, *, output_hidden_states: bool | None = None, return_dict: bool | None = None
    ) -> Any:
        """Return the last grid, ``(batch, channels, height, width)``, and its normalised mean, ``(batch, channels)``.

        Raises:
            InputError: The pixels do not fit.
        """
        states = self.encoder(self.embeddings(pixel_values))
        kept = states if self.wants_hidden_states(output_hidden_states) else None
        pooled = self.layernorm(states[-1].mean((-2, -1)))
        return self.as_requested(BaseModelOutputWithPoolingAndNoAttention(states[-1], pooled, kept), return_dict)


class ConvNextForImageClassification(ConvNextPreTrainedModel):
    """ConvNeXt with a linear layer over the mean of the last grid."""

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__(config)
        self.convnext = ConvNextModel(config)
        self.classifier = nn.Linear(config.hidden_sizes[-1], config.num_labels) if config.num_labels else nn.Identity()

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the scores of the classes, ``(batch, labels)``, and with ``labels``, ``(batch,)``, the loss.

        Raises:
            InputError: The pixels or the labels do not fit.
        """
        found = self.convnext(pixel_values, output_hidden_states=output_hidden_states, return_dict=True)
        hidden_states = found.hidden_states if self.wants_hidden_states(output_hidden_states) else None
        logits = self.classifier(found.pooler_output)
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        return self.as_requested(ImageClassifierOutputWithNoAttention(loss, logits, hidden_states), return_dict)


class ConvNextBackbone(ConvNextPreTrainedModel, Backbone):
    """ConvNeXt that gives the grids of the chosen stages, each normalised."""

    config: ConvNextConfig

    def __init__(self, config: ConvNextConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.hidden_states_norms = nn.ModuleDict()
        self._add_norms()

    @property
    def out_features(self) -> list[str]:
        """As `Backbone.out_features`; a stage that is chosen for the first time gets a new normalisation."""
        return super().out_features

    @out_features.setter
    def out_features(self, names: Sequence[str]) -> None:
        Backbone.out_features.fset(self, names)  # type: ignore[attr-defined]
        self._add_norms()

    @property
    def out_indices(self) -> list[int]:
        """As `Backbone.out_indices`, likewise."""
        return super().out_indices

    @out_indices.setter
    def out_indices(self, indices: Sequence[int]) -> None:
        Backbone.out_indices.fset(self, indices)  # type: ignore[attr-defined]
        self._add_norms()

    @property
    def stage_channels(self) -> Sequence[int]:
        """The width of the stem and of each stage."""
        return [self.config.hidden_sizes[0], *self.config.hidden_sizes]

    @property
    def stage_strides(self) -> Sequence[int]:
        """The pixels of a patch, doubled in each stage but the first."""
        patch = self.config.patch_size
        return [patch, *(patch * 2**number for number in range(self.config.num_stages))]

    def _add_norms(self) -> None:
        """Have a normalisation for each chosen stage, in their order, as files hold them."""
        old = self.hidden_states_norms
        chosen = zip(self.out_features, self.channels, strict=True)
        made = {name: old[name] if name in old else ChannelNorm(width, eps=_EPS) for name, width in chosen}
        self.hidden_states_norms = nn.ModuleDict(made).to(self.device, self.dtype)

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,  # as every backbone takes it; there are none
        return_dict: bool | None = None,
    ) -> Any:
        """Return the feature maps of a batch of images.

        Raises:
            InputError: The pixels do not fit.
        """
        states = self.encoder(self.embeddings(pixel_values))
        kept = states if self.wants_hidden_states(output_hidden_states) else None
        chosen = zip(self.out_features, self.select(states), strict=True)
        maps = tuple(self.hidden_states_norms[name](features) for name, features in chosen)
        return self.as_requested(BackboneOutput(maps, kept), return_dict)
