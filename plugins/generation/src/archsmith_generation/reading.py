"""How a model is asked for the scores of next tokens: only what it has not read yet goes in."""

import inspect
from typing import Any

import torch
from torch import Tensor

from archsmith.errors import InputError, OptionError
from archsmith_generation.cache import Cache
from archsmith_generation.prompts import Prompt

__all__ = ["Reader"]


class Reader:
    """A model, what it has read, and where its texts are padding.

    Attributes:
        cache: Keys and values so far; None: the whole text is read for each token.
        offset: Tokens that came as embeddings, before the first id.
    """

    def __init__(self, model: Any, prompt: Prompt, cache: Cache | None, *, limit: int) -> None:
        self.model, self.prompt, self.cache = model, prompt, cache
        self.offset = 0 if prompt.embeds is None else prompt.length
        self._takes = inspect.signature(type(model).forward).parameters  # tools wrap that of an object
        self._mask: Tensor | None = None
        self._rows: Tensor | None = None  # the rows that are read; None: all
        if prompt.mask is not None:
            self._mask = prompt.mask.new_ones(prompt.mask.shape[0], limit)
            self._mask[:, : prompt.length] = prompt.mask
            self._places = (self._mask.long().cumsum(1) - 1).clamp(min=0)
        for name in ("past_key_values",) if cache is not None else ():
            if name not in self._takes:
                raise OptionError(f"{type(model).__name__} has no {name}; pass use_cache=False.")
        if cache is not None and cache.length:
            self._reuse(cache)

    def _reuse(self, cache: Cache) -> None:
        """Keep of a cache what is the beginning of the prompt; its last token is always read."""
        layers = getattr(self.model.config, "num_hidden_layers", len(cache))
        if cache.batch != self.prompt.ids.shape[0] or len(cache) != layers:
            raise InputError(
                f"past_key_values has {cache.batch} rows and {len(cache)} layers, but the prompt has "
                f"{self.prompt.ids.shape[0]} rows and the model {layers} layers: it is of another model or another "
                "batch. Start with a new Cache()."
            )
        if self.offset:
            raise InputError("past_key_values holds tokens, which cannot be compared with inputs_embeds; pass none.")
        same = min(cache.length, self.prompt.length - 1)
        if cache.tokens is not None:
            read, own = cache.tokens[:, :same], self._known(self.prompt.ids)[:, : cache.tokens.shape[1]][:, :same]
            same = int((read == own).all(0).long().cumprod(0).sum())
        elif cache.length > same:
            raise InputError(
                f"past_key_values holds {cache.length} tokens, but the prompt has {self.prompt.length}: pass the whole "
                "text as input_ids, those that were read and at least one more."
            )
        try:
            cache.crop(same)
        except InputError:  # a window has dropped what would be needed
            cache.crop(0)

    def _known(self, ids: Tensor) -> Tensor:
        """Return ids with -1 for padding."""
        return ids if self._mask is None else ids.masked_fill(~self._mask[:, : ids.shape[1]], -1)

    def repeat(self, times: int) -> None:
        """Put each row that often below itself."""
        if times > 1:
            self.prompt = self.prompt.repeated(times)
            if self._mask is not None:
                self._mask = self._mask.repeat_interleave(times, 0)
                self._places = self._places.repeat_interleave(times, 0)
            if self.cache is not None:
                self.cache.repeat(times)

    def leave(self, ended: Tensor) -> None:
        """Read no more of the rows that have ended once they are half of those that are read.

        Args:
            ended: ``(batch,)`` boolean.
        """
        rows = torch.arange(len(ended), device=ended.device) if self._rows is None else self._rows
        living = (~ended[rows]).nonzero().squeeze(1)  # places among those that are read
        if not 0 < 2 * len(living) <= len(rows):
            return
        self._rows = rows[living]
        if self._mask is not None:
            self._mask, self._places = self._mask[living], self._places[living]
        if self.cache is not None:
            self.cache.reorder(living)

    def logits(self, ids: Tensor, *, keep: int = 1) -> Tensor:
        """Return the scores of what follows each of the last tokens: ``(batch, keep, vocabulary)`` float32.

        Args:
            ids: ``(batch, tokens)`` integer: the whole text, of which the model gets what it has not read.
            keep: After how many of the last tokens.

        Returns:
            The scores; zeros in rows that were left.
        """
        if self._rows is None:
            return self._asked(ids, self.prompt.embeds, keep)
        embeds = None if self.prompt.embeds is None else self.prompt.embeds[self._rows]
        found = self._asked(ids[self._rows], embeds, keep)
        return found.new_zeros(len(ids), *found.shape[1:]).index_copy_(0, self._rows, found)

    def _asked(self, ids: Tensor, embeds: Tensor | None, keep: int) -> Tensor:
        total, read = self.offset + ids.shape[1], 0 if self.cache is None else self.cache.length
        inputs: dict[str, Any] = {}
        if read < self.offset:
            assert embeds is not None  # for the type checker
            words = [self.model.get_input_embeddings()(ids)] if ids.shape[1] else []
            inputs["inputs_embeds"] = torch.cat([embeds, *words], 1)
        else:
            inputs["input_ids"] = ids[:, read - self.offset :]
        if self._mask is not None:
            inputs["attention_mask"] = self._mask[:, :total]
            if "position_ids" in self._takes:
                inputs["position_ids"] = self._places[:, read:total]
        if self.cache is not None:
            inputs["past_key_values"] = self.cache
        options = {"use_cache": self.cache is not None, "logits_to_keep": keep, "return_dict": True}
        inputs |= {name: value for name, value in options.items() if name in self._takes}
        try:
            logits: Tensor = self.model(**inputs).logits[:, -keep:].float()
        except BaseException:
            if self.cache is not None:  # a call that stops on its way leaves layers of two lengths
                self.cache.crop(read)
            raise
        if self.cache is not None:
            if self.cache.length != total:
                raise OptionError(
                    f"{type(self.model).__name__}.forward did not append to the cache that it got: its attention must "
                    "call past_key_values.update(layer, key, value). Else pass use_cache=False."
                )
            self.cache.tokens = None if self.offset else self._known(ids)
        return logits
