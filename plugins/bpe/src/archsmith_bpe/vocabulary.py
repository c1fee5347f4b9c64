"""The files vocab.json and merges.txt, and the bytes that a vocabulary has."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from archsmith.errors import CheckpointCorrupt, InputError
from archsmith.files import TOKENIZER_FILE, encode_json, read_json
from archsmith.messages import shown
from archsmith.tokenizer import MAX_TOKENIZER_BYTES, check_token_ids
from archsmith_bpe.alphabet import ALPHABET
from archsmith_bpe.merges import load_merges

__all__ = ["MERGES_FILE", "VOCAB_FILE", "WAYS", "check_bytes", "load_vocabulary", "missing_bytes", "vocabulary_json"]

VOCAB_FILE, MERGES_FILE = "vocab.json", "merges.txt"
#: The files that hold a vocabulary, the best first.
WAYS = ({"tokenizer_file": TOKENIZER_FILE}, {"vocab_file": VOCAB_FILE, "merges_file": MERGES_FILE})


def load_vocabulary(vocab_file: Path, merges_file: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """Read a vocab.json and a merges.txt.

    Raises:
        CheckpointCorrupt: One is damaged, or they are not of one tokenizer.
    """
    values = read_json(vocab_file, max_bytes=MAX_TOKENIZER_BYTES)
    if "model" in values and isinstance(values["model"], Mapping):
        raise CheckpointCorrupt(f"{str(vocab_file)!r} is a whole tokenizer.json: pass it as tokenizer_file.")
    check_token_ids(values, repr(str(vocab_file)))
    return dict(values), load_merges(merges_file, values)


def vocabulary_json(vocabulary: Mapping[str, int]) -> bytes:
    """Return the content of a vocab.json, in the order of the ids."""
    return encode_json(dict(sorted(vocabulary.items(), key=lambda item: item[1])))


def missing_bytes(vocabulary: Mapping[str, int]) -> frozenset[int]:
    """Return the bytes that have no token: none in any published vocabulary."""
    return frozenset(byte for byte, character in enumerate(ALPHABET) if character not in vocabulary)


def check_bytes(missing: frozenset[int], texts: Iterable[str]) -> None:
    """Refuse texts with a byte that has no token. Raises `InputError`."""
    for text in texts if missing else ():
        for place, character in enumerate(text):
            if not missing.isdisjoint(character.encode(errors="replace")):
                raise InputError(
                    f"the vocabulary has no token for a byte of {character!r}, character {place} of {shown(text)}. "
                    "Replace it, or use a vocabulary with all 256 bytes, as every published one has them."
                )
