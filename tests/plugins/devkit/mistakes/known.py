"""What the conformance kit does not see yet, does not name yet, and takes for a fault although it is none.

The test holds each list against the kit: an entry that is no longer true fails it.
"""

#: Plugin → checks that fail although it is sound.
FALSE_ALARMS: dict[str, set[str]] = {
    # New tokens would need rows of a tower, whose configuration lies in that of the whole.
    "composite": {"architecture pairing: vocabulary_resizes"},
    # One number is as good as a list of two, but the check goes by the value that the manifest gives.
    "vision": {"architecture vision: nonsense_is_refused"},
}

#: Why some mistakes are not seen → which.
REASONS: dict[str, tuple[str, ...]] = {
    "No check asks whether another value of a field of the configuration makes another model, or another number.": (
        "text-eps-hard-coded",
        "text-activation-hard-coded",
        "text-initializer-range-ignored",
        "text-problem-type-ignored",
        "decoder-key-value-heads-ignored",
        "decoder-head-dim-ignored",
        "decoder-rope-theta-ignored",
        "decoder-eps-hard-coded",
        "decoder-attention-dropout-in-evaluation",
        "audio-blank-hard-coded",
        "audio-activation-hard-coded",
    ),
    "No check asks whether an argument of forward changes anything, in the base model and in each head.": (
        "text-token-types-ignored",
        "text-positions-ignored",
        "text-heads-drop-token-types",
        "decoder-positions-from-the-ends",
        "audio-attention-head-drops-mask",
    ),
    "No check asks for hidden_states, attentions and tuples, and counts, measures and compares what comes.": (
        "text-hidden-states-without-embeddings",
        "text-attentions-averaged",
        "text-heads-drop-hidden-states",
        "text-tuples-refused",
        "audio-attentions-missing",
    ),
    "No check computes a loss anew from logits and labels, with some of the labels ignored.": (
        "text-ignored-labels-count",
        "decoder-labels-not-shifted",
        "decoder-labels-shifted-twice",
        "decoder-ignored-labels-count",
        "audio-ctc-lengths-too-short",
        "audio-ctc-over-the-padding",
        "audio-padding-of-labels-counts",
        "audio-probabilities-not-logarithms",
    ),
    "No check changes a later token of a decoder and compares what comes before it.": (
        "decoder-sees-the-next-token",
        "decoder-sees-everything",
    ),
    "No check runs a decoder token by token, with and without padding, and compares it with one call.": (
        "decoder-causal-mask-from-the-start-of-the-cache",
        "decoder-cached-positions-start-at-0",
        "decoder-halves-swapped-with-a-cache",
        "decoder-cache-in-training",
        "decoder-use-cache-ignored",
        "decoder-cache-forgets-padding",
        "decoder-cache-changed-in-place",
    ),
    "No check pads texts on the left.": (
        "decoder-positions-of-padding-below-0",
        "decoder-classifies-by-counting",
    ),
    "No check pads audio, in the number of samples and of frames.": (
        "audio-frames-too-long",
        "audio-mask-of-samples",
        "audio-mask-by-steps",
        "audio-mask-inverted",
        "audio-normalised-over-time",
    ),
    "No check runs half precision with attention maps, or with large numbers.": (
        "text-mask-in-float32",
        "decoder-norm-in-half",
    ),
    "No check compares what the caller passed with what it was before.": ("text-inputs-changed",),
    "No check looks for imports of parts of archsmith that are not public.": ("text-private-import",),
    "No check compares names with what there is: near misses of task keys, keys of buffers, parts and backbones.": (
        "decoder-task-key-misspelt",
        "decoder-buffer-in-the-files",
    ),
    "Only numbers of the original show it: the model is consistent in itself.": (
        "decoder-values-rotated",
        "decoder-groups-in-the-wrong-order",
        "decoder-scale-by-another-width",
        "decoder-last-state-not-normalised",
        "vision-mean-for-the-class-token",
        "composite-texts-read-both-ways",
    ),
    "No check asks whether another value of a setting of preprocessing changes what comes out, in the way it says.": (
        "audio-preemphasis-hard-coded",
        "audio-normalising-always",
        "processors-setting-without-effect",
        "processors-setting-without-effect-in-both",
        "processors-crop-ignored",
        "processors-crop-size-swapped",
        "processors-own-setting-ignored",
        "processors-hop-hard-coded",
        "processors-feature-size-hard-coded",
    ),
    "No check passes audio of another sampling rate.": (
        "audio-sampling-rate-ignored",
        "processors-sampling-rate-dropped",
    ),
    "No check compares what a processor returns with what its parts do, option by option.": (
        "composite-truncation-dropped",
        "composite-options-of-images-dropped",
        "composite-always-padded",
        "composite-texts-lost-beside-images",
        "composite-part-not-declared",
        "processors-options-of-audio-dropped",
        "processors-truncation-dropped",
        "processors-mask-overwritten",
        "processors-tensors-dropped",
        "processors-part-not-declared",
        "processors-images-lost-beside-texts",
    ),
    "No check calls preprocessing twice, with others between, or compares a batch of images with each alone.": (
        "processors-mean-of-the-batch",
        "processors-random-mirror",
        "processors-loudness-of-the-session",
        "processors-vocabulary-kept-by-path",
    ),
    "No check compares slow and fast on pairs, capitals and digits of the tokenizer's own words.": (
        "processors-letters-dropped",
        "processors-decoded-without-spaces",
        "processors-pair-without-a-separator",
        "processors-case-kept-in-python",
    ),
}

#: Mistake that no check sees → why.
UNSEEN: dict[str, str] = {name: reason for reason, names in REASONS.items() for name in names}

#: Mistake that a check sees, but no message names → what the messages say instead.
UNNAMED: dict[str, str] = {
    "text-dropout-in-evaluation": "numbers are off in many checks, of which none says that two equal calls differ",
    "text-attention-dropout-in-evaluation": "numbers are off in many checks; none says that two equal calls differ",
    "audio-dropout-in-evaluation": "numbers are off in many checks, of which none says that two equal calls differ",
    "decoder-tied-by-default": "the message speaks of a new head, not of tie_word_embeddings",
    "processors-unknown-text-dropped": "the message shows both texts, and does not say that words were lost",
}
