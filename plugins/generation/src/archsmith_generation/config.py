"""How a model writes: the settings of one call, or of generation_config.json."""

import copy
import dataclasses
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec

from archsmith.config import CheckedFields, Count, Probability, Size, TokenId, field, to_json
from archsmith.errors import ArchsmithError, CheckpointCorrupt, OptionError
from archsmith.messages import announce, listed, shown

__all__ = ["GenerationConfig"]

_Positive = Annotated[float, msgspec.Meta(gt=0)]
_Share = Annotated[float, msgspec.Meta(gt=0, le=1)]
_Draft = Annotated[int, msgspec.Meta(ge=1, le=64)]

#: What only one strategy reads, and its values while it does nothing.
_SAMPLING = {"temperature": (1.0,), "top_k": (50, 0), "top_p": (1.0,), "min_p": (None,), "typical_p": (1.0,)}
_BEAMS = {"length_penalty": (1.0,), "early_stopping": (False,)}
#: What other libraries have that would change the text, and the values at which it does nothing.
_ELSEWHERE: Mapping[str, tuple[Any, ...]] = {
    "assistant_early_exit": (None,), "constraints": (None,), "diversity_penalty": (None, 0.0), "dola_layers": (None,),
    "encoder_no_repeat_ngram_size": (None, 0), "encoder_repetition_penalty": (None, 1.0), "epsilon_cutoff": (None, 0.0),
    "eta_cutoff": (None, 0.0), "exponential_decay_length_penalty": (None,), "force_words_ids": (None,),
    "guidance_scale": (None, 1.0), "max_time": (None,), "num_beam_groups": (None, 1), "penalty_alpha": (None, 0.0),
    "remove_invalid_values": (None, False), "renormalize_logits": (None, False), "sequence_bias": (None,),
    "token_healing": (None, False), "top_h": (None,), "watermarking_config": (None,),
}  # fmt: skip


