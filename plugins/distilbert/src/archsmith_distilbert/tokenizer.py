"""DistilBERT's tokenizer: BERT's, without token types."""

from archsmith.wordpiece import WordPieceTokenizerFast

__all__ = ["DistilBertTokenizerFast"]


class DistilBertTokenizerFast(WordPieceTokenizerFast):
    """WordPiece on the Rust library, with ``[CLS] … [SEP]`` around each text."""

    model_input_names = ("input_ids", "attention_mask")
