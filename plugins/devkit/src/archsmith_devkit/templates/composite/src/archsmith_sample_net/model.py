"""SampleNet: an encoder of images and one of texts, whose results lie close together where the two belong together.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (arXiv:2103.00020),
section 2.3.
"""

from typing import Any

import torch
from archsmith.errors import InputError
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.inputs import check_token_inputs
from archsmith.layers.pixels import check_pixels
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput
from torch import Tensor, nn

from archsmith_sample_net.config import (
    SampleNetConfig,
    SampleNetEncoderConfig,
    SampleNetTextConfig,
    SampleNetVisionConfig,
)

__all__ = [
    "SampleNetModel",
    "SampleNetOutput",
    "SampleNetPreTrainedModel",
]


class SampleNetOutput(ModelOutput):
    """What `SampleNetModel` returns.

    Attributes:
        loss: The contrastive loss, on request; a scalar.
        logits_per_image: ``(images, texts)`` float: how well they fit.
        logits_per_text: ``(texts, images)`` float: the same numbers.
        text_embeds: ``(texts, width)`` float, of length 1.
        image_embeds: ``(images, width)`` float, of length 1.
    """

    loss: Tensor | None = None
    logits_per_image: Tensor | None = None
    logits_per_text: Tensor | None = None
    text_embeds: Tensor | None = None
    image_embeds: Tensor | None = None


class Block(nn.Module):
    """Self-attention and a feed-forward layer, each added to what goes into it."""

    def __init__(self, config: SampleNetEncoderConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_attention_heads
        self.attention_norm = nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.mlp_norm = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            nn.Linear(width, config.intermediate_size),
            nn.GELU(),
            nn.Linear(config.intermediate_size, width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, hidden: Tensor, mask: Tensor | None) -> Tensor:
        """Return the next hidden states, ``(batch, places, width)``."""
        normed = self.attention_norm(hidden)
        query, key, value = (split_heads(layer(normed), self.head_size) for layer in (self.query, self.key, self.value))
        attended, _ = attend(query, key, value, mask)
        hidden = hidden + self.dropout(self.output(attended))
        return hidden + self.dropout(self.mlp(self.mlp_norm(hidden)))  # type: ignore[no-any-return]


class TextEncoder(nn.Module):
    """Texts to one vector each: the mean over their tokens."""

    def __init__(self, config: SampleNetTextConfig) -> None:
        super().__init__()
        self.config = config
        self.words = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.positions = nn.Embedding(config.max_position_embeddings, config.hidden_size)
        self.blocks = Stack(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Encode texts, ``(texts, tokens)``, as ``(texts, width)``."""
        check_token_inputs(
            input_ids,
            None,
            vocab_size=self.config.vocab_size,
            hidden_size=self.config.hidden_size,
            max_tokens=self.config.max_position_embeddings,
        )
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        hidden = self.words(input_ids) + self.positions(places)  # (texts, tokens, width)
        mask = attention_mask_for(hidden, attention_mask)
        for block in self.blocks.steps():
            hidden = block(hidden, mask)
        weights = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        weights = weights.to(hidden.dtype)[:, :, None]  # (texts, tokens, 1)
        return (self.norm(hidden) * weights).sum(dim=1) / weights.sum(dim=1)  # type: ignore[no-any-return]


class ImageEncoder(nn.Module):
    """Images to one vector each: the mean over their patches."""

    def __init__(self, config: SampleNetVisionConfig) -> None:
        super().__init__()
        self.config = config
        size = config.patch_size
        self.patches = nn.Conv2d(config.num_channels, config.hidden_size, kernel_size=size, stride=size)
        self.positions = nn.Embedding((config.image_size // size) ** 2, config.hidden_size)
        self.blocks = Stack(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = nn.LayerNorm(config.hidden_size)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode images, ``(images, channels, height, width)``, as ``(images, width)``."""
        check_pixels(pixel_values, channels=self.config.num_channels)
        size = self.config.image_size
        if tuple(pixel_values.shape[2:]) != (size, size):
            raise InputError(
                f"pixel_values must be {size} pixels high and wide (image_size), but have the shape "
                f"{tuple(pixel_values.shape)}. The image processor made for this model resizes them: "
                "SampleNetImageProcessor.for_model(model.config.vision_config)."
            )
        hidden = self.patches(pixel_values).flatten(2).mT  # (images, patches, width)
        hidden = hidden + self.positions(torch.arange(hidden.shape[1], device=hidden.device))
        for block in self.blocks.steps():
            hidden = block(hidden, None)
        return self.norm(hidden).mean(dim=1)  # type: ignore[no-any-return]


class SampleNetPreTrainedModel(PreTrainedModel):
    """What all SampleNet models share: `PreTrainedModel` explains each of these."""

    config: SampleNetConfig
    config_class = SampleNetConfig
    input_embeddings = "text.words"


class SampleNetModel(SampleNetPreTrainedModel):
    """SampleNet: scores how well images and texts fit."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        assert config.text_config is not None  # for the type checker: `derived` fills it in
        assert config.vision_config is not None
        self.text = TextEncoder(config.text_config)
        self.vision = ImageEncoder(config.vision_config)
        self.text_projection = nn.Linear(config.text_config.hidden_size, config.projection_dim, bias=False)
        self.visual_projection = nn.Linear(config.vision_config.hidden_size, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))

    def reset_parameters(self) -> None:
        """Give the scale its initial value; the layers know theirs."""
        nn.init.constant_(self.logit_scale, self.config.logit_scale_init_value)

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """Two texts, the second shorter, and two images."""
        assert self.config.vision_config is not None
        size, channels = self.config.vision_config.image_size, self.config.vision_config.num_channels
        return {
            "input_ids": torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]]),
            "pixel_values": torch.randn(2, channels, size, size, generator=torch.Generator().manual_seed(0)),
            "attention_mask": torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]]),
        }

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Encode texts, ``(texts, tokens)``, for the comparison: ``(texts, projection_dim)``."""
        return self.text_projection(self.text(input_ids, attention_mask))  # type: ignore[no-any-return]

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        """Encode images, ``(images, channels, height, width)``, for the comparison: ``(images, projection_dim)``."""
        return self.visual_projection(self.vision(pixel_values))  # type: ignore[no-any-return]

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        *,
        return_loss: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Compare every image with every text.

        Args:
            input_ids: ``(texts, tokens)`` integer.
            pixel_values: ``(images, channels, height, width)`` float.
            attention_mask: ``(texts, tokens)``, 1 for tokens and 0 for padding; None: no padding.
            return_loss: Compute the loss: the text of each image is the one at the same place.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `SampleNetOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit; or there is a loss to compute, but not one text for
                each image.
        """
        texts = nn.functional.normalize(self.get_text_features(input_ids, attention_mask), dim=-1)
        images = nn.functional.normalize(self.get_image_features(pixel_values), dim=-1)
        logits = self.logit_scale.exp() * images @ texts.mT  # (images, texts)
        loss = None
        if return_loss:
            if len(images) != len(texts):
                raise InputError(
                    f"the loss needs one text for each image, but there are {len(images)} images and {len(texts)} "
                    "texts. Leave out return_loss to compare any number."
                )
            own = torch.arange(images.shape[0], device=logits.device)
            entropies = [nn.functional.cross_entropy(scores, own) for scores in (logits, logits.mT)]
            loss = torch.stack(entropies).mean()
        output = SampleNetOutput(
            loss=loss,
            logits_per_image=logits,
            logits_per_text=logits.mT,
            text_embeds=texts,
            image_embeds=images,
        )
        return self.as_requested(output, return_dict)
