"""The page of troubleshooting: every heading is the beginning of a message that is really said."""

import json
import re
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from archsmith import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    DistilBertConfig,
    DistilBertForSequenceClassification,
    DistilBertModel,
    DistilBertTokenizerFast,
    ViTImageProcessor,
    Wav2Vec2FeatureExtractor,
)
from archsmith.errors import ArchsmithError, ArchsmithWarning

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"
HEADINGS = re.findall(r"^### `(.+)`$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
SMALL = {"dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "vocab_size": 30, "max_position_embeddings": 16}


def classifier(**options):
    return DistilBertForSequenceClassification.from_pretrained("classifier", **options)


def tokenizer(**options):
    return DistilBertTokenizerFast(vocab_file="words.txt", **options)


def ids(*values):
    return torch.tensor([values])


def load_unknown():
    Path("unknown").mkdir()
    Path("unknown/config.json").write_text(json.dumps({"model_type": "none-such"}))
    AutoModel.from_pretrained("unknown")


def load_pickle():
    Path("pickle").mkdir()
    shutil.copy("base/config.json", "pickle")
    torch.save({}, "pickle/pytorch_model.bin")
    AutoModel.from_pretrained("pickle")


def load_cut_short():
    file = Path("base/model.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    AutoModel.from_pretrained("base")


def load_bare():
    Path("bare").mkdir()
    save_file(classifier().state_dict(), "bare/model.safetensors")
    AutoModel.from_pretrained("bare")


def load_diverged():
    model = classifier()
    with torch.no_grad():
        model.classifier.bias[0] = float("nan")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        model.save_pretrained("diverged")
    DistilBertForSequenceClassification.from_pretrained("diverged")


def save_replaced():
    model = classifier()
    model.classifier = torch.nn.Linear(8, 5)
    model.save_pretrained("replaced")


PROVOKED = {
    "… needs model_type '…', which no installed plugin provides": load_unknown,
    "cannot import name '…' from 'archsmith', and no installed plugin exports it": lambda: exec(
        "from archsmith import DistilbertModel"
    ),
    "… has no model for the task '…'": lambda: AutoModelForCausalLM.from_pretrained("base"),
    "there is no folder '…'": lambda: AutoModel.from_pretrained("./elsewhere"),
    "'config.json' of '…' is not in the hub's cache, and the hub could not be asked": lambda: AutoModel.from_pretrained(
        "acme/model"
    ),
    "'…' has no weights: expected model.safetensors or model.safetensors.index.json": load_pickle,
    "'…' has no file 'config.json'": load_bare,
    "trust_remote_code is refused": lambda: AutoModel.from_pretrained("base", trust_remote_code=True),
    "… cannot be loaded from '…'": lambda: classifier(num_labels=5),
    "…: not in '…', so they start from random values": lambda: DistilBertForSequenceClassification.from_pretrained(
        "base"
    ),
    "…: in '…', but not used by this model": lambda: DistilBertModel.from_pretrained("classifier"),
    "'…': the header describes … bytes of data, but the file holds …": load_cut_short,
    "'…' in … holds NaN or infinity": load_diverged,
    "'…' has neither tokenizer.json nor vocab.txt": lambda: AutoTokenizer.from_pretrained("base"),
    "'…' is not a field of …": lambda: DistilBertModel.from_pretrained("base", dtpye="auto"),
    "attn_implementation must be one of sdpa, eager": lambda: classifier(attn_implementation="flash_attention_2"),
    "load_in_8bit=True cannot be had here": lambda: classifier(load_in_8bit=True),
    "… cannot be saved: it is not the model that its configuration builds": save_replaced,
    "the rows have different lengths": lambda: tokenizer()(["good", "good bad"], return_tensors="pt"),
    "the input has … tokens, but the model has positions for …": lambda: classifier()(ids(*[5] * 20)),
    "a text has … tokens, but the model takes …": lambda: tokenizer(model_max_length=4)("good bad good bad"),
    "input_ids must be from 0 to …, but hold …": lambda: classifier()(ids(99)),
    "labels must be from 0 to …": lambda: classifier()(ids(5), labels=torch.tensor([7])),
    "text must be a string or a list of strings": lambda: tokenizer()(None),
    "the image: its pixels are decimal numbers of at most …, as if they were rescaled already": lambda: (
        ViTImageProcessor()(np.full((8, 8, 3), 0.5))
    ),
    "the audio has a sampling rate of … Hz, but the model takes … Hz": lambda: Wav2Vec2FeatureExtractor()(
        np.zeros(1000), sampling_rate=8000
    ),
    "the sampling rate of the audio is not given and taken to be … Hz": lambda: Wav2Vec2FeatureExtractor()(
        np.sin(np.arange(1000))
    ),
}


@pytest.fixture
def surroundings(tmp_path, monkeypatch):
    """A folder with a base model, a classifier and a vocabulary; no network."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    DistilBertModel(DistilBertConfig(**SMALL)).save_pretrained("base")
    DistilBertForSequenceClassification(DistilBertConfig(**SMALL, num_labels=3)).save_pretrained("classifier")
    Path("words.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n")


def test_every_heading_is_provoked():
    assert list(PROVOKED) == HEADINGS


@pytest.mark.usefixtures("surroundings")
@pytest.mark.parametrize("heading", HEADINGS)
def test_message_begins_as_its_heading(heading):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ArchsmithWarning)
        try:
            PROVOKED[heading]()
        except ArchsmithError as error:
            said = str(error)
        else:
            (warning,) = caught
            said = str(warning.message)
    pattern = ".+?".join(map(re.escape, heading.split("…")))
    assert re.match(pattern, said), said
    section = PAGE.read_text(encoding="utf-8").split(f"### `{heading}`\n\n")[1]
    assert section.startswith("A warning") is bool(caught)
