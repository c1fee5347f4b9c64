"""Which plugins the user allows, switches off and prefers: in environment variables, and in a file of the user's.

The file is ``ARCHSMITH_CONFIG``, else ``config.toml`` in the platform's folder for configuration files. It holds what
the variables hold: ``plugins`` and ``disable``, lists of distributions, and ``[pin]``, a table of model_type =
distribution. A variable goes over what the file says of the same thing: a list over the list, a pin over the pin of
that name. What cannot be understood is reported and does not count; the rest does.
"""

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from archsmith.messages import did_you_mean, reason, shown
from archsmith.registry.metadata import normal_name

__all__ = ["CONFIG_VARIABLE", "KEYS", "Pin", "Settings", "Switch", "find_faults", "settings_file"]

#: The environment variable that names another file of settings.
CONFIG_VARIABLE = "ARCHSMITH_CONFIG"
#: What a file may hold → the variable that goes over it.
KEYS: Mapping[str, str] = {"plugins": "ARCHSMITH_PLUGINS", "disable": "ARCHSMITH_DISABLE", "pin": "ARCHSMITH_PIN"}

_MOST_BYTES = 2**20


@dataclass(frozen=True)
class Switch:
    """A list of distributions, and where it stands.

    Attributes:
        names: The distributions, as they are spelt there.
        source: The variable, or the path of the file in quotes; empty if there is no list.
        short: Distribution → the short name that stands there for it.
    """

    names: tuple[str, ...] = ()
    source: str = ""
    short: Mapping[str, str] = field(default_factory=dict)

    @property
    def in_file(self) -> bool:
        """Whether it stands in the file, where the command line can change it."""
        return bool(self.source) and self.source not in KEYS.values()


@dataclass(frozen=True)
class Pin:
    """A name that several distributions may claim, and the one that may have it.

    Attributes:
        name: The name of an entry, such as a model_type.
        distribution: The distribution.
        source: The variable, or the path of the file in quotes.
    """

    name: str
    distribution: str
    source: str

    @property
    def in_file(self) -> bool:
        """Whether it stands in the file, where the command line can change it."""
        return self.source not in KEYS.values()


@dataclass(frozen=True)
class Settings:
    """Which plugins the user allows, switches off and prefers.

    Attributes:
        only: These distributions alone; empty means all.
        disable: Not these distributions.
        pins: One for each name.
        faults: What could not be understood, as full sentences.
        file: Where the user's file is or would be; None if there is to be none.
    """

    only: Switch = Switch()
    disable: Switch = Switch()
    pins: tuple[Pin, ...] = ()
    faults: tuple[str, ...] = ()
    file: Path | None = None

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> "Settings":
        """Read the variables, of which an empty one counts as unset, and the file if there is one."""
        path = settings_file(environ)
        said, faults = _file_values(path, named=bool(environ.get(CONFIG_VARIABLE)))
        pins = {name: Pin(name, distribution, repr(str(path))) for name, distribution in said.get("pin", ())}
        own, wrong = _pins_in(environ.get(KEYS["pin"]))

        def switch(key: str) -> Switch:
            if names := _items(environ.get(KEYS[key])):
                return Switch(names, KEYS[key])
            return Switch(said[key], repr(str(path))) if said.get(key) else Switch()

        return cls(switch("plugins"), switch("disable"), tuple((pins | own).values()), (*wrong, *faults), path)

    def pin_of(self, name: str) -> Pin | None:
        """Return the pin of a name, if there is one."""
        return next((pin for pin in self.pins if pin.name == name), None)


def settings_file(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return where the user's file is or would be; None if the user has no home, or named the null device."""
    if named := environ.get(CONFIG_VARIABLE):
        return None if named == os.devnull else Path(os.path.expanduser(named)).absolute()  # noqa: PTH111 - which leaves what it cannot expand
    return _platform_file(tuple(environ.get(name) for name in ("HOME", "XDG_CONFIG_HOME", "APPDATA", "USERPROFILE")))


def find_faults(values: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with the content of a file, as full sentences."""
    for key, value in values.items():
        if key not in KEYS:
            yield f"{shown(key)} is not a setting; there are {', '.join(KEYS)}.{did_you_mean(key, KEYS)}"
        elif key == "pin" and isinstance(value, dict):
            for name, distribution in value.items():
                if not _is_name(distribution):
                    hint = " A name with a dot stands in quotes." if isinstance(distribution, dict) else ""
                    yield f"the pin of {shown(name)} must be a distribution, but is {shown(distribution)}.{hint}"
        elif key == "pin":
            yield f'pin must be a table of model_type = "distribution", but is {shown(value)}.'
        elif not _is_list(value):
            yield f"{key} must be a list of distributions, but is {shown(value)}."


@lru_cache(maxsize=8)
def _platform_file(places: tuple[str | None, ...]) -> Path | None:  # noqa: ARG001  # what the answer depends on
    from platformdirs import user_config_path

    try:
        return user_config_path("archsmith", appauthor=False) / "config.toml"
    except RuntimeError:
        return None


def _items(value: str | None) -> tuple[str, ...]:
    return tuple(item.strip() for item in (value or "").split(",") if item.strip())


def _pins_in(value: str | None) -> tuple[dict[str, Pin], list[str]]:
    """Return the pins in the variable, and what is wrong with it."""
    variable = KEYS["pin"]
    pins: dict[str, Pin] = {}
    faults = []
    for item in _items(value):
        name, _, distribution = (part.strip() for part in item.partition("="))
        if not name or not distribution:
            faults.append(f"{variable} holds {shown(item)}; expected model_type=distribution, comma-separated.")
            continue
        before = pins.setdefault(name, Pin(name, distribution, variable)).distribution
        if normal_name(before) != normal_name(distribution):
            faults.append(f"{variable} gives {name!r} to {before!r} and to {distribution!r}.")
    return pins, faults


# ---- the file -----------------------------------------------------------------------------------------------------


def _file_values(path: Path | None, *, named: bool) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what a file says, and what is wrong with it; nothing if there is none."""
    if path is None:
        return {}, ()
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # to read from a pipe or a device might never end
            fault = "is not a regular file"
        elif status.st_size > _MOST_BYTES:
            fault = f"has {status.st_size} bytes, more than {_MOST_BYTES}"
        else:
            return _parse(path, (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns))
    except (FileNotFoundError, NotADirectoryError):
        return {}, (f"{CONFIG_VARIABLE} names {str(path)!r}, but there is no such file.",) if named else ()
    except OSError as error:
        fault = f"cannot be read: {reason(error)}"
    return {}, (f"{str(path)!r} {fault}. No setting in it counts.",)


@lru_cache(maxsize=8)
def _parse(path: Path, stamp: tuple[int, ...]) -> tuple[dict[str, Any], tuple[str, ...]]:  # noqa: ARG001
    """Parse a file that is as the stamp says: another stamp is another state of it."""
    import tomllib

    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        return {}, (f"{str(path)!r} is not TOML: {reason(error)}. No setting in it counts.",)
    said: dict[str, Any] = {key: tuple(values[key]) for key in ("plugins", "disable") if _is_list(values.get(key))}
    if isinstance(pins := values.get("pin"), dict):
        said["pin"] = tuple((name, distribution) for name, distribution in pins.items() if _is_name(distribution))
    return said, tuple(f"{str(path)!r}: {fault} It does not count." for fault in find_faults(values))


def _is_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_name, value))


def _is_name(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())
