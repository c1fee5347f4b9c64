"""The half of CLIP that looks at images: a vision transformer."""

from typing import Any

import torch
import torch.nn.functional as F  # the field's own abbreviation
from torch import Tensor, nn

from acme_clip.config import CLIPVisionConfig
from acme_clip.layers import Encoder
from archsmith.errors import InputError
from archsmith.layers.pixels import check_pixels
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPooling, ModelOutput

__all__ = ["CLIPVisionModel", "CLIPVisionModelOutput", "CLIPVisionModelWithProjection"]


class CLIPVisionModelOutput(ModelOutput):
    """What the half that looks at images returns with its projection.

    Attributes:
        image_embeds: ``(batch, projection_dim)`` float.
        last_hidden_state: ``(batch, 1 + patches, width)`` float.
        hidden_states: The embeddings and the output of each layer.
        attentions: The attention probabilities of each layer.
    """

    image_embeds: Tensor | None = None
    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Embeddings(nn.Module):
    """Patches behind one learnt token, and their positions."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__()
        self.config, patch = config, config.patch_size
        self.side = config.image_size // patch
        self.class_embedding = nn.Parameter(torch.randn(config.hidden_size))
        self.patch_embedding = nn.Conv2d(config.num_channels, config.hidden_size, patch, stride=patch, bias=False)
        self.position_embedding = nn.Embedding(1 + self.side**2, config.hidden_size)

    def reset_parameters(self) -> None:
        """Give the embeddings their initial values."""
        factor = self.config.initializer_factor
        nn.init.normal_(self.class_embedding, std=self.config.hidden_size**-0.5 * factor)
        for module in (self.patch_embedding, self.position_embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range * factor)

    def forward(self, pixel_values: Tensor, *, interpolate: bool) -> Tensor:
        """Embed ``(batch, channels, height, width)`` as ``(batch, 1 + patches, width)``."""
        patch, size = self.config.patch_size, self.config.image_size
        pixels = check_pixels(pixel_values, channels=self.config.num_channels, least=(patch, patch))
        if not interpolate and tuple(pixels.shape[2:]) != (size, size):
            raise InputError(
                f"the images are {pixels.shape[2]} x {pixels.shape[3]} pixels (height x width), but the model takes "
                f"{size} x {size}. Ask the image processor, or pass interpolate_pos_encoding=True."
            )
        grid = self.patch_embedding(pixels.to(self.patch_embedding.weight.dtype))  # (batch, width, rows, columns)
        first = self.class_embedding.expand(grid.shape[0], 1, -1)
        hidden = torch.cat([first, grid.flatten(2).transpose(1, 2)], dim=1)
        return hidden + self._positions(grid.shape[2], grid.shape[3])

    def _positions(self, rows: int, columns: int) -> Tensor:
        """Return the embeddings of positions, ``(1, 1 + rows × columns, width)``, stretched to another grid."""
        known = self.position_embedding(torch.arange(1 + self.side**2, device=self.class_embedding.device)[None])
        if (rows, columns) == (self.side, self.side):
            return known
        grid = known[:, 1:].unflatten(1, (self.side, self.side)).permute(0, 3, 1, 2)  # (1, width, side, side)
        grid = F.interpolate(grid, size=(rows, columns), mode="bicubic", align_corners=False)
        return torch.cat([known[:, :1], grid.flatten(2).transpose(1, 2)], dim=1)


class CLIPVisionPreTrainedModel(PreTrainedModel):
    """What the models of images share."""

    config: CLIPVisionConfig
    config_class = CLIPVisionConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    attention_projections = tuple(f"encoder.layers.{{}}.self_attn.{name}_proj" for name in ("q", "k", "v", "out"))
    ignored_keys = ("embeddings.position_ids",)


class CLIPVisionModel(CLIPVisionPreTrainedModel):
    """Images, each as the state of the token before its patches."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.pre_layrnorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)  # so spelled in all files
        self.encoder = Encoder(config)
        self.post_layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        pixel_values: Tensor,
        *,
        interpolate_pos_encoding: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the states, ``(batch, 1 + patches, width)``, and that of each image, ``(batch, width)``.

        Raises:
            InputError: The pixels do not fit.
        """
        hidden = self.pre_layrnorm(self.embeddings(pixel_values, interpolate=interpolate_pos_encoding))
        eager = self.attn_implementation == "eager" or self.wants_attentions(output_attentions)
        states, maps = self.encoder(hidden, None, eager=eager)
        found = BaseModelOutputWithPooling(
            last_hidden_state=states[-1],
            pooler_output=self.post_layernorm(states[-1][:, 0]),
            hidden_states=states if self.wants_hidden_states(output_hidden_states) else None,
            attentions=maps if self.wants_attentions(output_attentions) else None,
        )
        return self.as_requested(found, return_dict)


class CLIPVisionModelWithProjection(CLIPVisionPreTrainedModel):
    """Images in the space that they share with texts."""

    def __init__(self, config: CLIPVisionConfig) -> None:
        super().__init__(config)
        self.vision_model = CLIPVisionModel(config)
        self.visual_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    def reset_parameters(self) -> None:
        """Give the projection its initial values."""
        std = self.config.hidden_size**-0.5 * self.config.initializer_factor
        nn.init.normal_(self.visual_projection.weight, std=std)

    def forward(
        self,
        pixel_values: Tensor,
        *,
        interpolate_pos_encoding: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the images in the shared space, ``(batch, projection_dim)``; as `CLIPVisionModel.forward`."""
        options = {"output_attentions": output_attentions, "output_hidden_states": output_hidden_states}
        found = self.vision_model(
            pixel_values, interpolate_pos_encoding=interpolate_pos_encoding, return_dict=True, **options
        )
        embeds = self.visual_projection(found.pooler_output)
        output = CLIPVisionModelOutput(embeds, found.last_hidden_state, found.hidden_states, found.attentions)
        return self.as_requested(output, return_dict)
