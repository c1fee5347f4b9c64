"""ViT's configuration."""

from collections.abc import Iterator

from archsmith.backbone_config import BackboneConfig
from archsmith.config import Activation, Depth, NonNegative, Probability, Size, field

__all__ = ["ViTConfig"]


class ViTConfig(BackboneConfig):
    """The configuration of a Vision Transformer. The defaults are those of vit-base-patch16-224.

    As a backbone its stages are ``stem``, the embedded patches, and ``stage1``, ``stage2``, …, the layers.

    Example:
        >>> from archsmith import ViTConfig
        >>> config = ViTConfig(image_size=[48, 32], patch_size=16, num_hidden_layers=2)
        >>> config.grid, config.out_features
        ((3, 2), ['stage2'])
    """

    model_type = "vit"
    invalidates = {**BackboneConfig.invalidates, "num_hidden_layers": ()}  # from which the stages follow anew

    hidden_size: Size = field(default=768, doc="Width of the hidden states.")
    num_hidden_layers: Depth = field(default=12, doc="Transformer layers.")
    num_attention_heads: Size = field(default=12, doc="Attention heads in each layer; must divide hidden_size.")
    intermediate_size: Size = field(default=3072, doc="Width inside the feed-forward blocks.")
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    hidden_dropout_prob: Probability = field(
        default=0.0, doc="Dropout of embeddings, attention and feed-forward blocks."
    )
    attention_probs_dropout_prob: Probability = field(default=0.0, doc="Dropout of the attention probabilities.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    layer_norm_eps: NonNegative = field(default=1e-12, doc="Added to the variance in every normalisation.")
    image_size: Size | list[Size] = field(default=224, doc="Pixels of an image: one number, or height and width.")
    patch_size: Size | list[Size] = field(default=16, doc="Pixels of a patch: one number, or height and width.")
    num_channels: Size = field(default=3, doc="Channels of an image.")
    qkv_bias: bool = field(default=True, doc="Queries, keys and values have a bias.")
    encoder_stride: Size = field(
        default=16, doc="Pixels, in each direction, that a patch becomes when it is filled in."
    )
    pooler_output_size: Size | None = field(default=None, doc="Width of the pooled vector; none: hidden_size.")
    pooler_act: Activation = field(default="tanh", doc="Activation function of the pooler.")

    @property
    def image_shape(self) -> tuple[int, int]:
        """Height and width of an image, in pixels."""
        return _pair(self.image_size)

    @property
    def patch_shape(self) -> tuple[int, int]:
        """Height and width of a patch, in pixels."""
        return _pair(self.patch_size)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches in an image; what is left over at its lower and right edge is not seen."""
        return self.image_shape[0] // self.patch_shape[0], self.image_shape[1] // self.patch_shape[1]

    @property
    def stage_names(self) -> list[str]:
        """The stages of the backbone: the embedded patches, and each layer."""
        return ["stem", *(f"stage{layer}" for layer in range(1, self.num_hidden_layers + 1))]

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        yield from super().rules()
        if self.hidden_size % self.num_attention_heads:
            yield f"num_attention_heads is {self.num_attention_heads}, but must divide hidden_size {self.hidden_size}"
        for name in ("image_size", "patch_size"):
            value = getattr(self, name)
            if isinstance(value, list) and len(value) != 2:  # noqa: PLR2004
                found = value if len(value) < 9 else f"a list of {len(value)}"  # noqa: PLR2004
                yield f"{name} must be one number, or height and width, but is {found}"
                return
        if 0 in self.grid:
            yield f"image_size is {self.image_size}, but must hold a patch of patch_size {self.patch_size}"


def _pair(size: int | list[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
