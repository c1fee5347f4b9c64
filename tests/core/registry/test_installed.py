import pytest

import archsmith.registry.installed
from archsmith.registry.installed import Entry, Kind, State, scan
from archsmith.registry.preferences import Settings


def scan_with(**environ):
    return scan(Settings.read({f"ARCHSMITH_{name}": value for name, value in environ.items()}))


def states(index):
    return {(entry.name, entry.distribution): entry.state for entry in index.entries}


def the(index, distribution):
    (entry,) = [entry for entry in index.entries if entry.distribution == distribution]
    return entry


def test_ok(site):
    site.install("toy")
    index = scan_with()
    assert index.entries == (Entry(Kind.ARCHITECTURE, "toy", "toy_toy.plugin", "toy-toy", "1.0"),)
    assert (index.problems, index.notes) == ((), ())
    assert index.of(Kind.ARCHITECTURE, "toy") == [*index.entries]
    assert index.of(Kind.COMMAND, "toy") == []
    assert index.declared_by("Toy_Toy") == index.entries


def test_sorted_by_kind_and_name(site):
    site.declare("b", architectures={"zeta": "b.plugin", "alpha": "b.plugin"}, commands={"play": "b.cli:app"})
    site.declare("a", extensions={"zeta.more": "a.plugin"}, architectures={"beta": "a.plugin"})
    index = scan_with()
    assert [entry.name for entry in index.entries] == ["alpha", "beta", "zeta", "play", "zeta.more"]
    assert [entry.model_type for entry in index.entries] == ["alpha", "beta", "zeta", "play", "zeta"]
    assert [entry.name for entry in index.declared_by("b")] == ["alpha", "zeta"]


# ---- handshake ----------------------------------------------------------------------------------------------


def test_incompatible(site):
    site.declare(
        "toy", architectures={"toy": "toy.plugin"}, commands={"play": "toy.cli:app"}, requires=("archsmith>=9",)
    )
    for entry in scan_with().entries:
        assert entry.state is State.INCOMPATIBLE
        assert entry.reason == f"toy 1.0 asks for archsmith>=9, but archsmith {archsmith.__version__} is installed."
        assert entry.remedy == "Run: pip install --upgrade archsmith toy"


@pytest.mark.parametrize(
    ("core", "requirement", "state"),
    [
        ("0.2.0.dev1", "archsmith>=0.1", State.INCOMPATIBLE),
        ("0.2.0", "archsmith>=0.1,<0.3", State.OK),
        ("0.2.0", "archsmith>=0.1,!=0.1.5", State.INCOMPATIBLE),
        ("0.2.0", "archsmith!=0.1", State.OK),
        ("0.2.7", "archsmith>=0.2", State.OK),
        ("1.3.0", "archsmith>=0.9", State.OK),
        ("0.2.0rc1", "archsmith>=0.1,<0.2", State.INCOMPATIBLE),
        ("0.2.0rc1", "archsmith>=0.2.0rc1", State.OK),
        ("0.2.0rc1", "archsmith>=0.2", State.INCOMPATIBLE),
        ("1.0.0+local", "archsmith==1.0.0", State.OK),
        ("1.5", "archsmith~=1.2", State.OK),
        ("1.5", 'archsmith>=9; python_version<"3"', State.OK),
        ("1.5", 'archsmith>=9; extra=="dev"', State.OK),
    ],
)
def test_versions(site, monkeypatch, core, requirement, state):
    monkeypatch.setattr(archsmith.registry.installed, "__version__", core)
    site.install("toy", requires=(requirement,))
    assert the(scan_with(), "toy-toy").state is state


def test_every_requirement_counts(site):
    site.install("toy", requires=("archsmith>=0.2", "archsmith[text]>=8"))
    assert the(scan_with(), "toy-toy").state is State.INCOMPATIBLE


