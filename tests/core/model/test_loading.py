"""Loading: where the values come from, what is made anew, what is tied, and which options there are."""

import copy
import io
import json
import pickle
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import pytest
import torch
from safetensors.torch import load, load_file, save_file
from torch import nn

import archsmith
from archsmith import (
    AutoModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    DistilBertForSequenceClassification,
    DistilBertModel,
    PreTrainedConfig,
    PreTrainedModel,
)
from archsmith.config import Size, field
from archsmith.errors import (
    ArchsmithWarning,
    CheckpointCorrupt,
    ConfigError,
    OptionError,
    PluginBroken,
    UnknownField,
    WeightsMismatch,
)
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.weights import Weights, find_weights
from archsmith.model.marker import whole_of

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
BLOCKS = {"hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 8}
GROUPS = {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}


@pytest.fixture
def folder(tmp_path):
    DistilBertForMaskedLM(DistilBertConfig(**CONFIG)).save_pretrained(tmp_path / "model")
    return tmp_path / "model"


def quietly(load, *args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        return load(*args, **kwargs)


# ---- values -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="the system does not say what is mapped")
def test_weights_are_mapped_without_a_copy(folder):
    model = DistilBertForMaskedLM.from_pretrained(folder)

    def mapped():
        lines = Path("/proc/self/maps").read_text().splitlines()
        spans = [line.split()[0].split("-") for line in lines if line.endswith("model.safetensors")]
        return [(int(begin, 16), int(end, 16)) for begin, end in spans]

    spans = mapped()
    for parameter in model.parameters():
        assert any(begin <= parameter.data_ptr() < end for begin, end in spans)
    before = (folder / "model.safetensors").read_bytes()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(1)
    assert (folder / "model.safetensors").read_bytes() == before
    copied = DistilBertForMaskedLM.from_pretrained(folder, mmap=False)
    spans = mapped()
    assert not any(begin <= p.data_ptr() < end for p in copied.parameters() for begin, end in spans)


def test_modes_and_report(folder):
    built = DistilBertForMaskedLM(DistilBertConfig(**CONFIG))
    assert built.training
    assert built.load_report is None
    model = DistilBertForMaskedLM.from_pretrained(folder)
    assert not any(module.training for module in model.modules())
    assert all(parameter.requires_grad for parameter in model.parameters())
    report = model.load_report
    assert report.new == report.unused == report.ignored == ()
    assert set(report.loaded) == set(model.state_dict()) - {"vocab_projector.weight"}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.float32])
def test_the_files_type_is_kept_and_another_can_be_asked_for(folder, dtype):
    file = folder / "model.safetensors"
    save_file({name: tensor.to(dtype) for name, tensor in load_file(file).items()}, file)
    for same in (None, "auto", dtype, str(dtype), str(dtype).removeprefix("torch.")):
        model = DistilBertForMaskedLM.from_pretrained(folder, dtype=same)
        assert {parameter.dtype for parameter in model.parameters()} == {dtype}
    head = quietly(DistilBertForSequenceClassification.from_pretrained, folder)
    assert head.classifier.weight.dtype == dtype
    model = DistilBertForMaskedLM.from_pretrained(folder, torch_dtype="float32")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32} == {model.dtype}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dtype": "int8"}, "dtype must be one of float16, bfloat16, float32, float64 or auto, but is 'int8'."),
        ({"dtype": torch.int8}, "dtype must be one of float16, bfloat16, float32, float64 or auto, but is torch.int8."),
        ({"dtype": 3}, "dtype must be one of float16, bfloat16, float32, float64 or auto, but is 3."),
        ({"dtype": "float32", "torch_dtype": "float32"}, "dtype and torch_dtype are one option; pass dtype."),
        ({"device": "meta"}, "device must be one that holds values, as 'cpu' or 'cuda:0', but is 'meta'."),
        ({"device": "warp"}, "device must be one that torch has here, as 'cpu' or 'cuda:0', but is 'warp': "),
        ({"device": "cuda:99"}, "device must be one that torch has here, as 'cpu' or 'cuda:0', but is 'cuda:99': "),
        ({"device": "xla"}, "device must be one that torch has here"),
        ({"device": "mps"}, "device must be one that torch has here, as 'cpu' or 'cuda:0', but is 'mps': "),
        ({"device": -3}, "device must be one that torch has here"),
        ({"device": []}, "device must be one that torch has here"),
        ({"attn_implementation": "edger"}, "attn_implementation must be one of sdpa, eager, but is 'edger'."),
        ({"attn_implementation": ""}, "attn_implementation must be one of sdpa, eager, but is ''."),
        ({"attn_implementation": ["sdpa"]}, "attn_implementation must be one of sdpa, eager, but is ['sdpa']."),
        ({"mmap": "yes"}, "mmap must be True or False, but is 'yes'."),
        ({"check_finite": None}, "check_finite must be True or False, but is None."),
        ({"trust_remote_code": True}, "trust_remote_code is refused: "),
    ],
)  # fmt: skip
def test_wrong_options(folder, options, message):
    with pytest.raises(OptionError) as caught:
        DistilBertForMaskedLM.from_pretrained(folder, **options)
    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 500  # torch says a screenful of a device that it was not built for


