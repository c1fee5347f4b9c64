"""The layers of Swin: attention through windows, at several scales. The models are in the module beside it.

Source: Liu et al., "Swin Transformer: Hierarchical Vision Transformer using Shifted Windows" (arXiv:2103.14030),
section 3. Names of modules and parameters are those of the published MaskFormers.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, split_heads
from archsmith.layers.stack import Stack
from archsmith_maskformer.swin_config import MaskFormerSwinConfig

__all__ = ["Embeddings", "Encoded", "Encoder", "SelfAttention", "Shape"]

Shape = tuple[int, int]
#: Added to the scores of places that were no neighbours before the image was rolled.
_APART = -100.0


class Encoded(NamedTuple):
    """What the stages make of embedded patches.

    Attributes:
        last: What comes out of the last stage.
        outputs: What comes out of each stage, before it is merged, ``(batch, places, width)``.
        shapes: Rows and columns of the patches, and behind each stage.
        states: The embedded patches; and for each stage a tuple with what goes into and comes out of each block.
        maps: The attention maps of each block; empty unless attention is eager.
    """

    last: Tensor
    outputs: list[Tensor]
    shapes: list[Shape]
    states: tuple[Any, ...]
    maps: tuple[Tensor, ...]


class PatchEmbeddings(nn.Module):
    """One vector for each patch of an image."""

    def __init__(self, config: MaskFormerSwinConfig) -> None:
        super().__init__()
        self.patch = config.patch_shape
        self.projection = nn.Conv2d(config.num_channels, config.embed_dim, kernel_size=self.patch, stride=self.patch)

    def forward(self, pixels: Tensor) -> Tensor:
        """Embed ``(batch, channels, height, width)``, padded with zeros: ``(batch, width, rows, columns)``."""
        height, width = pixels.shape[2:]
        return self.projection(F.pad(pixels, (0, -width % self.patch[1], 0, -height % self.patch[0])))  # type: ignore[no-any-return]


class Embeddings(nn.Module):
    """Normalised patches, with positions added if the configuration says so."""

    def __init__(self, config: MaskFormerSwinConfig) -> None:
        super().__init__()
        self.grid = config.grid
        self.patch_embeddings = PatchEmbeddings(config)
        positions = torch.zeros(1, self.grid[0] * self.grid[1], config.embed_dim)
        self.position_embeddings = nn.Parameter(positions) if config.use_absolute_embeddings else None
        self.norm = nn.LayerNorm(config.embed_dim)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, pixels: Tensor, *, interpolate: bool) -> tuple[Tensor, Shape]:
        """Embed images: ``(batch, places, width)``, and how many rows and columns of places there are."""
        embedded = self.patch_embeddings(pixels)  # (batch, width, rows, columns)
        shape = (embedded.shape[2], embedded.shape[3])
        patches = self.norm(embedded.flatten(2).transpose(1, 2))  # (batch, rows × columns, width)
        if self.position_embeddings is not None:
            patches = patches + self._positions(self.position_embeddings, shape, interpolate=interpolate)
        return self.dropout(patches), shape

    def _positions(self, table: Tensor, shape: Shape, *, interpolate: bool) -> Tensor:
        if shape == self.grid:
            return table
        if not interpolate:
            raise InputError(
                f"the image has {shape[0]} x {shape[1]} patches (rows x columns), but the model has positions for "
                f"{self.grid[0]} x {self.grid[1]}. Resize it, or pass interpolate_pos_encoding=True."
            )
        spread = torch.unflatten(table.transpose(1, 2), 2, self.grid)  # (1, width, rows, columns)
        stretched = F.interpolate(spread, size=shape, mode="bicubic", align_corners=False)
        return stretched.flatten(2).transpose(1, 2)  # (1, places, width)


class SelfAttention(nn.Module):
    """Multi-head attention of the places of a window to each other, biased by how they lie to each other."""

    def __init__(self, config: MaskFormerSwinConfig, *, width: int, heads: int) -> None:
        super().__init__()
        self.window = config.window_size
        self.head_size = width // heads
        self.dropout = config.attention_probs_dropout_prob
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * self.window - 1) ** 2, heads))
        self.query = nn.Linear(width, width, bias=config.qkv_bias)
        self.key = nn.Linear(width, width, bias=config.qkv_bias)
        self.value = nn.Linear(width, width, bias=config.qkv_bias)
        self.init_buffers()

    def init_buffers(self) -> None:
        """Number the ways in which two places of a window can lie to each other: ``(places, places)`` integer."""
        lines = torch.arange(self.window)
        places = torch.cartesian_prod(lines, lines)  # (places, 2)
        apart = places[:, None] - places[None] + self.window - 1  # (places, places, 2), from 0
        index = apart[..., 0] * (2 * self.window - 1) + apart[..., 1]
        self.register_buffer("relative_position_index", index, persistent=False)

    def bias(self) -> Tensor:
        """Return what is added to the scores, ``(1, heads, places, places)``."""
        return self.relative_position_bias_table[self.get_buffer("relative_position_index")].permute(2, 0, 1)[None]

    def forward(self, windows: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Attend within windows.

        Args:
            windows: ``(batch × windows, places, width)``.
            mask: ``(windows, 1, places, places)``, added to the scores; None: nothing is.
            eager: Return the attention maps too.
        """
        bias = self.bias()
        if mask is not None:
            bias = bias + mask  # (windows, heads, places, places)
            bias = bias.repeat(windows.shape[0] // bias.shape[0], 1, 1, 1)  # (batch × windows, heads, places, places)
        # Which kernel torch takes hangs on whether the bias learns, so an exported one would not fit another exporter.
        spelled_out = eager or torch.compiler.is_exporting()
        attended, maps = attend(
            split_heads(self.query(windows), self.head_size),
            split_heads(self.key(windows), self.head_size),
            split_heads(self.value(windows), self.head_size),
            bias,
            dropout=self.dropout if self.training else 0.0,
            eager=spelled_out,
        )
        return attended, maps if eager else None


class Projection(nn.Module):
    """A linear layer, and an activation or dropout behind it."""

    def __init__(self, inputs: int, outputs: int, *, act: str = "linear", dropout: float = 0.0) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, outputs)
        self.activation = activation(act)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Project ``(…, inputs)`` to ``(…, outputs)``."""
        return self.dropout(self.activation(self.dense(hidden)))  # type: ignore[no-any-return]


class Attention(nn.Module):
    """Self-attention, and the projection that joins its heads."""

    def __init__(self, config: MaskFormerSwinConfig, *, width: int, heads: int) -> None:
        super().__init__()
        self.self = SelfAttention(config, width=width, heads=heads)
        self.output = Projection(width, width, dropout=config.attention_probs_dropout_prob)

    def forward(self, windows: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return what attention adds, ``(batch × windows, places, width)``, and the attention maps if ``eager``."""
        attended, maps = self.self(windows, mask, eager=eager)
        return self.output(attended), maps


