"""Byte-pair encoding: the two neighbours that were merged first in training are merged first, until none are left.

Source: Sennrich, Haddow and Birch, "Neural Machine Translation of Rare Words with Subword Units" (arXiv:1508.07909),
section 3.2.
"""

import heapq
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from archsmith.errors import CheckpointCorrupt
from archsmith.files import read_bytes
from archsmith.messages import looks_like, shown
from archsmith.tokenizer import MAX_TOKENIZER_BYTES

__all__ = ["Merges", "load_merges", "merge_lines", "read_pairs"]

#: Words that are remembered, and how long they may be.
_MOST_WORDS, _LONGEST_WORD = 2**15, 64


class Merges:
    """The merges of a vocabulary, in the order of training.

    Args:
        pairs: What is merged with what.
    """

    def __init__(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.pairs = tuple(pairs)
        self._ranks = {pair: rank for rank, pair in enumerate(self.pairs)}
        self._known: dict[str, tuple[str, ...]] = {}  # a result depends on the word alone, so threads may share them

    def __getstate__(self) -> dict[str, Any]:
        return {"pairs": self.pairs}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__init__(state["pairs"])  # type: ignore[misc]

    def split(self, word: str) -> Sequence[str]:
        """Split a word, of characters of the alphabet, into tokens."""
        if word in self._known:
            return self._known[word]
        tokens = tuple(self._merged(word))
        if len(word) <= _LONGEST_WORD and len(self._known) < _MOST_WORDS:
            self._known[word] = tokens
        return tokens

    def _merged(self, word: str) -> list[str]:
        """Merge neighbours, the pair of the lowest rank first, and of equal pairs the one on the left.

        A heap holds the pairs that could be merged: a word without end takes n log n steps, not their square.
        """
        parts: list[str] = list(word)  # one that was merged into its left neighbour is empty
        before = list(range(-1, len(parts) - 1))
        behind = list(range(1, len(parts) + 1))
        heap: list[tuple[int, int, str, str]] = []

        def offer(left: int, right: int) -> None:
            if left >= 0 and right < len(parts) and (rank := self._ranks.get((parts[left], parts[right]))) is not None:
                heapq.heappush(heap, (rank, left, parts[left], parts[right]))

        for place in range(len(parts) - 1):
            offer(place, place + 1)
        while heap:
            _, left, first, second = heapq.heappop(heap)
            right = behind[left]
            if right >= len(parts) or (parts[left], parts[right]) != (first, second):
                continue  # one of them was merged with another meanwhile
            parts[left], parts[right] = first + second, ""
            behind[left] = behind[right]
            if behind[left] < len(parts):
                before[behind[left]] = left
            offer(before[left], left)
            offer(left, behind[left])
        return [part for part in parts if part]


def load_merges(path: Path, vocabulary: Mapping[str, int]) -> list[tuple[str, str]]:
    """Read a merges.txt: two tokens a line, in the order of training, behind a first line with a version or without.

    Raises:
        CheckpointCorrupt: It is not UTF-8 text, a line has not two tokens, or one is not in the vocabulary.
    """
    try:
        text = read_bytes(path, max_bytes=MAX_TOKENIZER_BYTES).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CheckpointCorrupt(f"{str(path)!r} is not UTF-8 text (byte {error.start}).") from error
    if hint := looks_like(text):
        raise CheckpointCorrupt(f"{str(path)!r} is not a list of merges.{hint}")
    lines = text.replace("\r\n", "\n").split("\n")
    start = 1 if lines[0].startswith("#version") else 0
    while lines and not lines[-1]:
        lines.pop()
    pairs = [tuple(line.split(" ")) for line in lines[start:]]
    return read_pairs(pairs, vocabulary, where=f"{str(path)!r}, line", first=start + 1)


def read_pairs(pairs: Sequence[Any], vocabulary: Mapping[str, int], *, where: str, first: int) -> list[tuple[str, str]]:
    """Check merges: each of two tokens, which the vocabulary has, as it has the token that they become.

    Args:
        pairs: Two tokens each, or a string with a space between them.
        vocabulary: Token → id.
        where: The place of a pair up to its number, for the message.
        first: The number of the first.

    Raises:
        CheckpointCorrupt: One is not so.
    """
    found = []
    for number, pair in enumerate(pairs, first):
        two = tuple(pair.split(" ")) if isinstance(pair, str) else tuple(pair) if isinstance(pair, list) else pair
        if not isinstance(two, tuple) or len(two) != 2 or not all(isinstance(token, str) and token for token in two):  # noqa: PLR2004
            raise CheckpointCorrupt(f"{where} {number}: a merge must be two tokens, but is {shown(pair)}.")
        for token in (*two, "".join(two)):
            if token not in vocabulary:
                raise CheckpointCorrupt(
                    f"{where} {number}: the merge {shown(' '.join(two))} needs the token {shown(token)}, which the "
                    "vocabulary lacks. The two files are not of one tokenizer, or one is damaged."
                )
        found.append(two)
    return found


def merge_lines(merges: Merges) -> bytes:
    """Return the content of a merges.txt."""
    return "".join(["#version: 0.2\n", *(f"{first} {second}\n" for first, second in merges.pairs)]).encode()
