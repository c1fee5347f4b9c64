"""What a model writes after a prompt, or answers in a conversation."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import torch

from archsmith.config import Count, field
from archsmith.errors import ArchsmithError, InputError, OptionError
from archsmith.messages import shown
from archsmith_generation import GenerationConfig, GenerationMixin
from archsmith_tasks.results import GeneratedText
from archsmith_tasks.steps import Example, Options
from archsmith_tasks.text.rows import TextSteps

__all__ = ["TextGeneration", "WritingOptions"]

#: Tokens that are written where nobody says how many.
_TOKENS = 20
#: How far the seeds of several texts of one prompt are apart.
_APART = 1_000_003
#: What a result does not hold.
_UNREAD = ("output_scores", "output_logits", "return_dict_in_generate")


class WritingOptions(GenerationConfig, Options):
    """How a model writes: the settings of `archsmith_generation.GenerationConfig`, and these."""

    noun = "option"

    return_full_text: bool = field(default=False, doc="Return the prompt too, before what is new.")
    system: str | None = field(
        default=None, doc="What the model is told about itself; a text is then a turn of a conversation."
    )
    seed: Count | None = field(
        default=None, doc="Where random numbers begin, for each input anew: its text depends on no other input."
    )

    def __init__(self, **values: Any) -> None:
        own = GenerationConfig.__dataclass_fields__
        self.__dict__["_given"] = {name: value for name, value in values.items() if name in own}
        self._fill({name: value for name, value in values.items() if value is not None}, unknown_allowed=False)

    @property
    def given(self) -> dict[str, Any]:
        """The settings that a caller gave; the others are the model's."""
        return self.__dict__["_given"]  # type: ignore[no-any-return]

    def rules(self) -> Iterator[str]:
        """Yield nothing: whether settings fit is known once the model's own stand beside them."""
        yield from ()

    def to_dict(self) -> dict[str, Any]:
        """Return what was given, as JSON values."""
        own = {name: getattr(self, name) for name in ("return_full_text", "system", "seed")}
        return self.given | own


