"""The settings of an image processor: checked, changed for a call, read from a file and written to one."""

import copy
import os
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, Unpack

from archsmith.config.fields import to_json
from archsmith.errors import CheckpointCorrupt, OptionError
from archsmith.files.checkpoint import refuse_remote_code
from archsmith.files.commit import save_folder, write_file
from archsmith.files.strictjson import encode_json
from archsmith.image_processor.files import IMAGE_PROCESSOR_FILE, load_image_processor_file, modern
from archsmith.image_processor.reading import ChannelOrder
from archsmith.image_processor.settings import ImageSettings, raise_faults, read_settings, setting_hints
from archsmith.image_processor.sizes import Size
from archsmith.messages import announce, did_you_mean, shown

if TYPE_CHECKING:
    from archsmith.config.base import PreTrainedConfig

__all__ = ["SavedImageProcessor"]


class SavedImageProcessor:  # noqa: PLW1641  # no hash: settings can be changed
    """Settings with their defaults; a subclass gives some of them other ones, as class attributes."""

    Settings: ClassVar[type] = ImageSettings
    model_input_names: ClassVar[tuple[str, ...]] = ("pixel_values",)
    #: Whether its settings are in a file of their own. One that also reads config.json says no; see its `from_dict`.
    needs_file: ClassVar[bool] = True

    do_convert_rgb: bool = True
    do_resize: bool = False
    size: Size | None = None
    default_to_square: bool = True
    resample: int | None = 2
    do_center_crop: bool = False
    crop_size: Size | None = None
    do_rescale: bool = True
    rescale_factor: float | None = 1 / 255
    do_normalize: bool = False
    image_mean: float | list[float] | None = None
    image_std: float | list[float] | None = None
    do_pad: bool = False
    pad_size: Size | None = None
    data_format: ChannelOrder | None = None
    input_data_format: ChannelOrder | None = None

    #: Keys of the file it came from that this class does not know: never read, but written back.
    extra: dict[str, Any]

    def __init__(self, **settings: Unpack[ImageSettings]) -> None:
        self.__dict__["extra"] = {}
        defaults = {name: getattr(type(self), name) for name in setting_hints(self.Settings)}
        self.__dict__.update(defaults)
        given = {name: value for name, value in settings.items() if value is not None or name not in defaults}
        self._set(defaults | given)
        self.check()

    def changed(self, **settings: Unpack[ImageSettings]) -> Self:
        """Return a copy with other settings. Raises `OptionError` as the constructor."""
        new = copy.copy(self)
        new._set(settings)  # noqa: SLF001  # its own kind
        new.check()
        return new

    def rules(self) -> Iterator[str]:
        """Yield one sentence for each setting that misses another one. Override it and yield from ``super()``."""
        needs = {
            "do_resize": ("size", "resample"),
            "do_center_crop": ("crop_size",),
            "do_rescale": ("rescale_factor",),
            "do_normalize": ("image_mean", "image_std"),
        }
        for step, names in needs.items():
            missing = [name for name in names if getattr(self, name) is None]
            if getattr(self, step) and missing:
                yield f"{step} needs {' and '.join(missing)}"
        counts = {len(numbers) for numbers in (self.image_mean, self.image_std) if isinstance(numbers, list)}
        if len(counts) > 1:
            yield f"image_mean is {self.image_mean} and image_std is {self.image_std}; they must have one length"
        deviations = self.image_std if isinstance(self.image_std, list) else [self.image_std]
        if any(number is not None and number <= 0 for number in deviations):
            yield f"image_std is {self.image_std}, but pixels are divided by it: expected more than 0"
        if self.do_rescale and self.rescale_factor is not None and self.rescale_factor <= 0:
            yield f"rescale_factor is {self.rescale_factor}, but must be more than 0"

    def check(self) -> None:
        """Check the settings against each other. Raises `OptionError`, with every fault."""
        raise_faults(type(self).__name__, list(self.rules()))

    @classmethod
    def for_model(cls, config: "PreTrainedConfig") -> Self:
        """Return the image processor whose images a model of this configuration takes, with other settings as usual.

        ``image_size`` and ``num_channels`` of the configuration count, as far as it has them. Override it where a
        configuration says more.
        """
        settings: dict[str, Any] = {}
        size, channels = getattr(config, "image_size", None), getattr(config, "num_channels", 3)
        if size is not None and cls.do_resize:
            settings["size"] = size
        if channels != len("RGB"):
            settings["do_convert_rgb"] = False
            for name in ("image_mean", "image_std"):
                usual = getattr(cls, name)
                settings[name] = usual[:1] * channels if isinstance(usual, list) else usual
        return cls(**settings)

    # ---- files ----------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: str | os.PathLike[str] | None = None,
        local_files_only: bool = False,
        subfolder: str = "",
        trust_remote_code: bool | None = None,
        **overrides: Any,
    ) -> Self:
        """Read an image processor from a folder, a hub id, or a path to the file itself.

        The file is preprocessor_config.json; what processor_config.json holds under ``image_processor`` is newer, and
        wins.

        Args:
            id_or_path: A local path, which never leads to the network, or a hub id.
            revision: Branch, tag or commit on the hub.
            token: Access token for the hub.
            cache_dir: Where the hub's files are kept.
            local_files_only: Ask the cache alone.
            subfolder: A folder below that holds the files.
            trust_remote_code: Refused.
            **overrides: Settings that replace those of the file; see `ImageSettings`.

        Raises:
            OptionError: An override is not a setting, or has a wrong value.
            CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had, or holds a wrong value.
        """
        refuse_remote_code(trust_remote_code)
        values, source = load_image_processor_file(
            id_or_path,
            revision=revision,
            token=token,
            cache_dir=cache_dir,
            local_files_only=local_files_only,
            subfolder=subfolder,
        )
        return cls.from_dict(values, source=source, **overrides)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = IMAGE_PROCESSOR_FILE, **overrides: Any) -> Self:
        """Build an image processor from the content of its file.

        Keys that this class does not know are kept in `extra` and written back; nothing reads them.

        Raises:
            OptionError, CheckpointCorrupt: As `from_pretrained`.
        """
        content: Any = values
        if not isinstance(content, Mapping) or not all(isinstance(name, str) for name in content):
            raise CheckpointCorrupt(f"{source}: a {cls.__name__} is built from settings by name, not {shown(values)}.")
        hints = setting_hints(cls.Settings)
        current = modern(values, hints)
        known = {name: value for name, value in current.items() if name in hints}
        unknown = {name: value for name, value in current.items() if name not in hints}
        for name in unknown:
            if hint := did_you_mean(name, hints.keys() - known.keys(), cutoff=0.85):
                announce(f"{source}: {name!r} is not a setting of {cls.__name__} and has no effect.{hint}")
        try:
            new = cls(**known)
        except OptionError as error:
            raise CheckpointCorrupt(f"{source}: {error.message}") from error
        new.extra.update(copy.deepcopy(unknown))
        return new.changed(**overrides) if overrides else new

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write preprocessor_config.json into a folder, which is made if needed.

        Returns:
            The path of the file.

        Raises:
            OptionError: A setting was changed to miss another.
            SaveFailed: The system refused; an older file is still there.
        """
        content = encode_json(self.to_file_dict())
        path = save_folder(save_directory) / IMAGE_PROCESSOR_FILE
        write_file(path, content)
        return (str(path),)

    def to_dict(self) -> dict[str, Any]:
        """Return the settings as JSON values, with ``image_processor_type`` and the unknown keys of the file."""
        settings = {name: getattr(self, name) for name in setting_hints(self.Settings)}
        given = {name: value for name, value in settings.items() if value is not None}
        values: dict[str, Any] = to_json(given)
        return copy.deepcopy(self.extra) | values | {"image_processor_type": type(self).__name__}

    def to_file_dict(self) -> dict[str, Any]:
        """Return the content of the file, with who wrote it. Raises `OptionError` as the constructor."""
        from archsmith.registry.base import registry

        self.check()
        return self.to_dict() | {"archsmith": registry.provenance(type(self))}

    def to_json_string(self) -> str:
        """Return sorted JSON: the content of the file."""
        return encode_json(self.to_dict()).decode()

    # ---- internals ------------------------------------------------------------------------------------------

    def _set(self, settings: Mapping[str, Any]) -> None:
        clean = read_settings(self.Settings, settings, is_square=self.default_to_square, owner=type(self).__name__)
        self.__dict__.update(clean)

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in setting_hints(self.Settings):
            hint = did_you_mean(name, setting_hints(self.Settings))
            raise OptionError(f"{type(self).__name__} has no setting {name!r}.{hint}")
        if value is None:
            self.__dict__[name] = None
        else:
            self._set({name: value})

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string().rstrip()}"
