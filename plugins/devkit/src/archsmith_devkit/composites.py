"""Checks of a whole of several models: its parts are what its configuration says, and texts and images are a pair."""

import ast
import dataclasses
import inspect
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.backbone import Backbone
from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith.processor import Processor
from archsmith_devkit.fields import Behaviour, built_config, other_values, own_fields
from archsmith_devkit.harness import Harness, load_silently, outputs_of, refusal
from archsmith_devkit.sources import sources

__all__ = ["CompositeChecks", "LengthChecks"]

#: How far a length may be from 1; and a loss or a slope from what it is held against.
_UNIT, _SAME = 1e-3, 1e-3
#: Small models give nearly equal vectors; with weights so many times larger they differ.
_LARGER = 8.0
_LONG, _PLACES = "the quick brown fox jumps over the lazy dog", 4
_SCALE, _PER_IMAGE, _PER_TEXT = "logit_scale", "logits_per_image", "logits_per_text"


class CompositeChecks(Harness):
    """A model made of others, each with a configuration of its own. Architectures without one pass."""

    def test_configurations_share_nothing(self) -> None:
        """Two configurations made of nothing must not hold one object: changing the one would change the other.

        Fix: make what is inside anew for each, in derived(), not once for the module.
        """
        cls = self.config_class()
        try:
            one, other = cls(), cls()
        except ArchsmithError:
            return  # it has no usual values
        for name in (declared.name for declared in dataclasses.fields(one)):
            held = getattr(one, name)
            shared = isinstance(held, PreTrainedConfig | list | dict) and held is getattr(other, name)
            assert not shared, (
                f"{cls.__name__}.{name} of two configurations is one object, the same {type(held).__name__}: a change "
                f"of one changes both; expected an instance for each"
            )

    def test_parts_follow_their_configurations(self) -> None:
        """Each part must be built from its whole configuration: what is left out has its default without a word.

        Fix: hand config.text_config, config.vision_config … as they are to the parts, and write no configuration anew.
        """
        for outer, inner in _nested(self.config()):
            is_held = False
            for cls in self.models().values():
                if not _holders(cls(self.config()), type(inner)):
                    continue
                model = _on_meta(cls, self._unlike(cls, outer, inner))
                if model is None:
                    continue
                wanted = getattr(model.config, outer)
                held = [part for _, part in _holders(model, type(inner))]
                apart = {part: _differing(part.config, wanted) for part in held}  # several may be of one class
                least = min(apart, key=lambda part: len(apart[part]), default=None)
                assert least is None or not apart[least], (
                    f"{cls.__name__}: {type(least).__name__} is built with {_told(least.config, apart[least])}, but "
                    f"{outer} has {_told(wanted, apart[least])}"
                )
                is_held = is_held or bool(held)
            if not is_held and type(inner).base_config_key:  # what it is called in this whole: made for it
                self._assert_fields_count(outer, inner)

    def _unlike(self, cls: type[PreTrainedModel], outer: str, inner: PreTrainedConfig) -> PreTrainedConfig:
        """Return a configuration in which as many fields of a part as can be have other values than their defaults."""
        values, found, usual = inner.to_dict(), None, built_config(type(inner), {})
        for name in own_fields(inner):
            if usual is not None and getattr(usual, name) != getattr(inner, name):
                continue  # the small configuration has another already
            for other in other_values(type(inner), name, getattr(inner, name)):
                changed = built_config(self.config_class(), {**self.values(), outer: {**values, name: other}})
                if changed is not None and _on_meta(cls, changed) is not None:
                    values, found = {**values, name: other}, changed
                    break
        return found or self.config()

    def _assert_fields_count(self, outer: str, inner: PreTrainedConfig) -> None:
        """Assert that each field has an effect, where no part tells the configuration that it was built from."""
        whole, read = Behaviour(self, self.values()), _read_by_models(type(inner))
        for name in (each for each in own_fields(inner) if each in read):  # some models need a few of them
            others = list(other_values(type(inner), name, getattr(inner, name)))
            changes = ({outer: {**inner.to_dict(), name: other}} for other in others)
            assert not others or any(map(whole.differs, changes)), (
                f"{type(self.config()).__name__}.{outer}: no parameter, output or loss changes with {name} = "
                f"{others[0]!r} in place of {getattr(inner, name)!r}"
            )

    def test_parts_load_from_the_whole(self) -> None:
        """Whoever needs one part alone loads it from the published files of the whole.

        Fix: let base_config_key of the part's configuration be its name in the whole's, and base_model_prefix of the
        part's class the attribute that holds it in the whole.
        """
        for model in self.built():
            for outer, inner in _nested(model.config):
                for path, part in _holders(model, type(inner)):
                    if not isinstance(part, PreTrainedModel) or isinstance(part, Backbone) or not _is_kin(model, part):
                        continue
                    told = (
                        f"{type(part).__name__} cannot be read from the files of {type(model).__name__}, which holds "
                        f"it as {path}, with the configuration {outer}: its base_model_prefix is "
                        f"{part.base_model_prefix!r}, base_config_key of {type(inner).__name__} is "
                        f"{type(inner).base_config_key!r}"
                    )
                    with tempfile.TemporaryDirectory() as folder:
                        model.save_pretrained(folder)
                        try:
                            found = load_silently(type(part), folder, mmap=False)
                        except ArchsmithError as error:
                            raise AssertionError(f"{told}. {error}") from error
                    assert _differing(found.config, inner) == [], f"{told}. It came with another configuration"
                    state = found.state_dict()
                    lost = [name for name, value in part.state_dict().items() if not torch.equal(state[name], value)]
                    assert not lost, f"{told}. {lost[0]} is not what is in the file"

    def test_texts_and_images_differ_in_number(self) -> None:
        """Ten texts are held against one image: each score must stand in the row and column of its pair.

        Fix: return logits_per_image as (images, texts), logits_per_text as (texts, images), and vectors one to a row.
        """
        for model, inputs in self._pairings():
            name, images = type(model).__name__, inputs["pixel_values"][:1]
            try:
                found = outputs_of(model, {**inputs, "pixel_values": images})
            except ArchsmithError:
                continue  # it says that it takes pairs alone
            texts = len(inputs["input_ids"])
            shapes = {_PER_IMAGE: (1, texts), _PER_TEXT: (texts, 1)}
            for key, shape in shapes.items():
                got = tuple(found[key].shape) if key in found else shape
                assert got == shape, (
                    f"{name}: {key} of {texts} texts and 1 image is {got}; expected {shape}, "
                    f"({'images, texts' if key == _PER_IMAGE else 'texts, images'})"
                )
            for key, rows in (("text_embeds", texts), ("image_embeds", 1)):
                got_rows = len(found[key]) if key in found else rows
                assert got_rows == rows, f"{name}: {key} of {texts} texts and 1 image has {got_rows} rows; not {rows}"

    def test_scores_follow_the_vectors(self) -> None:
        """Scores are products of vectors of one length: else a long vector fits everything.

        Fix: normalise both text_embeds and image_embeds to length 1, and raise logit_scale, a logarithm: .exp().
        """
        for model, inputs in self._pairings():
            found, name = outputs_of(model, inputs), type(model).__name__
            if not {"text_embeds", "image_embeds"} <= found.keys():
                continue
            texts, images = found["text_embeds"].double(), found["image_embeds"].double()
            is_unit = {key: _is_unit(each) for key, each in (("text_embeds", texts), ("image_embeds", images))}
            for key, other in (("text_embeds", "image_embeds"), ("image_embeds", "text_embeds")):
                assert is_unit[key] or not is_unit[other], (
                    f"{name}: {key} have lengths up to {found[key].norm(dim=-1).max().item():.3g}, but {other} are "
                    "normalised; expected both to have length 1"
                )
            scale = next((each for key, each in model.named_parameters() if key.rpartition(".")[2] == _SCALE), None)
            slope = _slope(found[_PER_TEXT].double(), texts @ images.mT)
            if scale is not None and scale.numel() == 1 and slope is not None:
                raw = scale.item()
                is_raw = abs(slope - raw) <= _SAME * abs(raw) < abs(raw - scale.exp().item())
                assert not is_raw, (
                    f"{name}: logits are the product of the vectors by {slope:.4g}, which is {_SCALE} itself; expected "
                    f"{_SCALE}.exp() = {scale.exp().item():.4g}, as it is the logarithm of the scale"
                )

    def test_loss_asks_both_ways(self) -> None:
        """A contrastive loss asks for the image of each text, and for the text of each image.

        Fix: the mean of the cross entropy of logits_per_text and that of logits_per_image, with return_loss=True.
        """
        for model, inputs in self._pairings("return_loss"):
            found, plain = outputs_of(model, inputs, return_loss=True), outputs_of(model, inputs)
            name = type(model).__name__
            assert "loss" in found, f"{name} makes no loss with return_loss=True"
            assert "loss" not in plain, f"{name} makes a loss for which nobody asked"
            pairs = torch.arange(len(found[_PER_TEXT]))
            loss, texts, images = (
                found["loss"].double(),
                F.cross_entropy(found[_PER_TEXT].double(), pairs),
                F.cross_entropy(found[_PER_TEXT].double().T, pairs),
            )
            for one, other, missing in ((texts, images, "text of each image"), (images, texts, "image of each text")):
                is_half = (loss - one).abs() < _SAME * (one - other).abs()
                assert not is_half, (
                    f"{name}: the loss is {loss.item():.6g}, the cross entropy of one direction; it does not ask for "
                    f"the {missing}. Expected the mean of both directions, {((one + other) / 2).item():.6g}"
                )

    def _pairings(self, argument: str = "pixel_values") -> Iterator[tuple[PreTrainedModel, dict[str, Tensor]]]:
        """Yield the models that hold texts against images, with inputs; of large weights, so that rows differ."""
        for model in self.built():
            inputs = self.inputs(model)
            known = model.forward.__code__.co_varnames if hasattr(model.forward, "__code__") else ()
            if not {"input_ids", "pixel_values"} <= inputs.keys() or argument not in known:
                continue
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.ndim > 1:
                        parameter.mul_(_LARGER)
            if {_PER_IMAGE, _PER_TEXT} <= outputs_of(model, inputs).keys():
                yield model, inputs


