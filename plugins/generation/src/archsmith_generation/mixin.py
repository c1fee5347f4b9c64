"""What a model that scores next tokens gets: `generate`, `stream`, and its settings, which are saved with it."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor

from archsmith.errors import CheckpointCorrupt, InputError, OptionError
from archsmith.files import encode_json, parse_json
from archsmith.messages import announce, shown
from archsmith.model import PreTrainedModel
from archsmith.options import known_as
from archsmith_generation.cache import Cache
from archsmith_generation.calls import Call
from archsmith_generation.config import GenerationConfig
from archsmith_generation.processors import LogitsProcessor
from archsmith_generation.prompts import prompt_from
from archsmith_generation.stopping import StoppingCriterion
from archsmith_generation.streaming import texts_of

__all__ = ["GenerationMixin"]

_FILE = "generation_config.json"
#: The keys of config.json that say how a text begins and ends.
_TOKENS = ("bos_token_id", "eos_token_id", "pad_token_id")
#: What callers of transformers pass to say nothing.
_NOTHING = {"streamer": None, "synced_gpus": False}
#: The content of the file that settings were read from, and they.
_Held = tuple[bytes | None, GenerationConfig | None]


class GenerationMixin(PreTrainedModel):
    """The base of models for ``causal-lm``, beside the one of their architecture.

    Its ``forward`` takes ``input_ids``, ``attention_mask``, ``past_key_values`` (a `Cache`, which it appends to) and
    ``use_cache``, and returns an output with ``logits``; ``position_ids``, ``inputs_embeds`` and ``logits_to_keep`` are
    used where it takes them.
    """

    @property
    def generation_config(self) -> GenerationConfig:
        """The settings of a call that says nothing else: of generation_config.json, or old keys of config.json.

        Raises:
            CheckpointCorrupt: The file is not JSON, or a value is wrong.
        """
        content, held = cast("_Held", self.__dict__.get("_generation_config", (None, None)))
        if held is None or content != self.side_files.get(_FILE):  # whoever changes the file means it
            held = self._read_settings()
            self.__dict__["_generation_config"] = self.side_files.get(_FILE), held
        return held

    @generation_config.setter
    def generation_config(self, settings: GenerationConfig) -> None:
        _check_kind(settings)
        self.__dict__["_generation_config"] = self.side_files.get(_FILE), settings

    def _read_settings(self) -> GenerationConfig:
        if (content := self.side_files.get(_FILE)) is not None:
            values = parse_json(content, _FILE)
            if not isinstance(values, dict):
                raise CheckpointCorrupt(f"{_FILE} must hold a mapping, but holds {shown(values)}.")
            return GenerationConfig.from_dict(values, source=_FILE)
        names = GenerationConfig.__dataclass_fields__
        old = {name: value for name, value in self.config.extra.items() if name in names}
        return GenerationConfig.from_dict(old, source="config.json")

    def side_contents(self) -> dict[str, bytes]:
        """Return what a save writes of `side_files`, the settings as they are now included."""
        if "_generation_config" in self.__dict__:
            held = self.generation_config
            values = held.to_dict()
            if values or _FILE in self.side_files:
                self.side_files[_FILE] = encode_json(values)
                self.__dict__["_generation_config"] = self.side_files[_FILE], held
        return super().side_contents()

    def settings_for(self, generation_config: GenerationConfig | None = None, **overrides: Any) -> GenerationConfig:
        """Return the settings of a call: those given, or the model's, with overrides and the model's special tokens.

        Raises:
            OptionError: A setting is wrong or contradicts another, or a token is not in the vocabulary.
        """
        if generation_config is not None:
            _check_kind(generation_config)
        base = self.generation_config if generation_config is None else generation_config
        known = {name: self._token_of_config(name) for name in _TOKENS if getattr(base, name) is None}
        settings = base.changed(**{name: value for name, value in known.items() if value is not None})
        settings = settings.overridden(
            {name: value for name, value in overrides.items() if _NOTHING.get(name, ...) is not value}
        )
        size = self.config.vocab_size
        for name in (*_TOKENS, "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "bad_words_ids"):
            value = getattr(settings, name)
            wrong = [token for token in _flat(value) if token >= size]
            if not wrong:
                continue
            said = f"{name} holds {wrong[0]}, but the vocabulary has {size} tokens, 0 to {size - 1}"
            if name in overrides or name not in _TOKENS or generation_config is not None:
                raise OptionError(f"{said}.")
            announce(f"{said}: it never comes.")
            left = [token for token in _flat(value) if token < size]
            settings = settings.changed(**{name: left or None})
        return settings

    def _token_of_config(self, name: str) -> Any:
        return self.config.to_dict().get(name)

    @classmethod
    def can_generate(cls) -> bool:
        """Return whether the model writes texts: it does."""
        return True

    def prepare_inputs_for_generation(self, input_ids: Tensor, **options: Any) -> dict[str, Any]:
        """Return arguments of ``forward``, as they are; `generate` does not ask, but tools like PEFT do."""
        return {"input_ids": input_ids, **options}

    def new_cache(self) -> Cache:
        """Return an empty cache for this model, whose layers have the windows of ``config.windows``."""
        return Cache(windows=getattr(self.config, "windows", ()))

    @torch.no_grad()
    @known_as(inputs="input_ids")
    def generate(
        self,
        input_ids: Tensor | None = None,
        *,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        generation_config: GenerationConfig | None = None,
        past_key_values: Cache | None = None,
        logits_processor: Sequence[LogitsProcessor] = (),
        stopping_criteria: Sequence[StoppingCriterion] = (),
        tokenizer: Any = None,
        assistant_model: Any = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        **overrides: Any,
    ) -> Any:
        """Go on with texts.

        Args:
            input_ids: ``(batch, tokens)`` integer: the prompts, shorter ones padded on the left.
            attention_mask: ``(batch, tokens)``, 1 for tokens and 0 for padding.
            inputs_embeds: ``(batch, tokens, width)`` float in place of ids; then only what is written is returned.
            generation_config: Settings; None: the model's.
            past_key_values: A cache: of an earlier call, from which it goes on where the prompts are the same, or a
                new one. It is changed in place, but for beams and several texts of a prompt.
            logits_processor: Functions of token ids and scores that return scores.
            stopping_criteria: Functions of token ids and scores that say whether to stop.
            tokenizer: What turns tokens into text, for ``stop_strings``.
            assistant_model: A smaller model of the same vocabulary, whose guesses make the same text faster.
            generator: Where random numbers come from; None: torch's own. Without beams it may be one for each text that
                is written: then what is drawn for it does not depend on the others.
            **overrides: Settings of this call, as `GenerationConfig` has them.

        Returns:
            ``(batch × num_return_sequences, tokens)`` integer: prompts and what was written, rows that ended earlier
            padded on the right; or `archsmith_generation.GenerateOutput` with ``return_dict_in_generate=True``.

        Raises:
            InputError: There is nothing to go on with, it is too long, or a tensor does not fit.
            OptionError: A setting is wrong, contradicts another, or has no effect.
        """
        settings = self.settings_for(generation_config, **overrides)
        return Call(
            self,
            settings,
            prompt_from(self, settings, input_ids, inputs_embeds, attention_mask),
            cache=past_key_values,
            processors=logits_processor,
            criteria=stopping_criteria,
            tokenizer=tokenizer,
            assistant=assistant_model,
            generator=generator,
            given=frozenset(overrides),
        ).run()

    def stream(
        self,
        input_ids: Tensor | None = None,
        *,
        tokenizer: Any = None,
        skip_special_tokens: bool = True,
        generation_config: GenerationConfig | None = None,
        past_key_values: Cache | None = None,
        attention_mask: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        logits_processor: Sequence[LogitsProcessor] = (),
        stopping_criteria: Sequence[StoppingCriterion] = (),
        assistant_model: Any = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        **overrides: Any,
    ) -> Iterator[Any]:
        """Go on with texts, and yield what is written as it comes. Arguments and errors as `generate`, of no beams.

        Args:
            tokenizer: With it, text of one row is yielded: pieces of whole characters, which joined are the text.
                Without, the tokens of each step, ``(batch,)`` integer.
            skip_special_tokens: Leave special tokens out of the text.

        Yields:
            Text, or tokens. Whoever stops asking stops the writing; the cache stays good.
        """
        settings = self.settings_for(generation_config, **overrides)
        call = Call(
            self,
            settings,
            prompt_from(self, settings, input_ids, inputs_embeds, attention_mask),
            cache=past_key_values,
            processors=logits_processor,
            criteria=stopping_criteria,
            tokenizer=tokenizer,
            assistant=assistant_model,
            generator=generator,
            given=frozenset(overrides),
        )
        tokens = call.steps()  # checks now, not at the first piece
        if tokenizer is None:
            return tokens
        if call.rows != 1:
            raise InputError(f"text of one row can be streamed, but there are {call.rows}; leave tokenizer out.")
        return texts_of(tokens, tokenizer, skip_special_tokens=skip_special_tokens)


def _check_kind(settings: Any) -> None:
    if not isinstance(settings, GenerationConfig):
        found = type(settings)
        raise OptionError(
            f"generation_config must be an archsmith_generation.GenerationConfig, but is a {found.__module__}."
            f"{found.__qualname__}. Of a mapping one is made by GenerationConfig.from_dict(values)."
        )


def _flat(value: Any) -> list[int]:
    if value is None or isinstance(value, int):
        return [] if value is None else [value]
    return [token for each in value for token in _flat(each)]
