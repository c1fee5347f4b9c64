"""Feature extractors: settings, files, and audio of every kind, good and bad."""

import io
import json
import threading
import warnings

import numpy as np
import pytest
import soundfile
import torch

from archsmith import (
    ArchsmithError,
    ArchsmithWarning,
    AutoFeatureExtractor,
    SequenceFeatureExtractor,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
)
from archsmith.config import field
from archsmith.errors import (
    CheckpointCorrupt,
    CheckpointNotFound,
    InputError,
    MissingDependency,
    OptionError,
    PluginError,
)
from archsmith.feature_extractor import audio_files

RATE = 16000


class Loudness(SequenceFeatureExtractor):
    """Two numbers for every hundred samples: a feature extractor whose sequences are shorter than the audio."""

    feature_size: int = field(default=2)

    def features_of(self, clip):
        blocks = clip[: len(clip) // 100 * 100].reshape(-1, 100)
        return np.stack([blocks.mean(1), blocks.std(1)], 1).astype(np.float32)


class Bands(SequenceFeatureExtractor):
    """The same with the places last, padded and truncated to a number of them, and centred with its padding."""

    places_last = True
    usual_padding = "max_length"
    usual_truncation = True

    feature_size: int = field(default=2)
    max_length: int = field(default=12)

    def usual_length(self):
        return self.max_length

    def features_of(self, clip):
        return Loudness().features_of(clip).T

    def finish(self, row, span, *, masked):
        assert row.shape[0] == 2
        row -= row.mean(1, keepdims=True)


class Blocks(SequenceFeatureExtractor):
    """The mean of every hundred samples, of a clip that was padded before, and a last place behind its end."""

    def samples_per_place(self):
        return 100

    def features_of(self, clip):
        return np.append(clip[: len(clip) // 100 * 100].reshape(-1, 100).mean(1), 7)


@pytest.fixture
def plain():
    return Wav2Vec2FeatureExtractor(do_normalize=False)


def wave(seconds=0.1, rate=RATE, channels=1):
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate)) / rate)
    return tone.astype(np.float32) if channels == 1 else np.stack([tone, 0.5 * tone], 1).astype(np.float32)


def encoded(samples, rate=RATE, kind="WAV", subtype=None):
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def values(extractor, audio, **options):
    return extractor(audio, return_tensors="np", **options).input_values


# ---- settings and files -------------------------------------------------------------------------------------------


def test_printing():
    assert str(Wav2Vec2FeatureExtractor(padding_side="left")) == (
        "Wav2Vec2FeatureExtractor {\n"
        '  "do_normalize": true,\n'
        '  "feature_extractor_type": "Wav2Vec2FeatureExtractor",\n'
        '  "feature_size": 1,\n'
        '  "padding_side": "left",\n'
        '  "padding_value": 0.0,\n'
        '  "return_attention_mask": false,\n'
        '  "sampling_rate": 16000\n'
        "}"
    )


def test_all_faults_in_one_error():
    with pytest.raises(OptionError) as error:
        Wav2Vec2FeatureExtractor(smpling_rate=1, padding_value="0", padding_side="up", feature_size=2)
    assert str(error.value) == (
        "Wav2Vec2FeatureExtractor:\n"
        "  - 'smpling_rate' is not a setting of Wav2Vec2FeatureExtractor. Did you mean 'sampling_rate'?\n"
        "  - padding_value must be a number, but is '0'\n"
        "  - padding_side must be one of 'right', 'left', but is 'up'."
    )


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"feature_size": 2}, "feature_size is 2, but must be 1: the model takes plain samples"),
        ({"sampling_rate": 0}, "sampling_rate must be an integer from 1 to 2147483647, but is 0"),
        ({"sampling_rate": 16000.5}, "sampling_rate must be an integer from 1 to 2147483647, but is 16000.5"),
        ({"padding_value": float("nan")}, "padding_value must be finite, but is nan"),
        ({"do_normalize": 1}, "do_normalize must be true or false, but is 1"),
        ({"num_labels": 2}, "'num_labels' is not a setting of Wav2Vec2FeatureExtractor"),
    ],
)
def test_settings_that_are_refused(wrong, message, tmp_path):
    with pytest.raises(OptionError) as error:
        Wav2Vec2FeatureExtractor(**wrong)
    assert str(error.value) == f"Wav2Vec2FeatureExtractor: {message}."
    if "num_labels" in wrong:
        return
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(wrong).replace("NaN", '"nan"'))
    with pytest.raises(CheckpointCorrupt, match=next(iter(wrong))):
        Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)


