"""Speech recognition: texts, times of words, and long recordings in chunks, by a model whose letters are pitches."""

import json

import numpy as np
import pytest
import soundfile
import torch

from archsmith import (
    DistilBertTokenizerFast,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)
from archsmith.errors import ArchsmithError, ArchsmithWarning, OptionError
from archsmith.outputs import CausalLMOutput
from archsmith_tasks import Failure, pipeline

RATE, FRAME = 16000, 160
LETTERS = "ABCDEFGH"
TOKENS = ["<pad>", "<s>", "</s>", "<unk>", "|", *LETTERS]
LAYERED = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
VALUES = {
    "vocab_size": len(TOKENS), "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1,
    "intermediate_size": 16, "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "conv_dim": [8],
    "conv_kernel": [FRAME], "conv_stride": [FRAME], **LAYERED,
}  # fmt: skip


class Ear(Wav2Vec2ForCTC):
    """It hears each frame alone: the token that a pitch stands for, or nothing where it is quiet."""

    def forward(self, input_values, attention_mask=None, **options):
        frames = input_values.float().unfold(1, FRAME, FRAME)  # (batch, frames, samples)
        loud = torch.fft.rfft(frames).abs()[..., 10 : 10 + len(TOKENS)]  # from 1000 Hz, every 100 Hz
        loud[..., 0] = 20.0
        return CausalLMOutput(logits=loud.to(self.dtype))


Ear.__name__ = "Wav2Vec2ForCTC"


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    path = tmp_path_factory.mktemp("letters") / "letters.json"
    path.write_text(json.dumps({token: number for number, token in enumerate(TOKENS)}))
    return Wav2Vec2CTCTokenizer(path)


@pytest.fixture
def listen(tokenizer):
    def make(mask=True, **options):
        extractor = Wav2Vec2FeatureExtractor(return_attention_mask=mask)
        model = Ear(Wav2Vec2Config(**VALUES))
        return pipeline(
            "automatic-speech-recognition", model, tokenizer=tokenizer, feature_extractor=extractor, **options
        )

    return make


def sound(text, letter=8, pause=4):
    """Return the audio of a text, each letter so many frames long, with pauses between them."""
    parts = [np.zeros(pause * FRAME)]
    times = np.arange(letter * FRAME) / RATE
    for each in text:
        pitch = 1000 + 100 * TOKENS.index("|" if each == " " else each)
        parts += [np.sin(2 * np.pi * pitch * times), np.zeros(pause * FRAME)]
    return (np.concatenate(parts).astype(np.float32), RATE)


def random_text(words, seed=0):
    random = np.random.default_rng(seed)
    return " ".join("".join(random.choice(list(LETTERS), random.integers(1, 7))) for _ in range(words))


def test_the_text_that_is_said(listen):
    result = listen()(sound("AB BBA HA"))
    assert (result.text, result.words) == ("AB BBA HA", ())
    assert str(result) == "AB BBA HA"


def test_when_the_words_are_said(listen):
    """A frame is a hundredth of a second; a letter begins every twelfth, the first one at the fourth."""
    result = listen(word_times=True)(sound("AB C"))
    assert [(word.text, word.start, word.end) for word in result.words] == [
        ("AB", pytest.approx(0.04), pytest.approx(0.24)),
        ("C", pytest.approx(0.40), pytest.approx(0.48)),
    ]
    letters = listen()(sound("AB C"), return_timestamps="char").words
    assert [letter.text for letter in letters] == ["A", "B", " ", "C"]
    assert [letter.start for letter in letters] == pytest.approx([0.04, 0.16, 0.28, 0.40])
    assert result.to_dict()["words"][1] == {"text": "C", "start": pytest.approx(0.4), "end": pytest.approx(0.48)}


CHUNKS = [
    {"chunk_length_s": 1.0},
    {"chunk_length_s": 1.0, "stride_length_s": 0.25},
    {"chunk_length_s": 0.7, "stride_length_s": [0.1, 0.3]},
    {"chunk_length_s": 0.5, "stride_length_s": [0.2, 0]},
    {"chunk_length_s": 1.0, "stride_length_s": 0},
    {"chunk_length_s": 1.2345, "stride_length_s": 0.1234},
    {"chunk_length_s": 1000},
]


@pytest.mark.parametrize("options", CHUNKS, ids=str)
@pytest.mark.parametrize("words", [1, 7])
def test_chunks_say_the_same_as_the_whole(options, words, listen):
    """The model hears each frame alone, so that every letter and every time must be that of the whole."""
    hear, audio = listen(word_times=True), sound(random_text(words))
    whole, joined = hear(audio), hear(audio, **options)
    assert joined == whole
    assert whole.text == random_text(words)


def test_a_tail_that_is_shorter_than_a_frame(listen):
    samples, rate = sound("AB")
    samples = np.concatenate([samples, np.zeros(-len(samples) % RATE + 50, np.float32)])
    assert listen()((samples, rate), chunk_length_s=1.0, stride_length_s=0).text == "AB"


