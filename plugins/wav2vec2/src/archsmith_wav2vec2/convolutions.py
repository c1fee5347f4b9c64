"""The convolutions of wav2vec 2.0: over samples, over frames to tell positions, and behind the transformer.

Source: Baevski et al., "wav2vec 2.0" (arXiv:2006.11477), section 2. Names of parameters are those of the published
checkpoints.
"""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.errors import OptionError
from archsmith.layers.activations import activation
from archsmith_wav2vec2.config import Wav2Vec2Config

__all__ = ["Adapter", "FeatureEncoder", "NormedConv"]


class ConvLayer(nn.Module):
    """One convolution of the feature encoder."""

    def __init__(self, config: Wav2Vec2Config, layer: int) -> None:
        super().__init__()
        channels = config.conv_dim[layer]
        self.conv = nn.Conv1d(
            config.conv_dim[layer - 1] if layer else 1,
            channels,
            config.conv_kernel[layer],
            stride=config.conv_stride[layer],
            bias=config.conv_bias,
        )
        self.layer_norm: nn.Module | None = None
        if config.feat_extract_norm == "layer":
            self.layer_norm = nn.LayerNorm(channels)
        elif layer == 0:
            self.layer_norm = nn.GroupNorm(channels, channels)
        self.activation = activation(config.feat_extract_activation)

    def forward(self, features: Tensor) -> Tensor:
        """Transform ``(batch, channels, places)``."""
        features = self.conv(features)
        if isinstance(self.layer_norm, nn.LayerNorm):
            features = self.layer_norm(features.transpose(1, 2)).transpose(1, 2)
        elif self.layer_norm is not None:
            features = self.layer_norm(features)
        return self.activation(features)


class FeatureEncoder(nn.Module):
    """The convolutions that turn samples into frames."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.conv_layers = nn.ModuleList(ConvLayer(config, layer) for layer in range(len(config.conv_dim)))

    def forward(self, input_values: Tensor) -> Tensor:
        """Turn ``(batch, samples)`` into ``(batch, frames, channels)``."""
        features = input_values[:, None]  # (batch, 1, samples)
        for layer in self.conv_layers:
            features = layer(features)
        return features.transpose(1, 2)


class NormedWeight(nn.Module):
    """A convolution's weight as lengths times directions.

    Source: Salimans and Kingma, "Weight Normalization" (arXiv:1602.07868), equation 2; one length for each place.
    """

    def __init__(self, channels: int, group: int, kernel: int) -> None:
        super().__init__()
        self.original0 = nn.Parameter(torch.empty(1, 1, kernel))
        self.original1 = nn.Parameter(torch.empty(channels, group, kernel))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw directions from a normal distribution, and take their lengths."""
        channels, _, kernel = self.original1.shape
        nn.init.normal_(self.original1, std=2 * (kernel * channels) ** -0.5)
        self.original0.copy_(torch.linalg.vector_norm(self.original1, dim=(0, 1), keepdim=True))

    def __getattr__(self, name: str) -> Any:
        if name == "is_tensor":  # torch.nn.utils.parametrize is about to make one weight of the two
            raise OptionError(
                "the weight of this convolution stays lengths and directions, as its files hold it: "
                "remove_parametrizations is not supported. The weight itself is parametrizations['weight']()."
            )
        return super().__getattr__(name)

    def forward(self) -> Tensor:
        """Return the weight, ``(channels, channels of a group, kernel)``."""
        weight: Tensor = torch._weight_norm(self.original1, self.original0, 2)  # noqa: SLF001  # as torch's own does
        return weight


class NormedConv(nn.Module):
    """A grouped convolution over time whose weight is normalised."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.groups, self.kernel = config.num_conv_pos_embedding_groups, config.num_conv_pos_embeddings
        self.bias = nn.Parameter(torch.empty(config.hidden_size))
        weight = NormedWeight(config.hidden_size, config.hidden_size // self.groups, self.kernel)
        self.parametrizations = nn.ModuleDict({"weight": weight})

    def reset_parameters(self) -> None:
        """Start from a bias of zero."""
        nn.init.zeros_(self.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform ``(batch, width, frames)``, and keep the number of frames."""
        weight = self.parametrizations["weight"]()
        mixed = F.conv1d(hidden, weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        return mixed if self.kernel % 2 else mixed[..., :-1]


class AdapterLayer(nn.Module):
    """A convolution that halves the frames, with a gate."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        width = config.adapted_size
        self.conv = nn.Conv1d(width, 2 * width, config.adapter_kernel_size, stride=config.adapter_stride, padding=1)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform ``(batch, width, frames)``."""
        return F.glu(self.conv(hidden), dim=1)


class Adapter(nn.Module):
    """Convolutions behind the transformer that shorten its output."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        width, self.layerdrop = config.adapted_size, config.layerdrop
        self.proj = self.proj_layer_norm = None
        if width != config.hidden_size:
            self.proj, self.proj_layer_norm = nn.Linear(config.hidden_size, width), nn.LayerNorm(width)
        self.layers = nn.ModuleList(AdapterLayer(config) for _ in range(config.num_adapter_layers))

    def forward(self, hidden: Tensor) -> Tensor:
        """Turn ``(batch, frames, width)`` into ``(batch, fewer frames, adapted width)``."""
        if self.proj is not None and self.proj_layer_norm is not None:
            hidden = self.proj_layer_norm(self.proj(hidden))
        hidden = hidden.transpose(1, 2)  # (batch, width, frames)
        for layer in self.layers:
            if not (self.training and self.layerdrop > 0 and bool(torch.rand([]) < self.layerdrop)):
                hidden = layer(hidden)
        return hidden.transpose(1, 2)