def test_assignment_is_checked():
    extractor = Wav2Vec2FeatureExtractor()
    extractor.sampling_rate = 8000
    assert extractor.sampling_rate == 8000
    with pytest.raises(OptionError, match="sampling_rate must be an integer"):
        extractor.sampling_rate = "fast"
    with pytest.raises(OptionError, match="Did you mean 'do_normalize'"):
        extractor.do_normalise = True
    with pytest.raises(AttributeError, match="Did you mean 'do_normalize'"):
        _ = extractor.do_normalise


def test_files(tmp_path):
    values = {"sampling_rate": 8000, "return_attention_mask": True, "processor_class": "X", "mystery": [1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(values))
    extractor = Wav2Vec2FeatureExtractor.from_pretrained(tmp_path, padding_value=1)
    assert (extractor.sampling_rate, extractor.padding_value, extractor.extra["mystery"]) == (8000, 1.0, [1])
    (path,) = extractor.save_pretrained(tmp_path / "again")
    written = json.loads((tmp_path / "again/preprocessor_config.json").read_text())
    assert written["mystery"] == [1]
    assert written["archsmith"]["plugin"] == "archsmith-wav2vec2"
    assert Wav2Vec2FeatureExtractor.from_pretrained(path) == extractor
    with pytest.raises(
        OptionError, match=r"'smpling_rate' is not a setting of Wav2Vec2FeatureExtractor\. Did you mean"
    ):
        Wav2Vec2FeatureExtractor.from_pretrained(path, smpling_rate=1)
    with pytest.raises(OptionError, match="trust_remote_code is refused"):
        AutoFeatureExtractor.from_pretrained(tmp_path, trust_remote_code=True)


def test_a_misspelt_key_of_a_file_is_announced(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"samplingrate": 8000}))
    with pytest.warns(ArchsmithWarning, match="'samplingrate' is not a setting.*Did you mean 'sampling_rate'"):
        Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)


def test_the_auto_class_finds_the_class(tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"sampling_rate": 8000}))
    with pytest.raises(CheckpointNotFound, match=r"has no file .config\.json."):
        AutoFeatureExtractor.from_pretrained(tmp_path)
    assert AutoFeatureExtractor.from_pretrained(tmp_path, config=Wav2Vec2Config()).sampling_rate == 8000
    Wav2Vec2Config().save_pretrained(tmp_path)
    assert type(AutoFeatureExtractor.from_pretrained(tmp_path)) is Wav2Vec2FeatureExtractor
    nested = {"feature_extractor": {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": 8000}}
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    assert AutoFeatureExtractor.from_pretrained(tmp_path).sampling_rate == 8000
    nested["feature_extractor"]["sampling_rate"] = 4000
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    with pytest.raises(CheckpointCorrupt) as error:
        AutoFeatureExtractor.from_pretrained(tmp_path)
    assert str(error.value) == (
        f"{str(tmp_path)!r}: sampling_rate is 4000 in processor_config.json, but 8000 in preprocessor_config.json. "
        "Delete the one that is out of date, or pass sampling_rate=…"
    )
    assert AutoFeatureExtractor.from_pretrained(tmp_path, sampling_rate=2000).sampling_rate == 2000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"feature_extractor_type": "WhisperFeatureExtractor"}, "feature_extractor_type is 'WhisperFeatureExtractor'"),
        ({"feature_extractor_type": 3}, "feature_extractor_type is 3"),
        ({"image_processor_type": "ViTImageProcessor"}, "holds another kind's"),
        ({"size": 224, "do_resize": True, "do_normalize": True}, "holds another kind's"),
        (
            {"model_type": "wav2vec2", "do_normalize": True},
            "this is not the file of a Wav2Vec2FeatureExtractor, but of a conf",
        ),
        ({"the": 1, "a": 2}, "this is not the file of a Wav2Vec2FeatureExtractor: it holds a, the."),
        ([], "must hold a JSON object"),
    ],
)
def test_files_of_another_kind(content, message, tmp_path):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(content))
    with pytest.raises(ArchsmithError, match=message):
        Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)


def test_a_new_default_needs_its_type():
    with pytest.raises(OptionError, match=r"Odd\.sampling_rate has a new default, but no type"):

        class Odd(Loudness):
            sampling_rate = 8000


# ---- audio that is taken ------------------------------------------------------------------------------------------


