"""The keys and values of the tokens that a decoder has read, kept for those that it reads next.

Source: Shazeer, "Fast Transformer Decoding: One Write-Head is All You Need" (arXiv:1911.02150), section 2.4; with a
window, Jiang et al., "Mistral 7B" (arXiv:2310.06825), section 2.
"""

import operator
from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor

from archsmith.errors import InputError, OptionError
from archsmith.messages import shown

__all__ = ["Cache"]

#: Room for tokens to come: never less, and an eighth of what is held, so that copies stay few and memory small.
_BLOCK = 64


class Cache:
    """Keys and values of every layer. A model appends to it in place; `update` returns all that attention needs.

    Without gradients it grows in blocks, and a token costs no copy. With gradients each step is a new tensor, as what
    the graph holds must not change.

    Args:
        windows: For each layer how many tokens one sees at most, itself counted; None: all. A layer beyond these sees
            all. What no token can see any more is dropped.

    Attributes:
        windows: As they were passed.
        tokens: ``(batch, tokens)`` integer: what ``generate`` read, -1 for padding; it goes on from where a new prompt
            differs. None: not known, as after a call of the model itself.
        owner: What tells the model that ``generate`` read with from others; None: not known.

    Example:
        >>> import torch
        >>> from archsmith_generation import Cache
        >>> cache = Cache()
        >>> states = torch.zeros(1, 2, 5, 8)  # (batch, key heads, tokens, head size)
        >>> keys, values = cache.update(0, states, states)
        >>> keys, values = cache.update(0, states[:, :, :1], states[:, :, :1])
        >>> keys.shape, cache.length
        (torch.Size([1, 2, 6, 8]), 6)
    """

    def __init__(self, *, windows: Sequence[int | None] = ()) -> None:
        self.windows = tuple(_checked_window(window) for window in windows)
        self._layers: dict[int, _Layer] = {}
        self.tokens: Tensor | None = None
        self.owner: str | None = None

    @property
    def length(self) -> int:
        """How many tokens were read."""
        return next((layer.length for layer in self._layers.values()), 0)

    @property
    def batch(self) -> int:
        """How many rows it has; 0 as long as it is empty."""
        return next((layer.keys.shape[0] for layer in self._layers.values()), 0)

    def __len__(self) -> int:
        """Return how many layers it has."""
        return len(self._layers)

    def __bool__(self) -> bool:
        return True  # an empty one is a cache too

    def kept(self, layer: int = 0) -> int:
        """Return how many keys of a layer the next token sees before its own: ``past`` of `attention_mask_for`."""
        held = self._layers.get(layer)
        window = self.windows[layer] if layer < len(self.windows) else None
        seen = self.length if held is None else held.end
        return seen if window is None else min(seen, window - 1)

    def update(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Append what a layer made of new tokens, and return what these attend to.

        Args:
            layer: The layer's number; the first layer of a model comes first.
            key: ``(batch, key heads, tokens, head size)`` float.
            value: Likewise; its head size may be another.

        Returns:
            Keys and values, ``(batch, key heads, kept + tokens, head size)``, views into the cache: good until it is
            changed by more than `update`.

        Raises:
            InputError: They do not fit what the cache holds: it is another model's, or another batch's.
        """
        held = self._layers.get(layer)
        if held is None:
            window = self.windows[layer] if layer < len(self.windows) else None
            held = _Layer(key[:, :, :0], value[:, :, :0], window)
        held.check(layer, key, value)
        length = held.length + key.shape[2]
        if next(iter(self._layers), layer) != layer and length != self.length:
            raise InputError(
                f"the cache holds {held.length} tokens of layer {layer}, but {self.length - key.shape[2]} of the first "
                "layer: it is another model's, or a call that used it was stopped on its way. Start with a new "
                "Cache(), or drop what is torn: cache.crop(length)."
            )
        self._layers[layer] = held
        return held.append(key, value)

    def check_windows(self, wanted: Sequence[int | None], owner: str) -> None:
        """Refuse to be used by a model whose tokens see more than is kept.

        Args:
            wanted: The windows of the model.
            owner: What it is called.

        Raises:
            InputError: A layer keeps less.
        """
        for layer, window in enumerate(self.windows):
            seen = wanted[layer] if layer < len(wanted) else None
            if window is not None and (seen is None or window < seen):
                raise InputError(
                    f"past_key_values keeps {window} tokens of layer {layer}, but a token of {owner} sees "
                    f"{seen or 'all'}: it is of another model. Start with model.new_cache()."
                )

    def crop(self, length: int) -> None:
        """Forget all tokens but the first ones.

        Raises:
            InputError: There are fewer, or a layer with a window has dropped what the next token would have to see.
        """
        most = min((layer.length for layer in self._layers.values()), default=0)
        length = _whole("length", length, 0)
        if length > most:
            raise InputError(f"length must be from 0 to {most}, the tokens of the cache, but is {length}.")
        for number, layer in self._layers.items():
            if length and layer.window is not None and layer.dropped > max(0, length - layer.window + 1):
                raise InputError(
                    f"layer {number} of the cache has a window of {layer.window} tokens and has dropped those before "
                    f"token {layer.dropped}; it cannot go back to {length} tokens. Read the text again: Cache()."
                )
        if not length:
            self._layers.clear()
        for layer in self._layers.values():
            layer.end = length - layer.dropped
        self.tokens = None if self.tokens is None or not length else self.tokens[:, :length]

    def reorder(self, rows: Tensor | Sequence[int]) -> None:
        """Make each row of the batch what another one is, as beams do: row ``i`` becomes what ``rows[i]`` was.

        Args:
            rows: ``(new batch,)`` integer; a row may come several times, or not at all.

        Raises:
            InputError: There is no such row.
        """
        rows = torch.as_tensor(rows)
        if rows.ndim != 1 or rows.is_floating_point() or not rows.numel():
            raise InputError(f"rows must be integers of the shape (batch,), but are {shown(rows)}.")
        if rows.device.type == "cpu" and not 0 <= int(rows.min()) <= int(rows.max()) < (self.batch or 2**31):
            raise InputError(f"rows must be from 0 to {self.batch - 1}, the rows of the cache, but are {shown(rows)}.")
        for layer in self._layers.values():
            rows = rows.to(layer.keys.device)
            layer.keys, layer.values = layer.keys.index_select(0, rows), layer.values.index_select(0, rows)
        self.tokens = None if self.tokens is None else self.tokens[rows.to(self.tokens.device)]

    def repeat(self, times: int) -> None:
        """Put each row that often below itself. Raises `OptionError`: it is not a number above 0."""
        times = _whole("times", times, 1)
        if times > 1 and self._layers:
            self.reorder(torch.arange(self.batch).repeat_interleave(times))

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        new = type(self)(windows=self.windows)
        memo[id(self)] = new
        new._layers = {  # noqa: SLF001  # its own kind
            number: layer.copied() for number, layer in self._layers.items()
        }
        new.tokens, new.owner = self.tokens, self.owner
        return new

    def __repr__(self) -> str:
        return f"<Cache of {len(self)} layers, {self.batch} rows, {self.length} tokens>"


class _Layer:
    """The keys and values of one layer, in buffers with room behind: those up to ``end`` count.

    Attributes:
        dropped: Tokens that came before the buffers' first.
        end: Tokens in the buffers.
    """

    def __init__(self, keys: Tensor, values: Tensor, window: int | None) -> None:
        self.keys, self.values, self.window = keys, values, window
        self.dropped = self.end = 0

    @property
    def length(self) -> int:
        return self.dropped + self.end

    def check(self, number: int, key: Tensor, value: Tensor) -> None:
        for name, held, new in (("key", self.keys, key), ("value", self.values, value)):
            same = held.shape[:2] == new.shape[:2] and held.shape[3:] == new.shape[3:]
            if not same or held.dtype != new.dtype or held.device != new.device or new.shape[2] != key.shape[2]:
                batch, heads, _, size = held.shape if held.ndim == 4 else ("batch", "heads", "", "head size")  # noqa: PLR2004
                raise InputError(
                    f"the cache holds layer {number} as (batch, key heads, tokens, head size) = ({batch}, {heads}, "
                    f"{self.end}, {size}) of {held.dtype} on {held.device}, but got a {name} of {tuple(new.shape)}, "
                    f"{new.dtype} on {new.device}. It is another model's or another batch's; start with a new Cache()."
                )

    def append(self, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        before = self.end
        begin = 0 if self.window is None else max(0, before - self.window + 1)
        if torch.is_grad_enabled():  # what was returned may be part of a graph, and must stay as it is
            self.keys = torch.cat([self.keys[:, :, begin:before], key], dim=2)
            self.values = torch.cat([self.values[:, :, begin:before], value], dim=2)
            self.dropped, self.end = self.dropped + begin, self.keys.shape[2]
            return self.keys, self.values
        end = before + key.shape[2]
        frozen = False  # whether they were made in inference mode, and are used outside of it: no graph asks that
        if not torch.compiler.is_compiling():
            frozen = self.keys.is_inference() and not torch.is_inference_mode_enabled()
        if end > self.keys.shape[2] or end > self.values.shape[2] or frozen or self.keys.requires_grad:
            first = max(0, begin - _BLOCK)  # some that no token sees any more, for a crop
            self._move(first, before, end)
            begin, before, end = begin - first, before - first, end - first
        self.keys[:, :, before:end], self.values[:, :, before:end] = key, value
        self.end = end
        return self.keys[:, :, begin:end], self.values[:, :, begin:end]

    def _move(self, first: int, last: int, wanted: int) -> None:
        """Move to buffers with room, from the first token that is kept to the last."""
        room = wanted - first + max(_BLOCK, (wanted - first) // 8)
        self.keys, self.values = (_roomy(each[:, :, first:last], room) for each in (self.keys, self.values))
        self.dropped += first

    def copied(self) -> "_Layer":
        new = _Layer(self.keys[:, :, : self.end].clone(), self.values[:, :, : self.end].clone(), self.window)
        new.dropped, new.end = self.dropped, self.end
        return new


def _roomy(states: Tensor, room: int) -> Tensor:
    new = states.new_empty(*states.shape[:2], room, states.shape[3])
    new[:, :, : states.shape[2]] = states
    return new


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or isinstance(value, bool):
        raise OptionError(f"{name} must be an integer of at least {least}, but is {shown(value)}.")
    return number


def _checked_window(window: Any) -> int | None:
    return None if window is None else _whole("a window", window, 1)
