"""What BERT is pre-trained with: filling in masked words, and telling whether one text follows another.

Source: Devlin et al., "BERT: Pre-training of Deep Bidirectional Transformers" (arXiv:1810.04805), section 3.1. Names of
modules and parameters are those of the published checkpoints.
"""

from typing import Any

import torch
from torch import Tensor, nn

from archsmith.layers.activations import activation
from archsmith.layers.losses import token_loss
from archsmith.outputs import BaseModelOutputWithPooling, MaskedLMOutput, ModelOutput, NextSentencePredictorOutput
from archsmith_bert.config import BertConfig
from archsmith_bert.model import BertModel, BertPreTrainedModel

__all__ = [
    "TIED",
    "BertForMaskedLM",
    "BertForNextSentencePrediction",
    "BertForPreTraining",
    "BertForPreTrainingOutput",
    "Predictions",
]

#: The layer that scores words is the table of words, and its bias that of `Predictions`.
TIED = {
    "cls.predictions.decoder.weight": "bert.embeddings.word_embeddings.weight",
    "cls.predictions.decoder.bias": "cls.predictions.bias",
}


class BertForPreTrainingOutput(ModelOutput):
    """What `BertForPreTraining` returns.

    Attributes:
        loss: The sum of the cross entropies over the masked words and over the pairs, if both labels were given; a
            scalar.
        prediction_logits: ``(batch, tokens, vocabulary)`` float.
        seq_relationship_logits: ``(batch, 2)`` float: the second text follows the first, or does not.
        hidden_states: As `archsmith.outputs.BaseModelOutput`.
        attentions: As `archsmith.outputs.BaseModelOutput`.
    """

    loss: Tensor | None = None
    prediction_logits: Tensor | None = None
    seq_relationship_logits: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class PredictionTransform(nn.Module):
    """The layer between the encoder and the scores of the words."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.hidden_size, config.hidden_size)
        self.activation = activation(config.hidden_act)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform hidden states, ``(batch, tokens, width)``."""
        return self.LayerNorm(self.activation(self.dense(hidden)))  # type: ignore[no-any-return]


class Predictions(nn.Module):
    """Scores of all words at every place. ``bias`` is the name under which files hold the decoder's bias."""

    def __init__(self, config: BertConfig) -> None:
        super().__init__()
        self.transform = PredictionTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def reset_parameters(self) -> None:
        """Start the bias at zero like any other."""
        nn.init.zeros_(self.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """Score hidden states: ``(batch, tokens, vocabulary)``."""
        return self.decoder(self.transform(hidden))  # type: ignore[no-any-return]


class BertForMaskedLM(BertPreTrainedModel):
    """BERT that predicts masked tokens."""

    tied_weights = TIED
    # The published files were trained with next-sentence prediction too, and call themselves masked language models.
    optional_keys = (*BertPreTrainedModel.optional_keys, "cls.seq_relationship.*")

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config, add_pooling_layer=False)
        self.cls = nn.ModuleDict({"predictions": Predictions(config)})

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        *,
        labels: Tensor | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every word of the vocabulary at every place. Arguments as `BertModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer; -100 where a token does not count in the loss.

        Returns:
            `MaskedLMOutput`.

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
        logits = self.cls["predictions"](encoded.last_hidden_state)
        output = MaskedLMOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class BertForPreTraining(BertPreTrainedModel):
    """BERT with both heads that it is pre-trained with: masked words, and whether one text follows another."""

    tied_weights = TIED

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config)
        self.cls = nn.ModuleDict(
            {"predictions": Predictions(config), "seq_relationship": nn.Linear(config.hidden_size, 2)}
        )

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        labels: Tensor | None = None,
        next_sentence_label: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every word at every place, and whether the second text of a pair follows the first.

        Arguments as `BertModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer; -100 where a token does not count in the loss.
            next_sentence_label: ``(batch,)`` integer: 0 where the second text follows the first, 1 where it does not,
                -100 where a pair does not count in the loss. There is a loss when both labels are given.

        Returns:
            `BertForPreTrainingOutput`.

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
        words = self.cls["predictions"](encoded.last_hidden_state)  # (batch, tokens, vocabulary)
        follows = self.cls["seq_relationship"](encoded.pooler_output)  # (batch, 2)
        loss = None
        if labels is not None and next_sentence_label is not None:
            loss = token_loss(words, labels) + token_loss(follows, next_sentence_label, name="next_sentence_label")
        output = BertForPreTrainingOutput(
            loss=loss,
            prediction_logits=words,
            seq_relationship_logits=follows,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)


class BertForNextSentencePrediction(BertPreTrainedModel):
    """BERT that tells whether one text follows another."""

    optional_keys = (*BertPreTrainedModel.optional_keys, "cls.predictions.*")

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        self.bert = BertModel(config)
        self.cls = nn.ModuleDict({"seq_relationship": nn.Linear(config.hidden_size, 2)})

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
        """Score whether the second text of a pair follows the first, or does not. Arguments as `BertModel.forward`.

        Args:
            labels: ``(batch,)`` integer: 0 where the second text follows the first, 1 where it does not, -100 where a
                pair does not count in the loss.

        Returns:
            `NextSentencePredictorOutput`.

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
        logits = self.cls["seq_relationship"](encoded.pooler_output)  # (batch, 2)
        output = NextSentencePredictorOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