def test_right_options(folder):
    for device in (None, "cpu", torch.device("cpu")):
        assert DistilBertForMaskedLM.from_pretrained(folder, device=device).device == torch.device("cpu")
    eager = DistilBertForMaskedLM.from_pretrained(folder, attn_implementation="eager")
    assert eager.distilbert.attn_implementation == eager.attn_implementation == "eager"
    sdpa = DistilBertForMaskedLM.from_pretrained(folder)
    assert sdpa.attn_implementation == "sdpa"
    ids = torch.tensor([[1, 2, 3]])
    torch.testing.assert_close(eager(ids).logits, sdpa(ids).logits)


def test_configuration_and_overrides(folder):
    config = DistilBertConfig(**CONFIG, dropout=0.5)
    model = DistilBertForMaskedLM.from_pretrained(folder, config=config, attention_dropout=0.3)
    assert (model.config.dropout, model.config.attention_dropout) == (0.5, 0.3)
    assert (config.attention_dropout, model.config is config) == (0.1, False)
    assert DistilBertForMaskedLM.from_pretrained(folder, dropout=0.4).config.dropout == 0.4
    with pytest.raises(OptionError):
        DistilBertForMaskedLM.from_pretrained(folder, nonsense=1)
    for wrong in ({"dropout": 3}, {"config": {"dim": 8}}, {"config": PreTrainedConfig()}):
        with pytest.raises(ConfigError):
            DistilBertForMaskedLM.from_pretrained(folder, **wrong)
    (folder / "config.json").unlink()
    DistilBertForMaskedLM.from_pretrained(folder, config=config)


def test_under_another_default_device(folder):
    with torch.device("meta"):
        model = quietly(DistilBertForSequenceClassification.from_pretrained, folder)
    assert not any(tensor.is_meta for tensor in model.state_dict().values())


# ---- what is made anew --------------------------------------------------------------------------------------------


def test_a_new_head_starts_as_it_should(folder):
    file = folder / "model.safetensors"
    wide = DistilBertConfig(**{**CONFIG, "dim": 256, "initializer_range": 0.05})
    DistilBertForMaskedLM(wide).save_pretrained(folder)
    torch.manual_seed(1)
    one = quietly(DistilBertForSequenceClassification.from_pretrained, folder)
    torch.manual_seed(1)
    same = quietly(DistilBertForSequenceClassification.from_pretrained, folder)
    other = quietly(DistilBertForSequenceClassification.from_pretrained, folder)
    for name in one.load_report.new:
        value = one.state_dict()[name]
        assert value.isfinite().all()
        assert torch.equal(value, same.state_dict()[name])
        if name.endswith("bias"):
            assert not value.any()
        else:
            assert not torch.equal(value, other.state_dict()[name])
    assert abs(one.pre_classifier.weight.std() - 0.05) < 0.005
    for name, tensor in load_file(file).items():
        if name.startswith("distilbert."):
            assert torch.equal(one.state_dict()[name], tensor)


def test_building_is_reproducible_and_well_scaled():
    config = DistilBertConfig(vocab_size=300, dim=128, n_heads=2, n_layers=1, hidden_dim=256)
    torch.manual_seed(0)
    one = DistilBertForMaskedLM(config)
    torch.manual_seed(0)
    two = DistilBertForMaskedLM.from_config(config)
    for (name, a), b in zip(one.state_dict().items(), two.state_dict().values(), strict=True):
        assert torch.equal(a, b), name
        if a.ndim == 2:
            assert abs(a.std() - 0.02) < 0.002, name
        elif "norm" in name.lower() and name.endswith("weight"):
            assert (a == 1).all(), name
        else:
            assert (a == 0).all(), name
    assert not one.distilbert.embeddings.word_embeddings.weight[0].any()


