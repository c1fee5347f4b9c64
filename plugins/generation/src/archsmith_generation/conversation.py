"""A conversation with a model: what was said so far, as its chat template writes it, and its cache."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from archsmith.errors import InputError
from archsmith.messages import announce

__all__ = ["Conversation"]

#: Tokens of the context that are left for an answer before the oldest turns are forgotten.
_LEAST = 32


class Conversation:
    """What was said, and who says what next.

    Args:
        model: A model that generates.
        tokenizer: Its tokenizer, which has a chat template.
        system: What the model is told about itself, or None.

    Attributes:
        messages: Dictionaries with ``role`` and ``content``, the earliest first.
    """

    def __init__(self, model: Any, tokenizer: Any, *, system: str | None = None) -> None:
        self.model, self.tokenizer = model, tokenizer
        self.messages: list[dict[str, str]] = [] if system is None else [{"role": "system", "content": system}]
        self._cache = model.new_cache()

    def answer(self, text: str, *, max_new_tokens: int = 512, **settings: Any) -> Iterator[str]:
        """Say something, and yield the answer as it comes. One that is not heard to its end is kept as far as it came.

        Args:
            text: What is said.
            max_new_tokens: The most tokens of the answer; fewer, where the context ends.
            **settings: As `GenerationMixin.generate` takes them.

        Raises:
            InputError: What is said is too long.
            ArchsmithError: As `GenerationMixin.stream`, and ``apply_chat_template`` of the tokenizer.
        """
        self.messages.append({"role": "user", "content": text})
        said, heard = list[str](), True
        try:
            prompt, room = self._prompt()
            pieces = self.model.stream(
                prompt,
                tokenizer=self.tokenizer,
                past_key_values=self._cache,
                max_new_tokens=max_new_tokens if room is None else min(max_new_tokens, room),
                **settings,
            )
            for piece in pieces:
                said.append(piece)
                yield piece
        except Exception:
            heard = False
            raise
        finally:
            if heard:
                self.messages.append({"role": "assistant", "content": "".join(said)})
            else:
                self.messages.pop()

    def _prompt(self) -> tuple[Tensor, int | None]:
        """Return the ids of all that was said, and how many tokens may follow; the oldest turns go where it is long."""
        most = getattr(self.model.config, "max_position_embeddings", None)
        while True:
            given = {"add_generation_prompt": True, "return_tensors": "pt"}
            ids: Tensor = self.tokenizer.apply_chat_template(self.messages, **given)["input_ids"]
            ids = ids.to(self.model.device)
            if most is None or most - ids.shape[1] >= min(_LEAST, most // 2):
                return ids, None if most is None else most - ids.shape[1]
            first = 1 if self.messages[0]["role"] == "system" else 0
            if len(self.messages) - first <= 2:  # noqa: PLR2004  # a question, or an answer and one
                raise InputError(
                    f"what is said has {ids.shape[1]} tokens, but the model has positions for {most} in all; say less."
                )
            announce("the conversation has filled the model's context: its oldest question and answer are forgotten.")
            del self.messages[first : first + 2]