@pytest.mark.parametrize("requires", [(), ("torch",), ('archsmith>=9; python_version<"3"',)])
def test_no_requirement_is_noted(site, requires):
    site.install("toy", requires=requires)
    index = scan_with()
    assert the(index, "toy-toy").state is State.OK
    assert index.notes == ("toy-toy 1.0 does not say which archsmith it needs (no Requires-Dist: archsmith).",)


def test_a_command_alone_needs_no_requirement(site):
    site.declare("toy", commands={"play": "toy.cli:app"}, requires=())
    assert scan_with().notes == ()


# ---- broken, from metadata alone ----------------------------------------------------------------------------


def test_one_malformed_entry_breaks_the_whole_distribution(site):
    site.declare("toy", architectures={"Toy": "toy.plugin", "other": "toy.plugin"}, commands={"play": "toy.cli:app"})
    index = scan_with()
    assert {entry.state for entry in index.entries} == {State.BROKEN}
    assert {entry.reason for entry in index.entries} == {
        "toy 1.0 is broken: the entry point 'Toy' is not a model_type (lower-case letters, digits, '_' and '-')."
    }
    assert {entry.remedy for entry in index.entries} == {"Run: pip install --upgrade toy (or: pip uninstall toy)"}


def test_a_broken_distribution_is_no_rival(site):
    site.install("toy")
    site.declare("bad", architectures=["toy = bad.plugin", "toy = bad.other"])
    index = scan_with()
    assert states(index) == {("toy", "toy-toy"): State.OK, ("toy", "bad"): State.BROKEN}


def test_missing_metadata(site):
    (site.declare("toy", architectures={"toy": "toy.plugin"}) / "METADATA").unlink()
    entry = the(scan_with(), "toy")
    assert entry.state is State.BROKEN
    assert entry.reason == "toy (unknown version) is broken: its METADATA is missing or damaged."


# ---- switches -----------------------------------------------------------------------------------------------


def test_disable(site):
    site.install("toy")
    site.install("other")
    index = scan_with(DISABLE="TOY.toy")
    assert states(index) == {("toy", "toy-toy"): State.DISABLED, ("other", "toy-other"): State.OK}
    assert the(index, "toy-toy").reason == "toy-toy 1.0 is switched off by ARCHSMITH_DISABLE."
    assert the(index, "toy-toy").remedy == "Remove toy-toy from ARCHSMITH_DISABLE"
    assert index.problems == ()


def test_only(site):
    site.install("toy")
    site.install("other")
    index = scan_with(PLUGINS="toy_other,")
    assert states(index) == {("toy", "toy-toy"): State.DISABLED, ("other", "toy-other"): State.OK}
    assert the(index, "toy-toy").reason == "toy-toy 1.0 is not listed in ARCHSMITH_PLUGINS."
    assert the(index, "toy-toy").remedy == "Add toy-toy to ARCHSMITH_PLUGINS"


def test_only_is_about_architectures_and_disable_about_verbs_too(site):
    site.declare("toy-verbs", commands={"train": "toy_verbs:app"}, architectures={"toy": "toy_verbs.plugin"})
    assert [entry.state for entry in scan_with(PLUGINS="toy-verbs").entries] == [State.OK, State.OK]
    assert [entry.state for entry in scan_with(PLUGINS="toy-other").entries] == [State.DISABLED, State.OK]
    assert [entry.state for entry in scan_with(DISABLE="toy-verbs").entries] == [State.DISABLED, State.DISABLED]


def test_disable_goes_over_only(site):
    site.install("toy")
    assert the(scan_with(PLUGINS="toy-toy", DISABLE="toy-toy"), "toy-toy").state is State.DISABLED


def test_an_incompatible_plugin_may_be_switched_off(site):
    site.install("toy", requires=("archsmith>=9",))
    assert the(scan_with(DISABLE="toy-toy"), "toy-toy").state is State.DISABLED


