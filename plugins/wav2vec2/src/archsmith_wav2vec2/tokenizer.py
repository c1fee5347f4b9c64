"""wav2vec 2.0's tokenizer: one token for each letter, and the texts that frames of letters stand for.

Source: Graves et al., "Connectionist Temporal Classification" (ICML 2006), section 3.1, for the decoding.
"""

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self, Unpack

from archsmith.batch import BatchFeature
from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files import TOKENIZER_CONFIG_FILE, Checkpoint, encode_json, read_json
from archsmith.messages import did_you_mean, shown
from archsmith.options import checked_call, read_flags
from archsmith.tokenizer import (
    AddedToken,
    PreTrainedTokenizer,
    SpecialToken,
    SpecialTokenId,
    Token,
    TokenizerSettings,
    Vocabulary,
    check_token_ids,
    clean_up,
    id_rows,
    named_file,
    read_settings,
)

__all__ = ["CTCSettings", "Wav2Vec2CTCTokenizer"]

VOCAB_FILE = "vocab.json"


class CTCSettings(TokenizerSettings, total=False):
    """The options of a CTC tokenizer, beside those of every tokenizer.

    Attributes:
        word_delimiter_token: Stands for a space.
        replace_word_delimiter_char: What it becomes in a decoded text.
        do_lower_case: The vocabulary has capitals, and texts have small letters.
        target_lang: The language, where the vocabulary holds several.
    """

    word_delimiter_token: Token | None
    replace_word_delimiter_char: str
    do_lower_case: bool
    target_lang: str | None


class Letter(NamedTuple):
    """A letter of a decoded text.

    Attributes:
        char: Its text.
        start: The first frame that it stands for.
        end: The one behind the last.
    """

    char: str
    start: int
    end: int


