"""Import what entry points and references name; whatever goes wrong becomes one `PluginBroken` with its cause.

Manifests are loaded distribution by distribution and checked as a whole, before anything is registered.
"""

import contextlib
import copy
import importlib
import io
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TextIO

import pluggy

from archsmith.errors import ArchsmithError, PluginBroken
from archsmith.messages import count_as_inside, did_you_mean, said_by
from archsmith.plugin import Architecture, Extension, ManifestError, PluginSpec, Preprocessing
from archsmith.registry.blame import describe, find_culprit
from archsmith.registry.installed import Entry, Kind, repair

__all__ = [
    "Manifest", "Plugins", "Record", "break_plugin", "find_points", "load_app", "load_class", "load_manifest",
    "named_role",
]  # fmt: skip

Record = Architecture | Extension | Preprocessing
#: What the hook of a kind yields.
_RECORDS: Mapping[Kind, type[Record]] = {
    Kind.ARCHITECTURE: Architecture,
    Kind.EXTENSION: Extension,
    Kind.PROCESSOR: Preprocessing,
}
_Hooks = Mapping[str, Sequence[pluggy.HookImpl]]
#: What yields more records has no end.
_MOST_RECORDS = 1_000


class Plugins(pluggy.PluginManager):
    """The manifest modules that are in use, each registered once, and the hooks that they implement."""

    def __init__(self) -> None:
        super().__init__("archsmith")
        self.add_hookspecs(PluginSpec)
        self._lock = threading.Lock()  # two threads may load one plugin

    def parse_hookimpl_opts(self, plugin: object, name: str) -> pluggy.HookimplOpts | None:
        """Refuse a function that is marked as a hook, but is named like none."""
        options = super().parse_hookimpl_opts(plugin, name)
        if options and not hasattr(self.hook, hook := options["specname"] or name):
            raise ManifestError(f"there is no hook {hook!r}.{did_you_mean(hook, vars(self.hook))}")
        return options

    def add(self, module: ModuleType) -> _Hooks:
        """Register a module if it is not; return its own implementations of each hook."""
        with self._lock:
            if not self.is_registered(module):
                self.unregister(name=self.get_canonical_name(module))  # what it was before it was imported anew
                self.register(module)
            callers = self.get_hookcallers(module) or ()
            return {each.name: [hook for hook in each.get_hookimpls() if hook.plugin is module] for each in callers}

    def drop(self, module: ModuleType) -> None:
        """Take a module out again; nothing of it is left."""
        with self._lock:
            self.unregister(name=self.get_canonical_name(module))


@dataclass(frozen=True)
class Manifest:
    """What one distribution declares, checked.

    Attributes:
        records: Those of each kind, in the order of declaration.
    """

    records: Mapping[Kind, Sequence[Record]]
    _identify: Sequence[pluggy.HookImpl] = ()

    def identify(self, config: Mapping[str, Any]) -> object:
        """Return what the plugin says about a config.json without a known model_type; None: it is not the plugin's."""
        return next(_call(self._identify, config=copy.deepcopy(dict(config))), None) if self._identify else None

    def names(self, kind: Kind) -> list[str]:
        """Return the names that the records of one kind bear."""
        return [_name(record) for record in self.records.get(kind, ())]

    def of(self, entry: Entry) -> list[Record]:
        """Return what stands behind one entry point: one record, or all extensions of one architecture."""
        return [record for record in self.records.get(entry.kind, ()) if _name(record) == entry.model_type]

    def references(self, entry: Entry) -> dict[str, str]:
        """Return role → reference behind one entry point."""
        return {role: reference for record in self.of(entry) for role, reference in record.references().items()}

    def exports(self, entry: Entry) -> dict[str, str]:
        """Return class name → reference for what others may import from the plugin under one of its entries."""
        return {name: reference for record in self.of(entry) for name, reference in record.exports().items()}


