"""Checks of models of audio: neither the padding of a clip nor that of its labels may count."""

import dataclasses
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, Literal, get_args, get_origin, get_type_hints

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config import PreTrainedConfig
from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith.registry import registry
from archsmith_devkit.harness import Harness, outputs_of

__all__ = ["AudioChecks"]

#: The share of the longest clip that each clip of a batch has; what a stride of 2 or 5 does not divide among them.
_LENGTHS = (1.0, 0.877, 0.6501, 0.413)
_TOLERANCE, _IGNORED, _LETTERS, _MOVED = 2e-5, -100, 3, 0.1


class AudioChecks(Harness):
    """What a model of audio makes of a clip depends on its samples, and on no others."""

    def test_padding_of_audio_does_not_count(self) -> None:
        """A clip must get the same output however long the others in its batch are: else loud neighbours are heard.

        Fix: count the frames of each clip in attention_mask by the kernels and strides of the convolutions, hand that
        mask from every head to the base model and to all that joins frames, and normalise no channel over time; a
        model that is used without a mask says so by its feature extractor's return_attention_mask (for_model).
        """
        values = self._masking()
        for model in self._hearing(values) if values is not None else ():
            clips, mask = _batch(model)
            batch = outputs_of(model, {model.main_input_name: clips, "attention_mask": mask})
            for row, length in enumerate(mask.sum(-1).tolist()):
                alone = _alone(model, clips[row : row + 1, :length])
                for name, wanted in (alone or {}).items():
                    found = batch.get(name)
                    if found is None or found.ndim != wanted.ndim or not found.ndim or len(found) != len(clips):
                        continue
                    own = found[row : row + 1][tuple(slice(size) for size in wanted.shape)]
                    _assert_same(model, name, own, wanted, f"{length} samples, padded to {clips.shape[1]}")

    def test_ctc_loss(self) -> None:
        """The CTC loss of a batch is that of its clips: of their own frames, letters and the blank, and of no others.

        Fix: hand F.ctc_loss the logarithms of the softmax, as lengths the frames of each clip by attention_mask, as
        targets the labels that are not -100, and pad_token_id as the blank.
        """
        for change in ({}, {"pad_token_id": _LETTERS}):
            values = {**(self._masking() or {}), **change}
            for model in self._hearing(values):
                if self.models().get("ctc") is type(model):
                    _assert_ctc(_moved(model), with_mask=self._masking() is not None, told=change)

    def _masking(self) -> dict[str, Any] | None:
        """Return changes of the small configuration with which masks are given; None where none is ever given."""
        if "feature_extractor" not in registry.roles(self.model_type):
            return {}
        extractor = registry.load(self.model_type, "feature_extractor")
        for change in ({}, *_choices(self.config())):
            try:
                if extractor.for_model(self.config_class()(**{**self.values(), **change})).return_attention_mask:
                    return change
            except ArchsmithError:
                continue  # a value that does not go with the others
        return None

    def _hearing(self, change: Mapping[str, Any]) -> Iterator[PreTrainedModel]:
        """Yield a small model of each class that takes samples and their mask."""
        for cls in self.models().values():
            takes = "attention_mask" in inspect.signature(cls.forward).parameters
            if takes and cls.main_input_name == "input_values":
                try:
                    config = self.config_class()(**{**self.values(), **change})
                except ArchsmithError:
                    return  # it says itself that it has no such value
                yield cls(config).eval()


def _choices(config: PreTrainedConfig) -> Iterator[dict[str, Any]]:
    """Yield changes of one field that has a few values."""
    hints = get_type_hints(type(config), include_extras=True)
    for declared in dataclasses.fields(config):
        value, hint = getattr(config, declared.name), hints[declared.name]
        others = (not value,) if isinstance(value, bool) else get_args(hint) if get_origin(hint) is Literal else ()
        yield from ({declared.name: other} for other in others if other != value)


@torch.no_grad()
def _moved(model: PreTrainedModel) -> PreTrainedModel:
    """Move the parameters of a model from their initial values, with which all letters are nearly as likely."""
    generator = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator), alpha=_MOVED)
    return model


