"""The work that all models share: facts about them, and changes to them."""

import functools
from collections.abc import Collection, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Self

import torch
from torch import nn

from archsmith.errors import OptionError
from archsmith.layers.stack import Stack
from archsmith.messages import announce, did_you_mean
from archsmith.model.embeddings import adapted_ties, input_path, output_path, replace_module, resize_rows, rows_for
from archsmith.model.marker import AnyModel, adopt, changed_configs, whole_of
from archsmith.model.options import attention_name
from archsmith.model.pruning import cut_heads, heads_to_cut
from archsmith.options import drop_inert, read_count, read_flag
from archsmith.outputs import ModelOutput

__all__ = ["ModelFacts"]

#: Main input → how long its rows are as `ModelFacts.dummy_inputs`, and how much of the second one is not padding.
_LENGTHS = {"input_ids": (7, 4), "input_values": (1600, 1000)}
#: Likewise, height and width of images.
_IMAGE = (48, 64)

#: How `Stack` computes its layers again: option of torch → its value here, and what to do where it is another.
_CHECKPOINTING: dict[str, tuple[tuple[Any, ...], str]] = {
    "use_reentrant": ((False, None), "Leave it out: layers are computed again with use_reentrant=False"),
    "preserve_rng_state": ((True, None), "Leave it out: the same units are dropped again"),
    "offload": ((False, None), "Use torch.autograd.graph.save_on_cpu around the training step"),
}


