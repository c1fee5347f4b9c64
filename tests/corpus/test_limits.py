"""A small file takes little time, and a large one is refused before it is read whole: no cost grows with its square."""

import json
import os
import time

import pytest

from archsmith.errors import CheckpointCorrupt
from archsmith.registry import registry

from .sound import CLASSES, CONFIG, INDEX, WEIGHTS, Entry, encode_json, sound, write_weights
from .tokenizers_of import ARCHITECTURES, sound_tokenizer
from .verdict import Refused, Right, attempt, judge

MANY = 15_000
BASES = [pair for pair in CLASSES if pair[1] == "base"]
#: Seconds that no case here may take; what grew with the square of `MANY` took minutes.
SECONDS = 10
TOKENS = [f"<{number}>" for number in range(MANY)]
SETTINGS = {
    "special tokens": {"additional_special_tokens": TOKENS},
    "special tokens in two lists": {"additional_special_tokens": TOKENS, "extra_special_tokens": TOKENS[::-1]},
    "special tokens with names": {f"a{number}_token": token for number, token in enumerate(TOKENS)},
    "unknown keys": dict.fromkeys(TOKENS, 1),
}


@pytest.mark.parametrize("model_type", ARCHITECTURES)
@pytest.mark.parametrize("what", SETTINGS)
def test_many_tokens(tmp_path, model_type, what):
    tokenizer = sound_tokenizer(model_type)
    for name, content in tokenizer.files.items():
        (tmp_path / name).write_bytes(content)
    values = {**json.loads(tokenizer.files["tokenizer_config.json"]), **SETTINGS[what]}
    (tmp_path / "tokenizer_config.json").write_bytes(encode_json(values))
    for cls in tokenizer.classes.values():
        before = time.perf_counter()
        made = cls.from_pretrained(tmp_path)
        assert made("a <7>")[made.model_input_names[0]]
        assert time.perf_counter() - before < SECONDS
        assert len(made) >= (MANY if what != "unknown keys" else 10)


@pytest.mark.parametrize(("model_type", "task"), BASES)
def test_many_keys_of_a_configuration(tmp_path, model_type, task):
    """Of many unknown keys none is compared with every field, but those in front are."""
    config_class = registry.load(model_type, "config")
    (tmp_path / CONFIG).write_bytes(encode_json({"outputs_hidden_states": True, **dict.fromkeys(TOKENS, 1)}))
    before = time.perf_counter()
    came = attempt(config_class.from_pretrained, tmp_path)
    assert time.perf_counter() - before < SECONDS
    assert came.value.extra[TOKENS[-1]] == 1
    [said] = came.warnings
    assert said.endswith("and has no effect. Did you mean 'output_hidden_states'?")


@pytest.mark.parametrize(("model_type", "task"), BASES)
def test_many_tensors(tmp_path, model_type, task):
    model = sound(model_type, task)
    model.write(tmp_path)
    more = {f"more.{number}": Entry("F32", (0,), b"") for number in range(MANY)}
    write_weights(tmp_path, {**model.entries, **more}, model.metadata)
    before = time.perf_counter()
    assert judge(model, tmp_path, Refused(parts=("more.7", f"and {MANY - 20:,}".replace(",", "")))) is None
    assert time.perf_counter() - before < SECONDS


@pytest.mark.parametrize(("model_type", "task"), BASES)
def test_files_of_300_megabytes(tmp_path, model_type, task):
    """They are sparse, so that writing them takes no time."""
    model = sound(model_type, task)
    model.write(tmp_path, shards=True)
    for name in (CONFIG, INDEX):
        content = (tmp_path / name).read_bytes()
        os.truncate(tmp_path / name, 300 * 2**20)
        assert judge(model, tmp_path, Refused(CheckpointCorrupt, (str(tmp_path / name), "is larger than"))) is None
        (tmp_path / name).write_bytes(content)
    assert judge(model, tmp_path, Right()) is None
    (tmp_path / INDEX).unlink()
    (tmp_path / WEIGHTS).write_bytes((300 * 2**20 - 8).to_bytes(8, "little") + b"{")
    os.truncate(tmp_path / WEIGHTS, 300 * 2**20)
    verdict = Refused(CheckpointCorrupt, (str(tmp_path / WEIGHTS), "is not a safetensors file"))
    assert judge(model, tmp_path, verdict) is None


ENTRY = '{"dtype":"F32","shape":[0],"data_offsets":[0,0]}'
SMALL = {
    "tensors": (WEIGHTS, "{" + ",".join(f'"{number}":{ENTRY}' for number in range(400_000)) + "}"),
    "lists in a header": (WEIGHTS, '{"a":[' + "[]," * 2_000_000 + "[]]}"),
    "sizes": (WEIGHTS, '{"a":{"dtype":"F32","shape":[' + "0," * 900_000 + '0],"data_offsets":[0,0]}}'),
    "a name": (WEIGHTS, '{"' + "n" * 40_000_000 + f'":{ENTRY.replace("F32", "F33")}}}'),
    "an index": (INDEX, '{"weight_map":{' + ",".join(f'"{number}":"x"' for number in range(1_200_000)) + "}}"),
    "files": (INDEX, '{"weight_map":{' + ",".join(f'"{number}":"{number}"' for number in range(100_000)) + "}}"),
    "lists of a configuration": (CONFIG, '{"a":[' + "[]," * 2_000_000 + "[]]}"),
    "keys of a configuration": (CONFIG, "{" + ",".join(f'"{number}":0' for number in range(1_100_000)) + "}"),
}


@pytest.mark.parametrize("what", SMALL)
def test_much_of_something_in_a_small_file(tmp_path, what):
    """It is counted before it is built: an empty list of three bytes takes sixty of memory."""
    model = sound(*BASES[0])
    model.write(tmp_path)
    name, content = SMALL[what]
    if name == INDEX:
        (tmp_path / WEIGHTS).unlink()
    raw = content.encode()
    (tmp_path / name).write_bytes(len(raw).to_bytes(8, "little") + raw if name == WEIGHTS else raw)
    before = time.perf_counter()
    assert judge(model, tmp_path, Refused(CheckpointCorrupt, (str(tmp_path / name),))) is None
    assert time.perf_counter() - before < SECONDS / 2
