"""Checks of models that write a text token by token: ``causal-lm``, and classifiers of the last token."""

import inspect
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor

from archsmith.config import PreTrainedConfig
from archsmith.model import PreTrainedModel
from archsmith_devkit.harness import Harness, assert_near

__all__ = ["DecoderChecks", "call", "pad_ids", "place_options", "some_ids", "takes"]

_TOKENS, _PADDING, _IGNORED = 6, 2, -100


class DecoderChecks(Harness):
    """What generation, training and serving rely on in a decoder. Architectures without ``causal-lm`` pass."""

    def decoders(self) -> Iterator[PreTrainedModel]:
        """Yield the small model of ``causal-lm``, in evaluation mode, if there is one that is no encoder-decoder."""
        cls = self.models().get("causal-lm")
        if cls is not None and cls.main_input_name == "input_ids":
            config = self.config()
            if _is_encoder(config):
                config.update(is_decoder=True)
            model = cls(config).eval()
            if not getattr(model.config, "is_encoder_decoder", False):
                yield model

    def test_no_token_sees_the_next(self) -> None:
        """A decoder that sees the future learns to copy it, and writes nonsense: its loss looks splendid.

        Fix: attend with causal=True (archsmith.layers.attention), with and without an attention_mask.
        """
        for model in self.decoders():
            ids, name = some_ids(model), type(model).__name__
            for masked in (False, True):
                mask = {"attention_mask": torch.ones_like(ids)} if masked else {}
                before = _logits(model, ids, **mask)
                for place in range(1, _TOKENS):
                    changed = ids.clone()
                    changed[:, place] = (ids[:, place] + 1) % model.config.vocab_size
                    after, with_mask = _logits(model, changed, **mask), "with" if masked else "without"
                    what = f"{name}, {with_mask} an attention_mask, token {place} changed: logits before it"
                    assert_near(what, {"logits": after[:, :place]}, {"logits": before[:, :place]})
                    assert not torch.allclose(after[:, place:], before[:, place:], atol=1e-7), (
                        f"{name}: no logits from token {place} on depend on it"
                    )
                    if place < _TOKENS - 1:
                        assert not torch.allclose(after[:, -1], before[:, -1], atol=1e-7), (
                            f"{name}: the last token's logits do not depend on token {place}; a text would be its "
                            "last token"
                        )

    def test_padding_on_either_side(self) -> None:
        """Texts of several lengths are padded on the left to be continued, on the right to be trained on.

        Fix: mask padding in every layer, and count positions over the attention_mask (cumsum - 1), or take
        position_ids.
        """
        for model in self.decoders():
            ids, name = some_ids(model), type(model).__name__
            alone = _logits(model, ids, attention_mask=torch.ones_like(ids))
            for side in ("right", "left"):
                padded, mask, positions = pad_ids(ids, side)
                found = _logits(model, padded, attention_mask=mask, **place_options(model, positions))
                own = found[:, :_TOKENS] if side == "right" else found[:, _PADDING:]
                assert_near(f"{name}, padded on the {side}", {"logits": own}, {"logits": alone})
                self._assert_counts(model, side, alone)

    def _assert_counts(self, model: PreTrainedModel, side: str, alone: Tensor) -> None:
        """Assert that a model that gets no position_ids takes padding, and if it is rotary, that it does not count."""
        padded, mask, _ = pad_ids(some_ids(model), side)
        what = f"{type(model).__name__}, padded on the {side}, without position_ids"
        try:
            found = _logits(model, padded, attention_mask=mask)
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        if _is_rotary(model):
            own = found[:, :_TOKENS] if side == "right" else found[:, _PADDING:]
            assert_near(what, {"logits": own}, {"logits": alone})

    def test_cache(self) -> None:
        """Token by token with a cache must be what the whole text gives at once, padded on the left or not.

        Fix: append keys and values after positions are applied, let positions go on from the cache's length, and
        mask with the whole attention_mask.
        """
        for model in self.decoders():
            if not takes(model, "past_key_values"):
                continue
            ids, name = some_ids(model), type(model).__name__
            for padded in (False, True):
                given, mask, positions = pad_ids(ids, "left") if padded else (ids, torch.ones_like(ids), _places(ids))
                skip, side = (_PADDING, ", padded on the left") if padded else (0, "")
                for first, step, places in ((skip + 1, 1, positions), (skip + 2, 2, positions), (skip + 2, 1, None)):
                    whole = _logits(model, given, attention_mask=mask, **place_options(model, places))
                    found = _continued(model, given, mask, places, first, step)
                    counted = ", without position_ids" if places is None else ""
                    what = f"{name} with past_key_values, {step} tokens at a time{side}{counted}"
                    assert_near(what, {"logits": found[:, skip:]}, {"logits": whole[:, skip:]})

    def test_cache_on_request(self) -> None:
        """A cache that nobody asked for fills the memory in training; one that is missing makes writing slow.

        Fix: return past_key_values where use_cache=True, and None where use_cache=False.
        """
        for model in self.decoders():
            name, ids = type(model).__name__, some_ids(model)
            if not takes(model, "use_cache"):
                continue
            for training in (False, True):
                model.train(training)
                kept = call(model, ids, use_cache=False).get("past_key_values")
                assert kept is None, f"{name} returns past_key_values with use_cache=False"
            plain = call(model.train(), ids).get("past_key_values")
            assert plain is None, f"{name} returns past_key_values in training, where nobody asked for it"
            asked = call(model.eval(), ids, use_cache=True).get("past_key_values")
            assert asked is not None, f"{name} returns no past_key_values with use_cache=True"
            for wanted in (False, True) if model.config.value_of("use_cache") is not None else ():
                config = self.config()
                config.update(use_cache=wanted)
                found = call(type(model)(config).eval(), ids).get("past_key_values")
                told = "past_key_values" if wanted else "no past_key_values"
                assert (found is not None) == wanted, f"{name} with config.use_cache = {wanted}: expected {told}"

    def test_shifted_loss(self) -> None:
        """Each token is told from those before it: a loss that is not shifted teaches a model to repeat its input.

        Fix: F.cross_entropy(logits[:, :-1], labels[:, 1:], ignore_index=-100), the mean over labelled tokens.
        """
        for model in self.decoders():
            ids, name = some_ids(model), type(model).__name__
            for hidden in ((), (1, 3), (0, _TOKENS - 1)):
                labels = ids.clone()
                labels[:, list(hidden)] = _IGNORED
                output = call(model, ids, labels=labels)
                logits, loss = output["logits"].float(), output.get("loss")
                assert loss is not None, f"{name} makes no loss of labels"
                wanted = F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), ignore_index=_IGNORED)
                same = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=_IGNORED)
                hint = "; it is not shifted" if torch.isclose(loss, same, rtol=1e-4) else ""
                without = f" with -100 at {list(hidden)}" if hidden else ""
                assert torch.isclose(loss.float(), wanted, rtol=1e-4), (
                    f"{name}: the loss{without} is {loss.item():.6g}; expected {wanted.item():.6g}, the mean cross "
                    f"entropy of logits[:, :-1] and labels[:, 1:]{hint}"
                )

    def test_classifier_reads_the_last_token(self) -> None:
        """Only the last token of a decoder has seen the whole text, wherever the padding is.

        Fix: pool at the last place where attention_mask (else input_ids != pad_token_id) is true, not at -1.
        """
        cls = self.models().get("sequence-classification")
        config = self.config()
        if cls is None or not list(self.decoders()) or _is_encoder(config):
            return
        if "pad_token_id" in config.to_dict() or hasattr(config, "pad_token_id"):
            config.update(pad_token_id=0)
        model = cls(config).eval()
        ids, name = some_ids(model).clamp(min=1), cls.__name__
        alone = _logits(model, ids)
        for place in (0, _TOKENS - 1):
            changed = ids.clone()
            changed[:, place] = 1 + ids[:, place] % (model.config.vocab_size - 1)
            same = torch.allclose(_logits(model, changed), alone, atol=1e-7)
            assert not same, f"{name}: no score depends on token {place} of {_TOKENS}"
        for side in ("right", "left"):
            padded, mask, positions = pad_ids(ids, side)
            found = _logits(model, padded, attention_mask=mask, **place_options(model, positions))
            assert_near(f"{name}, padded on the {side}", {"logits": found}, {"logits": alone})

    def test_rotary_positions_are_relative(self) -> None:
        """A model without a table of positions knows distances alone: all position_ids + 3 must change nothing.

        Fix: rotate queries and keys by the same positions, both, once, before they meet.
        """
        for model in self.decoders():
            ids = some_ids(model)
            if not takes(model, "position_ids") or not _is_rotary(model):
                continue
            places = _places(ids)
            found, wanted = (_logits(model, ids, position_ids=places + moved) for moved in (3, 0))
            assert_near(f"{type(model).__name__}, position_ids + 3", {"logits": found}, {"logits": wanted})
            spread = _logits(model, ids, position_ids=places * 2)
            assert not torch.allclose(spread, wanted, atol=1e-6), (
                f"{type(model).__name__}: the logits do not depend on the distances in position_ids"
            )