class Wav2Vec2CTCTokenizer(PreTrainedTokenizer):
    """One token for each letter; decoding merges equal neighbours and drops the blank, which is the padding token.

    Tokens of several letters are found before a text is split into letters. Special tokens that the vocabulary lacks
    go behind it.

    Example:
        >>> import json, pathlib, tempfile
        >>> from archsmith import Wav2Vec2CTCTokenizer
        >>> path = pathlib.Path(tempfile.mkdtemp(), "letters.json")
        >>> _ = path.write_text(json.dumps({"<pad>": 0, "|": 1, "A": 2, "H": 3}))
        >>> tokenizer = Wav2Vec2CTCTokenizer(path)
        >>> tokenizer("AHA HA").input_ids
        [2, 3, 2, 1, 3, 2]
        >>> tokenizer.decode([2, 2, 0, 2, 1, 3, 3, 0, 2])
        'AA HA'

    Args:
        vocab_file: The path of a JSON object of token → id, or of language → such an object.
        **settings: See `CTCSettings`.

    Raises:
        OptionError: A setting is wrong, or a language is missing, unknown or in vain.
        CheckpointNotFound, CheckpointCorrupt: The file cannot be read.
    """

    Settings = CTCSettings
    vocab_files = ({"vocab_file": VOCAB_FILE},)
    default_tokens = {
        "bos_token": "<s>",
        "eos_token": "</s>",
        "unk_token": "<unk>",
        "pad_token": "<pad>",
        "word_delimiter_token": "|",
    }
    replace_word_delimiter_char: str = " "
    do_lower_case: bool = False
    word_delimiter_token, word_delimiter_token_id = SpecialToken(), SpecialTokenId()

    _languages: dict[str, dict[str, int]] | None
    _language: str | None

    def __init__(self, vocab_file: str | os.PathLike[str], **settings: Unpack[CTCSettings]) -> None:
        clean = read_settings(type(self).Settings, settings, owner=type(self).__name__)
        self._language = clean.get("target_lang")
        path = named_file("vocab_file", vocab_file)
        vocabulary, self._languages = _load_vocabulary(path, self._language)
        super().__init__(vocabulary, **(dict(self.default_tokens) | clean))
        self._find_long_tokens()

    @property
    def target_lang(self) -> str | None:
        """The language, where the vocabulary holds several; `set_target_lang` changes it."""
        return self._language

    def set_target_lang(self, target_lang: str) -> None:
        """Take the vocabulary of another language. Tokens that were added stay, behind it.

        Raises:
            OptionError: The vocabulary does not hold several languages, or not this one.
        """
        vocabulary = _choose(self._languages, target_lang, f"this {type(self).__name__}")
        own = (self._languages or {}).get(str(self._language), {})
        kept = [token for token in self.added_tokens_decoder.values() if token.content not in own]
        special = [AddedToken(token, special=True) for token in self.all_special_tokens]
        found = [token for token in (*special, *kept) if token.content in vocabulary]
        behind = [token for token in (*kept, *special) if token.content not in vocabulary]
        self.vocabulary = Vocabulary(vocabulary).with_tokens(found).with_tokens(behind)
        self._language = target_lang
        self._find_long_tokens()

    def split_text(self, text: str) -> list[str]:
        """Split a text into letters, with the delimiter in place of spaces."""
        text = text.upper() if self.do_lower_case else text
        delimiter = self.word_delimiter_token
        return [delimiter if letter == " " and delimiter is not None else letter for letter in text]

    def join_tokens(self, tokens: Sequence[str]) -> str:
        """Return the text that tokens of frames stand for: equal neighbours merged, without blanks."""
        return self._text(self._letters(self.convert_tokens_to_ids(tokens), merged=True))

    @checked_call
    def tokenize(self, text: str, pair: str | None = None, *, add_special_tokens: bool = False) -> list[str]:
        """Return the tokens of one text or pair, without the white space that went with some."""
        names = {str(token) for token in self.vocabulary.added.values()}
        tokens = super().tokenize(text, pair, add_special_tokens=add_special_tokens)
        return [token.strip() if token not in names and token.strip() in names else token for token in tokens]

    # ---- decoding -------------------------------------------------------------------------------------------

    @checked_call
    def decode(
        self,
        token_ids: Any,
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
    ) -> Any:
        """Turn the ids of frames into text.

        Args:
            token_ids: An id, or a list, an array or a tensor of ids, one for each frame; with two axes: a batch.
            skip_special_tokens: Drop special tokens first. The blank is one of them, and then no longer keeps equal
                letters apart: leave it off for what a CTC model puts out.
            clean_up_tokenization_spaces: Remove spaces before punctuation; None: as the tokenizer is set.
            group_tokens: Merge equal neighbours; off for the ids of a text.
            spaces_between_special_tokens: Put spaces between all letters.
            output_char_offsets: Return the frames of each letter.
            output_word_offsets: Return the frames of each word.

        Returns:
            A string, or a list of strings for a batch. With offsets a `BatchFeature` of ``text``, ``char_offsets``
            (``{"char", "start_offset", "end_offset"}``) and ``word_offsets`` (``{"word", …}``), counted in frames.

        Raises:
            InputError: An id is not a number or is not in the vocabulary.
        """
        rows, is_batch = id_rows(self.vocabulary, token_ids, self.model_input_names[0])
        cleans = self.cleans_up if clean_up_tokenization_spaces is None else clean_up_tokenization_spaces
        read_flags(
            skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=cleans,
            group_tokens=group_tokens,
            spaces_between_special_tokens=spaces_between_special_tokens,
            output_char_offsets=output_char_offsets,
            output_word_offsets=output_word_offsets,
        )
        skipped = set(self.all_special_ids) - {self.word_delimiter_token_id} if skip_special_tokens else set()
        letters = [
            self._letters([number for number in row if number not in skipped], merged=group_tokens) for row in rows
        ]
        between = " " if spaces_between_special_tokens else ""
        texts = [self._text(row, between) for row in letters]
        found: dict[str, Any] = {"text": [clean_up(text) for text in texts] if cleans else texts}
        if output_char_offsets:
            found["char_offsets"] = [[_offsets("char", letter) for letter in row] for row in letters]
        if output_word_offsets:
            found["word_offsets"] = [[_offsets("word", word) for word in self._words(row)] for row in letters]
        if not is_batch:
            found = {name: rows[0] for name, rows in found.items()}
        return BatchFeature(found) if len(found) > 1 else found["text"]

    @checked_call
    def batch_decode(
        self,
        sequences: Any,
        *,
        skip_special_tokens: bool = False,
        clean_up_tokenization_spaces: bool | None = None,
        group_tokens: bool = True,
        spaces_between_special_tokens: bool = False,
        output_char_offsets: bool = False,
        output_word_offsets: bool = False,
    ) -> Any:
        """Turn a batch of frames' ids into texts; see `decode`. Always a list, or lists of offsets."""
        rows = sequences.tolist() if hasattr(sequences, "tolist") else sequences
        if isinstance(rows, list | tuple):
            rows = [row if hasattr(row, "__len__") else [row] for row in rows]
            if not rows:
                return []
        return self.decode(
            rows,
            skip_special_tokens=skip_special_tokens,
            clean_up_tokenization_spaces=clean_up_tokenization_spaces,
            group_tokens=group_tokens,
            spaces_between_special_tokens=spaces_between_special_tokens,
            output_char_offsets=output_char_offsets,
            output_word_offsets=output_word_offsets,
        )

    def _letters(self, ids: list[int], *, merged: bool) -> list[Letter]:
        """Return the letters of frames, without blanks; the delimiter as it is written."""
        runs = [(number, len(list(run))) for number, run in itertools.groupby(ids)] if merged else [(n, 1) for n in ids]
        ends = list(itertools.accumulate(length for _, length in runs))
        written = {self.pad_token_id: "", self.word_delimiter_token_id: self.replace_word_delimiter_char}
        return [
            Letter(written[number] if number in written else self.convert_ids_to_tokens(number), end - length, end)
            for (number, length), end in zip(runs, ends, strict=True)
            if number != self.pad_token_id
        ]

    def _text(self, letters: Sequence[Letter], between: str = "") -> str:
        text = between.join(letter.char for letter in letters).strip()
        return text.lower() if self.do_lower_case else text

    def _words(self, letters: Sequence[Letter]) -> Iterator[Letter]:
        space = self.replace_word_delimiter_char
        for is_space, run in itertools.groupby(letters, key=lambda letter: letter.char == space):
            word = list(run)
            if not is_space:
                yield Letter("".join(letter.char for letter in word), word[0].start, word[-1].end)

    def _find_long_tokens(self) -> None:
        """Have tokens of several letters found before a text is split, with the white space around them."""
        marks = {"lstrip": True, "rstrip": True, "normalized": False, "special": False}
        self.add_tokens([AddedToken(token, **marks) for token in self.vocabulary.ids if len(token) > 1])

    # ---- files ----------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, checkpoint: Checkpoint, **overrides: Any) -> Self:
        """Read a tokenizer of one language from an opened checkpoint, and then take the wanted one."""
        path = checkpoint.find(TOKENIZER_CONFIG_FILE)
        stored = checkpoint.read_json(TOKENIZER_CONFIG_FILE).get("target_lang") if path else None
        wanted = overrides.get("target_lang")
        if stored is None or wanted in (None, stored):
            return super().read(checkpoint, **overrides)
        tokenizer = super().read(checkpoint, **overrides | {"target_lang": stored})
        tokenizer.set_target_lang(wanted)
        return tokenizer

    def vocabulary_contents(self) -> dict[str, bytes]:
        """Return the content of vocab.json: of all languages if there are several."""
        return {VOCAB_FILE: encode_json(self.vocabulary.ids if self._languages is None else self._languages)}