class Block(nn.Module):
    """Attention within windows and feed-forward, each with a normalisation before it and a residual connection.

    In training whole images skip the attention at random (arXiv:1603.09382).
    """

    def __init__(
        self, config: MaskFormerSwinConfig, *, width: int, heads: int, is_shifted: bool, drop_path: float
    ) -> None:
        super().__init__()
        self.window = config.window_size
        self.shift = self.window // 2 if is_shifted else 0
        self.drop_path = drop_path
        inner = int(config.mlp_ratio * width)
        self.layernorm_before = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.attention = Attention(config, width=width, heads=heads)
        self.layernorm_after = nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.intermediate = Projection(width, inner, act=config.hidden_act)
        self.output = Projection(inner, width, dropout=config.hidden_dropout_prob)

    def forward(
        self, hidden: Tensor, shape: Shape, mask: Tensor | None, *, eager: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, places, width)``, and the attention maps if ``eager``."""
        rows, columns = shape
        grid = self.layernorm_before(hidden).unflatten(1, shape)  # (batch, rows, columns, width)
        grid = F.pad(grid, (0, 0, 0, -columns % self.window, 0, -rows % self.window))
        padded = (grid.shape[1], grid.shape[2])
        if self.shift:
            grid = grid.roll((-self.shift, -self.shift), dims=(1, 2))
        attended, maps = self.attention(_to_windows(grid, self.window), mask if self.shift else None, eager=eager)
        grid = _from_windows(attended, self.window, padded)
        if self.shift:
            grid = grid.roll((self.shift, self.shift), dims=(1, 2))
        hidden = hidden + self._dropped(grid[:, :rows, :columns].flatten(1, 2))
        return hidden + self.output(self.intermediate(self.layernorm_after(hidden))), maps

    def _dropped(self, added: Tensor) -> Tensor:
        """Drop what is added for some of the images, and make it larger for the others to make up for it."""
        if not self.training or self.drop_path == 0:
            return added
        kept = 1 - self.drop_path
        draws = torch.rand(added.shape[0], 1, 1, dtype=added.dtype, device=added.device)
        return added.div(kept) * (draws + kept).floor()


class PatchMerging(nn.Module):
    """Makes one place of four neighbours, twice as wide as each of them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.reduction = nn.Linear(4 * width, 2 * width, bias=False)
        self.norm = nn.LayerNorm(4 * width)

    def forward(self, hidden: Tensor, shape: Shape) -> tuple[Tensor, Shape]:
        """Merge ``(batch, places, width)``; return the new hidden states, and their rows and columns."""
        rows, columns = shape
        grid = F.pad(torch.unflatten(hidden, 1, shape), (0, 0, 0, columns % 2, 0, rows % 2))
        corners = [grid[:, row::2, column::2] for column in (0, 1) for row in (0, 1)]
        merged = torch.cat(corners, dim=-1)  # (batch, rows / 2, columns / 2, 4 × width)
        return self.reduction(self.norm(merged.flatten(1, 2))), (merged.shape[1], merged.shape[2])


