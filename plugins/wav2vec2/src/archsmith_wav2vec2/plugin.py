"""What this distribution provides, by name."""

from collections.abc import Iterator

from archsmith.plugin import Architecture, hookimpl

_LARGE = {
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "intermediate_size": 4096,
    "codevector_dim": 768,
    "proj_codevector_dim": 768,
}
_STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}


@hookimpl
def architectures() -> Iterator[Architecture]:
    """Yield wav2vec 2.0."""
    yield Architecture(
        model_type="wav2vec2",
        config="archsmith_wav2vec2.config:Wav2Vec2Config",
        models={
            "base": "archsmith_wav2vec2.model:Wav2Vec2Model",
            "ctc": "archsmith_wav2vec2.ctc:Wav2Vec2ForCTC",
            "pre-training": "archsmith_wav2vec2.pretraining:Wav2Vec2ForPreTraining",
            "audio-classification": "archsmith_wav2vec2.heads:Wav2Vec2ForSequenceClassification",
            "audio-frame-classification": "archsmith_wav2vec2.heads:Wav2Vec2ForAudioFrameClassification",
            "audio-xvector": "archsmith_wav2vec2.xvector:Wav2Vec2ForXVector",
        },
        tokenizer="archsmith_wav2vec2.tokenizer:Wav2Vec2CTCTokenizer",
        feature_extractor="archsmith_wav2vec2.feature_extractor:Wav2Vec2FeatureExtractor",
        processor="archsmith_wav2vec2.processor:Wav2Vec2Processor",
        tiny={
            "hidden_size": 16,
            "num_attention_heads": 2,
            "num_hidden_layers": 2,
            "intermediate_size": 24,
            "conv_dim": [8, 8, 8],
            "conv_stride": [5, 2, 2],
            "conv_kernel": [10, 3, 2],
            "num_conv_pos_embeddings": 8,
            "num_conv_pos_embedding_groups": 2,
            "codevector_dim": 8,
            "proj_codevector_dim": 8,
            "num_codevectors_per_group": 5,
            "tdnn_dim": [8, 8],
            "tdnn_kernel": [3, 2],
            "tdnn_dilation": [1, 2],
            "xvector_output_dim": 8,
            "classifier_proj_size": 8,
            "mask_time_prob": 0.0,
        },
        aliases={"Wav2Vec2Tokenizer": "Wav2Vec2CTCTokenizer"},
        presets={
            "facebook/wav2vec2-base": {"activation_dropout": 0.0, "feat_proj_dropout": 0.1, "final_dropout": 0.0,
                                       "layerdrop": 0.0},
            "facebook/wav2vec2-base-960h": {"feat_proj_dropout": 0.1},
            "facebook/wav2vec2-large": _LARGE,
            "facebook/wav2vec2-large-960h": _LARGE,
            "facebook/wav2vec2-large-lv60": _LARGE | _STABLE | {"feat_proj_dropout": 0.1},
            "facebook/wav2vec2-large-960h-lv60-self": _LARGE | _STABLE | {"feat_proj_dropout": 0.1},
            "facebook/wav2vec2-large-xlsr-53": _LARGE | _STABLE,
            "facebook/wav2vec2-xls-r-300m": _LARGE | _STABLE | {"feat_proj_dropout": 0.1},
            "facebook/wav2vec2-xls-r-1b": _LARGE | _STABLE | {
                "hidden_size": 1280, "num_hidden_layers": 48, "intermediate_size": 5120, "feat_proj_dropout": 0.1,
                "codevector_dim": 1024, "proj_codevector_dim": 1024,
            },
            "facebook/mms-1b-all": _LARGE | _STABLE | {
                "hidden_size": 1280, "num_hidden_layers": 48, "intermediate_size": 5120, "vocab_size": 154,
                "adapter_attn_dim": 16, "codevector_dim": 1024, "proj_codevector_dim": 1024,
            },
        },
    )  # fmt: skip
