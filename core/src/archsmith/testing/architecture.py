"""The checks of a whole architecture: its manifest, its configuration, and its models on their way through files."""

import contextlib
import copy
import dataclasses
import json
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

import archsmith
from archsmith.auto import AutoConfig, AutoImageProcessor
from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithWarning, InputError
from archsmith.image_processor import ImageProcessor
from archsmith.model import PreTrainedModel
from archsmith.registry import registry
from archsmith.tasks import auto_class_name
from archsmith.testing.backbones import BackboneChecks
from archsmith.testing.calculation import CalculationChecks
from archsmith.testing.changes import ChangeChecks

__all__ = ["ArchitectureConformance"]

_HEAVY = ("torch", "numpy", "tokenizers", "PIL", "soundfile", "safetensors", "huggingface_hub")


class ArchitectureConformance(ChangeChecks, CalculationChecks, BackboneChecks):
    """The checks for one architecture. Subclass it, and name the architecture and a small configuration.

    Attributes:
        model_type: The architecture.
        tiny: Configuration values that make a model small enough for a test; None: those that the manifest names.
    """

    model_type: ClassVar[str]
    tiny: ClassVar[Mapping[str, Any] | None] = None

    # ---- what a subclass may change -------------------------------------------------------------------------

    def inputs(self, model: PreTrainedModel) -> dict[str, Tensor]:
        """Return arguments for one forward pass: the ``dummy_inputs``; for multiple choice three of each text."""
        inputs = model.dummy_inputs
        if self._models().get("multiple-choice") is type(model):
            return {name: torch.stack([each] * 3, dim=1) for name, each in inputs.items()}  # (batch, choices, tokens)
        return inputs

    def built(self) -> list[PreTrainedModel]:
        """Return a small model of each class, in evaluation mode; the one without a head first, if there is one."""
        classes = self._models()
        tasks = sorted(classes, key=lambda task: task != "base")
        return [classes[task](self._config()).eval() for task in tasks]

    # ---- the checks -----------------------------------------------------------------------------------------

    def test_manifest_is_light(self) -> None:
        """Looking a plugin up must not cost what using it costs: its manifest imports nothing heavy."""
        entry = registry.provider(self._config_class())
        assert entry is not None, f"{self.model_type!r}: no installed plugin provides its configuration class"
        code = f"import sys, {entry.module}; print(*[name for name in {_HEAVY!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)  # noqa: S603
        assert done.returncode == 0, f"{entry.module} does not import by itself:\n{done.stderr}"
        assert not done.stdout.strip(), (
            f"{entry.module} imports {done.stdout.strip()}; it may import the standard library and archsmith.plugin"
        )

    def test_references_resolve(self) -> None:
        """Every reference in the manifest must lead to a class of the right kind."""
        architecture = registry.get(self.model_type)
        for role in architecture.references():
            found = registry.load(self.model_type, role)
            is_config = role == "config" or role.startswith("private_configs.")
            kind = PreTrainedConfig if is_config else PreTrainedModel if role.startswith("models.") else object
            assert issubclass(found, kind), f"{role} of {self.model_type!r} is {found!r}, not a {kind.__name__}"
        for task, cls in self._models().items():
            assert cls.config_class is self._config_class(), f"{cls.__name__}.config_class is not the manifest's config"
            assert _auto_class(task).task == task

    def test_configuration_round_trip(self) -> None:
        """A configuration must survive a dictionary, its difference from the defaults, and config.json."""
        config_class = self._config_class()
        assert config_class.model_type == self.model_type, (
            f"{config_class.__name__}.model_type is not {self.model_type!r}"
        )
        for config in (config_class(), self._config()):
            assert config_class.from_dict(config.to_dict()) == config
            assert config_class.from_dict(config.to_diff_dict()) == config
            assert config_class.from_dict(json.loads(config.to_json_string())) == config
            with tempfile.TemporaryDirectory() as folder:
                config.save_pretrained(folder)
                found = AutoConfig.from_pretrained(folder)
            assert type(found) is config_class, f"AutoConfig gave {type(found).__name__} for {self.model_type!r}"
            assert found == config, f"{config_class.__name__} changed on its way through files"

    def test_presets_build(self) -> None:
        """Every preset must be a valid configuration."""
        for name, values in registry.get(self.model_type).presets.items():
            assert self._config_class()(**values).model_type == self.model_type, name

    def test_nothing_is_left_on_meta(self) -> None:
        """After loading, every parameter and buffer must have values, and tied parameters must be one object."""
        for model in self.built():
            cls = type(model)
            with tempfile.TemporaryDirectory() as folder:
                model.save_pretrained(folder)
                loaded = _load(cls, folder)
            for name, tensor in (*loaded.named_parameters(), *loaded.named_buffers()):
                assert not tensor.is_meta, f"{cls.__name__}: {name!r} has no values after loading"
            for name, source in loaded.tied_names().items():
                assert loaded.get_parameter(name) is loaded.get_parameter(source), f"{name!r} is not tied to {source!r}"

    def test_save_and_load(self) -> None:
        """What is saved must come back: every tensor, every output, and the class through its Auto class."""
        for task, cls in self._models().items():
            model = cls(self._config()).eval()
            with tempfile.TemporaryDirectory() as folder:
                model.save_pretrained(folder)
                loaded = _load(cls, folder)
                # Where a mapped tensor lies decides the order of some sums; in memory of its own it lies as when built.
                in_memory = _load(cls, folder, mmap=False)
                chosen = _auto_class(task)
                found = type(_load(chosen, folder))
            assert found is cls, f"{chosen.__name__} gave {found.__name__}, not {cls.__name__}"
            assert loaded.load_report is not None
            assert not loaded.load_report.new, f"{cls.__name__} lost {loaded.load_report.new} on its way through files"
            assert not loaded.load_report.unused, f"{cls.__name__} saves {loaded.load_report.unused} for nobody"
            state = loaded.state_dict()
            for name, tensor in model.state_dict().items():
                assert torch.equal(tensor, state[name]), f"{cls.__name__}: {name!r} changed on its way through files"
            inputs = self.inputs(model)
            _assert_same_outputs(cls.__name__, model(**inputs), in_memory(**inputs))

    def test_head_takes_base_weights(self) -> None:
        """A model with a head must load a checkpoint without one, say so, and the other way round."""
        base_class = self._models().get("base")
        for model in self.built():
            cls = type(model)
            if base_class is None or cls is base_class or model.base_model is model:
                continue
            base = base_class(self._config()).eval()
            with tempfile.TemporaryDirectory() as folder:
                base.save_pretrained(folder)
                with warnings.catch_warnings(record=True) as said:
                    warnings.simplefilter("always")
                    head = cls.from_pretrained(folder)
            assert any(issubclass(warning.category, ArchsmithWarning) for warning in said), (
                f"{cls.__name__} started a new head without saying so"
            )
            ours = {name: tensor for name, tensor in head.base_model.state_dict().items() if name in base.state_dict()}
            for name, tensor in ours.items():
                assert torch.equal(tensor, base.state_dict()[name]), f"{cls.__name__}: {name!r} is not the base model's"

    def test_gradients_reach_the_base(self) -> None:
        """A loss must reach the embeddings: a detached or unused branch shows here."""
        for model in self.built():
            cls = type(model)
            output = model(**self.inputs(model))
            tensors = [each for each in tree_leaves(output) if isinstance(each, Tensor)]
            losses = [tensor.float().square().sum() for tensor in tensors if tensor.requires_grad]
            torch.autograd.backward(losses)
            first = next(model.base_model.parameters())
            assert first.grad is not None, f"{cls.__name__}: no gradient reaches its first parameter"

    def test_image_processor(self) -> None:
        """An image processor must make finite float32 of a batch, and survive its file."""
        if registry.get(self.model_type).image_processor is None:
            return
        processor = registry.load(self.model_type, "image_processor")()
        name = type(processor).__name__
        assert isinstance(processor, ImageProcessor), f"{name} is no archsmith.image_processor.ImageProcessor"
        before = processor.to_dict()
        pictures = [np.full((40, 40, 3), shade, np.uint8) for shade in (0, 200)]
        values = processor(pictures, return_tensors="np").pixel_values
        assert values.shape[0] == len(pictures), f"{name} made {len(values)} of {len(pictures)} pictures"
        assert values.dtype == np.float32, f"{name} makes {values.dtype}, not float32"
        assert np.isfinite(values).all(), f"{name} makes numbers that are not finite"
        assert values[0].max() < values[1].min(), f"{name} makes of black no less than of white"
        assert torch.equal(processor(pictures, return_tensors="pt").pixel_values, torch.from_numpy(values))
        with contextlib.suppress(InputError):
            processor(b"no picture at all")
            raise AssertionError(f"{name} takes bytes that are no picture")
        assert processor.to_dict() == before, f"a call changed {name}"
        with tempfile.TemporaryDirectory() as folder:
            processor.save_pretrained(folder)
            found = AutoImageProcessor.from_pretrained(folder)
        assert type(found) is type(processor), f"AutoImageProcessor gave {type(found).__name__}, not {name}"
        assert found.to_dict() == before, f"{name} changed on its way through its file"

    # ---- internals ------------------------------------------------------------------------------------------

    def _config_class(self) -> type[PreTrainedConfig]:
        found: type[PreTrainedConfig] = registry.load(self.model_type, "config")
        return found

    def _config(self) -> PreTrainedConfig:
        tiny = registry.get(self.model_type).tiny if self.tiny is None else self.tiny
        return self._config_class()(**copy.deepcopy(dict(tiny)))

    def _models(self) -> dict[str, type[PreTrainedModel]]:
        tasks = registry.get(self.model_type).models
        return {task: registry.load(self.model_type, f"models.{task}") for task in tasks}


def _auto_class(task: str) -> Any:
    return getattr(archsmith, auto_class_name(task))


def _load(cls: Any, folder: str | Path, **options: Any) -> PreTrainedModel:
    """Load with announcements silenced: `load_report` says the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        model: PreTrainedModel = cls.from_pretrained(folder, **options)
        return model


def _assert_same_outputs(model: str, first: Any, second: Any) -> None:
    for field in dataclasses.fields(first):
        one, other = getattr(first, field.name), getattr(second, field.name)
        if isinstance(one, Tensor):
            assert torch.equal(one, other), f"{model}: {field.name} differs after saving and loading"
