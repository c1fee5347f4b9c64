"""What a damaged checkpoint may do: be refused with a message that helps, or load right. Anything else is a fault."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from archsmith.errors import ArchsmithError, ArchsmithWarning

from .audit import watched
from .sound import Sound, tensors_of


@dataclass(frozen=True)
class Refused:
    """The verdict that a checkpoint is refused.

    Attributes:
        kind: The class of the error.
        parts: What the message must contain: the file, the key, what was expected and what was found.
    """

    kind: type[ArchsmithError] = ArchsmithError
    parts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Right:
    """The verdict that a checkpoint loads, and what then differs from the sound model.

    Attributes:
        changed: Parameter → the value that it must have, exactly.
        new: Parameters that start anew, with a warning.
        unused: Keys that are left over, with a warning.
    """

    changed: Mapping[str, torch.Tensor] = field(default_factory=dict)
    new: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attempt:
    """What came of one attempt: a value or an error, our warnings, and foreign ones or deeds that no loading may do."""

    value: Any
    error: BaseException | None
    warnings: list[str]
    foreign: list[str]


def attempt(call: Callable[..., Any], *args: Any, **options: Any) -> Attempt:
    """Call something; keep what comes of it."""
    value, error = None, None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with watched(args[0] if args else None) as notes:
                value = call(*args, **options)
        except BaseException as caught:
            error = caught
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
    foreign = notes + [repr(warning.message) for warning in said if not issubclass(warning.category, ArchsmithWarning)]
    return Attempt(value, error, [str(w.message) for w in said if issubclass(w.category, ArchsmithWarning)], foreign)


def judge(sound: Sound, folder: Path, expected: Refused | Right | None, **options: Any) -> str | None:
    """Load the files of a folder with the sound model's class; return what is wrong with what came of it, or None.

    Args:
        sound: The model before it was damaged.
        folder: The damaged files.
        expected: The one verdict that is right; None: refused, or as the sound model, whichever comes.
        **options: Of ``from_pretrained``.
    """
    came = attempt(sound.cls.from_pretrained, folder, **options)
    if came.foreign:
        return f"did or said: {came.foreign}"
    if came.error is not None:
        return _judge_refusal(came.error, folder, expected)
    if isinstance(expected, Refused):
        return f"was loaded, but must be refused with {expected.kind.__name__}"
    return _judge_model(sound, came, expected)


def _judge_refusal(error: BaseException, folder: Path, expected: Refused | Right | None) -> str | None:
    if not isinstance(error, ArchsmithError):
        return f"raised {error!r}, which is not ours"
    if isinstance(expected, Right):
        return f"must load, but: {error}"
    return misses(error, expected or Refused(parts=(str(folder),)))


def misses(error: ArchsmithError, expected: Refused) -> str | None:
    """Return what an error lacks."""
    if not isinstance(error, expected.kind):
        return f"raised {type(error).__name__}, not {expected.kind.__name__}: {error}"
    lacking = [part for part in expected.parts if part not in str(error)]
    if lacking:
        return f"the message lacks {lacking}: {error}"
    return f"the message has {len(str(error))} characters" if len(str(error)) > 6000 else None


def _judge_model(sound: Sound, came: Attempt, expected: Right | None) -> str | None:
    model, report, state = came.value, came.value.load_report, came.value.state_dict()
    new, unused = (report.new, report.unused) if expected is None else (expected.new, expected.unused)
    if (sorted(report.new), sorted(report.unused)) != (sorted(new), sorted(unused)):
        return f"started {report.new} anew and left {report.unused} over; expected {new} and {unused}"
    if unlawful := [name for name in new if not sound.optional(name)]:
        return f"started {unlawful} anew"
    if silent := [name for name in (*new, *unused) if name not in " ".join(came.warnings)]:
        return f"said nothing of {silent}"
    changed = expected.changed if expected else {}
    for name, tensor in sound.state.items():
        if name in new:
            continue
        right = changed.get(name, tensor)
        if not torch.equal(state[name], right) or state[name].dtype != right.dtype:
            return f"loaded another value for {name!r}"
    return None if changed or new else _judge_output(sound, model)


def _judge_output(sound: Sound, model: Any) -> str | None:
    with torch.no_grad():
        output = dict(tensors_of(model(**sound.inputs)))
    for name, tensor in tensors_of(sound.output):
        if not torch.allclose(output[name], tensor, rtol=1e-5, atol=1e-6):
            return f"computes another {name}"
    return None


def report_of(complaints: Mapping[str, str | None], least: int) -> None:
    """Fail with every complaint by the name of its case; and if there were hardly any cases."""
    wrong = {name: complaint for name, complaint in complaints.items() if complaint}
    assert not wrong, f"{len(wrong)} of {len(complaints)} cases:\n" + "\n".join(
        f"  {name}: {complaint}" for name, complaint in wrong.items()
    )
    assert len(complaints) >= least
