"""Real English: the documentation that ships with the interpreter."""

import math
import pydoc_data.topics
import random


def lines(count: int) -> list[str]:
    """Return ``count`` non-empty lines, from the beginning again where there are not enough."""
    found = [line.strip() for text in pydoc_data.topics.topics.values() for line in text.splitlines() if line.strip()]
    return (found * (count // len(found) + 1))[:count]


def paragraphs(count: int, most: int) -> list[str]:
    """Return ``count`` stretches of 8 to ``most`` words, their lengths even on a logarithmic scale."""
    words, draw = " ".join(pydoc_data.topics.topics.values()).split(), random.Random(0)
    sizes = [int(math.exp(draw.uniform(math.log(8), math.log(most)))) for _ in range(count)]
    begins = [draw.randrange(len(words) - size) for size in sizes]
    return [" ".join(words[begin : begin + size]) for begin, size in zip(begins, sizes, strict=True)]
