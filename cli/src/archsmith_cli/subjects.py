"""What the user means by a name that may be a checkpoint's or an architecture's: folder, file, preset, hub id."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from archsmith.auto import AutoConfig
from archsmith.config import PreTrainedConfig
from archsmith.errors import CheckpointNotFound, ConfigError, UnknownArchitecture, UnknownTask
from archsmith.files import CONFIG_FILE, INDEX_FILE, Checkpoint, Weights, find_weights, read_weights
from archsmith.registry import Kind, registry
from archsmith_cli.naming import Named, resolve_name
from archsmith_cli.paths import expand_text, near_folder

__all__ = ["Subject", "build_config", "find_subject"]

_WEIGHTS = ".safetensors"


@dataclass(frozen=True)
class Subject:
    """What a name means.

    Attributes:
        text: What the user wrote.
        kind: ``"folder"``, ``"hub"`` or ``"file"`` (a config.json), ``"weights"`` (a file of them alone),
            ``"architecture"`` or ``"preset"``.
        checkpoint: Of the first three.
        named: Of the last two.
    """

    text: str
    kind: str
    checkpoint: Checkpoint | None = None
    named: Named | None = None

    @property
    def described(self) -> str:
        """What it is, for a reader."""
        if self.named is not None and self.named.preset:
            return f"preset of {self.named.name}"
        if self.kind == "hub" and self.checkpoint is not None:
            return "on the hub" + (f", {self.checkpoint.revision}" if self.checkpoint.revision else "")
        return {"file": "configuration", "weights": "weights alone"}.get(self.kind, self.kind)

    @property
    def has_weights_by_nature(self) -> bool:
        """Whether it is a checkpoint, or a part of one that holds weights."""
        return self.kind in ("folder", "hub", "weights")

    def values(self) -> dict[str, Any] | None:
        """Return the content of config.json as it stands there; None if there is none.

        Raises:
            CheckpointCorrupt, HubError: It cannot be read.
        """
        if self.checkpoint is None or self.checkpoint.find(CONFIG_FILE) is None:
            return None
        return self.checkpoint.read_json(CONFIG_FILE)

    def config(self, overrides: Mapping[str, Any] | None = None) -> PreTrainedConfig:
        """Return the configuration; ``overrides`` replace its values.

        Raises:
            ConfigError, PluginError: It is wrong, or nothing reads it.
            CheckpointNotFound, CheckpointCorrupt, HubError: It cannot be had.
        """
        overrides = overrides or {}
        if self.named is not None:
            return build_config(self.named, overrides)
        if self.checkpoint is None:
            raise CheckpointNotFound(f"{self.text!r} holds weights alone. Name the folder that holds {CONFIG_FILE}.")
        _refuse_reserved(overrides, "the configuration")
        path = str(self.checkpoint.path(CONFIG_FILE))
        config: PreTrainedConfig = AutoConfig.from_dict(
            self.checkpoint.read_json(CONFIG_FILE), source=path, **overrides
        )
        return config

    def weights(self) -> Weights:
        """Return the headers of the weights. Raises as `archsmith.files.find_weights`."""
        if self.kind == "weights":
            return read_weights(Path(self.text).expanduser(), source=self.text)
        if self.checkpoint is None:
            raise CheckpointNotFound(f"{self.text!r} is no checkpoint: it is an {self.described}.")
        weights = find_weights(self.checkpoint)
        weights.check_same_save(self.checkpoint, self.values() or {})
        return weights


def find_subject(text: str, *, option: str, hub: bool = False, offline: bool = False) -> Subject:
    """Return what a name means: a checkpoint's folder or file, else an architecture or a preset, else a hub id.

    Args:
        text: A path, a name, or ``id@revision``.
        option: The argument that it was written for.
        hub: What is no path is a hub id, be it also the name of a preset.
        offline: Ask the hub's cache alone.

    Raises:
        UnknownArchitecture, PluginError: It is a name, but none that can be used.
        CheckpointNotFound: It is a path that leads nowhere, or no possible id.
    """
    named = expand_text(text, option)
    path = Path(named)
    if path.is_file():
        return _file(text, path, option)
    if path.is_dir() and any((path / name).exists() for name in (CONFIG_FILE, INDEX_FILE, f"model{_WEIGHTS}")):
        return Subject(text, "folder", Checkpoint.open(named))
    if not hub and not path.is_absolute() and "@" not in text and not text.startswith("."):
        try:
            meant = resolve_name(text)
        except UnknownArchitecture as error:
            if "/" not in text and not path.is_dir():
                raise _unknown(text, error) from None
        else:
            if meant.kind is Kind.PROCESSOR:
                raise UnknownTask(f"{text!r} is preprocessing, and no model. Run: archsmith show {text}")
            return Subject(text, "preset" if meant.preset else "architecture", named=meant)
    return _opened(text, named, offline=offline)


def build_config(named: Named, values: Mapping[str, Any]) -> PreTrainedConfig:
    """Build and check the configuration of an architecture; the values go over the preset's.

    Raises:
        ConfigError: A value is wrong, or one that must be given is missing.
    """
    config_class: type[PreTrainedConfig] = registry.load(named.name, "config")
    _refuse_reserved(values, config_class.__name__)
    try:
        return config_class.from_dict(named.values, **values)
    except ConfigError as error:
        if "must be given" not in str(error):
            raise
        raise ConfigError(f"{error}\nGive it with --set FIELD=VALUE.", faults=error.faults) from error


def _refuse_reserved(values: Mapping[str, Any], owner: str) -> None:
    for name in {"self", "source"} & values.keys():  # from_dict has arguments of these names
        raise ConfigError(f"{owner}: {name!r} cannot be set.")


def _file(text: str, path: Path, option: str) -> Subject:
    if path.name.endswith(".index.json"):
        raise typer.BadParameter(f"{text!r} is an index. Name the folder that holds it", param_hint=option)
    if path.suffix == _WEIGHTS:
        return Subject(text, "weights")
    if path.suffix == ".json":
        return Subject(text, "file", Checkpoint.open(path, own_file=CONFIG_FILE))
    Checkpoint.open(path)  # which says what it is instead
    raise CheckpointNotFound(f"{text!r} is not a checkpoint.")


def _opened(text: str, named: str, *, offline: bool) -> Subject:
    name, _, revision = named.partition("@") if not Path(named).exists() else (named, "", "")
    try:
        opened = Checkpoint.open(name, revision=revision or None, local_files_only=offline)
    except CheckpointNotFound as error:
        hint = near_folder(named)
        raise CheckpointNotFound(f"{error}{hint}") if hint and hint not in str(error) else error from None
    return Subject(text, "hub" if opened.folder is None else "folder", opened)


def _unknown(text: str, error: UnknownArchitecture) -> UnknownArchitecture:
    """Say of a name without an owner how the hub is asked for it, which no mistyped name is to do."""
    if getattr(error, "install", None):
        return error
    return UnknownArchitecture(
        f"{error} There is no folder of that name.{near_folder(text)} A repository on the hub: pass --hub."
    )
