"""Every architecture on another device: the numbers of the original, in every type and compiled; loading and saving.

What the originals computed in float32 on a CPU lies in the recordings that the plugins ship.
"""

from pathlib import Path

import pytest
import torch

import archsmith
from archsmith.tasks import auto_class_name
from archsmith_devkit.recording import gradient_norms
from archsmith_devkit.reference import Recording, deviation, flatten

ROOT = Path(__file__).parents[2]
FOLDERS = sorted(ROOT.glob("plugins/*/src/*/reference/*"))
#: Type → how far a number may be from that of float32.
HALVES = {torch.bfloat16: 0.15, torch.float16: 0.03}

pytestmark = pytest.mark.gpu


@pytest.fixture(params=FOLDERS, ids=[folder.name for folder in FOLDERS])
def recording(request):
    return Recording.read(request.param)


def loaded(recording, **options):
    auto = getattr(archsmith, auto_class_name(recording.description.task))
    return auto.from_pretrained(recording.folder, **options).eval()


def inputs_on(recording, device, dtype=None):
    """Return the recorded inputs on a device, floating-point numbers in another type."""

    def moved(value):
        if isinstance(value, list):
            return [moved(each) for each in value]
        if not isinstance(value, torch.Tensor):
            return value
        return value.to(device, dtype if value.is_floating_point() else None)

    return {name: moved(value) for name, value in recording.inputs.items()}


def assert_recorded(recording, output, tolerance, names=None):
    """Assert that an output is what was recorded, to a tolerance; hidden states and all."""
    expected = recording.expected("outputs")
    found = {name: value.float().cpu() for name, value in flatten(output) if isinstance(value, torch.Tensor)}
    for name, value in expected.items():
        if names is None or name in names:
            assert found[name].shape == value.shape, name
            apart, place = deviation(found[name].to(value.dtype), value)
            assert apart <= tolerance, f"{name}{list(place)} deviates by {apart:.3g}"


@pytest.mark.parametrize("mmap", [True, False])
def test_weights_come_straight_to_the_device(recording, device, mmap):
    here, there = loaded(recording), loaded(recording, device=device, mmap=mmap)
    assert {tensor.device.type for tensor in there.state_dict().values()} == {device.type}
    for name, tensor in here.state_dict().items():
        assert torch.equal(tensor, there.state_dict()[name].cpu()), name
    model = loaded(recording, device=device, dtype="bfloat16")
    assert (model.dtype, model.device.type) == (torch.bfloat16, device.type)


def test_numbers(recording, device):
    model = loaded(recording, device=device)
    with torch.no_grad():
        assert_recorded(recording, model(**inputs_on(recording, device)), 1e-4)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_either_attention(recording, device, attention):
    model = loaded(recording, device=device)
    model.set_attn_implementation(attention)
    with torch.no_grad():
        assert_recorded(recording, model(**inputs_on(recording, device)), 1e-4)


def test_gradients(recording, device):
    named = recording.expected("gradients")
    model = loaded(recording, device=device)
    output = model(**inputs_on(recording, device))
    if "loss" not in output:
        output = {"loss": sum(part.float().square().mean() for _, part in flatten(output) if part.is_floating_point())}
    output["loss"].backward()
    gradients = {name: each.grad for name, each in model.named_parameters() if each.grad is not None}
    assert gradients
    assert all(each.isfinite().all() for each in gradients.values())
    if named:
        norms = gradient_norms(model, inputs_on(recording, device))
        spelt = {name if name in norms else model.rename_key(name): norm for name, norm in named.items()}
        for name, norm in spelt.items():
            apart, _ = deviation(norms[name].cpu().float(), norm.float())
            assert apart <= 1e-4, f"the gradient of {name} deviates by {apart:.3g}"


@pytest.mark.parametrize("dtype", HALVES)
def test_half_precision(recording, device, dtype):
    model = loaded(recording, device=device, dtype=dtype)
    with torch.no_grad():
        output = model(**inputs_on(recording, device, dtype))
    assert_recorded(recording, output, HALVES[dtype], {"logits", "last_hidden_state"})


@pytest.mark.parametrize("dtype", HALVES)
def test_autocast(recording, device, dtype):
    model = loaded(recording, device=device)
    with torch.autocast(device.type, dtype=dtype):
        output = model(**inputs_on(recording, device))
    assert_recorded(recording, output, HALVES[dtype], {"logits", "last_hidden_state"})
    total = sum(part.float().square().mean() for _, part in flatten(output) if part.is_floating_point())
    total.backward()
    assert all(each.grad.isfinite().all() for each in model.parameters() if each.grad is not None)


@pytest.mark.filterwarnings("ignore:::torch")  # the compiler's own
def test_compiled(recording, device):
    model = loaded(recording, device=device)
    inputs = {name: value for name, value in inputs_on(recording, device).items() if "label" not in name}
    with torch.no_grad():
        plain = dict(flatten(model(**inputs)))
        compiled = dict(flatten(torch.compile(model)(**inputs)))
    assert plain.keys() == compiled.keys()
    for name, value in plain.items():
        apart, _ = deviation(compiled[name], value)
        assert apart <= 1e-4, f"{name} deviates by {apart:.3g}"


def test_saved_from_the_device(recording, device, tmp_path):
    model = loaded(recording, device=device)
    model.save_pretrained(tmp_path)
    before, after = loaded(recording).state_dict(), type(model).from_pretrained(tmp_path).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())


def test_moved_there_and_back(recording, device):
    model = loaded(recording).to(device)
    with torch.no_grad():
        assert_recorded(recording, model(**inputs_on(recording, device)), 1e-4)
        assert_recorded(recording, model.cpu()(**recording.inputs), 1e-5)
