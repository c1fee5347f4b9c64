"""One mistake that authors of plugins make: what they did, and what a message about it must name."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Mistake:
    """An edit of a sound plugin.

    Attributes:
        name: What it is called in the table.
        base: The folder of the plugin that is edited.
        wrong: What the author did, and how it shows.
        edits: File, old text, new text; the old text is replaced wherever it stands.
        says: Patterns, in small letters, each of which one message about it must hold.
    """

    name: str
    base: str
    wrong: str
    edits: tuple[tuple[str, str, str], ...]
    says: tuple[str, ...]

    def applied(self, file: str, source: str) -> str:
        """Return the source of a file with the mistake in it. Raises `ValueError`: an old text is not in it."""
        for name, old, new in self.edits:
            if name != file:
                continue
            if old not in source:
                raise ValueError(f"{self.name}: {file} has no {old!r}")
            source = source.replace(old, new)
        return source

    def named_by(self, message: str) -> bool:
        """Return whether a message names the mistake."""
        return all(re.search(pattern, message.lower()) for pattern in self.says)