def load_manifest(plugins: Plugins, entries: Sequence[Entry], printed: io.StringIO) -> Manifest:
    """Import the manifest modules of one distribution, run their hooks, and hold the result against its entry points.

    Args:
        plugins: Where the modules are registered: all of them, or, if anything is wrong, none.
        entries: Every entry of one distribution that is not a command.
        printed: Collects what the modules print. Threads that load one distribution at the same time share it: only
            one of them runs the module, and all have to come to the same result.

    Raises:
        PluginBroken: Anything went wrong: at import, in a hook, in a record, or between records and entry points.
    """
    records: dict[Kind, list[Record]] = {kind: [] for kind in _RECORDS}
    identify: list[pluggy.HookImpl] = []
    with contextlib.ExitStack() as undo:
        for name in dict.fromkeys(entry.module for entry in entries):
            with _watched(entries[0], name, printed):
                module = importlib.import_module(name)
                count_as_inside(name.rpartition(".")[0] or name)
                undo.callback(plugins.drop, module)
                hooks = plugins.add(module)
                declared = [entry for entry in entries if entry.module == name]
                for kind, found in records.items():
                    found.extend(_records(hooks, kind, declared, found))
                identify += hooks.get("identify", ())
        undo.pop_all()
    return Manifest(records, identify)


def find_points(plugins: Plugins, module: ModuleType) -> tuple[tuple[Kind, str, str], ...]:
    """Return the entry points that a manifest module would have: kind, name and module. Raises `ManifestError`."""
    hooks, own = plugins.add(module), module.__name__
    found = {(kind, _name(record)): own for kind in _RECORDS for record in _yielded(hooks, kind)}
    return tuple((kind, f"{name}.{own}" if kind is Kind.EXTENSION else name, own) for kind, name in found)


def load_app(entry: Entry, printed: io.StringIO) -> Any:
    """Import what a command entry names: a function or a typer app.

    Raises:
        PluginBroken: The module does not import, prints, or holds no such object.
    """
    module, _, path = entry.module.partition(":")
    with _watched(entry, module, printed):
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = _attribute(found, name)
    return found


def load_class(entry: Entry, reference: str) -> type[Any]:
    """Import the class that a reference ``"module:Class"`` of a plugin names.

    Raises:
        PluginBroken: The module does not import, or holds no such class.
        ArchsmithError: What the module itself raises, such as `MissingDependency`.
    """
    module, _, name = reference.partition(":")
    with _watched(entry, module):
        found = _attribute(importlib.import_module(module), name)
        if not isinstance(found, type):
            raise ManifestError(f"{name!r} is not a class but {type(found).__name__}")
    return found


def break_plugin(entry: Entry, cause: str, remedy: str = "") -> PluginBroken:
    """Return the error that says that a plugin does not load, and why; with a remedy if the fault is not its own."""
    end = "" if cause.endswith((".", "?", "!")) else "."
    reason = f"{entry} {'cannot be loaded' if remedy else 'is broken'}: {cause}{end}"
    remedy = remedy or repair(entry.distribution)
    return PluginBroken(f"{reason} {remedy}", reason=reason, remedy=remedy, distributions=(str(entry),))


@contextlib.contextmanager
def _watched(entry: Entry, module: str, printed: io.StringIO | None = None) -> Iterator[None]:
    """Turn whatever a plugin's code does wrong into `PluginBroken`; with a buffer, printing is wrong as well.

    A plugin may end in more than ``Exception``: in ``sys.exit()``, or in the panic of a Rust extension.
    """
    try:
        with contextlib.nullcontext() if printed is None else _stdout.capture(printed):
            yield
    except KeyboardInterrupt:
        raise
    except ManifestError as error:
        raise break_plugin(entry, f"{module}: {error}") from error
    except BaseException as error:
        is_refusal = printed is None and isinstance(error, ArchsmithError)
        # A script of the name of a library runs in its place, asks for the class that is being loaded, and is refused.
        culprit = None if is_refusal and not isinstance(error, PluginBroken) else find_culprit(entry, error)
        if is_refusal and not culprit:
            raise  # it says by itself what is missing and what to do
        cause, remedy = culprit or (f"{module}: {describe(error)}", "")
        raise break_plugin(entry, cause, remedy) from error


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError as error:
        hint = did_you_mean(name, getattr(owner, "__dict__", {}))
        said = said_by(error)
        cause = "" if hint or owner.__name__ in said else f" ({said})"  # what a lazy __getattr__ has run into
        raise ManifestError(f"it has no {name!r}.{hint}{cause}") from error


