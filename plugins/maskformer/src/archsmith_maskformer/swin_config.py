"""Configurations of the Swin transformer that is MaskFormer's backbone."""

from collections.abc import Iterator
from typing import Any

from archsmith.backbone_config import BackboneConfig
from archsmith.config import Activation, Depth, NonNegative, Probability, Size, field

__all__ = ["MaskFormerSwinConfig", "SwinConfig"]

_STAGES_FOLLOW = ("out_features", "out_indices")
_MOST = 2**31 - 1  # as every other size


class MaskFormerSwinConfig(BackboneConfig):
    """The configuration of a Swin transformer that gives feature maps. The defaults are those of Swin-T.

    Its stages are ``stem``, the embedded patches, and ``stage1``, ``stage2``, …: each is twice as wide and half as fine
    as the one before, but the first, which is like the stem.

    Example:
        >>> from archsmith import MaskFormerSwinConfig
        >>> config = MaskFormerSwinConfig(depths=[2, 2], num_heads=[3, 6], out_features=["stage1", "stage2"])
        >>> config.hidden_size, config.out_indices
        (192, [1, 2])
    """

    model_type = "maskformer-swin"
    attribute_map = {"num_attention_heads": "num_heads"}
    invalidates = {**BackboneConfig.invalidates, "depths": _STAGES_FOLLOW}
    computed = ("stage_names", "hidden_size", "num_layers")

    image_size: Size | list[Size] = field(default=224, doc="Pixels of an image: one number, or height and width.")
    patch_size: Size | list[Size] = field(default=4, doc="Pixels of a patch: one number, or height and width.")
    num_channels: Size = field(default=3, doc="Channels of an image.")
    embed_dim: Size = field(default=96, doc="Width of the first stage; each stage is twice as wide as the one before.")
    depths: list[Depth] = field(default=[2, 2, 6, 2], doc="Blocks in each stage.")
    num_heads: list[Size] = field(
        default=[3, 6, 12, 24], doc="Attention heads of each stage; they must divide its width."
    )
    window_size: Size = field(default=7, doc="Places, in each direction, that attend to each other.")
    mlp_ratio: NonNegative = field(default=4.0, doc="Width inside the feed-forward blocks, in widths of their stage.")
    qkv_bias: bool = field(default=True, doc="Queries, keys and values have a bias.")
    hidden_dropout_prob: Probability = field(default=0.0, doc="Dropout of embeddings and feed-forward blocks.")
    attention_probs_dropout_prob: Probability = field(default=0.0, doc="Dropout of the attention probabilities.")
    drop_path_rate: Probability = field(
        default=0.1, doc="How often the last block skips its attention; the first never does."
    )
    hidden_act: Activation = field(default="gelu", doc="Activation function of the feed-forward blocks.")
    use_absolute_embeddings: bool = field(default=False, doc="Add learned positions to the embedded patches.")
    initializer_range: NonNegative = field(default=0.02, doc="Standard deviation of the initial weights.")
    layer_norm_eps: NonNegative = field(default=1e-5, doc="Added to the variance in the normalisations of the blocks.")

    @property
    def patch_shape(self) -> tuple[int, int]:
        """Height and width of a patch, in pixels."""
        return _pair(self.patch_size)

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches in an image of ``image_size``."""
        height, width = _pair(self.image_size)
        return height // self.patch_shape[0], width // self.patch_shape[1]

    @property
    def stage_names(self) -> list[str]:
        """The stages: the embedded patches, and one for each of ``depths``."""
        return ["stem", *(f"stage{stage}" for stage in range(1, len(self.depths) + 1))]

    @property
    def num_layers(self) -> int:
        """The number of stages behind the stem."""
        return len(self.depths)

    @property
    def num_hidden_layers(self) -> int:
        """The number of stages behind the stem, under the name that it has elsewhere."""
        return len(self.depths)

    @property
    def widths(self) -> list[int]:
        """The width of each stage behind the stem."""
        return [self.embed_dim * 2**stage for stage in range(len(self.depths))]

    @property
    def hidden_size(self) -> int:
        """The width of the last stage."""
        return self.widths[-1]

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between fields."""
        if not self.depths:
            yield "depths must hold at least one stage, but is empty"
            return
        yield from super().rules()
        for name in ("image_size", "patch_size"):
            value = getattr(self, name)
            if isinstance(value, list) and len(value) != 2:  # noqa: PLR2004
                yield f"{name} must be one number, or height and width, but is {value}"
                return
        if 0 in self.grid:
            yield f"image_size is {self.image_size}, but must hold a patch of patch_size {self.patch_size}"
        if len(self.num_heads) != len(self.depths):
            yield f"num_heads is {self.num_heads}, but must hold one number for each of depths {self.depths}"
        else:
            yield from self._size_faults()

    def _size_faults(self) -> Iterator[str]:
        """Say which sizes do not fit together, or are more than a tensor can have."""
        if (2 * self.window_size - 1) ** 2 > _MOST:
            yield f"window_size is {self.window_size}, but must leave room for a table of all pairs of its places"
        if self.hidden_size > _MOST:
            yield f"embed_dim is {self.embed_dim}, but must be small enough to be doubled for {len(self.depths)} stages"
            return
        for stage, (width, heads) in enumerate(zip(self.widths, self.num_heads, strict=True), start=1):
            if width % heads:
                yield f"num_heads of stage{stage} is {heads}, but must divide its width {width}"
            if not 1 <= self.mlp_ratio * width <= _MOST:
                most = _MOST // width
                yield f"mlp_ratio is {self.mlp_ratio}, but must be from 1 / {width} to {most} for stage{stage}"


class SwinConfig(MaskFormerSwinConfig):
    """A Swin transformer as published MaskFormers describe theirs: every stage gives a feature map, whatever it says.

    It is known inside a `MaskFormerConfig` alone. To choose stages take `MaskFormerSwinConfig`.
    """

    model_type = "swin"

    def derived(self) -> dict[str, Any]:
        """Return all stages behind the stem."""
        stages = range(1, len(self.depths) + 1)
        return {"out_features": [f"stage{stage}" for stage in stages], "out_indices": list(stages)}


def _pair(size: int | list[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])
