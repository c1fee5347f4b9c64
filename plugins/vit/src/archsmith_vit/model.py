"""ViT: a transformer encoder over the patches of an image. Heads and backbone are in the modules beside it.

Source: Dosovitskiy et al., "An Image is Worth 16x16 Words: Transformers for Image Recognition at Scale"
(arXiv:2010.11929), section 3.1. Names of modules and parameters are those of the published checkpoints.
"""

import re
from typing import Any, ClassVar

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.pixels import check_patch_mask, check_pixels
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.options import read_flag
from archsmith.outputs import BaseModelOutputWithPooling
from archsmith_vit.config import ViTConfig

__all__ = ["Embeddings", "Encoder", "ViTModel", "ViTPreTrainedModel"]


class PatchEmbeddings(nn.Module):
    """One vector for each patch of an image."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        patch = config.patch_shape
        self.projection = nn.Conv2d(config.num_channels, config.hidden_size, kernel_size=patch, stride=patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed ``(batch, channels, height, width)``: ``(batch, width of the model, rows, columns)``."""
        return self.projection(pixels)  # type: ignore[no-any-return]


class Embeddings(nn.Module):
    """Patches behind a token for the whole image, with their positions added."""

    def __init__(self, config: ViTConfig, *, use_mask_token: bool = False) -> None:
        super().__init__()
        self.grid = config.grid
        self.image_shape = config.image_shape
        width = config.hidden_size
        self.cls_token = nn.Parameter(torch.zeros(1, 1, width))
        self.mask_token = nn.Parameter(torch.zeros(1, 1, width)) if use_mask_token else None
        self.position_embeddings = nn.Parameter(torch.zeros(1, 1 + self.grid[0] * self.grid[1], width))
        self.patch_embeddings = PatchEmbeddings(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, pixels: Tensor, masked: Tensor | None = None, *, interpolate: bool = False) -> Tensor:
        """Embed images.

        Args:
            pixels: ``(batch, channels, height, width)`` float.
            masked: ``(batch, patches)``: true or 1 where the mask token takes the place of a patch.
            interpolate: Stretch the positions over images of another size.

        Returns:
            ``(batch, 1 + patches, width)``.
        """
        if not interpolate and pixels.shape[-2:] != self.image_shape:
            raise InputError(
                f"the images are {pixels.shape[-2]} x {pixels.shape[-1]} pixels (height x width), but the model "
                f"takes {self.image_shape[0]} x {self.image_shape[1]}. Resize them with its image processor, or pass "
                "interpolate_pos_encoding=True."
            )
        embedded = self.patch_embeddings(pixels)  # (batch, width, rows, columns)
        grid = (embedded.shape[2], embedded.shape[3])
        patches = embedded.flatten(2).transpose(1, 2)  # (batch, rows × columns, width)
        if masked is not None:
            if self.mask_token is None:
                raise InputError("bool_masked_pos needs a mask token: build the model with use_mask_token=True.")
            hidden = check_patch_mask(masked, batch=patches.shape[0], patches=patches.shape[1])[:, :, None]
            patches = torch.where(hidden, self.mask_token, patches)
        first = self.cls_token.expand(patches.shape[0], -1, -1)
        return self.dropout(torch.cat([first, patches], dim=1) + self.positions(grid))  # type: ignore[no-any-return]

    def positions(self, grid: tuple[int, int]) -> Tensor:
        """Return the positions of a grid of patches, ``(1, 1 + rows × columns, width)``, interpolated if need be.

        Source: section 3.2 of the paper; bicubic as in DINO (arXiv:2104.14294).
        """
        if grid == self.grid:
            return self.position_embeddings
        first, of_patches = self.position_embeddings[:, :1], self.position_embeddings[:, 1:]
        table = of_patches.reshape(1, *self.grid, -1).permute(0, 3, 1, 2)  # (1, width, rows, columns)
        stretched = F.interpolate(table, size=grid, mode="bicubic", align_corners=False)
        return torch.cat([first, stretched.flatten(2).transpose(1, 2)], dim=1)


