"""What holds of every task: a batch is its inputs one by one, a bad input harms no other, a file says the same."""

import json
import math
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import torch
from PIL import Image

import archsmith
from archsmith_tasks import Failure, pipeline
from archsmith_tasks.declared import tasks

from . import test_audio_classification as audio
from . import test_audio_recognition as speech
from . import test_text_generation as writing
from . import test_vision_segmentation as segments
from . import test_vision_zero_shot as zero_shot
from .run_support import rows_of
from .text_support import SIZES, TEXTS, WORDS, fast, words_only

pytestmark = pytest.mark.usefixtures("clip_installed")
SEGMENTER = archsmith.MaskFormerImageProcessor(size={"shortest_edge": 32, "longest_edge": 48}, size_divisor=8)
VIT = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 16,
    "patch_size": 8, "num_labels": 4, "initializer_range": 0.5,
}  # fmt: skip
PHOTOS = [(40, 30), (16, 16), (7, 90), (64, 64), (33, 20)]
DEEP = {"num_hidden_layers": 2, "initializer_range": 0.5}
BAD = {
    "text": ["", None, 5, ["a", 3], {"txet": "a"}],
    "image": ["absent.png", None, np.zeros((0, 4, 3), np.uint8), b"GIF89a", np.full((4, 4, 3), np.nan)],
    "audio": ["absent.wav", None, (np.zeros(0, np.float32), 16000), b"RIFF", (np.full(900, np.nan), 16000)],
}


@dataclass
class Case:
    """A small model with random weights, what it is asked, and what else it must be told."""

    model: Any
    inputs: list[Any]
    parts: dict[str, Any]
    options: dict[str, Any] = field(default_factory=dict)


def texts(kind, folder, inputs, **options):
    model = kind(archsmith.DistilBertConfig(**SIZES, vocab_size=len(WORDS), initializer_range=0.5))
    return Case(model, inputs, {"tokenizer": fast(folder)}, options)


def images(model, processor):
    draw = np.random.default_rng(0)
    return Case(model, [draw.integers(0, 256, (*size, 3), np.uint8) for size in PHOTOS], {"image_processor": processor})


def letters(folder):
    path = folder / "letters.json"
    path.write_text(json.dumps({token: number for number, token in enumerate(speech.TOKENS)}))
    return {"tokenizer": archsmith.Wav2Vec2CTCTokenizer(path)}


def clip(folder):
    parts = zero_shot.parts_in(folder)
    case = images(zero_shot.model(), parts["image_processor"])
    return Case(case.model, case.inputs, parts, {"candidate_labels": zero_shot.LABELS})


def sounds(model, **parts):
    extractor = archsmith.Wav2Vec2FeatureExtractor(return_attention_mask=True)
    return Case(model, audio.clips(5), {"feature_extractor": extractor, **parts})


LLAMA = writing.SIZES["llama"] | {"initializer_range": 0.5}
MASKED = [f"[MASK] {text}" for text in TEXTS[:5]]
QUESTIONS = [("who wrote ?", text) for text in TEXTS[:5]]
CASES = {
    "text-classification": lambda folder: texts(
        archsmith.DistilBertForSequenceClassification, folder, TEXTS[:5], top_k=None
    ),
    "token-classification": lambda folder: texts(
        archsmith.DistilBertForTokenClassification, folder, TEXTS[:5], ignore_labels=[]
    ),
    "question-answering": lambda folder: texts(archsmith.DistilBertForQuestionAnswering, folder, QUESTIONS, top_k=3),
    "fill-mask": lambda folder: texts(archsmith.DistilBertForMaskedLM, folder, MASKED),
    "feature-extraction": lambda folder: texts(archsmith.DistilBertModel, folder, TEXTS[:5]),
    "text-generation": lambda _: Case(
        archsmith.LlamaForCausalLM(archsmith.LlamaConfig(**LLAMA)),
        writing.PROMPTS[:5],
        {"tokenizer": words_only(writing.ROLES)},
        {"max_new_tokens": 12},
    ),
    "image-classification": lambda _: images(
        archsmith.ViTForImageClassification(archsmith.ViTConfig(**VIT)), archsmith.ViTImageProcessor(size=16)
    ),
    "image-segmentation": lambda _: images(segments.random_model(), SEGMENTER),
    "zero-shot-image-classification": clip,
    "automatic-speech-recognition": lambda folder: sounds(
        archsmith.Wav2Vec2ForCTC(archsmith.Wav2Vec2Config(**speech.VALUES | DEEP)), **letters(folder)
    ),
    "audio-classification": lambda _: sounds(audio.model(**audio.LAYERED)),
}


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    def of(name):
        torch.manual_seed(0)
        return CASES[name](tmp_path_factory.mktemp(name))

    return cache(of)


def made(name, case, **options):
    return pipeline(name, case.model, **case.parts, **case.options, **options)


