"""What goes wrong when an encoder of images is ported."""

# ruff: noqa: E501  # a piece of source stands as it is

from .record import Mistake

MODEL, PROCESSOR, CONFIG = "model.py", "image_processor.py", "config.py"
NORMALIZED = "    do_normalize: bool = True"
STD = "    image_std: PerChannel = field(default=[0.229, 0.224, 0.225])\n"


def _vision(name, wrong, *edits, says):
    return Mistake(f"vision-{name}", "vision", wrong, edits, says)


def _method(source):
    """Return the edit that gives the image processor a method."""
    return (PROCESSOR, STD, f"{STD}\n{source}")


MISTAKES = (
    _vision(
        "mean-and-std-swapped",
        "image_mean and image_std have each other's defaults: accuracy falls by some points.",
        (PROCESSOR, "[0.485, 0.456, 0.406]", "[0.229, 0.224, 0.225] "),
        (PROCESSOR, "field(default=[0.229, 0.224, 0.225])\n", "field(default=[0.485, 0.456, 0.406])\n"),
        says=("image_mean|image_std|reference|recorded",),
    ),
    _vision(
        "normalised-before-rescaling",
        "Pixels are normalised before they are rescaled: all images are nearly the same.",
        _method(
            "    def scale(self, pixels):\n"
            "        from archsmith.image_processor import normalize, rescale\n\n"
            "        if self.do_normalize:\n"
            "            pixels = normalize(pixels, self.image_mean, self.image_std)\n"
            "        return rescale(pixels, self.rescale_factor) if self.do_rescale else pixels.astype('float32')\n"
        ),
        says=("rescale|normali|image_mean",),
    ),
    _vision(
        "rescaled-twice",
        "Pixels are divided by 255 twice: every image is black.",
        _method("    def scale(self, pixels):\n        return super().scale(pixels * (1 / 255))\n"),
        says=("rescale",),
    ),
    _vision(
        "blue-before-red",
        "Channels come in the order of OpenCV, blue first.",
        _method("    def scale(self, pixels):\n        return super().scale(pixels[..., ::-1])\n"),
        says=("channel|red|rgb|bgr",),
    ),
    _vision(
        "height-and-width-swapped",
        "Width and height change places where the image is resized: nobody notices with squares.",
        (PROCESSOR, "ImageSize, PerChannel", "ImageSize, PerChannel, resize"),
        _method(
            "    def resized(self, image):\n"
            '        return resize(image, self.size["width"], self.size["height"], resample=self.resample)\n'
        ),
        says=("height|width|size",),
    ),
    _vision(
        "filter-hard-coded",
        "resample is saved and not used: images are always resized with the same filter.",
        (PROCESSOR, "ImageSize, PerChannel", "ImageSize, PerChannel, resize"),
        _method(
            "    def resized(self, image):\n"
            '        return resize(image, self.size["height"], self.size["width"], resample=2)\n'
        ),
        says=("resample",),
    ),
    _vision(
        "always-resized",
        "do_resize=False is ignored.",
        (PROCESSOR, "ImageSize, PerChannel", "ImageSize, PerChannel, pixels_of"),
        _method("    def reshape(self, image):\n        return pixels_of(self.resized(image))\n"),
        says=("do_resize",),
    ),
    _vision(
        "always-normalised",
        "do_normalize=False is ignored.",
        (PROCESSOR, "ImageSize, PerChannel", "ImageSize, PerChannel, normalize"),
        _method(
            "    def scale(self, pixels):\n"
            "        pixels = pixels * self.rescale_factor if self.do_rescale else pixels\n"
            "        return normalize(pixels.astype('float32'), self.image_mean, self.image_std).astype('float32')\n"
        ),
        says=("do_normalize",),
    ),
    _vision(
        "patches-of-a-square",
        "The number of patches is that of a square: other images fail, or get no place for some of their patches.",
        (MODEL, "rows * columns + 1", "rows * rows + 1"),
        says=("image_size|position|size of tensor|shape",),
    ),
    _vision(
        "rows-and-columns-swapped",
        "Feature maps have rows and columns swapped, which squares do not show.",
        (
            MODEL,
            "grid = (pixels.shape[2] // patch, pixels.shape[3] // patch)",
            "grid = (pixels.shape[3] // patch, pixels.shape[2] // patch)",
        ),
        says=("feature map|feature_maps|height|shape",),
    ),
    _vision(
        "positions-cut-not-stretched",
        "With another size the table of positions is cut instead of stretched, or what is too much of it fails.",
        (
            MODEL,
            "        square = table[:, 1:]",
            "        if grid[0] * grid[1] < table.shape[1]:\n            return table[:, : grid[0] * grid[1] + 1]\n        square = table[:, 1:]",
        ),
        says=("position|interpolat|size",),
    ),
    _vision(
        "stretching-ignored",
        "interpolate_pos_encoding is not passed on by the head.",
        (MODEL, "            interpolate_pos_encoding,\n            output", "            False,\n            output"),
        says=("interpolate_pos_encoding|size",),
    ),
    _vision(
        "channels-of-another-model",
        "stage_channels says another width than feature maps have: the host fails, or is built wrongly.",
        (MODEL, "[self.config.hidden_size] * len", "[self.config.intermediate_size] * len"),
        says=("channels",),
    ),
    _vision(
        "strides-doubled",
        "stage_strides doubles from stage to stage, as in other backbones: boxes lie in the wrong place.",
        (
            MODEL,
            "[self.config.patch_size] * len(self.stage_names)",
            "[self.config.patch_size * 2**i for i in range(len(self.stage_names))]",
        ),
        says=("stride",),
    ),
    _vision(
        "stages-off-by-one",
        "Each stage gives the features of the one before it.",
        (MODEL, "self.select(states)", "self.select([states[0], *states[:-1]])"),
        says=("stage|feature_maps|hidden_states",),
    ),
    _vision(
        "features-of-the-last-layer",
        "out_features is ignored in forward: every map is that of the last layer.",
        (MODEL, "self.select(states)", "[states[-1]] * len(self.out_features)"),
        says=("stage|feature_maps|out_features|gradient|output depends",),
    ),
    _vision(
        "features-reversed",
        "Feature maps come coarsest first, unlike channels and out_features.",
        (MODEL, "for hidden in self.select(states)", "for hidden in self.select(states)[::-1]"),
        says=("stage|feature_maps|out_features|order",),
    ),
    _vision(
        "statistics-of-the-batch",
        "Patches are normalised by the statistics of the batch in evaluation too.",
        (
            MODEL,
            "patches = self.projection(pixels)  # (batch, width, rows, columns)",
            "patches = F.batch_norm(self.projection(pixels), None, None, training=True)",
        ),
        says=("batch|alone|row",),
    ),
    _vision(
        "parameters-without-values",
        "cls_token and position_embeddings are parameters of their own, and nothing gives them initial values.",
        (MODEL, "        if isinstance(module, Embeddings):", "        if False:"),
        says=("cls_token|position_embeddings",),
    ),
    _vision(
        "initial-positions-of-size-1",
        "Positions start with a deviation of 1, fifty times too large: training from scratch does not converge.",
        (MODEL, "nn.init.normal_(parameter, std=self.config.initializer_range)", "nn.init.normal_(parameter)"),
        says=("initializer_range|position_embeddings|cls_token",),
    ),
    _vision(
        "pixels-not-cast",
        "Pixels are not cast to the model's type: half precision fails with what the image processor returns.",
        (MODEL, ".to(self.dtype)", ""),
        says=("bfloat16|half|dtype|type",),
    ),
    _vision(
        "channels-hard-coded",
        "num_channels is not read by the first convolution.",
        (MODEL, "            config.num_channels, config.hidden_size", "            3, config.hidden_size"),
        says=("num_channels|channels",),
    ),
    _vision(
        "dropout-never",
        "hidden_dropout_prob is not read: nothing is dropped in training.",
        (MODEL, "nn.Dropout(config.hidden_dropout_prob)", "nn.Identity()"),
        says=("hidden_dropout_prob",),
    ),
    _vision(
        "mean-for-the-class-token",
        "The pooled vector is the mean of all places rather than the class token: published heads score noise.",
        (MODEL, "pooler_output=last[:, 0]", "pooler_output=last.mean(1)"),
        says=("pooler_output|logits", "reference|recorded"),
    ),
    _vision(
        "softmax-before-the-loss",
        "Logits go through softmax before the cross entropy: the loss hardly moves.",
        (MODEL, "classification_loss(logits, labels", "classification_loss(logits.softmax(-1), labels"),
        says=("loss",),
    ),
    _vision(
        "labels-hard-coded",
        "The head has 1000 classes whatever num_labels says.",
        (MODEL, "nn.Linear(config.hidden_size, config.num_labels)", "nn.Linear(config.hidden_size, 1000)"),
        says=("logits|num_labels",),
    ),
    _vision(
        "projections-in-another-order",
        "attention_projections names the output first, so pruning cuts the wrong axis.",
        (MODEL, '("query", "key", "value", "dense"))', '("dense", "query", "key", "value"))'),
        says=("prun|attention_projections|head",),
    ),
    _vision(
        "backbone-with-other-names",
        "The backbone calls its normalisation otherwise than the base model: weights of one do not load into the other.",
        (
            MODEL,
            "self.layernorm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)\n\n    @property",
            "self.norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)\n\n    @property",
        ),
        (MODEL, "self.layernorm(hidden)[:, 1:]", "self.norm(hidden)[:, 1:]"),
        says=("norm", "backbone"),
    ),
    _vision(
        "no-rule-for-the-grid",
        "Nothing refuses an image smaller than a patch: the model is built with no places.",
        (CONFIG, "elif 0 in self.grid:", "elif False:"),
        says=("image_size|patch_size",),
    ),
)
