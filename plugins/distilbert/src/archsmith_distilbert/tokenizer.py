"""DistilBERT's tokenizer: BERT's, without token types."""

from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast

__all__ = ["DistilBertTokenizer", "DistilBertTokenizerFast"]


class DistilBertTokenizer(WordPieceTokenizer):
    """WordPiece in Python, with ``[CLS] … [SEP]`` around each text."""

    model_input_names = ("input_ids", "attention_mask")


class DistilBertTokenizerFast(WordPieceTokenizerFast):
    """WordPiece on the Rust library, with ``[CLS] … [SEP]`` around each text."""

    model_input_names = ("input_ids", "attention_mask")
