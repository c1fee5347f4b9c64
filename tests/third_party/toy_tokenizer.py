"""A stranger's tokenizers, slow and fast, of words in a file of their own kind: by public names alone."""

import os
from collections.abc import Mapping, Sequence
from typing import ClassVar, Unpack

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from archsmith import PreTrainedTokenizer, PreTrainedTokenizerFast
from archsmith.tokenizer import (
    SpecialToken,
    SpecialTokenId,
    SpecialTokensTemplate,
    TemplatePart,
    Token,
    TokenizerSettings,
    named_file,
    read_settings,
)

VOCAB_FILES = ({"vocab_file": "toy.words"},)


class ToySettings(TokenizerSettings, total=False):
    """What a toy tokenizer is told: a flag whose name ends in ``_token``, and a special token of its own."""

    add_bos_token: bool
    lang_token: Token | None


def load_words(vocab_file: str | os.PathLike[str]) -> dict[str, int]:
    words = named_file("vocab_file", vocab_file).read_text(encoding="utf-8").split()
    return {word: number for number, word in enumerate(words)}


def words_file(vocabulary: Mapping[str, int]) -> dict[str, bytes]:
    return {"toy.words": " ".join(sorted(vocabulary, key=vocabulary.__getitem__)).encode()}


class ToyTokenizer(PreTrainedTokenizer):
    Settings = ToySettings
    vocab_files = VOCAB_FILES
    tokenizer_class = "ToyWords"
    default_tokens: ClassVar[Mapping[str, str]] = {"bos_token": "<s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    add_bos_token: bool = True
    lang_token, lang_token_id = SpecialToken(), SpecialTokenId()

    def __init__(self, vocab_file: str | os.PathLike[str], **settings: Unpack[ToySettings]) -> None:
        clean = read_settings(ToySettings, settings, owner="ToyTokenizer")
        super().__init__(load_words(vocab_file), **clean)

    @property
    def template(self) -> SpecialTokensTemplate:
        bos, number = self.bos_token, self.bos_token_id
        if not self.add_bos_token or bos is None or number is None:
            return SpecialTokensTemplate()
        start = TemplatePart(None, ids=(number,), tokens=(bos,))
        return SpecialTokensTemplate((start, TemplatePart(0)), (start, TemplatePart(0), TemplatePart(1)))

    def normalize_text(self, text: str) -> str:
        return text.lower()

    def split_text(self, text: str) -> list[str]:
        return text.split()

    def join_tokens(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)

    def vocabulary_contents(self) -> dict[str, bytes]:
        return words_file(self.vocabulary.ids)


class ToyTokenizerFast(PreTrainedTokenizerFast):
    Settings = ToySettings
    vocab_files = VOCAB_FILES
    tokenizer_class = "ToyWords"
    default_tokens = ToyTokenizer.default_tokens
    add_bos_token: bool = True
    lang_token, lang_token_id = SpecialToken(), SpecialTokenId()

    def __init__(self, vocab_file: str | os.PathLike[str], **settings: Unpack[ToySettings]) -> None:
        clean = read_settings(ToySettings, settings, owner="ToyTokenizerFast")
        vocabulary = load_words(vocab_file)
        tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
        tokenizer.normalizer = normalizers.Lowercase()
        tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
        if clean.get("add_bos_token", True):
            tokenizer.post_processor = processors.TemplateProcessing(
                single="<s> $A", pair="<s> $A $B:0", special_tokens=[("<s>", vocabulary["<s>"])]
            )
        super().__init__(tokenizer, **clean)

    def vocabulary_contents(self) -> dict[str, bytes]:
        return words_file(self.backend_tokenizer.get_vocab(with_added_tokens=False))
