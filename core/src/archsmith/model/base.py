"""Models: a torch module with a configuration, built, loaded and saved in one way for every architecture."""

import copy
import functools
import os
from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch

from archsmith.config.base import PreTrainedConfig
from archsmith.errors import ConfigError, OptionError, WeightsMismatch
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.names import CONFIG_FILE, GENERATION_FILE
from archsmith.files.pretrained import FromPretrained
from archsmith.files.weights import WEIGHTS_PATTERN, find_weights
from archsmith.model.building import ModelType, build_for, refuse_abstract
from archsmith.model.facts import ModelFacts
from archsmith.model.loading import load_tensors, notices, quantised
from archsmith.model.marker import LoadReport
from archsmith.model.matching import Match
from archsmith.model.meta import TooLarge
from archsmith.model.options import attention_name, check_options, device_from, dtype_from, patterns_from, split_options
from archsmith.model.parts import ties_of
from archsmith.options import checked_call, read_flags

__all__ = ["PreTrainedModel"]


class PreTrainedModel(FromPretrained, ModelFacts, metaclass=ModelType):
    """What every model is: a `torch.nn.Module` that is built from a configuration, and loaded and saved whole.

    A subclass names its configuration class, builds its modules in ``__init__`` and computes in ``forward``. When its
    constructor returns, the parameters have their initial values (`init_weights`) and tied ones are tied.

    Attributes:
        config_class: The configuration it is built from.
        base_model_prefix: The attribute under which a model with a head holds the model without one.
        main_input_name: The name of the first argument of ``forward``.
        input_embeddings: Where the base model has its token embeddings, as ``"embeddings.word_embeddings"``; with it
            the vocabulary can be resized. The layer that scores tokens is the one that ``tied_weights`` ties to it.
        attention_projections: Where layer ``{}`` of the base model has the projections of its attention: those whose
            rows belong to heads (query, key, value), and last the one whose columns do (output), each an
            ``nn.Linear``. With it heads can be pruned, as long as ``forward`` finds the number of heads by
            `archsmith.layers.attention.split_heads`.
        tied_weights: Parameter → the parameter it is the same as, while ``config.tie_word_embeddings`` is true.
        ignored_keys: Patterns of keys in old files that nothing reads any more, as the base model names them.
        optional_keys: Patterns of parameters that a file may lack (then they are new) or hold in vain, likewise.
        head_keys: Patterns of keys that belong to the head although they lie in the base model.
        load_report: What `from_pretrained` loaded, started anew, left over and ignored; None for a built model.
    """

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        if not isinstance(config, self.config_class):
            raise ConfigError(
                f"{type(self).__name__} is built from a {self.config_class.__name__}, but got {type(config).__name__}. "
                f"To load a checkpoint use {type(self).__name__}.from_pretrained."
            )
        config.check()
        self.config = config
        self.attn_implementation = "sdpa"

    side_file_names = (GENERATION_FILE,)
    _superseded = (WEIGHTS_PATTERN,)

    # ---- building -------------------------------------------------------------------------------------------

    @classmethod
    def from_config(
        cls,
        config: PreTrainedConfig,
        *,
        dtype: str | torch.dtype | None = None,
        attn_implementation: str | None = None,
        **model_options: Any,
    ) -> Self:
        """Build a model with random weights, in training mode and float32 unless ``dtype`` says otherwise.

        Raises:
            OptionError: An option does not exist or has an impossible value.
        """
        target, attention = dtype_from(dtype), attention_name(attn_implementation)
        check_options(cls, model_options, config)
        model = cls(config, **model_options)
        model.set_attn_implementation(attention)
        return model.to(target) if target is not None else model

    _from_config = from_config  # so calls it the AutoModel of transformers, once our classes are registered there

    @classmethod
    def read(
        cls,
        checkpoint: Checkpoint,
        *,
        config: PreTrainedConfig | None = None,
        values: Mapping[str, Any] | None = None,
        dtype: str | torch.dtype | None = None,
        torch_dtype: str | torch.dtype | None = None,
        device: str | torch.device | int | None = None,
        device_map: Any = None,
        attn_implementation: str | None = None,
        mmap: bool | None = None,
        check_finite: bool = True,
        allow_new: Sequence[str] = (),
        allow_unused: Sequence[str] = (),
        ignore_mismatched_sizes: bool = False,
        output_loading_info: bool = False,
        **overrides: Any,
    ) -> Self:
        """Load a model from an opened checkpoint: exactly what is in the files, or an error. Evaluation mode.

        Args:
            checkpoint: The checkpoint; within its `read_consistent`, as in ``from_pretrained``.
            config: Use this configuration instead of the checkpoint's config.json.
            values: What config.json holds, where the caller has read it.
            dtype: Type of the floating-point weights; None or ``"auto"``: as in the files.
            torch_dtype: Older name of ``dtype``.
            device: Where the weights go; None: the CPU, mapped from the files without a copy.
            device_map: Older name of ``device``; ``"auto"``: the accelerator that torch has, else the CPU.
            attn_implementation: ``"sdpa"`` (the default) or ``"eager"``.
            mmap: Map the files rather than read them; None: wherever the system allows it.
            check_finite: Refuse weights that hold NaN or infinity.
            allow_new: Patterns of parameters that may be missing in the files.
            allow_unused: Patterns of tensors in the files that may be left over.
            ignore_mismatched_sizes: As ``allow_new``, for every parameter that the files hold in another shape.
            output_loading_info: Return the model, and a dictionary of what `load_report` says: missing_keys,
                unexpected_keys, mismatched_keys (name, shape in the files, shape in the model), error_msgs.
            **overrides: Configuration fields to change, and options of the model's constructor.

        Raises:
            WeightsMismatch: The weights are not those of this model; every fault is named.
            CheckpointNotFound, CheckpointCorrupt, HubError: The files cannot be had or are damaged.
            ConfigError, OptionError: A configuration value or an argument is wrong.
        """
        if dtype is not None and torch_dtype is not None:
            raise OptionError("dtype and torch_dtype are one option; pass dtype.")
        mmap = os.name != "nt" if mmap is None else mmap
        read_flags(mmap=mmap, check_finite=check_finite, output_loading_info=output_loading_info)
        read_flags(ignore_mismatched_sizes=ignore_mismatched_sizes)
        target_dtype = dtype_from(torch_dtype if dtype is None else dtype)
        target_device = device_from(device, device_map)
        attention = attention_name(attn_implementation)
        model, match = cls._match(
            checkpoint, config, values, allow_new, allow_unused, overrides, any_shape=ignore_mismatched_sizes
        )
        model.set_attn_implementation(attention)
        load_tensors(match, dtype=target_dtype, device=target_device, mmap=mmap, check_finite=check_finite)
        for message in notices(match, dtype=target_dtype):
            checkpoint.warn(message)
        model.read_side_files(checkpoint)
        model.name_or_path = model.config.name_or_path = checkpoint.source
        if target_dtype is not None:
            model.config.update(dtype=str(target_dtype).removeprefix("torch."))
            model.config.extra.pop("quantization_config", None)  # what is saved from here is not
        model.eval()
        return (model, match.loading_info()) if output_loading_info else model  # type: ignore[return-value]

    @classmethod
    def match_pretrained(
        cls,
        id_or_path: str | os.PathLike[str],
        *,
        config: PreTrainedConfig | None = None,
        allow_new: Sequence[str] = (),
        allow_unused: Sequence[str] = (),
        **options: Any,
    ) -> LoadReport:
        """Say what ``from_pretrained`` would do, from the headers alone: no weights are read.

        Args:
            id_or_path: A local folder if there is one of that name, else a hub id.
            config: Use this configuration instead of the checkpoint's config.json.
            allow_new: Patterns of parameters that may be missing in the files.
            allow_unused: Patterns of tensors in the files that may be left over.
            **options: The hub's options (revision, token, …), configuration fields to change, and options of the
                model's constructor.

        Raises:
            ArchsmithError: As `read`.
        """
        checkpoint, any_shape = Checkpoint.open_with(id_or_path, options), options.pop("ignore_mismatched_sizes", False)
        match = functools.partial(cls._match, checkpoint, config, None, allow_new, allow_unused, options)
        return checkpoint.read_consistent(lambda: match(any_shape=any_shape)[1].report)

    @classmethod
    def _match(
        cls,
        checkpoint: Checkpoint,
        config: PreTrainedConfig | None,
        values: Mapping[str, Any] | None,
        allow_new: Sequence[str],
        allow_unused: Sequence[str],
        overrides: Mapping[str, Any],
        *,
        any_shape: bool = False,
    ) -> tuple[Self, Match]:
        """Read configuration and headers, build the model on the meta device, and match the two."""
        refuse_abstract(cls)
        new, unused = patterns_from("allow_new", allow_new), patterns_from("allow_unused", allow_unused)
        options, overrides = split_options(cls, overrides)
        found = checkpoint.find(CONFIG_FILE)
        if values is None:
            values = checkpoint.read_json(CONFIG_FILE) if found else {}
        if config is None:
            checkpoint.path(CONFIG_FILE)  # says what is missing
            own_values, source = cls.config_class.own_values(values, str(found))
            config = cls.config_class.from_dict(own_values, source=source, **overrides)
        else:
            if not isinstance(config, cls.config_class):
                raise ConfigError(
                    f"config must be a {cls.config_class.__name__} for {cls.__name__}, but is {type(config).__name__}."
                )
            config = copy.deepcopy(config)
            config.update(**overrides)
        weights = find_weights(checkpoint)
        weights.check_same_save(checkpoint, values)
        saved_from = values.get("architectures")
        same_class = isinstance(saved_from, list) and cls.__name__ in saved_from
        is_part = cls.config_class.base_config_key in values and values.get("model_type") != config.model_type
        ties = ties_of(values) if is_part else None
        try:
            model = build_for(weights, cls, config, options)
            match = Match(
                model,
                weights,
                same_class=same_class,
                allow_new=new,
                allow_unused=unused,
                any_shape=any_shape,
                ties=ties,
            )
        except WeightsMismatch as error:
            said = " ".join([error.message, *quantised(config)])
            raise WeightsMismatch(said, faults=error.faults, source=getattr(error, "source", weights.source)) from None
        except TooLarge as error:
            raise WeightsMismatch(
                f"the configuration describes a model of far more parameters than the {len(weights.tensors)} tensors "
                f"of {weights.source!r}. Check that config.json and the weights belong together."
            ) from error
        except (RuntimeError, OverflowError, MemoryError, ConfigError) as error:
            raise ConfigError(f"{found or checkpoint.source}: no {cls.__name__} can be built: {error}") from error
        return model, match

    # ---- saving ---------------------------------------------------------------------------------------------

    @checked_call
    def write(
        self,
        save_directory: str | os.PathLike[str],
        *,
        max_shard_size: int | str = "5GB",
        state_dict: Mapping[str, torch.Tensor] | None = None,
    ) -> tuple[str, ...]:
        """Write config.json and the weights into a folder; one file, or shards and an index where it takes more.

        Args:
            save_directory: The folder; it is made if needed.
            max_shard_size: Bytes, or a string such as ``"200MB"``.
            state_dict: Name → values to write in place of the model's own, as another library has gathered them.

        Raises:
            SaveFailed: The system refused; what was there before still is.
            ConfigError: The configuration is invalid, or the tensors are not what it builds: no load would take them.
            InputError: A tensor has no values, or a type that the files cannot hold.
        """
        from archsmith.model.saving import save_model

        return save_model(self, save_directory, max_shard_size=max_shard_size, state_dict=state_dict)