class ModelFacts(AnyModel):
    """What a model can tell about itself and have done to it, once it is built. `PreTrainedModel` explains the rest."""

    # ---- facts ----------------------------------------------------------------------------------------------

    @property
    def device(self) -> torch.device:
        """Where the first parameter lies; the CPU if there is none."""
        return next((p.device for p in self.parameters()), torch.device("cpu"))

    @property
    def dtype(self) -> torch.dtype:
        """The type of the first floating-point parameter; float32 if there is none."""
        return next((p.dtype for p in self.parameters() if p.is_floating_point()), torch.float32)

    @property
    def dummy_inputs(self) -> dict[str, torch.Tensor]:
        """Small arguments for one forward pass, to trace, export or check the model with.

        By default as ``main_input_name`` says: ``input_ids`` (2, 7) with an ``attention_mask``, ``pixel_values``
        (2, channels, height, width) of the configuration's ``num_channels`` (3) and ``image_size`` (48 by 64 pixels if
        it has none), or ``input_values`` (2, 1600) with an ``attention_mask``; the second row is shorter where lengths
        may differ. They are the same numbers each time. A model that takes anything else overrides it.

        Raises:
            NotImplementedError: The main input is another, and the class does not override this.
        """
        name, config = self.main_input_name, self.config
        generator = torch.Generator().manual_seed(0)
        if name == "pixel_values":
            size = config.value_of("image_size", _IMAGE)
            height, width = (size, size) if isinstance(size, int) else size
            channels = config.value_of("num_channels", 3)
            return {name: torch.randn(2, channels, height, width, generator=generator)}
        if name in _LENGTHS:
            places, own = _LENGTHS[name]
            mask = torch.ones(2, places, dtype=torch.long)
            mask[1, own:] = 0
            draw = functools.partial(torch.randint, config.vocab_size) if name == "input_ids" else torch.randn
            return {name: draw(mask.shape, generator=generator), "attention_mask": mask}
        raise NotImplementedError(
            f"{type(self).__name__} takes {name!r}, so it must define dummy_inputs, as only input_ids, pixel_values, "
            "input_values are known."
        )

    def num_parameters(self, *, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Return how many numbers the parameters hold; a tied one counts once.

        Args:
            only_trainable: Leave out those that are frozen.
            exclude_embeddings: Leave out those of every ``nn.Embedding``, and what is tied to them.
        """
        embeddings = {id(module.weight) for module in self.modules() if isinstance(module, nn.Embedding)}
        return sum(
            parameter.numel()
            for parameter in self.parameters()
            if (parameter.requires_grad or not only_trainable)
            and not (exclude_embeddings and id(parameter) in embeddings)
        )

    def get_memory_footprint(self, *, return_buffers: bool = True) -> int:
        """Return the bytes that the parameters take, and the buffers if asked for; a tied parameter counts once."""
        tensors = [*self.parameters(), *(self.buffers() if return_buffers else ())]
        return sum(tensor.nbytes for tensor in tensors)

    @property
    def supports_gradient_checkpointing(self) -> bool:
        """Whether `gradient_checkpointing_enable` has layers to work on."""
        return bool(self._stacks())

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether training computes the inside of layers twice rather than keep it."""
        return any(stack.gradient_checkpointing for stack in self._stacks())

    @classmethod
    def can_generate(cls) -> bool:
        """Return whether the model writes texts, token by token: those of archsmith-generation do."""
        return False

    # ---- choices --------------------------------------------------------------------------------------------

    def set_attn_implementation(self, name: str) -> None:
        """Choose how attention is computed, here and in every model inside: ``"sdpa"`` or ``"eager"``.

        Raises:
            OptionError: There is no such implementation.
        """
        attention = attention_name(name)
        for module in self.modules():
            if isinstance(module, AnyModel):
                module.attn_implementation = attention

    def gradient_checkpointing_enable(
        self,
        gradient_checkpointing_kwargs: Mapping[str, Any] | None = None,
        *,
        every_n_layers: int = 1,
        **options: Any,
    ) -> None:
        """Train with less memory: keep the inputs of layers only, and compute the rest again for the gradients.

        Losses and gradients stay the same, dropout included; a step takes about a third longer.

        Args:
            gradient_checkpointing_kwargs: ``use_reentrant=False`` and ``preserve_rng_state=True``, which hold in any
                case.
            every_n_layers: Compute one of so many layers again, the first of them, and keep what the others have.
            **options: ``offload=False``, which holds in any case.

        Raises:
            OptionError: The model has no layers that were built for it, or they are not computed as asked for.
        """
        every = read_count("every_n_layers", every_n_layers, least=1) or 1
        asked = {**(gradient_checkpointing_kwargs or {}), **options}
        drop_inert(asked, _CHECKPOINTING)
        for name in asked:
            raise OptionError(
                f"{name!r} is not an option of gradient checkpointing; expected {', '.join(_CHECKPOINTING)}."
            )
        self._checkpoint(every)

    def gradient_checkpointing_disable(self) -> None:
        """Train in the usual way again. Raises as `gradient_checkpointing_enable`."""
        self._checkpoint(0)

    def activation_checkpointing_enable(
        self, activation_checkpointing_kwargs: Mapping[str, Any] | None = None, **options: Any
    ) -> None:
        """Call `gradient_checkpointing_enable`, which has this name too."""
        self.gradient_checkpointing_enable(activation_checkpointing_kwargs, **options)

    def activation_checkpointing_disable(self) -> None:
        """Call `gradient_checkpointing_disable`, which has this name too."""
        self.gradient_checkpointing_disable()

    def enable_input_require_grads(self) -> None:
        """Let the output of the input embeddings require gradients, where all below an adapter is frozen.

        Raises:
            OptionError: The model has no input embeddings.
        """
        self.disable_input_require_grads()
        if (embeddings := self.get_input_embeddings()) is None:
            raise OptionError(
                f"{type(self).__name__} has no input embeddings whose output could require gradients. Leave it out: "
                "gradient checkpointing works without."
            )
        self._input_grads = embeddings.register_forward_hook(_require_gradients)

    def disable_input_require_grads(self) -> None:
        """Undo `enable_input_require_grads`."""
        if (hook := self.__dict__.pop("_input_grads", None)) is not None:
            hook.remove()

    def train(self, mode: bool = True) -> Self:
        """Set training or evaluation mode, and announce what cannot be trained alone: an adapter on a tied weight."""
        for message in adapted_ties(self):
            announce(message)
        return super().train(mode)

    def freeze(self, *patterns: str) -> list[str]:
        """Keep parameters from being trained.

        Args:
            *patterns: Shell patterns over the names of parameters, as ``"bert.embeddings.*"``; none: all parameters.

        Returns:
            The names that match. A tied parameter has several and is one: freezing one freezes the others.

        Raises:
            OptionError: A pattern matches nothing; then nothing is frozen.
        """
        return _set_trainable(self, patterns, trainable=False)

    def unfreeze(self, *patterns: str) -> list[str]:
        """Let parameters be trained again. As `freeze`."""
        return _set_trainable(self, patterns, trainable=True)

    # ---- embeddings of tokens -------------------------------------------------------------------------------

    def get_input_embeddings(self) -> Any:
        """Return the token embeddings; None if the model has none, as long as its class has no other answer."""
        return self.get_submodule(input_path(self)) if self.input_embeddings else None

    def set_input_embeddings(self, embeddings: nn.Module) -> None:
        """Replace the token embeddings by others of the same shape; what is tied to them follows.

        Raises:
            InputError: They are no ``nn.Embedding``, or have another shape.
            OptionError: The model has none.
        """
        replace_module(self, input_path(self), embeddings, kind=nn.Embedding)

    def get_output_embeddings(self) -> nn.Module | None:
        """Return the layer that scores every token of the vocabulary, or None if the model has none."""
        path = output_path(self)
        return None if path is None else self.get_submodule(path)

    def set_output_embeddings(self, embeddings: nn.Module) -> None:
        """Replace the layer that scores every token by another of the same shape; what is tied to it follows.

        Raises:
            InputError: It is no ``nn.Linear``, or has another shape.
            OptionError: The model has none.
        """
        if (path := output_path(self)) is None:
            raise OptionError(f"{type(self).__name__} has no output embeddings: no layer of it scores tokens.")
        replace_module(self, path, embeddings, kind=nn.Linear)

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, *, mean_resizing: bool = True
    ) -> nn.Embedding:
        """Give the model a larger or smaller vocabulary: rows are added or removed at the end, the others stay.

        The input embeddings change, the layer that scores tokens, if there is one, and ``vocab_size`` of the
        configuration that counts them, here and in the models around this one. The parameters are new objects without
        gradients: build the optimiser afterwards.

        Args:
            new_num_tokens: Tokens in the vocabulary, as ``len(tokenizer)``; None: as many as there are.
            pad_to_multiple_of: Round the number up to a multiple of this, which GPUs compute faster with.
            mean_resizing: Start new rows near the mean of the old ones (an added bias at their mean likewise), so that
                a new token is about as likely as any; False: as the model starts its own.

        Returns:
            The input embeddings.

        Raises:
            OptionError: The model has no token embeddings, a number is not a positive integer, or the embeddings would
                lose their padding token.
            ConfigError: The configuration does not allow this size, as when the padding token would go.
        """
        embeddings: Any = self.get_submodule(input_path(self))
        count = rows_for(new_num_tokens, pad_to_multiple_of, embeddings.num_embeddings)
        if count != embeddings.num_embeddings:
            resize_rows(self, count, from_mean=mean_resizing)
        return embeddings  # type: ignore[no-any-return]

    # ---- attention heads ------------------------------------------------------------------------------------

    def prune_heads(self, heads_to_prune: Mapping[int, Collection[int]]) -> None:
        """Take attention heads out for good: the model gets smaller, and computes as if they had put out zero.

        They are written down in ``config.pruned_heads``, here and in the models around this one, so that a saved model
        comes back without them. Build the optimiser afterwards.

        Args:
            heads_to_prune: Layer → heads, as ``{0: [1, 3]}``, by the numbers that they had before any was pruned;
                those that are gone already are passed over.

        Raises:
            OptionError: There is no such layer or head, a layer would keep none, or the model's heads cannot be told
                apart. Then nothing was changed.
        """
        gone = heads_to_cut(self, heads_to_prune)
        whole, before = whole_of(self), self.config.pruned_heads
        changed = changed_configs(whole, [(self.config, {"pruned_heads": gone})])
        cut_heads(self, gone, before=before)
        adopt(whole, changed)

    @property
    def transformer_backbone_name(self) -> str:
        """`base_model_prefix`: PEFT asks for it, and then refuses prefix tuning of a model without a cache in words."""
        return self.base_model_prefix

    # ---- for subclasses -------------------------------------------------------------------------------------

    def post_init(self) -> None:
        """Do nothing: when the constructor returns, initial values and ties follow by themselves, see `ModelType`."""

    def as_requested(self, output: ModelOutput, return_dict: bool | None) -> Any:
        """Return an output as the caller wants it: itself, or a tuple of the fields that are not None."""
        return output if read_flag("return_dict", return_dict, self.config.return_dict) else output.to_tuple()

    def wants_attentions(self, output_attentions: bool | None) -> bool:
        """Return whether attention maps are to be returned; None leaves it to the configuration."""
        return read_flag("output_attentions", output_attentions, self.config.output_attentions)

    def wants_hidden_states(self, output_hidden_states: bool | None) -> bool:
        """Return whether all hidden states are to be returned; None leaves it to the configuration."""
        return read_flag("output_hidden_states", output_hidden_states, self.config.output_hidden_states)

    # ---- internals ------------------------------------------------------------------------------------------

    def _stacks(self) -> list[Stack]:
        return [module for module in self.modules() if isinstance(module, Stack)]

    def _checkpoint(self, every: int) -> None:
        if not (stacks := self._stacks()):
            raise OptionError(
                f"{type(self).__name__} has no gradient checkpointing: none of its layers are in a Stack "
                "(archsmith.layers.stack)."
            )
        for stack in stacks:
            stack.gradient_checkpointing, stack.every_n_layers = every > 0, every


def _require_gradients(_module: nn.Module, _args: Any, output: torch.Tensor) -> None:
    output.requires_grad_()


def _set_trainable(model: nn.Module, patterns: Sequence[str], *, trainable: bool) -> list[str]:
    """Set whether the parameters that any pattern matches (all, if there is none) are trained; return their names.

    Raises:
        OptionError: A pattern matches nothing; then nothing was changed.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise OptionError(f"a pattern must be a string, as 'classifier.*', but is {pattern!r}.")
        if not any(fnmatchcase(name, pattern) for name in parameters):
            groups = [f"{path}.*" for path, _ in model.named_modules() if path]
            hint = f" Did you mean {pattern + '.*'!r}?" if f"{pattern}.*" in groups else ""
            hint = hint or did_you_mean(pattern, [*parameters, *groups])
            raise OptionError(f"no parameter of {type(model).__name__} matches {pattern!r}.{hint}")
    chosen = [name for name in parameters if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    for name in chosen:
        parameters[name].requires_grad_(trainable)
    return chosen
