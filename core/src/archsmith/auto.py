"""Classes that pick the right architecture by themselves, from what the files of a checkpoint name. Free of torch."""

import contextlib
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from archsmith.config.base import PreTrainedConfig
from archsmith.errors import ConfigError, OptionError, PluginError, UnknownTask
from archsmith.files.checkpoint import Checkpoint, refuse_remote_code
from archsmith.files.names import CONFIG_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE, TOKENIZER_CONFIG_FILE
from archsmith.messages import did_you_mean, shown
from archsmith.options import known_as, read_flags
from archsmith.processor.parts import architecture_of, held_parts, read_part, read_tokenizer
from archsmith.registry.base import registry
from archsmith.registry.installed import Owner
from archsmith.registry.registered import register_class
from archsmith.registry.resolve import config_from, model_type_of, provider_of, read_config
from archsmith.tasks import TASKS, auto_class_name

if TYPE_CHECKING:
    from archsmith.feature_extractor.base import SequenceFeatureExtractor  # noqa: F401  # named in a string
    from archsmith.image_processor.base import ImageProcessor  # noqa: F401
    from archsmith.model.base import PreTrainedModel
    from archsmith.tokenizer.base import PreTrainedTokenizerBase

__all__ = [
    "AutoBackbone", "AutoConfig", "AutoFeatureExtractor", "AutoImageProcessor", "AutoModel", "AutoProcessor",
    "AutoTokenizer", "auto_model_class",
]  # fmt: skip

_Found = TypeVar("_Found")


class _Auto(Generic[_Found]):
    """A class that is never instantiated: it hands out instances of the architecture's own class."""

    own_file: ClassVar[str] = ""
    role: ClassVar[str]

    def __init__(self) -> None:
        name = type(self).__name__
        raise OptionError(f"{name} has no instances; use {name}.from_pretrained(…) or {name}.from_config(…).")

    @classmethod
    @known_as(pretrained_model_name_or_path="id_or_path")
    def from_pretrained(
        cls, id_or_path: str | os.PathLike[str], *, trust_remote_code: bool | None = None, **options: Any
    ) -> _Found:
        """Load it from a folder or a hub id; the class is the one that the files there name.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id; or the path of the file itself,
                where one file holds all of it.
            trust_remote_code: Refused.
            **options: What `read` takes; also revision, token, cache_dir, local_files_only, subfolder.

        Raises:
            UnknownArchitecture, UnknownTask, PluginError: No usable plugin has such a class.
            CheckpointNotFound, CheckpointCorrupt, HubError: The files cannot be had or are damaged.
            ArchsmithError: As the class's own ``from_pretrained``.
        """
        refuse_remote_code(trust_remote_code)
        _refuse_names(cls.__name__, options)
        checkpoint = Checkpoint.open_with(id_or_path, options, own_file=cls.own_file)
        return checkpoint.read_consistent(lambda: cls.read(checkpoint, **options))

    @classmethod
    def read(cls, checkpoint: Checkpoint, **options: Any) -> _Found:
        """Load it from an opened checkpoint."""
        raise NotImplementedError

    @classmethod
    def register(cls, config_class: Any, *classes: Any, exist_ok: bool = False, **named: Any) -> None:
        """Have this class hand out one of your own in this process, beside what is installed; plugins need it not.

        Args:
            config_class: The configuration of its architecture, an installed one or one of `AutoConfig.register`; for
                AutoConfig the ``model_type``.
            *classes: The class; of a tokenizer the one in Python, the fast one, or both.
            exist_ok: Take the place of another class.
            **named: The same by the names of other libraries, as ``model_class`` or ``fast_tokenizer_class``.

        Raises:
            PluginConflict: Another class has the place.
            UnknownArchitecture, PluginError, OptionError: The configuration is not known, or a class does not fit.
        """
        read_flags(exist_ok=exist_ok)
        if wrong := [name for name in named if name != "config" and not name.endswith("_class")]:
            raise OptionError(f"{cls.__name__}.register has no option {wrong[0]!r}.")
        for found in (*classes, *named.values()):
            is_fast = any(each.__name__ == "PreTrainedTokenizerFast" for each in getattr(found, "__mro__", ()))
            if found is not None:
                register_class(config_class, "tokenizer_fast" if is_fast else cls.role, found, exist_ok=exist_ok)