def test_a_users_class_with_more_layers(folder, tmp_path):
    class Mine(DistilBertForMaskedLM):
        def __init__(self, config, depth: int = 1):
            super().__init__(config)
            self.more = nn.ModuleList(nn.Linear(8, 8) for _ in range(depth))
            self.norm = nn.BatchNorm1d(8)
            self.recurrent = nn.LSTM(8, 4)
            self.register_buffer("scale", torch.ones(1), persistent=False)

        def init_buffers(self):
            self.scale = torch.ones(1)

    with pytest.warns(ArchsmithWarning, match="start from random values: more"):
        model = Mine.from_pretrained(folder, depth=2)
    assert len(model.more) == 2
    for name, tensor in model.state_dict().items():
        assert not tensor.is_meta, name
        assert tensor.isfinite().all(), name
    assert (model.norm.running_var == 1).all()
    assert model.norm.num_batches_tracked == 0
    model.norm.running_mean.fill_(3)
    model.save_pretrained(tmp_path / "mine")
    again = Mine.from_pretrained(tmp_path / "mine", depth=2)
    assert (again.norm.running_mean == 3).all()
    assert again.load_report.new == ()
    with pytest.raises(OptionError, match="'breadth' is not a field of DistilBertConfig, nor an option of Mine"):
        Mine.from_pretrained(folder, breadth=2)
    assert quietly(DistilBertModel.from_pretrained, tmp_path / "mine").config.dim == 8


def test_a_parameter_that_nothing_initialises(folder):
    class Forgetful(DistilBertForMaskedLM):
        def __init__(self, config):
            super().__init__(config)
            self.inner = nn.Module()
            self.inner.scale = nn.Parameter(torch.ones(3))

    with pytest.raises(PluginBroken) as caught:
        Forgetful.from_pretrained(folder)
    assert str(caught.value) == (
        "Forgetful: 'inner.scale' has no initial values. Forgetful must give them to Module in its method "
        "init_weights()."
    )

    class Careful(Forgetful):
        def init_weights(self, module):
            super().init_weights(module)
            if hasattr(module, "scale"):
                nn.init.ones_(module.scale)

    assert quietly(Careful.from_pretrained, folder).inner.scale.tolist() == [1, 1, 1]


# ---- toys ---------------------------------------------------------------------------------------------------------


class InnerConfig(PreTrainedConfig):
    model_type = "inner"
    width: Size = field(default=4)
    initializer_range: float = field(default=0.5)


class OuterConfig(PreTrainedConfig):
    model_type = "outer"
    width: Size = field(default=4)
    inner_width: Size = field(default=64)


class Positions(nn.Module):
    """A module without parameters: a table that no file holds, and a counter that files do hold."""

    def __init__(self, width):
        super().__init__()
        self.width = width
        self.register_buffer("table", torch.arange(width).float().cos(), persistent=False)
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))

    def init_buffers(self):
        self.table = torch.arange(self.width).float().cos()
        self.steps = torch.zeros((), dtype=torch.int64)


class Inner(PreTrainedModel):
    config_class = InnerConfig

    def __init__(self, config):
        super().__init__(config)
        self.linear = nn.Linear(config.width, config.width)


class Outer(PreTrainedModel):
    config_class = OuterConfig
    optional_keys = ("positions.steps",)

    def __init__(self, config, *, inner: Inner | None = None, note: str = ""):
        super().__init__(config)
        self.note = note
        self.positions = Positions(config.width)
        self.nothing = nn.Identity()
        self.inner = Inner(InnerConfig(width=config.inner_width)) if inner is None else inner
        self.linear = nn.Linear(config.width, config.width)


class Bare(PreTrainedModel):
    config_class = InnerConfig


def test_a_toy_comes_back_whole(tmp_path):
    model = Outer(OuterConfig(), note="built")
    assert abs(model.inner.linear.weight.std() - 0.5) < 0.05  # by its own configuration
    assert abs(model.linear.weight.std() - 0.02) < 0.02
    model.positions.steps.fill_(7)
    model.save_pretrained(tmp_path)
    assert "positions.table" not in load_file(tmp_path / "model.safetensors")
    again = Outer.from_pretrained(tmp_path, note="loaded")
    assert again.note == "loaded"
    assert again.positions.steps == 7
    assert again.positions.steps.dtype == torch.int64
    assert torch.equal(again.positions.table, model.positions.table)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values(), strict=True))
    half = Outer.from_pretrained(tmp_path, dtype="float16")
    assert half.positions.steps.dtype == torch.int64
    assert half.linear.weight.dtype == torch.float16


