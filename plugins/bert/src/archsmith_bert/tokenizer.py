"""BERT's tokenizer: WordPiece, with token types that tell a pair's two texts apart."""

from archsmith.wordpiece import WordPieceTokenizerFast

__all__ = ["BertTokenizerFast"]


class BertTokenizerFast(WordPieceTokenizerFast):
    """WordPiece on the Rust library: ``[CLS] … [SEP]`` around a text, ``[CLS] … [SEP] … [SEP]`` around a pair."""

    model_input_names = ("input_ids", "token_type_ids", "attention_mask")