def test_a_long_recording_is_read_in_chunks(listen, tmp_path):
    """It says so, each row of the model is one chunk, and the words are at their times of the whole."""
    text = random_text(150)
    audio, _ = sound(text)
    soundfile.write(tmp_path / "long.flac", audio, RATE)
    hear, lengths = listen(word_times=True), []
    hear.model.register_forward_pre_hook(
        lambda _, __, inputs: lengths.append(tuple(inputs["input_values"].shape)), with_kwargs=True
    )
    with pytest.warns(ArchsmithWarning, match="recordings of more than 60 seconds are read in chunks of 30"):
        result = hear(tmp_path / "long.flac")
    assert len(audio) > 65 * RATE
    assert max(samples for _, samples in lengths) == 30 * RATE
    assert max(rows * samples for rows, samples in lengths) <= 2**19
    assert result.text == text
    whole = hear(tmp_path / "long.flac", chunk_length_s=0)
    assert whole == result
    assert lengths[-1] == (1, len(audio))


@pytest.mark.parametrize("mask", [True, False])
@pytest.mark.parametrize("batch_size", ["auto", 3])
def test_many_are_as_each_alone(listen, mask, batch_size):
    hear = listen(mask, batch_size=batch_size, word_times=True, chunk_length_s=2.0)
    texts = [random_text(1 + number % 5, number) for number in range(30)]
    clips = [sound(text, letter=6 + number % 3) for number, text in enumerate(texts)]
    found = list(hear(iter(clips)))
    assert [result.text for result in found] == texts
    assert found == [hear(clip) for clip in clips]


def test_a_model_whose_adapter_makes_fewer_frames(tokenizer):
    """Times and chunks go by the frames that there are, not by those of the convolutions."""
    torch.manual_seed(0)
    values = {"add_adapter": True, "num_adapter_layers": 1, "adapter_stride": 2, "output_hidden_size": 16}
    hear = pipeline(
        "automatic-speech-recognition",
        Wav2Vec2ForCTC(Wav2Vec2Config(**VALUES | values)),
        tokenizer=tokenizer,
        feature_extractor=Wav2Vec2FeatureExtractor(return_attention_mask=True),
        return_timestamps="char",
    )
    assert hear._steps._ratio == 2 * FRAME
    clip = sound("ABCD")
    seconds = len(clip[0]) / RATE
    assert all(0 <= each.start < each.end <= seconds + 0.03 for each in hear(clip).words)


def test_a_bad_clip_spoils_no_other(listen):
    found = listen()([sound("AB"), "nowhere.wav", (np.ones(9, np.float32), RATE), sound("C")], errors="keep")
    assert [type(each) is Failure for each in found] == [False, True, True, False]
    assert "the model needs at least 160" in found[2].error
    assert (found[0].text, found[3].text) == ("AB", "C")


WRONG = {
    "strides as long as the chunk": (
        {"chunk_length_s": 1.0, "stride_length_s": 0.5},
        "must be longer than the strides at both of its ends together, but they are 1 and [0.5, 0.5] seconds",
    ),
    "three strides": (
        {"chunk_length_s": 1.0, "stride_length_s": [0.1, 0.1, 0.1]},
        "stride_length_s must be a number of seconds, or two of them, [left, right], but is [0.1, 0.1, 0.1].",
    ),
    "one stride in a list": ({"chunk_length_s": 1.0, "stride_length_s": [0.1]}, "or two of them, [left, right], but"),
    "three strides and no chunks": ({"stride_length_s": [1, 1, 1]}, "or two of them, [left, right], but is [1"),
    "strides as long as the usual chunk": ({"stride_length_s": 15}, "but they are 30 and [15.0, 15.0] seconds"),
    "a chunk of no frame": ({"chunk_length_s": 0.001}, "must be longer than the strides"),
    "a negative chunk": ({"chunk_length_s": -1}, "chunk_length_s must be"),
    "not a number": ({"chunk_length_s": float("nan")}, "chunk_length_s"),
    "endless": ({"chunk_length_s": float("inf")}, "chunk_length_s"),
    "strides of no chunks": ({"chunk_length_s": 0, "stride_length_s": 1}, "stride_length_s is about chunks"),
    "two kinds of times": ({"word_times": True, "return_timestamps": "char"}, "are two results"),
    "segments": ({"return_timestamps": True}, "return_timestamps must be"),
}


@pytest.mark.parametrize(("options", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_option(options, said, listen):
    with pytest.raises(OptionError) as caught:
        listen(**options)
    assert said in str(caught.value)


def test_strides_without_chunks_are_said(listen):
    with pytest.warns(ArchsmithWarning, match="stride_length_s is used in recordings of more than 60 seconds alone"):
        listen(stride_length_s=2)


def test_a_tokenizer_that_knows_no_frames(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na")
    parts = {
        "tokenizer": DistilBertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt")),
        "feature_extractor": Wav2Vec2FeatureExtractor(),
    }
    with pytest.raises(OptionError, match="DistilBertTokenizerFast does not say at which frame a word is"):
        pipeline("automatic-speech-recognition", Ear(Wav2Vec2Config(**VALUES)), **parts, word_times=True)


def test_from_a_folder(tokenizer, tmp_path):
    torch.manual_seed(0)
    model = Wav2Vec2ForCTC(Wav2Vec2Config(**VALUES))
    extractor = Wav2Vec2FeatureExtractor(return_attention_mask=True)
    for each in (model, tokenizer, extractor):
        each.save_pretrained(tmp_path)
    hear = pipeline(model=tmp_path)
    assert hear.task.name == "automatic-speech-recognition"
    given = pipeline("automatic-speech-recognition", model, tokenizer=tokenizer, feature_extractor=extractor)
    assert hear(sound("ABC")) == given(sound("ABC"))
    with pytest.raises(ArchsmithError, match="no model for text-classification"):
        pipeline("text-classification", tmp_path)
