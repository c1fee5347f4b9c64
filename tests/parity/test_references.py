"""What the official plugins ship as numbers of the original is what the original computes today."""

import json

import pytest
from safetensors.torch import load_file

from archsmith_devkit import State, checks_of

from .record_references import RECORDERS, ROOT, place_of
from .support import TOLERANCE, deviation

IDS = [model_type for _, model_type in RECORDERS]
#: Bytes of one recording: every user of the plugin installs it.
LIMIT = 250_000


@pytest.mark.parametrize(("plugin", "model_type"), RECORDERS, ids=IDS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_recording_anew_gives_the_same(plugin, model_type, tmp_path):
    shipped, scratch = place_of(plugin, model_type), tmp_path / "scratch"
    scratch.mkdir()
    anew = RECORDERS[plugin, model_type](tmp_path / "anew", scratch)
    files = sorted(path.name for path in anew.iterdir())
    assert sorted(path.name for path in shipped.iterdir()) == files
    for name in files:
        if name.endswith(".json"):
            assert json.loads((shipped / name).read_text()) == json.loads((anew / name).read_text()), name
        elif name.endswith(".safetensors"):
            old, new = load_file(shipped / name), load_file(anew / name)
            assert old.keys() == new.keys(), name
            for key, value in new.items():
                assert (old[key].shape, old[key].dtype) == (value.shape, value.dtype), key
                assert deviation(old[key], value) <= TOLERANCE, key
        else:
            assert (shipped / name).read_bytes() == (anew / name).read_bytes(), name
    assert sum(path.stat().st_size for path in shipped.iterdir()) <= LIMIT


def test_every_recording_that_is_shipped_is_written_by_the_script():
    """One made by hand, or by a script that is lost, could not be made again."""
    shipped = {path.parent for path in ROOT.glob("plugins/*/src/*/reference/**/reference.json")}
    assert {place_of(*each) for each in RECORDERS} == shipped


@pytest.mark.parametrize(("plugin", "model_type"), RECORDERS, ids=IDS)
def test_a_weight_that_is_off_is_found(plugin, model_type, monkeypatch):
    """What is shipped is sharp: one parameter that is off by a hundredth is told, whichever it is.

    A few have no effect at all: a bias of the keys, what stands before a normalisation or behind what is used.
    """
    name = (f"architecture {model_type}", "reference_numbers")
    check = next(each for each in checks_of(f"archsmith-{plugin}") if (each.subject, each.name) == name)
    assert check.run().state is State.PASSED
    subject = check.action.__self__
    (recording,) = subject.recordings()
    model = subject._loaded(recording)
    monkeypatch.setattr(subject, "recordings", lambda: [recording])
    monkeypatch.setattr(subject, "_loaded", lambda _: model)
    found = {}
    for key, parameter in model.named_parameters():
        before = parameter.detach().clone()
        parameter.data.mul_(1.01)
        found[key] = check.run().found
        parameter.data.copy_(before)
    missed = [key for key, said in found.items() if not said]
    assert len(missed) < 0.15 * len(found), missed
    assert all(" it deviates by " in said for said in found.values() if said)
