"""MaskFormer with its heads: each query says what it has found, and where.

Source: Cheng et al., "Per-Pixel Classification is Not All You Need for Semantic Segmentation" (arXiv:2107.06278),
section 3. Names of modules and parameters are those of the published checkpoints.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.options import read_flag
from archsmith.outputs import ModelOutput
from archsmith_maskformer.config import MaskFormerConfig
from archsmith_maskformer.losses import LossWeights, check_labels, segmentation_loss
from archsmith_maskformer.model import MaskFormerModel, MaskFormerModelOutput, MaskFormerPreTrainedModel

__all__ = ["MaskFormerForInstanceSegmentation", "MaskFormerForInstanceSegmentationOutput"]


class MaskFormerForInstanceSegmentationOutput(ModelOutput):
    """What a MaskFormer returns. The image processor makes maps of segments of it.

    Attributes:
        loss: The loss, if labels were given; a scalar.
        class_queries_logits: ``(batch, queries, classes + 1)`` float; the last class is none.
        masks_queries_logits: ``(batch, queries, height, width)`` float, as fine as the finest features.
        auxiliary_logits: For the queries before each layer a mapping with both kinds of logits, if asked for.
        encoder_last_hidden_state: As `MaskFormerModelOutput`, like all that follows.
        pixel_decoder_last_hidden_state: …
        transformer_decoder_last_hidden_state: …
        encoder_hidden_states: …
        pixel_decoder_hidden_states: …
        transformer_decoder_hidden_states: …
        hidden_states: …
        attentions: …
    """

    loss: Tensor | None = None
    class_queries_logits: Tensor | None = None
    masks_queries_logits: Tensor | None = None
    auxiliary_logits: list[dict[str, Tensor]] | None = None
    encoder_last_hidden_state: Tensor | None = None
    pixel_decoder_last_hidden_state: Tensor | None = None
    transformer_decoder_last_hidden_state: Tensor | None = None
    encoder_hidden_states: tuple[Tensor, ...] | None = None
    pixel_decoder_hidden_states: tuple[Tensor, ...] | None = None
    transformer_decoder_hidden_states: tuple[Tensor, ...] | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class MaskFormerForInstanceSegmentation(MaskFormerPreTrainedModel):
    """MaskFormer that finds segments in images: one mask and one class for each query.

    Example:
        >>> import torch
        >>> from archsmith import MaskFormerConfig, MaskFormerForInstanceSegmentation
        >>> config = MaskFormerConfig(
        ...     backbone_config={"model_type": "swin", "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2]},
        ...     decoder_config={"d_model": 16, "decoder_layers": 1, "decoder_attention_heads": 2, "num_queries": 5},
        ...     fpn_feature_size=32,
        ...     mask_feature_size=16,
        ...     num_labels=3,
        ... )
        >>> output = MaskFormerForInstanceSegmentation(config)(torch.zeros(1, 3, 64, 48))
        >>> output.class_queries_logits.shape, output.masks_queries_logits.shape
        (torch.Size([1, 5, 4]), torch.Size([1, 5, 16, 12]))
    """

    def __init__(self, config: MaskFormerConfig) -> None:
        super().__init__(config)
        self.model = MaskFormerModel(config)
        self.config = self.model.config
        width = config.decoder.d_model
        self.class_predictor = nn.Linear(width, config.num_labels + 1)
        self.mask_embedder = nn.Sequential(
            nn.Sequential(nn.Linear(width, width), nn.ReLU()),
            nn.Sequential(nn.Linear(width, width), nn.ReLU()),
            nn.Sequential(nn.Linear(width, config.mask_feature_size)),
        )

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module: the layers of the mask head evenly (Glorot), without bias."""
        super().init_weights(module)
        if isinstance(module, nn.Linear) and any(module is layer for layer in self.mask_embedder.modules()):
            nn.init.xavier_uniform_(module.weight, gain=self.config.init_xavier_std)

    def forward(
        self,
        pixel_values: Tensor,
        mask_labels: Sequence[Tensor] | None = None,
        class_labels: Sequence[Tensor] | None = None,
        pixel_mask: Tensor | None = None,
        *,
        output_auxiliary_logits: bool | None = None,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Find segments in a batch of images. Arguments as `MaskFormerModel.forward`.

        Args:
            mask_labels: For each image ``(segments, height, width)``: 1 on a segment and 0 beside it. Images may
                have several numbers of segments, and none at all.
            class_labels: For each image ``(segments,)`` integer: the class of each segment.
            output_auxiliary_logits: Return the predictions of every layer, where ``use_auxiliary_loss`` makes them.

        Returns:
            `MaskFormerForInstanceSegmentationOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit, or only one kind of labels is given.
        """
        config = self.config
        wants_states = self.wants_hidden_states(output_hidden_states)
        found: MaskFormerModelOutput = self.model(
            pixel_values,
            pixel_mask,
            output_hidden_states=wants_states or config.use_auxiliary_loss,
            output_attentions=self.wants_attentions(output_attentions),
            return_dict=True,
        )
        *early, last = self._predictions(found)
        kept = {name: value for name, value in found.items() if wants_states or "hidden_states" not in name}
        output = MaskFormerForInstanceSegmentationOutput(**{**last, **kept})
        if mask_labels is not None or class_labels is not None:
            output.loss = self._loss([last, *early], mask_labels, class_labels)
        wants_early = read_flag(
            "output_auxiliary_logits", output_auxiliary_logits, bool(config.output_auxiliary_logits)
        )
        output.auxiliary_logits = early if wants_early else None
        return self.as_requested(output, return_dict)

    def _predictions(self, found: MaskFormerModelOutput) -> list[dict[str, Tensor]]:
        """Return the logits that follow from the last queries; those from the queries before each layer first."""
        states: Any = found.transformer_decoder_hidden_states
        if not self.config.use_auxiliary_loss:
            states = (found.transformer_decoder_last_hidden_state,)
        return [
            {
                "class_queries_logits": self.class_predictor(queries),
                "masks_queries_logits": torch.einsum(
                    "bqc,bchw->bqhw", self.mask_embedder(queries), found.pixel_decoder_last_hidden_state
                ),
            }
            for queries in states
        ]

    def _loss(
        self,
        predictions: Sequence[dict[str, Tensor]],
        mask_labels: Sequence[Tensor] | None,
        class_labels: Sequence[Tensor] | None,
    ) -> Tensor:
        if mask_labels is None or class_labels is None:
            missing = "mask_labels" if mask_labels is None else "class_labels"
            raise InputError(f"a loss needs mask_labels and class_labels, but {missing} are missing.")
        config, first = self.config, predictions[0]["class_queries_logits"]
        check_labels(mask_labels, class_labels, batch=len(first), classes=config.num_labels)
        weights = LossWeights(
            config.cross_entropy_weight, config.no_object_weight, config.mask_weight, config.dice_weight
        )
        losses = [
            segmentation_loss(
                each["masks_queries_logits"], each["class_queries_logits"], mask_labels, class_labels, weights
            )
            for each in predictions
        ]
        return torch.stack(losses).sum()
