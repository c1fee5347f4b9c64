"""Checks of a backbone: what it says of its feature maps is what they are, whichever stages are chosen."""

import copy
import itertools
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import torch
from torch import Tensor

from archsmith.auto import AutoBackbone
from archsmith.backbone import Backbone, load_backbone
from archsmith.backbone_config import BackboneHostConfig
from archsmith.errors import ConfigError, InputError
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near, refusal, saved_and_loaded

__all__ = ["BackboneChecks"]


class BackboneChecks(Harness):
    """A model that holds a backbone relies on nothing but these. Architectures without one pass.

    Attributes:
        image_sizes: Height and width of images that a backbone must take, in pixels: odd ones among them. Override
            it for a backbone that is built for one size.
    """

    image_sizes: ClassVar[tuple[tuple[int, int], ...]] = ((32, 32), (45, 61), (64, 33))

    def backbones(self) -> Iterator[Backbone]:
        """Yield the small models that are backbones, each with all its stages chosen."""
        for model in self.built():
            if isinstance(model, Backbone):
                yield _choosing(model, out_features=model.stage_names)

    def test_backbone_knows_its_stages(self) -> None:
        """A host builds its layers from channels and strides before it sees an image.

        Fix: return one number for each stage from stage_channels and stage_strides, computed from the
        configuration.
        """
        for backbone in self.backbones():
            name, count = type(backbone).__name__, len(backbone.stage_names)
            assert count, f"{name} must name its stages in stage_names of its configuration"
            for fact in ("stage_channels", "stage_strides"):
                numbers = list(getattr(backbone, fact))
                assert len(numbers) == count, f"{name}.{fact} has {len(numbers)} numbers for {count} stages"
                assert all(type(number) is int and number > 0 for number in numbers), f"{name}.{fact} is {numbers}"
            assert backbone.out_features == backbone.stage_names
            assert backbone.out_indices == list(range(count))

    def test_backbone_feature_maps_have_their_shapes(self) -> None:
        """A feature map must have the size that its stride promises; for odd images it is rounded up or down.

        Fix: say the true stride of each stage in stage_strides; pad an image that does not divide, or cut its edge.
        """
        for backbone in self.backbones():
            for height, width in self.image_sizes:
                maps = _maps(backbone, self._images(backbone, height, width))
                for stage, channels, stride, found in zip(
                    backbone.out_features, backbone.channels, backbone.strides, maps, strict=True
                ):
                    rows, columns = ({size // stride, -(-size // stride)} for size in (height, width))
                    expected = sorted((2, channels, row, column) for row in rows for column in columns)
                    assert tuple(found.shape) in expected, (
                        f"{type(backbone).__name__}: the feature map of {stage!r} for images of {height} x {width} "
                        f"(height x width) is {tuple(found.shape)}; expected {' or '.join(map(str, expected))}, by "
                        f"stage_channels {channels} and stage_strides {stride}"
                    )

    def test_backbone_gives_the_chosen_stages(self) -> None:
        """Whichever stages are chosen, each must give what it gives among all of them, by name and by number.

        Fix: compute all stages in their order, and return those that out_features names.
        """
        for backbone in self.backbones():
            name, pixels = type(backbone).__name__, self._images(backbone)
            names = backbone.stage_names
            whole = dict(zip(names, _maps(backbone, pixels), strict=True))
            for chosen in (*([each] for each in names), [names[0], names[-1]] if len(names) > 1 else names):
                by_number = [names.index(each) - len(names) for each in chosen]
                for choice in ({"out_features": chosen}, {"out_indices": by_number}):
                    part = _choosing(backbone, **choice)
                    assert part.out_features == chosen, f"{name} with {choice} gives {part.out_features}"
                    maps = _maps(part, pixels)
                    assert len(maps) == len(chosen), f"{name} with {choice} gives {len(maps)} feature maps"
                    expected = {each: whole[each] for each in chosen}
                    assert_near(f"{name} with {choice}", dict(zip(chosen, maps, strict=True)), expected)

    def test_backbone_configuration_keeps_the_choice(self) -> None:
        """The choice must survive files and later changes, and a stage that is not there must be refused.

        Fix: derive the configuration from BackboneConfig, and name the stages in stage_names.
        """
        for backbone in self.backbones():
            names = backbone.stage_names
            config = _choosing(backbone, out_features=names[:1]).config
            again = type(config).from_dict(json.loads(config.to_json_string()))
            assert again == config, f"{type(config).__name__} changed on its way through JSON"
            again.out_indices = [len(names) - 1]
            assert again.out_features == names[-1:], f"out_features is {again.out_features} after out_indices changed"
            said = refusal(ConfigError, again.update, out_features=["no such stage"])
            assert said is not None, f"{type(config).__name__} takes a stage that does not exist"

    def test_backbone_returns_what_is_asked_for(self) -> None:
        """Hidden states must come when they are asked for and only then, and outputs as tuples too.

        Fix: hand output_hidden_states and return_dict through, and end with self.as_requested(...).
        """
        for backbone in self.backbones():
            name, pixels = type(backbone).__name__, self._images(backbone)
            with torch.no_grad():
                plain, asked = backbone(pixels), backbone(pixels, output_hidden_states=True, output_attentions=True)
                first = backbone(pixels, return_dict=False)[0]
            assert plain.hidden_states is None, f"{name} returns hidden states that nobody asked for"
            assert asked.hidden_states, f"{name} returns no hidden states where they are asked for"
            for found in (asked.feature_maps, first):
                assert len(found) == len(plain.feature_maps)
                assert_near(f"{name}, asked in another way", _named(found), _named(plain.feature_maps), tolerance=1e-3)

    def test_backbone_keeps_to_its_type(self) -> None:
        """Images come in float32 whatever the model is: feature maps must be of the model's type.

        Fix: convert the image to the model's dtype first, and make new tensors with dtype= and device= of
        another.
        """
        for backbone in self.backbones():
            for dtype in (torch.float32, torch.bfloat16):
                types = {features.dtype for features in _maps(backbone.to(dtype), self._images(backbone).float())}
                assert types == {dtype}, f"{type(backbone).__name__} in {dtype} gives feature maps of {types}"

    def test_backbone_learns_from_each_feature_map(self) -> None:
        """A loss on any feature map must reach the image and the parameters: a detached stage shows here.

        Fix: compute feature maps without detach() or no_grad().
        """
        for backbone in self.backbones():
            for index, stage in enumerate(backbone.out_features):
                pixels = self._images(backbone).requires_grad_()
                backbone.zero_grad(set_to_none=True)
                backbone(pixels).feature_maps[index].square().sum().backward()
                gradients = (parameter.grad for parameter in backbone.parameters())
                reached = any(gradient is not None and gradient.any() for gradient in gradients)
                assert reached, f"{type(backbone).__name__}: no gradient of {stage!r} reaches a parameter"
                assert pixels.grad is not None, f"{type(backbone).__name__}: no gradient of {stage!r} reaches pixels"

    def test_backbone_stages_follow_each_other(self) -> None:
        """Each stage must give what comes out of its own layers: one off by one gives what went into them.

        Fix: select() from the outputs of all stages, in the order of stage_names, the stem's first.
        """
        for backbone in self.backbones():
            name, stages = type(backbone).__name__, backbone.stage_names
            weights = {key for key, parameter in backbone.named_parameters() if parameter.ndim > 1}
            reached = [self._reached_by(backbone, index) & weights for index in range(len(stages))]
            for (before, rest), (after, own) in itertools.pairwise(zip(stages, reached, strict=True)):
                assert own - rest, (
                    f"{name}: the feature map of {after!r} depends on no weight that that of {before!r} does not "
                    "depend on; expected those of one more stage: feature_maps lie in the order of out_features, each "
                    "after the layers of its stage"
                )

    def _reached_by(self, backbone: Backbone, index: int) -> set[str]:
        """Return the parameters that a feature map depends on."""
        backbone.zero_grad(set_to_none=True)
        backbone(self._images(backbone)).feature_maps[index].square().sum().backward()
        return {name for name, parameter in backbone.named_parameters() if parameter.grad is not None}

    def test_backbone_has_the_names_of_its_base(self) -> None:
        """A backbone is loaded from the published files of the whole model, whose names it must have.

        Fix: call modules as the base model does, and let base_model_prefix be that of the base model.
        """
        base_class = self.base_class()
        for backbone in self.backbones():
            if base_class is None or base_class.base_model_prefix != backbone.base_model_prefix:
                continue
            if any(isinstance(module, base_class) for module in backbone.modules()):
                continue  # it holds the base model, whose names are its own
            base = base_class(self.config())
            own, known = backbone.state_dict(), base.state_dict()
            stages = set(backbone.stage_names)
            strange = [key for key in own if key not in known and not stages.intersection(key.split("."))]
            lacking = [key for key in known if key not in own]
            for key in strange:
                kind = _kind(backbone, key)
                meant = next((each for each in lacking if _kind(base, each) == kind), None)
                assert meant is None, (
                    f"{type(backbone).__name__}: {key} of the backbone is not in {base_class.__name__}, which has "
                    f"{meant} of the same shape {tuple(own[key].shape)} instead; files of one do not fill the other"
                )

    def test_backbone_comes_back_from_files(self) -> None:
        """A saved backbone must come back through its Auto class with its choice, or with another one.

        Fix: let parameters be named the same whichever stages are chosen.
        """
        for backbone in self.backbones():
            name, pixels, stages = type(backbone).__name__, self._images(backbone), backbone.stage_names
            loaded = saved_and_loaded(backbone, AutoBackbone, mmap=False)
            assert type(loaded) is type(backbone), f"AutoBackbone gave {type(loaded).__name__}, not {name}"
            assert isinstance(loaded, Backbone)
            assert loaded.out_features == stages, f"{name} came back with {loaded.out_features}"
            assert_near(f"{name} from files", _named(_maps(loaded, pixels)), _named(_maps(backbone, pixels)))

    def test_backbone_fits_into_a_host(self) -> None:
        """A host gets it from a configuration that knows nothing of it, and must write that configuration in full.

        Fix: make the configuration whole by itself, and set no eval() in the constructor.
        """
        for backbone in self.backbones():
            host = BackboneHostConfig.from_dict({"backbone_config": backbone.config.to_dict()})
            held = load_backbone(host)
            assert type(held) is type(backbone), f"a host got {type(held).__name__}, not {type(backbone).__name__}"
            assert held.training, f"{type(backbone).__name__} must be in training mode when its host is built"
            kept = host.with_backbone_config(held.config)
            again = BackboneHostConfig.from_dict(json.loads(kept.to_json_string()))
            assert again.backbone_config == backbone.config, (
                f"{type(backbone.config).__name__} changed on its way through a host's files"
            )

    def test_backbone_refuses_what_is_no_image(self) -> None:
        """Pixels that a model cannot take must be an error that says so, not one from deep inside a library.

        Fix: check pixel_values with archsmith.layers.inputs before anything else.
        """
        for backbone in self.backbones():
            pixels = self._images(backbone)
            wrong = {
                "one image without a batch": pixels[0],
                "another number of channels": torch.cat([pixels, pixels[:, :1]], dim=1),
                "bytes": (pixels * 0).to(torch.uint8),
                "a list": pixels.tolist(),
            }
            for what, given in wrong.items():
                assert refusal(InputError, backbone, given) is not None, f"{type(backbone).__name__} takes {what}"

    def _images(self, backbone: Backbone, height: int | None = None, width: int | None = None) -> Tensor:
        """Return two images with the channels of the backbone's inputs, ``(2, channels, height, width)``."""
        channels = self.inputs(backbone)["pixel_values"].shape[1]
        size = self.image_sizes[0] if height is None or width is None else (height, width)
        return torch.randn((2, channels, *size), generator=torch.Generator().manual_seed(0))


def _kind(model: PreTrainedModel, key: str) -> tuple[Any, ...]:
    """Return what a tensor is: of which kind of module, at which depth, under which name, and its shape."""
    path, _, name = key.rpartition(".")
    return type(model.get_submodule(path)), key.count("."), name, model.state_dict()[key].shape


def _choosing(backbone: Backbone, **choice: Any) -> Backbone:
    """Return a backbone with the same values, in evaluation mode, that gives other stages."""
    config = copy.deepcopy(backbone.config)
    config.update(**choice)
    chosen = type(backbone)(config)
    state = backbone.state_dict()
    own = chosen.state_dict()
    chosen.load_state_dict({name: state.get(name, value) for name, value in own.items()})
    return chosen.eval()


@torch.no_grad()
def _maps(backbone: Backbone, pixels: Tensor) -> tuple[Tensor, ...]:
    found: tuple[Tensor, ...] = backbone(pixels).feature_maps
    return found


def _named(maps: tuple[Tensor, ...]) -> dict[str, Tensor]:
    return {f"feature map {index}": each for index, each in enumerate(maps)}
