"""BERT that writes texts: each word is told from those before it.

Source: Rothe et al., "Leveraging Pre-trained Checkpoints for Sequence Generation Tasks" (arXiv:1907.12461), section 2;
the head is that of masked words. Names of modules and parameters are those of the published checkpoints.
"""

from typing import Any

from torch import Tensor, nn

from archsmith.layers.losses import token_loss
from archsmith.messages import announce
from archsmith.outputs import BaseModelOutputWithPooling, CausalLMOutput
from archsmith_bert.config import BertConfig
from archsmith_bert.model import BertModel, BertPreTrainedModel
from archsmith_bert.pretraining import TIED, Predictions

__all__ = ["BertLMHeadModel"]


class BertLMHeadModel(BertPreTrainedModel):
    """BERT that predicts the next token, for a configuration with ``is_decoder=True``.

    It has no cache and no cross-attention: every step reads the whole text, and an encoder cannot be attached.

    Example:
        >>> import torch
        >>> from archsmith import BertConfig, BertLMHeadModel
        >>> config = BertConfig(
        ...     hidden_size=16,
        ...     num_attention_heads=2,
        ...     num_hidden_layers=1,
        ...     intermediate_size=32,
        ...     vocab_size=100,
        ...     is_decoder=True,
        ... )
        >>> BertLMHeadModel(config)(torch.tensor([[5, 6, 7]])).logits.shape
        torch.Size([1, 3, 100])
    """

    tied_weights = TIED
    accepts_loss_kwargs, loss_type = True, "ForCausalLM"  # transformers.Trainer asks, to count the labels of a loss
    # The published files were trained with next-sentence prediction too, and call themselves masked language models.
    optional_keys = (*BertPreTrainedModel.optional_keys, "cls.seq_relationship.*")

    def __init__(self, config: BertConfig) -> None:
        super().__init__(config)
        if not config.is_decoder:
            announce(
                f"{type(self).__name__}: is_decoder is False, so every token attends to those after it too, and a loss "
                "over the next token learns to copy it. To write texts pass is_decoder=True."
            )
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
        num_items_in_batch: Tensor | int | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every word of the vocabulary as the next one, at every place. Arguments as `BertModel.forward`.

        Args:
            labels: ``(batch, tokens)`` integer, the input ids themselves, -100 for what is left out: the scores at one
                place are held against the label at the next.
            num_items_in_batch: How many labelled tokens the batches have whose gradients are added up: the loss is the
                sum divided by it. transformers.Trainer passes it.

        Returns:
            `CausalLMOutput`.

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
        output = CausalLMOutput(
            loss=None if labels is None else token_loss(logits, labels, shifted=True, count=num_items_in_batch),
            logits=logits,
            hidden_states=encoded.hidden_states,
            attentions=encoded.attentions,
        )
        return self.as_requested(output, return_dict)