class AutoConfig(_Auto[PreTrainedConfig]):
    """Reads any configuration: the class is the one that the config.json's ``model_type`` names.

    Example:
        >>> from archsmith import AutoConfig
        >>> AutoConfig.for_model("distilbert", n_layers=2).num_hidden_layers
        2
    """

    own_file, role = CONFIG_FILE, "config"

    @classmethod
    def read(cls, checkpoint: Checkpoint, **overrides: Any) -> PreTrainedConfig:
        """Read config.json from an opened checkpoint; overrides replace its values.

        Raises:
            UnknownArchitecture, PluginError: No usable plugin provides its architecture.
            ConfigError, CheckpointNotFound, CheckpointCorrupt, HubError: As `PreTrainedConfig.from_pretrained`.
        """
        return read_config(checkpoint, **overrides)  # type: ignore[no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = CONFIG_FILE, **overrides: Any) -> PreTrainedConfig:
        """Build the configuration that a config.json's content describes. Raises as `read`."""
        _refuse_names(cls.__name__, overrides)
        return config_from(values, source=source, **overrides)  # type: ignore[no-any-return]

    @classmethod
    def for_model(cls, model_type: str, **values: Any) -> PreTrainedConfig:
        """Build a configuration of an installed architecture from values. Raises as its configuration class."""
        return registry.load(model_type, "config")(**values)  # type: ignore[no-any-return]


class _AutoModel(_Auto["PreTrainedModel"]):
    """Picks the model class for one task. `AutoModel` is the one for the task ``base``."""

    task: str = "base"
    role = "models.base"

    @classmethod
    def read(
        cls, checkpoint: Checkpoint, *, config: PreTrainedConfig | None = None, **options: Any
    ) -> "PreTrainedModel":
        """Load a model for this task from an opened checkpoint. Arguments and errors as `PreTrainedModel.read`.

        Raises:
            UnknownArchitecture, UnknownTask, PluginError: No usable plugin has such a model.
        """
        if config is not None:
            return cls.class_for(config).read(checkpoint, config=config, **options)
        values = checkpoint.read_json(CONFIG_FILE)
        model_type = model_type_of(values, source=str(checkpoint.path(CONFIG_FILE)))
        model_class: type[PreTrainedModel] = registry.load(model_type, f"models.{cls.task}")
        return model_class.read(checkpoint, values={**values, "model_type": model_type}, **options)

    @classmethod
    def from_config(cls, config: PreTrainedConfig, **options: Any) -> "PreTrainedModel":
        """Build a model for this task with random weights. Arguments and errors as `PreTrainedModel.from_config`."""
        return cls.class_for(config).from_config(config, **options)

    @classmethod
    def class_for(cls, config: PreTrainedConfig) -> "type[PreTrainedModel]":
        """Return the model class for this task and a configuration's architecture.

        Raises:
            UnknownTask: The architecture has no model for this task.
        """
        if not isinstance(config, PreTrainedConfig):
            raise ConfigError(f"{cls.__name__} needs a configuration, but got {shown(config)}.")
        return registry.load(config.model_type, f"models.{cls.task}")


class AutoModel(_AutoModel):
    """Loads or builds any model without a head: the class is the one that ``model_type`` names.

    There is one such class for each task: ``AutoModelForMaskedLM``, ``AutoModelForSequenceClassification``, …
    """