def _batch(model: PreTrainedModel) -> tuple[Tensor, Tensor]:
    """Return clips of several lengths in one batch with zeros for padding, and their mask, ``(clips, samples)``."""
    samples = model.dummy_inputs[model.main_input_name].shape[1]
    lengths = torch.tensor([int(samples * share) for share in _LENGTHS])
    mask = (torch.arange(samples) < lengths[:, None]).long()
    return torch.randn(mask.shape, generator=torch.Generator().manual_seed(0)) * mask, mask


def _alone(model: PreTrainedModel, clip: Tensor) -> dict[str, Tensor] | None:
    """Return what a model makes of one clip without padding; None where it says that it is too short."""
    try:
        return outputs_of(model, {model.main_input_name: clip, "attention_mask": torch.ones_like(clip).long()})
    except ArchsmithError:
        return None


def _assert_same(model: PreTrainedModel, name: str, found: Tensor, wanted: Tensor, what: str) -> None:
    whole = f"{type(model).__name__}, a clip of {what} (attention_mask): {name}"
    assert found.shape == wanted.shape, f"{whole} has the shape {tuple(found.shape)}; alone it has {wanted.shape}"
    apart = (found.double() - wanted.double()).abs().max() if wanted.numel() else 0
    limit = _TOLERANCE * (1 + wanted.double().abs().max())
    assert apart <= limit, f"{whole} is off by {apart:.3g} from what the clip has alone; its padding counts"


def _assert_ctc(model: PreTrainedModel, *, with_mask: bool, told: Mapping[str, Any]) -> None:
    """Hold the loss against one that is computed anew: of one clip, of ignored labels, of padding."""
    clips, mask = _batch(model)
    if not told:
        whole = torch.ones_like(clips[:1]).long()
        _assert_loss(model, clips[:1], whole, [_LETTERS], "one clip without padding")
        _assert_loss(model, clips[:1], whole, [_LETTERS - 1], "one clip with a label of -100")
        if with_mask:
            _assert_loss(model, clips, mask, [_LETTERS] * len(clips), "clips with padding (attention_mask)")
    else:
        what = ", ".join(f"{name} = {value}, the blank" for name, value in told.items())
        _assert_loss(model, clips[:1], torch.ones_like(clips[:1]).long(), [_LETTERS], what)


def _assert_loss(model: PreTrainedModel, clips: Tensor, mask: Tensor, letters: list[int], what: str) -> None:
    config = model.config
    blank = config.pad_token_id or 0
    said = [number for number in range(config.vocab_size) if number != blank][1 : _LETTERS + 1]
    labels = torch.full((len(clips), _LETTERS), _IGNORED)
    for row, count in enumerate(letters):
        labels[row, :count] = torch.tensor(said[:count])
    frames = [_frames(model, clip[None, :length]) for clip, length in zip(clips, mask.sum(-1).tolist(), strict=True)]
    with torch.no_grad():
        output = model(clips, mask, labels=labels)
    logits = output.logits.float().log_softmax(-1).transpose(0, 1)  # (frames, clips, letters)
    losses = {
        how: F.ctc_loss(
            logits, labels, torch.tensor(frames), torch.tensor(letters), blank=blank, reduction=how, zero_infinity=True
        )
        for how in ("mean", "sum")
    }
    chosen = getattr(config, "ctc_loss_reduction", None)
    wanted = [losses[chosen]] if chosen in losses else [*losses.values()]
    near = any(torch.isclose(output.loss.float(), loss, rtol=1e-5) for loss in wanted)
    expected = " or ".join(f"{loss.item():.6g}" for loss in wanted)
    assert near, (
        f"{type(model).__name__}: the loss of {what} is {output.loss.item():.6g}; expected {expected}, the CTC loss of "
        f"its {frames} frames of logits and its {letters} letters with the blank {blank}"
    )


def _frames(model: PreTrainedModel, clip: Tensor) -> int:
    """Return of how many frames a model scores the letters, for one clip alone."""
    with torch.no_grad():
        return int(model(clip, torch.ones_like(clip).long()).logits.shape[1])
