"""DistilBert with a head for the task sample-net: a linear layer over each of its places."""

from typing import Any

from archsmith.layers.losses import token_loss
from archsmith.outputs import TokenClassifierOutput
from archsmith_distilbert import (
    DistilBertConfig,
    DistilBertModel,
    DistilBertPreTrainedModel,
)
from torch import Tensor, nn

__all__ = ["DistilBertForSampleNet"]


class DistilBertForSampleNet(DistilBertPreTrainedModel):
    """DistilBert that scores every label at each of its places; it takes the weights of any DistilBert checkpoint."""

    def __init__(self, config: DistilBertConfig) -> None:
        super().__init__(config)
        self.distilbert = DistilBertModel(config)
        self.classifier = nn.Linear(config.hidden_size, config.num_labels)

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
        """Score every label at each place. Arguments and errors as `DistilBertModel.forward`.

        Args:
            labels: ``(batch, places)`` integer; -100 where a place does not count in the loss.

        Returns:
            `TokenClassifierOutput`.
        """
        encoded = self.distilbert(
            input_ids,
            attention_mask=attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.classifier(encoded.last_hidden_state)  # (batch, places, labels)
        output = TokenClassifierOutput(
            loss=None if labels is None else token_loss(logits, labels),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
