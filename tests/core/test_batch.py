"""The mappings that preprocessing returns."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers

from archsmith import ArchsmithError, BatchEncoding
from archsmith.batch import BatchFeature
from archsmith.errors import InputError, OptionError


def encodings(*texts):
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "new": 1, "york": 2}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer.encode_batch(list(texts))


class TestMapping:
    def test_reads_as_a_mapping_and_by_attribute(self):
        batch = BatchEncoding({"input_ids": [1], "attention_mask": [1]})
        assert batch["input_ids"] is batch.input_ids is batch.data["input_ids"]
        assert list(batch) == list(batch.keys()) == ["input_ids", "attention_mask"]
        assert list(batch.values()) == [[1], [1]]
        assert dict(batch.items()) == {**batch} == dict(batch)
        assert len(batch) == 2
        assert "input_ids" in batch
        assert "labels" not in batch
        assert batch.get("labels", 7) == 7
        assert batch == {"input_ids": [1], "attention_mask": [1]}
        assert batch[:1] == {"input_ids": [1], "attention_mask": [1]}

    def test_changes(self):
        batch = BatchFeature({"a": 1})
        batch["b"] = 2
        batch.c = 3
        batch.update(d=4)
        del batch["a"]
        assert batch.pop("d") == 4
        assert dict(batch) == {"b": 2, "c": 3}
        assert batch.setdefault("e", 5) == 5

    def test_what_is_not_there(self):
        batch = BatchFeature({"pixel_values": 1})
        with pytest.raises(KeyError):
            batch["labels"]
        with pytest.raises(AttributeError, match=r"^BatchFeature has no entry 'labels'. It holds: pixel_values.$"):
            _ = batch.labels
        assert not hasattr(batch, "__array_interface__")

    def test_starts_from_a_mapping_alone(self):
        assert dict(BatchFeature()) == {}
        with pytest.raises(OptionError, match="BatchFeature is made from a mapping, but got 3"):
            BatchFeature(3)

    def test_the_given_mapping_stays(self):
        data = {"a": [1]}
        batch = BatchFeature(data, tensor_type="np")
        batch.b = 1
        assert data == {"a": [1]}

    @pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda batch: pickle.loads(pickle.dumps(batch))])
    @pytest.mark.parametrize("kind", [BatchFeature, BatchEncoding])
    def test_copies(self, through, kind):
        batch = kind({"a": [1]})
        again = through(batch)
        assert type(again) is kind
        assert again == batch
        again.b = 2
        assert "b" not in batch

    def test_copies_keep_the_encodings(self):
        for batch in (BatchEncoding({}, encodings("new york")), BatchEncoding({}, lambda: encodings("new york"))):
            for again in (copy.copy(batch), copy.deepcopy(batch), pickle.loads(pickle.dumps(batch))):
                assert again.tokens() == ["new", "york"]

    def test_the_entries_as_a_whole(self):
        batch = BatchFeature({"a": 1})
        batch.data = {"b": 2}
        assert {**batch} == {"b": 2}
        batch |= {"data": 3}
        assert {**batch} == {"b": 2, "data": 3} == batch.data
        with pytest.raises(OptionError, match=r"^data is all entries, a dictionary, but got 3"):
            batch.data = 3

    def test_repr(self):
        assert repr(BatchEncoding({"a": [1]})) == "BatchEncoding({'a': [1]})"


class TestTensors:
    @pytest.mark.parametrize(
        ("value", "pt", "np_type"),
        [
            ([1, 2], torch.int64, np.int64),
            ([[1, 2], [3, 4]], torch.int64, np.int64),
            ([[0.5], [1]], torch.float32, np.float64),
            ([[[]], [[]]], torch.int64, np.int64),
            ([], torch.int64, np.int64),
            ([True, False], torch.bool, np.bool_),
            (np.zeros((2, 2), np.float16), torch.float16, np.float16),
            ([np.zeros(2, np.float32), np.zeros(2, np.float32)], torch.float32, np.float32),
            (3, torch.int64, np.int64),
        ],
    )
    def test_types(self, value, pt, np_type):
        tensor = BatchFeature({"a": value}).convert_to_tensors("pt").a
        assert tensor.dtype == pt
        array = BatchFeature({"a": value}).convert_to_tensors("np").a
        assert array.dtype == np_type
        assert tuple(tensor.shape) == array.shape == np.asarray(value).shape

    def test_none_changes_nothing_and_tensors_stay(self):
        tensor, array = torch.ones(2), np.ones(2)
        batch = BatchFeature({"a": tensor, "b": [tensor, tensor]})
        assert batch.convert_to_tensors(None) is batch
        assert batch.convert_to_tensors("pt").a is tensor
        assert batch.b.shape == (2, 2)
        assert BatchFeature({"a": array}).convert_to_tensors("np").a is array
        assert torch.equal(BatchFeature({"a": array}, tensor_type="pt").a, torch.ones(2, dtype=torch.float64))

    def test_a_batch_axis(self):
        batch = BatchEncoding({"a": [1, 2], "b": [0.5]}, tensor_type="pt", prepend_batch_axis=True)
        assert batch.a.shape == (1, 2)
        assert batch.b.dtype == torch.float32

    @pytest.mark.parametrize("kind", ["pt", "np"])
    @pytest.mark.parametrize(
        ("value", "message"),
        [
            (
                [[1, 2], [3]],
                (
                    "'a' cannot be one tensor: its rows have different lengths, 1 to 2. Pass padding=True (and "
                    "truncation=True), or leave out return_tensors."
                ),
            ),
            (["x"], "'a' cannot be a tensor: it must hold numbers in rows of one length, but is ['x']."),
            ([None], "'a' cannot be a tensor: it must hold numbers in rows of one length, but is [None]."),
            ([2**70], f"'a' cannot be a tensor: it must hold numbers in rows of one length, but is [{2**70}]."),
            (None, "'a' cannot be a tensor: it must hold numbers in rows of one length, but is None."),
        ],
    )
    def test_what_can_not_be_a_tensor(self, kind, value, message):
        batch = BatchFeature({"z": [1], "a": value})
        with pytest.raises(InputError) as caught:
            batch.convert_to_tensors(kind)
        assert str(caught.value) == message
        assert batch.z == [1]

    @pytest.mark.parametrize("kind", ["tf", "pytorch", 3, True, ["pt"]])
    def test_other_kinds(self, kind):
        with pytest.raises(
            OptionError, match=r"return_tensors is .*; expected 'pt' for torch, 'np' for numpy, or None"
        ):
            BatchFeature({"a": [1]}).convert_to_tensors(kind)


class TestTo:
    def test_moves_tensors_and_casts_floating_ones(self):
        batch = BatchFeature({"ids": torch.ones(2, dtype=torch.int64), "x": torch.ones(2), "name": "a", "none": None})
        batch["several"] = [torch.ones(1), torch.ones(1)]
        assert batch.to("meta", dtype=torch.float16) is batch
        assert (batch.ids.device.type, batch.ids.dtype) == ("meta", torch.int64)
        assert (batch.x.device.type, batch.x.dtype) == ("meta", torch.float16)
        assert [tensor.dtype for tensor in batch.several] == [torch.float16] * 2
        assert (batch.name, batch.none) == ("a", None)

    @pytest.mark.parametrize("arguments", [(torch.bfloat16,), (None, torch.bfloat16), (None, "bfloat16")])
    def test_a_type_alone(self, arguments):
        assert BatchFeature({"x": torch.ones(2)}).to(*arguments).x.dtype == torch.bfloat16

    @pytest.mark.parametrize("number", [0, np.int64(0), np.uint8(0), torch.tensor(0), np.array(0)], ids=repr)
    def test_rows_by_any_integer(self, number):
        batch = BatchEncoding({}, encodings("new york"))
        assert batch[number].tokens == batch[0].tokens == batch.tokens(number)
        assert batch.token_to_chars(number, number + 1) == batch.token_to_chars(0, 1)
        with pytest.raises(InputError, match=r"there is no row .*; the batch has 1 rows\.$"):
            batch[number + 7]
        with pytest.raises(InputError, match=r"there is no row"):
            batch[torch.zeros(2, dtype=torch.long)]

    def test_wrong_places(self):
        batch = BatchFeature({"x": torch.ones(2)})
        with pytest.raises(OptionError, match="the batch cannot go to the device 'gpu0': "):
            batch.to("gpu0")
        for dtype in ("int64", "float99", 3):
            with pytest.raises(OptionError, match=r"dtype must be a torch dtype such as torch.float16, but is"):
                batch.to("cpu", dtype=dtype)


class TestEncodings:
    def test_without(self):
        batch = BatchEncoding({"input_ids": [1]})
        assert not batch.is_fast
        assert batch.encodings is None
        assert batch.n_sequences is None
        for method in ("tokens", "word_ids", "sequence_ids"):
            with pytest.raises(
                InputError,
                match=rf"^{method}\(\) needs the output of a fast tokenizer, but this came from a slow one\.",
            ):
                getattr(batch, method)()
        with pytest.raises(InputError, match=r"char_to_token\(\) needs the output of a fast tokenizer"):
            batch.char_to_token(0)

    def test_made_when_first_asked_for(self):
        made = []

        def make():
            made.append(1)
            return encodings("new york", "york")

        batch = BatchEncoding({"input_ids": [[1, 2], [2]]}, make)
        assert batch.is_fast
        assert not made
        assert batch.tokens(1) == ["york"]
        assert batch[0].tokens == ["new", "york"]
        assert len(batch[:]) == 2
        assert made == [1]

    def test_places(self):
        batch = BatchEncoding({}, encodings("new york", "york"))
        assert batch.n_sequences == 1
        assert batch.word_ids() == [0, 1]
        assert batch.sequence_ids(1) == [0]
        assert batch.char_to_token(4) == batch.char_to_token(0, 4) == 1
        assert batch.char_to_token(0, 3) is None
        assert batch.char_to_word(5) == 1
        assert batch.token_to_chars(0, 1) == (4, 8)
        assert batch.token_to_chars(0, 1).end == 8
        assert batch.token_to_chars(0, -1) == (4, 8)
        assert batch.token_to_word(1) == 1
        assert batch.token_to_sequence(1) == 0
        assert batch.word_to_tokens(0, 1) == (1, 2)
        assert batch.word_to_tokens(0, 1).start == 1
        assert batch.word_to_chars(1) == (4, 8)
        assert batch.word_to_tokens(9) is None
        assert batch.word_to_chars(9) is None

    def test_wrong_places(self):
        batch = BatchEncoding({}, encodings("new york"))
        with pytest.raises(InputError, match=r"^there is no row 3; the batch has 1 rows.$"):
            batch.tokens(3)
        for place in (-1, "a", None, 1.5):
            with pytest.raises(ArchsmithError):
                batch.char_to_token(0, place) if place is not None else batch.char_to_token(None)
        with pytest.raises(InputError, match="there is no row 'a'"):
            batch.tokens("a")


def test_the_modules_load_without_torch_and_tokenizers():
    code = """
import sys, archsmith.batch, archsmith.tokenizer, archsmith_wordpiece.tokenizers
print(sorted({"torch", "tokenizers", "numpy", "transformers"} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
