"""A conversation with a model: what was said so far, as its chat template writes it, and its cache."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from archsmith.errors import InputError, OptionError
from archsmith.messages import announce, shown

__all__ = ["Conversation"]

#: Tokens of the context that are left for an answer before the oldest turns are forgotten.
_LEAST = 32
#: What `Conversation.answer` passes by itself.
_OWN = {"input_ids", "inputs_embeds", "attention_mask", "tokenizer", "past_key_values", "use_cache"}


class Conversation:
    """What was said, and who says what next.

    Args:
        model: A model that generates.
        tokenizer: Its tokenizer, which has a chat template.
        system: What the model is told about itself, or None.

    Attributes:
        messages: Dictionaries with ``role`` and ``content``, the earliest first.

    Raises:
        OptionError: The model does not generate, the tokenizer writes no chats, or what the model is told is no text.
    """

    def __init__(self, model: Any, tokenizer: Any, *, system: str | None = None) -> None:
        for name, given, method in (("model", model, "stream"), ("tokenizer", tokenizer, "apply_chat_template")):
            if not hasattr(given, method):
                raise OptionError(f"{name} must have {method}(), but is {shown(given)}.")
        if not (system is None or _is_text(system)):
            raise OptionError(f"system must be a text or None, but is {shown(system)}.")
        self.model, self.tokenizer = model, tokenizer
        self._is_answering = False
        self.messages: list[dict[str, str]] = [] if system is None else [{"role": "system", "content": system}]
        self._cache = model.new_cache()

    def answer(self, text: str, *, max_new_tokens: int = 512, **settings: Any) -> Iterator[str]:
        """Say something, and yield the answer as it comes. One that is not heard to its end is kept as far as it came.

        Args:
            text: What is said.
            max_new_tokens: The most tokens of the answer; fewer, where the context ends.
            **settings: As `GenerationMixin.generate` takes them.

        Raises:
            InputError: What is said is no text, empty, or too long; or an earlier answer has begun and not ended.
            OptionError: A setting is the conversation's own.
            ArchsmithError: As `GenerationMixin.stream`, and ``apply_chat_template`` of the tokenizer.
        """
        if not isinstance(text, str):
            raise InputError(f"what is said must be a text, but is {shown(text)}.")
        if not text.strip():
            raise InputError(f"what is said must not be empty, but is {shown(text)}.")
        if own := settings.keys() & _OWN:
            raise OptionError(f"{min(own)} is the conversation's own; make another Conversation.")
        if self._is_answering:
            raise InputError("an earlier answer has not been heard to its end; read it on, or close() it.")
        self._is_answering = True
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
            self._is_answering = False
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


def _is_text(given: Any) -> bool:
    return isinstance(given, str) and bool(given.strip())
