"""Configurations of backbones, and of models that hold one. Free of torch."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from archsmith.config.base import PreTrainedConfig
from archsmith.config.fields import field
from archsmith.errors import ConfigError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE
from archsmith.messages import did_you_mean, shown
from archsmith.registry.base import registry
from archsmith.registry.resolve import find_preset, read_config

__all__ = ["BackboneConfig", "BackboneHostConfig"]

#: The model_type under which backbones of the library timm are registered.
TIMM = "timm_backbone"
#: Stages that a message lists.
_NAMED = 32
#: The fields that say more of a backbone that is chosen by its name → what they hold where none is.
_BESIDE_NAME: Mapping[str, Any] = {"use_pretrained_backbone": False, "use_timm_backbone": False, "backbone_kwargs": {}}


class BackboneConfig(PreTrainedConfig):
    """The configuration of a model that can be a backbone: which of its stages give feature maps.

    A subclass names its stages, finest first, in `stage_names`. ``out_features`` (names) and ``out_indices`` (numbers,
    negative ones count from the end) say the same; who gives one gets the other, who gives none gets the last stage.

    Example:
        >>> from archsmith import BackboneConfig
        >>> class ToyConfig(BackboneConfig):
        ...     model_type = "toy"
        ...     stage_names = ["stem", "stage1", "stage2", "stage3"]
        >>> config = ToyConfig(out_indices=[1, -1])
        >>> config.out_features
        ['stage1', 'stage3']
        >>> config.out_features = ["stage2", "stage3"]
        >>> config.out_indices
        [2, 3]
    """

    invalidates = {"out_features": ("out_indices",), "out_indices": ("out_features",)}
    computed: ClassVar[tuple[str, ...]] = ("stage_names",)

    out_features: list[str] | None = field(default=None, doc="Stages that give feature maps, by name; none: the last.")
    out_indices: list[int] | None = field(default=None, doc="Stages that give feature maps, by number; none: the last.")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build a configuration as `PreTrainedConfig.from_dict`; a file that names its last stage names none."""
        names = values.get("stage_names") if isinstance(values, Mapping) else None  # type: ignore[redundant-expr]
        if isinstance(names, list) and names:
            features, indices = values.get("out_features"), values.get("out_indices")
            if features in (None, names[-1:]) and indices in (None, [len(names) - 1], [-1]):
                values = {name: value for name, value in values.items() if name not in ("out_features", "out_indices")}
        return super().from_dict(values, source=source, **overrides)

    @property
    def stage_names(self) -> list[str] | None:
        """The names of all stages, finest first, the stem before them; None while nobody knows them yet."""
        raise NotImplementedError(f"{type(self).__name__} must name its stages in the property stage_names.")

    def derived(self) -> dict[str, Any]:
        """Return ``out_features`` and ``out_indices``, each from the other if it was not given."""
        names = self.stage_names
        if not names or any(self.stage_faults(names)):
            return {}
        if self.out_features is None:
            indices = self.out_indices or [len(names) - 1]
            return {"out_features": [names[index] for index in indices], "out_indices": indices}
        return {"out_indices": self.out_indices or [names.index(feature) for feature in self.out_features]}

    def rules(self) -> Iterator[str]:
        """Yield a sentence for each rule about stages that is broken."""
        yield from super().rules()
        if (names := self.stage_names) is not None:
            yield from self.stage_faults(names)

    def _differing(self) -> list[str]:
        """Leave the stages out as long as they are those of a configuration that names none."""
        names = self.stage_names
        if names and (self.out_features, self.out_indices) == (names[-1:], [len(names) - 1]):
            return [name for name in super()._differing() if name not in ("out_features", "out_indices")]
        return super()._differing()

    def stage_faults(self, names: Sequence[str]) -> Iterator[str]:
        """Say what is wrong with the choice of stages."""
        features, indices = self.out_features, self.out_indices
        listed = names if len(names) <= _NAMED else [*names[:_NAMED], "…", names[-1]]
        said = f"stage_names are {', '.join(listed)}"
        places: list[int] = []
        if indices is not None:
            if wrong := [index for index in indices if not -len(names) <= index < len(names)]:
                yield f"out_indices must lie from {-len(names)} to {len(names) - 1} ({said}), but holds {wrong[0]}"
                return
            places = [index % len(names) for index in indices]
            yield from _order_faults("out_indices", indices, places)
        if features is not None:
            if wrong_names := [feature for feature in features if feature not in names]:
                hint = did_you_mean(wrong_names[0], names)
                yield f"out_features must be stages ({said}), but holds {shown(wrong_names[0])}.{hint}".rstrip(".")
                return
            yield from _order_faults("out_features", features, [names.index(feature) for feature in features])
        if features is not None and indices is not None and features != [names[place] for place in places]:
            named = f"out_features is {shown(features)} and out_indices is {shown(indices)}"
            yield f"{named}, but they must name the same stages"


