from collections.abc import Iterator

from archsmith.backbone_config import BackboneConfig
from archsmith.config import Activation, Depth, NonNegative, Probability, Size, field


class VisionConfig(BackboneConfig):
    """The configuration of an encoder of images; its layers are the stages of a backbone."""

    model_type = "vision"
    invalidates = {**BackboneConfig.invalidates, "num_hidden_layers": ()}

    hidden_size: Size = field(default=384, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=6, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=1536, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    hidden_dropout_prob: Probability = field(default=0.0, doc="Dropout of embeddings and blocks.")
    layer_norm_eps: NonNegative = field(default=1e-6, doc="Added to the variance in every normalisation.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    image_size: Size | list[Size] = field(default=224, doc="Pixels of an image: one number, or height and width.")
    patch_size: Size = field(default=16, doc="Pixels of a patch in each direction.")
    num_channels: Size = field(default=3, doc="Channels of an image.")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        size = self.image_size
        return (size, size) if isinstance(size, int) else (size[0], size[1])

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches in an image."""
        return self.image_shape[0] // self.patch_size, self.image_shape[1] // self.patch_size

    @property
    def stage_names(self) -> list[str]:
        """The embedded patches, and each layer."""
        return ["stem", *(f"stage{layer}" for layer in range(1, self.num_hidden_layers + 1))]

    def rules(self) -> Iterator[str]:
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        if isinstance(self.image_size, list) and len(self.image_size) != 2:
            yield f"image_size must be one number, or height and width, but is {self.image_size}"
        elif 0 in self.grid:
            yield f"image_size is {self.image_size}, but must hold a patch of patch_size {self.patch_size}"