def test_whole_numbers_are_scaled_by_their_type(plain):
    wanted = np.array([[-1.0, 0.0, 0.5]], np.float32)
    for kind, samples in {
        "int16": [-32768, 0, 16384],
        "int32": [-(2**31), 0, 2**30],
        "int8": [-128, 0, 64],
        "uint8": [0, 128, 192],
        "uint16": [0, 32768, 49152],
    }.items():
        array = np.array(samples, kind)
        assert np.array_equal(values(plain, array, sampling_rate=RATE), wanted), kind
        if kind != "uint16":
            assert np.array_equal(values(plain, torch.from_numpy(array), sampling_rate=RATE), wanted), kind


def test_many_forms_of_one_clip(plain, tmp_path):
    samples = (wave() * 32768).round() / 32768
    path = tmp_path / "tone.wav"
    path.write_bytes(encoded(samples))
    for source in (
        samples, samples.tolist(), tuple(samples.tolist()), samples.astype(np.float64), torch.from_numpy(samples),
        [samples], [torch.from_numpy(samples)], samples[None], samples[:, None], [samples[None]], [samples[:, None]],
        torch.from_numpy(samples).requires_grad_(), samples[::-1][::-1], list(torch.from_numpy(samples)),
    ):  # fmt: skip
        assert np.allclose(values(plain, source, sampling_rate=RATE), samples[None], atol=1e-7)
    for source in (path, str(path), path.read_bytes(), [path], [path.read_bytes()]):
        assert np.allclose(values(plain, source), samples[None], atol=1e-4)
    assert values(plain, torch.from_numpy(samples).bfloat16(), sampling_rate=RATE).dtype == np.float32
    mixed = values(plain, [samples, path, torch.from_numpy(samples)], sampling_rate=RATE)
    assert np.allclose(mixed, samples, atol=1e-4)


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3", "WAVEX", "RF64"])
def test_file_formats(kind, plain):
    samples = wave(0.5)
    found = values(plain, encoded(samples, kind=kind))[0]
    assert abs(len(found) - len(samples)) <= 1200  # MP3 fills up its frames
    start = min(len(found), len(samples))
    error = np.abs(found[2000 : start - 2000] - samples[2000 : start - 2000])
    assert error.max() < (0.05 if kind in ("OGG", "MP3") else 1e-4)


def test_resampling_on_request():
    extractor = Wav2Vec2FeatureExtractor(do_normalize=False)
    slow, fast = wave(0.5, 8000), wave(0.5)
    for source, options in ((slow, {"sampling_rate": 8000}), (encoded(slow, 8000), {})):
        found = values(extractor, source, resample=True, **options)[0]
        assert len(found) == len(fast)
        assert np.abs(found[500:-500] - fast[500:-500]).max() < 1e-3


def test_channels_on_request(plain):
    stereo = wave(channels=2)
    for source in (stereo, stereo.T, [stereo], [stereo.T], torch.from_numpy(stereo)):
        assert np.allclose(values(plain, source, sampling_rate=RATE, downmix=True), stereo.mean(1)[None], atol=1e-6)
    assert np.allclose(values(plain, encoded(stereo), downmix=True), stereo.mean(1)[None], atol=1e-4)


def test_the_samples_alone(plain, tmp_path):
    """As a call reads them, before anything is made of them."""
    samples = np.linspace(-0.5, 0.5, 800, dtype=np.float32)
    soundfile.write(tmp_path / "clip.wav", np.stack([samples, -samples], 1), 8000, subtype="FLOAT")
    first, second = plain.read_audio([samples, samples * 2], sampling_rate=plain.sampling_rate)
    assert np.array_equal(first, samples)
    assert np.array_equal(second, samples * 2)
    (read,) = plain.read_audio(tmp_path / "clip.wav", resample=True, downmix=True)
    assert len(read) == pytest.approx(100 * plain.sampling_rate / 1000, abs=1)
    assert np.abs(read).max() < 1e-6
    with pytest.raises(InputError, match="has 2 channels"):
        plain.read_audio(tmp_path / "clip.wav", resample=True)


def test_features_of_another_length():
    extractor = Loudness()
    batch = extractor([wave(0.1), wave(0.05)], sampling_rate=RATE, padding=True, return_tensors="pt")
    assert batch.input_values.shape == (2, 16, 2)
    assert batch.attention_mask.sum(1).tolist() == [16, 8]
    rows = extractor([wave(0.1), wave(0.05)], sampling_rate=RATE).input_values
    again = extractor.pad([{"input_values": row} for row in rows], return_tensors="pt")
    assert torch.equal(again.input_values, batch.input_values)


