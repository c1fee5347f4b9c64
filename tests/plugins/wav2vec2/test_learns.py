"""It learns: a small model is trained to read Morse code, saved, loaded, and writes down sentences it never heard."""

import importlib.util
import pydoc_data.topics
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from archsmith import AutoModelForCTC, AutoProcessor

DEMO = Path(__file__).parents[3] / "demo"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
STEPS = 600


@pytest.fixture
def morse(monkeypatch):
    spec = importlib.util.spec_from_file_location("morse", DEMO / "morse.py")
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "morse", module)
    spec.loader.exec_module(module)
    return module


def sentences(count, random):
    """English of three words each; the model is trained on random letters alone."""
    words = sorted({word for text in pydoc_data.topics.topics.values() for word in re.findall(r"\b[a-z]{2,8}\b", text)})
    return [" ".join(random.choice(words, 3)).upper() for _ in range(count)]


@pytest.mark.long
def test_it_learns_morse_code(morse, tmp_path):
    torch.manual_seed(0)
    model, processor = morse.build(LETTERS, tmp_path)
    morse.train(model, processor, LETTERS, np.random.default_rng(0), steps=STEPS)
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    model, processor = AutoModelForCTC.from_pretrained(tmp_path), AutoProcessor.from_pretrained(tmp_path)

    random = np.random.default_rng(99)
    sent = sentences(40, random)
    clips = [morse.tone(text, random) for text in sent]
    heard = morse.transcribe(model, processor, clips)
    wrong = sum(map(morse.errors, heard, sent))
    assert wrong <= 0.05 * sum(map(len, sent)), list(zip(sent, heard, strict=True))

    path = tmp_path / "message.wav"
    soundfile.write(path, clips[0], morse.RATE)
    assert morse.errors(morse.transcribe(model, processor, path)[0], heard[0]) <= 1