class GenerationConfig(CheckedFields):
    """How a model writes: how long, by which strategy, and what it must and must not say. None is a setting's default.

    Raises:
        OptionError: A value is wrong, two contradict each other, or there is no such setting.

    Example:
        >>> from archsmith_generation import GenerationConfig
        >>> GenerationConfig(max_new_tokens=30, do_sample=True, temperature=0.7).temperature
        0.7
    """

    noun = "setting"
    advice: ClassVar[Mapping[str, str]] = {
        "num_beam_groups": "Groups of beams are not a part of archsmith; num_beams with do_sample=True varies, too.",
        "max_time": "Pass stopping_criteria=[…], a function of input_ids and scores that looks at the clock.",
        "cache_implementation": "Pass past_key_values=archsmith_generation.Cache().",
        "streamer": "Loop over model.stream(…).",
        "seed": "Pass generator=torch.Generator().manual_seed(…).",
        "stop": "The setting is called stop_strings.",
        "max_tokens": "The setting is called max_new_tokens.",
    }

    max_new_tokens: Size | None = field(default=None, doc="The most tokens to write; without a limit, 20.")
    max_length: Size | None = field(default=None, doc="The most tokens of a row, its prompt and padding included.")
    min_new_tokens: Count | None = field(default=None, doc="Tokens to write before the end may come.")
    min_length: Count = field(default=0, doc="Tokens of a row, prompt and padding included, before the end may come.")
    do_sample: bool = field(default=False, doc="Draw each token at random; else take the likeliest.")
    temperature: _Positive = field(default=1.0, doc="What scores are divided by before a token is drawn.")
    top_k: Count = field(default=50, doc="Draw among so many of the likeliest tokens; 0: among all.")
    top_p: _Share = field(default=1.0, doc="Draw among the likeliest tokens that have this share together.")
    min_p: Probability | None = field(default=None, doc="Draw among tokens at least this share as likely as the first.")
    typical_p: _Share = field(default=1.0, doc="Draw among the most typical tokens that have this share.")
    num_beams: Size = field(default=1, doc="Beginnings that are followed at once.")
    num_return_sequences: Size = field(default=1, doc="Texts for each prompt.")
    length_penalty: float = field(default=1.0, doc="Power of the length that a beam's score is divided by.")
    early_stopping: bool | Literal["never"] = field(default=False, doc="Whether to stop once num_beams texts ended.")
    repetition_penalty: _Positive = field(default=1.0, doc="What makes tokens that were there less likely, above 1.")
    no_repeat_ngram_size: Count = field(default=0, doc="No sequence of so many tokens comes twice; 0: off.")
    bad_words_ids: list[list[TokenId]] | None = field(default=None, doc="Token sequences that must not come.")
    suppress_tokens: list[TokenId] | None = field(default=None, doc="Tokens that must not come.")
    begin_suppress_tokens: list[TokenId] | None = field(default=None, doc="Tokens that must not come first.")
    forced_bos_token_id: TokenId | None = field(default=None, doc="The first token that is written.")
    forced_eos_token_id: TokenId | list[TokenId] | None = field(default=None, doc="The last one, at the limit.")
    bos_token_id: TokenId | None = field(default=None, doc="What a text begins with where there is no prompt.")
    eos_token_id: TokenId | list[TokenId] | None = field(default=None, doc="A text ends with one of these.")
    pad_token_id: TokenId | None = field(default=None, doc="What follows in a row that has ended before others.")
    stop_strings: str | list[str] | None = field(default=None, doc="A text ends with one of these; needs a tokenizer.")
    prompt_lookup_num_tokens: _Draft | None = field(default=None, doc="Guess so many tokens from the text so far.")
    max_matching_ngram_size: Size | None = field(default=None, doc="Tokens that have to match for such a guess.")
    num_assistant_tokens: _Draft | None = field(default=None, doc="Tokens that an assistant model guesses at once.")
    use_cache: bool = field(default=True, doc="Keep keys and values, so that a token costs one step.")
    output_scores: bool = field(default=False, doc="Return the scores that tokens were chosen by.")
    output_logits: bool = field(default=False, doc="Return the model's own scores.")
    return_dict_in_generate: bool = field(default=False, doc="Return an output object, not the token ids alone.")

    def __init__(self, **values: Any) -> None:
        self._fill({name: value for name, value in values.items() if value is not None}, unknown_allowed=False)
        self._raise(contradictions(self, values))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "generation_config.json") -> Self:
        """Build it from the content of a file. Contradictions, as published ones hold them, are announced.

        Args:
            values: The content.
            source: Where it comes from, for messages.

        Raises:
            CheckpointCorrupt: A value is wrong.
        """
        new = cls.__new__(cls)
        given = {name: value for name, value in values.items() if value is not None or name not in _defaults()}
        new._fill(given, unknown_allowed=True, source=source)  # noqa: SLF001  # its own kind
        faults = contradictions(new, given)
        for name, neutral in _ELSEWHERE.items():
            if name in new.extra and new.extra[name] not in neutral:
                faults.append(f"{name} {shown(new.extra[name])} is a setting that archsmith does not have")
        if faults:
            announce(listed(f"{source}, which has no effect in part", faults))
        return new

    def to_dict(self) -> dict[str, Any]:
        """Return what is not the default, and the unknown keys of its file. Raises `OptionError`: broken in place."""
        self.check()
        values = {name: to_json(getattr(self, name)) for name in self._differing()}
        return copy.deepcopy(self.extra) | values

    def to_diff_dict(self) -> dict[str, Any]:
        """Return `to_dict`, under the name by which pipelines of other libraries ask for it."""
        return self.to_dict()

    def overridden(self, overrides: Mapping[str, Any]) -> Self:
        """Return a copy with the settings of a call, of which none may be in vain.

        Raises:
            OptionError: One is wrong, contradicts another, or has no effect.
        """
        rivals = {"max_length": "max_new_tokens", "max_new_tokens": "max_length", "min_length": "min_new_tokens"}
        usual = _defaults()
        changed = {rivals[name]: usual[rivals[name]] for name in overrides if name in rivals}
        changed |= {name: usual.get(name) if value is None else value for name, value in overrides.items()}
        new = self.changed(**changed)
        new._raise(contradictions(new, overrides))  # noqa: SLF001  # its own kind
        return new

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each rule between settings that is broken."""
        yield from super().rules()
        for one, most in (("min_length", "max_length"), ("min_new_tokens", "max_new_tokens")):
            low, high = getattr(self, one), getattr(self, most)
            if low is not None and high is not None and low > high:
                yield f"{one} is {low}, but must be at most {most} {high}"
        if self.num_return_sequences > 1 and not self.do_sample and self.num_return_sequences > self.num_beams:
            yield (
                f"num_return_sequences is {self.num_return_sequences}, but without do_sample=True there are only "
                f"num_beams={self.num_beams} texts"
            )
        elif self.num_beams > 1 and self.num_return_sequences > self.num_beams:
            yield f"num_return_sequences is {self.num_return_sequences}, but must be at most num_beams {self.num_beams}"
        if self.prompt_lookup_num_tokens and (self.do_sample or self.num_beams > 1 or not self.use_cache):
            yield "prompt_lookup_num_tokens needs do_sample=False, num_beams=1 and use_cache=True"
        for name in ("bad_words_ids", "stop_strings", "eos_token_id"):
            value = getattr(self, name)
            if isinstance(value, list | str) and (not value or not all(value if name != "eos_token_id" else [1])):
                yield f"{name} must not be empty nor hold anything empty, but is {shown(value)}"
        if self.bad_words_ids and any([token] in self.bad_words_ids for token in self.eos_tokens()):
            yield "bad_words_ids holds an eos_token_id alone; to write on, pass min_new_tokens"

    def error_for(self, source: str) -> type[ArchsmithError]:
        """Return the class of the error for faults in a file (``source``), or in a call."""
        return CheckpointCorrupt if source else OptionError

    def eos_tokens(self) -> list[int]:
        """Return the tokens that end a text."""
        return _several(self.eos_token_id)

    def forced_eos_tokens(self) -> list[int]:
        """Return the tokens of which one is forced at the limit."""
        return _several(self.forced_eos_token_id)


def _defaults() -> dict[str, Any]:
    return {declared.name: declared.default for declared in dataclasses.fields(GenerationConfig)}


def contradictions(settings: GenerationConfig, given: Collection[str]) -> list[str]:
    """Return one sentence for each setting that was given and has no effect beside the others."""
    faults = []
    for name, neutral in _SAMPLING.items():
        if name in given and not settings.do_sample and getattr(settings, name) not in neutral:
            hint = " For the likeliest tokens leave it out." if name == "temperature" else ""
            faults.append(f"{name} is {shown(getattr(settings, name))}, which needs do_sample=True.{hint}".rstrip("."))
    for name, neutral in _BEAMS.items():
        if name in given and settings.num_beams == 1 and getattr(settings, name) not in neutral:
            faults.append(f"{name} is {shown(getattr(settings, name))}, which needs num_beams above 1")
    if (
        "max_length" in given
        and "max_new_tokens" in given
        and None not in (settings.max_length, settings.max_new_tokens)
    ):
        faults.append("max_length and max_new_tokens are both given; expected one of them")
    if (
        "max_matching_ngram_size" in given
        and settings.max_matching_ngram_size
        and not settings.prompt_lookup_num_tokens
    ):
        faults.append("max_matching_ngram_size needs prompt_lookup_num_tokens")
    return faults


def _several(tokens: int | list[int] | None) -> list[int]:
    return [] if tokens is None else [tokens] if isinstance(tokens, int) else tokens