def _load_vocabulary(path: Path, language: str | None) -> tuple[dict[str, int], dict[str, dict[str, int]] | None]:
    """Return the vocabulary of a file, and if it holds several those of all languages.

    Raises:
        CheckpointCorrupt: It is not a vocabulary.
        OptionError: It holds several and none of them is chosen, or the other way round.
    """
    values = read_json(path)
    if not values:
        raise CheckpointCorrupt(f"{str(path)!r} holds no tokens.")
    languages = values if all(isinstance(value, dict) for value in values.values()) else None
    for name, vocabulary in (languages or {"": values}).items():
        check_token_ids(vocabulary, f"{str(path)!r}" + (f", {name}" if name else ""))
    if languages is None and language is None:
        return values, None
    return _choose(languages, language, repr(str(path))), languages


def _choose(languages: dict[str, dict[str, int]] | None, language: Any, where: str) -> dict[str, int]:
    if languages is None:
        raise OptionError(
            f"target_lang is {shown(language)}, but {where} holds one vocabulary, not one for each language."
        )
    if not isinstance(language, str) or language not in languages:
        names = ", ".join(list(languages)[:20]) + (", …" if len(languages) > 20 else "")  # noqa: PLR2004
        hint = did_you_mean(language, languages) if isinstance(language, str) else ""
        raise OptionError(f"target_lang must be a language of {where}, {names}; but is {shown(language)}.{hint}")
    return languages[language]


def _offsets(kind: str, letter: Letter) -> dict[str, Any]:
    return {kind: letter.char, "start_offset": letter.start, "end_offset": letter.end}
