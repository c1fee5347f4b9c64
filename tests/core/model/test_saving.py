"""Saving: what is written, what is deleted, and what is left when it fails."""

import errno
import json
import os
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

import archsmith
from archsmith import (
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertModel,
    PreTrainedConfig,
    PreTrainedModel,
    ViTImageProcessor,
)
from archsmith.errors import ConfigError, InputError, OptionError, SaveFailed
from archsmith.files.commit import replacing, write_file
from archsmith.model.save_check import original_tensors
from archsmith.model.saving import parse_size, state_to_save

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
BERT = {
    "vocab_size": 30, "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 12
}  # fmt: skip


def model(**config) -> DistilBertForMaskedLM:
    return DistilBertForMaskedLM(DistilBertConfig(**{**CONFIG, **config}))


def content(folder) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def same(one, other) -> bool:
    pairs = zip(one.state_dict().items(), other.state_dict().items(), strict=True)
    return all(a == b and torch.equal(x, y) for (a, x), (b, y) in pairs)


# ---- what is written ------------------------------------------------------------------------------------------


def test_what_is_written(tmp_path):
    one = model()
    one.save_pretrained(tmp_path / "a" / "b")
    assert sorted(content(tmp_path / "a" / "b")) == ["config.json", "model.safetensors"]
    written = json.loads((tmp_path / "a" / "b" / "config.json").read_text())
    provenance = {"plugin": "archsmith-distilbert", "plugin_version": "0.2.0", "version": archsmith.__version__}
    save_id = written["archsmith"]["save_id"]
    assert re.fullmatch("[0-9a-f]{32}", save_id)
    assert written["archsmith"] == provenance | {"save_id": save_id}
    assert written["architectures"] == ["DistilBertForMaskedLM"]
    assert written["dtype"] == "float32"
    with safe_open(tmp_path / "a" / "b" / "model.safetensors", "pt") as file:
        assert file.metadata()["format"] == "pt"
        assert json.loads(file.metadata()["archsmith"]) == provenance | {"save_id": save_id}
        assert set(file.keys()) == set(one.state_dict()) - {"vocab_projector.weight"}
    assert one.config.architectures is None  # the model's own configuration is not touched
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path / "a" / "b"), one)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_the_type_is_written(tmp_path, dtype):
    one = model().to(dtype)
    one.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["dtype"] == str(dtype).removeprefix("torch.")
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), one)


def test_single_to_shards_and_back_leaves_nothing_stale(tmp_path):
    one = model()
    one.save_pretrained(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "my-model.safetensors").write_text("mine")
    one.save_pretrained(tmp_path, max_shard_size=2000)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    shards = set(index["weight_map"].values())
    assert len(shards) > 2
    assert set(content(tmp_path)) == {
        *shards,
        "config.json",
        "model.safetensors.index.json",
        "tokenizer.json",
        "my-model.safetensors",
    }
    assert index["metadata"]["total_size"] == sum(p.nbytes for p in one.parameters())
    for shard in shards:
        tensors = load_file(tmp_path / shard)
        assert {key for key, name in index["weight_map"].items() if name == shard} == set(tensors)
        assert len(tensors) == 1 or sum(tensor.nbytes for tensor in tensors.values()) <= 2000
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), one)
    one.save_pretrained(tmp_path, max_shard_size="1KB")
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), one)
    one.save_pretrained(tmp_path)
    assert set(content(tmp_path)) == {"config.json", "model.safetensors", "tokenizer.json", "my-model.safetensors"}
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), one)


@pytest.mark.parametrize(
    ("size", "found"),
    [(1, 1), ("1", 1), ("5GB", 5 * 10**9), ("5 gb", 5 * 10**9), (" 1.5KB ", 1500), ("2MiB", 2**21), ("0.5kib", 512)],
)
def test_sizes(size, found):
    assert parse_size(size) == found


