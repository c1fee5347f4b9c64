"""Small arguments for one forward pass, by what a model's main input is called."""

from collections.abc import Mapping
from typing import Any, Final

import torch
from torch import Tensor

__all__ = ["INPUTS", "dummy_inputs"]

#: The main inputs that `dummy_inputs` knows.
INPUTS: Final = ("input_ids", "pixel_values", "input_values")

_TOKENS, _OWN_TOKENS = 7, 4
_SAMPLES, _OWN_SAMPLES = 1600, 1000
_IMAGE = (48, 64)


def dummy_inputs(name: str, config: Any) -> Mapping[str, Tensor] | None:
    """Return arguments for a batch of two, the second shorter where lengths may differ; the same numbers each time.

    Args:
        name: ``"input_ids"``: two texts of 7 tokens and their mask; ``"pixel_values"``: two images of the
            configuration's ``num_channels`` (3) and ``image_size`` (48 by 64 pixels if it has none);
            ``"input_values"``: two clips of 1600 samples and their mask.
        config: The model's configuration.

    Returns:
        None for any other name.
    """
    generator = torch.Generator().manual_seed(0)
    if name == "input_ids":
        input_ids = torch.randint(config.vocab_size, (2, _TOKENS), generator=generator)
        return {"input_ids": input_ids, "attention_mask": _mask(_TOKENS, _OWN_TOKENS)}
    if name == "pixel_values":
        size = getattr(config, "image_size", _IMAGE)
        height, width = (size, size) if isinstance(size, int) else size
        channels = getattr(config, "num_channels", 3)
        return {"pixel_values": torch.randn(2, channels, height, width, generator=generator)}
    if name == "input_values":
        input_values = torch.randn(2, _SAMPLES, generator=generator)
        return {"input_values": input_values, "attention_mask": _mask(_SAMPLES, _OWN_SAMPLES)}
    return None


def _mask(places: int, own: int) -> Tensor:
    mask = torch.ones(2, places, dtype=torch.long)
    mask[1, own:] = 0
    return mask
