"""Checks of processors: what they return is what their parts make, with the options that the caller gave."""

import inspect
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from archsmith.errors import ArchsmithError, InputError
from archsmith.processor import Processor
from archsmith_devkit.harness import refusal
from archsmith_devkit.settings import first_difference

__all__ = ["ProcessorChecks"]

#: Part → the argument of its input.
_ARGUMENTS = {"tokenizer": "text", "image_processor": "images", "feature_extractor": "audio"}
_SECONDS = 0.2
_LONGER, _SHORTER = 20, 4  # than the texts below, in tokens
_TENSORS = "return_tensors"
#: Options that are for every part; a length may be that of one alone.
_OF_ALL = (_TENSORS, "padding", "padding=False")


class ProcessorChecks:
    """Whoever uses a processor gets what whoever uses its parts gets."""

    def processor(self) -> Any:
        """Return the processor, made of small parts."""
        raise NotImplementedError

    def test_parts_are_declared(self) -> None:
        """A part that a call uses and ``parts`` does not name is neither saved nor loaded, and cannot be given.

        Fix: name in parts every part whose input __call__ takes.
        """
        processor = self.processor()
        cls = type(processor)
        if processor.parts is None or cls.__call__ is Processor.__call__:
            return
        for part, argument in _ARGUMENTS.items():
            taken = argument in inspect.signature(cls.__call__).parameters
            assert not taken or part in processor.parts, (
                f"{cls.__name__} takes {argument}, but {part} is not among its parts, which are "
                f"{', '.join(processor.parts)}"
            )

    def test_options_reach_the_parts(self) -> None:
        """An option that a processor takes and does not pass on is ignored without a word.

        Fix: hand each argument of __call__ on to the part that has an option of that name, by self.options_of.
        """
        call = _Calls(self.processor())
        for name, cases in _options(call).items():
            faults = [fault for part, options in cases if (fault := call.fault(part, options))]
            if faults and (name in _OF_ALL or len(faults) == len(cases)):
                raise AssertionError(f"{call.name}: {name} is not passed on: {faults[0]}")

    def test_options_of_one_part(self) -> None:
        """``text_kwargs``, ``images_kwargs`` and ``audio_kwargs`` are how a caller reaches one part alone.

        Fix: hand each to self.options_of of its part, and what that returns to the part.
        """
        call = _Calls(self.processor())
        for part, argument in call.inputs.items():
            keyword, options = f"{_ARGUMENTS[part]}_kwargs", _own_options(call, part)
            if keyword in call.arguments and argument is not None:
                fault = call.fault(part, {}, own=options)
                assert not fault, f"{call.name}: {keyword} is not passed on: {fault}"

    def test_inputs_together(self) -> None:
        """Several inputs in one call must become what each becomes alone: none may be lost or take another's place.

        Fix: put what each part returns into one batch, and let no two of them have one name.
        """
        call = _Calls(self.processor())
        for count in range(2, len(call.inputs) + 1):
            for parts in itertools.combinations(call.inputs, count):
                try:
                    found = call.processor(**{key: value for part in parts for key, value in call.given(part).items()})
                except InputError:
                    continue  # it says itself that they do not go together
                self._assert_together(call, parts, found)

    def test_other_sampling_rates_are_refused(self) -> None:
        """A clip of another rate that is taken as it is sounds higher or lower: its words become others.

        Fix: hand sampling_rate on to the feature extractor as the caller gave it.
        """
        call = _Calls(self.processor())
        if "feature_extractor" in call.inputs and "sampling_rate" in call.arguments:
            other = call.processor.feature_extractor.sampling_rate * 2
            given = {**call.given("feature_extractor"), "sampling_rate": other}
            said = refusal(InputError, call.processor, **given)
            assert said is not None, f"{call.name} takes audio of sampling_rate = {other}; expected an InputError"

    def _assert_together(self, call: "_Calls", parts: tuple[str, ...], found: Any) -> None:
        what = f"{call.name}, given {' and '.join(_ARGUMENTS[part] for part in parts)}"
        alone = {part: call.processor(**call.given(part)) for part in parts}
        for part in parts:
            main = call.part(part).model_input_names[0]
            is_label = part == "tokenizer" and "labels" in found
            assert main in found or is_label or main not in alone[part], (
                f"{what}, returns no {main}: what it makes of {_ARGUMENTS[part]} is lost"
            )
        first = "tokenizer" if "input_ids" in found else "feature_extractor"
        for key in found:
            owner = next((part for part in sorted(parts, key=lambda part: part != first) if key in alone[part]), None)
            if owner is not None:
                fault = first_difference({key: found[key]}, {key: alone[owner][key]})
                assert not fault, f"{what}: {key} is not that of {_ARGUMENTS[owner]} alone: {fault}"


