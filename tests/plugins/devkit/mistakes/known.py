"""What the conformance kit does not see yet, does not name yet, and takes for a fault although it is none.

The test holds each list against the kit: an entry that is no longer true fails it.
"""

#: Plugin → checks that fail although it is sound.
FALSE_ALARMS: dict[str, set[str]] = {
    # A matrix of all texts by all images is meant to depend on the whole batch.
    # New tokens would need rows of a tower, whose configuration lies in that of the whole.
    "composite": {
        "architecture pairing: padding_does_not_count",
        "architecture pairing: rows_of_a_batch_are_independent",
        "architecture pairing: vocabulary_resizes",
    },
    # One number is as good as a list of two, but the check goes by the value that the manifest gives.
    "vision": {"architecture vision: nonsense_is_refused"},
}

#: Why some mistakes are not seen → which.
REASONS: dict[str, tuple[str, ...]] = {
    "No check asks whether another value of a field of the configuration makes another model, or another number.": (
        "vision-dropout-never",
        "composite-tower-of-defaults",
        "composite-tower-of-a-few-fields",
        "audio-blank-hard-coded",
        "audio-activation-hard-coded",
    ),
    "No check asks whether an argument of forward changes anything, in the base model and in each head.": (
        "vision-stretching-ignored",
        "audio-attention-head-drops-mask",
        "composite-mask-not-passed-on",
    ),
    "No check asks for hidden_states, attentions and tuples, and counts, measures and compares what comes.": (
        "audio-attentions-missing",
        "composite-output-in-another-order",
        "composite-logits-transposed",
    ),
    "No check computes a loss anew from logits and labels, with some of the labels ignored.": (
        "vision-softmax-before-the-loss",
        "composite-loss-of-one-direction",
        "audio-ctc-lengths-too-short",
        "audio-ctc-over-the-padding",
        "audio-padding-of-labels-counts",
        "audio-probabilities-not-logarithms",
    ),
    "No check changes a later token of a decoder and compares what comes before it.": (
        "composite-texts-read-both-ways",
    ),
    "No check pads audio, in the number of samples and of frames.": (
        "audio-frames-too-long",
        "audio-mask-of-samples",
        "audio-mask-by-steps",
        "audio-mask-inverted",
        "audio-normalised-over-time",
    ),
    "No check compares names with what there is: near misses of task keys, keys of buffers, parts and backbones.": (
        "vision-backbone-with-other-names",
        "composite-key-of-the-part-misspelt",
        "composite-prefix-of-the-part-misspelt",
    ),
    "Only numbers of the original show it: the model is consistent in itself.": (
        "decoder-scale-by-another-width",  # some models scale by a width of their own, by intent
        "decoder-tied-by-default",  # both defaults are sound; a recorded config.json tells which is the published one
        "vision-mean-and-std-swapped",
        "vision-mean-for-the-class-token",
        "composite-scale-not-raised",
        "composite-vectors-not-normalised",
    ),
    "No check builds a model over used memory, and measures the initial values against initializer_range.": (
        "vision-parameters-without-values",
        "vision-initial-positions-of-size-1",
        "composite-scale-without-a-value",
        "composite-class-token-without-a-value",
    ),
    "No check passes images of other sizes and ratios, or of as few pixels as can be, with other stages chosen.": (
        "vision-positions-cut-not-stretched",
        "vision-features-of-the-last-layer",
        "vision-no-rule-for-the-grid",
    ),
    "No check asks whether another value of a setting of preprocessing changes what comes out, in the way it says.": (
        "vision-filter-hard-coded",
        "vision-always-resized",
        "vision-always-normalised",
        "vision-height-and-width-swapped",
        "composite-crop-by-size",
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
    "No check computes the pixels anew from the settings.": (
        "vision-normalised-before-rescaling",
        "vision-blue-before-red",
    ),
    "No check passes audio of another sampling rate.": (
        "audio-sampling-rate-ignored",
        "processors-sampling-rate-dropped",
    ),
    "No check compares what a processor returns with what its parts do, option by option.": (
        "composite-max-length-dropped",
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
    "No check changes a nested configuration and looks at a second one.": ("composite-one-default-for-all",),
}

#: Mistake that no check sees → why.
UNSEEN: dict[str, str] = {name: reason for reason, names in REASONS.items() for name in names}

#: Mistake that a check sees, but no message names → what the messages say instead.
UNNAMED: dict[str, str] = {
    "audio-dropout-in-evaluation": "numbers are off in many checks, of which none says that two equal calls differ",
    "vision-rescaled-twice": "the message compares black with white, and does not speak of rescaling",
    "vision-channels-of-another-model": "the message gives two shapes, and does not name stage_channels",
    "vision-stages-off-by-one": "the message names parameters of the last layer, not the stages",
    "processors-unknown-text-dropped": "the message shows both texts, and does not say that words were lost",
}
