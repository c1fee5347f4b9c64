"""Small arguments for one forward pass, by what a model's main input is called."""

import torch
from torch import Tensor

from archsmith.model.marker import AnyModel

__all__ = ["dummy_inputs"]

_TOKENS, _OWN_TOKENS = 7, 4
_SAMPLES, _OWN_SAMPLES = 1600, 1000
_IMAGE = (48, 64)


def dummy_inputs(model: AnyModel) -> dict[str, Tensor]:
    """Return arguments for a batch of two, the second shorter where lengths may differ; the same numbers each time.

    For ``"input_ids"`` these are two texts of 7 tokens and their mask; for ``"pixel_values"`` two images of the
    configuration's ``num_channels`` (3) and ``image_size`` (48 by 64 pixels if it has none); for ``"input_values"`` two
    clips of 1600 samples and their mask.

    Raises:
        NotImplementedError: The model's main input is another.
    """
    name, config = model.main_input_name, model.config
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
    raise NotImplementedError(
        f"{type(model).__name__} takes {name!r}, so it must define dummy_inputs, as only input_ids, pixel_values, "
        "input_values are known."
    )


def _mask(places: int, own: int) -> Tensor:
    mask = torch.ones(2, places, dtype=torch.long)
    mask[1, own:] = 0
    return mask