class AutoBackbone(_AutoModel):
    """Loads or builds any backbone: the class is the one that ``model_type`` names.

    Example:
        >>> from archsmith import AutoBackbone, AutoConfig
        >>> config = AutoConfig.for_model("resnet", depths=[1, 1], hidden_sizes=[16, 32], out_features=["stage1"])
        >>> backbone = AutoBackbone.from_config(config)
        >>> paths = backbone.save_pretrained("my-backbone")
        >>> AutoBackbone.from_pretrained("my-backbone", out_features=["stage1", "stage2"]).channels
        [16, 32]
    """

    task, role = "backbone", "models.backbone"

    @classmethod
    @known_as(pretrained_model_name_or_path="id_or_path")
    def from_pretrained(
        cls, id_or_path: str | os.PathLike[str], *, use_timm_backbone: bool = False, **options: Any
    ) -> "PreTrainedModel":
        """Load a backbone. Arguments and errors as `PreTrainedModel.from_pretrained`.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id; or timm's name of a model.
            use_timm_backbone: Take the model of that name, and its weights, from the library timm.
            **options: As for `PreTrainedModel.from_pretrained`; for timm fields of its configuration.
        """
        read_flags(use_timm_backbone=use_timm_backbone)
        if not use_timm_backbone:
            return super().from_pretrained(id_or_path, **options)
        refuse_remote_code(options.pop("trust_remote_code", None))
        if options.pop("config", None) is not None:
            raise OptionError("config and use_timm_backbone both say which model to load; give one of them.")
        options = {"use_pretrained_backbone": True, **options, "backbone": os.fspath(id_or_path)}
        return cls.from_config(AutoConfig.for_model("timm_backbone", **options)).eval()


class AutoTokenizer(_Auto["PreTrainedTokenizerBase"]):
    """Loads any tokenizer: the class is the one that the checkpoint names, or else its architecture's."""

    role = "tokenizer"

    @classmethod
    def read(
        cls, checkpoint: Checkpoint, *, use_fast: bool = True, config: PreTrainedConfig | None = None, **options: Any
    ) -> "PreTrainedTokenizerBase":
        """Load the tokenizer of an opened checkpoint: the fast one by default.

        Args:
            checkpoint: The checkpoint.
            use_fast: Take the tokenizer on the Rust library; with False the one in Python.
            config: Tells the architecture, where the folder has no config.json.
            **options: As the tokenizer's own ``from_pretrained``.

        Raises:
            UnknownTask: The architecture has no tokenizer of that kind.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        return read_tokenizer(checkpoint, _known(config), use_fast=use_fast, **options)  # type: ignore[no-any-return]


class _AutoSettings(_Auto[_Found]):
    """Picks the class of one kind of preprocessing that is kept in a file of settings."""

    own_file = PREPROCESSOR_FILE
    kind: ClassVar[str]

    @classmethod
    def read(cls, checkpoint: Checkpoint, *, config: PreTrainedConfig | None = None, **options: Any) -> _Found:
        """Load it from an opened checkpoint.

        Args:
            checkpoint: The checkpoint.
            config: Tells the architecture, where neither the file nor a config.json does.
            **options: As the class's own ``from_pretrained``.

        Raises:
            UnknownTask: The architecture has none.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        return read_part(cls.kind, checkpoint, _known(config), **options)  # type: ignore[no-any-return]


class AutoImageProcessor(_AutoSettings["ImageProcessor"]):
    """Loads any image processor: the class is the one that its file names, or else its architecture's."""

    kind = role = "image_processor"


class AutoFeatureExtractor(_AutoSettings["SequenceFeatureExtractor"]):
    """Loads any feature extractor: the class is the one that its file names, or else its architecture's."""

    kind = role = "feature_extractor"


