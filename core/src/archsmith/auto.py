"""Classes that pick the right architecture by themselves, from the ``model_type`` in config.json. Free of torch."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from archsmith.config.base import PreTrainedConfig
from archsmith.errors import (
    ConfigError,
    OptionError,
    PluginError,
    UnknownArchitecture,
    UnknownTask,
)
from archsmith.files.checkpoint import Checkpoint, load_config_file, refuse_remote_code
from archsmith.files.names import CONFIG_FILE, PREPROCESSOR_FILE
from archsmith.messages import did_you_mean, shown
from archsmith.processor.parts import (
    TOKENIZER_FILE,
    read_processor,
    read_settings,
    tokenizer_architecture,
)
from archsmith.registry.base import registry
from archsmith.registry.providers import written_by
from archsmith.tasks import TASKS, auto_class_name

if TYPE_CHECKING:
    from archsmith.feature_extractor.base import SequenceFeatureExtractor
    from archsmith.image_processor.base import ImageProcessor
    from archsmith.model.base import PreTrainedModel
    from archsmith.tokenizer.base import PreTrainedTokenizerBase

__all__ = [
    "AutoBackbone",
    "AutoConfig",
    "AutoFeatureExtractor",
    "AutoImageProcessor",
    "AutoModel",
    "AutoProcessor",
    "AutoTokenizer",
    "auto_model_class",
]

_HUB_OPTIONS = ("revision", "token", "cache_dir", "local_files_only", "subfolder")


class _Auto:
    """A class that is never instantiated: it hands out instances of the architecture's own class."""

    def __init__(self) -> None:
        name = type(self).__name__
        raise OptionError(f"{name} has no instances; use {name}.from_pretrained(…) or {name}.from_config(…).")


class AutoConfig(_Auto):
    """Reads any configuration: the class is the one that the config.json's ``model_type`` names.

    Example:
        >>> from archsmith import AutoConfig
        >>> AutoConfig.for_model("distilbert", n_layers=2).num_hidden_layers
        2
    """

    @classmethod
    def from_pretrained(
        cls, id_or_path: str | os.PathLike[str], *, trust_remote_code: bool | None = None, **overrides: Any
    ) -> PreTrainedConfig:
        """Read config.json from a folder, a hub id, or a path to the file itself.

        Args:
            id_or_path: Where the configuration is.
            trust_remote_code: Refused.
            **overrides: Configuration fields to change; also revision, token, cache_dir, local_files_only, subfolder.

        Raises:
            UnknownArchitecture, PluginError: No usable plugin provides its architecture.
            ConfigError, CheckpointNotFound, CheckpointCorrupt, HubError: As `PreTrainedConfig.from_pretrained`.
        """
        refuse_remote_code(trust_remote_code)
        hub_options = {name: overrides.pop(name) for name in _HUB_OPTIONS if name in overrides}
        values, source = load_config_file(id_or_path, **hub_options)
        return cls.from_dict(values, source=source, **overrides)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], *, source: str = CONFIG_FILE, **overrides: Any) -> PreTrainedConfig:
        """Build the configuration that a config.json's content describes. Raises as `from_pretrained`."""
        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__} builds a configuration from a mapping, but got {shown(values)}.")
        model_type = values.get("model_type")
        if not isinstance(model_type, str) or model_type not in registry.names():
            model_type = registry.identify(values) or model_type
        if model_type is None:
            raise UnknownArchitecture(
                f"{source} names no model_type, and no installed plugin recognises it. Use the configuration class of "
                f"its architecture. Installed: {', '.join(registry.names()) or 'none'}."
            )
        if not isinstance(model_type, str):
            raise ConfigError(f"{source}: model_type must be a string, but is {model_type!r}.", source=source)
        registry.get(model_type, source=source, written_by=written_by(values))
        config_class: type[PreTrainedConfig] = registry.load(model_type, "config")
        return config_class.from_dict({**values, "model_type": model_type}, source=source, **overrides)

    @classmethod
    def for_model(cls, model_type: str, **values: Any) -> PreTrainedConfig:
        """Build a configuration of an installed architecture from values. Raises as its configuration class."""
        config: PreTrainedConfig = registry.load(model_type, "config")(**values)
        return config


