"""What SampleNet is used for: going on with a text, and classifying it."""

from typing import Any

import torch
from archsmith.layers.losses import classification_loss, token_loss
from archsmith.outputs import ModelOutput
from torch import Tensor, nn

from archsmith_sample_net.config import SampleNetConfig
from archsmith_sample_net.model import (
    SampleNetModel,
    SampleNetOutput,
    SampleNetPreTrainedModel,
)

__all__ = [
    "SampleNetForCausalLM",
    "SampleNetForSequenceClassification",
    "SampleNetHeadOutput",
]


class SampleNetHeadOutput(ModelOutput):
    """What the models with a head return.

    Attributes:
        loss: A scalar, if labels were given.
        logits: ``(batch, tokens, vocabulary)`` float: scores of the token after each; of a classifier
            ``(batch, labels)``.
        past_key_values: As `SampleNetOutput`, as are the others.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    past_key_values: tuple[tuple[Tensor, Tensor], ...] | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class SampleNetForCausalLM(SampleNetPreTrainedModel):
    """SampleNet that scores which token comes next."""

    tied_weights = {"lm_head.weight": "model.words.weight"}

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.model = SampleNetModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        past_key_values: tuple[tuple[Tensor, Tensor], ...] | None = None,
        labels: Tensor | None = None,
        *,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every token of the vocabulary at every place. Arguments and errors as `SampleNetModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer, the input ids themselves, -100 for what is left out: the scores at one
                place are held against the label at the next.

        Returns:
            `SampleNetHeadOutput`.
        """
        read: SampleNetOutput = self.model(
            input_ids,
            attention_mask,
            position_ids,
            past_key_values,
            use_cache=use_cache,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.lm_head(read.last_hidden_state)  # (batch, tokens, vocabulary)
        output = SampleNetHeadOutput(
            loss=None if labels is None else token_loss(logits[:, :-1], labels[:, 1:]),
            logits=logits,
            past_key_values=read.past_key_values,
            hidden_states=read.hidden_states,
            attentions=read.attentions,
        )
        return self.as_requested(output, return_dict)


class SampleNetForSequenceClassification(SampleNetPreTrainedModel):
    """SampleNet that classifies texts, by the hidden state of their last token."""

    def __init__(self, config: SampleNetConfig) -> None:
        super().__init__(config)
        self.model = SampleNetModel(config)
        self.score = nn.Linear(config.hidden_size, config.num_labels, bias=False)

    def forward(
        self,
        input_ids: Tensor,
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
            `SampleNetHeadOutput`.
        """
        read: SampleNetOutput = self.model(
            input_ids,
            attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        is_token = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        places = torch.arange(input_ids.shape[1], device=input_ids.device)
        last = (is_token * places).argmax(dim=-1)  # (batch,)
        assert read.last_hidden_state is not None  # for the type checker
        hidden = read.last_hidden_state[torch.arange(len(last), device=last.device), last]  # (batch, width)
        logits = self.score(hidden)  # (batch, labels)
        output = SampleNetHeadOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config.problem_type),
            logits=logits,
            hidden_states=read.hidden_states,
            attentions=read.attentions,
        )
        return self.as_requested(output, return_dict)