def _order_faults(field_name: str, given: Sequence[Any], places: Sequence[int]) -> Iterator[str]:
    if not given:
        yield f"{field_name} must name at least one stage, but is empty"
    elif list(places) != sorted(set(places)):
        yield f"{field_name} must name each stage once, in the order of the model, but is {shown(list(given))}"


class BackboneHostConfig(PreTrainedConfig):
    """The configuration of a model that holds a backbone, and the ways to say which one.

    Either ``backbone_config``, a configuration that was built apart; or ``backbone``, a name: a local folder, the id of
    a preset (random weights alone), a hub id, or with ``use_timm_backbone`` a name of the library timm. A name touches
    no file and no network before a model is built. The model's own configuration then holds the backbone's in full, so
    a saved model never asks for its backbone again; where it came from is kept in ``backbone_source``. A new choice
    takes the place of the old one.
    """

    invalidates = {
        "backbone": ("backbone_config", "backbone_source"),
        "backbone_config": ("backbone", *_BESIDE_NAME, "backbone_source"),
    }

    backbone_config: PreTrainedConfig | None = field(default=None, doc="Configuration of the backbone.")
    backbone: str | None = field(default=None, doc="Name of the backbone: folder, preset, hub id, or timm's name.")
    use_pretrained_backbone: bool = field(default=False, doc="Start from the weights under that name.")
    use_timm_backbone: bool = field(default=False, doc="The name is one of the library timm.")
    backbone_kwargs: dict[str, Any] = field(default={}, doc="Fields of the named backbone's configuration to change.")
    backbone_source: dict[str, Any] = field(default={}, doc="How the backbone was chosen; nothing reads it.")

    def rules(self) -> Iterator[str]:
        """Yield a sentence for each contradiction in the choice of a backbone."""
        yield from super().rules()
        if self.backbone == "":
            yield "backbone must be a name, but is ''"
        if self.backbone_config is not None and self.backbone is not None:
            yield f"backbone is {shown(self.backbone)}, but must be null: backbone_config chooses one; give one of them"
        elif self.backbone is None:
            for name in _BESIDE_NAME:
                if value := getattr(self, name):
                    why = "backbone_config says all" if self.backbone_config is not None else "there is no backbone"
                    yield f"{name} is {shown(value)}, but must go with a name in backbone, and {why}"

    def with_backbone_config(self, backbone_config: PreTrainedConfig) -> Self:
        """Return this configuration as a model holds it that was built with a backbone: with that one's in full."""
        fetches = bool(getattr(backbone_config, "use_pretrained_backbone", False))  # as timm's says of itself
        if self.backbone is None and self.backbone_config is backbone_config and not fetches:
            return self
        inner = backbone_config.changed(use_pretrained_backbone=False) if fetches else backbone_config
        source = copy.deepcopy(self.backbone_source)
        if self.backbone is not None or fetches:
            source = {"use_pretrained_backbone": self.use_pretrained_backbone or fetches}
        if self.backbone is not None:
            source |= {"backbone": self.backbone, "use_timm_backbone": self.use_timm_backbone}
            source |= {"backbone_kwargs": self.backbone_kwargs} if self.backbone_kwargs else {}
        held = copy.deepcopy(self)
        held.update(backbone_config=inner, backbone=None, backbone_source=source, **_BESIDE_NAME)
        return held

    def resolve_backbone(self, *, pretrained: bool | None = None) -> PreTrainedConfig:
        """Return the configuration of the chosen backbone, which is read from a folder, a preset or the hub for a name.

        Args:
            pretrained: Whether weights are wanted too, so that a preset is not enough; None: what the fields say.

        Raises:
            ConfigError: No backbone is chosen, or ``backbone_kwargs`` does not fit it.
            PluginError, CheckpointError, HubError: The named one cannot be had.
        """
        if self.backbone_config is not None:
            return self.backbone_config
        if self.backbone is None:
            raise ConfigError(
                f"{type(self).__name__} chooses no backbone: give backbone_config, or a name in backbone."
            )
        wants_weights = self.use_pretrained_backbone if pretrained is None else pretrained
        if self.use_timm_backbone:
            given = {"backbone": self.backbone, "use_pretrained_backbone": wants_weights}
            if clash := given.keys() & self.backbone_kwargs.keys():
                raise ConfigError(f"{type(self).__name__}: backbone_kwargs must not hold {', '.join(sorted(clash))}.")
            return _build(TIMM, {**given, **self.backbone_kwargs})
        preset = None if wants_weights or Path(self.backbone).is_dir() else find_preset(self.backbone)
        if preset is not None:
            return _build(preset.model_type, {**preset.values, **self.backbone_kwargs})
        checkpoint = Checkpoint.open(self.backbone, own_file=CONFIG_FILE)
        return checkpoint.read_consistent(lambda: read_config(checkpoint, **self.backbone_kwargs))  # type: ignore[no-any-return]


def _build(model_type: str, values: Mapping[str, Any]) -> PreTrainedConfig:
    return registry.load(model_type, "config")(**values)  # type: ignore[no-any-return]
