"""Fixtures of the command line, for the verbs that the kit brings."""

import pytest

from ...cli.conftest import archsmith, installed, process, toy  # noqa: F401, TID252


@pytest.fixture(autouse=True)
def verbs(request):
    """Pretend that the kit is installed wherever a test pretends installations and runs the command line."""
    if {"site", "archsmith"} <= {*request.fixturenames}:
        declare_kit(request.getfixturevalue("site"))


def declare_kit(site):
    commands = {verb: f"archsmith_devkit.{verb}:{verb}" for verb in ("check", "new")}
    site.declare("archsmith-devkit", version="0.2.0", commands=commands)
