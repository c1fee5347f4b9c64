"""Tasks of audio say what the reference's pipelines say: the same labels and texts, scores equal to 1e-4."""

import json

import numpy as np
import pytest
import torch
import transformers

import archsmith
from archsmith_tasks import pipeline

from .support import build

TOLERANCE = 1e-4
RATE = 16000
TINY = {
    "vocab_size": 11, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 37,
    "conv_dim": [8, 10, 9], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4, "classifier_proj_size": 9, "num_labels": 5,
}  # fmt: skip
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
KINDS = {
    "group norm": (TINY, False),
    "masked": (TINY | STABLE, True),
    "averaged layers": (TINY | STABLE | {"use_weighted_layer_sum": True}, True),
    "several labels": (TINY | {"problem_type": "multi_label_classification"}, False),
    "a number": (TINY | {"problem_type": "regression", "num_labels": 1}, False),
}


def clips(count=6, seconds=0.4):
    """Return noise of several lengths."""
    random = np.random.default_rng(3)
    return [
        (0.3 * random.standard_normal(round(RATE * seconds * share))).astype(np.float32)
        for share in np.linspace(0.2, 1, count)
    ]


def theirs_of(samples):
    """Return an input of the reference's pipelines, which take it apart."""
    return {"raw": samples, "sampling_rate": RATE}


@pytest.mark.parametrize("kind", KINDS)
def test_audio_classification(kind):
    values, mask = KINDS[kind]
    pair = build("Wav2Vec2ForSequenceClassification", values)
    extractors = [
        getattr(library, "Wav2Vec2FeatureExtractor")(return_attention_mask=mask)  # noqa: B009
        for library in (transformers, archsmith)
    ]
    theirs = transformers.pipeline("audio-classification", pair.theirs, feature_extractor=extractors[0])
    ours = pipeline("audio-classification", pair.ours, feature_extractor=extractors[1])
    for more in ({}, {"top_k": 2}, {"function_to_apply": "sigmoid"}, {"function_to_apply": "none"}):
        options = {"top_k": 5} | more
        expected = [theirs(theirs_of(clip), **options) for clip in clips()]
        for wanted, result in zip(expected, ours([(clip, RATE) for clip in clips()], **options), strict=True):
            assert [each.label for each in result.labels] == [each["label"] for each in wanted]
            assert [each.score for each in result.labels] == pytest.approx(
                [each["score"] for each in wanted], abs=TOLERANCE
            )


CALLS = {
    "whole": {},
    "words": {"return_timestamps": "word"},
    "characters": {"return_timestamps": "char"},
    "chunks": {"chunk_length_s": 0.3},
    "chunks, words": {"chunk_length_s": 0.2, "stride_length_s": 0.05, "return_timestamps": "word"},
    "uneven strides": {"chunk_length_s": 0.25, "stride_length_s": [0.02, 0.07], "return_timestamps": "char"},
    "odd chunks": {"chunk_length_s": 0.1234, "stride_length_s": 0.0345, "return_timestamps": "char"},
    "no strides": {"chunk_length_s": 0.2, "stride_length_s": 0},
    "one chunk": {"chunk_length_s": 100, "return_timestamps": "word"},
}


@pytest.fixture(params=[{}, {"do_lower_case": True}], ids=["capitals", "small letters"])
def tokenizers(request, tmp_path):
    tokens = ["<pad>", "<s>", "</s>", "<unk>", "|", *"ETAOIN"]
    (tmp_path / "vocab.json").write_text(json.dumps({token: number for number, token in enumerate(tokens)}))
    path = str(tmp_path / "vocab.json")
    return [library.Wav2Vec2CTCTokenizer(path, **request.param) for library in (transformers, archsmith)]


def talkative(values):
    """Return a model that says something else at every other frame: no letter is the likeliest one everywhere."""
    pair = build("Wav2Vec2ForCTC", values)
    noise = torch.from_numpy(clips(1, seconds=5)[0])[None]
    with torch.no_grad():
        middle = pair.ours(noise / noise.std()).logits[0].mean(0)
        for model in (pair.ours, pair.theirs):
            model.lm_head.bias.sub_(middle)
    return pair


@pytest.mark.parametrize("batch_size", [1, "auto"])
@pytest.mark.parametrize("kind", ["group norm", "masked"])
def test_speech_recognition(kind, batch_size, tokenizers):
    values, mask = KINDS[kind]
    pair = talkative(values)
    extractors = [library.Wav2Vec2FeatureExtractor(return_attention_mask=mask) for library in (transformers, archsmith)]
    name = "automatic-speech-recognition"
    theirs = transformers.pipeline(
        name, pair.theirs, tokenizer=tokenizers[0], feature_extractor=extractors[0], decoder=None
    )
    ours = pipeline(name, pair.ours, tokenizer=tokenizers[1], feature_extractor=extractors[1], batch_size=batch_size)
    inputs = clips(4, seconds=1)
    for options in CALLS.values():
        expected = [theirs(theirs_of(clip), **options) for clip in inputs]
        for wanted, result in zip(expected, ours([(clip, RATE) for clip in inputs], **options), strict=True):
            assert result.text == wanted["text"]
            assert len(result.text) > 9
            found = [{"text": word.text, "timestamp": (word.start, word.end)} for word in result.words]
            assert found == [
                {"text": each["text"], "timestamp": pytest.approx(each["timestamp"])}
                for each in wanted.get("chunks", [])
            ]