def _is_encoder(config: PreTrainedConfig) -> bool:
    """Return whether a configuration has a field that makes a decoder of an encoder, as BERT's, and it is off."""
    return any(declared.name == "is_decoder" for declared in fields(config)) and not config.is_decoder


def some_ids(model: PreTrainedModel) -> Tensor:
    """Return three texts of six tokens, the same each time: with two, a sum over rows halved is a mean."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(model.config.vocab_size, (3, _TOKENS), generator=generator)


def _places(ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1]).expand_as(ids)


def pad_ids(ids: Tensor, side: str) -> tuple[Tensor, Tensor, Tensor]:
    """Return ids with padding at one side, their mask, and the positions of what is no padding."""
    space = ids.new_zeros(len(ids), _PADDING)
    order = (ids, space) if side == "right" else (space, ids)
    mask = torch.cat([torch.ones_like(each) if each is ids else each for each in order], 1)
    return torch.cat(order, 1), mask, (mask.cumsum(1) - 1).clamp(min=0)


def takes(model: PreTrainedModel, name: str) -> bool:
    """Return whether forward has an argument of a name."""
    return name in inspect.signature(model.forward).parameters


def place_options(model: PreTrainedModel, positions: Tensor | None) -> dict[str, Tensor]:
    """Return ``position_ids`` as an argument of a model that takes them, else nothing."""
    return {"position_ids": positions} if positions is not None and takes(model, "position_ids") else {}


@torch.no_grad()
def call(model: PreTrainedModel, ids: Tensor, **options: Any) -> Any:
    """Return what a model puts out for texts, as an output rather than a tuple."""
    with torch.random.fork_rng(devices=[]):
        return model(input_ids=ids, **options, **({"return_dict": True} if takes(model, "return_dict") else {}))


def _logits(model: PreTrainedModel, ids: Tensor, **options: Any) -> Tensor:
    found: Tensor = call(model, ids, **options)["logits"]
    return found


def _continued(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, places: Tensor | None, first: int, step: int
) -> Tensor:
    """Return the logits of a text that is read in parts, each with the cache of those before."""
    ends = [first, *range(first + step, ids.shape[1], step), ids.shape[1]]
    begin, past, found = 0, None, []
    for end in dict.fromkeys(ends):
        more: dict[str, Any] = {} if past is None else {"past_key_values": past}
        own = place_options(model, None if places is None else places[:, begin:end])
        output = call(model, ids[:, begin:end], attention_mask=mask[:, :end], use_cache=True, **more, **own)
        begin, past = end, output.get("past_key_values")
        assert past is not None, f"{type(model).__name__} returns no past_key_values with use_cache=True"
        found.append(output["logits"])
    return torch.cat(found, 1)


def _is_rotary(model: PreTrainedModel) -> bool:
    """Return whether the configuration speaks of rotary positions, and no embedding has a row for each position."""
    names = model.config.to_dict()
    speaks = any(name.startswith(("rope_", "rotary")) for name in names)
    tables = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.Embedding) and ("pos" in name.rpartition(".")[2] or name.endswith("wpe"))
    ]
    return speaks and not tables
