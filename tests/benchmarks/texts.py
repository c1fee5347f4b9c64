"""Real English: the documentation that ships with the interpreter."""

import pydoc_data.topics


def lines(count: int) -> list[str]:
    """Return ``count`` non-empty lines, from the beginning again where there are not enough."""
    found = [line.strip() for text in pydoc_data.topics.topics.values() for line in text.splitlines() if line.strip()]
    return (found * (count // len(found) + 1))[:count]
