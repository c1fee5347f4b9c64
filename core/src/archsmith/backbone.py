"""Backbones: models that turn an image into feature maps, and how a model gets the one that its configuration chooses.

A host, such as MaskFormer, holds a backbone without knowing its architecture: the registry finds the class.
"""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor

from archsmith.backbone_config import TIMM, BackboneConfig, BackboneHostConfig
from archsmith.errors import ConfigError, OptionError, PluginBroken
from archsmith.model.base import PreTrainedModel
from archsmith.model.building import values_come_from_files
from archsmith.model.marker import adopt, changed_configs, whole_of
from archsmith.registry.base import registry

__all__ = ["Backbone", "load_backbone"]


class Backbone(PreTrainedModel):
    """What every backbone is: stages of known width and stride, some of which give feature maps.

    A subclass has a `BackboneConfig`, says how wide and how coarse each stage is, and returns from ``forward`` a
    `BackboneOutput` whose ``feature_maps`` it picks with `select`. The feature map of a stage is ``(batch, channels,
    height / stride, width / stride)``, whatever the model's own layout. Where a size does not divide it is rounded up,
    as by most, or down, as by the published ConvNeXt: a host looks at the maps for their sizes.

    Attributes:
        main_input_name: ``pixel_values``.
        host_channels: The channels that the model around it was built for; empty: there is none, or it is not known.

    Example:
        >>> import torch
        >>> from archsmith import ResNetBackbone, ResNetConfig
        >>> config = ResNetConfig(depths=[1, 1], hidden_sizes=[16, 32], embedding_size=8, out_indices=[0, -1])
        >>> backbone = ResNetBackbone(config)
        >>> backbone.out_features, backbone.channels, backbone.strides
        (['stem', 'stage2'], [8, 32], [4, 8])
        >>> [tuple(features.shape) for features in backbone(torch.zeros(1, 3, 30, 40)).feature_maps]
        [(1, 8, 8, 10), (1, 32, 4, 5)]
    """

    config: BackboneConfig
    main_input_name: ClassVar[str] = "pixel_values"
    host_channels: Sequence[int] = ()

    @property
    def stage_channels(self) -> Sequence[int]:
        """The number of channels of every stage, in the order of the configuration's ``stage_names``."""
        raise NotImplementedError(f"{type(self).__name__} must say how wide its stages are in stage_channels.")

    @property
    def stage_strides(self) -> Sequence[int]:
        """How many pixels of the image, in each direction, one place of a stage's feature map stands for."""
        raise NotImplementedError(f"{type(self).__name__} must say how coarse its stages are in stage_strides.")

    def forward(
        self,
        pixel_values: Tensor,
        *,
        output_hidden_states: bool | None = None,
        output_attentions: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Return the feature maps of a batch of images, ``(batch, channels, height, width)``: a `BackboneOutput`."""
        raise NotImplementedError(f"{type(self).__name__} must compute its feature maps in forward.")

    @property
    def stage_names(self) -> list[str]:
        """The names of all stages, finest first."""
        return list(self.config.stage_names or ())

    @property
    def out_features(self) -> list[str]:
        """The names of the stages that give feature maps; assign others to change them."""
        return list(self.config.out_features or ())

    @out_features.setter
    def out_features(self, names: Sequence[str]) -> None:
        self._choose(out_features=list(names))

    @property
    def out_indices(self) -> list[int]:
        """The places of these stages in `stage_names`, counted from the start; assign others to change them."""
        names = self.stage_names
        return [names.index(name) for name in self.out_features]

    @out_indices.setter
    def out_indices(self, indices: Sequence[int]) -> None:
        self._choose(out_indices=list(indices))

    def _choose(self, **stages: Any) -> None:
        whole = whole_of(self)
        copies = changed_configs(whole, [(self.config, stages)])
        chosen = copies[id(self.config)].out_features
        channels = [self.stage_channels[self.stage_names.index(name)] for name in chosen]
        self._refuse_other(channels, chosen)
        adopt(whole, copies)

    def _refuse_other(self, channels: Sequence[int], chosen: Sequence[str]) -> None:
        """Refuse feature maps of other widths than those that the model around this one was built for."""
        whole = whole_of(self)
        if whole is not self and channels != (built_for := self.host_channels or self.channels):
            raise OptionError(
                f"{type(whole).__name__} was built for feature maps of {built_for} channels, but those of "
                f"{', '.join(chosen)} have {channels}. Choose the stages in its configuration, and build it from that."
            )

    @property
    def channels(self) -> list[int]:
        """The number of channels of each feature map."""
        return [self.stage_channels[index] for index in self.out_indices]

    @property
    def out_feature_channels(self) -> dict[str, int]:
        """The name of every stage → the number of its channels."""
        return dict(zip(self.stage_names, self.stage_channels, strict=False))

    @property
    def strides(self) -> list[int]:
        """The stride of each feature map, in pixels."""
        return [self.stage_strides[index] for index in self.out_indices]

    def select(self, stages: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return of the outputs of all stages those that are feature maps.

        Raises:
            ConfigError: The choice of stages was changed in place, and contradicts itself.
            OptionError: The model around this one was built for feature maps of other widths.
        """
        if any(self.config.stage_faults(self.stage_names)):
            self.config.check()
        if self.host_channels and self.channels != self.host_channels:  # whole_of looks at every module
            self._refuse_other(self.channels, self.out_features)
        return tuple(stages[index] for index in self.out_indices)


def load_backbone(config: BackboneHostConfig, *, own: Mapping[str, type[Backbone]] | None = None) -> Backbone:
    """Build the backbone that a host's configuration chooses, for the host's constructor to hold.

    Its values are random, or those under its name if ``use_pretrained_backbone`` says so; while the host itself comes
    from files, they come with it and nothing is fetched. The host then takes
    ``config.with_backbone_config(backbone.config)`` for its own configuration.

    Args:
        config: The host's configuration.
        own: Backbones that only this host knows, by ``model_type``; others are the registry's.

    Returns:
        The backbone, float32 and in training mode.

    Example:
        >>> from archsmith import BackboneHostConfig
        >>> load_backbone(BackboneHostConfig(backbone="microsoft/resnet-18")).channels  # a preset: random values
        [512]

    Raises:
        ConfigError: No backbone is chosen, or its configuration is not a backbone's.
        UnknownTask, PluginError: No usable plugin has this backbone.
        CheckpointError, HubError: The named one cannot be had.
    """
    if not isinstance(config, BackboneHostConfig):
        raise ConfigError(f"load_backbone needs the configuration of a host, but got {type(config).__name__}.")
    pretrained = config.use_pretrained_backbone and not values_come_from_files()
    chosen = config.resolve_backbone(pretrained=pretrained)
    found = (own or {}).get(chosen.model_type) or registry.load(chosen.model_type, "models.backbone")
    if not issubclass(found, Backbone):
        raise PluginBroken(
            f"{found.__module__}.{found.__name__} is declared as the backbone of {chosen.model_type!r}, but is no "
            "archsmith.backbone.Backbone. Its author must derive it from that class."
        )
    if pretrained and chosen.model_type != TIMM and config.backbone is not None:
        backbone = found.from_pretrained(config.backbone, config=chosen, dtype=torch.float32).train()
    else:
        backbone = found(chosen)
    backbone.host_channels = backbone.channels
    return backbone
