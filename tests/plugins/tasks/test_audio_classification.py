"""Labels of audio: what an input may be, what is refused, and that many at once say what each alone says."""

import io

import numpy as np
import pytest
import soundfile
import torch

from archsmith import Wav2Vec2Config, Wav2Vec2FeatureExtractor, Wav2Vec2ForSequenceClassification
from archsmith.errors import ArchsmithError, ArchsmithWarning, InputError
from archsmith_tasks import Failure, Parts, pipeline
from archsmith_tasks.audio.classification import AudioClassification, AudioOptions
from archsmith_tasks.bulk import answers

RATE = 16000
TINY = {
    "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 8], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 8, "initializer_range": 0.5,
    "id2label": {0: "tone", 1: "noise", 2: "silence"},
}  # fmt: skip
LAYERED = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}


def model(**values):
    torch.manual_seed(0)
    return Wav2Vec2ForSequenceClassification(Wav2Vec2Config(**TINY | values))


def make(values=LAYERED, mask=True, **options):
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=mask)
    return pipeline("audio-classification", model(**values), feature_extractor=extractor, **options)


def tone(seconds, pitch=440.0, rate=RATE):
    times = np.arange(round(seconds * rate)) / rate
    return (0.5 * np.sin(2 * np.pi * pitch * times)).astype(np.float32)


def clips(count, seed=0):
    """Return tones of about a tenth to half a second."""
    random = np.random.default_rng(seed)
    return [(tone(random.uniform(0.1, 0.5), random.uniform(200, 2000)), RATE) for _ in range(count)]


def assert_same(result, alone):
    assert [each.label for each in result.labels] == [each.label for each in alone.labels]
    assert [each.score for each in result.labels] == pytest.approx([each.score for each in alone.labels], abs=1e-5)


def test_the_steps_are_those_of_a_user():
    network = model(**LAYERED).eval()
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    with torch.inference_mode():
        inputs = extractor(tone(0.3), sampling_rate=RATE, return_tensors="pt")
        scores = network(**inputs).logits.softmax(-1)[0]
    result = pipeline("audio-classification", network, feature_extractor=extractor)((tone(0.3), RATE))
    assert {each.label: each.score for each in result.labels} == pytest.approx(
        {network.config.id2label[i]: score for i, score in enumerate(scores.tolist())}, abs=1e-6
    )


def test_every_form_of_a_clip_is_the_same_clip(tmp_path):
    samples = tone(0.3)
    soundfile.write(tmp_path / "tone.wav", samples, RATE, subtype="FLOAT")
    content = (tmp_path / "tone.wav").read_bytes()
    classify = make()
    forms = [
        (samples, RATE), (RATE, samples), (torch.from_numpy(samples), RATE), (samples.tolist(), RATE),
        io.BytesIO(content), bytearray(content), memoryview(content),
        {"array": samples, "sampling_rate": RATE}, {"raw": samples, "sampling_rate": RATE, "path": None},
        tmp_path / "tone.wav", str(tmp_path / "tone.wav"), content, {"bytes": content, "path": "tone.wav"},
        (np.stack([samples, samples]), RATE),
    ]  # fmt: skip
    alone = [classify(form) for form in forms]
    assert all(result == alone[0] for result in alone)
    for result, each in zip(classify(forms), alone, strict=True):
        assert_same(result, each)
    with pytest.warns(ArchsmithWarning, match="the sampling rate of the audio is not given"):
        assert classify(samples) == alone[0]


def test_a_model_of_a_low_rate():
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=100)
    found = pipeline("audio-classification", model(**LAYERED), feature_extractor=extractor)
    assert 0 < found((tone(9, pitch=20, rate=100), 100)).score <= 1


@pytest.mark.parametrize(("ending", "rate"), [("wav", 8000), ("flac", 44100), ("ogg", 48000), ("mp3", 22050)])
def test_files_of_other_rates(ending, rate, tmp_path):
    """Each is brought to the rate of the model: that of a tone at another rate is nearly that of the tone itself."""
    soundfile.write(tmp_path / f"tone.{ending}", np.stack([tone(0.5, rate=rate)] * 2, 1), rate)
    steps = AudioClassification(model(), Parts(feature_extractor=Wav2Vec2FeatureExtractor()), AudioOptions())
    heard = steps.samples_of(tmp_path / f"tone.{ending}")
    spectrum = np.abs(np.fft.rfft(heard))
    assert np.argmax(spectrum) * RATE / len(heard) == pytest.approx(440, abs=3)
    assert len(heard) == pytest.approx(RATE / 2, rel=0.2)  # an MP3 is longer by its frames


class Deaf(Wav2Vec2ForSequenceClassification):
    """A model that takes a mask and does not go by it."""

    def forward(self, input_values, attention_mask=None, **options):
        return super().forward(input_values, **options)


