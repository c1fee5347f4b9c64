"""BERT's tokenizer: WordPiece, with token types that tell a pair's two texts apart."""

from archsmith_wordpiece.tokenizers import WordPieceTokenizer, WordPieceTokenizerFast

__all__ = ["BertTokenizer", "BertTokenizerFast"]


class BertTokenizer(WordPieceTokenizer):
    """WordPiece in Python: ``[CLS] … [SEP]`` around a text, ``[CLS] … [SEP] … [SEP]`` around a pair."""

    model_input_names = ("input_ids", "token_type_ids", "attention_mask")


class BertTokenizerFast(WordPieceTokenizerFast):
    """WordPiece on the Rust library: ``[CLS] … [SEP]`` around a text, ``[CLS] … [SEP] … [SEP]`` around a pair."""

    model_input_names = ("input_ids", "token_type_ids", "attention_mask")
