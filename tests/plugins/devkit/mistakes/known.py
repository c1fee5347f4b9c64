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
    ),
    "No check asks whether an argument of forward changes anything, in the base model and in each head.": (
        "vision-stretching-ignored",
        "composite-mask-not-passed-on",
    ),
    "No check asks for hidden_states, attentions and tuples, and counts, measures and compares what comes.": (
        "composite-output-in-another-order",
        "composite-logits-transposed",
    ),
    "No check computes a loss anew from logits and labels, with some of the labels ignored.": (
        "vision-softmax-before-the-loss",
        "composite-loss-of-one-direction",
    ),
    "No check changes a later token of a decoder and compares what comes before it.": (
        "composite-texts-read-both-ways",
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
    "No check computes the pixels anew from the settings.": ("vision-blue-before-red",),
    "No check changes a nested configuration and looks at a second one.": ("composite-one-default-for-all",),
}

#: Mistake that no check sees → why.
UNSEEN: dict[str, str] = {name: reason for reason, names in REASONS.items() for name in names}

#: Mistake that a check sees, but no message names → what the messages say instead.
UNNAMED: dict[str, str] = {
    "vision-channels-of-another-model": "the message gives two shapes, and does not name stage_channels",
    "vision-stages-off-by-one": "the message names parameters of the last layer, not the stages",
}
