"""BERT's heads for the tasks it is fine-tuned to: what each makes of the hidden states, and its loss.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (arXiv:1810.04805), sections 3.2 and 4.
Names of modules and parameters are those of the published checkpoints.
"""

from typing import Any

from torch import Tensor, nn

from archsmith.errors import ConfigError
from archsmith.layers.inputs import check_choices, flatten_choices
from archsmith.layers.losses import classification_loss, span_loss, token_loss
from archsmith.outputs import (
    BaseModelOutputWithPooling,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from archsmith_bert.config import BertConfig
from archsmith_bert.model import BertModel, BertPreTrainedModel

__all__ = [
    "BertForMultipleChoice",
    "BertForQuestionAnswering",
    "BertForSequenceClassification",
    "BertForTokenClassification",
]

_ENDS = 2  # of an answer: its first token and its last


def _dropout_rate(config: BertConfig) -> float:
    """Return the rate of the dropout before a classifier."""
    return config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout


class BertForSequenceClassification(BertPreTrainedModel):
    """BERT that classifies whole texts, or predicts numbers for them."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(_dropout_rate(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments as `BertModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `SequenceClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutputWithPooling = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(self.dropout(encoded.pooler_output))
        output = SequenceClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config.problem_type),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class BertForTokenClassification(BertPreTrainedModel):
    """BERT that classifies every token of a text."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.dropout = nn.Dropout(_dropout_rate(config))
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label at every token. Arguments as `BertModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer; -100 where a token does not count in the loss.

        Returns:
            `TokenClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutputWithPooling = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(self.dropout(encoded.last_hidden_state))  # (batch, tokens, labels)
        output = TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class BertForQuestionAnswering(BertPreTrainedModel):
    """BERT that marks where in a text the answer to a question begins and ends."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        if config.num_labels != _ENDS:
            raise ConfigError(
                f"{type(self).__name__} scores where an answer begins and where it ends, so num_labels must be 2, "
                f"but is {config.num_labels}. Pass num_labels=2."
            )
        self.bert = BertModel(config, add_pooling_layer=False)
        self.qa_outputs = nn.Linear(config.hidden_size, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every token as the first and as the last one of the answer. Arguments as `BertModel.forward`.

        Args:
            start_positions: ``(batch,)`` integer: the first token of each answer; one beyond the text is left out.
            end_positions: ``(batch,)`` integer: the last token of each answer, likewise. There is a loss when both
                are given.

        Returns:
            `QuestionAnsweringModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutputWithPooling = self.bert(
            input_ids,
            attention_mask,
            token_type_ids,
            position_ids,
            inputs_embeds,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.qa_outputs(encoded.last_hidden_state)
        start_logits, end_logits = (part.contiguous() for part in logits.unbind(-1))  # each (batch, tokens)
        loss = None
        if start_positions is not None and end_positions is not None:
            loss = span_loss(start_logits, end_logits, start_positions, end_positions)
        output = QuestionAnsweringModelOutput(
            loss=loss,
            start_logits=start_logits,
            end_logits=end_logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class BertForMultipleChoice(BertPreTrainedModel):
    """BERT that picks one of several texts, such as the right ending of a story.

    Example:
        >>> import torch
        >>> from archsmith import BertConfig, BertForMultipleChoice
        >>> config = BertConfig(
        ...     hidden_size=16, num_attention_heads=2, num_hidden_layers=1, intermediate_size=32, vocab_size=100
        ... )
        >>> one_question_of_two_choices = torch.tensor([[[5, 6, 7], [5, 6, 8]]])
        >>> BertForMultipleChoice(config)(one_question_of_two_choices).logits.shape
        torch.Size([1, 2])
    """

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(_dropout_rate(config))
        self.classifier = nn.Linear(config.hidden_size, 1)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every choice. Arguments as `BertModel.forward`, with the choices as a second dimension.

        Args:
            input_ids: ``(batch, choices, tokens)`` integer.
            attention_mask: ``(batch, choices, tokens)``, 1 for tokens and 0 for padding; None: no padding.
            token_type_ids: ``(batch, choices, tokens)`` or ``(1, tokens)`` integer; None: 0.
            position_ids: ``(batch, choices, tokens)`` or ``(1, tokens)`` integer; None: 0, 1, 2, …
            inputs_embeds: ``(batch, choices, tokens, width)`` float, in place of ``input_ids``.
            labels: ``(batch,)`` integer: the right choice; -100 where a question does not count in the loss.

        Returns:
            `MultipleChoiceModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        shape = check_choices(input_ids, inputs_embeds)
        encoded: BaseModelOutputWithPooling = self.bert(
            flatten_choices("input_ids", input_ids, shape),
            flatten_choices("attention_mask", attention_mask, shape),
            flatten_choices("token_type_ids", token_type_ids, shape),
            flatten_choices("position_ids", position_ids, shape),
            flatten_choices("inputs_embeds", inputs_embeds, shape),
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        scores = self.classifier(self.dropout(encoded.pooler_output))  # (batch × choices, 1)
        logits = scores.reshape(shape[:2])  # (batch, choices)
        output = MultipleChoiceModelOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
