from typing import Any

import torch
from acme_decoder.config import DecoderConfig
from acme_decoder.model import DecoderModel, DecoderOutput, DecoderPreTrainedModel, Past, next_token_loss
from torch import Tensor, nn

from archsmith.layers.losses import classification_loss
from archsmith.outputs import ModelOutput


class DecoderHeadOutput(ModelOutput):
    """What a model with a head returns.

    Attributes:
        loss: The mean cross entropy, with labels.
        logits: ``(batch, tokens, vocabulary)``; of a classifier ``(batch, labels)``.
        past_key_values: As of the model without a head.
        hidden_states: As of the model without a head.
        attentions: As of the model without a head.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: Past | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class DecoderForCausalLM(DecoderPreTrainedModel):
    """Scores the next token."""

    tied_weights = {"lm_head.weight": "model.embed_tokens.weight"}

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.model = DecoderModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Past | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        decoded: DecoderOutput = self.model(
            input_ids,
            attention_mask,
            position_ids,
            past_key_values,
            inputs_embeds,
            use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        logits = self.lm_head(decoded.last_hidden_state)  # (batch, tokens, vocabulary)
        loss = None if labels is None else next_token_loss(logits, labels)
        output = DecoderHeadOutput(loss, logits, decoded.past_key_values, decoded.hidden_states, decoded.attentions)
        return self.as_requested(output, return_dict)


class DecoderForSequenceClassification(DecoderPreTrainedModel):
    """Classifies a text by its last token."""

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.model = DecoderModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Past | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        decoded: DecoderOutput = self.model(
            input_ids,
            attention_mask,
            position_ids,
            past_key_values,
            inputs_embeds,
            use_cache,
            output_attentions=output_attentions,
            output_hidden_states=output_hidden_states,
            return_dict=True,
        )
        hidden = decoded.last_hidden_state  # (batch, tokens, width)
        rows, places = torch.arange(hidden.shape[0], device=hidden.device), self._last(hidden, attention_mask)
        logits = self.score(hidden)[rows, places]  # (batch, labels)
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        output = DecoderHeadOutput(loss, logits, decoded.past_key_values, decoded.hidden_states, decoded.attentions)
        return self.as_requested(output, return_dict)

    def _last(self, hidden: Tensor, attention_mask: Tensor | None) -> Tensor:
        """Return the place of the last token of each text that is no padding, ``(batch,)``."""
        tokens = hidden.shape[1]
        if attention_mask is None:
            return torch.full((hidden.shape[0],), tokens - 1, device=hidden.device)
        places = torch.arange(tokens, device=hidden.device)
        return (attention_mask[:, -tokens:].bool() * places).argmax(-1)
