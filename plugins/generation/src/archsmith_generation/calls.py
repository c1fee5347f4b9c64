"""One call of generate or stream: what was passed, checked against the model, and the strategy that it comes to."""

import copy
import secrets
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from archsmith.errors import InputError, OptionError
from archsmith.messages import announce, shown
from archsmith_generation.beams import write_beams
from archsmith_generation.cache import Cache
from archsmith_generation.config import GenerationConfig
from archsmith_generation.decoding import Writing, tokens_by_guesses, tokens_one_by_one
from archsmith_generation.guesses import guess_with_model, guess_with_text
from archsmith_generation.outputs import GenerateOutput
from archsmith_generation.processors import LogitsProcessor, Rows, scores_processors
from archsmith_generation.prompts import Prompt
from archsmith_generation.reading import Reader
from archsmith_generation.stopping import Stopping, StoppingCriterion

__all__ = ["Call"]

#: Tokens that are written where nobody says how many.
_TOKENS = 20
#: Settings that ask for more than texts.
_KEPT = ("output_scores", "output_logits")


class Call:
    """What one call is to do.

    Raises:
        InputError, OptionError: As `GenerationMixin.generate`.
    """

    def __init__(
        self,
        model: Any,
        settings: GenerationConfig,
        prompt: Prompt,
        *,
        cache: Cache | None = None,
        processors: Sequence[LogitsProcessor] = (),
        criteria: Sequence[StoppingCriterion] = (),
        tokenizer: Any = None,
        assistant: Any = None,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
        given: frozenset[str] = frozenset(),
    ) -> None:
        self.model, self.settings, self.prompt = model, settings, prompt
        self.assistant = assistant
        _check_functions("logits_processor", processors)
        _check_functions("stopping_criteria", criteria)
        self._given = given
        _check_generator(generator, len(prompt.ids) * settings.num_return_sequences, settings)
        if generator is not None and not settings.do_sample:
            raise OptionError("generator has no effect without do_sample=True; leave it out.")
        if model.training:
            announce("the model is in training mode: its dropout changes what is written. Call model.eval() before.")
        self._check_assistant(assistant, given)
        limit = _limit(model, settings, prompt, given)
        reader = Reader(model, prompt, self._cache(cache), limit=limit)
        if settings.do_sample and settings.num_beams == 1 and settings.num_return_sequences > 1:
            self.repeats = settings.num_return_sequences
        else:
            self.repeats = 1
        offset = reader.offset
        prompt = prompt.repeated(self.repeats)
        self.prompt = prompt
        held = prompt.ids.new_zeros(len(prompt.ids), limit - offset)
        written = prompt.ids.shape[1]
        held[:, :written] = prompt.ids
        rows = Rows(written, limit - offset, prompt.begins)
        if settings.num_beams > 1 and rows.begins is not None:
            rows = Rows(rows.prompt, rows.limit, rows.begins.repeat_interleave(settings.num_beams, 0))
        stopping = Stopping(settings, prompt=written, tokenizer=tokenizer, given=criteria, device=held.device)
        padding = settings.pad_token_id
        if padding is None:
            padding = next(iter(settings.eos_tokens()), 0)
        self.writing = Writing(
            reader,
            settings,
            scores_processors(settings, rows, processors),
            stopping,
            padding,
            held,
            written,
            torch.zeros(len(held), dtype=torch.bool, device=held.device),
            generator,
            may_leave=cache is None and not (settings.return_dict_in_generate or processors or criteria),
        )

    def _check_assistant(self, assistant: Any, given: frozenset[str]) -> None:
        settings = self.settings
        ways = {"assistant_model": assistant, "prompt_lookup_num_tokens": settings.prompt_lookup_num_tokens}
        guessed = [name for name, way in ways.items() if way is not None]
        if assistant is None and settings.num_assistant_tokens is not None and "num_assistant_tokens" in given:
            raise OptionError("num_assistant_tokens needs assistant_model.")
        if not guessed:
            return
        if assistant is not None and not hasattr(assistant, "new_cache"):
            raise OptionError(f"assistant_model must be a model that generates, but is {shown(assistant)}.")
        if len(guessed) > 1:
            raise OptionError("assistant_model and prompt_lookup_num_tokens are two ways to guess; pass one.")
        if settings.do_sample or settings.num_beams > 1 or not settings.use_cache:
            raise OptionError(f"{guessed[0]} needs do_sample=False, num_beams=1 and use_cache=True.")
        if len(self.prompt.ids) > 1 or self.prompt.embeds is not None or self.prompt.mask is not None:
            raise InputError(f"{guessed[0]} takes one prompt of token ids without padding.")

    def _cache(self, given: Cache | None) -> Cache | None:
        if given is not None and not isinstance(given, Cache):
            raise OptionError(f"past_key_values must be an archsmith_generation.Cache, but is {shown(given)}.")
        if not self.settings.use_cache:
            if given is not None:
                raise OptionError("past_key_values needs use_cache=True.")
            return None
        own: Cache = self.model.new_cache()
        own.owner = self.model.__dict__.setdefault("_cache_owner", secrets.token_hex(8))
        if given is None:
            return own
        given.check_windows(own.windows, type(self.model).__name__)
        if len(given) and given.owner not in (None, own.owner):
            raise InputError("past_key_values holds what another model has read; start with a new Cache().")
        given.owner = own.owner
        several = self.settings.num_beams > 1 or self.settings.num_return_sequences > 1
        return copy.deepcopy(given) if several else given

    def _refuse_unread(self, *names: str, said: str) -> None:
        """Refuse settings of the call that would have no effect."""
        if wrong := [name for name in names if name in self._given and getattr(self.settings, name)]:
            raise OptionError(f"{wrong[0]}=True {said}.")

    @property
    def rows(self) -> int:
        """How many texts are written."""
        return len(self.writing.held)

    def steps(self) -> Iterator[Tensor]:
        """Yield each step's tokens, ``(batch,)`` integer. Raises `OptionError`: beams have no next token."""
        self._refuse_unread("return_dict_in_generate", *_KEPT, said="has no effect in a stream")
        if self.settings.num_beams > 1:
            raise OptionError(
                f"num_beams is {self.settings.num_beams}, but beams cannot be streamed; pass num_beams=1."
            )
        return self._steps()

    def _steps(self) -> Iterator[Tensor]:
        writing, settings = self.writing, self.settings
        if settings.prompt_lookup_num_tokens:
            guess = guess_with_text(settings.prompt_lookup_num_tokens, settings.max_matching_ngram_size or 2)
            steps = tokens_by_guesses(writing, guess)
        elif self.assistant is not None:
            guess = guess_with_model(self.assistant, self.model, settings.num_assistant_tokens or 5)
            steps = tokens_by_guesses(writing, guess)
        else:
            steps = self._plain()
        return _without_gradients(steps)

    def _plain(self) -> Iterator[Tensor]:
        """Read each prompt once, also where several texts follow it."""
        writing = self.writing
        if self.repeats == 1:
            yield from tokens_one_by_one(writing)
        elif not writing.is_over():
            logits = writing.reader.logits(writing.ids[:: self.repeats])[:, -1]
            writing.reader.repeat(self.repeats)
            yield writing.choose(logits.repeat_interleave(self.repeats, 0))
            yield from tokens_one_by_one(writing)

    def run(self) -> Any:
        """Write to the end, and return what `GenerationMixin.generate` returns."""
        if not self.settings.return_dict_in_generate:
            self._refuse_unread(*_KEPT, said="needs return_dict_in_generate=True")
        writing, ranked = self.writing, None
        if self.settings.num_beams > 1:
            sequences, ranked = write_beams(writing)
        else:
            for _ in self._steps():
                pass
            sequences = writing.ids
        if not self.settings.return_dict_in_generate:
            return sequences
        return GenerateOutput(
            sequences=sequences,
            sequences_scores=ranked,
            scores=tuple(writing.scores) if self.settings.output_scores else None,
            logits=tuple(writing.logits) if self.settings.output_logits else None,
            past_key_values=writing.reader.cache if ranked is None else None,
        )