class TextGeneration(TextSteps):
    """Texts that go on."""

    options_class = WritingOptions
    budget = 4096  # tokens, those that are written included: a step reads the weights once for all rows
    advice = "leave out its beginning"

    def check(self) -> None:
        """Refuse what cannot be, or has no effect. Raises `OptionError`."""
        options = self.options
        if not isinstance(self.model, GenerationMixin):
            raise OptionError(f"{type(self.model).__name__} does not generate: it is not a GenerationMixin.")
        if unread := [name for name in _UNREAD if options.given.get(name)]:
            raise OptionError(f"{unread[0]} has no effect here: results hold text. Call model.generate(…).")
        if options.seed is not None and not self.settings.do_sample:
            raise OptionError(f"seed is {options.seed}, which needs do_sample=True.")
        if options.system is not None and self.parts.tokenizer.chat_template is None:
            raise OptionError("system needs a tokenizer with a chat template, which this one lacks.")

    @property
    def streams(self) -> bool:
        """Whether one text comes of a prompt, piece by piece."""
        return bool(self.settings.num_beams == 1 and self.settings.num_return_sequences == 1)

    @cached_property
    def settings(self) -> GenerationConfig:
        """The settings of the model with those of the call. Raises `OptionError`."""
        return self.model.settings_for(**self.options.given)  # type: ignore[no-any-return]

    @classmethod
    def is_input(cls, value: Any) -> bool:
        """Return whether a list is one input: a conversation, whose messages are mappings with ``role``."""
        return (
            isinstance(value, list | tuple)
            and len(value) > 0
            and all(isinstance(each, Mapping) and "role" in each for each in value)
        )

    # ---- prompts --------------------------------------------------------------------------------------------

    def prepare(self, values: Sequence[Any]) -> list[list[Example] | ArchsmithError]:
        """Return the prompt of each text or conversation."""
        found: list[Any] = [None] * len(values)
        texts = [place for place, value in enumerate(values) if not self._is_conversation(value)]
        for place, row in zip(texts, super().prepare([values[place] for place in texts]), strict=True):
            found[place] = row
        for place, value in enumerate(values):
            if found[place] is None:
                found[place] = self._conversation(value)
        for row in found:
            if not isinstance(row, ArchsmithError):
                row[0].size = self._room(len(row[0].inputs["input_ids"]))
        return found

    def _is_conversation(self, value: Any) -> bool:
        return not isinstance(value, str) if self.options.system is None else bool(value)

    def _conversation(self, value: Any) -> list[Example] | ArchsmithError:
        try:
            if not isinstance(value, str) and not self.is_input(value):
                raise InputError(
                    f"an input must be a text, or a list of messages with role and content, but is {shown(value)}."
                )
            if self.options.return_full_text:
                raise InputError("return_full_text=True needs a text, but the input is a conversation.")
            messages = [{"role": "user", "content": value}] if isinstance(value, str) else list(value)
            if self.options.system is not None:
                if messages[0]["role"] == "system":
                    raise InputError("the conversation begins with a system message, and the option system is another.")
                messages.insert(0, {"role": "system", "content": self.options.system})
            goes_on = messages[-1]["role"] == "assistant"
            encoded = self.parts.tokenizer.apply_chat_template(
                messages, add_generation_prompt=not goes_on, continue_final_message=goes_on
            )
        except ArchsmithError as error:
            return error
        inputs = {name: encoded[name] for name in ("input_ids", "attention_mask") if name in encoded}
        return self._fitting(("the conversation", None), [Example(inputs, len(inputs["input_ids"]), {"texts": ("",)})])

    def _room(self, prompt: int) -> int:
        """Return how many tokens a row may have in the end."""
        settings = self.settings
        if settings.max_new_tokens is None and settings.max_length is not None:
            return max(settings.max_length, prompt + 1)
        return prompt + (settings.max_new_tokens or max(_TOKENS, settings.min_new_tokens or 0))

    # ---- writing --------------------------------------------------------------------------------------------

    def forward(self, examples: Sequence[Example]) -> Sequence[list[list[int]]]:
        """Return for each prompt the tokens of each text that is written, padding behind their end included."""
        groups = defaultdict[Any, list[int]](list)
        for place, example in enumerate(examples):
            groups[self._apart(examples, place, example)].append(place)
        found: dict[int, list[list[int]]] = {}
        for places in groups.values():
            found |= zip(places, self._written([examples[place] for place in places]), strict=True)
        return [found[place] for place in range(len(examples))]

    def _apart(self, examples: Sequence[Example], place: int, example: Example) -> Any:
        """Return what must be the same for two rows of a batch to be as they would be alone."""
        settings, most = self.settings, getattr(self.model.config, "max_position_embeddings", None)
        if settings.prompt_lookup_num_tokens or (settings.num_beams > 1 and self.options.seed is not None):
            return place
        counted = settings.min_length or (settings.max_length is not None and settings.max_new_tokens is None)
        if counted or (most is not None and max(each.size for each in examples) > most):
            return -len(example.inputs["input_ids"])  # padding counts, or takes places of the model's
        return None

    def _written(self, examples: Sequence[Example]) -> list[list[list[int]]]:
        batch = self.padded(examples, side="left")
        ids = batch["input_ids"]
        output = self.model.generate(
            ids,
            attention_mask=batch.get("attention_mask"),
            tokenizer=self.parts.tokenizer,
            generator=self._generators(len(examples)),
            **self.options.given,
        )
        several = output[:, ids.shape[1] :].cpu().view(len(examples), -1, output.shape[1] - ids.shape[1])
        return several.tolist()  # type: ignore[no-any-return]

    def _generators(self, rows: int) -> Any:
        """Return for each text of each row where its random numbers come from, which no other row changes."""
        seed, several = self.options.seed, self.settings.num_return_sequences
        if seed is None:
            return None
        device = self.model.device
        if self.settings.num_beams > 1:
            return torch.Generator(device).manual_seed(seed)
        seeds = [(seed + _APART * text) % 2**32 for text in range(several)] * rows  # torch reads 32 bits
        return [torch.Generator(device).manual_seed(each) for each in seeds]

    def answer(self, rows: Sequence[tuple[Example, list[list[int]]]]) -> GeneratedText:
        """Return what was written after a prompt."""
        example, several = rows[0]
        first, *others = (self._text(example, tokens) for tokens in several)
        return GeneratedText(first.text, first.tokens, first.ended, tuple(others))

    def _text(self, example: Example, tokens: list[int]) -> GeneratedText:
        ends = self.settings.eos_tokens()
        size = next((place for place, token in enumerate(tokens, 1) if token in ends), None)
        size = self._stopped(tokens[:size]) or size  # what follows a stop string is padding, which may be such a token
        text = self.parts.tokenizer.decode(tokens[:size], skip_special_tokens=True)
        before = example.notes["texts"][0] if self.options.return_full_text else ""
        return GeneratedText(before + text, len(tokens) if size is None else size, size is not None)

    def _stopped(self, tokens: list[int]) -> int | None:
        """Return how many tokens there are up to the first stop string, itself included; None: there is none."""
        given = self.settings.stop_strings or []
        strings = [given] if isinstance(given, str) else given
        decode, low, high = self.parts.tokenizer.decode, 0, len(tokens)
        if not any(each in decode(tokens) for each in strings):
            return None
        while high - low > 1:
            middle = (low + high) // 2
            if any(each in decode(tokens[:middle]) for each in strings):
                high = middle
            else:
                low = middle
        return high

    def stream(self, value: Any) -> Iterator[str]:
        """Yield what is written after one prompt, as it comes. Raises as the task itself, before the first piece."""
        (example,) = self.prepare_one(value)
        batch = self.padded([example])
        pieces: Iterator[str] = self.model.stream(
            batch["input_ids"],
            tokenizer=self.parts.tokenizer,
            generator=self._generators(1),
            **self.options.given,
        )
        return _after(example.notes["texts"][0], pieces) if self.options.return_full_text else pieces


def _after(prompt: str, pieces: Iterator[str]) -> Iterator[str]:
    yield prompt
    yield from pieces
