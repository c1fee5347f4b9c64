"""Types of weights that do not compute together, counters that no output depends on, and the report of a load."""

import contextlib
import json
import re

import pytest
import torch
from safetensors.torch import load, save_file

from archsmith import DistilBertConfig, DistilBertModel, ResNetConfig, ResNetForImageClassification
from archsmith.errors import ArchsmithWarning, WeightsMismatch
from archsmith.model import LoadReport

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
RESNET = {"embedding_size": 4, "hidden_sizes": [4, 6], "depths": [1, 1], "layer_type": "basic", "out_features": None}
NAME = "transformer.layer.0.ffn.lin1.weight"
IDS = torch.tensor([[1, 2]])


@pytest.fixture
def tensors(tmp_path):
    DistilBertModel(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path)
    return load((tmp_path / "model.safetensors").read_bytes())


def write(folder, tensors):
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})


@pytest.mark.parametrize("other", [torch.float64, torch.float16, torch.bfloat16, torch.float8_e4m3fn])
def test_weights_of_several_types_are_announced(tmp_path, tensors, other):
    write(tmp_path, {**tensors, NAME: tensors[NAME].to(other)})
    said = rf"of several types, which seldom .*\(1: {re.escape(NAME)}\)\. To have one type pass dtype='float32'"
    with pytest.warns(ArchsmithWarning, match=said):
        model = DistilBertModel.from_pretrained(tmp_path)
    assert model.get_parameter(NAME).dtype == other
    model = DistilBertModel.from_pretrained(tmp_path, dtype="float32")  # the remedy, without a warning
    assert torch.equal(model.get_parameter(NAME), tensors[NAME].to(other).float())
    assert model(input_ids=IDS).last_hidden_state.isfinite().all()


def test_weights_of_a_type_that_torch_does_not_compute_with(tmp_path, tensors):
    write(tmp_path, {name: tensor.to(torch.float8_e5m2) for name, tensor in tensors.items()})
    with pytest.warns(
        ArchsmithWarning, match="of type F8_E5M2, which torch does not compute with. Pass dtype='float32'"
    ):
        DistilBertModel.from_pretrained(tmp_path)
    model = DistilBertModel.from_pretrained(tmp_path, dtype="bfloat16")
    assert model(input_ids=IDS).last_hidden_state.isfinite().all()


def configure(folder, **values):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def test_weights_that_are_said_to_be_quantised(tmp_path, tensors):
    configure(tmp_path, quantization_config={"quant_method": "fp8", "weight_block_size": [128, 128]})
    said = (
        "config.json says that the weights are quantised ('fp8'), which archsmith does not undo: it takes the numbers "
        "as they stand in the files. Use a checkpoint that is not quantised, or pass dtype='float32' if its weights "
        "are plain numbers after all."
    )
    with pytest.warns(ArchsmithWarning, match=re.escape(said)):
        DistilBertModel.from_pretrained(tmp_path)
    model = DistilBertModel.from_pretrained(tmp_path, dtype="float32")
    model.save_pretrained(tmp_path / "again")
    assert "quantization_config" not in json.loads((tmp_path / "again" / "config.json").read_text())
    write(tmp_path, tensors | {f"{NAME}_scale_inv": torch.ones(1)})
    with pytest.raises(WeightsMismatch, match=r"unexpected key .*weight_scale_inv") as error:
        DistilBertModel.from_pretrained(tmp_path)
    assert str(error.value).endswith(said)


@pytest.mark.parametrize("empty", [None, {}])
def test_an_empty_quantisation_says_nothing(tmp_path, tensors, empty):
    configure(tmp_path, quantization_config=empty)
    DistilBertModel.from_pretrained(tmp_path)


def resnet_folder(path):
    model = ResNetForImageClassification(ResNetConfig(**RESNET))
    model(torch.rand(2, 3, 32, 32))  # in training mode: statistics and counters move on
    model.save_pretrained(path)
    return model, load((path / "model.safetensors").read_bytes())