def _without_gradients(steps: Iterator[Tensor]) -> Iterator[Tensor]:
    """Ask for each step with gradients off, and leave them as they were for the caller in between."""
    while True:
        with torch.no_grad():
            tokens = next(steps, None)
        if tokens is None:
            return
        yield tokens


def _check_generator(given: Any, texts: int, settings: GenerationConfig) -> None:
    several = given if isinstance(given, list | tuple) else []
    if given is not None and not all(isinstance(each, torch.Generator) for each in several or [given]):
        raise OptionError(f"generator must be a torch.Generator, or a list of them, but is {shown(given)}.")
    if several and (len(several) != texts or settings.num_beams > 1):
        raise OptionError(
            f"generator must be one, or without beams a list of one for each of {texts} texts, but is a list of "
            f"{len(several)}, and num_beams is {settings.num_beams}."
        )


def _check_functions(name: str, given: Any) -> None:
    if not isinstance(given, Sequence) or not all(callable(each) for each in given):
        raise OptionError(f"{name} must be a list of functions, but is {shown(given)}.")


def _limit(model: Any, settings: GenerationConfig, prompt: Prompt, given: frozenset[str]) -> int:
    """Return how many columns a text may have, prompt and padding included."""
    most = getattr(model.config, "max_position_embeddings", None)
    if most is not None and prompt.length > most:
        raise InputError(
            f"the prompt has {prompt.length} tokens, but the model has positions for {most} (max_position_embeddings). "
            "Cut its beginning off."
        )
    if settings.max_new_tokens is not None:
        limit, name = prompt.length + settings.max_new_tokens, "max_new_tokens"
    elif settings.max_length is not None:
        limit, name = settings.max_length, "max_length"
        if prompt.length >= limit:
            raise InputError(
                f"max_length is {limit}, but the prompt has {prompt.length} tokens already: nothing could be written. "
                "Pass max_new_tokens."
            )
    else:
        limit, name = prompt.length + max(_TOKENS, settings.min_new_tokens or 0), ""
        announce(f"neither max_new_tokens nor max_length is given: at most {limit - prompt.length} tokens are written.")
    least = max(settings.min_length, prompt.length + (settings.min_new_tokens or 0))
    if most is not None and limit > most:
        if name in given or least > most:
            raise InputError(
                f"{name or 'min_new_tokens'} is {getattr(settings, name or 'min_new_tokens')}, but after a prompt of "
                f"{prompt.length} tokens the model has positions for {most - prompt.length} more "
                f"(max_position_embeddings {most})."
            )
        limit = most
    if limit == prompt.length:
        raise InputError(f"the prompt fills all {most} positions of the model; nothing could be written.")
    return limit
