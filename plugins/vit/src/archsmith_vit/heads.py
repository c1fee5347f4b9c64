"""ViT's heads: what each makes of the hidden states, and its loss.

Source: for classification Dosovitskiy et al., "An Image is Worth 16x16 Words" (arXiv:2010.11929), section 3.1; for
masked patches Xie et al., "SimMIM: A Simple Framework for Masked Image Modeling" (arXiv:2111.09886), section 3.
"""

from typing import Any

from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.losses import classification_loss
from archsmith.outputs import BaseModelOutputWithPooling, ImageClassifierOutput, MaskedImageModelingOutput
from archsmith_vit.config import ViTConfig
from archsmith_vit.model import ViTModel, ViTPreTrainedModel

__all__ = ["ViTForImageClassification", "ViTForMaskedImageModeling"]

#: Added to the number of masked pixels: where there are none, nothing is divided by zero.
_EPS = 1e-5


class ViTForImageClassification(ViTPreTrainedModel):
    """ViT that classifies images, or predicts numbers for them."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.vit = ViTModel(config, add_pooling_layer=False)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels) if config.num_labels else nn.Identity()

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        interpolate_pos_encoding: bool | None = None,
        attention_mask: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments as `ViTModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `ImageClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutputWithPooling = self.vit(
            pixel_values,
            None,
            interpolate_pos_encoding,
            attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(encoded.last_hidden_state[:, 0])  # type: ignore[index]  # (batch, labels)
        output = ImageClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config.problem_type),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class ViTForMaskedImageModeling(ViTPreTrainedModel):
    """ViT that fills in the patches of an image that are hidden from it."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.vit = ViTModel(config, add_pooling_layer=False, use_mask_token=True)
        pixels = config.encoder_stride**2 * config.num_channels
        self.decoder = nn.Sequential(
            nn.Conv2d(config.hidden_size, pixels, kernel_size=1), nn.PixelShuffle(config.encoder_stride)
        )

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
        """Paint every pixel anew. Arguments as `ViTModel.forward`.

        With ``bool_masked_pos`` there is a loss: the mean distance of the masked pixels from the true ones. It needs
        patches of ``encoder_stride`` pixels, and images that they cover.

        Returns:
            `MaskedImageModelingOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        stride, patch = self.config.encoder_stride, self.config.patch_shape
        if bool_masked_pos is not None and patch != (stride, stride):
            raise InputError(
                f"bool_masked_pos needs an encoder_stride that equals patch_size, so that every masked pixel is "
                f"painted, but they are {stride} and {self.config.patch_size}."
            )
        encoded: BaseModelOutputWithPooling = self.vit(
            pixel_values,
            bool_masked_pos,
            interpolate_pos_encoding,
            attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        grid = (pixel_values.shape[2] // patch[0], pixel_values.shape[3] // patch[1])
        patches = encoded.last_hidden_state[:, 1:].transpose(1, 2)  # type: ignore[index]  # (batch, width, patches)
        painted = self.decoder(patches.unflatten(2, grid))  # (batch, channels, rows × stride, columns × stride)
        loss = None
        if bool_masked_pos is not None:
            loss = _masked_distance(pixel_values, painted, bool_masked_pos.reshape(-1, *grid), stride)
        output = MaskedImageModelingOutput(loss, painted, encoded.hidden_states, encoded.attentions)
        return self.as_requested(output, return_dict)


def _masked_distance(pixels: Tensor, painted: Tensor, masked: Tensor, stride: int) -> Tensor:
    """Return the mean distance per channel over the masked patches, ``(batch, rows, columns)`` of ``stride`` pixels."""
    if pixels.shape != painted.shape:
        raise InputError(
            f"the images are {pixels.shape[2]} x {pixels.shape[3]} pixels (height x width); expected multiples of "
            f"{stride}, so that the patches cover them."
        )
    mask = masked.repeat_interleave(stride, 1).repeat_interleave(stride, 2)[:, None]  # (batch, 1, height, width)
    distance = (pixels - painted).abs() * mask
    return distance.sum() / (mask.sum() + _EPS) / pixels.shape[1]
