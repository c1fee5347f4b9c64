"""The manifest of CLIP: the whole, and its two halves, which stand alone too."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

_TEXT = {
    "vocab_size": 50, "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 16, "projection_dim": 6, "bos_token_id": 48, "eos_token_id": 49,
}  # fmt: skip
_VISION = {
    "hidden_size": 16, "intermediate_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 16,
    "patch_size": 4, "projection_dim": 6,
}  # fmt: skip


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Declare CLIP and its halves."""
    yield Architecture(
        model_type="clip",
        config="acme_clip.config:CLIPConfig",
        models={
            "base": "acme_clip.model:CLIPModel",
            "zero-shot-image-classification": "acme_clip.model:CLIPModel",
            "image-classification": "acme_clip.model:CLIPForImageClassification",
        },
        tokenizer_fast="acme_clip.tokenizer:CLIPTokenizerFast",
        image_processor="acme_clip.preprocessing:CLIPImageProcessor",
        processor="acme_clip.preprocessing:CLIPProcessor",
        aliases={"CLIPTokenizer": "CLIPTokenizerFast", "CLIPFeatureExtractor": "CLIPImageProcessor"},
        tiny={"text_config": _TEXT, "vision_config": _VISION, "projection_dim": 6},
        presets={"openai/clip-vit-base-patch32": {}},
    )
    yield Architecture(
        model_type="clip_text_model",
        config="acme_clip.config:CLIPTextConfig",
        models={
            "base": "acme_clip.text:CLIPTextModel",
            "text-encoding": "acme_clip.text:CLIPTextModel",
            "text-projection": "acme_clip.text:CLIPTextModelWithProjection",
        },
        tokenizer_fast="acme_clip.tokenizer:CLIPTokenizerFast",
        tiny=_TEXT,
    )
    yield Architecture(
        model_type="clip_vision_model",
        config="acme_clip.config:CLIPVisionConfig",
        models={
            "base": "acme_clip.vision:CLIPVisionModel",
            "image-projection": "acme_clip.vision:CLIPVisionModelWithProjection",
        },
        image_processor="acme_clip.preprocessing:CLIPImageProcessor",
        tiny=_VISION,
    )
