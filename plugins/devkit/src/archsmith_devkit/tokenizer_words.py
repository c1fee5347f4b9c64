"""Checks of tokenizers on words of their own vocabularies: none is lost, settings count, and files are read anew."""

import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_type_hints

from archsmith.errors import ArchsmithError, OptionError
from archsmith.tokenizer import TokenizerSettings
from archsmith_devkit.harness import load_silently

__all__ = ["TEXTS", "OwnWordsChecks", "own_texts", "own_words"]

TEXTS = (
    "the quick brown fox jumps over the lazy dog",
    "Unbelievable! Don't  jump,\tfox; (jumped)\n",
    "ÀÉÎ naïve café 你好 x² — “quoted” 😀",
    "",
    " ",
    "a" * 130,
)
_FEW, _LETTERS = 4, re.compile("[A-Za-z]{2,}")
#: Words that few vocabularies have.
_STRANGE = ("42", "xyzzy", "na\u00efve", "\u4f60\u597d", "\u0436\u0443\u043a")


class OwnWordsChecks:
    """What holds for any words is held against those that a tokenizer knows."""

    def tokenizers(self) -> dict[str, Any]:
        """Return the tokenizers by role."""
        raise NotImplementedError

    def test_no_text_is_lost(self) -> None:
        """A word that the vocabulary lacks must be seen to be there: as pieces, or as the unknown token.

        Fix: give unk_token for what cannot be cut into known pieces, and let no pattern drop letters or digits.
        """
        for tokenizer in self.tokenizers().values():
            for word in (*_STRANGE, *own_words(tokenizer)):
                ids = tokenizer(word, add_special_tokens=False).input_ids
                assert ids, (
                    f"{type(tokenizer).__name__}: {word!r} is lost, it becomes no id; expected pieces, or unk_token "
                    f"({tokenizer.unk_token!r})"
                )

    def test_tokenizer_settings_are_used(self) -> None:
        """A setting of a published tokenizer_config.json that changes nothing is ignored: texts get other ids.

        Fix: read every option of Settings where texts are cut or joined, in Python and in the parts of Rust, or do
        not declare it; name in unused_settings what a file of its own decides.
        """
        for tokenizer in self.tokenizers().values():
            cls = type(tokenizer)
            usual, left = _seen(tokenizer), dict(_flags(tokenizer))
            left = {
                name: others for name, others in left.items() if "offset" not in name
            }  # it is seen in offsets alone
            contexts: list[dict[str, Any]] = [{}, *({name: other} for name, others in left.items() for other in others)]
            with tempfile.TemporaryDirectory() as folder:
                tokenizer.save_pretrained(folder)
                for context in contexts:
                    wanted = usual if not context else _seen_with(cls, folder, context)
                    for name in [name for name in left if wanted is not None and name not in context]:
                        found = [_seen_with(cls, folder, {**context, name: other}) for other in left[name]]
                        if any(each != wanted for each in found):
                            del left[name]
            told = "; ".join(f"{name} = {others[0]!r}" for name, others in left.items())
            assert not left, f"{cls.__name__}: no text gets other ids, and no ids another text, with {told}"

    def test_vocabulary_is_read_each_time(self) -> None:
        """Whoever replaces the files in a folder must get what is there: a vocabulary kept by its path is the old one.

        Fix: read the files in the constructor, and cache nothing by the name of a file.
        """
        for tokenizer in self.tokenizers().values():
            cls, words = type(tokenizer), own_words(tokenizer)
            for old in words[:1]:
                new = next(
                    (word for word in (old[::-1], old + old, old + "q") if word not in tokenizer.get_vocab()), ""
                )
                with tempfile.TemporaryDirectory() as folder:
                    tokenizer.save_pretrained(folder)
                    load_silently(cls, folder)
                    if not new or not _renamed(cls, Path(folder), old, new):
                        continue
                    try:
                        found = load_silently(cls, folder).get_vocab()
                    except ArchsmithError:
                        continue  # a word that others are made of
                assert new in found and old not in found, (  # noqa: PT018
                    f"{cls.__name__}: after {old!r} became {new!r} in the files of a folder, the vocabulary that is "
                    "loaded from it is the one of before; it is kept, by the path of its file"
                )


def own_words(tokenizer: Any) -> list[str]:
    """Return a few words of letters that a tokenizer knows, the longer ones first."""
    special, unknown = {*tokenizer.all_special_tokens}, tokenizer.unk_token_id
    tokens = sorted(token for token in tokenizer.get_vocab() if token not in special and not token.startswith("##"))
    words = dict.fromkeys(match[0] for token in tokens if (match := _LETTERS.search(token)))
    known = [word for word in words if unknown not in tokenizer(word, add_special_tokens=False).input_ids]
    return sorted(known, key=len, reverse=True)[:_FEW]


def own_texts(tokenizer: Any) -> Iterator[tuple[str, ...]]:
    """Yield texts, and pairs, of words that a tokenizer knows: with capitals, digits and marks among them."""
    words = own_words(tokenizer) or ["a", "b"]
    text = " ".join(words)
    yield from ((text,), (text.upper(),), (text.title(),), (f"{words[0]} 42 {words[-1]}7, {text}!",))
    yield words[0], words[-1]
    yield text, f"{words[-1].upper()} 42"


def _flags(tokenizer: Any) -> Iterator[tuple[str, list[Any]]]:
    """Yield the on-off settings that a tokenizer declares itself, with other values."""
    usual, hints = get_type_hints(TokenizerSettings), get_type_hints(type(tokenizer).Settings)
    for name, hint in hints.items():
        value = getattr(tokenizer, name, None)
        if name not in usual and (hint is bool or hint == (bool | None)):
            yield name, [not value] if isinstance(value, bool) else [True, False]


def _seen(tokenizer: Any) -> list[Any]:
    """Return what a tokenizer makes of texts and what it makes of that."""
    found: list[Any] = []
    for texts in (*((text,) for text in TEXTS), *own_texts(tokenizer)):
        ids = tokenizer(*texts).input_ids
        found += [ids, tokenizer.decode(ids), tokenizer.decode(ids, skip_special_tokens=True)]
        if tokenizer.is_fast:
            found.append(tokenizer(*texts, return_offsets_mapping=True).offset_mapping)
    return found


def _seen_with(cls: type[Any], folder: str, settings: Mapping[str, Any]) -> list[Any] | str | None:
    try:
        return _seen(load_silently(cls, folder, **settings))
    except OptionError as error:
        return str(error)  # it says itself that the value can have no effect


def _renamed(cls: type[Any], folder: Path, old: str, new: str) -> bool:
    """Replace a word in the vocabulary files of a folder. Return whether it was there."""
    found = False
    for name in {name for files in cls.vocab_files for name in files.values()}:
        if (folder / name).exists():
            text = (folder / name).read_text(encoding="utf-8")
            changed = re.sub(rf"(?<![\w#]){old}(?!\w)", new, text)
            (folder / name).write_text(changed, encoding="utf-8")
            found = found or changed != text
    return found
