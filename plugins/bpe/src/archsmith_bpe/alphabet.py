"""The bytes of a text as visible characters, which is how the vocabularies of byte-level BPE are written.

Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners", section 2.2.
"""

from collections.abc import Iterable

__all__ = ["ALPHABET", "bytes_of", "characters_of"]

#: Bytes that stand for themselves: visible characters of Latin-1.
_VISIBLE = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_OTHERS = [byte for byte in range(256) if byte not in _VISIBLE]
#: The character of each byte, by its number; those that are not visible have the ones behind Latin-1, in order.
ALPHABET = tuple(chr(0x100 + _OTHERS.index(byte) if byte in _OTHERS else byte) for byte in range(256))
_BYTES = {ord(character): byte for byte, character in enumerate(ALPHABET)}
_CHARACTERS = dict(enumerate(ALPHABET))


def characters_of(text: str) -> str:
    """Return the characters of a text's bytes. Raises `UnicodeEncodeError`."""
    return text.encode().decode("latin-1").translate(_CHARACTERS)


def bytes_of(tokens: Iterable[str]) -> bytes:
    """Return the bytes that tokens stand for; a token with another character, one that was added, stands for itself."""
    found = bytearray()
    for token in tokens:
        try:
            found += bytes(_BYTES[ord(character)] for character in token)
        except KeyError:
            found += token.encode()
    return bytes(found)