class Stage(nn.Module):
    """Blocks at one scale, every second one with shifted windows; and the way to the next scale."""

    def __init__(self, config: MaskFormerSwinConfig, stage: int) -> None:
        super().__init__()
        self.window = config.window_size
        width, heads = config.widths[stage], config.num_heads[stage]
        first, last = sum(config.depths[:stage]), max(1, sum(config.depths) - 1)  # of all blocks
        self.blocks = Stack(
            Block(
                config,
                width=width,
                heads=heads,
                is_shifted=bool(place % 2),
                drop_path=config.drop_path_rate * (first + place) / last,
            )
            for place in range(config.depths[stage])
        )
        self.downsample = PatchMerging(width) if stage + 1 < len(config.depths) else None

    def forward(
        self, hidden: Tensor, shape: Shape, *, eager: bool
    ) -> tuple[tuple[Tensor, ...], list[Tensor | None], tuple[Tensor, Shape]]:
        """Return what goes into and comes out of each block; the attention maps; and the input of the next stage."""
        states: list[Tensor] = []
        maps: list[Tensor | None] = []
        mask = _shift_mask(shape, self.window, hidden) if len(self.blocks) > 1 else None
        for block in self.blocks.steps():
            states.append(hidden)
            hidden, attention_map = block(hidden, shape, mask, eager=eager)
            states.append(hidden)
            maps.append(attention_map)
        following = (hidden, shape) if self.downsample is None else self.downsample(hidden, shape)
        return tuple(states), maps, following


class Encoder(nn.Module):
    """The stages."""

    def __init__(self, config: MaskFormerSwinConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Stage(config, stage) for stage in range(len(config.depths)))

    def forward(self, hidden: Tensor, shape: Shape, *, eager: bool) -> Encoded:
        """Encode embedded patches, ``(batch, places, width)``, of the given rows and columns."""
        outputs: list[Tensor] = []
        states: list[Any] = [hidden]
        shapes, maps = [shape], []
        for stage in self.layers:
            stage_states, stage_maps, (hidden, shape) = stage(hidden, shape, eager=eager)
            outputs.append(stage_states[-1])
            states.append(stage_states)
            shapes.append(shape)
            maps += [each for each in stage_maps if each is not None]
        return Encoded(hidden, outputs, shapes, tuple(states), tuple(maps))


def _to_windows(grid: Tensor, window: int) -> Tensor:
    """Cut a grid, ``(batch, rows, columns, width)``, into windows, ``(batch × windows, places, width)``."""
    batch, rows, columns, width = grid.shape
    cut = grid.reshape(batch, rows // window, window, columns // window, window, width)
    return cut.transpose(2, 3).reshape(-1, window * window, width)


def _from_windows(windows: Tensor, window: int, shape: Shape) -> Tensor:
    """Put windows, ``(batch × windows, places, width)``, together to a grid, ``(batch, rows, columns, width)``."""
    rows, columns = shape
    cut = windows.reshape(-1, rows // window, columns // window, window, window, windows.shape[-1])
    return cut.transpose(2, 3).reshape(-1, rows, columns, windows.shape[-1])


def _shift_mask(shape: Shape, window: int, like: Tensor) -> Tensor:
    """Return what keeps places apart that meet in one window only because the grid was rolled.

    Returns:
        ``(windows, 1, places, places)`` in the type of ``like``: 0 for neighbours, -100 for the others.
    """
    shift = window // 2
    parts = []
    for size in shape:
        padded = size + -size % window
        line = torch.arange(padded, device=like.device)
        parts.append((line >= padded - window).long() + (line >= padded - shift).long())  # 0, 1 or 2 for each line
    region = parts[0][:, None] * 3 + parts[1][None]  # (rows, columns)
    regions = _to_windows(region[None, :, :, None], window)[:, :, 0]  # (windows, places)
    is_apart = regions[:, None, :, None] != regions[:, None, None]  # (windows, 1, places, places)
    return is_apart.to(like.dtype) * _APART