@pytest.mark.parametrize(
    "size",
    [0, -1, True, None, 1.5, "", "GB", "5XB", "5 G B", "-5GB", "0GB", "0.1B", "1e3", "٣GB", "9" * 400, 2**70, []],
)  # fmt: skip
def test_what_is_no_size(tmp_path, size):
    with pytest.raises(OptionError) as caught:
        model().save_pretrained(tmp_path / "x", max_shard_size=size)
    assert str(caught.value) == (
        f"max_shard_size must be a number of bytes or a string such as '5GB', but is {size!r}."
    )
    assert not (tmp_path / "x").exists()


def test_tensors_that_share_memory_or_are_not_contiguous(tmp_path):
    class Odd(PreTrainedModel):
        config_class = PreTrainedConfig

        def __init__(self, config):
            super().__init__(config)
            whole = torch.arange(12.0)
            self.a = nn.Parameter(whole[:8])
            self.b = nn.Parameter(whole[4:])
            self.c = nn.Parameter(whole)
            self.d = nn.Parameter(torch.arange(6.0).view(2, 3).t())
            self.e = nn.Parameter(torch.arange(3.0)[:1].expand(4))
            self.empty = nn.Parameter(torch.zeros(0, 3))
            self.none = nn.Parameter(torch.zeros(2, 0))
            self.twin = self.a

    one = Odd(PreTrainedConfig())
    one.save_pretrained(tmp_path)
    again = Odd.from_pretrained(tmp_path)
    assert same(again, one)
    assert again.d.shape == (3, 2)


def test_saving_over_the_folder_it_was_loaded_from(tmp_path):
    first, second = model(), model()
    first.save_pretrained(tmp_path)
    loaded = DistilBertForMaskedLM.from_pretrained(tmp_path)
    loaded.save_pretrained(tmp_path)
    assert same(loaded, first)
    second.save_pretrained(tmp_path)
    assert same(loaded, first)  # its tensors are still mapped from the file that was replaced
    second.save_pretrained(tmp_path, max_shard_size=2000)
    assert same(loaded, first)
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), second)


def test_a_model_without_values_is_not_saved(tmp_path):
    with torch.device("meta"):
        empty = nn.Linear(2, 2)
    one = model()
    one.vocab_transform = empty
    with pytest.raises(
        InputError, match=r"'vocab_transform\.weight' is on the meta device: there are no values to save"
    ):
        one.save_pretrained(tmp_path / "x")
    assert not (tmp_path / "x").exists()


# ---- modes and links ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_modes_follow_the_umask(tmp_path, mask):
    before = os.umask(mask)
    try:
        model().save_pretrained(tmp_path / "x", max_shard_size=2000)
    finally:
        os.umask(before)
    for path in (tmp_path / "x").iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~mask, path
    assert (tmp_path / "x").stat().st_mode & 0o777 == 0o777 & ~mask


def test_links_are_replaced_and_not_written_through(tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / f"kept-{name}").write_text("kept")
        (tmp_path / "x").mkdir(exist_ok=True)
        (tmp_path / "x" / name).symlink_to(tmp_path / f"kept-{name}")
    (tmp_path / "x" / "model.safetensors.index.json").symlink_to(tmp_path / "nowhere")
    one = model()
    one.save_pretrained(tmp_path / "x")
    for name in ("config.json", "model.safetensors"):
        assert (tmp_path / f"kept-{name}").read_text() == "kept"
        assert not (tmp_path / "x" / name).is_symlink()
    assert sorted(content(tmp_path / "x")) == ["config.json", "model.safetensors"]
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path / "x"), one)
    (tmp_path / "link").symlink_to(tmp_path / "x")
    model(dim=4).save_pretrained(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert DistilBertForMaskedLM.from_pretrained(tmp_path / "x").config.dim == 4


# ---- failures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", [3, None, "", b"x", [], "~no-such-user/x"])
def test_what_is_no_folder(place):
    for save in (model().save_pretrained, DistilBertConfig().save_pretrained):
        with pytest.raises(OptionError, match="save_directory"):
            save(place)


def test_folders_that_can_not_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "below", f"{tmp_path}/a\0b", tmp_path / ("x" * 300)):
        for save in (model().save_pretrained, DistilBertConfig().save_pretrained):
            with pytest.raises(SaveFailed, match="cannot be made"):
                save(place)
    assert content(tmp_path) == {"file": b"x"}


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_folder_in_place_of_a_file(tmp_path, name):
    model().save_pretrained(tmp_path)
    (tmp_path / name).unlink()
    (tmp_path / name).mkdir()
    before = sorted(path.name for path in tmp_path.iterdir())
    stamps = [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())]
    with pytest.raises(SaveFailed) as caught:
        model().save_pretrained(tmp_path)
    assert str(caught.value) == f"{str(tmp_path / name)!r} cannot be written: a folder has that name. Move it away."
    assert sorted(path.name for path in tmp_path.iterdir()) == before
    assert [path.stat().st_mtime_ns for path in sorted(tmp_path.iterdir())] == stamps


FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def failing(after=0, *, once=False):
    """Return a function that works some times and then says that the disk is full, for one call or for all."""
    calls = []

    def wrap(function):
        def call(*args, **kwargs):
            calls.append(args)
            if len(calls) == after + 1 or (len(calls) > after and not once):
                raise FULL
            return function(*args, **kwargs)

        return call

    return wrap


@pytest.mark.parametrize("size", ["5GB", 2000])
@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize(
    "where", ["os.fsync", "os.open", "pathlib.Path.write_bytes", "archsmith.model.saving.save_file"]
)
def test_a_full_disk_leaves_the_old_checkpoint_and_nothing_else(tmp_path, monkeypatch, where, after, size):
    import archsmith.model.saving

    old = model()
    old.save_pretrained(tmp_path)
    before = content(tmp_path)
    sound = {
        "os.fsync": os.fsync,
        "os.open": os.open,
        "pathlib.Path.write_bytes": Path.write_bytes,
        "archsmith.model.saving.save_file": archsmith.model.saving.save_file,
    }[where]
    if size == "5GB" and where.endswith("save_file"):
        after = 0
    with monkeypatch.context() as patch:
        patch.setattr(where, failing(after, once=where == "os.open")(sound))  # a folder can be opened all the same
        with pytest.raises(SaveFailed, match="No space left on device"):
            model().save_pretrained(tmp_path, max_shard_size=size)
    assert content(tmp_path) == before
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), old)


