import io
import sys

import pytest

from archsmith.errors import PluginBroken, PluginConflict, PluginDisabled
from archsmith.registry.catalog import Catalog
from archsmith.registry.installed import Kind, State
from archsmith.registry.manifest import Manifest


@pytest.fixture
def catalog(site) -> Catalog:
    return Catalog()


def test_find_and_use(site, catalog):
    assert catalog.find(Kind.ARCHITECTURE, "toy") is None
    site.install("toy")
    entry = catalog.find(Kind.ARCHITECTURE, "toy")
    assert str(entry) == "toy-toy 1.0"
    manifest = catalog.use(entry)
    assert isinstance(manifest, Manifest)
    assert catalog.use(entry) is catalog.load(entry) is manifest


def test_the_usable_claim_decides_before_the_others(site, catalog, monkeypatch):
    site.install("toy", distribution="a-old", requires=("archsmith>=9",))
    site.install("toy", distribution="b-off")
    site.install("toy", distribution="c-good")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "b-off")
    assert str(catalog.find(Kind.ARCHITECTURE, "toy")) == "c-good 1.0"
    monkeypatch.setenv("ARCHSMITH_DISABLE", "b-off,c-good")
    assert catalog.find(Kind.ARCHITECTURE, "toy").state is State.INCOMPATIBLE


def test_a_disabled_entry_is_refused_without_being_loaded(site, catalog, monkeypatch):
    site.install("toy")
    monkeypatch.setenv("ARCHSMITH_DISABLE", "toy-toy")
    entry = catalog.find(Kind.ARCHITECTURE, "toy")
    with pytest.raises(PluginDisabled):
        catalog.use(entry)
    assert "toy_toy" not in sys.modules
    assert catalog.usable() == []


def test_a_refused_command_names_its_kind(site, catalog):
    for name in ("a", "b"):
        site.declare(name, commands={"play": f"{name}.cli:app"})
    with pytest.raises(PluginConflict) as caught:
        catalog.use(catalog.find(Kind.COMMAND, "play"), source="the shell")
    assert str(caught.value) == (
        "the shell needs command 'play', but command 'play' is claimed by 2 distributions: a 1.0, b 1.0. "
        "Uninstall all but one, or pin one: archsmith pin play a"
    )


def test_a_result_is_kept_and_its_frames_are_not(site, catalog):
    site.install("toy", manifest="1 / 0")
    entry = catalog.find(Kind.ARCHITECTURE, "toy")
    failure = catalog.load(entry)
    assert isinstance(failure, PluginBroken)
    assert failure.__traceback__ is None
    assert catalog.load(entry) is failure
    (seen,) = catalog.entries()
    assert (seen.state, seen.reason, seen.remedy) == (State.BROKEN, failure.reason, failure.remedy)
    catalog.refresh()
    assert catalog.load(entry) is not failure


def test_a_plugin_that_is_loaded_while_it_is_loaded(site, catalog, monkeypatch, manifest_of):
    """The inner request is refused, and does not spoil the outer one."""
    site.install("toy", manifest="import io\nio.toy_hook()\n" + manifest_of("toy_toy", "toy"))
    entry = catalog.find(Kind.ARCHITECTURE, "toy")
    inner = []
    monkeypatch.setattr(io, "toy_hook", lambda: inner.append(catalog.load(entry)), raising=False)
    assert isinstance(catalog.load(entry), Manifest)
    assert [failure.reason for failure in inner] == [
        "toy-toy 1.0 is broken: toy_toy.plugin asks for plugins while it is being loaded."
    ]
