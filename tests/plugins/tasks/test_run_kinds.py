"""``archsmith run`` with what texts alone do not show: images in folders and tables, parts of an input, writing."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from archsmith import (
    AutoConfig,
    AutoTokenizer,
    DistilBertForQuestionAnswering,
    DistilBertModel,
    LlamaConfig,
    LlamaForCausalLM,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
)
from archsmith_tasks import pipeline

from .run_support import make_classifier, rows_of

GPT2 = Path(__file__).parents[3] / "plugins/gpt2/src/archsmith_gpt2/reference/gpt2"


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_images(archsmith, tmp_path):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    labels = {"id2label": {0: "cat", 1: "dog"}, "label2id": {"cat": 0, "dog": 1}}
    ViTForImageClassification(ViTConfig(**sizes, image_size=32, patch_size=16, **labels)).save_pretrained("m")
    ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained("m")
    (tmp_path / "x/y").mkdir(parents=True)
    draw = np.random.default_rng(0)
    for name in ("x/b.png", "x/y/a.png"):
        Image.fromarray(draw.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(name)
    (tmp_path / "x/a.jpg").write_bytes(b"no")
    assert archsmith("auto", "-m", "m", "x", "--out", "a.csv", "--draw", "d").code == 1
    rows = rows_of("a.csv")
    assert [row["id"] for row in rows] == ["x/a.jpg", "x/b.png", "x/y/a.png"]
    assert "is damaged, or not of a known format" in rows[0]["error"]
    answers = pipeline("image-classification", "m")
    assert [row["label"] for row in rows[1:]] == [answers(row["id"]).label for row in rows[1:]]
    assert sorted(path.name for path in (tmp_path / "d").iterdir()) == ["000001-b.png", "000002-a.png"]
    (tmp_path / "x/t.csv").write_text("id,image\n1,y/a.png\n2,none.png\n")
    assert archsmith("auto", "-m", "m", "x/t.csv", "--out", "t.jsonl").code == 1
    first, second = rows_of("t.jsonl")
    assert first["label"] == rows[2]["label"]
    assert "there is no file" in second["error"]


def test_parts_of_an_input(archsmith, tmp_path):
    folder = make_classifier(tmp_path / "m")
    config = AutoConfig.from_pretrained(folder)
    DistilBertForQuestionAnswering(config).save_pretrained(folder)
    (tmp_path / "in.csv").write_text("q,context\nhello world,very good film\n,the film\n")
    fields = ("--field", "question=q", "--field", "context=context")
    found = archsmith("question-answering", "-m", folder, "in.csv", *fields, "--out", "a.parquet")
    assert found.code == 1
    one, bad = rows_of("a.parquet")
    wanted = pipeline("question-answering", folder)({"question": "hello world", "context": "very good film"})
    assert (one["answer"], one["start"], one["end"]) == (wanted.answer, wanted.start, wanted.end)
    assert bad["error"] == "question is empty; expected a text."


def test_vectors_in_parquet(archsmith, tmp_path):
    folder = make_classifier(tmp_path / "m")
    DistilBertModel(AutoConfig.from_pretrained(folder)).save_pretrained(folder)
    assert archsmith("feature-extraction", "-m", folder, "good film", "bad", "--out", "a.parquet").code == 0
    vectors = np.array([row["vector"] for row in rows_of("a.parquet")], dtype=np.float32)
    wanted = np.stack([each.vector for each in pipeline("feature-extraction", folder)(["good film", "bad"])])
    assert np.abs(vectors - wanted).max() < 1e-6
    assert str(pq.read_schema("a.parquet").field("vector").type) == "list<element: float>"


def test_writing(archsmith, tmp_path):
    """One text is gone on with as it comes, several are rows of a table."""
    tokenizer = AutoTokenizer.from_pretrained(GPT2)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(**sizes, vocab_size=len(tokenizer), eos_token_id=None, bos_token_id=None)
    LlamaForCausalLM(config).save_pretrained("m")
    tokenizer.save_pretrained("m")
    wanted = pipeline("text-generation", "m", max_new_tokens=8, return_full_text=True)("Hello there").text
    options = ("--set", "max_new_tokens=8", "--set", "return_full_text=true")
    found = archsmith("text-generation", "-m", "m", "Hello there", *options)
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Hello there")
    assert found.out.rstrip("\n").split()[:2] == wanted.split()[:2]
    found = archsmith("text-generation", "-m", "m", "Hello there", "--json", *options)
    assert found.data["results"][0]["text"] == wanted
    assert "answer" in archsmith("text-generation", "-m", "m", "Hello there", "b", *options).out
    for several in (["--set=num_beams=2"], ["--set=do_sample=true", "--set=num_return_sequences=2"]):
        found = archsmith("text-generation", "-m", "m", "Hello there", *options, *several)  # no stream: a table
        assert (found.code, found.err) == (0, "")
        assert "answer" in found.out
