"""A stranger's backbone, and a stranger's model that holds any backbone: two source distributions."""

from .conftest import Toy

CONFIG = """
    from archsmith.backbone_config import BackboneConfig
    from archsmith.config import Size, field


    class PyramidConfig(BackboneConfig):
        model_type = "pyramid"
        invalidates = {**BackboneConfig.invalidates, "widths": ()}
        widths: list[Size] = field(default=[4, 6, 8], doc="Channels of each stage.")

        @property
        def stage_names(self):
            return [f"floor{number}" for number in range(1, len(self.widths) + 1)]
    """
MODEL = """
    from torch import nn

    from archsmith import Backbone
    from archsmith.layers.pixels import check_pixels
    from archsmith.outputs import BackboneOutput
    from acme_pyramid.config import PyramidConfig


    class PyramidBackbone(Backbone):
        config_class = PyramidConfig

        def __init__(self, config):
            super().__init__(config)
            pairs = zip([3, *config.widths], config.widths)
            self.floors = nn.ModuleList(nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairs)
            self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in config.widths)

        @property
        def stage_channels(self):
            return self.config.widths

        @property
        def stage_strides(self):
            return [2 ** number for number in range(1, len(self.config.widths) + 1)]

        def forward(self, pixel_values, *, output_hidden_states=None, output_attentions=None, return_dict=None):
            hidden, states = check_pixels(pixel_values, channels=3).to(self.dtype), []
            for floor, norm in zip(self.floors, self.norms):
                hidden = norm(floor(hidden)).relu()
                states.append(hidden)
            kept = tuple(states) if self.wants_hidden_states(output_hidden_states) else None
            return self.as_requested(BackboneOutput(self.select(states), kept), return_dict)
    """
HOST = """
    from torch import nn

    from archsmith import BackboneHostConfig, PreTrainedModel
    from archsmith.backbone import load_backbone
    from archsmith.config import Size, field
    from archsmith.outputs import BaseModelOutput


    class MosaicConfig(BackboneHostConfig):
        model_type = "mosaic"
        width: Size = field(default=5, doc="Channels of every map.")


    class MosaicModel(PreTrainedModel):
        config_class = MosaicConfig
        main_input_name = "pixel_values"

        def __init__(self, config):
            backbone = load_backbone(config)
            super().__init__(config.with_backbone_config(backbone.config))
            self.backbone = backbone
            self.necks = nn.ModuleList(nn.Conv2d(channels, config.width, 1) for channels in backbone.channels)

        def forward(self, pixel_values):
            maps = self.backbone(pixel_values).feature_maps
            return BaseModelOutput(hidden_states=tuple(neck(each) for neck, each in zip(self.necks, maps)))
    """
MANIFEST = """
    from archsmith.plugin import Architecture, hookimpl

    @hookimpl
    def architectures():
        yield Architecture({})
    """

PYRAMID = Toy(
    "acme-pyramid",
    architectures={"pyramid": "acme_pyramid.plugin"},
    modules={
        "plugin": MANIFEST.format("""
            model_type="pyramid",
            config="acme_pyramid.config:PyramidConfig",
            models={"backbone": "acme_pyramid.model:PyramidBackbone"},
            presets={"acme/pyramid-small": {"widths": [4, 6], "out_indices": [0, 1]}},
        """),
        "config": CONFIG,
        "model": MODEL,
    },
)
MOSAIC = Toy(
    "acme-mosaic",
    architectures={"mosaic": "acme_mosaic.plugin"},
    modules={
        "plugin": MANIFEST.format("""
            model_type="mosaic",
            config="acme_mosaic.model:MosaicConfig",
            models={"base": "acme_mosaic.model:MosaicModel"},
        """),
        "model": HOST,
    },
)
