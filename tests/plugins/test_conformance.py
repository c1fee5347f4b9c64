"""Every installed plugin is held against the kit, part by part, without a line of its own."""

import pytest

from archsmith.registry import registry
from archsmith.registry.installed import Kind
from archsmith_devkit import State, checks_of, plugins

CHECKS = [check for plugin in plugins() for check in checks_of(plugin)]


@pytest.mark.parametrize("check", CHECKS, ids=str)
def test_conforms(check):
    outcome = check.run()
    assert outcome.state in (State.PASSED, State.WAIVED), str(outcome)


def test_no_installed_plugin_is_left_out():
    """An entry point that no check is about is a plugin that nobody tests."""
    installed = {f"{entry.kind} {entry.name}" for kind in Kind for entry in registry.entries(kind)}
    assert len(installed) >= 9
    for subject in installed:
        names = {check.name for check in CHECKS if check.subject == subject}
        assert len(names) > (25 if subject.startswith("architecture") else 1), subject


def test_no_check_goes_without_a_reason_and_a_remedy():
    for check in CHECKS:
        assert len(check.why.split()) > 5, check
        assert len(check.fix.split()) > 3, check


def test_waivers():
    """The two that there are, each with its reason; `Check` itself refuses one that is not needed."""
    waived = {(check.subject, check.name) for check in CHECKS if check.waiver}
    assert waived == {
        ("architecture maskformer", "gradients_reach_every_parameter"),
        ("architecture maskformer-swin", "gradients_reach_every_parameter"),
    }
