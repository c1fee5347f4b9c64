"""A model of timm as a backbone."""

from collections.abc import Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from archsmith.backbone import Backbone
from archsmith.errors import ConfigError, InputError
from archsmith.layers.pixels import check_pixels
from archsmith.model import foreign_modules, values_come_from_files
from archsmith.outputs import BackboneOutput
from archsmith_timm.backbone_config import TimmBackboneConfig
from archsmith_timm.library import create_model, import_timm, reason
from archsmith_timm.weights import load_timm_weights

__all__ = ["TimmBackbone"]


class TimmBackbone(Backbone):
    """A backbone that timm builds, up to the deepest stage that is chosen.

    Feature maps have their channels in the second place, also where timm's model has them last.

    Example:
        >>> import torch
        >>> from archsmith import TimmBackbone, TimmBackboneConfig
        >>> backbone = TimmBackbone(TimmBackboneConfig("resnet10t", out_indices=[1, 3]))
        >>> [tuple(features.shape) for features in backbone(torch.zeros(1, 3, 64, 96)).feature_maps]
        [(1, 64, 16, 24), (1, 256, 4, 6)]
        >>> backbone.out_features, backbone.channels, backbone.strides
        (['layer1', 'layer3'], [64, 256], [4, 16])
    """

    config_class = TimmBackboneConfig
    config: TimmBackboneConfig
    #: Frozen batch normalisation does not count batches.
    ignored_keys = ("*.num_batches_tracked",)
    optional_keys: ClassVar[tuple[str, ...]] = ("*.num_batches_tracked",)

    def __init__(self, config: TimmBackboneConfig) -> None:
        super().__init__(config)
        with foreign_modules(self):
            self.config, self._backbone = _built(config)
            self._depth = self.out_indices[-1] + 1
            deeper = _deeper(self._backbone, self._depth)
            self.optional_keys = (*type(self).optional_keys, *deeper)  # type: ignore[misc]  # of this very model
            if config.use_pretrained_backbone and not values_come_from_files():
                load_timm_weights(
                    self._backbone, str(config.backbone), channels=config.num_channels, owner=_owner(config)
                )
            if config.freeze_batch_norm_2d:
                self.freeze_batch_norm_2d()

    @property
    def stage_channels(self) -> Sequence[int]:
        """The number of channels of every stage."""
        return [stage["num_chs"] for stage in _stages(self._backbone)]

    @property
    def stage_strides(self) -> Sequence[int]:
        """The stride of every stage, in pixels."""
        return [stage["reduction"] for stage in _stages(self._backbone)]

    def freeze_batch_norm_2d(self) -> None:
        """Fix all batch normalisation: its statistics stay as they are, and its parameters are trained no more."""
        import_timm().layers.freeze_batch_norm_2d(self._backbone)

    def unfreeze_batch_norm_2d(self) -> None:
        """Undo `freeze_batch_norm_2d`."""
        import_timm().layers.unfreeze_batch_norm_2d(self._backbone)

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,  # noqa: ARG002  # as every backbone takes it
        return_dict: bool | None = None,
    ) -> Any:
        """Return the feature maps of a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float, of a size that timm's model takes.
            output_hidden_states: Return the output of every stage up to the deepest one that is chosen.
            output_attentions: Without effect: timm's models return no attention maps.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BackboneOutput`.

        Raises:
            InputError: A shape or a type does not fit.
        """
        pixels = check_pixels(pixel_values, channels=self.config.num_channels).to(self.dtype)
        if self.out_indices[-1] >= self._depth:
            raise InputError(
                f"this backbone was built up to {self.stage_names[self._depth - 1]!r}, but is to give "
                f"{self.out_features[-1]!r}. Build one with out_features={self.out_features}."
            )
        keeps_states = self.wants_hidden_states(output_hidden_states)
        wanted = list(range(self._depth)) if keeps_states else self.out_indices
        try:
            stages = dict(zip(wanted, self._computed(pixels, wanted), strict=True))
        except torch.OutOfMemoryError:
            raise
        except (AssertionError, RuntimeError, ValueError) as error:
            raise InputError(
                f"timm's {self.config.backbone} cannot take pixel_values of the shape {tuple(pixels.shape)}: "
                f"{reason(error)}."
            ) from error
        maps = tuple(stages[index] for index in self.out_indices)
        return self.as_requested(BackboneOutput(maps, tuple(stages.values()) if keeps_states else None), return_dict)

    def _computed(self, pixels: Tensor, wanted: list[int]) -> list[Tensor]:
        """Return the features of some stages, each ``(batch, channels, height, width)``."""
        network: Any = self._backbone
        if hasattr(network, "out_indices"):  # timm asks the model for some of its layers, as this does
            asked = {"indices": wanted, "norm": network.norm, "output_fmt": network.output_fmt}
            features: list[Tensor] = network.model.forward_intermediates(pixels, intermediates_only=True, **asked)
            return features
        features = network(pixels)
        features = [features[index] for index in wanted]
        if getattr(network, "output_fmt", "NCHW") == "NHWC":
            features = [each.permute(0, 3, 1, 2) for each in features]  # (batch, channels, height, width)
        return features