def test_unknown_names_are_reported(site):
    site.install("toy")
    index = scan_with(PLUGINS="toy-toy,archsmith-vitt", DISABLE="toy-toi", PIN="toy=toy-tou,zzz=toy-toy,broken,=x,y=")
    assert index.problems == (
        "ARCHSMITH_PIN holds 'broken'; expected model_type=distribution, comma-separated.",
        "ARCHSMITH_PIN holds '=x'; expected model_type=distribution, comma-separated.",
        "ARCHSMITH_PIN holds 'y='; expected model_type=distribution, comma-separated.",
        "ARCHSMITH_PLUGINS names 'archsmith-vitt', which is not an installed plugin.",
        "ARCHSMITH_DISABLE names 'toy-toi', which is not an installed plugin. Did you mean 'toy-toy'?",
        "ARCHSMITH_PIN gives 'toy' to 'toy-tou', which is not installed or does not claim it. Did you mean 'toy-toy'?",
        "ARCHSMITH_PIN gives 'zzz' to 'toy-toy', which is not installed or does not claim it.",
    )
    assert scan_with(PIN="toyy=toy-toy").problems == (
        "ARCHSMITH_PIN gives 'toyy' to 'toy-toy', which is not installed or does not claim it. Did you mean 'toy'?",
    )
    assert scan_with(PLUGINS="toyy").problems == (
        "ARCHSMITH_PLUGINS names 'toyy', which is not an installed plugin. Did you mean 'toy'?",
    )


@pytest.mark.parametrize("short", ["toy", "TOY", "acme-x"])
def test_a_short_name_is_taken_for_the_distribution_and_announced(site, short):
    site.install("toy", distribution="archsmith-acme-x")
    site.install("other")
    said = f"names {short!r}, which is taken for the distribution 'archsmith-acme-x'."
    index = scan_with(PLUGINS=short)
    assert states(index) == {("toy", "archsmith-acme-x"): State.OK, ("other", "toy-other"): State.DISABLED}
    assert index.problems == (f"ARCHSMITH_PLUGINS {said}",)
    index = scan_with(DISABLE=short)
    assert states(index) == {("toy", "archsmith-acme-x"): State.DISABLED, ("other", "toy-other"): State.OK}
    assert index.problems == (f"ARCHSMITH_DISABLE {said}",)
    assert the(index, "archsmith-acme-x").remedy == f"Remove {short} from ARCHSMITH_DISABLE"
    index = scan_with(PIN=f"toy={short}")
    assert the(index, "archsmith-acme-x").state is State.OK
    assert index.problems == (f"ARCHSMITH_PIN {said}",)


def test_a_short_name_that_several_claim_is_refused(site):
    site.install("toy", distribution="acme-a")
    site.install("toy", distribution="acme-b")
    index = scan_with(PLUGINS="toy")
    assert {entry.state for entry in index.entries} == {State.DISABLED}
    (problem,) = index.problems
    assert problem == (
        "ARCHSMITH_PLUGINS names 'toy', which is not an installed plugin. "
        "As a model_type it is claimed by acme-a and acme-b; name the distribution."
    )
    site.install("other", distribution="archsmith-toy")
    assert the(scan_with(PLUGINS="toy"), "archsmith-toy").state is State.OK


def test_empty_variables_count_as_unset(site):
    site.install("toy")
    index = scan_with(PLUGINS="", DISABLE=" , ", PIN=",")
    assert the(index, "toy-toy").state is State.OK
    assert index.problems == ()


# ---- conflicts and pins -------------------------------------------------------------------------------------


def test_conflict(site):
    site.install("toy", distribution="acme-b")
    site.install("toy", distribution="acme-a", version="2.0")
    index = scan_with()
    for entry in index.entries:
        assert entry.state is State.CONFLICTING
        assert entry.reason == "model_type 'toy' is claimed by 2 distributions: acme-a 2.0, acme-b 1.0."
        assert entry.remedy == "Uninstall all but one, or pin one: archsmith pin toy acme-a"


def test_a_conflict_is_about_one_name(site):
    site.declare("a", architectures={"toy": "a.plugin", "mine": "a.plugin"})
    site.declare("b", architectures={"toy": "b.plugin"})
    assert states(scan_with())["mine", "a"] is State.OK