class SelfAttention(nn.Module):
    """Multi-head attention of the patches to each other, without the projection that joins the heads."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.head_size = config.hidden_size // config.num_attention_heads
        self.dropout = config.attention_probs_dropout_prob
        self.query = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.key = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)
        self.value = nn.Linear(config.hidden_size, config.hidden_size, bias=config.qkv_bias)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the attended values, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        return attend(
            split_heads(self.query(hidden), self.head_size),
            split_heads(self.key(hidden), self.head_size),
            split_heads(self.value(hidden), self.head_size),
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
        )


class Projection(nn.Module):
    """A linear layer, and an activation or dropout behind it."""

    def __init__(self, inputs: int, outputs: int, *, act: str = "linear", dropout: float = 0.0) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.activation = activation(act)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Project ``(…, inputs)`` to ``(…, outputs)``."""
        return self.dropout(self.activation(self.dense(hidden)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Self-attention, and the projection that joins its heads."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.attention = SelfAttention(config)
        self.output = Projection(config.hidden_size, config.hidden_size, dropout=config.hidden_dropout_prob)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return what attention adds to the hidden states, ``(batch, tokens, width)``, and the maps if ``eager``."""
        attended, maps = self.attention(hidden, mask, eager=eager)
        return self.output(attended), maps


class Layer(nn.Module):
    """Attention and feed-forward, each with a normalisation before it and a residual connection."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        width, inner = config.hidden_size, config.intermediate_size
        self.attention = Attention(config)
        self.intermediate = Projection(width, inner, act=config.hidden_act)
        self.output = Projection(inner, width, dropout=config.hidden_dropout_prob)
        self.layernorm_before = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.layernorm_after = nn.LayerNorm(width, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the attention maps if ``eager``."""
        residual = hidden
        hidden, maps = self.attention(self.layernorm_before(hidden), mask, eager=eager)
        hidden = residual + hidden  # under the same name, so that what attention returned is freed before the next half
        return hidden + self.output(self.intermediate(self.layernorm_after(hidden))), maps


class Encoder(nn.Module):
    """The stack of layers."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.layer = Stack(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, hidden: Tensor, mask: Tensor | None, *, eager: bool, keep_states: bool, keep_maps: bool
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """Return the last hidden states; those before and after each layer, and the attention maps, where kept."""
        states, maps = [hidden], []
        for layer in self.layer.steps():
            hidden, attention_map = layer(hidden, mask, eager=eager)
            if keep_states:
                states.append(hidden)
            if keep_maps:
                maps.append(attention_map)
        return hidden, tuple(states) if keep_states else None, tuple(maps) if keep_maps else None


def _shapes(module: Any) -> dict[str, tuple[int, ...]] | str:
    """Return the shapes of a module's parameters; of anything else its class."""
    if not isinstance(module, nn.Module):
        return type(module).__name__
    return {name: tuple(parameter.shape) for name, parameter in module.named_parameters()}


class ViTPreTrainedModel(PreTrainedModel):
    """What all ViT models share."""

    config: ViTConfig
    config_class = ViTConfig
    base_model_prefix = "vit"
    main_input_name = "pixel_values"
    optional_keys: ClassVar[tuple[str, ...]] = ("pooler.*", "embeddings.mask_token")
    attention_projections = (
        *(f"encoder.layer.{{}}.attention.attention.{name}" for name in ("query", "key", "value")),
        "encoder.layer.{}.attention.output.dense",
    )

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module: positions and the first token as linear layers, but truncated; masks with zeros."""
        super().init_weights(module)
        if isinstance(module, Embeddings):
            for parameter in (module.cls_token, module.position_embeddings):
                if std := self.config.initializer_range:
                    nn.init.trunc_normal_(parameter, std=std)
                else:
                    nn.init.zeros_(parameter)  # which torch does not take for a width
            if module.mask_token is not None:
                nn.init.zeros_(module.mask_token)

    def get_input_embeddings(self) -> nn.Module:
        """Return the module that embeds patches, ``(batch, channels, height, width)``."""
        return self.base_model.get_submodule("embeddings.patch_embeddings")

    def set_input_embeddings(self, embeddings: nn.Module) -> None:
        """Replace the module that embeds patches by another with parameters of the same names and shapes.

        Raises:
            InputError: It is no module, or has other parameters.
        """
        wanted, found = _shapes(self.get_input_embeddings()), _shapes(embeddings)
        if found != wanted:
            raise InputError(
                f"{type(self).__name__}: the input embeddings must have the parameters {wanted}, but have {found}. For "
                "images or patches of another size build the model from a changed configuration."
            )
        self.base_model.get_submodule("embeddings").patch_embeddings = embeddings

    @staticmethod
    def rename_key(key: str) -> str:
        """Translate the names that the layers have in some newer files."""
        for new, old in _NEWER_NAMES:
            key = re.sub(new, old, key)
        return key


#: Names in newer files → the published checkpoints' names.
_NEWER_NAMES = (
    (r"(^|\.)layers\.(\d+)\.", r"\1encoder.layer.\2."),
    (r"\.attention\.q_proj\.", ".attention.attention.query."),
    (r"\.attention\.k_proj\.", ".attention.attention.key."),
    (r"\.attention\.v_proj\.", ".attention.attention.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
    (r"\.mlp\.fc1\.", ".intermediate.dense."),
    (r"\.mlp\.fc2\.", ".output.dense."),
)


class Pooler(nn.Module):
    """One vector for a whole image: a transformation of its first token."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.pooler_output_size or config.hidden_size)
        self.activation = activation(config.pooler_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Pool ``(batch, tokens, width)`` to ``(batch, pooler_output_size)``."""
        return self.activation(self.dense(hidden[:, 0]))


class ViTModel(ViTPreTrainedModel):
    """ViT without a head: hidden states for every patch and, from the pooler, one vector for each image.

    Example:
        >>> import torch
        >>> from archsmith import ViTConfig, ViTModel
        >>> config = ViTConfig(
        ...     hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=32, image_size=32
        ... )
        >>> output = ViTModel(config)(torch.zeros(1, 3, 32, 32))
        >>> output.last_hidden_state.shape, output.pooler_output.shape
        (torch.Size([1, 5, 16]), torch.Size([1, 16]))

    Without ``add_pooling_layer`` there is no pooler, and ``pooler_output`` is None; with ``use_mask_token`` patches can
    be masked.
    """

    def __init__(self, config: ViTConfig, add_pooling_layer: bool = True, use_mask_token: bool = False) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config, use_mask_token=use_mask_token)
        self.encoder = Encoder(config)
        self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.pooler = Pooler(config) if add_pooling_layer else None

    def forward(
        self,
        pixel_values: Tensor,
        bool_masked_pos: Tensor | None = None,
        interpolate_pos_encoding: bool | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float, as the image processor makes them.
            bool_masked_pos: ``(batch, patches)``: true or 1 where a patch is hidden behind the mask token.
            interpolate_pos_encoding: Take images of any size, and stretch the position embeddings over them.
            attention_mask: As `archsmith.layers.attention.attention_mask_for` takes it, for the first token and the
                patches; None: all attend to all.
            output_attentions: Return the attention maps of every layer.
            output_hidden_states: Return the embeddings and the hidden states after every layer.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPooling`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        pixels = check_pixels(pixel_values, channels=self.config.num_channels, least=self.config.patch_shape)
        interpolate = read_flag("interpolate_pos_encoding", interpolate_pos_encoding, default=False)
        hidden = self.embeddings(pixels.to(self.dtype), bool_masked_pos, interpolate=interpolate)
        wants_maps = self.wants_attentions(output_attentions)
        last, states, maps = self.encoder(
            hidden,
            attention_mask_for(hidden, attention_mask),
            eager=wants_maps or self.attn_implementation == "eager",
            keep_states=self.wants_hidden_states(output_hidden_states),
            keep_maps=wants_maps,
        )
        last = self.layernorm(last)
        pooled = None if self.pooler is None else self.pooler(last)
        return self.as_requested(BaseModelOutputWithPooling(last, pooled, states, maps), return_dict)
