"""Every part of an installed plugin, with the checks for its kind."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from archsmith.errors import PluginError
from archsmith.messages import did_you_mean
from archsmith.plugin import waiver_faults
from archsmith.registry import Entry, Kind, registry
from archsmith_cli.verb import plugin_named
from archsmith_devkit.architecture import (
    ArchitectureConformance,
    CommandConformance,
    EntryChecks,
    ExtensionConformance,
    FormatConformance,
    use,
)
from archsmith_devkit.harness import Harness, refusal
from archsmith_devkit.parts import PartsConformance
from archsmith_devkit.preprocessing import FeatureExtractorConformance, ImageProcessorConformance, ProcessorConformance
from archsmith_devkit.report import Check, Report, checks_in
from archsmith_devkit.tokenizers import TokenizerConformance

__all__ = ["assert_conforms", "check_plugin", "checks_of", "plugins"]


def plugins() -> list[str]:
    """Return the distributions that bring anything, sorted."""
    return sorted({entry.distribution for kind in Kind for entry in registry.entries(kind)})


def checks_of(distribution: str, *, waivers: Mapping[str, str] | None = None) -> list[Check]:
    """Return the checks of everything that an installed distribution brings. Loads its manifest, and runs none.

    Args:
        distribution: Its name, in any spelling; or a short one, as ``"vit"``.
        waivers: Checks that need not pass → the reason, beside those that the manifest declares.

    Raises:
        PluginError: No such plugin is installed, or a waiver names no check or gives no reason.
    """
    key = plugin_named(distribution).key
    entries = [entry for kind in Kind for entry in registry.entries(kind) if entry.key == key]
    given = dict(waivers or {})
    if faults := list(waiver_faults(given)):
        raise PluginError("; ".join(faults) + ".")
    parts = list(_subjects(entries))
    found = [check for part in parts for check in part.checks(given)]
    declared = {name: reason for part in parts for name, reason in part.waivers.items()}
    if fault := _waivers_fault({**declared, **given}, found, [part.subject for part in parts]):
        raise PluginError(f"{entries[0]}: {fault}")
    return found


def check_plugin(distribution: str, *, waivers: Mapping[str, str] | None = None) -> Report:
    """Run every check of an installed distribution. Raises as `checks_of`."""
    return Report([check.run() for check in checks_of(distribution, waivers=waivers)])


def assert_conforms(distribution: str, *, waivers: Mapping[str, str] | None = None) -> Report:
    """Run every check of an installed distribution; a plugin's whole conformance test is this one line.

    Args:
        distribution: Its name, as in ``pip install``.
        waivers: Checks that need not pass → the reason, in a few words; the report shows it.

    Returns:
        The report, for whoever wants to print it.

    Raises:
        AssertionError: A check failed; the message says for each what was found, why it is checked, how to fix it.
        PluginError: As `checks_of`.
    """
    report = check_plugin(distribution, waivers=waivers)
    if not report.passed:
        raise AssertionError(str(report))
    return report


@dataclass(frozen=True)
class _Part:
    """One part of a plugin with the checks for it; a name that begins with ``without`` is left out."""

    entry: Entry
    label: str
    subject: Any
    waivers: Mapping[str, str] = field(default_factory=dict)
    without: str = " "

    def checks(self, given: Mapping[str, str]) -> Iterator[Check]:
        waivers = {**self.waivers, **given}
        for name, why, fix, action in checks_in(self.subject):
            if name.startswith(self.without):
                continue
            classes = {
                cls: waivers[f"{cls}.{name}"] for cls in _class_names(self.subject) if f"{cls}.{name}" in waivers
            }
            rest = _narrowed(self.subject, action, left_out=set(classes)) if classes else action
            yield Check(str(self.entry), self.label, name, why, fix, rest, waivers.get(name, ""))
            for cls, reason in classes.items():  # alone, so that it shows when the waiver is no longer needed
                alone = _narrowed(self.subject, action, alone=cls)
                yield Check(str(self.entry), self.label, f"{cls}.{name}", why, fix, alone, reason)


def _class_names(subject: Any) -> list[str]:
    """Return the names of the model classes that a subject checks; none where they cannot be had, as a check says."""
    try:
        return [cls.__name__ for cls in subject.models().values()] if isinstance(subject, Harness) else []
    except PluginError:
        return []


def _narrowed(subject: Any, action: Callable[[], None], **choice: Any) -> Callable[[], None]:
    """Return a check of the same subject on some of its model classes."""
    narrowed = copy.copy(subject)
    for name, value in choice.items():
        setattr(narrowed, name, value)
    found: Callable[[], None] = getattr(narrowed, action.__name__)
    return found


def _waivers_fault(waivers: Mapping[str, str], checks: Iterable[Check], subjects: Iterable[Any]) -> str:
    """Return what is wrong with the names of waivers; nothing where each names a check that runs."""
    names = {check.name for check in checks}
    classes = {cls for subject in subjects for cls in _class_names(subject)}
    for waiver in sorted(waivers.keys() - names):
        of_class, dot, check = waiver.rpartition(".")
        if dot and check in names and of_class not in classes:
            hint = did_you_mean(of_class, classes)
            return (
                f"a waiver names {waiver!r}, but no model class that is checked is called {of_class!r}.{hint} Expected "
                f"<ClassName>.<check>, with one of {', '.join(sorted(classes)) or 'no classes'}"
            )
        return f"a waiver names the check {waiver!r}, which there is not.{did_you_mean(check, names)}"
    return ""


def _subjects(entries: Iterable[Entry]) -> Iterator[_Part]:
    for entry in entries:
        label = f"{entry.kind} {entry.name}"
        yield _Part(entry, label, EntryChecks(entry))
        if refusal(PluginError, use, entry) is not None:
            continue  # EntryChecks says so
        if entry.kind is Kind.ARCHITECTURE:
            yield from _architecture(entry, label)
        elif entry.kind is Kind.PROCESSOR:
            yield _Part(entry, label, PartsConformance(entry), _waivers_of(entry))
            yield from _preprocessing(entry)
        elif entry.kind is Kind.EXTENSION:
            yield _Part(entry, label, PartsConformance(entry), _waivers_of(entry))
            yield from _preprocessing(entry)
            if not any(
                role.startswith("models.") for record in registry.records(entry) for role in record.references()
            ):
                continue
            names = {"model_type": entry.model_type, "extension": entry.name.partition(".")[2]}
            yield _Part(entry, label, type("Extension", (ExtensionConformance,), names)())
        elif entry.kind is Kind.COMMAND:
            yield _Part(entry, label, type("Command", (CommandConformance,), {"verb": entry.name})())
        else:
            yield _Part(entry, label, type("Format", (FormatConformance,), {"format": entry.name})())


def _architecture(entry: Entry, label: str) -> Iterator[_Part]:
    record = registry.get(entry.name)
    names = {"model_type": entry.name}
    without = " " if "backbone" in record.models else "backbone_"
    yield _Part(entry, label, type("Architecture", (ArchitectureConformance,), names)(), record.waivers, without)
    yield from _preprocessing(entry)


def _waivers_of(entry: Entry) -> dict[str, str]:
    return {name: reason for record in registry.records(entry) for name, reason in record.waivers.items()}


def _preprocessing(entry: Entry) -> Iterator[_Part]:
    """Yield the parts for preprocessing that stand behind an entry point, whose ever they are."""
    names = {"model_type": entry.owner.name, "kind": entry.owner.kind}
    for record in registry.records(entry):
        for role, conformance in _PARTS.items():
            if not record.references().keys().isdisjoint((role, f"{role}_fast")):
                what = f"{role.replace('_', ' ')} of {entry.name}"
                yield _Part(entry, what, type("Part", (conformance,), names)(), record.waivers)


_PARTS: Mapping[str, type[Any]] = {
    "tokenizer": TokenizerConformance,
    "image_processor": ImageProcessorConformance,
    "feature_extractor": FeatureExtractorConformance,
    "processor": ProcessorConformance,
}
