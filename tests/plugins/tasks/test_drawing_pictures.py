"""Pictures: each task that has one draws what it answered, whatever the input is, and nothing warns."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_sample_image

from archsmith import (
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertTokenizer,
    DistilBertTokenizerFast,
    MaskFormerImageProcessor,
    ViTImageProcessor,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
)
from archsmith.errors import ArchsmithWarning, OptionError, PluginError
from archsmith_tasks import Parts, find_task, pipeline
from archsmith_tasks.drawing import draw_result
from archsmith_tasks.results import (
    Answer,
    Classification,
    Entities,
    Entity,
    Label,
    Segment,
    Segmentation,
    Transcript,
    Word,
)

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "good", "film", "bad", ",", "##ly", "$", "."]


class Reader:
    """What the drawing of images asks of steps."""

    def __init__(self, processor):
        self.parts = Parts(image_processor=processor)


def drawn(task, steps, value, result, path):
    """Draw, and return the pixels of the picture."""
    draw_result(find_task(task) if isinstance(task, str) else task, steps, value, result, path)
    return np.asarray(Image.open(path).convert("RGB")).astype(int)


def has_colour(pixels, colour, near=6):
    return (np.abs(pixels - np.array(colour)).max(-1) <= near).any()


def classification(*scores, name="label"):
    labels = tuple(Label(f"{name} {number}", score) for number, score in enumerate(scores))
    return Classification(labels[0].label, labels[0].score, labels)


def segment(mask, label="thing", score=0.9):
    return Segment(label, score, mask, (0, 0, 1, 1))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "picture.png"


# ---- images -------------------------------------------------------------------------------------------------


def test_masks_lie_over_the_image_in_distinct_colours(path):
    """A white image: the left quarter half blue, the right one half orange, the middle as it was."""
    masks = np.zeros((2, 60, 80), bool)
    masks[0, :, :20], masks[1, :, 60:] = True, True
    result = Segmentation((segment(masks[0], "left"), segment(masks[1], "right")))
    steps = Reader(MaskFormerImageProcessor())
    pixels = drawn("image-segmentation", steps, np.full((60, 80, 3), 255, np.uint8), result, path)
    assert pixels.shape[1] > 1500  # twice what a screen takes
    line = pixels[len(pixels) // 2]
    image = line[70 : 70 + 1280]
    assert image[150].tolist() == pytest.approx([157, 183, 233], abs=3)
    assert image[640].tolist() == [255, 255, 255]
    assert image[1130].tolist() == pytest.approx([243, 185, 157], abs=3)
    assert has_colour(pixels, (0x3B, 0x6F, 0xD4))  # outlines
    assert has_colour(pixels, (0xE8, 0x74, 0x3B))


@pytest.mark.parametrize("count", [0, 1, 40])
def test_any_number_of_parts(count, path):
    random = np.random.default_rng(0)
    masks = [random.random((50, 70)) < 0.1 for _ in range(count)]
    parts = [segment(mask, f"part {number} of $5", None if number % 2 else 0.5) for number, mask in enumerate(masks)]
    pixels = drawn("image-segmentation", Reader(MaskFormerImageProcessor()), np.zeros((50, 70), np.uint8),
                   Segmentation((*parts, *[segment(np.zeros((50, 70), bool))] * (count > 0))), path)  # fmt: skip
    assert has_colour(pixels, (0, 0, 0)) or count


IMAGES = {
    "photo": lambda: load_sample_image("china.jpg"),
    "one pixel": lambda: np.zeros((1, 1), np.uint8),
    "wide": lambda: np.zeros((3, 900), np.uint8),
    "high": lambda: np.zeros((2000, 4), np.uint8),
    "floats": lambda: np.full((20, 30, 3), 200.0, np.float32),
    "with opacity": lambda: Image.new("RGBA", (40, 30), (9, 9, 9, 99)),
    "palette": lambda: Image.new("P", (40, 30)),
}


@pytest.mark.parametrize("image", IMAGES)
def test_labels_stand_beside_any_image(image, path):
    steps = Reader(ViTImageProcessor())
    pixels = drawn("image-classification", steps, IMAGES[image](), classification(0.7, 0.2, 0.1), path)
    assert has_colour(pixels, (0x3B, 0x6F, 0xD4))
    assert pixels[:40].min() > 250  # the margin is paper
    assert pixels[-40:].min() > 250


@pytest.mark.parametrize("scores", [(3.5, -1.0), (-1.0, -2.0), (0.0,), (1.0,), tuple(np.linspace(1, 0, 300))])
def test_labels_of_any_score(scores, path):
    result = classification(*scores, name="a label with a rather long name, and $ signs, and more")
    assert drawn("image-classification", Reader(ViTImageProcessor()), np.zeros((8, 8), np.uint8), result, path).size


# ---- audio --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def listener(tmp_path_factory):
    letters = tmp_path_factory.mktemp("letters") / "letters.json"
    letters.write_text(json.dumps({token: number for number, token in enumerate(["<pad>", "<unk>", "|", *"ABC"])}))
    tiny = {"hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 16,
            "vocab_size": 6, "num_conv_pos_embedding_groups": 2}  # fmt: skip
    return pipeline(
        "automatic-speech-recognition",
        Wav2Vec2ForCTC(Wav2Vec2Config(**tiny)),
        tokenizer=Wav2Vec2CTCTokenizer(letters, bos_token=None, eos_token=None),
        feature_extractor=Wav2Vec2FeatureExtractor(),
    )._steps


def sound(seconds):
    return (np.sin(np.arange(round(16000 * seconds)) * 0.3).astype(np.float32), 16000)


TRANSCRIPTS = {
    "text": Transcript("what is said, for $5"),
    "nothing": Transcript(""),
    "a long text": Transcript("what is said " * 200),
    "words": Transcript("a b", (Word("a", 0.1, 0.4), Word("b", 0.5, 0.9))),
    "crowded words": Transcript("", tuple(Word(f"word{n}", n / 20, n / 20 + 0.02) for n in range(40))),
}


@pytest.mark.parametrize(
    ("said", "seconds"), [*((said, 2.5) for said in TRANSCRIPTS), ("words", 0.001), ("text", 33.0), ("words", 130.0)]
)
def test_sound_with_its_transcript(said, seconds, listener, path):
    pixels = drawn("automatic-speech-recognition", listener, sound(seconds), TRANSCRIPTS[said], path)
    assert pixels.shape[1] > 2000
    assert has_colour(pixels, (0x3B, 0x6F, 0xD4)) == (bool(TRANSCRIPTS[said].words) and seconds > 0.2)


@pytest.mark.parametrize("clip", [sound(1), (np.zeros(900, np.float32), 16000)], ids=["tone", "silence"])
def test_sound_with_its_labels(clip, listener, path):
    assert has_colour(drawn("audio-classification", listener, clip, classification(0.6, 0.4), path), (0x3B, 0x6F, 0xD4))


# ---- texts --------------------------------------------------------------------------------------------------


def reader(tmp_path, *, fast=True):
    torch.manual_seed(0)
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = (DistilBertTokenizerFast if fast else DistilBertTokenizer)(vocab_file=str(tmp_path / "vocab.txt"))
    config = DistilBertConfig(
        vocab_size=len(WORDS), dim=16, n_heads=2, hidden_dim=32, n_layers=1, max_position_embeddings=48
    )
    model = DistilBertForSequenceClassification(config)
    return pipeline("text-classification", model, tokenizer=tokenizer, truncation=True)


TEXTS = {
    "a sentence": "A good film, badly $good$.",
    "a pair": ("a good film", "a bad film"),
    "more than the model reads": "a good film " * 40,
    "one word without end": "good" * 200,
    "lines": "a\n\ngood\nfilm",
    "unknown words": "Überraschend ﬁne",
}


@pytest.mark.filterwarnings("ignore:texts of more than")
@pytest.mark.parametrize(("text", "fast"), [*((text, True) for text in TEXTS), ("a pair", False)])
def test_a_text_with_what_the_model_looks_at(text, fast, tmp_path, path):
    classify = reader(tmp_path, fast=fast)
    value = TEXTS[text]
    pixels = drawn("text-classification", classify._steps, value, classify(value), path)
    assert has_colour(pixels, (0x3B, 0x6F, 0xD4))
    tinted = has_colour(pixels, (0x9D, 0xB7, 0xE9), near=2)  # what is looked at most
    assert tinted == fast


def test_a_script_that_no_font_has(tmp_path, path):
    """It is told once, by us; the picture is drawn nevertheless."""
    classify = reader(tmp_path)
    with pytest.warns(ArchsmithWarning, match="some characters of a picture are in none of the fonts") as caught:
        drawn("text-classification", classify._steps, "a \U00013080 film", classify("a film"), path)
    assert len(caught) == 1


def with_drawing(name):
    return dataclasses.replace(find_task("text-classification"), draw=f"archsmith_tasks.drawing.texts:{name}")


def test_what_is_found_in_a_text(tmp_path, path):
    text = "Ada met Grace in Berlin."
    found = [Entity("PER", 0.9, "Ada", 0, 3), Entity("PER", 0.9, "Grace", 8, 13), Entity("LOC", 0.9, "Berlin", 17, 23)]
    steps = reader(tmp_path)._steps
    pixels = drawn(with_drawing("draw_entities"), steps, text, Entities(tuple(found)), path)
    assert has_colour(pixels, (0x3B, 0x6F, 0xD4), near=40)
    assert has_colour(pixels, (0xE8, 0x74, 0x3B), near=40)
    assert drawn(with_drawing("draw_entities"), steps, text, Entities(()), path).size


def test_an_answer_in_its_text(tmp_path, path):
    steps, value = reader(tmp_path)._steps, ("Who?", "Ada met Grace in Berlin.")
    other = Answer("met", 0.1, 4, 7)
    found = drawn(
        with_drawing("draw_answer"), steps, value, Answer("Ada", 0.8, 0, 3, (other, Answer("Ada met", 0.1, 0, 7))), path
    )
    assert has_colour(found, (0xC0, 0xD1, 0xF1))
    long = drawn(with_drawing("draw_answer"), steps, ("Who?", f"{'x ' * 9000}Ada{' x' * 9000}"),
                 Answer("Ada", 0.8, 18000, 18003), path)  # fmt: skip
    assert has_colour(long, (0xC0, 0xD1, 0xF1))  # that part of it is drawn
    assert len(long) < 4000
    none = drawn(with_drawing("draw_answer"), steps, value, Answer("", 0.8, None, None), path)
    assert not has_colour(none, (0xC0, 0xD1, 0xF1))
    assert none.shape[0] > found.shape[0]  # it says so


# ---- the file -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["svg", "pdf", "jpg"])
def test_files_of_other_kinds(ending, tmp_path):
    path = tmp_path / f"picture.{ending}"
    draw_result(
        find_task("image-classification"),
        Reader(ViTImageProcessor()),
        np.zeros((8, 8), np.uint8),
        classification(1.0),
        path,
    )
    assert path.stat().st_size > 1000


def image_of(steps, value, result):
    return Image.new("RGB", (3, 2), "red")


def nothing_of(steps, value, result):
    return 3


def test_a_task_that_draws_an_image_of_pillow(path, monkeypatch):
    task = dataclasses.replace(find_task("image-classification"), draw=f"{__name__}:image_of")
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or sys.modules[image_of.__module__])
    assert drawn(task, None, None, None, path).tolist() == [[[255, 0, 0]] * 3] * 2
    with pytest.raises(PluginError, match="must return a figure of matplotlib or an image of Pillow, but returned int"):
        drawn(dataclasses.replace(task, draw=f"{__name__}:nothing_of"), None, None, None, path)
    with pytest.raises(OptionError, match="image-classification has no picture"):
        drawn(dataclasses.replace(task, draw=None), None, None, None, path)


def test_the_state_of_matplotlib_is_left_alone():
    code = (
        "import sys, archsmith_tasks.drawing.texts, archsmith_tasks.drawing.images, archsmith_tasks.drawing.sounds;"
        "import archsmith_tasks.drawing.pictures; assert 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
