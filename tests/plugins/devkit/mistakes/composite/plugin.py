from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

TEXT = {
    "vocab_size": 60,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
}
VISION = {
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "image_size": 16,
    "patch_size": 8,
}


@hookimpl
def architectures() -> Iterator[Architecture]:
    yield Architecture(
        model_type="pairing",
        config="acme_pairing.config:PairingConfig",
        models={"base": "acme_pairing.model:PairingModel"},
        tokenizer_fast="acme_pairing.processor:PairingTokenizerFast",
        image_processor="acme_pairing.processor:PairingImageProcessor",
        processor="acme_pairing.processor:PairingProcessor",
        tiny={"text_config": TEXT, "vision_config": VISION, "projection_dim": 8},
    )
    yield Architecture(
        model_type="pairing_text_model",
        config="acme_pairing.config:PairingTextConfig",
        models={"base": "acme_pairing.towers:PairingTextModel"},
        tiny=TEXT,
    )
    yield Architecture(
        model_type="pairing_vision_model",
        config="acme_pairing.config:PairingVisionConfig",
        models={"base": "acme_pairing.towers:PairingVisionModel"},
        tiny=VISION,
    )
