"""The latest scan together with what loading has shown: each plugin is loaded at most once, in whatever thread."""

import importlib
import io
import sys
import threading
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from archsmith.errors import OptionError, PluginBroken, PluginConflict, PluginDisabled, PluginError, PluginIncompatible
from archsmith.messages import announce, shown
from archsmith.registry.installed import Entry, Index, Kind, State, mark, scan
from archsmith.registry.manifest import Plugins, break_plugin, find_points, load_app, load_manifest
from archsmith.registry.metadata import Declared
from archsmith.registry.preferences import Settings

__all__ = ["Catalog"]

_ERRORS: Mapping[State, type[PluginError]] = {
    State.CONFLICTING: PluginConflict,
    State.INCOMPATIBLE: PluginIncompatible,
    State.BROKEN: PluginBroken,
    State.DISABLED: PluginDisabled,
}
#: When several distributions claim a name, the entry whose state comes first decides.
_ORDER = (State.OK, *_ERRORS)

#: What a result depends on: distribution and version, then what was loaded together.
_Key = tuple[tuple[str, ...], ...]


class Catalog:
    """Entries by name, and the manifests and commands behind them."""

    def __init__(self) -> None:
        # The lock guards the fields. It is never held while code of a plugin runs: that would wait for Python's import
        # lock, whose holder may wait for this one.
        self._lock = threading.RLock()
        self._plugins = Plugins()
        self._index: Index | None = None
        self._settings = Settings()
        self._registered: dict[str, Declared] = {}
        self._announced: set[str] = set()
        self._results: dict[_Key, Any] = {}
        self._printed: dict[_Key, io.StringIO] = {}
        self._loading: set[tuple[int, _Key]] = set()  # thread, and what it is loading

    @property
    def index(self) -> Index:
        """The latest scan; made anew when an ``ARCHSMITH_*`` variable or the user's file has changed."""
        settings = Settings.read()
        with self._lock:
            if self._index is None or settings != self._settings:
                self._index, self._settings = scan(settings, self._registered.values()), settings
                self._forget_failures({_key(_loaded_with(entry, self._index)) for entry in self._index.entries})
            index = self._index
            news = [problem for problem in index.problems if problem not in self._announced]
            self._announced.update(news)
        for problem in news:
            announce(problem)
        return index

    def register(self, module: ModuleType, distribution: str) -> None:
        """Count a manifest module as that of an installed distribution, in this process. Raises as `use`.

        Raises:
            ManifestError, OptionError: What it yields is malformed, or nothing.
        """
        if not (points := find_points(self._plugins, module)):
            raise OptionError(f"{module.__name__} declares no plugin: none of its functions is a hook (@hookimpl).")
        with self._lock:
            before = dict(self._registered)
            self._registered[distribution] = Declared(distribution, "0+registered", points)
            self._index = None
            for entry in self.index.declared_by(distribution):
                if entry.state is not State.OK:
                    self._registered, self._index = before, None
                    self.use(entry)

    def look_again(self) -> None:
        """Forget the scan, because something may have been installed; what is loaded stays loaded."""
        with self._lock:  # two threads that clear Python's own table of paths at once stumble over each other
            importlib.invalidate_caches()
            self._index = None

    def refresh(self) -> None:
        """Forget the scan and every plugin that did not load; one that was repaired meanwhile is loaded anew."""
        with self._lock:
            self._forget_failures(set())
            self.look_again()

    def entries(self) -> list[Entry]:
        """Return all entries, with the states that loading has shown so far."""
        index = self.index
        return [_with_loaded_state(entry, self._known(entry, index)) for entry in index.entries]

    def usable(self) -> list[Entry]:
        """Return the entries that metadata has nothing against, apart from commands and formats."""
        return [entry for entry in self.index.entries if not entry.kind.is_alone and entry.state is State.OK]

    def find(self, kind: Kind, name: str) -> Entry | None:
        """Return the entry that decides about a name; None if no distribution claims it.

        Unless that one is usable, the scan is made anew first: the remedy may have been applied by now.

        Raises:
            OptionError: The name is not a string.
        """
        if not isinstance(name, str):
            raise OptionError(f"a {kind.noun} must be a string, but is {shown(name)}.")
        entry = self._decisive(kind, name)
        if entry is None or _with_loaded_state(entry, self._known(entry, self.index)).state is not State.OK:
            self.look_again()
            entry = self._decisive(kind, name)
        return entry

    def use(self, entry: Entry, *, source: str | None = None, asked: str = "") -> Any:
        """Return the manifest or the object behind an entry.

        Args:
            entry: What is asked for.
            source: What asks for it, for the error message.
            asked: Instead: the whole beginning of the message.

        Raises:
            PluginDisabled, PluginConflict, PluginIncompatible, PluginBroken: It cannot be used.
        """
        result = self.load(entry) if entry.state is State.OK else None
        seen = _with_loaded_state(entry, result)
        if seen.state is State.OK:
            return result
        asked = f"{source} needs {entry.kind.noun} {entry.name!r}, but " if source else asked
        # A fresh exception each time: a shared one would collect every caller's traceback.
        raise _ERRORS[seen.state](
            f"{asked}{seen.reason} {seen.remedy}",
            name=entry.name,
            reason=seen.reason,
            remedy=seen.remedy,
            distributions=tuple(map(str, self.index.of(entry.kind, entry.name))),
        ) from getattr(result, "__cause__", None)

    def load(self, entry: Entry) -> Any:
        """Return the manifest or the object behind a usable entry, or the error that loading has met; load it once.

        Two threads that come at once both run the checks, the module is imported by one of them, and they come to the
        same result.
        """
        together = _loaded_with(entry, self.index)
        key = _key(together)
        if key in self._results:
            return self._results[key]
        loading = (threading.get_ident(), key)
        if loading in self._loading:
            return break_plugin(entry, f"{entry.module} asks for plugins while it is being loaded")
        printed = self._printed.setdefault(key, io.StringIO())
        self._loading.add(loading)
        try:
            is_alone = entry.kind.is_alone
            result = load_app(entry, printed) if is_alone else load_manifest(self._plugins, together, printed)
        except PluginBroken as error:
            result = error.with_traceback(None)
        finally:
            self._loading.discard(loading)
        return self._results.setdefault(key, result)

    def _decisive(self, kind: Kind, name: str) -> Entry | None:
        return min(self.index.of(kind, name), key=lambda entry: _ORDER.index(entry.state), default=None)

    def _known(self, entry: Entry, index: Index) -> Any:
        """Return what loading an entry has led to; None if it was not loaded."""
        return self._results.get(_key(_loaded_with(entry, index)))

    def _forget_failures(self, kept: set[_Key]) -> None:
        """Forget the plugins that did not load, and the modules that they left behind, apart from some."""
        failures = [key for key, result in self._results.items() if isinstance(result, PluginBroken)]
        for key in set(failures) - kept:
            del self._results[key]
            self._printed.pop(key, None)
            for _, _, module in key[1:]:
                sys.modules.pop(module.partition(":")[0], None)


def _loaded_with(entry: Entry, index: Index) -> tuple[Entry, ...]:
    """Return the entries loaded together: commands and formats alone, all else of a distribution as a whole."""
    return (entry,) if entry.kind.is_alone else index.declared_by(entry.distribution) or (entry,)


def _key(entries: tuple[Entry, ...]) -> _Key:
    first = entries[0]
    return (first.key, first.version), *((entry.kind, entry.name, entry.module) for entry in entries)


def _with_loaded_state(entry: Entry, result: Any) -> Entry:
    """Return an entry with the state that loading it has shown."""
    if entry.state is State.OK and isinstance(result, PluginBroken):
        return mark(entry, State.BROKEN, result.reason, result.remedy)
    return entry