def test_commands_and_extensions_conflict_too(site):
    for name in ("a", "b"):
        site.declare(name, commands={"play": f"{name}.cli:app"}, extensions={"bert.toy": f"{name}.plugin"})
    index = scan_with()
    assert {entry.reason for entry in index.entries} == {
        "command 'play' is claimed by 2 distributions: a 1.0, b 1.0.",
        "extension 'bert.toy' is claimed by 2 distributions: a 1.0, b 1.0.",
    }


def test_kinds_do_not_rival_each_other(site):
    site.declare("a", architectures={"toy": "a.plugin"})
    site.declare("b", commands={"toy": "b.cli:app"})
    site.declare("c", formats={"toy": "c:Format"})
    assert {entry.state for entry in scan_with().entries} == {State.OK}
    assert {entry.state for entry in scan_with(PIN="toy=a").entries} == {State.OK}


def test_a_pin_settles_a_conflict(site):
    site.install("toy", distribution="acme-a")
    site.install("toy", distribution="acme-b")
    index = scan_with(PIN=" toy = Acme_B ")
    assert [str(entry) for entry in index.entries] == ["acme-b 1.0", "acme-a 1.0"]
    assert the(index, "acme-b").state is State.OK
    assert the(index, "acme-a").state is State.DISABLED
    assert the(index, "acme-a").reason == "ARCHSMITH_PIN gives 'toy' to Acme_B, not to acme-a 1.0."
    assert the(index, "acme-a").remedy == "Pin it instead: ARCHSMITH_PIN=toy=acme-a"
    assert index.problems == ()


def test_a_pin_to_a_missing_distribution_leaves_nobody(site):
    site.install("toy")
    index = scan_with(PIN="toy=missing")
    assert the(index, "toy-toy").reason == "ARCHSMITH_PIN gives 'toy' to missing, not to toy-toy 1.0."
    assert index.problems == ("ARCHSMITH_PIN gives 'toy' to 'missing', which is not installed or does not claim it.",)


def test_two_pins_for_one_name(site):
    site.install("toy", distribution="acme-a")
    site.install("toy", distribution="acme-b")
    index = scan_with(PIN="toy=acme-b,toy=acme-a,toy=ACME.B")
    assert the(index, "acme-b").state is State.OK
    assert index.problems == ("ARCHSMITH_PIN gives 'toy' to 'acme-b' and to 'acme-a'.",)


def test_a_disabled_or_incompatible_distribution_is_no_rival(site):
    site.install("toy")
    site.install("toy", distribution="old", requires=("archsmith<0.0.1",))
    site.install("toy", distribution="off")
    assert states(scan_with(DISABLE="off")) == {
        ("toy", "toy-toy"): State.OK,
        ("toy", "old"): State.INCOMPATIBLE,
        ("toy", "off"): State.DISABLED,
    }


def test_stale_metadata_is_no_rival(make_site):
    editable, stale = make_site("editable"), make_site("stale")
    editable.install("toy", version="1.1")
    stale.install("toy", version="1.0")
    (entry,) = scan_with().entries
    assert (str(entry), entry.state) == ("toy-toy 1.1", State.OK)


# ---- extensions ---------------------------------------------------------------------------------------------


def test_an_extension_without_its_architecture_is_noted(site):
    site.declare("more", extensions={"toy.more": "more.plugin"})
    index = scan_with()
    assert the(index, "more").state is State.OK
    assert index.notes == ("more 1.0 extends 'toy', which no installed plugin provides.",)
    site.install("toy")
    assert scan_with().notes == ()


def test_what_was_written_for_an_earlier_contract_is_told_so(site):
    site.install("toy", requires=("archsmith>=0.1",))
    (entry,) = scan_with().entries
    assert (entry.state, entry.reason, entry.remedy) == (
        State.INCOMPATIBLE,
        (
            "toy-toy 1.0 asks for archsmith>=0.1 and names no end, so it was written for an earlier contract than that "
            f"of archsmith {archsmith.__version__}, which is installed."
        ),
        "Run: pip install --upgrade toy-toy",
    )
