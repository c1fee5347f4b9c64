"""What whoever writes a plugin needs: the checks that every plugin must pass, and ``archsmith new`` and ``check``.

A plugin's whole conformance test is::

    from archsmith_devkit import assert_conforms


    def test_conformance():
        assert_conforms("archsmith-toy")

It runs every check on every part of the installed distribution, and says of each that fails what was found, why it is
checked, and how to fix it. ``archsmith check archsmith-toy`` does the same from the shell.

Whoever wants one test for each check parametrises over `checks_of`, or subclasses a conformance class, whose methods
are plain asserts that any runner collects::

    class TestToy(ArchitectureConformance):
        model_type = "toy"
"""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_devkit.architecture import (
        ArchitectureConformance,
        CommandConformance,
        ExtensionConformance,
        FormatConformance,
    )
    from archsmith_devkit.conformance import assert_conforms, check_plugin, checks_of, plugins
    from archsmith_devkit.preprocessing import (
        FeatureExtractorConformance,
        ImageProcessorConformance,
        ProcessorConformance,
    )
    from archsmith_devkit.recording import record
    from archsmith_devkit.report import Check, Outcome, Report, State
    from archsmith_devkit.tokenizers import TokenizerConformance, sample_tokenizer

__all__ = [
    "ArchitectureConformance",
    "Check",
    "CommandConformance",
    "ExtensionConformance",
    "FeatureExtractorConformance",
    "FormatConformance",
    "ImageProcessorConformance",
    "Outcome",
    "ProcessorConformance",
    "Report",
    "State",
    "TokenizerConformance",
    "assert_conforms",
    "check_plugin",
    "checks_of",
    "plugins",
    "record",
    "sample_tokenizer",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "architecture": [
            "ArchitectureConformance",
            "CommandConformance",
            "ExtensionConformance",
            "FormatConformance",
        ],
        "conformance": ["assert_conforms", "check_plugin", "checks_of", "plugins"],
        "preprocessing": ["FeatureExtractorConformance", "ImageProcessorConformance", "ProcessorConformance"],
        "recording": ["record"],
        "report": ["Check", "Outcome", "Report", "State"],
        "tokenizers": ["TokenizerConformance", "sample_tokenizer"],
    },
)
