"""Every installed architecture is held against the kit, without a line of its own."""

import pytest

from archsmith.registry import registry
from archsmith.testing import ArchitectureConformance

CHECKS = sorted(name for name in dir(ArchitectureConformance) if name.startswith("test_"))


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("model_type", registry.names())
def test_architecture(model_type, check):
    subject = type(f"Test{model_type}", (ArchitectureConformance,), {"model_type": model_type})
    getattr(subject(), check)()