def test_what_a_failed_save_says(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", failing()(os.fsync))
    with pytest.raises(SaveFailed) as caught:
        model().save_pretrained(tmp_path)
    assert str(caught.value) == f"{str(tmp_path)!r} cannot be written: No space left on device."
    with pytest.raises(SaveFailed) as caught:
        DistilBertConfig().save_pretrained(tmp_path)
    assert str(caught.value) == f"{str(tmp_path / 'config.json')!r} cannot be written: No space left on device."
    assert content(tmp_path) == {}


def test_a_stop_from_the_keyboard_leaves_nothing_behind(tmp_path):
    write_file(tmp_path / "x", b"old")

    def stopped():
        with replacing(tmp_path, ("x", "y")) as staging:
            (staging / "x").write_bytes(b"new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    assert content(tmp_path) == {"x": b"old"}


def test_old_weights_that_can_not_be_deleted(tmp_path):
    old = model()
    old.save_pretrained(tmp_path)
    (tmp_path / "model-00001-of-00002.safetensors").mkdir()
    with pytest.raises(SaveFailed) as caught:
        model().save_pretrained(tmp_path)
    path = tmp_path / "model-00001-of-00002.safetensors"
    assert str(caught.value) == f"{str(path)!r} cannot be written: a folder has that name. Move it away."
    assert same(DistilBertForMaskedLM.from_pretrained(tmp_path), old)


def test_an_invalid_configuration_saves_nothing(tmp_path):
    one = model()
    one.save_pretrained(tmp_path)
    before = content(tmp_path)
    one.config.dim = 9
    with pytest.raises(ConfigError, match="n_heads is 2, but must divide dim 9"):
        one.save_pretrained(tmp_path)
    assert content(tmp_path) == before


def test_a_name_too_long_for_its_neighbour(tmp_path):
    write_file(tmp_path / ("x" * 250), b"1")
    assert content(tmp_path) == {"x" * 250: b"1"}


def test_a_model_without_a_head_and_one_with_it(tmp_path):
    one = model()
    one.distilbert.save_pretrained(tmp_path)
    assert same(DistilBertModel.from_pretrained(tmp_path), one.distilbert)


# ---- tied parameters --------------------------------------------------------------------------------------------


def masked(**values) -> BertForMaskedLM:
    return BertForMaskedLM(BertConfig(**BERT, **values)).eval()


def logits(one) -> torch.Tensor:
    with torch.no_grad():
        return one(torch.tensor([[1, 2, 3]])).logits


def untied(one) -> BertForMaskedLM:
    """Return it with every parameter an object of its own, as torch's own way of loading leaves it."""
    one.load_state_dict({name: tensor.clone() for name, tensor in one.state_dict().items()}, assign=True)
    assert one.get_output_embeddings().weight is not one.get_input_embeddings().weight
    return one


HEAD, ROWS = "cls.predictions.decoder.weight", "bert.embeddings.word_embeddings.weight"
BIAS, TIED_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"


def test_tied_parameters_that_are_two_objects_of_equal_values_are_one_in_the_file(tmp_path):
    one = untied(masked())
    one.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert {HEAD, TIED_BIAS}.isdisjoint(saved)
    assert {ROWS, BIAS} <= saved.keys()
    assert torch.equal(logits(BertForMaskedLM.from_pretrained(tmp_path)), logits(one))


@pytest.mark.parametrize(("name", "source"), [(HEAD, ROWS), (TIED_BIAS, BIAS)])
def test_tied_parameters_that_differ_are_not_lost(tmp_path, name, source):
    one = untied(masked())
    with torch.no_grad():
        one.get_parameter(name).fill_(7.0)
    expected = logits(one)
    with pytest.raises(ConfigError) as caught:
        one.save_pretrained(tmp_path / "refused")
    assert str(caught.value) == (
        f"BertForMaskedLM cannot be saved: its configuration ties {name!r} to {source!r}, but they are two parameters "
        "now and differ. To keep both set tie_word_embeddings=False in the configuration; to make them one again call "
        "tie_weights()."
    )
    assert not (tmp_path / "refused").exists()
    one.config.tie_word_embeddings = False
    one.save_pretrained(tmp_path / "kept")
    back = BertForMaskedLM.from_pretrained(tmp_path / "kept")
    assert torch.equal(logits(back), expected)
    assert back.load_report.new == ()
    one.config.tie_word_embeddings = True
    one.tie_weights()
    one.save_pretrained(tmp_path / "tied")
    assert not torch.equal(logits(BertForMaskedLM.from_pretrained(tmp_path / "tied")), expected)


def test_a_head_of_another_shape_is_not_lost(tmp_path):
    one = masked()
    one.cls.predictions.decoder = torch.nn.Linear(8, 31)
    with pytest.raises(ConfigError, match="are two parameters now and differ"):
        one.save_pretrained(tmp_path)


def test_parameters_that_are_one_although_the_configuration_keeps_them_apart(tmp_path):
    one = masked()
    one.config.tie_word_embeddings = False
    one.save_pretrained(tmp_path)
    saved = load_file(tmp_path / "model.safetensors")
    assert torch.equal(saved[HEAD], saved[ROWS])
    back = BertForMaskedLM.from_pretrained(tmp_path)
    assert torch.equal(logits(back), logits(one))
    assert back.get_output_embeddings().weight is not back.get_input_embeddings().weight


def test_a_choice_to_tie_that_comes_after_the_model_was_built(tmp_path):
    one = masked(tie_word_embeddings=False)
    one.config.tie_word_embeddings = True
    with pytest.raises(ConfigError, match=f"ties '{HEAD}' to '{ROWS}', but they are two"):
        one.save_pretrained(tmp_path)


@pytest.mark.parametrize(
    "share",
    [
        lambda base: torch.nn.Parameter(base.view(-1)[:8]),
        lambda base: torch.nn.Parameter(base.t()),
        lambda base: torch.nn.Parameter(base[:, 2:6]),
        lambda base: torch.nn.Parameter(base.view(-1)[4:20].view(4, 4)),
        lambda base: torch.nn.Parameter(base[:0]),
    ],
    ids=["flat", "transposed", "columns", "overlapping", "empty"],
)
def test_parameters_that_share_memory_in_other_ways_are_saved_in_full(share):
    one = masked()
    rows = one.get_input_embeddings().weight
    one.first, one.second = share(rows.detach()), share(rows.detach()[1:])
    state = state_to_save(one, original_tensors(one))
    for name in ("first", "second", ROWS):
        assert torch.equal(state[name], one.get_parameter(name))
        assert state[name].is_contiguous()
    places = [tensor.untyped_storage().data_ptr() for tensor in state.values() if tensor.numel()]
    assert len(set(places)) == len(places)


# ---- options that users know from elsewhere ---------------------------------------------------------------------


def test_options_of_others_that_a_save_takes(tmp_path):
    one = model()
    options = {"safe_serialization": True, "save_function": torch.save, "variant": None, "push_to_hub": False}
    assert one.save_pretrained(tmp_path / "none", is_main_process=False, **options) == ()
    assert not (tmp_path / "none").exists()
    paths = one.save_pretrained(tmp_path / "all", is_main_process=True, save_peft_format=True, token=None, **options)
    assert paths == tuple(str(tmp_path / "all" / name) for name in ("model.safetensors", "config.json"))
    assert load_file(paths[0]).keys() == state_to_save(one, original_tensors(one)).keys()
    for other in (one.config, ViTImageProcessor()):
        assert other.save_pretrained(tmp_path / "none", is_main_process=False) == ()
        (path,) = other.save_pretrained(tmp_path / "rest", safe_serialization=True)
        assert Path(path).is_file()


def test_values_given_in_place_of_the_models_own(tmp_path):
    one, other = model(), model()
    given = {name: tensor.bfloat16() for name, tensor in other.state_dict().items()}
    one.save_pretrained(tmp_path, state_dict=given)
    loaded = type(one).from_pretrained(tmp_path)
    assert loaded.dtype == torch.bfloat16
    assert loaded.config.dtype == "bfloat16"
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, given[name])
    assert loaded.vocab_projector.weight is loaded.get_input_embeddings().weight
    one.distilbert = nn.DataParallel(one.distilbert)  # names in the state_dict are then with a wrapper's
    one.save_pretrained(tmp_path / "wrapped", state_dict=one.state_dict())
    assert torch.equal(load_file(tmp_path / "wrapped" / "model.safetensors")[TIED], one.state_dict()[WRAPPED])


TIED = "distilbert.embeddings.word_embeddings.weight"
WRAPPED = "distilbert.module.embeddings.word_embeddings.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda state: {f"module.{name}": value for name, value in state.items()}, "unexpected key 'module.distilbert"),
        (lambda state: state | {TIED: state[TIED][:4]}, "ties 'vocab_projector.weight' to 'distilbert.embeddings.word"),
        (lambda state: state | {"vocab_projector.bias": torch.zeros(3)}, "'vocab_projector.bias' must be [30] float, "),
        (lambda state: dict([*state.items()][:-1]), "missing key 'vocab_projector.bias': not in it"),
        (lambda state: {}, "missing key "),
        (lambda state: state | {"more": torch.zeros(1)}, "unexpected key 'more'"),
        (
            lambda state: {**state, "vocab_projector.bias": [0.0]},
            "state_dict must map names to tensors, but holds 'voc",
        ),
        (lambda state: [*state], "state_dict must map names to tensors, but holds None: ['distilbert."),
        (lambda state: {1: torch.zeros(1)}, "state_dict must map names to tensors, but holds 1: tensor([0.])."),
        (lambda state: state | {TIED: state[TIED].to("meta")}, f"'{TIED}' is on the meta device"),
    ],
)
def test_given_values_that_no_load_would_take(tmp_path, change, message):
    one = model()
    with pytest.raises((ConfigError, InputError)) as refused:
        one.save_pretrained(tmp_path, state_dict=change(one.state_dict()))
    assert message in str(refused.value)
    assert not list(tmp_path.iterdir())