class _AutoModel(_Auto):
    """Picks the model class for one task. `AutoModel` is the one for the task ``base``."""

    task: str = "base"

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        config: PreTrainedConfig | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> "PreTrainedModel":
        """Load a model for this task. Arguments and errors as `PreTrainedModel.from_pretrained`.

        Raises:
            UnknownArchitecture, UnknownTask, PluginError: No usable plugin has such a model.
        """
        refuse_remote_code(trust_remote_code)
        found = config
        if found is None:
            checkpoint = _opened(id_or_path, options)
            source = str(checkpoint.path(CONFIG_FILE))
            found = AutoConfig.from_dict(checkpoint.read_json(CONFIG_FILE), source=source)
        return cls.class_for(found).from_pretrained(id_or_path, config=config, **options)

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
            raise ConfigError(f"{cls.__name__} needs a configuration, but got {config!r}.")
        model_class: type[PreTrainedModel] = registry.load(config.model_type, f"models.{cls.task}")
        return model_class


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
        >>> backbone.save_pretrained("my-backbone")
        >>> AutoBackbone.from_pretrained("my-backbone", out_features=["stage1", "stage2"]).channels
        [16, 32]
    """

    task = "backbone"

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        config: PreTrainedConfig | None = None,
        use_timm_backbone: bool = False,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> "PreTrainedModel":
        """Load a backbone. Arguments and errors as `PreTrainedModel.from_pretrained`.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id; or timm's name of a model.
            config: Use this configuration instead of the checkpoint's config.json.
            use_timm_backbone: Take the model of that name, and its weights, from the library timm.
            trust_remote_code: Refused.
            **options: As for `PreTrainedModel.from_pretrained`; for timm fields of its configuration.
        """
        if not use_timm_backbone:
            return super().from_pretrained(id_or_path, config=config, trust_remote_code=trust_remote_code, **options)
        refuse_remote_code(trust_remote_code)
        if config is not None:
            raise OptionError("config and use_timm_backbone both say which model to load; give one of them.")
        options = {"use_pretrained_backbone": True, **options, "backbone": os.fspath(id_or_path)}
        return cls.from_config(AutoConfig.for_model("timm_backbone", **options)).eval()


class AutoTokenizer(_Auto):
    """Loads any tokenizer: the class is the one that the checkpoint names, or else its architecture's."""

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        use_fast: bool = True,
        config: PreTrainedConfig | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> "PreTrainedTokenizerBase":
        """Load the tokenizer of a checkpoint: the fast one by default.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id.
            use_fast: Take the tokenizer on the Rust library; with False the one in Python.
            config: Tells the architecture, where the folder has no config.json.
            trust_remote_code: Refused.
            **options: As the tokenizer's own ``from_pretrained``.

        Raises:
            UnknownTask: The architecture has no tokenizer of that kind.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        refuse_remote_code(trust_remote_code)
        model_type = tokenizer_architecture(_opened(id_or_path, options), config)
        architecture = registry.get(model_type)
        role = "tokenizer_fast" if use_fast else "tokenizer"
        if use_fast and architecture.tokenizer_fast is None and architecture.tokenizer is not None:
            role = "tokenizer"
        tokenizer_class: type[PreTrainedTokenizerBase] = registry.load(model_type, role)
        return tokenizer_class.from_pretrained(id_or_path, **options)


class AutoImageProcessor(_Auto):
    """Loads any image processor: the class is the one that its file names, or else its architecture's."""

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        config: PreTrainedConfig | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> "ImageProcessor":
        """Load the image processor of a checkpoint.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id; or the path of the file itself.
            config: Tells the architecture, where neither the file nor a config.json does.
            trust_remote_code: Refused.
            **options: As the image processor's own ``from_pretrained``.

        Raises:
            UnknownTask: The architecture has no image processor.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        refuse_remote_code(trust_remote_code)
        checkpoint = _checkpoint(id_or_path, options, own_file=PREPROCESSOR_FILE)
        known = None if config is None else config.model_type
        found: ImageProcessor = checkpoint.read_consistent(
            lambda: read_settings("image_processor", checkpoint, known, **options)
        )
        return found


class AutoFeatureExtractor(_Auto):
    """Loads any feature extractor: the class is the one that its file names, or else its architecture's."""

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        config: PreTrainedConfig | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> "SequenceFeatureExtractor":
        """Load the feature extractor of a checkpoint.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id.
            config: Tells the architecture, where neither the file nor a config.json does.
            trust_remote_code: Refused.
            **options: As the feature extractor's own ``from_pretrained``.

        Raises:
            UnknownTask: The architecture has no feature extractor.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        refuse_remote_code(trust_remote_code)
        checkpoint = _checkpoint(id_or_path, options, own_file=PREPROCESSOR_FILE)
        known = None if config is None else config.model_type
        found: SequenceFeatureExtractor = checkpoint.read_consistent(
            lambda: read_settings("feature_extractor", checkpoint, known, **options)
        )
        return found


class AutoProcessor(_Auto):
    """Loads any processor: the class is the one that the checkpoint's files name, or else its architecture's.

    A checkpoint that has only one preprocessing object, and no processor, gives that object: the tokenizer of a text
    model, the image processor of a vision model.
    """

    @classmethod
    def from_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        config: PreTrainedConfig | None = None,
        trust_remote_code: bool | None = None,
        **options: Any,
    ) -> Any:
        """Load the processor of a checkpoint.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id.
            config: Tells the architecture, where the files do not.
            trust_remote_code: Refused.
            **options: As `Processor.from_pretrained`.

        Raises:
            UnknownTask: There are several preprocessing objects, and nothing says which class wraps them.
            UnknownArchitecture, PluginError, CheckpointError, HubError: As `AutoConfig.from_pretrained`.
        """
        refuse_remote_code(trust_remote_code)
        checkpoint = _checkpoint(id_or_path, options)
        return checkpoint.read_consistent(lambda: read_processor(checkpoint, config, options))


def _checkpoint(id_or_path: str | os.PathLike[str], options: dict[str, Any], *, own_file: str = "") -> Checkpoint:
    """Open a checkpoint, and take out of the options those that say how."""
    hub_options = {name: options.pop(name) for name in _HUB_OPTIONS if name in options}
    return Checkpoint.open(id_or_path, own_file=own_file, **hub_options)


def _opened(id_or_path: str | os.PathLike[str], options: dict[str, Any]) -> Checkpoint:
    """Open a checkpoint; the options then name the commit that its first file came from, so that all others do too."""
    hub_options = {name: options[name] for name in _HUB_OPTIONS if name in options}
    checkpoint = Checkpoint.open(id_or_path, **hub_options)
    if checkpoint.folder is None and (checkpoint.find(CONFIG_FILE) or checkpoint.find(TOKENIZER_FILE)):
        options["revision"] = checkpoint.revision
    return checkpoint


_auto_classes: dict[str, type[_AutoModel]] = {"base": AutoModel, "backbone": AutoBackbone}


def auto_model_class(name: str) -> type[_AutoModel]:
    """Return the class that ``from archsmith import AutoModelFor<Task>`` means.

    Raises:
        AttributeError: Neither the core nor an installed plugin knows such a task.
    """
    wanted = name.removeprefix("AutoModelFor").lower()
    task = next((task for task in TASKS if task.replace("-", "") == wanted), None)
    if task is None:
        installed = {task for model_type in registry.names() for task in _installed_tasks(model_type)}
        task = next((task for task in sorted(installed) if task.replace("-", "") == wanted), None)
        if task is None or auto_class_name(task) != name:
            known = sorted({auto_class_name(task) for task in (*TASKS, *installed)})
            raise AttributeError(f"module 'archsmith' has no attribute {name!r}.{did_you_mean(name, known)}")
    if auto_class_name(task) != name:
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}. Did you mean {auto_class_name(task)!r}?")
    made = type(name, (_AutoModel,), {"task": task, "__module__": "archsmith", "__doc__": f"Loads a model for {task}."})
    return _auto_classes.setdefault(task, made)


def _installed_tasks(model_type: str) -> list[str]:
    try:
        return list(registry.tasks(model_type))
    except (PluginError, UnknownTask):
        return []
