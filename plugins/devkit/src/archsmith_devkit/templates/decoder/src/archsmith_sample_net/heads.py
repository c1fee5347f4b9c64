"""What SampleNet is used for: going on with a text, and classifying it."""

from typing import Any

from archsmith.outputs import BaseModelOutputWithPast
from archsmith_generation import Cache, GenerationMixin
from archsmith_generation.forward import (
    causal_output,
    last_states,
    places_kept,
    text_output,
)
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig
from archsmith_sample_net.model import (
    SampleNetModel,
    SampleNetPreTrainedModel,
)

__all__ = ["SampleNetForCausalLM", "SampleNetForSequenceClassification"]


class SampleNetForCausalLM(SampleNetPreTrainedModel, GenerationMixin):
    """SampleNet that scores which token comes next, and goes on with texts (`generate`, `stream`)."""

    tied_weights = {"lm_head.weight": "model.words.weight"}

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.model = SampleNetModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every token of the vocabulary at every place. Arguments and errors as `SampleNetModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer, the input ids themselves, -100 for what is left out: the scores at one
                place are held against the label at the next.
            logits_to_keep: Score the last so many places alone; 0: all. Or the places, ``(places,)`` integer.

        Returns:
            `CausalLMOutputWithPast`.
        """
        read: BaseModelOutputWithPast = self.model(
            input_ids,
            attention_mask,
            position_ids,
            past_key_values,
            inputs_embeds,
            use_cache=use_cache,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        hidden: Any = read.last_hidden_state
        logits = self.lm_head(places_kept(hidden, logits_to_keep))  # (batch, places, vocabulary)
        return self.as_requested(causal_output(read, logits, labels, None), return_dict)


class SampleNetForSequenceClassification(SampleNetPreTrainedModel):
    """SampleNet that classifies texts, by the hidden state of their last token."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.model = SampleNetModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments and errors as `SampleNetModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `SequenceClassifierOutputWithPast`, without a cache.
        """
        read: BaseModelOutputWithPast = self.model(
            input_ids,
            attention_mask,
            use_cache=False,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        hidden: Any = read.last_hidden_state
        pooled = last_states(hidden, input_ids, attention_mask, self.config.pad_token_id)  # (batch, width)
        return self.as_requested(text_output(read, self.score(pooled), labels, self.config), return_dict)
