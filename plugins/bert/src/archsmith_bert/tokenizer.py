"""BERT's tokenizers, which archsmith-wordpiece brings for all architectures that use them."""

from archsmith_wordpiece import BertTokenizer, BertTokenizerFast

__all__ = ["BertTokenizer", "BertTokenizerFast"]
