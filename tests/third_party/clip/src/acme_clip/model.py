"""CLIP: texts and images in one space, where what belongs together lies close.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (arXiv:2103.00020),
section 2.3 and figure 3.
"""

from typing import Any

import torch
from torch import Tensor, nn

from acme_clip.config import CLIPConfig
from acme_clip.text import CLIPTextModel
from acme_clip.vision import CLIPVisionModel
from archsmith.errors import InputError
from archsmith.layers.losses import classification_loss, token_loss
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPooling, ImageClassifierOutput, ModelOutput

__all__ = ["CLIPForImageClassification", "CLIPModel", "CLIPOutput"]


class CLIPOutput(ModelOutput):
    """What CLIP returns.

    Attributes:
        loss: How badly each text finds its image and each image its text, if asked for; a scalar.
        logits_per_image: ``(images, texts)`` float: scaled similarities.
        logits_per_text: ``(texts, images)`` float.
        text_embeds: ``(texts, projection_dim)`` float, of length one.
        image_embeds: ``(images, projection_dim)`` float, of length one.
        text_model_output: What `CLIPModel.get_text_features` returns.
        vision_model_output: What `CLIPModel.get_image_features` returns.
    """

    loss: Tensor | None = None
    logits_per_image: Tensor | None = None
    logits_per_text: Tensor | None = None
    text_embeds: Tensor | None = None
    image_embeds: Tensor | None = None
    text_model_output: BaseModelOutputWithPooling | None = None
    vision_model_output: BaseModelOutputWithPooling | None = None


class CLIPModel(PreTrainedModel):
    """Both halves, and a projection of each into the space that they share."""

    config: CLIPConfig
    config_class = CLIPConfig
    input_embeddings = "text_model.embeddings.token_embedding"

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.text_model = CLIPTextModel(config.text_config)
        self.vision_model = CLIPVisionModel(config.vision_config)
        self.visual_projection = nn.Linear(config.vision_config.hidden_size, config.projection_dim, bias=False)
        self.text_projection = nn.Linear(config.text_config.hidden_size, config.projection_dim, bias=False)
        self.logit_scale = nn.Parameter(torch.tensor(config.logit_scale_init_value))

    def reset_parameters(self) -> None:
        """Give the projections and the scale their initial values."""
        for projection in (self.visual_projection, self.text_projection):
            nn.init.normal_(projection.weight, std=projection.in_features**-0.5 * self.config.initializer_factor)
        nn.init.constant_(self.logit_scale, self.config.logit_scale_init_value)

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """Texts and images, two of each."""
        return self.text_model.dummy_inputs | self.vision_model.dummy_inputs

    def get_text_features(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        **options: Any,
    ) -> BaseModelOutputWithPooling:
        """Return what `CLIPTextModel` does, its ``pooler_output`` in the shared space: ``(texts, projection_dim)``."""
        found = self.text_model(input_ids, attention_mask, position_ids, **options, return_dict=True)
        found.pooler_output = self.text_projection(found.pooler_output)
        return found

    def get_image_features(self, pixel_values: Tensor, **options: Any) -> BaseModelOutputWithPooling:
        """Return what `CLIPVisionModel` does, with its ``pooler_output``: ``(images, projection_dim)``, likewise."""
        found = self.vision_model(pixel_values, **options, return_dict=True)
        found.pooler_output = self.visual_projection(found.pooler_output)
        return found

    def forward(
        self,
        input_ids: Tensor,
        pixel_values: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        return_loss: bool | None = None,
        interpolate_pos_encoding: bool = False,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Compare every text, ``(texts, tokens)``, with every image, ``(images, channels, height, width)``.

        Raises:
            InputError: An input does not fit, or a loss is asked for of texts and images of different number.
        """
        options = {
            "output_attentions": self.wants_attentions(output_attentions),
            "output_hidden_states": self.wants_hidden_states(output_hidden_states),
        }
        images = self.get_image_features(pixel_values, interpolate_pos_encoding=interpolate_pos_encoding, **options)
        texts = self.get_text_features(input_ids, attention_mask, position_ids, **options)
        image_embeds, text_embeds = _unit(images.pooler_output), _unit(texts.pooler_output)
        logits_per_text = text_embeds @ image_embeds.t() * self.logit_scale.exp()  # (texts, images)
        loss = contrastive_loss(logits_per_text) if return_loss else None
        found = CLIPOutput(loss, logits_per_text.t(), logits_per_text, text_embeds, image_embeds, texts, images)
        if self.as_requested(found, return_dict) is found:
            return found
        found.text_model_output, found.vision_model_output = texts.to_tuple(), images.to_tuple()
        return found.to_tuple()


class CLIPForImageClassification(PreTrainedModel):
    """A linear layer over the mean of the patches of an image."""

    config: CLIPConfig
    config_class = CLIPConfig
    base_model_prefix = "vision_model"
    main_input_name = "pixel_values"
    optional_keys = ("post_layernorm.*",)  # of the pooler, which the head does not read

    def __init__(self, config: CLIPConfig) -> None:
        super().__init__(config)
        self.vision_model = CLIPVisionModel(config.vision_config)
        width = config.vision_config.hidden_size
        self.classifier = nn.Linear(width, config.num_labels) if config.num_labels else nn.Identity()

    def reset_parameters(self) -> None:
        """Give the head its initial values."""
        if isinstance(self.classifier, nn.Linear):
            std = self.classifier.in_features**-0.5 * self.config.initializer_factor
            nn.init.normal_(self.classifier.weight, std=std)

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """Two images."""
        return self.vision_model.dummy_inputs

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the scores of the classes, ``(batch, labels)``, and with ``labels``, ``(batch,)``, the loss.

        Raises:
            InputError: The pixels or the labels do not fit.
        """
        found = self.vision_model(
            pixel_values,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(found.last_hidden_state[:, 1:].mean(1))
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        output = ImageClassifierOutput(loss, logits, found.hidden_states, found.attentions)
        return self.as_requested(output, return_dict)


def contrastive_loss(logits_per_text: Tensor) -> Tensor:
    """Return the mean of two cross entropies: of each text's image, and of each image's text.

    Raises:
        InputError: There are not as many texts as images.
    """
    texts, images = logits_per_text.shape
    if texts != images:
        raise InputError(f"return_loss needs the text of each image, but there are {texts} texts and {images} images.")
    own = torch.arange(texts, device=logits_per_text.device)
    return (token_loss(logits_per_text, own) + token_loss(logits_per_text.t(), own)) / 2


def _unit(vectors: Tensor) -> Tensor:
    return vectors / vectors.norm(dim=-1, keepdim=True)