def test_places_that_are_the_last_axis():
    clips = [wave(0.1), wave(0.05)]
    batch = Bands()(clips, sampling_rate=RATE, return_tensors="pt")
    assert batch.input_values.shape == (2, 2, 12)
    assert batch.input_values.is_contiguous()
    assert batch.attention_mask.tolist() == [[1] * 12, [1] * 8 + [0] * 4]
    rows = np.zeros((2, 12, 2), np.float32)  # by hand: places first, truncated or padded with zeros, then centred
    rows[0], rows[1, :8] = Loudness().features_of(clips[0])[:12], Loudness().features_of(clips[1])
    wanted = (rows - rows.mean(1, keepdims=True)).transpose(0, 2, 1)
    assert np.allclose(batch.input_values, wanted, atol=1e-6)
    left = Bands(padding_side="left")(clips[1], sampling_rate=RATE, return_tensors="np")
    assert left.attention_mask.tolist() == [[0] * 4 + [1] * 8]
    assert (
        Bands()(clips, sampling_rate=RATE, padding=True, max_length=5, return_tensors="np").input_values.shape[2] == 5
    )


def test_padding_of_places_that_are_the_last_axis():
    extractor = Bands()
    rows = [{"input_values": np.arange(2 * n, dtype=np.float32).reshape(2, n)} for n in (3, 5)]
    batch = extractor.pad(rows, return_tensors="np")
    assert batch.input_values[0].tolist() == [[0, 1, 2, 0, 0], [3, 4, 5, 0, 0]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    calls = [extractor(wave(0.05), sampling_rate=RATE) for _ in range(2)]  # batches of one are taken too
    assert extractor.pad(calls, return_tensors="np").input_values.shape == (2, 2, 12)
    with pytest.raises(InputError, match=r"input_values\[0\] must have the shape \(2, places\), but has \(3, 2\)\."):
        extractor.pad([{"input_values": np.ones((3, 2), np.float32)}])


def test_clips_that_are_padded_before_they_are_transformed():
    batch = Blocks()([np.full(250, 0.5), np.full(401, 0.25)], sampling_rate=RATE, padding=True, return_tensors="np")
    assert batch.input_values.tolist() == [[0.5, 0.5, 0.25, 0, 7], [0.25] * 4 + [7]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 0, 0], [1] * 5]
    left = Blocks(padding_side="left")(
        [np.full(250, 0.5), np.full(400, 0.25)], sampling_rate=RATE, padding=True, return_tensors="np"
    )
    assert left.attention_mask.tolist() == [[0, 0, 1, 1, 1], [1] * 5]
    ragged = Blocks()([np.full(250, 0.5), np.full(400, 0.25)], sampling_rate=RATE)
    assert [len(row) for row in ragged.input_values] == [3, 5]
    assert [row.tolist() for row in ragged.attention_mask] == [[1] * 3, [1] * 5]


def test_what_an_extractor_makes_is_checked():
    class Turned(Loudness):
        places_last = True

    message = r"what features_of of Turned returns must have the shape \(2, places\), but has \(16, 2\)\."
    with pytest.raises(PluginError, match=message):
        Turned()(wave(), sampling_rate=RATE)
    with pytest.raises(InputError, match=r"a clip of 99 samples is too short: Loudness makes nothing of it\."):
        Loudness()([wave(), wave()[:99]], sampling_rate=RATE)
    with pytest.raises(OptionError, match=r"truncation=True needs a length: pass max_length=…, in places\."):
        Loudness()(wave(), sampling_rate=RATE, truncation=True)