def _built(config: TimmBackboneConfig) -> tuple[TimmBackboneConfig, nn.Module]:
    """Return the configuration with its stages, and timm's model, which gives out all of them up to the deepest."""
    try:
        network = _features(config, config.out_indices or [-1])
    except ConfigError:
        config.with_stages(_names(_features(config, [-1])))  # if the stages are what is wrong, this says which
        raise
    known = config.with_stages(_names(network))
    deepest = _names(network).index((known.out_features or [])[-1])
    stages = list(range(deepest + 1))
    has_all = network.feature_info.out_indices in (tuple(stages), stages)
    if config.out_indices is None or not (has_all or _give_out(network, stages)):
        network = _features(config, stages)
        _give_out(network, stages)
    return known, network


def _features(config: TimmBackboneConfig, stages: Sequence[int]) -> Any:
    """Let timm build a model up to the deepest of some stages."""
    return create_model(
        config.backbone,
        owner=_owner(config),
        features_only=True,
        in_chans=config.num_channels,
        out_indices=tuple(stages),
        output_stride=config.output_stride,
    )


def _owner(config: TimmBackboneConfig) -> str:
    """Return the field that names timm's model, for messages."""
    return f"{type(config).__name__}.backbone"


def _give_out(network: Any, stages: list[int]) -> bool:
    """Have a model give out all of some stages that it computes anyway; False if it has to be built for that."""
    if hasattr(network, "return_layers"):  # timm cut the model into modules that follow each other
        modules = [stage["module"] for stage in _stages(network)[: len(stages)]]
        found = [name if name in network else name.replace(".", "_") for name in modules]
        network.return_layers = {name: str(stage) for stage, name in zip(stages, found, strict=True)}
        return True
    return hasattr(network, "out_indices")


def _stages(network: Any) -> list[dict[str, Any]]:
    """Return what timm says of the stages of a model, finest first."""
    stages: list[dict[str, Any]] = network.feature_info.info
    return stages


def _deeper(network: Any, depth: int) -> list[str]:
    """Return patterns of the weights of stages that are not built: a file may have them all the same."""
    modules = [stage["module"] for stage in _stages(network)[depth:]]
    places = [f"{holder}{module}." for module in modules for holder in ("", "model.")]
    places += [place.replace(".", "_", 1) for place in places]
    built = tuple(network.state_dict())
    return [f"_backbone.{place}*" for place in places if not any(name.startswith(place) for name in built)]


def _names(network: Any) -> list[str]:
    """Return the names of the stages: timm's modules, with the number of the stage where one module gives several."""
    modules = [stage["module"] for stage in _stages(network)]
    return [f"{module}:{number}" if module in modules[:number] else module for number, module in enumerate(modules)]
