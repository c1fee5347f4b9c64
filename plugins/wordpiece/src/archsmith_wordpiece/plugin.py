"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Preprocessing, hookimpl


@hookimpl
def processors() -> Iterator[Preprocessing]:
    """Yield BERT's tokenizers, which several architectures use."""
    yield Preprocessing(
        name="wordpiece",
        tokenizer="archsmith_wordpiece.bert:BertTokenizer",
        tokenizer_fast="archsmith_wordpiece.bert:BertTokenizerFast",
    )
