from typing import Any

from acme_wording.config import WordingConfig
from torch import Tensor, nn

from archsmith.layers.inputs import check_token_inputs
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutput


class WordingModel(PreTrainedModel):
    """Looks up the vector of every token."""

    config: WordingConfig
    config_class = WordingConfig
    base_model_prefix = "wording"
    input_embeddings = "embeddings"

    def __init__(self, config: WordingConfig) -> None:
        super().__init__(config)
        self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, *, return_dict: bool | None = None
    ) -> Any:
        rows, width = self.embeddings.weight.shape
        check_token_inputs(input_ids, None, vocab_size=rows, hidden_size=width, max_tokens=10_000)
        return self.as_requested(BaseModelOutput(last_hidden_state=self.embeddings(input_ids)), return_dict)
