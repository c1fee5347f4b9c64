"""The configuration of a classifier of timm, as timm writes it and as other programs do. Free of timm and of torch."""

from collections.abc import Iterator, Mapping
from typing import Any, Self

from archsmith.config import PreTrainedConfig, field
from archsmith.messages import shown
from archsmith_timm.labels import imagenet_labels

__all__ = ["TimmWrapperConfig"]

#: What ``timm.create_model`` takes that says where weights come from, or that other fields say.
_RESERVED = (
    "cache_dir", "checkpoint_path", "device", "dtype", "exportable", "features_only", "model_name", "no_jit",
    "num_classes", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_filter_fn",
    "pretrained_model_args", "pretrained_strict", "scriptable",
)  # fmt: skip


class TimmWrapperConfig(PreTrainedConfig):
    """The configuration of a model that timm builds: its name, its classes, and how its images are prepared.

    It reads the config.json of timm's own repositories, which has no ``model_type``.

    Example:
        >>> from archsmith import TimmWrapperConfig
        >>> config = TimmWrapperConfig(architecture="resnet18", num_classes=3)
        >>> config.num_labels, config.label_names
        (3, ['LABEL_0', 'LABEL_1', 'LABEL_2'])
    """

    model_type = "timm_wrapper"
    common = {**PreTrainedConfig.common, "initializer_range": ...}  # timm draws its own
    attribute_map = {"num_classes": "num_labels"}
    computed = ("num_classes", "label_names")

    architecture: str = field(default="resnet50", doc="Name of timm's model.")
    do_pooling: bool = field(default=True, doc="The model without a head returns pooled features too.")
    model_args: dict[str, Any] | None = field(
        default=None, doc="More arguments for timm's constructor, as {'in_chans': 1}."
    )
    pretrained_cfg: dict[str, Any] | None = field(
        default=None, doc="What timm knows of the weights: input_size, mean, std, …"
    )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], /, *, source: str = "", **overrides: Any) -> Self:
        """Build a configuration as `PreTrainedConfig.from_dict`.

        The names of the classes are those of the file; of models for a set of ImageNet that names none, they are
        ImageNet's.
        """
        if not isinstance(values, Mapping):
            return super().from_dict(values, source=source, **overrides)  # which refuses it
        given = values.get("model_args")
        if isinstance(given, Mapping) and given.get("num_classes", ...) == values.get("num_classes"):
            # timm says it twice
            values = {**values, "model_args": {name: given[name] for name in given if name != "num_classes"}}
        if not values.keys() & {"id2label", "label2id", "num_labels"}:
            names = values.get("label_names", _of_weights(values, "label_names"))
            count = values.get("num_classes", _of_weights(values, "num_classes"))
            names = imagenet_labels(count) if names is None else names
            values = {key: value for key, value in values.items() if key not in cls.computed}
            if names is not None:
                values["id2label"] = dict(enumerate(names)) if isinstance(names, list) else names
            values |= {} if count is None else {"num_labels": count}
        return super().from_dict(values, source=source, **overrides)

    @property
    def label_names(self) -> list[str] | None:
        """The names of the classes, in their order; None if they are not numbered from 0 on."""
        named = sorted(self.id2label.items())
        return [name for _, name in named] if [index for index, _ in named] == list(range(len(named))) else None

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of config.json. Other programs read the classes from ``label_names``."""
        values = super().to_file_dict()
        if self.label_names is not None:
            values.pop("id2label", None)
            values.pop("label2id", None)
        if self.pretrained_cfg is None:
            del values["pretrained_cfg"]
        return values

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        channels = (self.model_args or {}).get("in_chans", 1)
        if type(channels) is not int or channels < 1:
            yield f"model_args.in_chans must be an integer of at least 1, but is {shown(channels)}"
        for name in _RESERVED:
            if name in (self.model_args or {}):
                yield f"model_args must not hold {name!r}"


def _of_weights(values: Mapping[str, Any], key: str) -> Any:
    known = values.get("pretrained_cfg")
    return known.get(key) if isinstance(known, Mapping) else None