class _Calls:
    """A processor, and an input for each of its parts."""

    def __init__(self, processor: Processor) -> None:
        self.processor, self.name = processor, type(processor).__name__
        self.arguments = inspect.signature(type(processor).__call__).parameters
        held = [part for part, name in _ARGUMENTS.items() if getattr(processor, part) and name in self.arguments]
        self.inputs = {part: _input(part, self.part(part)) for part in held}

    def part(self, name: str) -> Any:
        return getattr(self.processor, name)

    def lengths(self, part: str) -> tuple[int, int]:
        """Return values for ``max_length`` that are longer than the inputs of a part, and shorter."""
        if part == "tokenizer":
            return _LONGER, _SHORTER
        extractor, clips = self.part(part), self.inputs[part]
        places = len(clips[0])
        if extractor.samples_per_place() is None:
            made = extractor(clips[0], sampling_rate=extractor.sampling_rate, padding=False)
            places = np.shape(made[extractor.model_input_names[0]][0])[-1 if extractor.places_last else 0]
        return 2 * places, places // 2

    def given(self, part: str, options: Mapping[str, Any] | None = None, own: Any = None) -> dict[str, Any]:
        """Return the arguments of a call of the processor for one part."""
        own, values = dict(own or {}), dict(options or {})
        if part == "feature_extractor":
            rate = {"sampling_rate": self.part(part).sampling_rate}
            (values if "sampling_rate" in self.arguments else own).update(rate)
        more = {f"{_ARGUMENTS[part]}_kwargs": own} if own else {}
        return {_ARGUMENTS[part]: self.inputs[part], **values, **more}

    def fault(self, part: str, options: Mapping[str, Any], own: Any = None) -> str:
        """Return how what the processor makes differs from what the part makes; nothing if it does not."""
        rate = {"sampling_rate": self.part(part).sampling_rate} if part == "feature_extractor" else {}
        if part == "tokenizer":  # which truncates to max_length anyway, but to this only where it is asked to
            self.part(part).model_max_length = _SHORTER if "truncation" in options else 2 * _LONGER
        try:
            wanted = self.part(part)(self.inputs[part], **rate, **options, **(own or {}))
        except ArchsmithError:
            return ""  # it says itself what it cannot do, as to pad without a token for it
        told = ", ".join(f"{name} = {value!r}" for name, value in {**options, **(own or {})}.items())
        what = f"with {told} it makes of {_ARGUMENTS[part]}, beside what its {part.replace('_', ' ')} makes:"
        try:
            found = self.processor(**self.given(part, options, own))
        except ArchsmithError as error:
            return f"with {told} it refuses {_ARGUMENTS[part]}, which its {part.replace('_', ' ')} takes: {error}"
        names = [name for name in wanted if name in found or name == self.part(part).model_input_names[0]]
        missing = [name for name in names if name not in found]
        if missing:
            return f"{what} no {missing[0]}"
        kinds = {name: type(found[name]) for name in names if type(found[name]) is not type(wanted[name])}
        if kinds:
            name, kind = next(iter(kinds.items()))
            return f"{what} {name} is a {kind.__name__}; expected {type(wanted[name]).__name__}"
        fault = first_difference(*({name: each[name] for name in names} for each in (found, wanted)))
        return f"{what} {fault}" if fault else ""


def _input(part: str, held: Any) -> Any:
    if part == "tokenizer":
        if held.pad_token is None:  # as whoever pads with such a tokenizer does
            held.pad_token = held.eos_token or held.unk_token
        return ["the quick brown fox", "dog"]
    random = np.random.default_rng(0)
    if part == "image_processor":
        return [random.integers(0, 256, (40, 56, 3), np.uint8) for _ in range(2)]
    samples = int(held.sampling_rate * _SECONDS)
    return [random.uniform(-0.5, 0.5, size).astype(np.float32) for size in (samples, samples * 2 // 3)]


def _own_options(call: _Calls, part: str) -> dict[str, Any]:
    """Return options for one part that change what it makes."""
    held = call.part(part)
    if part == "image_processor":
        return {"rescale_factor": held.rescale_factor / 2} if held.do_rescale else {"do_rescale": True}
    return {"padding": "max_length", "max_length": call.lengths(part)[0]}


def _options(call: _Calls) -> dict[str, list[tuple[str, dict[str, Any]]]]:
    """Return option → the parts that have it, with a value to pass, as far as the processor takes it too."""
    found: dict[str, list[tuple[str, dict[str, Any]]]] = {}
    for part in call.inputs:
        known = inspect.signature(call.part(part).__call__).parameters
        for name, options in _cases(call, part):
            if all(option in known and option in call.arguments for option in options):
                found.setdefault(name, []).append((part, options))
    return found


def _cases(call: _Calls, part: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name of an option, and a call that shows whether it is passed on."""
    if part == "image_processor":
        yield _TENSORS, {_TENSORS: "np"}
        return
    longer, shorter = call.lengths(part)
    truncated = {} if part == "tokenizer" else {"max_length": shorter}  # it has a model_max_length
    yield "padding=False", {"padding": False}
    yield "padding", {"padding": True}
    yield _TENSORS, {_TENSORS: "np", "padding": True}
    yield "max_length", {"padding": "max_length", "max_length": longer}
    yield "truncation", {"truncation": True, **truncated}
