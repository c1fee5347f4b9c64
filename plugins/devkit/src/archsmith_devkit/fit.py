"""Checks that the preprocessing of an architecture fits its models: what the one makes the others take."""

import inspect
from typing import Any

import numpy as np

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith.registry import registry
from archsmith_devkit.harness import Harness, outputs_of
from archsmith_devkit.tokenizers import sample_tokenizer

__all__ = ["FitChecks"]

_TEXTS = ["the quick brown fox", "dog"]
_SECONDS = 0.5


class FitChecks(Harness):
    """The parts of an architecture are used together: each is sound by itself, and they must fit."""

    def test_preprocessing_fits_the_model(self) -> None:
        """The first thing that a user does is to hand to the model what its preprocessing made.

        Fix: name in model_input_names what forward takes, and let image_processor.for_model follow the configuration.
        """
        record = registry.get(self.model_type)
        for role in ("tokenizer", "tokenizer_fast", "image_processor", "feature_extractor"):
            if getattr(record, role) and self.models():
                part_class = registry.load(self.model_type, role)
                made = getattr(self, f"_made_by_{role.removesuffix('_fast')}")(part_class)
                for model in self._takers(part_class):
                    self._assert_takes(model, part_class.__name__, made(model) if callable(made) else made)

    def _takers(self, part_class: Any) -> list[PreTrainedModel]:
        """Return the models whose main input this part makes."""
        names = getattr(part_class, "model_input_names", ())
        return [
            model
            for model in self.built()
            if model.main_input_name in names
            and (model.main_input_name != "input_ids" or hasattr(model.config, "vocab_size"))  # a whole has it inside
        ]

    def _made_by_tokenizer(self, part_class: Any) -> Any:
        tokenizer = sample_tokenizer(part_class)

        def made(model: PreTrainedModel) -> Any:
            _widen(model, len(tokenizer))
            padding = tokenizer.pad_token is not None
            batch = tokenizer(_TEXTS if padding else _TEXTS[:1], padding=padding, return_tensors="pt")
            limit = getattr(model.config, "max_position_embeddings", None) or batch["input_ids"].shape[1]
            is_choice = self.models().get("multiple-choice") is type(model)
            return {
                name: (value[:, :limit].unsqueeze(1) if is_choice else value[:, :limit])
                for name, value in batch.items()
            }

        return made

    def _made_by_image_processor(self, part_class: Any) -> Any:
        def made(model: PreTrainedModel) -> Any:
            processor, channels = part_class.for_model(model.config), getattr(model.config, "num_channels", 3)
            shape = (45, 61, channels)
            images = [np.random.default_rng(0).integers(0, 256, shape, np.uint8)] * 2
            options = {} if channels in (1, 3) else {"input_data_format": "channels_last"}
            batch = processor(images, return_tensors="pt", **options)
            _assert_image_size(type(model).__name__, part_class.__name__, model.config, batch["pixel_values"].shape)
            return batch

        return made

    def _made_by_feature_extractor(self, part_class: Any) -> Any:
        extractor = part_class()
        samples = int(extractor.sampling_rate * _SECONDS)
        clips = [
            np.random.default_rng(0).uniform(-0.5, 0.5, size).astype(np.float32) for size in (samples, samples // 2)
        ]
        return extractor(clips, sampling_rate=extractor.sampling_rate, padding=True, return_tensors="pt")

    def _assert_takes(self, model: PreTrainedModel, part: str, made: Any) -> None:
        name, known = type(model).__name__, inspect.signature(model.forward).parameters
        strange = [key for key in made if key not in known]
        assert not strange, f"{part} makes {strange[0]}, which is not an argument of {name}.forward"
        try:
            found = outputs_of(model, dict(made))
        except ArchsmithError as error:
            raise AssertionError(f"{name} refuses what {part} makes: {error}") from error
        for key, value in found.items():
            finite = value.isfinite().all() or not value.is_floating_point()
            assert finite, f"{name}: {key} of what {part} makes has numbers that are not finite"


def _widen(model: PreTrainedModel, tokens: int) -> None:
    """Give a small model as many tokens as a tokenizer has, where it has fewer."""
    if model.main_input_name == "input_ids" and model.config.vocab_size < tokens:
        model.resize_token_embeddings(tokens)


def _assert_image_size(model: str, part: str, config: PreTrainedConfig, shape: Any) -> None:
    size = getattr(config, "image_size", None)
    if size is None:
        return
    height, width = (size, size) if isinstance(size, int) else size
    assert tuple(shape[-2:]) == (height, width), (
        f"{part}.for_model makes images of {shape[-2]} x {shape[-1]} pixels (height x width) for {model}, whose "
        f"image_size is {size}"
    )
