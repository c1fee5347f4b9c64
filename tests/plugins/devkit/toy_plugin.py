"""A sound plugin, file by file, for tests that spoil it in one place."""

NAME = "archsmith-bag"

FILES = {
    "plugin": """
        from archsmith.plugin import Architecture, hookimpl


        @hookimpl
        def architectures():
            yield Architecture(
                model_type="bag",
                config="PACKAGE.config:BagConfig",
                models={
                    "base": "PACKAGE.model:BagModel",
                    "sequence-classification": "PACKAGE.model:BagForSequenceClassification",
                },
                tokenizer="PACKAGE.tokenizer:BagTokenizer",
                tokenizer_fast="PACKAGE.tokenizer:BagTokenizerFast",
                presets={"acme/bag-small": {"hidden_size": 64}},
                tiny={"vocab_size": 50, "hidden_size": 8},
            )
        """,
    "config": """
        from archsmith.config import Count, NonNegative, PreTrainedConfig, Size, field


        class BagConfig(PreTrainedConfig):
            model_type = "bag"

            vocab_size: Size = field(default=30522, doc="Tokens in the vocabulary.")
            hidden_size: Size = field(default=128, doc="Width of the embeddings.")
            pad_token_id: Count = field(default=0, doc="Token that does not count.")
            initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")

            def rules(self):
                yield from super().rules()
                if self.pad_token_id >= self.vocab_size:
                    yield f"pad_token_id is {self.pad_token_id}, but must be below vocab_size {self.vocab_size}"
        """,
    "model": """
        import torch
        from archsmith.layers.losses import classification_loss
        from archsmith.model import PreTrainedModel
        from archsmith.outputs import BaseModelOutputWithPooling, SequenceClassifierOutput
        from torch import nn

        from PACKAGE.config import BagConfig


        class BagModel(PreTrainedModel):
            config_class = BagConfig
            base_model_prefix = "bag"
            input_embeddings = "embeddings"

            def __init__(self, config):
                super().__init__(config)
                self.embeddings = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
                self.mix = nn.Linear(config.hidden_size, config.hidden_size)

            def forward(self, input_ids, attention_mask=None, *, return_dict=None):
                hidden = self.mix(self.embeddings(input_ids))
                mask = (input_ids != self.config.pad_token_id) if attention_mask is None else attention_mask
                mask = mask[..., None].to(hidden.dtype)
                pooled = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1)
                output = BaseModelOutputWithPooling(last_hidden_state=hidden, pooler_output=pooled)
                return self.as_requested(output, return_dict)


        class BagForSequenceClassification(PreTrainedModel):
            config_class = BagConfig
            base_model_prefix = "bag"
            input_embeddings = "embeddings"

            def __init__(self, config):
                super().__init__(config)
                self.bag = BagModel(config)
                self.classifier = nn.Linear(config.hidden_size, config.num_labels)

            def forward(self, input_ids, attention_mask=None, labels=None, *, return_dict=None):
                logits = self.classifier(self.bag(input_ids, attention_mask, return_dict=True).pooler_output)
                loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
                return self.as_requested(SequenceClassifierOutput(loss=loss, logits=logits), return_dict)
        """,
    "tokenizer": """
        from archsmith_wordpiece.tokenizers import WordPieceTokenizer, WordPieceTokenizerFast


        class BagTokenizer(WordPieceTokenizer):
            model_input_names = ("input_ids", "attention_mask")


        class BagTokenizerFast(WordPieceTokenizerFast):
            model_input_names = ("input_ids", "attention_mask")
        """,
}