def test_an_optional_buffer_that_the_file_lacks_is_rebuilt(tmp_path):
    Outer(OuterConfig()).save_pretrained(tmp_path)
    tensors = load_file(tmp_path / "model.safetensors")
    del tensors["positions.steps"]
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.warns(ArchsmithWarning, match="positions.steps"):
        model = Outer.from_pretrained(tmp_path)
    assert model.positions.steps == 0


class FillingPart(nn.Module):
    """Fills the buffers that its constructor has registered, rather than making others."""

    def __init__(self, *, fills_all=True):
        super().__init__()
        self.fills_all = fills_all
        self.register_buffer("table", torch.zeros(3), persistent=False)
        self.register_buffer("places", torch.zeros(3, dtype=torch.int64), persistent=False)
        self.init_buffers()

    def init_buffers(self):
        self.table.copy_(torch.arange(3.0))
        if self.fills_all:
            self.places[:] = torch.arange(3)


def test_buffers_may_be_filled_in_place(tmp_path):
    class Filling(Bare):
        fills_all = True

        def __init__(self, config):
            super().__init__(config)
            self.part = FillingPart(fills_all=self.fills_all)

    class Half(Filling):
        fills_all = False

    Filling(InnerConfig()).save_pretrained(tmp_path)
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            part = Filling.from_pretrained(tmp_path).part
        assert part.table.tolist() == [0, 1, 2]
        assert part.places.tolist() == [0, 1, 2]
        with (
            mode(),
            pytest.raises(PluginBroken, match=r"'part.places' has no values after loading. FillingPart"),
        ):
            Half.from_pretrained(tmp_path)


def test_a_buffer_that_nothing_rebuilds(tmp_path):
    class Forgetful(Bare):
        def __init__(self, config):
            super().__init__(config)
            self.part = nn.Module()
            self.part.register_buffer("table", torch.zeros(2), persistent=False)

    Forgetful(InnerConfig()).save_pretrained(tmp_path)
    with pytest.raises(PluginBroken) as caught:
        Forgetful.from_pretrained(tmp_path)
    assert str(caught.value) == (
        "Forgetful: 'part.table' has no values after loading. Module must make it in a method init_buffers()."
    )


def test_a_model_without_parameters(tmp_path):
    model = Bare(InnerConfig())
    assert (model.device, model.dtype, model.num_parameters()) == (torch.device("cpu"), torch.float32, 0)
    model.save_pretrained(tmp_path)
    assert Bare.from_pretrained(tmp_path).load_report.loaded == ()


def test_a_finished_part_keeps_its_values(tmp_path):
    trained = Inner(InnerConfig(width=64))
    with torch.no_grad():
        trained.linear.weight.fill_(3)
    assert (Outer(OuterConfig(), inner=trained).inner.linear.weight == 3).all()
    trained.save_pretrained(tmp_path)

    class Host(Outer):
        def __init__(self, config):
            super().__init__(config, inner=Inner.from_pretrained(tmp_path))

    host = Host(OuterConfig())
    assert (host.inner.linear.weight == 3).all()
    assert abs(host.linear.weight).max() < 0.2
    with torch.no_grad():
        host.inner.linear.weight.fill_(5)
    host.save_pretrained(tmp_path / "host")
    again = Host.from_pretrained(tmp_path / "host")
    assert (again.inner.linear.weight == 5).all()
    assert not any(tensor.is_meta for tensor in again.state_dict().values())


def test_a_part_that_a_constructor_loads_is_loaded_as_by_itself(folder, tmp_path):
    """Even if its configuration prunes heads, its files lack a parameter, or the whole model comes from files."""
    part = quietly(DistilBertModel.from_pretrained, folder)
    part.prune_heads({0: [0]})
    part.save_pretrained(tmp_path / "part")

    class Host(Outer):
        def __init__(self, config):
            super().__init__(config, inner=quietly(DistilBertForMaskedLM.from_pretrained, tmp_path / "part"))

    host = Host(OuterConfig())
    inner = host.inner.distilbert
    assert list(inner.transformer.layer[0].attention.q_lin.weight.shape) == [4, 8]
    assert all(torch.equal(tensor, part.state_dict()[name]) for name, tensor in inner.state_dict().items())
    host.save_pretrained(tmp_path / "host")
    again = Host.from_pretrained(tmp_path / "host")
    assert again.load_report.new == ()
    assert all(torch.equal(tensor, again.state_dict()[name]) for name, tensor in host.state_dict().items())


