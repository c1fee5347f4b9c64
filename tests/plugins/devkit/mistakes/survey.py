"""Which mistakes the conformance kit sees, by which checks, and whether a message names them.

``python -m tests.plugins.devkit.mistakes.survey`` runs every check on every mistake, writes seen.json, and prints what
is not seen, or seen and not named; names of mistakes (shell patterns) as arguments show what was found instead.
"""

import fnmatch
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import (
    audio_mistakes,
    composite_mistakes,
    decoder_mistakes,
    generating_mistakes,
    processors_mistakes,
    text_mistakes,
    vision_mistakes,
)
from .known import FALSE_ALARMS
from .record import Mistake
from .runner import PACKAGES, run_jobs, sources_of

AREAS = (
    text_mistakes,
    decoder_mistakes,
    generating_mistakes,
    vision_mistakes,
    composite_mistakes,
    audio_mistakes,
    processors_mistakes,
)
MISTAKES: tuple[Mistake, ...] = tuple(mistake for area in AREAS for mistake in area.MISTAKES)
#: Mistake → the checks that see it and name it, as of the last survey: where to look first.
SEEN_FILE = Path(__file__).with_name("seen.json")


def failures_of_bases() -> dict[str, dict[str, str]]:
    """Return for each sound plugin the checks that fail, with what they say."""
    found = run_jobs([{"base": base, "files": sources_of(base), "whole": True} for base in PACKAGES])
    return {base: _failures(results, ()) for base, results in zip(PACKAGES, found, strict=True)}


def failures_of(mistakes: Sequence[Mistake], *, hints: dict[str, list[str]] | None = None) -> list[dict[str, str]]:
    """Return for each mistake the checks that fail because of it, with what they say.

    Args:
        mistakes: The mistakes.
        hints: Mistake → checks that are enough, if they fail.
    """
    hinted = [mistake for mistake in mistakes if (hints or {}).get(mistake.name)]
    found = dict(zip(hinted, _run(hinted, hints or {}), strict=True))
    rest = [mistake for mistake in mistakes if not any(map(mistake.named_by, found.get(mistake, {}).values()))]
    found |= zip(rest, _run(rest, {}), strict=True)
    return [found[mistake] for mistake in mistakes]


def _run(mistakes: Iterable[Mistake], hints: dict[str, list[str]]) -> list[dict[str, str]]:
    mistakes = list(mistakes)
    jobs = []
    for mistake in mistakes:
        files = {file: mistake.applied(file, source) for file, source in sources_of(mistake.base).items()}
        job = {"base": mistake.base, "files": files, "known": sorted(FALSE_ALARMS.get(mistake.base, ()))}
        jobs.append(job | ({"only": hints[mistake.name]} if mistake.name in hints else {}))
    return [
        _failures(results, FALSE_ALARMS.get(mistake.base, ()))
        for mistake, results in zip(mistakes, run_jobs(jobs) if jobs else (), strict=True)
    ]


def _failures(results: Iterable[dict], known: Iterable[str]) -> dict[str, str]:
    return {each["check"]: each["message"] for each in results if each["failed"] and each["check"] not in known}


def _main(patterns: Sequence[str]) -> None:
    chosen = [each for each in MISTAKES if any(fnmatch.fnmatch(each.name, pattern) for pattern in patterns or "*")]
    found = dict(zip(chosen, failures_of(chosen), strict=True))
    if patterns:
        for mistake, failures in found.items():
            print(f"\n== {mistake.name}: {mistake.wrong}\n   wanted: {' and '.join(mistake.says)}")
            print("\n".join(failures.values()) or "nothing fails")
        return
    for base, alarms in failures_of_bases().items():
        print(*(f"{base}, which is sound: {message}" for message in alarms.values()), sep="\n")
    named = {each: [check for check in found[each] if each.named_by(found[each][check])] for each in chosen}
    seen = {each.name: checks for each, checks in named.items() if checks}
    SEEN_FILE.write_text(json.dumps(seen, indent=1) + "\n", encoding="utf-8")
    for mistake in chosen:
        if mistake.name not in seen:
            state = f"not named by {', '.join(found[mistake])}" if found[mistake] else "not seen"
            print(f"{mistake.name}: {state}. {mistake.wrong}")
    print(f"{len(seen)} of {len(chosen)} mistakes are seen and named.")


if __name__ == "__main__":
    _main(sys.argv[1:])