class LengthChecks:
    """What a processor does to long texts: mixed into `ProcessorConformance`."""

    def processor(self) -> Processor:
        """Return the processor, made of small parts."""
        raise NotImplementedError

    def test_texts_are_cut_to_max_length(self) -> None:
        """A model of texts has so many places: what ``max_length`` does not cut off, it refuses.

        Fix: pass max_length and truncation on to the tokenizer, together.
        """
        processor = self.processor()
        taken = inspect.signature(type(processor).__call__).parameters
        counts_samples = processor.feature_extractor is not None  # then these options are about audio
        if processor.tokenizer is None or counts_samples or not {"text", "truncation", "max_length"} <= taken.keys():
            return
        call: Any = processor
        if refusal(ArchsmithError, call, text=_LONG) is not None:
            return  # it takes no text alone
        told = f"{type(processor).__name__}: a text with truncation=True and max_length={_PLACES}"
        try:
            ids = call(text=[_LONG], truncation=True, max_length=_PLACES)["input_ids"][0]
        except ArchsmithError as error:
            raise AssertionError(f"{told} is refused, which without them is taken: {error}") from error
        assert len(ids) <= _PLACES, f"{told} has {len(ids)} tokens; expected at most {_PLACES}"


def _nested(config: PreTrainedConfig) -> list[tuple[str, PreTrainedConfig]]:
    """Return the fields that hold a configuration, with what they hold."""
    held = ((declared.name, getattr(config, declared.name)) for declared in dataclasses.fields(config))
    return [(name, value) for name, value in held if isinstance(value, PreTrainedConfig)]