def test_abstract_classes():
    for build in (
        lambda: PreTrainedModel(PreTrainedConfig()),
        lambda: PreTrainedModel.from_config(PreTrainedConfig()),
        lambda: PreTrainedModel.from_pretrained("/tmp"),
    ):
        with pytest.raises(
            OptionError, match=r"PreTrainedModel is not an architecture\. Use AutoModel, or the class of an"
        ):
            build()


def test_a_constructor_that_fails_leaves_no_trace(folder):
    class Broken(DistilBertModel):
        def __init__(self, config):
            super().__init__(config)
            raise RuntimeError("no luck")

    with pytest.raises(ConfigError, match="no Broken can be built: no luck"):
        Broken.from_pretrained(folder)
    with pytest.raises(RuntimeError):
        Broken(DistilBertConfig(**CONFIG))
    assert not any(
        p.is_meta or not p.isfinite().all() for p in DistilBertModel(DistilBertConfig(**CONFIG)).parameters()
    )


# ---- tied weights -------------------------------------------------------------------------------------------------


def tied(model) -> bool:
    return model.vocab_projector.weight is model.distilbert.embeddings.word_embeddings.weight


def test_tied_weights_stay_one_object(folder, tmp_path):
    config = DistilBertConfig(**CONFIG)
    model = DistilBertForMaskedLM.from_pretrained(folder)
    for one in (
        model,
        DistilBertForMaskedLM(config),
        DistilBertForMaskedLM.from_config(config, dtype="float16"),
        copy.deepcopy(model),
        copy.deepcopy(model).double(),
        DistilBertForMaskedLM.from_pretrained(folder, dtype="float16"),
    ):
        assert tied(one)
        one.save_pretrained(tmp_path / "again")
        assert "vocab_projector.weight" not in load_file(tmp_path / "again" / "model.safetensors")
        assert tied(DistilBertForMaskedLM.from_pretrained(tmp_path / "again"))
    loose = DistilBertForMaskedLM(DistilBertConfig(**CONFIG, tie_word_embeddings=False))
    assert not tied(loose)
    loose.save_pretrained(tmp_path / "loose")
    again = DistilBertForMaskedLM.from_pretrained(tmp_path / "loose")
    assert not tied(again)
    assert torch.equal(again.vocab_projector.weight, loose.vocab_projector.weight)


# ---- many at once -------------------------------------------------------------------------------------------------


def test_building_and_loading_in_many_threads(folder):
    faults = []
    config = DistilBertConfig(**CONFIG)

    def work(load):
        try:
            for _ in range(8):
                model = DistilBertForMaskedLM.from_pretrained(folder) if load else DistilBertForMaskedLM(config)
                assert tied(model)
                assert not any(tensor.is_meta for tensor in model.state_dict().values())
                assert all(tensor.isfinite().all() for tensor in model.state_dict().values())
                assert model.vocab_layer_norm.weight.eq(1).all()
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=work, args=(index % 2 == 0,)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not faults


def test_a_file_that_changes_under_the_reader_is_read_again(folder, monkeypatch):
    from archsmith.files import weights

    sound, calls = weights.find_weights, []

    def then_changed(checkpoint):
        found = sound(checkpoint)
        if not calls:
            tensors = load((folder / "model.safetensors").read_bytes())
            save_file({name: tensor + 1 for name, tensor in tensors.items()}, folder / "model.safetensors")
        calls.append(1)
        return found

    before = DistilBertForMaskedLM.from_pretrained(folder, mmap=False).state_dict()
    monkeypatch.setattr("archsmith.model.base.find_weights", then_changed)
    after = DistilBertForMaskedLM.from_pretrained(folder).state_dict()
    assert len(calls) == 2
    assert all(torch.equal(tensor + 1, after[name]) for name, tensor in before.items())