def _call(hooks: Iterable[pluggy.HookImpl], **given: Any) -> Iterator[Any]:
    """Call hooks with those of the arguments that they name; yield what they answer, apart from None."""
    results = (hook.function(*(given[name] for name in hook.argnames)) for hook in hooks)
    return (result for result in results if result is not None)


def _yielded(hooks: _Hooks, kind: Kind) -> Iterator[Record]:
    """Yield what the implementations of the hook of a kind do, if these are records, and not without end."""
    hook, record_class = f"{kind}s", _RECORDS[kind]
    must = f"{hook}() must yield {record_class.__name__} records"
    for result in _call(hooks.get(hook, ())):
        if isinstance(result, str) or not isinstance(result, Iterable):
            raise ManifestError(f"{must}, but returned {result!r}")
        for count, record in enumerate(result):
            if not isinstance(record, record_class):
                raise ManifestError(f"{must}, but yielded {record!r}")
            if count == _MOST_RECORDS:
                raise ManifestError(f"{hook}() yields more than {_MOST_RECORDS} records")
            yield record


def _records(hooks: _Hooks, kind: Kind, entries: Iterable[Entry], before: Sequence[Record]) -> list[Record]:
    """Return the records of one kind that a module yields: each entry point finds its own, each record its entry.

    No two say the same, be it in modules of one distribution.
    """
    hook, records = f"{kind}s()", list(_yielded(hooks, kind))
    declared = {entry.model_type for entry in entries if entry.kind is kind}
    yielded = Counter(map(_name, records))
    found = ", ".join(map(repr, sorted(yielded))) or "nothing (is it decorated with @hookimpl?)"
    for name in sorted(declared - yielded.keys()):
        raise ManifestError(f"the entry point names {name!r}, but {hook} yields {found}")
    for name in sorted(yielded.keys() - declared):
        raise ManifestError(f"{hook} yields {name!r}, which no entry point of this module names")
    claims = Counter(map(repr, yielded.elements()))
    if kind is Kind.EXTENSION:  # several may extend one architecture, each with roles of its own
        roles = [(role, _name(record)) for record in (*before, *records) for role in record.references()]
        claims = Counter(f"{named_role(role)} of {name!r}" for role, name in roles)
    for claim, count in claims.items():
        if count > 1:
            raise ManifestError(f"{hook} yields {claim} {count} times")
    return records


def _name(record: Record) -> str:
    return record.name if isinstance(record, Preprocessing) else record.model_type


def named_role(role: str) -> str:
    """Return what plays a role, in words.

    Example:
        >>> named_role("models.masked-lm"), named_role("image_processor")
        ("the task 'masked-lm'", 'the image processor')
    """
    group, _, task = role.partition(".")
    return f"the task {task!r}" if group == "models" else f"the {role.replace('_', ' ')}"


class _StandardOutput:
    """Takes the place of ``sys.stdout`` while plugins load: keeps what the loading threads print.

    What other threads print meanwhile passes through, those that a plugin starts included. One instance serves all
    threads, so that the order in which they come and go does not matter.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loading = 0
        self._buffer: ContextVar[io.StringIO | None] = ContextVar("buffer", default=None)  # of the current thread
        self._stream: TextIO | None = sys.stdout  # None where there is no console

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream or io.StringIO(), name)

    def write(self, text: str) -> int:
        return (self._buffer.get() or self._stream or io.StringIO()).write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        self.write("".join(lines))

    @contextlib.contextmanager
    def capture(self, buffer: io.StringIO) -> Iterator[None]:
        """Refuse what this thread prints, so that a plugin's greeting does not end up in somebody's JSON."""
        with self._lock:
            if sys.stdout is not self:
                self._stream, sys.stdout = sys.stdout, self
            self._loading += 1
        outer = self._buffer.set(buffer)
        try:
            yield
        finally:
            self._buffer.reset(outer)
            with self._lock:
                self._loading -= 1
                if not self._loading and sys.stdout is self:
                    sys.stdout = self._stream
        if text := buffer.getvalue():
            raise ManifestError(f"it must not print while it is loaded, but printed {text[:200]!r}")


_stdout = _StandardOutput()
