"""The conformance kit sees the mistakes that authors make, and its messages name them."""

import json

import pytest

from .known import FALSE_ALARMS, UNNAMED, UNSEEN
from .survey import AREAS, MISTAKES, SEEN_FILE, failures_of, failures_of_bases

#: The share of all mistakes that is seen and named at the least.
LEAST = 0.9


def test_there_are_mistakes_of_every_kind():
    assert len({mistake.name for mistake in MISTAKES}) == len(MISTAKES) >= 48
    for area in AREAS:
        assert len(area.MISTAKES) >= 6, area.__name__
    for mistake in MISTAKES:
        assert len(mistake.wrong.split()) > 2, mistake.name
        assert mistake.says == tuple(says.lower() for says in mistake.says), mistake.name


def test_every_edit_is_one_and_leaves_python():
    from .runner import sources_of

    for mistake in MISTAKES:
        sources = sources_of(mistake.base)
        assert {file for file, _, _ in mistake.edits} <= {*sources}, mistake.name
        changed = {file: mistake.applied(file, source) for file, source in sources.items()}
        assert changed != sources, mistake.name
        for file, source in changed.items():
            compile(source, f"{mistake.name}/{file}", "exec")


@pytest.mark.long
def test_sound_plugins_pass():
    assert {base: {*found} for base, found in failures_of_bases().items() if found} == FALSE_ALARMS


@pytest.mark.long
def test_mistakes_are_seen_and_named():
    found = dict(zip(MISTAKES, failures_of(MISTAKES, hints=json.loads(SEEN_FILE.read_text())), strict=True))
    unseen = {mistake.name for mistake, failures in found.items() if not failures}
    unnamed = {
        mistake.name
        for mistake, failures in found.items()
        if failures and not any(map(mistake.named_by, failures.values()))
    }
    assert unseen == UNSEEN.keys(), "known.py must list what is not seen, and nothing else"
    assert unnamed == {*UNNAMED}, "known.py must list what is seen and not named, and nothing else"
    assert 1 - len(unseen | unnamed) / len(MISTAKES) >= LEAST