def assert_near(found, wanted, where=""):
    assert type(found) is type(wanted), where
    if isinstance(found, dict):
        assert list(found) == list(wanted), where
        for key, value in found.items():
            assert_near(value, wanted[key], f"{where}.{key}")
    elif isinstance(found, list):
        assert len(found) == len(wanted), where
        for place, value in enumerate(found):
            assert_near(value, wanted[place], f"{where}[{place}]")
    elif isinstance(found, float):
        assert math.isclose(found, wanted, rel_tol=1e-4, abs_tol=1e-5), (where, found, wanted)
    else:
        assert found == wanted, where


def plain(results):
    return [json.loads(result.to_json()) for result in results]


every_task = pytest.mark.parametrize("task", list(tasks()), ids=lambda task: task.name)


@every_task
def test_a_batch_is_its_inputs_one_by_one(task, case):
    case = case(task.name)
    ask = made(task.name, case)
    alone = plain(ask(value) for value in case.inputs)
    for size in (1, 2, 5, "auto"):
        answers = made(task.name, case, batch_size=size)
        assert_near(plain(answers(case.inputs)), alone)
        assert_near(plain(answers(iter(case.inputs))), alone)
    assert_near(plain(ask(case.inputs[::-1])), alone[::-1])
    assert list(ask([])) == list(ask(iter([]))) == []


@every_task
def test_a_bad_input_harms_no_other(task, case):
    case = case(task.name)
    wanted = plain(made(task.name, case)(case.inputs))
    for bad in BAD[task.inputs]:
        if task.name == "text-generation" and bad == "":
            continue  # the beginning of any text
        given = [*case.inputs[:2], bad, *case.inputs[2:]]
        found = made(task.name, case, batch_size=3)(given, errors="keep")
        assert isinstance(found[2], Failure), bad
        assert found[2].error
        assert_near(plain(each for each in found if not isinstance(each, Failure)), wanted)


@every_task
def test_answers_of_bfloat16_are_finite_and_of_the_same_form(task, case):
    case = case(task.name)
    wanted = plain(made(task.name, case)(case.inputs))
    with torch.no_grad():
        before = {name: tensor.clone() for name, tensor in case.model.state_dict().items()}
        try:
            found = plain(made(task.name, case, dtype="bfloat16")(case.inputs))
        finally:
            case.model.float().load_state_dict(before)
    assert [list(each) for each in found] == [list(each) for each in wanted]
    assert "NaN" not in json.dumps(found)
    assert "Infinity" not in json.dumps(found)


@every_task
@pytest.mark.parametrize("suffix", [".jsonl", ".parquet"])
def test_the_command_says_what_the_pipeline_says(task, suffix, case, archsmith, tmp_path):
    case = case(task.name)
    wanted = plain(made(task.name, case)(case.inputs))
    arguments, options = written_down(task, case.inputs, tmp_path), saved(case)
    for size in ("1", "3", "auto"):
        out = tmp_path / f"{size}{suffix}"
        run = archsmith(task.name, *arguments, *options, f"--batch-size={size}", f"--out={out}")
        assert run.code == 1, run.err  # the bad one
        rows = rows_of(out)
        assert [row["index"] for row in rows] == list(range(6))
        assert [bool(row["error"]) for row in rows] == [False, False, True, False, False, False]
        if suffix == ".jsonl":
            fields = [
                {key: row[key] for key in answer} for row, answer in zip(rows[:2] + rows[3:], wanted, strict=True)
            ]
            assert_near(fields, wanted)


@every_task
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_has_its_columns_whatever_was_answered(task, suffix, case, archsmith, tmp_path):
    case = case(task.name)
    good, options = written_down(task, case.inputs, tmp_path), saved(case)
    (tmp_path / "bad.jsonl").write_text("3\n4\n")
    (tmp_path / "none.jsonl").write_text("")
    columns = {}
    for name, inputs in (("good", good), ("bad", ["bad.jsonl"]), ("none", ["none.jsonl"])):
        out = tmp_path / f"{name}{suffix}"
        archsmith(task.name, *inputs, *options, f"--out={out}")
        columns[name] = columns_of(out)
    assert columns["bad"] == columns["none"] == columns["good"]


def saved(case):
    """Save the model and its parts, and return the options that name them and what else must be told."""
    for part in (case.model, *case.parts.values()):
        part.save_pretrained("model")
    return ["--model=model", *(f"--set={name}={json.dumps(value)}" for name, value in case.options.items())]


def columns_of(path):
    if path.suffix == ".csv":
        return path.read_text().partition("\n")[0].split(",")
    return pq.read_schema(path).names


def written_down(task, inputs, folder):
    """Write inputs into files, the third one bad, and return the arguments that name them."""
    if task.inputs == "text":
        names = task.fields or ("text",)
        rows = [dict(zip(names, each if task.fields else (each,), strict=True)) for each in inputs]
        rows.insert(2, dict.fromkeys(names, 5))
        (folder / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return ["in.jsonl"]
    paths = [folder / f"{place}.{'png' if task.inputs == 'image' else 'wav'}" for place in range(6)]
    paths[2].write_bytes(b"nothing")
    for path, value in zip(paths[:2] + paths[3:], inputs, strict=True):
        if task.inputs == "image":
            Image.fromarray(value).save(path)
        else:
            soundfile.write(path, *value, subtype="FLOAT")
    return paths
