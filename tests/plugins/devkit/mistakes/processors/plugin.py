from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl


@hookimpl
def architectures() -> Iterator[Architecture]:
    yield Architecture(
        model_type="wording",
        config="acme_wording.config:WordingConfig",
        models={"base": "acme_wording.model:WordingModel"},
        tokenizer="acme_wording.tokenizer:WordingTokenizer",
        tokenizer_fast="acme_wording.tokenizer:WordingTokenizerFast",
        image_processor="acme_wording.image_processor:WordingImageProcessor",
        feature_extractor="acme_wording.feature_extractor:WordingFeatureExtractor",
        processor="acme_wording.processor:WordingProcessor",
        tiny={"vocab_size": 50, "hidden_size": 8},
    )
