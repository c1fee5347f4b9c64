"""Conformance: what every architecture must do, as test classes that a plugin's own tests subclass.

A plugin's whole conformance test is::

    from archsmith.testing import ArchitectureConformance


    class TestToy(ArchitectureConformance):
        model_type = "toy"
        tiny = {"hidden_size": 16, "num_hidden_layers": 2}

The methods are plain asserts; any runner that collects ``test_*`` methods runs them. Each says why it is there.
`FeatureExtractorConformance` and `ProcessorConformance` do the same for these parts, as
`archsmith.testing.preprocessing` shows.
"""

from archsmith.testing.architecture import ArchitectureConformance
from archsmith.testing.preprocessing import FeatureExtractorConformance, ProcessorConformance

__all__ = ["ArchitectureConformance", "FeatureExtractorConformance", "ProcessorConformance"]
