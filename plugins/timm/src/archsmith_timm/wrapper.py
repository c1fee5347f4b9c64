"""Models of timm: without a head, and as classifiers of images."""

import re
from typing import Any

import torch
from torch import Tensor, nn

from archsmith.errors import ConfigError, InputError
from archsmith.layers.losses import classification_loss
from archsmith.layers.pixels import check_pixels
from archsmith.messages import shown
from archsmith.model import PreTrainedModel, foreign_modules
from archsmith.options import read_flag
from archsmith.outputs import BaseModelOutputWithPooling, ImageClassifierOutput
from archsmith_timm.library import create_model, reason
from archsmith_timm.wrapper_config import TimmWrapperConfig

__all__ = ["TimmWrapperForImageClassification", "TimmWrapperModel", "TimmWrapperPreTrainedModel"]

_PREFIX = "timm_model."
#: What the last layer is called in heads of several.
_INSIDE_HEAD = re.compile(r"\.(linear|l|fc2)$")


class TimmWrapperPreTrainedModel(PreTrainedModel):
    """What models of timm share: one whole model of timm in ``timm_model``.

    Files may name its weights with or without ``timm_model.`` in front, as other programs and timm itself do.
    """

    config_class = TimmWrapperConfig
    config: TimmWrapperConfig
    main_input_name = "pixel_values"
    timm_model: nn.Module

    def __init__(self, config: TimmWrapperConfig) -> None:
        super().__init__(config)
        self.timm_model = self._built(self._classes())
        known: dict[str, Any] = getattr(self.timm_model, "pretrained_cfg", {})
        self.head_keys = tuple(f"{prefix}{head}.*" for head in _heads(known) for prefix in ("", _PREFIX))
        self._channels = int((config.model_args or {}).get("in_chans", known.get("input_size", (3,))[0]))

    def _classes(self) -> int:
        """Return how many classes the model tells apart; 0: it has no head."""
        return 0

    def _built(self, classes: int) -> nn.Module:
        config = self.config
        owner = f"{type(config).__name__}.architecture"
        with foreign_modules(self):
            return create_model(config.architecture, owner=owner, num_classes=classes, **(config.model_args or {}))

    @staticmethod
    def rename_key(key: str) -> str:
        """Return a key of timm's own files as this model has it."""
        return key if key.startswith(_PREFIX) else _PREFIX + key

    def _wanted(self, output_hidden_states: bool | list[int] | None) -> bool | list[int]:
        """Return whether features of stages are asked for, or of which."""
        if output_hidden_states is None:
            return self.config.output_hidden_states
        wanted: Any = output_hidden_states
        numbers = wanted if isinstance(wanted, list) else [None]
        if not isinstance(wanted, bool) and not all(type(number) is int for number in numbers):
            raise InputError(f"output_hidden_states must be true, false or a list of integers, but is {shown(wanted)}.")
        return output_hidden_states

    def _checked(self, pixel_values: Tensor, output_attentions: bool | None) -> Tensor:
        """Return the pixels that timm's model takes."""
        if self.wants_attentions(output_attentions):
            raise InputError("output_attentions must be false: timm's models return no attention maps.")
        return check_pixels(pixel_values, channels=self._channels).to(self.dtype)

    def _with_states(self, pixels: Tensor, wanted: bool | list[int]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """Return timm's features before pooling, and those of its stages."""
        if not hasattr(self.timm_model, "forward_intermediates"):
            raise InputError(f"output_hidden_states must be false: timm's {self.config.architecture} returns none.")
        chosen: dict[str, Any] = {} if isinstance(wanted, bool) else {"indices": list(wanted)}
        features, states = self._called("forward_intermediates", pixels, **chosen)
        return features, tuple(states)

    def _called(self, method: str, values: Any, **options: Any) -> Any:
        """Let timm's model compute, and say which images it cannot take."""
        try:
            return getattr(self.timm_model, method)(values, **options)
        except torch.OutOfMemoryError:
            raise
        except (AssertionError, RuntimeError, ValueError) as error:
            asked = f" with {options}" if options else ""
            of_shape = f" of the shape {tuple(values.shape)}" if isinstance(values, Tensor) else ""
            raise InputError(
                f"timm's {self.config.architecture} cannot compute {method.strip('_')} of values{of_shape}{asked}: "
                f"{reason(error)}."
            ) from error


def _heads(known: dict[str, Any]) -> list[str]:
    """Return the modules of timm's model that fall away with the head: timm names the last layer of each."""
    last = known.get("classifier") or ()
    return [_INSIDE_HEAD.sub("", name) for name in ([last] if isinstance(last, str) else last)]


class TimmWrapperModel(TimmWrapperPreTrainedModel):
    """A model of timm without its head.

    Example:
        >>> import torch
        >>> from archsmith import TimmWrapperConfig, TimmWrapperModel
        >>> output = TimmWrapperModel(TimmWrapperConfig(architecture="resnet10t"))(torch.zeros(1, 3, 64, 64))
        >>> tuple(output.last_hidden_state.shape), tuple(output.pooler_output.shape)
        ((1, 512, 2, 2), (1, 512))
    """

    def forward(
        self,
        pixel_values: Tensor,
        *,
        do_pooling: bool | None = None,
        output_hidden_states: bool | list[int] | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the features of a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float, of a size that timm's model takes.
            do_pooling: Return ``pooler_output``; None: as the configuration says.
            output_hidden_states: Return the features of timm's stages: all of them, or those of these numbers.
            output_attentions: Must not be true: timm's models return no attention maps.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPooling`: ``last_hidden_state`` as timm's model has it before pooling, and
            ``pooler_output``, which the head would take, ``(batch, features)``.

        Raises:
            InputError: A shape or a type does not fit, or what is asked for does not exist.
        """
        pixels, states = self._checked(pixel_values, output_attentions), None
        if wanted := self._wanted(output_hidden_states):
            features, states = self._with_states(pixels, wanted)
        else:
            features = self._called("forward_features", pixels)
        pools = read_flag("do_pooling", do_pooling, self.config.do_pooling)
        pooled = self._called("forward_head", features) if pools else None
        return self.as_requested(BaseModelOutputWithPooling(features, pooled, states), return_dict)


class TimmWrapperForImageClassification(TimmWrapperPreTrainedModel):
    """A classifier of timm.

    Example:
        >>> import torch
        >>> from archsmith import TimmWrapperConfig, TimmWrapperForImageClassification
        >>> config = TimmWrapperConfig(architecture="resnet10t", num_labels=4)
        >>> tuple(TimmWrapperForImageClassification(config)(torch.zeros(1, 3, 64, 64)).logits.shape)
        (1, 4)
    """

    def _classes(self) -> int:
        if self.config.num_labels == 0:
            raise ConfigError(
                f"{type(self).__name__} needs classes, but num_labels is 0. Pass num_labels, or use TimmWrapperModel."
            )
        return self.config.num_labels

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool | list[int] | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments as `TimmWrapperModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `ImageClassifierOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit, or what is asked for does not exist.
        """
        pixels, states = self._checked(pixel_values, output_attentions), None
        if wanted := self._wanted(output_hidden_states):
            features, states = self._with_states(pixels, wanted)
            logits = self._called("forward_head", features)
        else:
            logits = self._called("__call__", pixels)
        output = ImageClassifierOutput(
            loss=None if labels is None else classification_loss(logits, labels, self.config.problem_type),
            logits=logits,
            hidden_states=states,
        )
        return self.as_requested(output, return_dict)