def test_what_is_left_over_is_said_once_however_often_it_is_read(folder, monkeypatch):
    from archsmith.files import weights

    calls = []

    def then_changed(checkpoint):
        found = weights.find_weights(checkpoint)
        if len(calls) < 2:
            save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors")
        calls.append(1)
        return found

    monkeypatch.setattr("archsmith.model.base.find_weights", then_changed)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        DistilBertModel.from_pretrained(folder)
    assert len(calls) == 3
    assert ["not used by this model" in str(each.message) for each in said] == [True]
    assert said[0].filename == __file__


def test_a_file_that_changes_under_every_reader(folder, monkeypatch):
    from archsmith.files import weights

    sound = weights.find_weights

    def then_changed(checkpoint):
        found = sound(checkpoint)
        save_file(load_file(folder / "model.safetensors"), folder / "model.safetensors")
        return found

    monkeypatch.setattr("archsmith.model.base.find_weights", then_changed)
    with pytest.raises(CheckpointCorrupt) as caught:
        DistilBertForMaskedLM.from_pretrained(folder)
    assert str(caught.value) == (
        f"{str(folder)!r} was saved anew each of the 50 times that it was read. Load it between two saves."
    )


def test_a_tensor_that_changes_its_shape_before_it_is_read(folder):
    found = find_weights(Checkpoint.open(folder))
    tensors = load_file(folder / "model.safetensors")
    save_file({name: torch.zeros(1) for name in tensors}, folder / "model.safetensors")
    with pytest.raises(CheckpointCorrupt, match="saved anew while it was read"):
        found.load(tensors)


def test_nothing_of_a_checkpoint_is_run(folder):
    config = json.loads((folder / "config.json").read_text())
    config |= {
        "auto_map": {"AutoModel": "evil--evil.Model"},
        "architectures": ["os.system"],
        "__class__": "x",
        "forward": 1,
    }
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit")
    (folder / "modeling_distilbert.py").write_text("raise SystemExit")
    model = quietly(AutoModel.from_pretrained, folder)
    assert type(model) is DistilBertModel
    assert model.config.extra["auto_map"] == {"AutoModel": "evil--evil.Model"}


def test_a_local_folder_needs_no_network(folder):
    code = (
        "import sys\n"
        "def refuse(event, args): assert not event.startswith('socket.'), event\n"
        "sys.addaudithook(refuse)\n"
        "from archsmith import AutoModelForMaskedLM\n"
        f"AutoModelForMaskedLM.from_pretrained({str(folder)!r})\n"
        "assert 'huggingface_hub' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_weights_are_checked_before_anything_is_read(folder, monkeypatch):
    monkeypatch.setattr(Weights, "load", None)
    with pytest.raises(WeightsMismatch):
        DistilBertForMaskedLM.from_pretrained(folder, dim=16)


# ---- what users know from elsewhere -----------------------------------------------------------------------------

HARMLESS = {
    "low_cpu_mem_usage": True, "use_safetensors": True, "resume_download": None, "proxies": None,
    "trust_remote_code": False, "_fast_init": True, "from_tf": False, "from_flax": False, "device_map": None,
    "force_download": False, "quantization_config": None, "load_in_8bit": False, "variant": None, "state_dict": None,
    "weights_only": True, "output_loading_info": False, "torch_dtype": "auto", "_from_auto": True, "revision": None,
    "use_auth_token": None,
}  # fmt: skip


@pytest.mark.parametrize("auto", [False, True])
def test_options_of_others_at_harmless_values(folder, auto):
    cls = AutoModel if auto else DistilBertModel
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "DistilBertModel: in ")
        model = cls.from_pretrained(pretrained_model_name_or_path=folder, **HARMLESS)
    assert type(model) is DistilBertModel
    assert model.name_or_path == model.__dict__["name_or_path"] == model.config._name_or_path == str(folder)
    assert DistilBertModel(model.config).name_or_path == ""
    PreTrainedConfig.from_pretrained(pretrained_model_name_or_path=folder, resume_download=True, use_auth_token=None)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("use_safetensors", False, "use_safetensors=False cannot be had here. Leave it out: weights are always read "),
        ("from_tf", True, "from_tf=True cannot be had here. Save the model as safetensors files where it was made."),
        ("load_in_8bit", True, "load_in_8bit=True cannot be had here. Quantise the loaded model with torchao."),
        ("load_in_8bit", 0, "load_in_8bit=0 cannot be had here."),
        ("variant", "fp16", "variant='fp16' cannot be had here. Pass the subfolder that holds those weights "),
        ("state_dict", {}, "state_dict={} cannot be had here. Build the model with from_config and call load_state"),
        ("force_download", True, "force_download=True cannot be had here. Delete the file from the hub's cache."),
        ("proxies", {}, "proxies={} cannot be had here. Set the variables HTTP_PROXY and HTTPS_PROXY."),
        ("use_auth_token", "hf_secret", "use_auth_token=… cannot be had here. Pass token."),
        ("output_loading_info", 1, "output_loading_info must be True or False, but is 1."),
        ("ignore_mismatched_sizes", None, "ignore_mismatched_sizes must be True or False, but is None."),
        ("device_map", {"bert": 0, "head": "cpu"}, "device_map must name one device, as 'cpu', {'': 'cuda:0'} or 'au"),
        ("device_map", {}, "device_map must name one device, "),
        ("device_map", "disk", "device must be one that torch has here, "),
        ("device_map", "meta", "device must be one that holds values, "),
        ("attn_implementation", "flash_attention_2", "attn_implementation must be one of sdpa, eager, but is 'flash"),
    ],
)
def test_options_of_others_that_would_mean_something(folder, option, value, message):
    for cls in (AutoModel, DistilBertModel):
        with pytest.raises(OptionError) as refused:
            cls.from_pretrained(folder, **{option: value})
        assert str(refused.value).startswith(message)


