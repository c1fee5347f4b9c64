from archsmith_wordpiece import WordPieceTokenizer, WordPieceTokenizerFast


class TextualTokenizer(WordPieceTokenizer):
    """The tokenizer in Python."""

    model_input_names = ("input_ids", "token_type_ids", "attention_mask")


class TextualTokenizerFast(WordPieceTokenizerFast):
    """The tokenizer on the Rust library."""

    model_input_names = ("input_ids", "token_type_ids", "attention_mask")
