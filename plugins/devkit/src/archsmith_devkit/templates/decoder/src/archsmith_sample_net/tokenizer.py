"""SampleNet's tokenizers: WordPiece, in Python and on the Rust library."""

from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast

__all__ = [
    "SampleNetTokenizer",
    "SampleNetTokenizerFast",
]


class SampleNetTokenizer(WordPieceTokenizer):
    """WordPiece in Python, with ``[CLS] … [SEP]`` around each text."""

    model_input_names = ("input_ids", "attention_mask")


class SampleNetTokenizerFast(WordPieceTokenizerFast):
    """WordPiece on the Rust library, with ``[CLS] … [SEP]`` around each text."""

    model_input_names = ("input_ids", "attention_mask")