class AutoProcessor(_Auto[Any]):
    """Loads any processor: the class is the one that the checkpoint's files name, or else its architecture's.

    A checkpoint that has only one preprocessing object, and no processor, gives that object: the tokenizer of a text
    model, the image processor of a vision model.
    """

    role = "processor"

    @classmethod
    def read(cls, checkpoint: Checkpoint, *, config: PreTrainedConfig | None = None, **parts: Any) -> Any:
        """Load the processor of an opened checkpoint.

        The class is the one that processor_config.json, tokenizer_config.json or preprocessor_config.json names; else
        that of the architecture in config.json; else the only preprocessing object that the checkpoint has.

        Args:
            checkpoint: The checkpoint.
            config: Tells the architecture, where the files do not.
            **parts: Parts that the caller has already, as for `Processor.from_pretrained`.

        Raises:
            UnknownTask: There are several preprocessing objects, and nothing says which class wraps them.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        from archsmith.processor.base import PARTS, Processor

        for file in (PROCESSOR_FILE, TOKENIZER_CONFIG_FILE, PREPROCESSOR_FILE):
            path = checkpoint.find(file)
            named = checkpoint.read_json(file).get("processor_class") if path else None
            if isinstance(named, str):
                found: type[Any] = Processor
                if named != Processor.__name__:
                    first = _known(config)
                    owner = provider_of("processor_class", named, ("processor",), source=str(path), first=first)
                    found = registry.load(owner.name, "processor", kind=owner.kind)
                return found.read(checkpoint, **parts)
        known = _known(config) or architecture_of(checkpoint)
        if known is not None and "processor" in registry.roles(*known):
            return registry.load(known.name, "processor").read(checkpoint, **parts)
        for name in parts.keys() - set(PARTS):
            raise OptionError(f"{name!r} is not a part of a processor.{did_you_mean(name, PARTS)}")
        held = held_parts(checkpoint, known)
        if len(held) > 1 or parts:
            why = f"{known.name!r} has no processor" if known else "no config.json tells the architecture"
            raise UnknownTask(
                f"{checkpoint.source!r} names no processor_class, and {why}; it has {' and '.join([*held, *parts])}. "
                "Load each with its Auto class, and pass them to archsmith.Processor."
            )
        if not held:
            checkpoint.path(PROCESSOR_FILE)  # says what is missing
        return read_part(held[0], checkpoint, known)


def _known(config: PreTrainedConfig | None) -> Owner | None:
    if config is not None and not isinstance(config, PreTrainedConfig):
        raise ConfigError(f"config must be a configuration, but is {shown(config)}.")
    return None if config is None else Owner(config.model_type)


def _refuse_names(owner: str, options: Mapping[str, Any]) -> None:
    """Refuse options that would be taken for something else: model_type chooses the class, the others are our own."""
    if "model_type" in options:
        asked = f"model_type is what the file says, and cannot be replaced by {shown(options['model_type'])}"
        raise OptionError(f"{owner}: {asked}. To read the files as another architecture, use the classes of that one.")
    for name in sorted(options.keys() & {"checkpoint", "values", "source"}):
        raise OptionError(f"{owner} has no option {name!r}.")


_auto_classes: dict[str, type[_AutoModel]] = {"base": AutoModel, "backbone": AutoBackbone}


def auto_model_class(name: str) -> type[_AutoModel]:
    """Return the class that ``from archsmith import AutoModelFor<Task>`` means.

    Raises:
        AttributeError: Neither the core nor an installed plugin knows such a task.
    """
    tasks = {auto_class_name(task): task for task in TASKS}
    for model_type in registry.names() if name not in tasks else ():
        with contextlib.suppress(PluginError):
            tasks |= {auto_class_name(task): task for task in registry.tasks(model_type)}
    if name not in tasks:
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}.{did_you_mean(name, tasks)}")
    task = tasks[name]
    made = type(
        name,
        (_AutoModel,),
        {"task": task, "role": f"models.{task}", "__module__": "archsmith", "__doc__": f"Loads a model for {task}."},
    )
    return _auto_classes.setdefault(task, made)
