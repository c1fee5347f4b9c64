from typing import Any

import torch
import torch.nn.functional as F
from acme_pairing.config import PairingConfig
from acme_pairing.towers import PairingTextModel, PairingVisionModel
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput


class PairingOutput(ModelOutput):
    """What comparing texts and images returns.

    Attributes:
        loss: The mean cross entropy of both directions, if asked for.
        logits_per_image: ``(images, texts)``.
        logits_per_text: ``(texts, images)``.
        text_embeds: ``(texts, projection_dim)`` of length 1.
        image_embeds: ``(images, projection_dim)`` of length 1.
    """

    loss: Tensor | None = None
    logits_per_image: Tensor | None = None
    logits_per_text: Tensor | None = None
    text_embeds: Tensor | None = None
    image_embeds: Tensor | None = None


class PairingModel(PreTrainedModel):
    """Compares texts and images."""

    config: PairingConfig
    config_class = PairingConfig
    base_model_prefix = ""

    def __init__(self, config: PairingConfig) -> None:
        super().__init__(config)
        text, vision = config.text_config, config.vision_config
        assert text is not None
        assert vision is not None
        self.text_model = PairingTextModel(text)
        self.vision_model = PairingVisionModel(vision)
        self.text_projection = nn.Linear(text.hidden_size, config.projection_dim, bias=False)
        self.visual_projection = nn.Linear(vision.hidden_size, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))

    def init_weights(self, module: nn.Module) -> None:
        super().init_weights(module)
        if module is self:
            nn.init.constant_(self.logit_scale, self.config.logit_scale_init_value)

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """Two texts and two images."""
        return self.text_model.dummy_inputs | self.vision_model.dummy_inputs

    def get_text_features(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:
        """Return the vectors of texts, ``(texts, projection_dim)``."""
        return self.text_projection(self.text_model(input_ids, attention_mask, return_dict=True).pooler_output)

    def get_image_features(self, pixel_values: Tensor) -> Tensor:
        """Return the vectors of images, ``(images, projection_dim)``."""
        return self.visual_projection(self.vision_model(pixel_values, return_dict=True).pooler_output)

    def forward(
        self,
        input_ids: Tensor | None = None,
        pixel_values: Tensor | None = None,
        attention_mask: Tensor | None = None,
        return_loss: bool = False,
        *,
        return_dict: bool | None = None,
    ) -> Any:
        if input_ids is None or pixel_values is None:
            raise InputError("pass input_ids and pixel_values; for one of them: get_text_features, get_image_features.")
        texts = F.normalize(self.get_text_features(input_ids, attention_mask), dim=-1)
        images = F.normalize(self.get_image_features(pixel_values), dim=-1)
        per_text = self.logit_scale.exp() * texts @ images.T  # (texts, images)
        loss = contrastive_loss(per_text) if return_loss else None
        return self.as_requested(PairingOutput(loss, per_text.T, per_text, texts, images), return_dict)


def contrastive_loss(per_text: Tensor) -> Tensor:
    """Return the mean cross entropy of finding each text's image, and each image's text."""
    if per_text.shape[0] != per_text.shape[1]:
        raise InputError(f"a loss needs as many texts as images, but there are {tuple(per_text.shape)}.")
    pairs = torch.arange(per_text.shape[0], device=per_text.device)
    return (F.cross_entropy(per_text, pairs) + F.cross_entropy(per_text.T, pairs)) / 2
