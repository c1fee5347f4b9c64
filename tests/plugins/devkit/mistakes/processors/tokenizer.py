import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, ClassVar, Self, Unpack

from archsmith import PreTrainedTokenizer, PreTrainedTokenizerFast
from archsmith.tokenizer import SpecialTokensTemplate, TemplatePart, TokenizerSettings, named_file, read_settings

VOCAB_FILES = ({"vocab_file": "words.txt"},)
TOKENS = {"pad_token": "<pad>", "unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
#: Letters and digits together, and whatever else stands between white space.
PIECES = r"[a-zA-Z0-9]+|[^\sa-zA-Z0-9]+"
WORDS = ["a", "cat", "dog", "house", "is", "the", "this", "under", ".", ",", "!", "?"]
SAMPLE = [*TOKENS.values(), *WORDS, *"bcdefghijklmnopqrstuvwxyz"]


class WordingSettings(TokenizerSettings, total=False):
    """What a tokenizer is told."""

    do_lower_case: bool


def load_words(vocab_file: str | os.PathLike[str]) -> dict[str, int]:
    words = named_file("vocab_file", vocab_file).read_text(encoding="utf-8").splitlines()
    return {word: number for number, word in enumerate(words)}


def words_file(vocabulary: Mapping[str, int]) -> dict[str, bytes]:
    return {"words.txt": "\n".join(sorted(vocabulary, key=vocabulary.__getitem__)).encode()}


def sample_of(kind: type[Any]) -> Any:
    with TemporaryDirectory() as folder:
        path = Path(folder, "words.txt")
        path.write_text("\n".join(SAMPLE), encoding="utf-8")
        return kind(path)


class WordingTokenizer(PreTrainedTokenizer):
    """Words and punctuation, each on a line of its own in words.txt; in Python."""

    Settings = WordingSettings
    vocab_files = VOCAB_FILES
    tokenizer_class = "WordingTokenizer"
    default_tokens: ClassVar[Mapping[str, str]] = TOKENS
    model_input_names = ("input_ids", "attention_mask")
    do_lower_case: bool = True

    def __init__(self, vocab_file: str | os.PathLike[str], **settings: Unpack[WordingSettings]) -> None:
        clean = read_settings(WordingSettings, settings, owner="WordingTokenizer")
        super().__init__(load_words(vocab_file), **clean)

    @classmethod
    def sample(cls) -> Self:
        """Return one with a small vocabulary."""
        return sample_of(cls)

    @property
    def template(self) -> SpecialTokensTemplate:
        start = TemplatePart(None, ids=(self.bos_token_id,), tokens=(self.bos_token,))
        end = TemplatePart(None, ids=(self.eos_token_id,), tokens=(self.eos_token,))
        return SpecialTokensTemplate((start, TemplatePart(0), end), (start, TemplatePart(0), end, TemplatePart(1), end))

    def normalize_text(self, text: str) -> str:
        return text.lower() if self.do_lower_case else text

    def split_text(self, text: str) -> list[str]:
        return re.findall(PIECES, text)

    def join_tokens(self, tokens: Sequence[str]) -> str:
        return " ".join(tokens)

    def vocabulary_contents(self) -> dict[str, bytes]:
        return words_file(self.vocabulary.ids)


class WordingTokenizerFast(PreTrainedTokenizerFast):
    """The same on the Rust library."""

    Settings = WordingSettings
    vocab_files = VOCAB_FILES
    tokenizer_class = "WordingTokenizer"
    default_tokens: ClassVar[Mapping[str, str]] = TOKENS
    model_input_names = ("input_ids", "attention_mask")
    do_lower_case: bool = True

    def __init__(self, vocab_file: str | os.PathLike[str], **settings: Unpack[WordingSettings]) -> None:
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

        clean = read_settings(WordingSettings, settings, owner="WordingTokenizerFast")
        words = load_words(vocab_file)
        rust = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
        if clean.get("do_lower_case", True):
            rust.normalizer = normalizers.Lowercase()
        rust.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES), "removed", invert=True)
        rust.post_processor = processors.TemplateProcessing(
            single="<s> $A </s>",
            pair="<s> $A </s> $B:0 </s>",
            special_tokens=[("<s>", words["<s>"]), ("</s>", words["</s>"])],
        )
        super().__init__(rust, **clean)

    @classmethod
    def sample(cls) -> Self:
        """Return one with a small vocabulary."""
        return sample_of(cls)

    def vocabulary_contents(self) -> dict[str, bytes]:
        return words_file(self.backend_tokenizer.get_vocab(with_added_tokens=False))
