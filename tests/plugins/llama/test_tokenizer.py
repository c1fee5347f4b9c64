"""The tokenizers that the files of Llama, Mistral and Qwen2 name."""

import importlib.resources
import json
import shutil
from pathlib import Path

import pytest

from archsmith import AutoTokenizer, LlamaTokenizerFast
from archsmith.errors import CheckpointNotFound

REFERENCE = Path(str(importlib.resources.files("archsmith_llama"))) / "reference" / "llama"


@pytest.fixture
def folder(tmp_path):
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        shutil.copy(REFERENCE / name, tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["LlamaTokenizer", "LlamaTokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend", None]
)
def test_whatever_the_file_calls_it(folder, name):
    path = folder / "tokenizer_config.json"
    values = json.loads(path.read_text())
    del values["tokenizer_class"]
    path.write_text(json.dumps(values | ({"tokenizer_class": name} if name else {})))
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert type(tokenizer) is LlamaTokenizerFast
    ids = tokenizer("the fox").input_ids
    assert ids[0] == tokenizer.bos_token_id
    assert tokenizer.decode(ids, skip_special_tokens=True) == "the fox"
    tokenizer.save_pretrained(folder / "again")
    again = LlamaTokenizerFast.from_pretrained(folder / "again")
    assert again("the fox").input_ids == ids
    written = json.loads((folder / "again" / "tokenizer_config.json").read_text())
    assert written["tokenizer_class"] == "PreTrainedTokenizerFast"


@pytest.mark.parametrize("load", [AutoTokenizer.from_pretrained, LlamaTokenizerFast.from_pretrained])
def test_a_vocabulary_of_sentencepiece_alone_is_refused(folder, load):
    (folder / "tokenizer.json").rename(folder / "tokenizer.model")
    with pytest.raises(CheckpointNotFound) as error:
        load(folder)
    assert str(error.value).startswith(
        f"{folder / 'tokenizer.model'}: this is a vocabulary of SentencePiece, which archsmith does not read, and "
        "there is no tokenizer.json beside it. Convert it once"
    )
