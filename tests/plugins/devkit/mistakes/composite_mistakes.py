"""What goes wrong when a model of two towers is ported."""

# ruff: noqa: E501, ISC004  # a piece of source stands as it is

from .record import Mistake

MODEL, TOWERS, CONFIG, PROCESSOR = "model.py", "towers.py", "config.py", "processor.py"


def _composite(name, wrong, *edits, says):
    return Mistake(f"composite-{name}", "composite", wrong, edits, says)


MISTAKES = (
    _composite(
        "one-default-for-all",
        "The usual tower is one object that all configurations share: changing one changes all.",
        (
            CONFIG,
            "class PairingConfig(PreTrainedConfig):",
            "USUAL = PairingTextConfig()\n\n\nclass PairingConfig(PreTrainedConfig):",
        ),
        (CONFIG, 'found["text_config"] = PairingTextConfig()', 'found["text_config"] = USUAL'),
        says=("text_config", "share|same|one object|instance"),
    ),
    _composite(
        "tower-of-defaults",
        "The tower of images is built from the defaults, not from vision_config.",
        (
            MODEL,
            "PairingVisionModel(vision)",
            "PairingVisionModel(PairingVisionConfig(hidden_size=vision.hidden_size, image_size=vision.image_size, patch_size=vision.patch_size))",
        ),
        (
            MODEL,
            "from acme_pairing.config import PairingConfig",
            "from acme_pairing.config import PairingConfig, PairingVisionConfig",
        ),
        says=("vision_config|num_hidden_layers|num_attention_heads|intermediate_size|hidden_size",),
    ),
    _composite(
        "tower-of-a-few-fields",
        "The tower of texts is built from the fields that the author thought of: hidden_act and eps are lost.",
        (
            MODEL,
            "PairingTextModel(text)",
            "PairingTextModel(PairingTextConfig(vocab_size=text.vocab_size, hidden_size=text.hidden_size, "
            "num_hidden_layers=text.num_hidden_layers, num_attention_heads=text.num_attention_heads, "
            "intermediate_size=text.intermediate_size, max_position_embeddings=text.max_position_embeddings))",
        ),
        (
            MODEL,
            "from acme_pairing.config import PairingConfig",
            "from acme_pairing.config import PairingConfig, PairingTextConfig",
        ),
        says=("text_config|hidden_act|layer_norm_eps",),
    ),
    _composite(
        "scale-not-raised",
        "logit_scale is a logarithm and is used as it is: logits are five times too small.",
        (MODEL, "self.logit_scale.exp() * texts", "self.logit_scale * texts"),
        says=("logit_scale|logits", "exp|reference|recorded"),
    ),
    _composite(
        "scale-without-a-value",
        "Nothing gives logit_scale its initial value where the files lack it.",
        (
            MODEL,
            "        if module is self:\n            nn.init.constant_",
            "        if False:\n            nn.init.constant_",
        ),
        (MODEL, "torch.tensor(config.logit_scale_init_value)", "torch.empty(())"),
        says=("logit_scale",),
    ),
    _composite(
        "loss-of-one-direction",
        "The loss asks for each text's image, and not for each image's text.",
        (
            MODEL,
            "(F.cross_entropy(per_text, pairs) + F.cross_entropy(per_text.T, pairs)) / 2",
            "F.cross_entropy(per_text, pairs)",
        ),
        says=("loss", "direction|image|both|reference|recorded"),
    ),
    _composite(
        "vectors-not-normalised",
        "The vectors of images are not brought to length 1: bright images match everything.",
        (
            MODEL,
            "images = F.normalize(self.get_image_features(pixel_values), dim=-1)",
            "images = self.get_image_features(pixel_values)",
        ),
        says=("image_embeds|logits|normali|length",),
    ),
    _composite(
        "logits-transposed",
        "logits_per_image and logits_per_text have changed places: nobody notices with as many texts as images.",
        (
            MODEL,
            "PairingOutput(loss, per_text.T, per_text, texts, images)",
            "PairingOutput(loss, per_text, per_text.T, texts, images)",
        ),
        says=("logits_per_image|logits_per_text",),
    ),
    _composite(
        "mask-not-passed-on",
        "attention_mask is taken and not passed on to the tower of texts: vectors depend on the padding.",
        (MODEL, "self.get_text_features(input_ids, attention_mask), dim", "self.get_text_features(input_ids), dim"),
        says=("attention_mask|padding",),
    ),
    _composite(
        "pooled-at-the-end",
        "The vector of a text is that of the last place, which is padding in all but the longest text.",
        (TOWERS, "ends = (attention_mask.bool() * places).argmax(-1)", "ends = torch.full((batch,), tokens - 1)"),
        says=("pooler_output|text_embeds|logits", "padding"),
    ),
    _composite(
        "texts-read-both-ways",
        "The tower of texts has no causal mask, with which it was trained.",
        (TOWERS, "attention_mask, causal=True", "attention_mask"),
        says=("causal|reference|recorded",),
    ),
    _composite(
        "max-length-dropped",
        "The processor takes max_length and does not pass it on.",
        (PROCESSOR, "                max_length=max_length,\n", ""),
        says=("max_length",),
    ),
    _composite(
        "truncation-dropped",
        "The processor takes truncation and does not pass it on.",
        (PROCESSOR, "                truncation=truncation,\n", ""),
        says=("truncation",),
    ),
    _composite(
        "options-of-images-dropped",
        "The processor takes images_kwargs and does not pass them on.",
        (PROCESSOR, '"image_processor", images_kwargs', '"image_processor", None'),
        says=("images_kwargs",),
    ),
    _composite(
        "always-padded",
        "The processor pads whatever the caller says.",
        (PROCESSOR, "                padding=padding,\n", "                padding=True,\n"),
        says=("padding",),
    ),
    _composite(
        "texts-lost-beside-images",
        "With texts and images the processor returns the latter alone.",
        (PROCESSOR, "batch |= self.image_processor", "batch = self.image_processor"),
        says=("input_ids|text",),
    ),
    _composite(
        "part-not-declared",
        "The processor does not name its image processor among its parts, so it is neither saved nor loaded.",
        (PROCESSOR, 'parts = ("image_processor", "tokenizer")', 'parts = ("tokenizer",)'),
        says=("image.processor",),
    ),
    _composite(
        "key-of-the-part-misspelt",
        "base_config_key is not the key of the whole's config.json: a tower cannot be read from the whole.",
        (CONFIG, 'base_config_key = "text_config"', 'base_config_key = "text"'),
        says=("base_config_key|text_config",),
    ),
    _composite(
        "prefix-of-the-part-misspelt",
        "base_model_prefix of a tower is not the name it has in the whole: its weights are not found.",
        (TOWERS, 'base_model_prefix = "vision_model"', 'base_model_prefix = "vision"'),
        says=("base_model_prefix|vision_model",),
    ),
    _composite(
        "class-token-without-a-value",
        "class_embedding is a parameter of its own, and nothing gives it an initial value.",
        (
            TOWERS,
            "        if module is self:\n            nn.init.normal_(self.class",
            "        if False:\n            nn.init.normal_(self.class",
        ),
        says=("class_embedding",),
    ),
    _composite(
        "tower-not-trained",
        "The tower of images is computed without gradients, left over from an experiment.",
        (
            MODEL,
            "return self.visual_projection(self.vision_model(pixel_values, return_dict=True).pooler_output)",
            "with torch.no_grad():\n            pooled = self.vision_model(pixel_values, return_dict=True).pooler_output\n        return self.visual_projection(pooled)",
        ),
        says=("vision_model", "gradient|depends"),
    ),
    _composite(
        "crop-by-size",
        "crop_size is saved and not used: the middle is cut out by size.",
        (
            PROCESSOR,
            "    image_std: PerChannel = field(default=[0.27, 0.26, 0.28])\n",
            "    image_std: PerChannel = field(default=[0.27, 0.26, 0.28])\n\n    def reshape(self, image: Any) -> Any:\n        edge = self.size['shortest_edge'] if self.size and 'shortest_edge' in self.size else 224\n        return center_crop(self.resized(image), edge, edge)\n",
        ),
        (PROCESSOR, "ImageSize, PerChannel", "ImageSize, PerChannel, center_crop"),
        says=("crop_size|do_center_crop|do_resize",),
    ),
    _composite(
        "no-dummy-inputs",
        "The model takes texts and images and does not say what a forward pass needs.",
        (MODEL, "    @property\n    def dummy_inputs(self)", "    @property\n    def example_inputs(self)"),
        says=("dummy_inputs|pixel_values",),
    ),
    _composite(
        "output-in-another-order",
        "As a tuple the vectors come before the logits, unlike in the field.",
        (
            MODEL,
            "    logits_per_image: Tensor | None = None\n    logits_per_text: Tensor | None = None\n    text_embeds: Tensor | None = None\n    image_embeds: Tensor | None = None\n",
            "    text_embeds: Tensor | None = None\n    image_embeds: Tensor | None = None\n    logits_per_image: Tensor | None = None\n    logits_per_text: Tensor | None = None\n",
        ),
        (
            MODEL,
            "PairingOutput(loss, per_text.T, per_text, texts, images)",
            "PairingOutput(loss, texts, images, per_text.T, per_text)",
        ),
        says=("order|tuple|reference|recorded",),
    ),
    _composite(
        "rules-of-a-part-missing",
        "No rule of the tower says that heads divide the width.",
        (CONFIG, "if self.hidden_size % self.num_attention_heads:", "if False:"),
        says=("num_attention_heads|hidden_size",),
    ),
)
