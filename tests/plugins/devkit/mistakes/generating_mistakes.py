"""What goes wrong in a decoder that is derived from what `archsmith new --kind decoder` writes."""

# ruff: noqa: E501  # a piece of source stands as it is

from .record import Mistake

MODEL, HEADS = "model.py", "heads.py"
CACHE = "past_key_values|cache"
UPDATE = "key, value = cache.update(self.number, key, value)"
MASK = "mask = attention_mask_for(hidden, attention_mask, causal=True, past=past)"
ATTEND = "attend(query, key, value, mask, eager=eager, causal=mask is None)"


def _generating(name, wrong, *edits, says):
    return Mistake(f"generating-{name}", "generating", wrong, edits, says)


MISTAKES = (
    _generating(
        "not-causal-without-padding",
        "Where there is no mask nothing says that attention is causal: unpadded texts see what is to come.",
        (MODEL, ATTEND, "attend(query, key, value, mask, eager=eager)"),
        says=("token",),
    ),
    _generating(
        "not-causal-with-padding",
        "The mask of padding is not causal: padded texts see what is to come.",
        (MODEL, "causal=True, past=past)", "past=past)"),
        says=("token|padded",),
    ),
    _generating(
        "mask-off-by-one",
        "The triangle begins one place later: each token sees the next one.",
        (
            MODEL,
            "        angles = self._angles(",
            "        tokens = hidden.shape[1]\n        triangle = torch.ones(tokens, past + tokens, dtype=torch.bool).tril(past + 1)\n        mask = triangle if mask is None else mask | triangle\n        angles = self._angles(",
        ),
        says=("token",),
    ),
    _generating(
        "positions-begin-again",
        "Positions of new tokens begin at 0 in every call.",
        (MODEL, "torch.arange(past, past + tokens, device", "torch.arange(tokens, device"),
        says=(CACHE,),
    ),
    _generating(
        "positions-off-by-one-with-a-cache",
        "The first new token has the position of the last one in the cache.",
        (
            MODEL,
            "torch.arange(past, past + tokens, device=hidden.device)",
            "torch.arange(past, past + tokens, device=hidden.device).sub(past > 0)",
        ),
        says=(CACHE,),
    ),
    _generating(
        "position-ids-ignored",
        "position_ids are ignored.",
        (MODEL, "if position_ids is None:\n            position_ids", "if True:\n            position_ids"),
        says=("position_ids",),
    ),
    _generating(
        "cache-not-appended",
        "The cache is passed on, but nothing is appended to it: each step sees its own token alone.",
        (MODEL, UPDATE, "pass"),
        says=(CACHE,),
    ),
    _generating(
        "cache-not-read",
        "Keys are appended, but what the cache returns is dropped.",
        (MODEL, UPDATE, "cache.update(self.number, key, value)"),
        says=(CACHE,),
    ),
    _generating(
        "cache-appended-twice",
        "Keys and values are appended twice.",
        (MODEL, UPDATE, f"cache.update(self.number, key, value)\n            {UPDATE}"),
        says=(CACHE,),
    ),
    _generating(
        "cache-before-rotation",
        "Keys go into the cache before positions are in them, and are rotated by the place of the newest token.",
        (MODEL, "        query, key = rotate(query, angles), rotate(key, angles)\n", ""),
        (
            MODEL,
            UPDATE,
            f"{UPDATE}\n        last = (angles[0][:, :, -1:], angles[1][:, :, -1:])\n        query, key = rotate(query, angles), rotate(key, angles if key.shape[2] == angles[0].shape[2] else last)",
        ),
        says=(CACHE,),
    ),
    _generating(
        "cache-of-the-wrong-layer",
        "All layers append to the first: each attends to the keys of those below it.",
        (MODEL, "cache.update(self.number, key", "cache.update(0, key"),
        says=(CACHE,),
    ),
    _generating(
        "cache-for-single-tokens-alone",
        "A cache is read where one token comes, and ignored where several come, as in a chat or with guesses.",
        (
            MODEL,
            UPDATE,
            f"keys, values = key, value\n            {UPDATE}\n            if query.shape[2] > 1:\n                key, value, mask = keys, values, None if mask is None else mask[..., -query.shape[2] :]",
        ),
        says=(CACHE,),
    ),
    _generating(
        "mask-ignored-with-a-cache",
        "With a cache the attention mask is dropped, so new tokens see the padding of the prompt.",
        (MODEL, MASK, "mask = attention_mask_for(hidden, None if past else attention_mask, causal=True, past=past)"),
        says=(CACHE, "padded|mask"),
    ),
    _generating(
        "mask-cut-with-a-cache",
        "Of the attention mask the first columns are taken rather than all of them.",
        (
            MODEL,
            MASK,
            "mask = attention_mask_for(hidden, attention_mask if attention_mask is None or not past else attention_mask[:, :1].expand(-1, past + hidden.shape[1]), causal=True, past=past)",
        ),
        says=(CACHE, "padded|mask|finite"),
    ),
    _generating(
        "cache-whatever-is-asked",
        "use_cache=False returns a cache all the same.",
        (MODEL, "cache_for(self, past_key_values, use_cache)", "cache_for(self, past_key_values, True)"),
        says=("use_cache|past_key_values",),
    ),
    _generating(
        "cache-in-training",
        "A cache is returned in training where nobody asked for one.",
        (
            MODEL,
            "cache_for(self, past_key_values, use_cache)",
            "cache_for(self, past_key_values, True if use_cache is None else use_cache)",
        ),
        says=("use_cache|past_key_values",),
    ),
    _generating(
        "cache-under-checkpointing",
        "Layers are run twice under gradient checkpointing, and append their keys twice.",
        (
            MODEL,
            "cache_for(self, past_key_values, use_cache)",
            "past_key_values if not (config.use_cache and not self.training if use_cache is None else use_cache) else (Cache() if past_key_values is None else past_key_values)",
        ),
        says=("checkpointing",),
    ),
    _generating(
        "cache-lost-by-the-head",
        "The head does not hand the cache on to the model, so that every call begins again.",
        (
            HEADS,
            "            position_ids,\n            past_key_values,\n            inputs_embeds,\n",
            "            position_ids,\n            None,\n            inputs_embeds,\n",
        ),
        says=(CACHE,),
    ),
    _generating(
        "cache-lost-in-tuples",
        "With return_dict=False the cache is left out.",
        (
            HEADS,
            "return self.as_requested(causal_output(read, logits, labels, None), return_dict)",
            "output = causal_output(read, logits, labels, None)\n        if return_dict is False:\n            output.past_key_values = None\n        return self.as_requested(output, return_dict)",
        ),
        says=("return_dict=false|tuple", CACHE),
    ),
    _generating(
        "labels-shifted-by-the-model-too",
        "The labels are shifted before they come to a loss that shifts.",
        (
            HEADS,
            "causal_output(read, logits, labels, None)",
            "causal_output(read, logits, None if labels is None else labels.roll(-1, 1), None)",
        ),
        says=("loss",),
    ),
    _generating(
        "labels-not-shifted",
        "The loss scores each token by itself.",
        (
            HEADS,
            "return self.as_requested(causal_output(read, logits, labels, None), return_dict)",
            "output = causal_output(read, logits, None, None)\n        if labels is not None:\n            output.loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())\n        return self.as_requested(output, return_dict)",
        ),
        says=("loss", "shift"),
    ),
    _generating(
        "first-places-kept",
        "logits_to_keep keeps the first places rather than the last.",
        (
            HEADS,
            "places_kept(hidden, logits_to_keep)",
            "places_kept(hidden, logits_to_keep if isinstance(logits_to_keep, Tensor) or not logits_to_keep else torch.arange(logits_to_keep))",
        ),
        (HEADS, "from typing import Any\n", "from typing import Any\n\nimport torch\n"),
        says=("logits_to_keep",),
    ),
    _generating(
        "all-places-kept",
        "logits_to_keep is ignored: a long prompt makes scores for all of its tokens.",
        (HEADS, "places_kept(hidden, logits_to_keep)", "places_kept(hidden, 0)"),
        says=("logits_to_keep",),
    ),
    _generating(
        "one-too-many-kept",
        "logits_to_keep keeps one place more.",
        (
            HEADS,
            "places_kept(hidden, logits_to_keep)",
            "places_kept(hidden, logits_to_keep + 1 if isinstance(logits_to_keep, int) and logits_to_keep else logits_to_keep)",
        ),
        says=("logits_to_keep",),
    ),
    _generating(
        "not-tied",
        "The output layer is said to be tied, but computes with a copy.",
        (HEADS, '    tied_weights = {"lm_head.weight": "model.words.weight"}\n', ""),
        says=("tie_word_embeddings|tied|lm_head",),
    ),
    _generating(
        "groups-in-the-wrong-order",
        "Keys and values are repeated as a whole rather than head by head.",
        (
            MODEL,
            "        attended, attention_map = attend",
            "        times = query.shape[1] // key.shape[1]\n        key, value = key.repeat(1, times, 1, 1), value.repeat(1, times, 1, 1)\n        attended, attention_map = attend",
        ),
        says=("num_key_value_heads",),
    ),
    _generating(
        "large-number-in-the-mask",
        "Masks add -1e9, which float16 does not hold: a row of padding is NaN, and NaN goes on.",
        (
            MODEL,
            "        angles = self._angles(",
            "        tokens = hidden.shape[1]\n        allowed = torch.ones(tokens, past + tokens, dtype=torch.bool).tril(past)\n        if attention_mask is not None:\n            allowed = allowed & attention_mask[:, None, None, :].bool()\n        mask = (~allowed).to(hidden.dtype) * -1e9\n        mask = mask.expand(hidden.shape[0], 1, tokens, past + tokens)\n        angles = self._angles(",
        ),
        says=("float16|finite|nan",),
    ),
    _generating(
        "rows-mixed",
        "A normalisation goes over the batch as well, so that texts depend on their neighbours.",
        (
            MODEL,
            "        states[-1] = self.norm(hidden)",
            "        hidden = hidden - hidden.mean(dim=0, keepdim=True) * 0.1\n        states[-1] = self.norm(hidden)",
        ),
        says=("row|batch",),
    ),
    _generating(
        "rotated-twice-with-a-cache",
        "Queries are rotated again where there is a cache, so that writing differs from reading.",
        (MODEL, UPDATE, f"{UPDATE}\n            query = rotate(query, angles)"),
        says=("position|rotat|cache",),
    ),
    _generating(
        "keys-not-rotated",
        "Queries alone are rotated.",
        (MODEL, "rotate(query, angles), rotate(key, angles)", "rotate(query, angles), key"),
        says=("position",),
    ),
    _generating(
        "window-off-by-one",
        "A window of 3 lets a token see 3 before it and itself.",
        (
            "config.py",
            "    use_cache: bool = field",
            '    sliding_window: Size | None = field(default=None, doc="How many tokens one sees, itself counted.")\n    use_cache: bool = field',
        ),
        (
            MODEL,
            "causal=True, past=past)",
            "causal=True, past=past, window=None if config.sliding_window is None else config.sliding_window + 1)",
        ),
        says=("sliding_window",),
    ),
    _generating(
        "classifies-by-the-last-place",
        "The classifier reads the last place, which is padding in all but the longest text.",
        (HEADS, "last_states(hidden, input_ids, attention_mask, self.config.pad_token_id)", "hidden[:, -1]"),
        says=("padding|padded|attention_mask",),
    ),
)
