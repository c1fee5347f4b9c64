"""Load the manifests of one distribution and check them as a whole, before anything is registered."""

import contextlib
import importlib
import io
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TextIO, TypeVar

import pluggy

from archsmith.errors import PluginBroken
from archsmith.installed import Entry, Kind, repair
from archsmith.plugin import Architecture, Extension, PluginSpec

__all__ = ["Manifest", "load_manifest"]

_Record = TypeVar("_Record", Architecture, Extension)


@dataclass(frozen=True)
class Manifest:
    """What one distribution declares, checked.

    Attributes:
        architectures: By model_type.
        extensions: In the order of declaration.
        identify: The hook that claims a config.json without a known model_type, if the plugin has one.
    """

    architectures: Mapping[str, Architecture]
    extensions: tuple[Extension, ...]
    identify: Callable[[Mapping[str, Any]], object] | None

    def extension_models(self, model_type: str) -> dict[str, str]:
        """Return task key → reference of all extensions of one architecture."""
        models: dict[str, str] = {}
        for extension in self.extensions:
            if extension.model_type == model_type:
                models |= extension.models
        return models


def load_manifest(entries: list[Entry]) -> Manifest:
    """Import the manifest modules of one distribution, run their hooks, and hold the result against its entry points.

    Args:
        entries: Every architecture and extension entry of one distribution.

    Raises:
        PluginBroken: Anything went wrong: at import, in a hook, in a record, or between records and entry points.
            ``reason`` and ``remedy`` hold the two halves of the message; the cause is chained.
    """
    entry = entries[0]
    architectures: dict[str, Architecture] = {}
    extensions: list[Extension] = []
    manager = pluggy.PluginManager("archsmith")
    manager.add_hookspecs(PluginSpec)
    where = entry.module
    try:
        with _stdout.capture() as printed:
            for where in dict.fromkeys(entry.module for entry in entries):
                declared = [entry for entry in entries if entry.module == where]
                alone = _register(manager, importlib.import_module(where))
                found = _records(alone("architectures"), Architecture)
                _hold_against_entries(found, declared, Kind.ARCHITECTURE)
                architectures |= {record.model_type: record for record in found}
                more = _records(alone("extensions"), Extension)
                _hold_against_entries(more, declared, Kind.EXTENSION)
                extensions += more
            manager.check_pending()
        if printed.getvalue():
            raise _ManifestFault(f"a manifest must not print, but this one printed {printed.getvalue()[:200]!r}")  # noqa: TRY301
    except (Exception, SystemExit) as error:
        cause = str(error) if isinstance(error, _ManifestFault) else f"{type(error).__name__}: {error}"
        reason = f"{entry} is broken: {where}: {cause.rstrip('.')}."
        remedy = repair(entry.distribution)
        raise PluginBroken(f"{reason} {remedy}", reason=reason, remedy=remedy, distributions=(str(entry),)) from error
    hooks = manager.hook.identify
    identify = (lambda config: hooks(config=config)) if hooks.get_hookimpls() else None
    return Manifest(architectures, tuple(extensions), identify)


class _ManifestFault(ValueError):
    """A fault that needs no exception type in its message."""


def _register(manager: pluggy.PluginManager, module: ModuleType) -> Callable[[str], list[Any]]:
    """Register one module; return a way to call its own hooks and no other module's."""
    others = list(manager.get_plugins())
    manager.register(module)

    def call(hook: str) -> list[Any]:
        return list(manager.subset_hook_caller(hook, remove_plugins=others)())

    return call


def _records(results: list[Any], kind: type[_Record]) -> list[_Record]:
    """Flatten what the implementations of a hook returned."""
    hook = "architectures" if kind is Architecture else "extensions"
    records: list[_Record] = []
    for result in results:
        if isinstance(result, str) or not isinstance(result, Iterable):
            raise _ManifestFault(f"{hook}() must yield {kind.__name__} records, but returned {result!r}")
        for record in result:
            if not isinstance(record, kind):
                raise _ManifestFault(f"{hook}() must yield {kind.__name__} records, but yielded {record!r}")
            records.append(record)
    return records


def _hold_against_entries(records: Iterable[Architecture | Extension], entries: list[Entry], kind: Kind) -> None:
    """Check that each entry point finds its own record, and each record its entry point."""
    hook = "architectures()" if kind is Kind.ARCHITECTURE else "extensions()"
    declared = {entry.model_type for entry in entries if entry.kind is kind}
    yielded = Counter(record.model_type for record in records)
    for model_type in sorted(declared - yielded.keys()):
        raise _ManifestFault(
            f"the entry point names {model_type!r}, but {hook} yields "
            f"{', '.join(map(repr, sorted(yielded))) or 'nothing (is it decorated with @hookimpl?)'}"
        )
    for model_type in sorted(yielded.keys() - declared):
        raise _ManifestFault(f"{hook} yields {model_type!r}, which no entry point of this distribution names")
    if kind is Kind.ARCHITECTURE:
        for model_type in [name for name, count in yielded.items() if count > 1]:
            raise _ManifestFault(f"{hook} yields {model_type!r} {yielded[model_type]} times")


class _StandardOutput:
    """Takes the place of ``sys.stdout`` while manifests load: keeps what the loading threads print.

    What other threads print meanwhile passes through. One instance serves all threads, so that the order in which
    they come and go does not matter.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[int, list[io.StringIO]] = {}
        self._stream: TextIO = sys.stdout

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        kept = self._kept.get(threading.get_ident())
        return (kept[-1] if kept else self._stream).write(text)

    @contextlib.contextmanager
    def capture(self) -> Iterator[io.StringIO]:
        """Keep what this thread prints, so that a plugin's greeting does not end up in somebody's JSON."""
        thread, buffer = threading.get_ident(), io.StringIO()
        with self._lock:
            if not self._kept:
                self._stream = sys.stdout
                sys.stdout = self  # type: ignore[assignment]
            self._kept.setdefault(thread, []).append(buffer)
        try:
            yield buffer
        finally:
            with self._lock:
                self._kept[thread].pop()
                if not self._kept[thread]:
                    del self._kept[thread]
                if not self._kept and sys.stdout is self:
                    sys.stdout = self._stream


_stdout = _StandardOutput()
