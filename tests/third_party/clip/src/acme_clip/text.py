"""The half of CLIP that reads texts."""

from typing import Any

import torch
from torch import Tensor, nn

from acme_clip.config import CLIPTextConfig
from acme_clip.layers import Encoder
from archsmith.layers.attention import attention_mask_for
from archsmith.layers.inputs import check_ids, check_token_inputs, is_readable
from archsmith.messages import announce
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPooling, ModelOutput

__all__ = ["CLIPTextModel", "CLIPTextModelOutput", "CLIPTextModelWithProjection"]

#: What published files call the end of a text, whatever its number is.
_LEGACY_EOS = 2


class CLIPTextModelOutput(ModelOutput):
    """What the half that reads texts returns with its projection.

    Attributes:
        text_embeds: ``(batch, projection_dim)`` float.
        last_hidden_state: ``(batch, tokens, width)`` float.
        hidden_states: The embeddings and the output of each layer.
        attentions: The attention probabilities of each layer.
    """

    text_embeds: Tensor | None = None
    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class Embeddings(nn.Module):
    """Tokens and their positions."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__()
        self.factor = config.initializer_factor
        self.token_embedding = nn.Embedding(config.vocab_size, config.hidden_size)
        self.position_embedding = nn.Embedding(config.max_position_embeddings, config.hidden_size)

    def reset_parameters(self) -> None:
        """Give the embeddings their initial values."""
        for embedding in (self.token_embedding, self.position_embedding):
            nn.init.normal_(embedding.weight, std=0.02 * self.factor)

    def forward(self, input_ids: Tensor, position_ids: Tensor | None) -> Tensor:
        """Embed ``(batch, tokens)`` as ``(batch, tokens, width)``."""
        rows, width = self.token_embedding.weight.shape
        places = self.position_embedding.num_embeddings
        check_token_inputs(input_ids, None, vocab_size=rows, hidden_size=width, max_tokens=places)
        if position_ids is None:
            position_ids = torch.arange(input_ids.shape[1], device=input_ids.device)[None]  # (1, tokens)
        check_ids("position_ids", position_ids, places, shape=tuple(input_ids.shape))
        return self.token_embedding(input_ids) + self.position_embedding(position_ids)


class CLIPTextPreTrainedModel(PreTrainedModel):
    """What the models of texts share."""

    config: CLIPTextConfig
    config_class = CLIPTextConfig
    base_model_prefix = "text_model"
    input_embeddings = "embeddings.token_embedding"
    attention_projections = tuple(f"encoder.layers.{{}}.self_attn.{name}_proj" for name in ("q", "k", "v", "out"))
    ignored_keys = ("embeddings.position_ids",)

    @property
    def dummy_inputs(self) -> dict[str, Tensor]:
        """As `PreTrainedModel.dummy_inputs`, with the token that ends a text at the end of each."""
        inputs, end = super().dummy_inputs, self.config.eos_token_id
        if end == _LEGACY_EOS:
            end = self.config.vocab_size - 1
        if end >= self.config.vocab_size:
            return inputs
        ids, mask = inputs["input_ids"], inputs["attention_mask"]
        ids = torch.where(ids == end, (end + 1) % self.config.vocab_size, ids)
        return {"input_ids": ids.scatter(1, mask.sum(1, keepdim=True) - 1, end), "attention_mask": mask}


class CLIPTextModel(CLIPTextPreTrainedModel):
    """Texts, each as the state of its last token."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__(config)
        self.embeddings = Embeddings(config)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the states, ``(batch, tokens, width)``, and for each text that of its end, ``(batch, width)``.

        Raises:
            InputError: The ids, the mask or the positions do not fit.
        """
        hidden = self.embeddings(input_ids, position_ids)
        mask = attention_mask_for(hidden, attention_mask, causal=True)
        eager = self.attn_implementation == "eager" or self.wants_attentions(output_attentions)
        states, maps = self.encoder(hidden, mask, eager=eager)
        last = self.final_layer_norm(states[-1])
        pooled = last[torch.arange(last.shape[0], device=last.device), self._ends(input_ids)]
        found = BaseModelOutputWithPooling(
            last_hidden_state=last,
            pooler_output=pooled,
            hidden_states=states if self.wants_hidden_states(output_hidden_states) else None,
            attentions=maps if self.wants_attentions(output_attentions) else None,
        )
        return self.as_requested(found, return_dict)

    def _ends(self, input_ids: Tensor) -> Tensor:
        """Return the place of the end of each text, ``(batch,)``; a text without one counts as its first token."""
        end = self.config.eos_token_id
        if end == _LEGACY_EOS:
            return input_ids.argmax(1)
        ends = (input_ids == end).int()
        if is_readable(ends) and not bool(ends.any(1).all()):
            announce(
                f"a text does not hold the token {end} (eos_token_id), which ends it: its first token stands for it. "
                "Ask the tokenizer of this model, or set eos_token_id of the configuration."
            )
        return ends.argmax(1)


class CLIPTextModelWithProjection(CLIPTextPreTrainedModel):
    """Texts in the space that they share with images."""

    def __init__(self, config: CLIPTextConfig) -> None:
        super().__init__(config)
        self.text_model = CLIPTextModel(config)
        self.text_projection = nn.Linear(config.hidden_size, config.projection_dim, bias=False)

    def reset_parameters(self) -> None:
        """Give the projection its initial values."""
        std = self.config.hidden_size**-0.5 * self.config.initializer_factor
        nn.init.normal_(self.text_projection.weight, std=std)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the texts in the shared space, ``(batch, projection_dim)``; as `CLIPTextModel.forward`."""
        options = {"output_attentions": output_attentions, "output_hidden_states": output_hidden_states}
        found = self.text_model(input_ids, attention_mask, position_ids, return_dict=True, **options)
        embeds = self.text_projection(found.pooler_output)
        output = CLIPTextModelOutput(embeds, found.last_hidden_state, found.hidden_states, found.attentions)
        return self.as_requested(output, return_dict)
