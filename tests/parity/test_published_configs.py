"""What published files hold beside the letter is read as the reference reads it, and so is what is written."""

import json
import warnings

import pytest

import archsmith
from archsmith.errors import ArchsmithWarning

from .oracle import transformers

CLASSES = ["BertConfig", "DistilBertConfig", "ViTConfig", "ResNetConfig", "Wav2Vec2Config", "MaskFormerConfig"]
PAIR = {"0": "NEG", "1": "POS"}
GENERIC = {"LABEL_0": 0, "LABEL_1": 1}
GIVEN = {
    "strings as indices": {"id2label": PAIR, "label2id": {"NEG": "0", "POS": "1"}},
    "indices of other names": {"id2label": PAIR, "label2id": GENERIC},
    "indices of some names": {"id2label": PAIR, "label2id": {"NEG": 0}},
    "no indices": {"id2label": PAIR, "label2id": None},
    "numbers as names": {"id2label": {"0": 0, "1": 1}},
    "one name twice": {"id2label": {"0": "L", "1": "L"}, "label2id": {"L": 1}},
    "a gap": {"id2label": {"0": "a", "2": "b"}, "label2id": {"a": 0, "b": 2}},
    "a number alone": {"num_labels": 3},
    "a number and its names": {"num_labels": 2, "id2label": PAIR},
    "a number and other indices": {"num_labels": 3, "label2id": {"a": 0}},
    "no names, but a number": {"num_labels": 4, "id2label": None},
    "no names": {"id2label": None, "label2id": None},
    "an older number": {"_num_labels": 9, "id2label": PAIR},
    "no problem": {"problem_type": ""},
    "no problem, as null": {"problem_type": None},
    "no architecture": {"architectures": None},
    "one architecture": {"architectures": "X"},
    "heads to prune": {"pruned_heads": {"1": [0, 1]}},
    "float": {"torch_dtype": "float"},
    "half": {"torch_dtype": "half"},
    "double": {"torch_dtype": "double"},
    "null for states": {"output_hidden_states": None, "output_attentions": None},
    "null for the form": {"return_dict": None},
}


def read_both(name, given):
    """Read the content of a file on both sides; it says what to think of it here, and nothing is an error."""
    model_type = getattr(archsmith, name).model_type
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        ours = getattr(archsmith, name).from_dict({"model_type": model_type, **given})
    return ours, getattr(transformers, name).from_dict({"model_type": model_type, **given})


def assert_same(ours, theirs, given):
    assert ours.num_labels == theirs.num_labels
    assert ours.id2label == {index: str(label) for index, label in theirs.id2label.items()}
    assert {ours.id2label[index]: index for index in ours.label2id.values()} == ours.label2id
    if theirs.label2id == {label: index for index, label in theirs.id2label.items()}:
        assert ours.label2id == theirs.label2id
    for switch in ("output_hidden_states", "output_attentions", "return_dict"):
        assert getattr(ours, switch) == bool(getattr(theirs, switch))
    if "torch_dtype" in given:
        assert ours.dtype == str(theirs.dtype).removeprefix("torch.")
    if "pruned_heads" in given:
        assert ours.pruned_heads == {int(layer): heads for layer, heads in theirs.pruned_heads.items()}
    assert (ours.problem_type or "") == (theirs.problem_type or "")


@pytest.mark.parametrize("given", GIVEN.values(), ids=GIVEN)
@pytest.mark.parametrize("name", CLASSES)
def test_what_files_hold(name, given, tmp_path):
    ours, theirs = read_both(name, given)
    assert_same(ours, theirs, given)
    ours.save_pretrained(tmp_path)
    assert getattr(archsmith, name).from_pretrained(tmp_path) == ours
    assert_same(ours, getattr(transformers, name).from_pretrained(tmp_path), given)


@pytest.mark.parametrize("name", CLASSES)
def test_names_count_before_their_number(name, tmp_path):
    """The reference took the names up to version 4, from which such files are, and takes the number now."""
    ours, theirs = read_both(name, {"num_labels": 3, "id2label": PAIR})
    assert (ours.num_labels, ours.id2label) == (2, {0: "NEG", 1: "POS"})
    assert theirs.num_labels == 3
    ours.save_pretrained(tmp_path)
    assert "num_labels" not in json.loads((tmp_path / "config.json").read_text())
    assert getattr(transformers, name).from_pretrained(tmp_path).id2label == ours.id2label