def _holders(model: PreTrainedModel, config_class: type[PreTrainedConfig]) -> list[tuple[str, nn.Module]]:
    """Return path and module of each outermost part that tells a configuration of a class."""
    found: list[tuple[str, nn.Module]] = []
    for path, module in model.named_modules():
        inside = any(path.startswith(f"{other}.") for other, _ in found)
        if module is not model and not inside and type(getattr(module, "config", None)) is config_class:
            found.append((path, module))
    return found


def _is_kin(model: PreTrainedModel, part: PreTrainedModel) -> bool:
    """Return whether one package brings both: strangers that a whole holds know nothing of it."""
    return type(model).__module__.partition(".")[0] == type(part).__module__.partition(".")[0]


def _read_by_models(config_class: type[PreTrainedConfig]) -> set[str]:
    """Return the attributes that a package reads outside the module of its configurations."""
    home = config_class.__module__
    trees = [tree for module, tree in sources(home.partition(".")[0]) if module != home]
    return {node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def _differing(config: Any, wanted: PreTrainedConfig) -> list[str]:
    return [name for name in own_fields(wanted) if getattr(config, name) != getattr(wanted, name)]


def _told(config: Any, names: Sequence[str]) -> str:
    return ", ".join(f"{name} = {getattr(config, name)!r}" for name in names[:5])


def _on_meta(cls: type[PreTrainedModel], config: PreTrainedConfig) -> PreTrainedModel | None:
    """Return a model without numbers; None where there is none of these values."""
    try:
        with torch.device("meta"):
            return cls(config)
    except Exception:  # noqa: BLE001  # a stranger's code, on values that nobody meant
        return None


def _is_unit(vectors: Tensor) -> bool:
    return bool(((vectors.norm(dim=-1) - 1).abs() < _UNIT).all())


def _slope(scores: Tensor, products: Tensor) -> float | None:
    """Return by what products are multiplied in scores; None where these are not products times a number, plus one."""
    across, along = scores - scores.mean(), products - products.mean()
    if scores.shape != products.shape or not along.any():
        return None
    slope = (across * along).sum() / along.square().sum()
    is_line = (across - slope * along).abs().max() <= _SAME * across.abs().max()
    return slope.item() if is_line else None