@pytest.mark.parametrize("kind", ["left out", "some left out", "half", "int32", "infinite"])
def test_counters_may_be_missing_or_cast(tmp_path, kind):
    model, tensors = resnet_folder(tmp_path)
    counters = [name for name in model.state_dict() if name.endswith("num_batches_tracked")]
    assert counters
    assert all(tensors[name] == 1 for name in counters)
    expected = 1
    if kind.endswith("left out"):
        gone, expected = counters if kind == "left out" else counters[:1], 0
        tensors = {name: tensor for name, tensor in tensors.items() if name not in gone}
        said = rf"counters start from zero: {re.escape(gone[0])}"
    elif kind in ("half", "int32"):
        to = torch.float16 if kind == "half" else torch.int32
        tensors = {name: tensor.to(to) if name in counters else tensor for name, tensor in tensors.items()}
        said = rf"as rounded numbers: {re.escape(counters[0])}" if kind == "half" else ""
    else:
        tensors[counters[0]], expected = torch.tensor(float("inf")).half(), 0
        said = rf"as rounded numbers: {re.escape(counters[0])}\."
    save_file(tensors, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.warns(ArchsmithWarning, match=said) if said else contextlib.nullcontext():
        after = ResNetForImageClassification.from_pretrained(tmp_path)
    assert after.get_buffer(counters[0]) == expected
    assert kind == "int32" or after.get_buffer(counters[0]).dtype == torch.int64
    images = torch.rand(2, 3, 32, 32)
    assert torch.equal(after(images).logits, model.eval()(images).logits)
    if kind != "int32":  # and on it goes
        after.save_pretrained(tmp_path / "again")
        assert ResNetForImageClassification.from_pretrained(tmp_path / "again").load_report.new == ()


def test_a_model_that_was_cast_whole_by_another_program(tmp_path):
    model, tensors = resnet_folder(tmp_path)
    save_file({name: tensor.bfloat16() for name, tensor in tensors.items()}, tmp_path / "model.safetensors")
    with pytest.warns(ArchsmithWarning, match="as rounded numbers") as said:
        after = ResNetForImageClassification.from_pretrained(tmp_path)
    assert len(said) == 1
    assert after.dtype == torch.bfloat16
    images = torch.rand(2, 3, 32, 32)
    assert torch.allclose(after.float()(images).logits, model.eval()(images).logits, atol=0.1)


def test_other_integers_are_not_counters(tmp_path):
    _, tensors = resnet_folder(tmp_path)
    wrong = tensors | {"classifier.1.bias": tensors["classifier.1.bias"].long()}
    save_file(wrong, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsMismatch, match=r"'classifier\.1\.bias' must be \[2\] float, but"):
        ResNetForImageClassification.from_pretrained(tmp_path)


def test_a_report_is_read_at_a_glance(tmp_path):
    assert repr(LoadReport(("a",) * 40, ("b", "c"), (), ("d",))) == (
        "LoadReport\n  loaded     40: a, a, a, a, a, a, a, a and 32 more\n  new         2: b, c\n"
        "  unused      0: none\n  ignored     1: d"
    )
    DistilBertModel(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path)
    report = DistilBertModel.from_pretrained(tmp_path).load_report
    assert str(report).startswith(f"LoadReport\n  loaded   {len(report.loaded):4}: ")
    assert max(map(len, str(report).splitlines())) < 500


@pytest.mark.parametrize(("dtype", "number"), [("float16", 1e6), ("bfloat16", 1e300)])
def test_numbers_that_a_type_cannot_hold_are_no_infinities(tmp_path, tensors, dtype, number):
    large = tensors[NAME].double() if number > 1e38 else tensors[NAME].clone()
    large[0, 0] = number
    write(tmp_path, {**tensors, NAME: large})
    said = (
        rf"'{re.escape(NAME)}' of .* holds numbers that {dtype} cannot hold: they would become infinite\. Pass a dtype"
    )
    with pytest.raises(WeightsMismatch, match=said):
        DistilBertModel.from_pretrained(tmp_path, dtype=dtype)
    loaded = DistilBertModel.from_pretrained(tmp_path, dtype=dtype, check_finite=False)
    assert loaded.get_parameter(NAME)[0, 0].isinf()


def test_the_configuration_says_the_type_that_was_asked_for(tmp_path, tensors):
    assert DistilBertModel.from_pretrained(tmp_path, dtype="bfloat16").config.dtype == "bfloat16"
    assert DistilBertModel.from_pretrained(tmp_path).config.dtype == "float32"
