"""accelerate: prepare, bfloat16, state, empty weights, device maps."""

import pytest
import torch

from ..parity.support import assert_close
from .support import image_inputs, rows_of, text_inputs, trained

pytestmark = pytest.mark.long


@pytest.fixture(autouse=True)
def _fresh():
    from accelerate.state import AcceleratorState, GradientState, PartialState

    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


@pytest.mark.parametrize("precision", ["no", "bf16"])
@pytest.mark.parametrize(("name", "inputs"), [("bert", text_inputs(labels=3)), ("vit", image_inputs(labels=3))])
def test_prepare(precision, name, inputs, request):
    from accelerate import Accelerator

    losses, pair = [], request.getfixturevalue(name)
    for model in (pair.ours, pair.theirs):
        accelerator = Accelerator(cpu=True, mixed_precision=precision)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        loader = torch.utils.data.DataLoader(rows_of(inputs), batch_size=2)
        prepared, optimizer, loader = accelerator.prepare(model, optimizer, loader)
        for batch in loader:
            output = prepared(**batch)
            accelerator.backward(output.loss)
            optimizer.step()
            optimizer.zero_grad()
        losses.append(output.loss.detach().float())
        assert output.logits.dtype == torch.float32
        assert type(accelerator.unwrap_model(prepared)) is type(model)
    assert_close(*losses, "loss", 1e-4 if precision == "no" else 2e-2)


def test_state(bert, tmp_path):
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model, optimizer = accelerator.prepare(bert.ours, torch.optim.AdamW(bert.ours.parameters()))
    accelerator.save_state(str(tmp_path))
    before = trained(model)
    model(**text_inputs(labels=3)).loss.backward()
    optimizer.step()
    assert not torch.equal(trained(model)["classifier.weight"], before["classifier.weight"])
    accelerator.load_state(str(tmp_path))
    assert all(torch.equal(value, before[name]) for name, value in trained(model).items())


def test_save_pretrained_with_state(masked, tmp_path):
    """How its documentation saves a prepared model: ``save_function`` and ``state_dict`` as keywords."""
    from accelerate import Accelerator

    for side, model in (("theirs", masked.theirs), ("ours", masked.ours)):
        accelerator = Accelerator(cpu=True)
        prepared = accelerator.prepare(model)
        accelerator.unwrap_model(prepared).save_pretrained(
            tmp_path / side,
            is_main_process=accelerator.is_main_process,
            save_function=accelerator.save,
            state_dict=accelerator.get_state_dict(prepared),
        )
        assert (tmp_path / side / "model.safetensors").is_file()
    again = type(masked.ours).from_pretrained(tmp_path / "ours")
    with torch.no_grad():
        assert_close(again(**text_inputs()).logits, masked.theirs(**text_inputs()).logits, "logits")


@pytest.mark.parametrize("name", ["bert", "masked", "vit"])
def test_empty_weights_and_dispatch(name, tmp_path, request):
    from accelerate import infer_auto_device_map, init_empty_weights, load_checkpoint_and_dispatch

    pair = request.getfixturevalue(name)
    inputs = image_inputs() if name == "vit" else text_inputs()
    sides = {"ours": pair.ours} | ({} if name == "vit" else {"theirs": pair.theirs})  # its ViT has other keys in files
    for side, model in sides.items():
        model.save_pretrained(tmp_path / side)
        with init_empty_weights():
            empty = type(model)(model.config)
        assert {parameter.device.type for parameter in empty.parameters()} == {"meta"}
        empty.tie_weights()
        places = infer_auto_device_map(empty, max_memory={"cpu": "1GB"})
        assert set(places.values()) == {"cpu"}
        loaded = load_checkpoint_and_dispatch(empty, str(tmp_path / side), device_map=places)
        with torch.no_grad():
            assert_close(loaded.eval()(**inputs).logits, model(**inputs).logits, "logits")


def test_device_map_with_disk(bert, tmp_path):
    """Layers that do not fit go to the disk, and are fetched when they compute."""
    from accelerate import disk_offload

    for side, model in (("theirs", bert.theirs), ("ours", bert.ours)):
        with torch.no_grad():
            expected = model(**text_inputs()).logits
            assert_close(
                disk_offload(model, str(tmp_path / side), execution_device="cpu")(**text_inputs()).logits,
                expected,
                "logits",
            )