def test_calls_in_many_threads():
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    clips = [wave(0.01 * (1 + i % 5)) for i in range(40)]
    wanted = extractor(clips, sampling_rate=RATE, padding=True, return_tensors="np")
    found = [None] * 6

    def call(place):
        found[place] = extractor(clips, sampling_rate=RATE, padding=True, return_tensors="np")

    threads = [threading.Thread(target=call, args=(place,)) for place in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(np.array_equal(each.input_values, wanted.input_values) for each in found)


def test_padding_keeps_other_entries():
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    examples = [{"input_values": wave(0.01), "label": 3}, {"input_values": wave(0.02), "label": 4}]
    batch = extractor.pad(examples, return_tensors="pt")
    assert batch.label.tolist() == [3, 4]
    assert batch.attention_mask.sum(1).tolist() == [160, 320]
    one_by_one = [extractor(clip["input_values"], sampling_rate=RATE) for clip in examples]
    assert extractor.pad(one_by_one, return_tensors="pt").input_values.shape == (2, 320)


# ---- audio that is refused, or announced --------------------------------------------------------------------------

STEREO = (
    "has 2 channels (shape (1600, 2)), but the model takes one. Pass one of them, or downmix=True for their average."
)
NOT_AUDIO = "must hold real numbers, but is of the type"
ARRAY = "the audio must be an array of samples, a file or a list of them, but is"
BAD = {
    "NaN": ([0.1, float("nan")], "the audio holds nan at sample 1; expected finite numbers."),
    "infinity": ([[0.1], [float("-inf")]], "audio[1] holds -inf at sample 0; expected finite numbers."),
    "overflow": (np.array([0.0, 1e300]), "the audio holds inf at sample 1; expected finite numbers."),
    "huge numbers": (np.array([0.0, 1e20]), "the audio holds numbers up to 1e+20; expected samples from -1 to 1."),
    "stereo behind": (wave(channels=2), f"the audio {STEREO}"),
    "stereo in a list": ([wave(channels=2)], f"audio[0] {STEREO}"),
    "stereo tensor": (torch.from_numpy(wave(channels=2)), f"the audio {STEREO}"),
    "three axes": (np.zeros((1, 2, 300)), "the audio must have one axis, of samples, or a second one, of channels"),
    "no axis": (np.array(0.5), "the audio must have one axis, of samples"),
    "a matrix in a list": ([np.zeros((300, 300))], "audio[0] has the shape (300, 300); expected one audio clip"),
    "empty list": ([], "the audio is an empty list; expected samples, or at least one clip."),
    "empty array": (np.zeros(0), "the audio is empty; expected at least one sample."),
    "an empty clip": ([wave(), []], "audio[1] is empty; expected at least one sample."),
    "booleans": (np.zeros(300, bool), NOT_AUDIO),
    "booleans in a list": ([True, False], NOT_AUDIO),
    "complex": (np.zeros(300, complex), NOT_AUDIO),
    "text in an array": (np.array(["a", "b"]), NOT_AUDIO),
    "objects": (np.array([None, 1.0], object), NOT_AUDIO),
    "dates": (np.zeros(3, "datetime64[s]"), NOT_AUDIO),
    "ragged": ([[0.1, [0.2]]], "audio[0] cannot be an array of samples"),
    "lists in lists in lists": ([[[0.1], [0.2]]], "audio[0] must be a list of samples, but its first one is a list."),
    "int64": (np.array([0, 20000, -20000]), "the audio holds whole numbers of the type int64, whose full scale is not"),
    "whole numbers in a list": ([0, 20000], "the audio holds whole numbers of the type int64"),
    "uint64": (np.array([5, 6], np.uint64), "the audio holds whole numbers of the type uint64"),
    "numbers beyond int64": ([0, 10**30], NOT_AUDIO),
    "none": (None, f"{ARRAY} NoneType: None."),
    "a number": (3, f"{ARRAY} int: 3."),
    "a set": ({0.1}, f"{ARRAY} set: {{0.1}}."),
    "a generator": ((x for x in [0.1]), f"{ARRAY} generator"),
    "a data set's row": ({"array": [0.1], "sampling_rate": 16000}, "Pass its samples, as audio['array']"),
    "none in a list": ([wave(), None], NOT_AUDIO),
    "an address": ("https://example.com/a.wav", "only local files are read. Download it first."),
    "no such file": ("nowhere.wav", "the audio: there is no file 'nowhere.wav'"),
    "an empty name": ("", "must be named by a path"),
    "a folder": (".", "is not a file; expected one that holds audio."),
    "a name with a zero": ("a\0b", "there is no file"),
    "text": (b"hello there, this is text", "cannot be read as audio"),
    "no bytes": (b"", "cannot be read as audio"),
    "an image": (b"\x89PNG\r\n\x1a\n" + bytes(100), "cannot be read as audio"),
    "stereo file": (encoded(wave(channels=2)), STEREO),
    "a file of another rate": (encoded(wave(rate=8000), 8000), "the audio has a sampling rate of 8000 Hz, but"),
    "a file without samples": (encoded(np.zeros(0)), "the audio is empty; expected at least one sample."),
    "an AIFF file": (encoded(wave(), kind="AIFF"), "the audio is of the format AIFF; expected WAV, FLAC, OGG or MP3."),
    "a header alone": (encoded(wave())[:30], "cannot be read as audio"),
    "a damaged FLAC": (encoded(wave(), kind="FLAC")[:60], "cannot be read as audio"),
    "half a Vorbis": (encoded(wave(1), kind="OGG")[:3000], "cannot be read as audio"),
    "NaN in a file": (encoded(np.array([0.1, np.nan]), subtype="FLOAT"), "the audio holds nan at sample 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_audio(name, plain):
    audio, message = BAD[name]
    is_file = isinstance(audio, str | bytes)
    with pytest.raises(ArchsmithError) as error:
        plain(audio, **({} if is_file else {"sampling_rate": RATE}))
    assert isinstance(error.value, InputError | OptionError)
    assert message in str(error.value)


REFUSED = [
    (
        {"sampling_rate": 8000},
        "the audio has a sampling rate of 8000 Hz, but the model takes 16000 Hz. Resample it, or pass resample=True.",
    ),
    ({"sampling_rate": 0}, "sampling_rate must be a whole number of Hz, but is 0."),
    ({"sampling_rate": "16k"}, "sampling_rate must be a whole number of Hz, but is '16k'."),
    ({"sampling_rate": True}, "sampling_rate must be a whole number of Hz, but is True."),
    ({"sampling_rate": float("nan")}, "sampling_rate must be a whole number of Hz, but is nan."),
    ({"resample": 1}, "resample must be True or False, but is 1."),
    ({"downmix": None}, "downmix must be True or False, but is None."),
    (
        {"padding": "longst"},
        (
            "padding is 'longst'; expected one of True, False, 'longest', 'max_length', 'do_not_pad'. "
            "Did you mean 'longest'?"
        ),
    ),
    ({"padding": "max_length"}, "padding='max_length' needs a length: pass max_length=…, in samples."),
    ({"truncation": True}, "truncation=True needs a length: pass max_length=…, in samples."),
    ({"truncation": "longest_first"}, "truncation must be True or False, but is 'longest_first'."),
    ({"max_length": 0}, "max_length must be an integer from 1 to 2147483647, but is 0."),
    ({"max_length": 10.5}, "max_length must be an integer from 1 to 2147483647, but is 10.5."),
    ({"pad_to_multiple_of": 8}, "pad_to_multiple_of is 8, but padding is off. Pass padding=True with it."),
    (
        {"return_tensors": "tf"},
        "return_tensors is 'tf'; expected 'pt' for torch, 'np' for numpy, or None for lists.",
    ),
    ({"return_attention_mask": 1}, "return_attention_mask must be True or False, but is 1."),
]


@pytest.mark.parametrize(("options", "message"), REFUSED)
def test_options_that_are_refused(options, message, plain):
    with pytest.raises(ArchsmithError) as error:
        plain(wave(), **{"sampling_rate": RATE} | options)
    assert str(error.value) == message


@pytest.mark.parametrize(
    ("args", "options", "message"),
    [
        (
            (),
            {"smpling_rate": 1},
            "'smpling_rate' is not an option of Wav2Vec2FeatureExtractor. Did you mean 'sampling_rate'?",
        ),
        ((), {"do_normalize": False}, "'do_normalize' is not an option of Wav2Vec2FeatureExtractor."),
        (
            (RATE, True),
            {},
            (
                "Wav2Vec2FeatureExtractor: too many positional arguments. Pass by name: "
                "raw_speech, sampling_rate, "
                "padding, max_length, truncation, pad_to_multiple_of, return_attention_mask, "
                "return_tensors, resample, downmix."
            ),
        ),
    ],
)
def test_arguments_that_a_call_does_not_take(args, options, message, plain):
    with pytest.raises(OptionError) as error:
        plain(wave(), *args, **options)
    assert str(error.value) == message
    with pytest.raises(OptionError, match=r"^Wav2Vec2FeatureExtractor: missing a required argument: 'raw_speech'\."):
        plain()
    with pytest.raises(OptionError, match="'pading' is not an option of Wav2Vec2FeatureExtractor"):
        plain.pad([{"input_values": [0.1]}], pading=True)


@pytest.mark.parametrize("padding", [True, False, "longest", "do_not_pad"])
def test_a_length_without_effect_is_announced(padding, plain):
    with pytest.warns(ArchsmithWarning) as said:
        found = values(plain, wave(), sampling_rate=RATE, padding=padding, max_length=100)
    assert found.shape == (1, 1600)
    assert str(said[0].message) == (
        f"max_length=100 has no effect: padding={padding!r} does not go by it, and nothing is truncated. Pass "
        "truncation=True, or padding='max_length'."
    )
    assert said[0].filename == __file__
    with pytest.warns(ArchsmithWarning, match="max_length=100 has no effect"):
        plain.pad([{"input_values": wave()}], padding=padding, max_length=100)


def test_null_has_one_rule(tmp_path):
    """A flag is off; a number that is needed is refused; an absent key has its default."""
    path = tmp_path / "preprocessor_config.json"
    extractor = Wav2Vec2FeatureExtractor(do_normalize=None)
    assert extractor.do_normalize is False
    assert Wav2Vec2FeatureExtractor(return_attention_mask=True).changed(return_attention_mask=None) == (
        Wav2Vec2FeatureExtractor()
    )
    path.write_text('{"do_normalize": null, "feature_size": 1}')
    assert Wav2Vec2FeatureExtractor.from_pretrained(tmp_path) == extractor
    assert Wav2Vec2FeatureExtractor.from_pretrained(tmp_path, do_normalize=True).do_normalize is True
    for name, expected in (
        ("sampling_rate", "sampling_rate must be an integer from 1 to 2147483647, but is None"),
        ("padding_value", "padding_value must be a number, but is None"),
        ("padding_side", "padding_side must be one of 'right', 'left', but is None"),
    ):
        with pytest.raises(OptionError, match=f"^Wav2Vec2FeatureExtractor: {expected}.$"):
            Wav2Vec2FeatureExtractor(**{name: None})
        path.write_text(json.dumps({name: None}))
        with pytest.raises(CheckpointCorrupt, match=f": Wav2Vec2FeatureExtractor: {expected}.$"):
            Wav2Vec2FeatureExtractor.from_pretrained(tmp_path)
        assert Wav2Vec2FeatureExtractor.from_pretrained(tmp_path, **{name: getattr(extractor, name)})


def test_numbers_that_can_not_take_all_memory(plain):
    for options in ({"padding": "max_length", "max_length": 2**31 - 1}, {"padding": True, "pad_to_multiple_of": 2**30}):
        with pytest.raises(
            OptionError, match=r"^clips would be padded to [\d,]+ places \(max_length, pad_to_multiple_of"
        ):
            plain(wave(), sampling_rate=RATE, **options)
        with pytest.raises(OptionError, match="above the limit of 268,435,456"):
            plain.pad([{"input_values": wave()}], **options)
    with pytest.raises(InputError) as error:
        plain(np.zeros(300_000, np.float32), sampling_rate=16, resample=True)
    assert str(error.value) == (
        "the audio has 300,000 samples at 16 Hz, which would become more than 268,435,456 at 16000 Hz. Cut it into "
        "pieces, or give the right sampling rate."
    )
    with pytest.raises(InputError, match="the audio has 300,000 samples at 16 Hz, which would become more than"):
        plain(encoded(np.zeros(300_000), rate=16), resample=True)
    for rate in (1, 10**30):
        with pytest.raises(InputError, match=f"sampling rate of {rate} Hz, too far from 16000 Hz to be resampled"):
            plain(wave(), sampling_rate=rate, resample=True)
    fast = Wav2Vec2FeatureExtractor(sampling_rate=2**31 - 1)
    with pytest.raises(InputError, match="16000 Hz, too far from 2147483647 Hz"):
        fast(encoded(wave(0.5)), resample=True)


def test_an_empty_batch_is_refused(plain):
    for call in (
        lambda: plain(np.zeros((0, 600)), sampling_rate=RATE),
        lambda: plain(torch.zeros(0, 600), sampling_rate=RATE),
        lambda: plain.pad({"input_values": torch.zeros(0, 600)}),
        lambda: plain.pad({"input_values": []}),
    ):
        with pytest.raises(InputError, match="the batch is empty; expected at least one clip"):
            call()


def test_a_file_knows_its_rate(plain, tmp_path):
    path = tmp_path / "tone.wav"
    path.write_bytes(encoded(wave(rate=8000), 8000))
    with pytest.raises(InputError) as error:
        plain(path, sampling_rate=RATE)
    assert str(error.value) == (
        f"the audio {str(path)!r} was recorded at 8000 Hz, but sampling_rate says 16000 Hz. Leave sampling_rate out: a "
        "file tells it itself."
    )


def test_a_missing_rate_is_announced(plain):
    with pytest.warns(ArchsmithWarning) as said:
        plain(wave())
    assert str(said[0].message) == (
        "the sampling rate of the audio is not given and taken to be 16000 Hz. Pass sampling_rate=…, so that another "
        "one cannot go unnoticed."
    )
    assert said[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain(encoded(wave()))


def test_loud_floats_are_announced(plain):
    with pytest.warns(ArchsmithWarning, match="the audio has samples up to 16384; expected floating-point samples"):
        plain(wave() * 32768, sampling_rate=RATE)
    Wav2Vec2FeatureExtractor()(wave() * 32768, sampling_rate=RATE)  # which normalises


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "MP3", "OGG/OPUS"])
def test_files_that_are_cut_off_are_announced(kind, plain):
    kind, _, subtype = kind.partition("/")
    samples = np.random.default_rng(0).normal(0, 0.1, 10 * RATE)
    whole = encoded(samples, kind=kind, subtype=subtype or None)
    with pytest.warns(ArchsmithWarning, match=r"the audio is cut off: only its first \d\.\d\d seconds could be read"):
        found = values(plain, whole[: len(whole) * 6 // 10])[0]
    assert 2 * RATE < len(found) < 9 * RATE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(values(plain, whole)[0]) >= 10 * RATE


def test_a_small_file_can_not_take_all_memory(plain, monkeypatch):
    monkeypatch.setattr(audio_files, "MAX_SAMPLES", 1000)
    with pytest.raises(InputError, match=r"the audio holds 0 seconds of 1 channels, more than 1,000 samples. Cut it"):
        plain(encoded(wave()))


def test_damage_anywhere_is_never_silent(plain):
    """A file with one byte changed is refused, announced, or still has its samples (nearly): nothing else comes out."""
    samples = wave(0.2)
    random = np.random.default_rng(0)
    for kind in ("WAV", "FLAC"):
        whole = encoded(samples, kind=kind)
        for place in [*range(60), *random.integers(60, len(whole), 40)]:
            damaged = bytearray(whole)
            damaged[place] ^= 0xFF
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    found = values(plain, bytes(damaged), resample=True, downmix=True)
                except ArchsmithError:
                    continue
            assert np.isfinite(found).all()


def test_padding_of_wrong_examples(plain):
    for wrong, message in (
        ([], "expected mappings that hold 'input_values'"),
        ([{"values": [1.0]}], "expected mappings that hold 'input_values'"),
        (
            [{"input_values": [1.0], "x": 1}, {"input_values": [1.0]}],
            "'x' is in some of the 2 examples, but not in all.",
        ),
        ([{"input_values": [[1.0], [2.0]]}], r"input_values\[0\] must have the shape \(places,\), but has \(2, 1\)."),
        ([{"input_values": []}], r"input_values\[0\] must have the shape"),
        ([{"input_values": ["a"]}], "cannot be a tensor"),
    ):
        with pytest.raises(InputError, match=message):
            plain.pad(wrong)
    with pytest.raises(InputError, match="rows have different lengths"):
        plain([wave(0.1), wave(0.2)], sampling_rate=RATE, return_tensors="np")


def test_missing_libraries(plain, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with pytest.raises(
        MissingDependency, match=r'soundfile, which is not installed. Run: pip install "archsmith\[audio\]"'
    ):
        plain(b"RIFF")
    monkeypatch.setitem(__import__("sys").modules, "soxr", None)
    with pytest.raises(MissingDependency, match=r'soxr, which is not installed. Run: pip install "archsmith\[audio\]"'):
        plain(wave(), sampling_rate=8000, resample=True)


@pytest.mark.parametrize("value", [1e39, -1e300])
def test_padding_that_float32_cannot_hold(value):
    with pytest.raises(OptionError, match=r"padding_value is .*, but must be a number that float32 can hold"):
        Wav2Vec2FeatureExtractor(padding_value=value)


def test_arguments_may_be_what_to_dict_returns(tmp_path):
    extractor = Wav2Vec2FeatureExtractor(sampling_rate=8000)
    assert Wav2Vec2FeatureExtractor(**extractor.to_dict()) == extractor
    with pytest.raises(OptionError, match="feature_extractor_type is 'WhisperFeatureExtractor', but Wav2Vec2"):
        Wav2Vec2FeatureExtractor(feature_extractor_type="WhisperFeatureExtractor")
    extractor.to_json_file(tmp_path / "mine.json")
    assert Wav2Vec2FeatureExtractor.from_json_file(tmp_path / "mine.json") == extractor


def test_pad_by_position():
    rows = [{"input_values": np.ones(3)}, {"input_values": np.ones(5)}]
    batch = Wav2Vec2FeatureExtractor().pad(rows, "max_length", 4, True, 2, True, "np")
    assert batch.input_values.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch.attention_mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    with pytest.raises(OptionError, match="truncation must be True or False"):
        Wav2Vec2FeatureExtractor().pad(rows, True, 4, "yes")
