"""What GPT-2 is used for: going on with a text, and classifying it or its tokens."""

from typing import Any

from torch import Tensor, nn

from archsmith.layers.losses import token_loss
from archsmith.outputs import BaseModelOutputWithPast, TokenClassifierOutput
from archsmith_generation import Cache, GenerationMixin
from archsmith_generation.forward import causal_output, last_states, places_kept, text_output
from archsmith_gpt2.config import GPT2Config
from archsmith_gpt2.model import GPT2Model, GPT2PreTrainedModel

__all__ = ["GPT2ForSequenceClassification", "GPT2ForTokenClassification", "GPT2LMHeadModel"]


class GPT2LMHeadModel(GPT2PreTrainedModel, GenerationMixin):
    """GPT-2 that scores which token comes next, and goes on with texts (`generate`)."""

    tied_weights = {"lm_head.weight": "transformer.wte.weight"}
    accepts_loss_kwargs, loss_type = True, "ForCausalLM"  # transformers.Trainer asks, to count the labels of a loss

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        logits_to_keep: int | Tensor = 0,
        num_items_in_batch: Tensor | int | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every token of the vocabulary at every place. Arguments and errors as `GPT2Model.forward`.

        Args:
            labels: ``(batch, tokens)`` integer, the input ids themselves, -100 for what is left out: the scores at one
                place are held against the label at the next.
            logits_to_keep: Score the last so many places alone; 0: all. Or the places, ``(places,)`` integer.
            num_items_in_batch: How many labelled tokens the batches have whose gradients are added up: the loss is the
                sum divided by it. transformers.Trainer passes it.

        Returns:
            `CausalLMOutputWithPast`.
        """
        read: BaseModelOutputWithPast = self.transformer(
            input_ids,
            past_key_values,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            use_cache=use_cache,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        hidden: Any = read.last_hidden_state
        logits = self.lm_head(places_kept(hidden, logits_to_keep))  # (batch, places, vocabulary)
        return self.as_requested(causal_output(read, logits, labels, num_items_in_batch), return_dict)


class GPT2ForSequenceClassification(GPT2PreTrainedModel):
    """GPT-2 that classifies texts, by the hidden state of their last token."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.score = nn.Linear(config.n_embd, config.num_labels, bias=False)

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments and errors as `GPT2Model.forward`.

        The last token of a text is the last that is neither masked nor ``config.pad_token_id``.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `SequenceClassifierOutputWithPast`.
        """
        read: BaseModelOutputWithPast = self.transformer(
            input_ids,
            past_key_values,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            use_cache=use_cache,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        hidden: Any = read.last_hidden_state
        logits = self.score(last_states(hidden, input_ids, attention_mask, self.config.pad_token_id))  # (batch, labels)
        return self.as_requested(text_output(read, logits, labels, self.config), return_dict)


class GPT2ForTokenClassification(GPT2PreTrainedModel):
    """GPT-2 that classifies every token of a text, by what was read so far."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.transformer = GPT2Model(config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.n_embd, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label at every token. Arguments and errors as `GPT2Model.forward`.

        Args:
            labels: ``(batch, tokens)`` integer; -100 where a token does not count in the loss.

        Returns:
            `TokenClassifierOutput`.
        """
        read: BaseModelOutputWithPast = self.transformer(
            input_ids,
            past_key_values,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            use_cache=use_cache,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(self.dropout(read.last_hidden_state))  # (batch, tokens, labels)
        output = TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=read.hidden_states,
            attentions=read.attentions,
        )
        return self.as_requested(output, return_dict)
