"""What goes wrong when a decoder of texts is ported."""

# ruff: noqa: E501, ISC004  # a piece of source stands as it is

from .record import Mistake

MODEL, HEADS, CONFIG, PLUGIN = "model.py", "heads.py", "config.py", "plugin.py"
CACHE = "past_key_values|cache|cached"


def _decoder(name, wrong, *edits, says):
    return Mistake(f"decoder-{name}", "decoder", wrong, edits, says)


MISTAKES = (
    _decoder(
        "sees-the-next-token",
        "The causal mask is off by one: each token sees the one that it is to predict, and the loss is too good.",
        (MODEL, "(places <= queries)", "(places <= queries + 1)"),
        says=("causal|future|later|next|after",),
    ),
    _decoder(
        "sees-everything",
        "There is no causal mask: it trains to a loss of nothing, and generates nonsense.",
        (MODEL, "(places <= queries) & mask", "mask"),
        says=("causal|future|later|next|after",),
    ),
    _decoder(
        "causal-mask-from-the-start-of-the-cache",
        "With a cache the causal mask is that of the first tokens, so a new token sees the first one alone.",
        (MODEL, "queries = places[total - tokens :, None]", "queries = places[:tokens, None]"),
        says=(CACHE,),
    ),
    _decoder(
        "cached-positions-start-at-0",
        "Positions of new tokens start at 0 in every call: with a cache texts fall apart after the prompt.",
        (
            MODEL,
            "position_ids = positions_of(attention_mask, tokens)",
            "position_ids = positions_of(attention_mask[:, -tokens:], tokens)",
        ),
        says=(CACHE,),
    ),
    _decoder(
        "positions-of-padding-below-0",
        "Positions from the mask are -1 for padding on the left, which no table has.",
        (MODEL, ".clamp(min=0)[:, -tokens:]", "[:, -tokens:]"),
        says=("padding|position",),
    ),
    _decoder(
        "positions-from-the-ends",
        "position_ids are ignored where there is padding: packed texts get wrong places.",
        (MODEL, "if position_ids is None:", "if True:"),
        says=("position_ids",),
    ),
    _decoder(
        "values-rotated",
        "Values are rotated like queries and keys, so what is read depends on where the text begins.",
        (
            MODEL,
            "value = split_heads(self.v_proj(hidden), self.head_size)",
            "value = rotate(split_heads(self.v_proj(hidden), self.head_size), cos, sin)",
        ),
        says=("position|rotat|value",),
    ),
    _decoder(
        "halves-swapped-with-a-cache",
        "Keys are rotated the other way in the cached path alone, so generation differs from training.",
        (
            MODEL,
            "        if past is not None:\n            key =",
            "        if past is not None:\n            key = rotate(split_heads(self.k_proj(hidden), self.head_size), cos, -sin)\n            key =",
        ),
        says=(CACHE,),
    ),
    _decoder(
        "labels-not-shifted",
        "The loss scores each token by itself: it falls to nothing in a few steps.",
        (MODEL, "logits[:, :-1].reshape", "logits.reshape"),
        (MODEL, "labels[:, 1:].reshape", "labels.reshape"),
        says=("loss|labels", "shift|next|before|one place"),
    ),
    _decoder(
        "labels-shifted-twice",
        "The loss is shifted by two, as the collator and the model both do it.",
        (MODEL, "logits[:, :-1].reshape", "logits[:, :-2].reshape"),
        (MODEL, "labels[:, 1:].reshape", "labels[:, 2:].reshape"),
        says=("loss|labels", "shift|next|before|one place"),
    ),
    _decoder(
        "ignored-labels-count",
        "Labels of -100 count as token 0: the model learns to end every text with padding.",
        (MODEL, "labels[:, 1:].reshape(-1), ignore_index=-100", "labels[:, 1:].reshape(-1).clamp(min=0)"),
        says=("-100",),
    ),
    _decoder(
        "key-value-heads-ignored",
        "num_key_value_heads is not read: checkpoints with grouped heads do not load.",
        (CONFIG, "return self.num_key_value_heads or self.num_attention_heads", "return self.num_attention_heads"),
        says=("num_key_value_heads",),
    ),
    _decoder(
        "groups-in-the-wrong-order",
        "Keys and values are repeated as a whole rather than head by head: they meet the wrong queries.",
        (MODEL, "key.repeat_interleave(self.groups, dim=1)", "key.repeat(1, self.groups, 1, 1)"),
        (MODEL, "value.repeat_interleave(self.groups, dim=1)", "value.repeat(1, self.groups, 1, 1)"),
        says=("num_key_value_heads|group|reference|recorded",),
    ),
    _decoder(
        "head-dim-ignored",
        "head_dim is not read: checkpoints with wide heads do not load.",
        (
            CONFIG,
            "return self.head_dim or self.hidden_size // self.num_attention_heads",
            "return self.hidden_size // self.num_attention_heads",
        ),
        says=("head_dim",),
    ),
    _decoder(
        "scale-by-another-width",
        "The scores are scaled by hidden_size / heads, which is wrong where head_dim says otherwise.",
        (
            MODEL,
            "query = rotate(split_heads(self.q_proj(hidden), self.head_size), cos, sin)",
            "query = rotate(split_heads(self.q_proj(hidden), self.head_size), cos, sin) * self.rescaled",
        ),
        (
            MODEL,
            "        width, bias = config.hidden_size",
            "        usual = config.hidden_size // config.num_attention_heads\n        self.rescaled = (config.head_size / usual) ** 0.5\n        width, bias = config.hidden_size",
        ),
        says=("head_dim|scale|reference|recorded",),
    ),
    _decoder(
        "tied-by-copying",
        "The head starts as a copy of the embeddings rather than as the same matrix, so training pulls them apart.",
        (
            HEADS,
            '    tied_weights = {"lm_head.weight": "model.embed_tokens.weight"}\n',
            "    def init_weights(self, module: nn.Module) -> None:\n"
            "        super().init_weights(module)\n"
            "        if module is self and self.config.tie_word_embeddings:\n"
            "            self.lm_head.weight.data.copy_(self.model.embed_tokens.weight.data)\n",
        ),
        says=("tie_word_embeddings|tied|lm_head",),
    ),
    _decoder(
        "always-tied",
        "The head is tied whatever tie_word_embeddings says: checkpoints with a head of its own lose it.",
        (
            HEADS,
            "        logits = self.lm_head(decoded.last_hidden_state)",
            "        logits = decoded.last_hidden_state @ self.model.embed_tokens.weight.T",
        ),
        says=("lm_head|tie_word_embeddings",),
    ),
    _decoder(
        "classifies-by-padding",
        "The classifier reads the last place, which is padding in all but the longest text.",
        (HEADS, "if attention_mask is None:", "if True:"),
        says=("logits", "padding"),
    ),
    _decoder(
        "classifies-by-counting",
        "The classifier counts tokens from the left, which is wrong where the padding is on the left.",
        (
            HEADS,
            "(attention_mask[:, -tokens:].bool() * places).argmax(-1)",
            "attention_mask[:, -tokens:].long().sum(-1) - 1",
        ),
        says=("left|padding",),
    ),
    _decoder(
        "buffer-not-rebuilt",
        "Wave lengths are computed in the constructor alone: loaded models hold rubbish in their place.",
        (MODEL, "init_buffers", "fill"),
        says=("inv_freq",),
    ),
    _decoder(
        "buffer-in-the-files",
        "Wave lengths are saved as weights: files of others lack them, theirs have a key too many.",
        (MODEL, "persistent=False", "persistent=True"),
        says=("inv_freq",),
    ),
    _decoder(
        "waves-in-float32",
        "Sines and cosines stay in float32: half precision fails.",
        (MODEL, "return angles.cos().to(dtype), angles.sin().to(dtype)", "return angles.cos(), angles.sin()"),
        says=("bfloat16|float16|half|dtype",),
    ),
    _decoder(
        "norm-in-half",
        "Means of squares are taken in half precision, where they overflow from 256 on.",
        (MODEL, "wide = hidden.float()", "wide = hidden"),
        says=("float16|half|overflow|float32",),
    ),
    _decoder(
        "cache-in-training",
        "Keys and values are returned in training too, which doubles the memory and breaks checkpointing.",
        (MODEL, "use_cache = config.use_cache and not self.training", "use_cache = True"),
        says=("use_cache|past_key_values",),
    ),
    _decoder(
        "use-cache-ignored",
        "use_cache=False is ignored.",
        (
            MODEL,
            "past_key_values=tuple(kept) if use_cache else None,",
            "past_key_values=tuple(kept) if not self.training else None,",
        ),
        says=("use_cache|past_key_values",),
    ),
    _decoder(
        "cache-forgets-padding",
        "In cached steps the padding of the prompt is seen, because the mask is made for new tokens alone.",
        (
            MODEL,
            "causal_mask(attention_mask, tokens)",
            "causal_mask(torch.ones_like(attention_mask) if seen else attention_mask, tokens)",
        ),
        says=(CACHE, "padding|mask"),
    ),
    _decoder(
        "cache-changed-in-place",
        "The keys that the caller holds are changed, so going back to an earlier step is impossible.",
        (
            MODEL,
            "            key = torch.cat((past[0], key), dim=2)",
            "            key = torch.cat((past[0], key), dim=2)\n            past[0].mul_(0)",
        ),
        says=(CACHE, "chang|in place|again"),
    ),
    _decoder(
        "last-state-not-normalised",
        "The last of hidden_states is what it was before the last normalisation, unlike in the field.",
        (MODEL, "        states[-1] = self.norm(hidden)\n", ""),
        (MODEL, "last_hidden_state=states[-1],", "last_hidden_state=self.norm(hidden),"),
        says=("hidden_states",),
    ),
    _decoder(
        "rope-theta-ignored",
        "rope_theta is not read: long texts are computed wrongly.",
        (MODEL, "config.head_size, config.rope_theta", "config.head_size, 10000.0"),
        says=("rope_theta",),
    ),
    _decoder(
        "eps-hard-coded",
        "rms_norm_eps is not read.",
        (MODEL, "config.rms_norm_eps", "1e-6"),
        says=("rms_norm_eps",),
    ),
    _decoder(
        "attention-dropout-in-evaluation",
        "Attention drops in evaluation too, which shows with attention_dropout above 0 alone.",
        (MODEL, "self.dropout if self.training else 0.0", "self.dropout"),
        says=("attention_dropout|dropout",),
    ),
    _decoder(
        "task-key-misspelt",
        "The task is called causallm, so AutoModelForCausalLM finds nothing.",
        (PLUGIN, '"causal-lm"', '"causallm"'),
        says=("causal-lm",),
    ),
    _decoder(
        "norms-without-values",
        "The weights of a module of its own have no initial values: a new model computes with what is in memory.",
        (MODEL, "torch.ones(width)", "torch.empty(width)"),
        (
            MODEL,
            "    def init_weights(self, module: nn.Module) -> None:\n"
            "        super().init_weights(module)\n"
            "        if isinstance(module, RMSNorm):\n"
            "            nn.init.ones_(module.weight)\n",
            "",
        ),
        says=("layernorm|rmsnorm|norm.weight",),
    ),
    _decoder(
        "tied-by-default",
        "tie_word_embeddings is declared with a default unlike that of the published checkpoints: their head is lost.",
        (CONFIG, "tie_word_embeddings: bool = field(default=False", "tie_word_embeddings: bool = field(default=True"),
        says=("tie_word_embeddings|reference|recorded",),
    ),
)
