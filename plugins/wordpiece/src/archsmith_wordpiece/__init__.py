"""WordPiece, the way of BERT and its kin to split texts: into words, and words into the longest pieces known."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_wordpiece.bert import BertTokenizer, BertTokenizerFast
    from archsmith_wordpiece.tokenizers import WordPieceTokenizer, WordPieceTokenizerFast
    from archsmith_wordpiece.vocabulary import WordPieceSettings, load_wordpiece_vocabulary

__all__ = [
    "BertTokenizer",
    "BertTokenizerFast",
    "WordPieceSettings",
    "WordPieceTokenizer",
    "WordPieceTokenizerFast",
    "load_wordpiece_vocabulary",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "bert": ["BertTokenizer", "BertTokenizerFast"],
        "tokenizers": ["WordPieceTokenizer", "WordPieceTokenizerFast"],
        "vocabulary": ["WordPieceSettings", "load_wordpiece_vocabulary"],
    },
)
