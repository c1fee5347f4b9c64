"""What goes wrong when an encoder of audio is ported."""

# ruff: noqa: E501  # a piece of source stands as it is

from .record import Mistake

MODEL, EXTRACTOR, CONFIG = "model.py", "feature_extractor.py", "config.py"
NORMALIZED = (
    "        if self.do_normalize:\n            raised = (raised - raised.mean()) / np.sqrt(raised.var() + 1e-7)\n"
)


def _audio(name, wrong, *edits, says):
    return Mistake(f"audio-{name}", "audio", wrong, edits, says)


MISTAKES = (
    _audio(
        "ctc-lengths-too-short",
        "The loss leaves out the last frame of every clip, because lengths are counted off by one.",
        (MODEL, "self.config.frames(mask.long().sum(-1)),", "self.config.frames(mask.long().sum(-1)) - 1,"),
        says=("loss|length|frame",),
    ),
    _audio(
        "ctc-over-the-padding",
        "The loss takes all frames of the batch, padding included: it depends on the longest clip.",
        (MODEL, "self.config.frames(mask.long().sum(-1)),", "torch.full((len(samples),), logits.shape[1]),"),
        says=("loss", "padding|mask"),
    ),
    _audio(
        "frames-too-long",
        "A frame too many counts as audio, so the last one is padding.",
        (
            MODEL,
            "lengths = config.frames(attention_mask.long().sum(-1))",
            "lengths = config.frames(attention_mask.long().sum(-1)) + 1",
        ),
        says=("padding|attention_mask",),
    ),
    _audio(
        "mask-of-samples",
        "The mask of samples is taken for one of frames, by its first places: short clips see all of the padding.",
        (
            MODEL,
            "return torch.arange(frames, device=attention_mask.device) < lengths[:, None]",
            "return attention_mask[:, :frames]",
        ),
        says=("padding|attention_mask",),
    ),
    _audio(
        "mask-by-steps",
        "The mask is thinned out by the ratio of samples to frames, which is off by some frames at the end.",
        (
            MODEL,
            "return torch.arange(frames, device=attention_mask.device) < lengths[:, None]",
            "return attention_mask[:, :: attention_mask.shape[1] // frames][:, :frames]",
        ),
        says=("padding|attention_mask",),
    ),
    _audio(
        "mask-inverted",
        "The mask of frames is the wrong way round.",
        (MODEL, "< lengths[:, None]", ">= lengths[:, None]"),
        says=("padding|attention_mask",),
    ),
    _audio(
        "normalised-over-time",
        "Channels are normalised over all frames of the batch's length, so padding changes the audio before it.",
        (
            MODEL,
            "hidden = self.conv(hidden).transpose(1, 2)",
            "hidden = F.instance_norm(self.conv(hidden)).transpose(1, 2)",
        ),
        says=("padding",),
    ),
    _audio(
        "frozen-table-overwritten",
        "The fixed table is an embedding, which initial values overwrite: positions are noise, and stay so.",
        (
            MODEL,
            "        self.init_buffers()\n",
            "        self.embed = nn.Embedding(*self.shape)\n        self.embed.weight.requires_grad_(False)\n        self.init_buffers()\n",
        ),
        (
            MODEL,
            'self.register_buffer("table", torch.cat((angles.sin(), angles.cos()), dim=1), persistent=False)',
            "self.embed.weight.data = torch.cat((angles.sin(), angles.cos()), dim=1)",
        ),
        (MODEL, "return self.table[:frames]", "return self.embed.weight[:frames]"),
        says=("embed|fixed|frozen|requires_grad|init",),
    ),
    _audio(
        "table-not-rebuilt",
        "The fixed table is filled in the constructor alone: loaded models hold rubbish in its place.",
        (MODEL, "init_buffers", "fill"),
        says=("table",),
    ),
    _audio(
        "table-not-cast",
        "The fixed table stays in float32: half precision fails.",
        (MODEL, "self.waves(frames).to(hidden.dtype)", "self.waves(frames).float()"),
        says=("bfloat16|half|dtype",),
    ),
    _audio(
        "sampling-rate-ignored",
        "A clip of another sampling rate is taken as it is: everybody speaks in the voice of a mouse.",
        (
            EXTRACTOR,
            "    def is_level_free",
            "    def __call__(self, raw_speech, *, sampling_rate=None, **options):\n        return super().__call__(raw_speech, sampling_rate=self.sampling_rate, **options)\n\n    def is_level_free",
        ),
        says=("sampling_rate",),
    ),
    _audio(
        "normalised-with-padding",
        "Clips are normalised together with their padding, so a clip depends on its neighbours.",
        (EXTRACTOR, NORMALIZED, ""),
        (
            EXTRACTOR,
            "    def is_level_free",
            "    def finish(self, row, span, *, masked):\n        if self.do_normalize:\n            row -= row.mean()\n            row /= np.sqrt(row.var() + 1e-7)\n\n    def is_level_free",
        ),
        says=("padding|batch|alone",),
    ),
    _audio(
        "preemphasis-hard-coded",
        "preemphasis is saved and not used.",
        (EXTRACTOR, "self.preemphasis * clip", "0.97 * clip"),
        says=("preemphasis",),
    ),
    _audio(
        "normalising-always",
        "do_normalize=False is ignored.",
        (EXTRACTOR, "        if self.do_normalize:\n", "        if True:\n"),
        says=("do_normalize",),
    ),
    _audio(
        "clip-changed",
        "The caller's samples are changed in place: a second call gives other numbers.",
        (EXTRACTOR, "raised = clip.copy()", "raised = clip"),
        says=("chang|in place|twice|again",),
    ),
    _audio(
        "mean-of-all-calls",
        "Clips are normalised by a mean that runs over all calls.",
        (EXTRACTOR, "class Listening", "MEANS = []\n\n\nclass Listening"),
        (EXTRACTOR, "(raised - raised.mean())", "(raised - (MEANS.append(raised.mean()) or np.mean(MEANS)))"),
        says=("call|twice|again|state|alone|batch",),
    ),
    _audio(
        "dropout-in-evaluation",
        "F.dropout without training= drops in evaluation too.",
        (MODEL, "hidden = self.dropout(hidden + self.waves", "hidden = F.dropout(hidden + self.waves"),
        says=("evaluation|eval|random|dropout|twice|again",),
    ),
    _audio(
        "blank-hard-coded",
        "The blank of CTC is 0 whatever pad_token_id says: other vocabularies learn nothing.",
        (MODEL, "blank=self.config.pad_token_id", "blank=0"),
        says=("pad_token_id|blank",),
    ),
    _audio(
        "padding-of-labels-counts",
        "Labels of -100 count as letters.",
        (MODEL, "said = labels >= 0", "said = torch.ones_like(labels).bool()\n        labels = labels.clamp(min=0)"),
        says=("-100|labels",),
    ),
    _audio(
        "probabilities-not-logarithms",
        "The loss gets probabilities in place of their logarithms.",
        (MODEL, "logits.float().log_softmax(-1)", "logits.float().softmax(-1)"),
        says=("loss",),
    ),
    _audio(
        "activation-hard-coded",
        "hidden_act is not read.",
        (MODEL, "activation(config.hidden_act)", "F.gelu"),
        says=("hidden_act",),
    ),
    _audio(
        "attentions-missing",
        "output_attentions is taken, and None comes for each layer.",
        (MODEL, "maps.append(attention)", "maps.append(None)"),
        says=("attentions",),
    ),
    _audio(
        "attention-head-drops-mask",
        "The head does not pass attention_mask on to the base model.",
        (
            MODEL,
            "            input_values,\n            attention_mask,\n            output",
            "            input_values,\n            None,\n            output",
        ),
        says=("padding|attention_mask",),
    ),
    _audio(
        "features-from-the-first-layers",
        "One convolution too few: frames() of the configuration and the model disagree.",
        (
            CONFIG,
            "zip(self.conv_kernel, self.conv_stride, strict=True)",
            "zip(self.conv_kernel[:1], self.conv_stride, strict=False)",
        ),
        says=("frames|shape|size of tensor|attention_mask",),
    ),
)