Deaf.__name__ = "Wav2Vec2ForSequenceClassification"
KINDS = {
    "masked": (LAYERED, True, Wav2Vec2ForSequenceClassification),
    "not masked": (LAYERED, False, Wav2Vec2ForSequenceClassification),
    "group norm": ({}, False, Wav2Vec2ForSequenceClassification),
    "group norm, masked": ({}, True, Wav2Vec2ForSequenceClassification),
    "deaf to the mask": (LAYERED, True, Deaf),
}


@pytest.mark.parametrize("batch_size", ["auto", 4])
@pytest.mark.parametrize("kind", KINDS)
def test_many_are_as_each_alone(kind, batch_size):
    values, mask, network = KINDS[kind]
    torch.manual_seed(0)
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=mask)
    classify = pipeline(
        "audio-classification",
        network(Wav2Vec2Config(**TINY | values)),
        feature_extractor=extractor,
        batch_size=batch_size,
    )
    inputs = clips(40)
    for clip, result in zip(inputs, classify(inputs), strict=True):
        assert_same(result, classify(clip))


def test_ragged_clips_share_batches_where_the_mask_says_it():
    """Else every length would be a batch of its own."""
    calls = []
    classify = make()
    classify.model.register_forward_pre_hook(lambda *_: calls.append(1))
    list(classify(clips(30)))
    assert len(calls) <= 5  # two for the trial
    calls.clear()
    alone = make(mask=False)
    alone.model.register_forward_pre_hook(lambda *_: calls.append(1))
    list(alone(clips(30)))
    assert len(calls) == 30


def test_a_window_holds_no_more_than_so_much(monkeypatch):
    """Long clips make a window of fewer."""
    monkeypatch.setattr(AudioClassification, "hold", 20_000)
    steps = AudioClassification(model(**LAYERED), Parts(feature_extractor=Wav2Vec2FeatureExtractor()), AudioOptions())
    read = []
    inputs = (read.append(number) or (tone(0.5), RATE) for number in range(100))
    found = answers(steps, inputs)
    next(found)
    found.close()
    assert len(read) <= 40  # of 8 each: one that is answered, one that waits, one that is prepared


BAD = {
    "no such file": ("nowhere.wav", "there is no file"),
    "an address": ("https://example.org/a.wav", "only local files are read"),
    "not audio": (b"not audio", "cannot be read as audio"),
    "a number": (3, "the audio must be an array of samples, a file or a list of them"),
    "nothing": (None, "the audio must be an array of samples, a file or a list of them"),
    "empty": ((np.zeros(0, np.float32), RATE), "is empty"),
    "not finite": ((np.full(900, np.nan, np.float32), RATE), "finite"),
    "too short": ((np.ones(5, np.float32), RATE), "the model needs at least"),
    "a mapping without a rate": ({"array": np.zeros(900)}, "must have the keys array and sampling_rate"),
    "a mapping of something else": ({"array": np.zeros(900), "sampling_rate": RATE, "text": ""}, "must have the keys"),
    "a tuple without a rate": ((np.zeros(900), np.zeros(900)), "must hold samples and their rate in Hz"),
    "a tuple of three": ((np.zeros(900), RATE, 1), "must hold samples and their rate in Hz"),
    "a rate in kHz": ((np.zeros(900), 16), "the sampling rate is 16 Hz, but the model's is 16000 Hz. Is it in kHz?"),
    "a rate of nothing": ((np.zeros(900), 0), "sampling_rate must be a whole number"),
    "two clips": (([np.zeros(900), np.zeros(900)], RATE), "must be one audio clip, but holds 2"),
}


@pytest.mark.parametrize(("value", "said"), BAD.values(), ids=BAD)
def test_a_bad_clip(value, said):
    classify = make()
    with pytest.raises(ArchsmithError) as caught:
        classify(value)
    assert said in str(caught.value)
    good = clips(2)
    found = classify([good[0], value, good[1]], errors="keep")
    assert isinstance(found[1], Failure)
    assert said in found[1].error
    assert_same(found[0], classify(good[0]))
    assert_same(found[2], classify(good[1]))


def test_a_file_that_contradicts_its_rate(tmp_path):
    soundfile.write(tmp_path / "tone.wav", tone(0.3), RATE)
    with pytest.raises(InputError, match="was recorded at 16000 Hz, but sampling_rate says 8000 Hz"):
        make()((tmp_path / "tone.wav", 8000))


def test_from_a_folder(tmp_path):
    network = model(**LAYERED)
    network.save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor(return_attention_mask=True).save_pretrained(tmp_path)
    (clip,) = clips(1)
    classify = pipeline(model=tmp_path, top_k=2)
    assert classify.task.name == "audio-classification"
    assert len(classify(clip).labels) == 2
    assert_same(classify(clip, top_k=None), make()(clip))
