"""DistilBERT's heads: what each makes of the hidden states, and its loss.

Source: Sanh et al., "DistilBERT, a distilled version of BERT" (arXiv:1910.01108), section 4; the heads are those of
Devlin et al., "BERT" (arXiv:1810.04805), section 4. Names of parameters are those of the published checkpoints.
"""

from typing import Any

from torch import Tensor, nn

from archsmith.errors import ConfigError
from archsmith.layers.activations import activation
from archsmith.layers.inputs import check_choices, flatten_choices
from archsmith.layers.losses import classification_loss, span_loss, token_loss
from archsmith.outputs import (
    BaseModelOutput,
    MaskedLMOutput,
    MultipleChoiceModelOutput,
    QuestionAnsweringModelOutput,
    SequenceClassifierOutput,
    TokenClassifierOutput,
)
from archsmith_distilbert.config import DistilBertConfig
from archsmith_distilbert.model import EPS, DistilBertModel, DistilBertPreTrainedModel

__all__ = [
    "DistilBertForMaskedLM",
    "DistilBertForMultipleChoice",
    "DistilBertForQuestionAnswering",
    "DistilBertForSequenceClassification",
    "DistilBertForTokenClassification",
]

_ENDS = 2  # of an answer: its first token and its last


class DistilBertForMaskedLM(DistilBertPreTrainedModel):
    """DistilBERT that predicts masked tokens."""

    tied_weights = {"vocab_projector.weight": "distilbert.embeddings.word_embeddings.weight"}

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.vocab_transform = nn.Linear(config.dim, config.dim)
        self.activation = activation(config.activation)
        self.vocab_layer_norm = nn.LayerNorm(config.dim, eps=EPS)
        self.vocab_projector = nn.Linear(config.dim, config.vocab_size)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every word of the vocabulary at every place. Arguments as `DistilBertModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer; -100 where a token does not count in the loss.

        Returns:
            `MaskedLMOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutput = self.distilbert(
            input_ids,
            attention_mask,
            inputs_embeds,
            position_ids,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        hidden = self.vocab_layer_norm(self.activation(self.vocab_transform(encoded.last_hidden_state)))
        logits = self.vocab_projector(hidden)
        output = MaskedLMOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class DistilBertForSequenceClassification(DistilBertPreTrainedModel):
    """DistilBERT that classifies whole texts, or predicts numbers for them."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments as `DistilBertModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `SequenceClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutput = self.distilbert(
            input_ids,
            attention_mask,
            inputs_embeds,
            position_ids,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        first = encoded.last_hidden_state[:, 0]  # type: ignore[index]  # (batch, width)
        logits = self.classifier(self.dropout(self.pre_classifier(first).relu()))
        output = SequenceClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config.problem_type),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class DistilBertForTokenClassification(DistilBertPreTrainedModel):
    """DistilBERT that classifies every token of a text."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.dropout = nn.Dropout(config.dropout)
        self.classifier = nn.Linear(config.dim, config.num_labels)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label at every token. Arguments as `DistilBertModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer; -100 where a token does not count in the loss.

        Returns:
            `TokenClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutput = self.distilbert(
            input_ids,
            attention_mask,
            inputs_embeds,
            position_ids,
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


class DistilBertForQuestionAnswering(DistilBertPreTrainedModel):
    """DistilBERT that marks where in a text the answer to a question begins and ends."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        if config.num_labels != _ENDS:
            raise ConfigError(
                f"{type(self).__name__} scores where an answer begins and where it ends, so num_labels must be 2, "
                f"but is {config.num_labels}. Pass num_labels=2."
            )
        self.distilbert = DistilBertModel(config)
        self.qa_outputs = nn.Linear(config.dim, config.num_labels)
        self.dropout = nn.Dropout(config.qa_dropout)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every token as the first and as the last one of the answer. Arguments as `DistilBertModel.forward`.

        Args:
            start_positions: ``(batch,)`` integer: the first token of each answer; one beyond the text is left out.
            end_positions: ``(batch,)`` integer: the last token of each answer, likewise. There is a loss when both
                are given.

        Returns:
            `QuestionAnsweringModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        encoded: BaseModelOutput = self.distilbert(
            input_ids,
            attention_mask,
            inputs_embeds,
            position_ids,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.qa_outputs(self.dropout(encoded.last_hidden_state))
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


class DistilBertForMultipleChoice(DistilBertPreTrainedModel):
    """DistilBERT that picks one of several texts, such as the right ending of a story.

    Example:
        >>> import torch
        >>> from archsmith import DistilBertConfig, DistilBertForMultipleChoice
        >>> config = DistilBertConfig(dim=16, n_heads=2, n_layers=1, hidden_dim=32, vocab_size=100)
        >>> one_question_of_two_choices = torch.tensor([[[5, 6, 7], [5, 6, 8]]])
        >>> DistilBertForMultipleChoice(config)(one_question_of_two_choices).logits.shape
        torch.Size([1, 2])
    """

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.pre_classifier = nn.Linear(config.dim, config.dim)
        self.classifier = nn.Linear(config.dim, 1)
        self.dropout = nn.Dropout(config.seq_classif_dropout)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every choice. Arguments as `DistilBertModel.forward`, with the choices as a second dimension.

        Args:
            input_ids: ``(batch, choices, tokens)`` integer.
            attention_mask: ``(batch, choices, tokens)``, 1 for tokens and 0 for padding; None: no padding.
            inputs_embeds: ``(batch, choices, tokens, width)`` float, in place of ``input_ids``.
            labels: ``(batch,)`` integer: the right choice; -100 where a question does not count in the loss.
            position_ids: ``(batch, choices, tokens)`` or ``(1, tokens)`` integer; None: 0, 1, 2, …

        Returns:
            `MultipleChoiceModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        shape = check_choices(input_ids, inputs_embeds)
        encoded: BaseModelOutput = self.distilbert(
            flatten_choices("input_ids", input_ids, shape),
            flatten_choices("attention_mask", attention_mask, shape),
            flatten_choices("inputs_embeds", inputs_embeds, shape),
            flatten_choices("position_ids", position_ids, shape),
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        first = encoded.last_hidden_state[:, 0]  # type: ignore[index]  # (batch × choices, width)
        scores = self.classifier(self.dropout(self.pre_classifier(first).relu()))
        logits = scores.reshape(shape[:2])  # (batch, choices)
        output = MultipleChoiceModelOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
