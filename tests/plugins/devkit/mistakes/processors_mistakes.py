"""What goes wrong when tokenizers, image processors, feature extractors and processors are written."""

# ruff: noqa: E501  # a piece of source stands as it is

from .record import Mistake

TOKENS, IMAGES, AUDIO, PROCESSOR = "tokenizer.py", "image_processor.py", "feature_extractor.py", "processor.py"


def _processors(name, wrong, *edits, says):
    return Mistake(f"processors-{name}", "processors", wrong, edits, says)


MISTAKES = (
    _processors(
        "unknown-text-dropped",
        "Words that the vocabulary lacks are dropped rather than unknown, by both tokenizers: texts get shorter.",
        (
            TOKENS,
            "re.findall(PIECES, text)",
            "[word for word in re.findall(PIECES, text) if word in self.vocabulary.ids]",
        ),
        (
            TOKENS,
            "rust.pre_tokenizer = pre_tokenizers.Split(Regex(PIECES)",
            'known = "|".join(sorted(map(re.escape, words), key=len, reverse=True))\n        rust.pre_tokenizer = pre_tokenizers.Split(Regex(f"(?<![a-zA-Z0-9])(?:{known})(?![a-zA-Z0-9])")',
        ),
        says=("unk|lost|drop|missing",),
    ),
    _processors(
        "letters-dropped",
        "The tokenizer in Python knows a to z alone: accents, digits and other scripts vanish.",
        (TOKENS, "re.findall(PIECES, text)", "re.findall(r'[a-z]+|[^\\sa-z0-9]+', text)"),
        says=("fast|unk|lost|drop|missing",),
    ),
    _processors(
        "decoded-without-spaces",
        "Decoding joins the words without spaces.",
        (TOKENS, 'return " ".join(tokens)', 'return "".join(tokens)'),
        says=("decode|join",),
    ),
    _processors(
        "pair-without-a-separator",
        "The tokenizer in Python puts nothing between the texts of a pair.",
        (
            TOKENS,
            "(start, TemplatePart(0), end, TemplatePart(1), end)",
            "(start, TemplatePart(0), TemplatePart(1), end)",
        ),
        says=("pair|second|fast",),
    ),
    _processors(
        "second-text-lost",
        "Both tokenizers leave the second text of a pair out.",
        (TOKENS, "(start, TemplatePart(0), end, TemplatePart(1), end)", "(start, TemplatePart(0), end)"),
        (TOKENS, 'pair="<s> $A </s> $B:0 </s>"', 'pair="<s> $A </s>"'),
        says=("pair|second|\\$b",),
    ),
    _processors(
        "case-kept-in-python",
        "The tokenizer in Python does not lower letters, the fast one does.",
        (TOKENS, "return text.lower() if self.do_lower_case else text", "return text"),
        says=("fast|do_lower_case",),
    ),
    _processors(
        "setting-without-effect",
        "do_lower_case is saved and not used by the fast tokenizer.",
        (TOKENS, 'if clean.get("do_lower_case", True):', "if True:"),
        says=("do_lower_case",),
    ),
    _processors(
        "setting-without-effect-in-both",
        "do_lower_case is saved, and used by neither tokenizer.",
        (TOKENS, 'if clean.get("do_lower_case", True):', "if True:"),
        (TOKENS, "return text.lower() if self.do_lower_case else text", "return text.lower()"),
        says=("do_lower_case",),
    ),
    _processors(
        "vocabulary-sorted",
        "The vocabulary is saved in the order of the alphabet: after loading every id means another word.",
        (TOKENS, "sorted(vocabulary, key=vocabulary.__getitem__)", "sorted(vocabulary)"),
        says=("vocab|ids|words.txt|sav",),
    ),
    _processors(
        "end-twice",
        "The fast tokenizer ends texts twice.",
        (TOKENS, 'single="<s> $A </s>"', 'single="<s> $A </s> </s>"'),
        says=("fast|special|slow",),
    ),
    _processors(
        "added-tokens-not-saved",
        "vocabulary_contents of the fast tokenizer forgets the last word.",
        (
            TOKENS,
            "words_file(self.backend_tokenizer.get_vocab(with_added_tokens=False))",
            "words_file({word: number for word, number in self.backend_tokenizer.get_vocab(with_added_tokens=False).items() if word != 'z'})",
        ),
        says=("vocab|ids|words.txt|sav",),
    ),
    _processors(
        "vocabulary-kept-by-path",
        "The vocabulary is kept by the path of its file: another checkpoint in the same folder is not read.",
        (TOKENS, "def load_words", "@functools.cache\ndef load_words"),
        (TOKENS, "import os\n", "import functools\nimport os\n"),
        says=("cache|kept|state|vocab",),
    ),
    _processors(
        "crop-ignored",
        "do_center_crop=False is ignored.",
        (IMAGES, "if self.do_center_crop and self.crop_size", "if self.crop_size"),
        says=("do_center_crop",),
    ),
    _processors(
        "crop-size-swapped",
        "Height and width of crop_size change places.",
        (
            IMAGES,
            'self.crop_size["height"], self.crop_size["width"]',
            'self.crop_size["width"], self.crop_size["height"]',
        ),
        says=("crop_size|height",),
    ),
    _processors(
        "own-setting-ignored",
        "do_mirror is saved and not used.",
        (IMAGES, "return np.ascontiguousarray(pixels[:, ::-1]) if self.do_mirror else pixels", "return pixels"),
        says=("do_mirror",),
    ),
    _processors(
        "image-changed",
        "The caller's array is changed in place.",
        (IMAGES, "pixels = pixels_of(image)\n", "pixels = pixels_of(image)\n        pixels[0] = 0\n"),
        says=("chang|in place|read-only|twice|again",),
    ),
    _processors(
        "mean-of-the-batch",
        "Images are centred over the batch, so each depends on its neighbours.",
        (
            IMAGES,
            "    def reshape",
            "    def process(self, images: Any, *, stack: bool) -> Any:\n        data = super().process(images, stack=stack)\n        rows = data['pixel_values']\n        mean = np.mean([row.mean() for row in rows], dtype=np.float32)\n        return {'pixel_values': rows - mean if isinstance(rows, np.ndarray) else [row - mean for row in rows]}\n\n    def reshape",
        ),
        says=("batch|alone|neighbour",),
    ),
    _processors(
        "random-mirror",
        "Images are mirrored at random, as in training: evaluation gives other numbers each time.",
        (IMAGES, "if self.do_mirror else pixels", "if np.random.rand() < 0.5 else pixels"),
        says=("random|twice|again|same",),
    ),
    _processors(
        "hop-hard-coded",
        "hop_length is saved and not used.",
        (AUDIO, "[:: self.hop_length]", "[::160]"),
        says=("hop_length",),
    ),
    _processors(
        "feature-size-hard-coded",
        "feature_size is saved and not used.",
        (AUDIO, "np.array_split(loudness, self.feature_size, axis=1)", "np.array_split(loudness, 8, axis=1)"),
        says=("feature_size",),
    ),
    _processors(
        "features-transposed",
        "Features come as (tones, windows), so that padding and masks lie on the wrong axis.",
        (
            AUDIO,
            "return np.log10(np.maximum(energies, self.floor)).astype(np.float32)",
            "return np.log10(np.maximum(energies, self.floor)).astype(np.float32).T",
        ),
        says=("shape|axis|feature_size|places",),
    ),
    _processors(
        "loudness-of-the-session",
        "Features are scaled by the loudest clip so far.",
        (AUDIO, "class Wording", "LOUDEST = [1e-6]\n\n\nclass Wording"),
        (
            AUDIO,
            "        return np.log10",
            "        LOUDEST.append(float(energies.max()))\n        energies = energies / max(LOUDEST)\n        return np.log10",
        ),
        says=("call|twice|again|state|alone|batch",),
    ),
    _processors(
        "sampling-rate-dropped",
        "The processor replaces the caller's sampling_rate by its own, so wrong audio is never refused.",
        (PROCESSOR, "sampling_rate=sampling_rate,\n", "sampling_rate=self.feature_extractor.sampling_rate,\n"),
        says=("sampling_rate",),
    ),
    _processors(
        "options-of-audio-dropped",
        "The processor takes audio_kwargs and does not pass them on.",
        (PROCESSOR, "                audio_kwargs,\n", "                None,\n"),
        says=("audio_kwargs",),
    ),
    _processors(
        "truncation-dropped",
        "The processor takes truncation and does not pass it on.",
        (PROCESSOR, "                truncation=truncation,\n", ""),
        says=("truncation",),
    ),
    _processors(
        "mask-overwritten",
        "The mask of the audio takes the place of that of the texts.",
        (PROCESSOR, "return_attention_mask=text is None", "return_attention_mask=True"),
        says=("attention_mask",),
    ),
    _processors(
        "tensors-dropped",
        "return_tensors is not passed on to the image processor.",
        (
            PROCESSOR,
            'options = self.options_of("image_processor", images_kwargs, return_tensors=return_tensors)',
            'options = self.options_of("image_processor", images_kwargs)',
        ),
        says=("return_tensors|pixel_values",),
    ),
    _processors(
        "part-not-declared",
        "The processor does not name its feature extractor among its parts, so it is neither saved nor loaded.",
        (PROCESSOR, '("tokenizer", "image_processor", "feature_extractor")', '("tokenizer", "image_processor")'),
        says=("feature.extractor",),
    ),
    _processors(
        "images-lost-beside-texts",
        "With texts and images the processor returns the latter alone.",
        (PROCESSOR, "batch |= self.image_processor", "batch = self.image_processor"),
        says=("input_ids|text",),
    ),
)
