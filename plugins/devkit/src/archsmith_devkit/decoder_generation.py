"""Checks of what writing a text asks of a decoder: scores of the last places, a cache that grows by what was read."""

from typing import Any

import torch
from torch import Tensor

from archsmith.errors import ArchsmithError
from archsmith.model import PreTrainedModel
from archsmith_devkit.decoders import DecoderChecks, call, pad_ids, place_options, some_ids, takes
from archsmith_devkit.harness import assert_near

__all__ = ["DecoderGenerationChecks"]

_NEW, _WINDOW = 4, 3


class DecoderGenerationChecks(DecoderChecks):
    """What ``generate`` relies on. Architectures without ``causal-lm`` pass."""

    def test_cache_counts_tokens(self) -> None:
        """A cache that a token is missing from, or in which one stands twice, shifts all that is read after it.

        Fix: append the keys and values of every call to past_key_values, once in each layer, and return it.
        """
        for model in self.decoders():
            ids, name, read = some_ids(model), type(model).__name__, 0
            past: dict[str, Any] = {}
            for part in torch.split(ids, [3, 1, 2], dim=1) if takes(model, "past_key_values") else ():
                read += part.shape[1]
                kept = call(model, part, use_cache=True, **past).get("past_key_values")
                past, length = {"past_key_values": kept}, length_of(kept)
                assert length in (None, read), (
                    f"{name} was given {read} tokens in {len(past)} or more calls, but past_key_values holds {length}"
                )

    def test_cache_is_in_the_tuple(self) -> None:
        """Whoever asks for tuples gets the cache as second entry, behind the logits: without it nobody can go on.

        Fix: return self.as_requested(output, return_dict), with past_key_values in the output.
        """
        for model in self.decoders():
            if not takes(model, "use_cache") or not takes(model, "return_dict"):
                continue
            ids = some_ids(model)
            kept = call(model, ids, use_cache=True).get("past_key_values")
            with torch.no_grad():
                found = model(input_ids=ids, use_cache=True, return_dict=False)
            assert len(found) > 1, (
                f"{type(model).__name__} with use_cache=True and return_dict=False: there is no cache"
            )
            assert type(found[1]) is type(kept), (
                f"{type(model).__name__} with use_cache=True and return_dict=False: behind the logits comes a "
                f"{type(found[1]).__name__}; expected past_key_values, a {type(kept).__name__}"
            )

    def test_cache_with_gradient_checkpointing(self) -> None:
        """A layer that is run again for its gradients appends its keys again: the cache holds each token twice.

        Fix: refuse a cache while layers are checkpointed in training, as archsmith_generation.forward.cache_for does,
        or make the cache with torch.cat.
        """
        for model in self.decoders():
            if not takes(model, "use_cache") or not model.supports_gradient_checkpointing:
                continue
            ids = some_ids(model)
            model.train()
            model.gradient_checkpointing_enable()
            try:
                output = model(input_ids=ids, use_cache=True, return_dict=True)
            except ArchsmithError:
                continue
            what = f"{type(model).__name__} with use_cache=True, after a step with gradient checkpointing"
            try:
                output["logits"].sum().backward()
            except Exception as error:
                raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
            length = length_of(output.get("past_key_values"))
            assert length in (None, ids.shape[1]), f"{what}: past_key_values holds {length} tokens of {ids.shape[1]}"

    def test_logits_to_keep(self) -> None:
        """Writing needs the scores behind the last token: those of another place go on with another text.

        Fix: score archsmith_generation.forward.places_kept(hidden, logits_to_keep): the last so many, 0 for all.
        """
        for model in self.decoders():
            if not takes(model, "logits_to_keep"):
                continue
            ids, name = some_ids(model), type(model).__name__
            whole = call(model, ids)["logits"]
            for kept in (0, 1, 2, torch.tensor([0, 3])):
                said = kept if isinstance(kept, int) else kept.tolist()
                wanted = whole[:, -kept:] if isinstance(kept, int) else whole[:, kept]
                try:
                    found = call(model, ids, logits_to_keep=kept)["logits"]
                except ArchsmithError:
                    assert not isinstance(kept, int), f"{name} refuses logits_to_keep={said}"
                    continue
                what = f"{name}, logits_to_keep={said}"
                assert found.shape == wanted.shape, (
                    f"{what}: logits have the shape {tuple(found.shape)}; expected {tuple(wanted.shape)}"
                )
                assert_near(what, {"logits": found}, {"logits": wanted})

    def test_padding_in_half_precision(self) -> None:
        """A mask that adds -1e9 is minus infinity in float16, and a row of these is NaN; so is a mask of float32's own.

        Fix: hand boolean masks to archsmith.layers.attention.attend, or add torch.finfo(scores.dtype).min.
        """
        for model in self.decoders():
            given, mask, places = pad_ids(some_ids(model), "left")
            for dtype in (torch.float16, torch.bfloat16):
                for attention in ("sdpa", "eager"):
                    try:
                        model.to(dtype).set_attn_implementation(attention)
                        options = place_options(model, places)
                        found = call(model, given, attention_mask=mask, **options)["logits"]
                    except (ArchsmithError, RuntimeError):
                        continue  # the checks of float16 and bfloat16 say so
                    assert found[mask.bool()].isfinite().all(), (
                        f"{type(model).__name__} in {str(dtype).removeprefix('torch.')}, {attention} attention, padded "
                        "on the left: the logits are not finite; is the mask made of a large number that this type "
                        "does not hold?"
                    )

    def test_generate(self) -> None:
        """What is written must not depend on how it is computed: with the cache or without, alone or padded in a batch.

        Fix: see what the other checks of decoders say; generate passes input_ids, attention_mask, position_ids,
        past_key_values, use_cache and logits_to_keep, where forward takes them.
        """
        for model in self.decoders():
            most = getattr(model.config, "max_position_embeddings", None)
            given, mask, _ = pad_ids(some_ids(model), "left")
            new = _NEW if most is None else min(_NEW, most - given.shape[1])
            write: Any = getattr(model, "generate", None)
            if not callable(write) or new < 1:
                continue
            ids, name = some_ids(model), type(model).__name__
            options = {"max_new_tokens": new, "do_sample": False, "eos_token_id": None}
            wanted = _by_hand(model, ids, new)
            ways: dict[str, dict[str, Any]] = {
                "": {"input_ids": ids},
                " with use_cache=False": {"input_ids": ids, "use_cache": False},
                ", padded on the left,": {"input_ids": given, "attention_mask": mask},
            }
            if takes(model, "inputs_embeds"):
                words: Any = model.get_input_embeddings()
                ways[" from inputs_embeds"] = {"inputs_embeds": words(ids).detach()}
            for way, inputs in ways.items():
                found = write(**inputs, **options)[:, -new:]
                assert torch.equal(found, wanted), (
                    f"{name}.generate{way} writes {found.tolist()}; expected {wanted.tolist()}, the likeliest token "
                    "each time as the whole text is read anew"
                )

    def test_window(self) -> None:
        """A window is how many tokens one sees, itself counted: off by one, published weights compute something else.

        Fix: attention_mask_for(…, window=config.sliding_window): token i sees those from i - window + 1 on.
        """
        for model in self.decoders():
            windowed = self._windowed(model)
            if windowed is None:
                continue
            ids = some_ids(windowed)
            before, last = call(windowed, ids)["logits"], ids.shape[1] - 1
            for back in (_WINDOW - 1, _WINDOW):
                changed = ids.clone()
                changed[:, last - back] = (ids[:, last - back] + 1) % windowed.config.vocab_size
                after = call(windowed, changed)["logits"]
                sees = not torch.allclose(after[:, last], before[:, last], atol=1e-7)
                assert sees == (back < _WINDOW), (
                    f"{type(windowed).__name__} of one layer with sliding_window = {_WINDOW}: a token "
                    f"{'sees' if sees else 'does not see'} the one {back} places before it; expected itself and "
                    f"{_WINDOW - 1} before it"
                )

    def _windowed(self, model: PreTrainedModel) -> PreTrainedModel | None:
        """Return a model of one layer with a window; None where the configuration has no such thing."""
        names = {"sliding_window": _WINDOW, "num_hidden_layers": 1, "use_sliding_window": True, "max_window_layers": 0}
        known = {**self.config().to_dict(), **{name: None for name in names if hasattr(model.config, name)}}
        if "sliding_window" not in known:
            return None
        try:
            config = self.config_class()(**{**self.values(), **{name: names[name] for name in names if name in known}})
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(0)
                return type(model)(config).eval()
        except ArchsmithError:
            return None


def length_of(past: Any) -> int | None:
    """Return how many tokens a cache holds; None where it does not say."""
    if isinstance(past, tuple | list) and past and isinstance(past[0], tuple | list) and past[0]:
        first = past[0][0]
        return first.shape[2] if isinstance(first, Tensor) and first.ndim == 4 else None  # noqa: PLR2004
    length = getattr(past, "length", None)
    return length if isinstance(length, int) else None


def _by_hand(model: PreTrainedModel, ids: Tensor, new: int) -> Tensor:
    """Return the likeliest tokens after a text, ``(batch, new)``, each of the whole text read anew."""
    begin = ids.shape[1]
    for _ in range(new):
        ids = torch.cat([ids, call(model, ids)["logits"][:, -1:].argmax(-1)], 1)
    return ids[:, begin:]