@pytest.mark.parametrize("places", ["cpu", "auto", {"": "cpu"}, {"distilbert": "cpu", "head": torch.device("cpu")}])
def test_one_place_for_all(folder, places):
    assert DistilBertForMaskedLM.from_pretrained(folder, device_map=places).device.type == "cpu"
    with pytest.raises(OptionError, match=r"device and device_map are one option; pass device\."):
        DistilBertForMaskedLM.from_pretrained(folder, device_map=places, device="cpu")


def test_a_field_of_the_name_of_an_option_is_the_field(tmp_path):
    class VariantConfig(PreTrainedConfig):
        model_type = "toy"
        variant: str | None = field(default="large")

    class Variant(PreTrainedModel):
        config_class = VariantConfig

        def __init__(self, config):
            super().__init__(config)
            self.layer = nn.Linear(2, 2)

    Variant(VariantConfig()).save_pretrained(tmp_path)
    assert Variant.from_pretrained(tmp_path, variant=None).config.variant is None


# ---- copies -----------------------------------------------------------------------------------------------------


def torch_saved(model):
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    return torch.load(file, weights_only=False)


@pytest.mark.parametrize("through", [copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), torch_saved])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("DistilBertForMaskedLM", CONFIG),
        ("ViTForImageClassification", BLOCKS | {"image_size": 16, "patch_size": 8}),
        ("ResNetBackbone", {"embedding_size": 8, "hidden_sizes": [8, 8], "depths": [1, 1], "out_features": ["stage1"]}),
        ("Wav2Vec2ForCTC", BLOCKS | {"conv_dim": [8], "conv_kernel": [10], "conv_stride": [5], **GROUPS}),
    ],
)
def test_copies_of_what_was_loaded(tmp_path, name, values, through):
    cls = getattr(archsmith, name)
    built = cls(cls.config_class(**values))
    built.side_files["generation_config.json"] = b"{}"
    built.save_pretrained(tmp_path)
    model = cls.from_pretrained(tmp_path, attn_implementation="eager")
    copied = through(model)
    with torch.no_grad():
        expected, found = (each(**model.dummy_inputs).to_tuple()[0] for each in (model, copied))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    for fact in ("side_files", "load_report", "name_or_path", "attn_implementation", "training", "config"):
        assert getattr(copied, fact) == getattr(model, fact)
    copied.save_pretrained(tmp_path / "copied")
    assert cls.from_pretrained(tmp_path / "copied").side_files == {"generation_config.json": b"{}"}
    assert (copied.config is model.config) == (through is copy.copy)
    del copied
    assert all(whole_of(part) is model for part in model.modules() if isinstance(part, PreTrainedModel))


def test_names_of_the_field_with_the_value_that_holds_anyway_are_taken(folder):
    assert DistilBertForMaskedLM.from_pretrained(folder, use_cache=False).config.extra == {}
    with pytest.raises(UnknownField, match="'use_cache' is not a field of DistilBertConfig"):
        DistilBertForMaskedLM.from_pretrained(folder, use_cache=True)
