"""Weights against models: each tensor missing, extra, of another shape or type, renamed, doubled; and heads."""

import json

import pytest
import torch
from safetensors.torch import load, save_file

from archsmith import DistilBertConfig, DistilBertForMaskedLM, DistilBertForSequenceClassification, DistilBertModel
from archsmith.errors import ArchsmithWarning, ConfigError, OptionError, PluginBroken, WeightsMismatch

CONFIG = {"vocab_size": 30, "dim": 8, "n_heads": 2, "n_layers": 1, "hidden_dim": 16, "max_position_embeddings": 12}
MODELS = {
    "base": DistilBertModel,
    "masked-lm": DistilBertForMaskedLM,
    "sequence-classification": DistilBertForSequenceClassification,
}
TWO = ("distilbert.embeddings.word_embeddings.weight", "vocab_projector.weight")
NAMES = sorted(DistilBertModel(DistilBertConfig(**CONFIG)).state_dict())


class Folder:
    """A saved model whose tensors can be changed."""

    def __init__(self, path, model):
        self.path, self.file = path, path / "model.safetensors"
        model.save_pretrained(path)
        self.tensors = load(self.file.read_bytes())

    def write(self, tensors=None, **config):
        save_file(self.tensors if tensors is None else tensors, self.file)
        if config:
            values = json.loads((self.path / "config.json").read_text())
            (self.path / "config.json").write_text(json.dumps(values | config))


@pytest.fixture(params=["base", "masked-lm"])
def folder(tmp_path, request) -> Folder:
    return Folder(tmp_path / "model", MODELS[request.param](DistilBertConfig(**CONFIG)))


@pytest.fixture
def base(tmp_path) -> Folder:
    return Folder(tmp_path / "base", DistilBertModel(DistilBertConfig(**CONFIG)))


@pytest.fixture
def masked(tmp_path) -> Folder:
    return Folder(tmp_path / "masked", DistilBertForMaskedLM(DistilBertConfig(**CONFIG)))


def refused(model, folder, *parts, **options):
    with pytest.raises(WeightsMismatch) as caught:
        model.from_pretrained(folder.path, **options)
    for part in parts:
        assert part in str(caught.value)
    return caught.value


def model_of(folder):
    return MODELS["masked-lm" if "vocab_projector.bias" in folder.tensors else "base"]


# ---- every tensor, every fault ----------------------------------------------------------------------------------


def test_a_missing_tensor(folder):
    for name in folder.tensors:
        folder.write({key: tensor for key, tensor in folder.tensors.items() if key != name})
        absent = (name, TWO[1]) if name == TWO[0] else (name,)  # a tied weight is missing under both of its names
        assert refused(model_of(folder), folder).faults == tuple(
            f"missing key {each!r}: not in the files" for each in absent
        )


def test_a_tensor_of_another_shape(folder):
    for name, tensor in folder.tensors.items():
        for other in (tensor[..., :-1].contiguous(), tensor[None], torch.cat([tensor, tensor])):
            folder.write({**folder.tensors, name: other})
            assert refused(model_of(folder), folder).faults == (
                f"{name!r} must be {list(tensor.shape)} float, but model.safetensors holds {list(other.shape)} F32",
            )


@pytest.mark.parametrize(("dtype", "said"), [(torch.int64, "I64"), (torch.bool, "BOOL"), (torch.complex64, "C64")])
def test_a_tensor_of_another_class_of_type(folder, dtype, said):
    for name, tensor in folder.tensors.items():
        folder.write({**folder.tensors, name: torch.zeros(tensor.shape, dtype=dtype)})
        refused(model_of(folder), folder, f"{name!r} must be", f"holds {list(tensor.shape)} {said}")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_a_tensor_that_is_not_finite(base, value, dtype):
    tensors = {name: tensor.to(dtype) for name, tensor in base.tensors.items()}
    for name, tensor in tensors.items():
        spoilt = tensor.clone()
        spoilt.view(-1)[-1] = value
        base.write({**tensors, name: spoilt})
        error = refused(DistilBertModel, base)
        assert str(error) == (
            f"{name!r} in model.safetensors of {str(base.path)!r} holds NaN or infinity. The file is damaged or "
            "training diverged; to load it all the same pass check_finite=False."
        )
        model = DistilBertModel.from_pretrained(base.path, check_finite=False)
        assert not model.state_dict()[name].isfinite().all()


def test_infinities_that_cancel_and_sums_that_overflow(base):
    name = "embeddings.word_embeddings.weight"
    both = base.tensors[name].clone()
    both[0, 0], both[0, 1] = float("inf"), -float("inf")
    base.write({**base.tensors, name: both})
    refused(DistilBertModel, base, "holds NaN or infinity")
    base.write({**base.tensors, name: torch.full_like(both, 3e38)})
    DistilBertModel.from_pretrained(base.path)
    base.write({**base.tensors, name: torch.full_like(both, 6e4).half()})
    DistilBertModel.from_pretrained(base.path, dtype="float32")


def test_a_tensor_too_many(folder):
    for name in ("nonsense", "embeddings.nonsense", "transformer.layer.1.attention.q_lin.weight", "x" * 300, "ü"):
        key = f"distilbert.{name}" if model_of(folder) is DistilBertForMaskedLM else name
        folder.write({**folder.tensors, key: torch.zeros(2)})
        assert refused(model_of(folder), folder).faults == (f"unexpected key {key!r}: not a parameter of the model",)


def test_a_renamed_tensor(folder):
    for name in folder.tensors:
        other = name.replace("weight", "wieght").replace("bias", "bais")
        folder.write({(other if key == name else key): tensor for key, tensor in folder.tensors.items()})
        error = refused(
            model_of(folder), folder, f"missing key {name!r}: not in the files", f"unexpected key {other!r}"
        )
        assert len(error.faults) == (3 if name == TWO[0] else 2)


def test_old_spellings_are_read_and_two_spellings_are_an_error(folder):
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): tensor
        for name, tensor in folder.tensors.items()
    }
    assert old.keys() != folder.tensors.keys()
    folder.write(old)
    loaded = model_of(folder).from_pretrained(folder.path)
    for name, tensor in folder.tensors.items():
        assert torch.equal(loaded.state_dict()[name], tensor)
    folder.write({name: tensor.clone() for name, tensor in (old | folder.tensors).items()})
    refused(model_of(folder), folder, "LayerNorm.gamma", "in the files are both the parameter")


def test_the_whole_message(base):
    tensors = dict(base.tensors)
    tensors["embeddings.LayerNorm.bias"] = torch.zeros(9)
    del tensors["embeddings.LayerNorm.weight"]
    tensors["more"] = torch.zeros(1)
    base.write(tensors)
    assert str(refused(DistilBertModel, base)) == (
        f"DistilBertModel cannot be loaded from {str(base.path)!r} (model.safetensors):\n"
        "  - unexpected key 'more': not a parameter of the model\n"
        "  - 'embeddings.LayerNorm.bias' must be [8] float, but model.safetensors holds [9] F32\n"
        "  - missing key 'embeddings.LayerNorm.weight': not in the files\n"
        "Check that config.json and the weights belong together. To let parameters start from random values pass "
        "allow_new=[patterns]; to leave tensors of the files out pass allow_unused=[patterns]."
    )


def test_a_long_list_of_faults_is_cut(base):
    base.write({f"wrong.{name}": tensor for name, tensor in base.tensors.items()})
    error = refused(DistilBertModel, base, "  - … and ")
    assert len(error.faults) == 2 * len(NAMES)
    assert str(error).count("\n") < 25


# ---- configuration against weights ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"n_layers": 2},
        {"dim": 16},
        {"hidden_dim": 15},
        {"vocab_size": 31},
        {"max_position_embeddings": 13},
    ],
)
def test_a_configuration_of_other_sizes(folder, wrong):
    folder.write(**wrong)
    refused(model_of(folder), folder, "cannot be loaded from")


@pytest.mark.parametrize(
    "wrong",
    [{"n_layers": 10**9}, {"dim": 10**12}, {"dim": 2**31 - 2}, {"hidden_dim": 2**31 - 1}, {"vocab_size": 2**31 - 1}],
)
def test_an_absurd_configuration_takes_neither_time_nor_memory(folder, wrong):
    import resource
    import time

    folder.write(**wrong)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises((WeightsMismatch, ConfigError)):
        model_of(folder).from_pretrained(folder.path)
    assert time.perf_counter() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # KiB


def test_more_parameters_than_the_files_could_have(base):
    base.write(n_layers=10_000)
    assert str(refused(DistilBertModel, base)) == (
        f"the configuration describes a model of far more parameters than the {len(NAMES)} tensors of "
        f"{str(base.path)!r}. Check that config.json and the weights belong together."
    )


def test_weights_of_another_architecture(base):
    base.write({f"bert.{name}": tensor for name, tensor in base.tensors.items()})
    for model in MODELS.values():
        refused(model, base, "not a parameter of the model")


def test_no_tensors_at_all(base):
    base.write({})
    refused(DistilBertModel, base, "not in the files")


# ---- heads ------------------------------------------------------------------------------------------------------


def test_base_to_head_and_back(base, masked, tmp_path):
    with pytest.warns(ArchsmithWarning) as caught:
        model = DistilBertForSequenceClassification.from_pretrained(base.path)
    assert [str(warning.message) for warning in caught] == [
        (
            f"DistilBertForSequenceClassification: not in {str(base.path)!r}, so they start from random values: "
            "pre_classifier.weight, pre_classifier.bias, classifier.weight, classifier.bias. "
            "Train them before you rely on the output."
        )
    ]
    assert model.load_report.new == (
        "pre_classifier.weight",
        "pre_classifier.bias",
        "classifier.weight",
        "classifier.bias",
    )
    assert model.load_report.loaded == tuple(
        f"distilbert.{name}" for name in DistilBertModel(model.config).state_dict()
    )
    assert model.load_report.unused == model.load_report.ignored == ()
    for name, tensor in base.tensors.items():
        assert torch.equal(model.state_dict()[f"distilbert.{name}"], tensor)
    with pytest.warns(ArchsmithWarning) as caught:
        back = DistilBertModel.from_pretrained(masked.path)
    assert [str(warning.message) for warning in caught] == [
        (
            f"DistilBertModel: in {str(masked.path)!r}, but not used by this model: vocab_layer_norm.bias, "
            "vocab_layer_norm.weight, vocab_projector.bias, vocab_transform.bias, vocab_transform.weight."
        )
    ]
    assert sorted(back.load_report.loaded) == NAMES
    assert back.load_report.new == ()


def test_one_head_to_another(masked):
    with pytest.warns(ArchsmithWarning) as caught:
        model = DistilBertForSequenceClassification.from_pretrained(masked.path)
    assert len(caught) == 2
    assert len(model.load_report.new) == 4
    assert len(model.load_report.unused) == 5


def test_a_head_of_its_own_class_must_be_whole(masked):
    own = [name for name in masked.tensors if not name.startswith("distilbert.")]
    masked.write({name: tensor for name, tensor in masked.tensors.items() if name not in own})
    assert len(refused(DistilBertForMaskedLM, masked).faults) == len(own)
    masked.write(architectures=["DistilBertModel"])
    for name in own:  # half a module is never a new one
        if name.endswith("weight") or name == "vocab_transform.bias":
            masked.write({key: tensor for key, tensor in masked.tensors.items() if key != name})
            refused(DistilBertForMaskedLM, masked, f"missing key {name!r}: not in the files")


def test_dead_buffers_are_ignored(folder):
    prefix = "distilbert." if model_of(folder) is DistilBertForMaskedLM else ""
    key = f"{prefix}embeddings.position_ids"
    folder.write({**folder.tensors, key: torch.arange(12)[None]})
    assert model_of(folder).from_pretrained(folder.path).load_report.ignored == (key,)


# ---- widening ---------------------------------------------------------------------------------------------------


def test_allow_new(base):
    name = "embeddings.LayerNorm.weight"
    base.write({key: tensor for key, tensor in base.tensors.items() if key != name})
    refused(DistilBertModel, base, allow_new=["*.nothing"])
    with pytest.warns(ArchsmithWarning, match="start from random values: embeddings.LayerNorm.weight"):
        model = DistilBertModel.from_pretrained(base.path, allow_new=["*.LayerNorm.*"])
    assert torch.equal(model.embeddings.LayerNorm.weight, torch.ones(8))
    assert torch.equal(model.embeddings.LayerNorm.bias, base.tensors["embeddings.LayerNorm.bias"])
    assert model.load_report.new == (name,)


def test_allow_new_with_another_shape(tmp_path):
    folder = Folder(tmp_path / "x", DistilBertForSequenceClassification(DistilBertConfig(**CONFIG)))
    refused(DistilBertForSequenceClassification, folder, "'classifier.weight' must be [5, 8]", num_labels=5)
    with pytest.warns(ArchsmithWarning):
        model = DistilBertForSequenceClassification.from_pretrained(
            folder.path, num_labels=5, allow_new=("classifier.*",)
        )
    assert model.load_report.new == model.load_report.unused[::-1] == ("classifier.weight", "classifier.bias")
    assert model.classifier.weight.shape == (5, 8)


def test_another_shape_everywhere(tmp_path):
    """``ignore_mismatched_sizes``: what differs starts anew and is named, tied weights stay one, the rest is strict."""
    folder = Folder(tmp_path / "x", DistilBertForMaskedLM(DistilBertConfig(**CONFIG)))
    options = {"vocab_size": 32, "ignore_mismatched_sizes": True, "output_loading_info": True}
    with pytest.warns(ArchsmithWarning) as told:
        model, info = DistilBertForMaskedLM.from_pretrained(folder.path, **options)
    (message,) = {str(each.message) for each in told}
    assert message == (
        f"DistilBertForMaskedLM: of another shape or type in {str(folder.path)!r}, so they start from random values: "
        "distilbert.embeddings.word_embeddings.weight ([30, 8] F32 there, [32, 8] here), vocab_projector.bias ([30] "
        "F32 there, [32] here). Train them before you rely on the output."
    )
    assert info == {
        "missing_keys": set(),
        "unexpected_keys": set(),
        "mismatched_keys": {(TWO[0], (30, 8), (32, 8)), ("vocab_projector.bias", (30,), (32,))},
        "error_msgs": [],
    }
    assert model.vocab_projector.weight is model.distilbert.embeddings.word_embeddings.weight
    assert model.load_report.new == model.load_report.unused == (TWO[0], "vocab_projector.bias")
    kept = "distilbert.transformer.layer.0.ffn.lin1.weight"
    assert torch.equal(model.get_parameter(kept), folder.tensors[kept])
    report = DistilBertForMaskedLM.match_pretrained(folder.path, vocab_size=32, ignore_mismatched_sizes=True)
    assert report == model.load_report
    folder.write({key: tensor for key, tensor in folder.tensors.items() if key != kept} | {"more": torch.zeros(1)})
    refused(DistilBertForMaskedLM, folder, f"missing key '{kept}'", "unexpected key 'more'", **options)
    folder.write({**folder.tensors, kept: folder.tensors[kept].int()})
    refused(DistilBertForMaskedLM, folder, "must be [16, 8] float", **options)


def test_what_was_loaded_in_the_words_of_others(base):
    with pytest.warns(ArchsmithWarning):
        model, info = DistilBertForSequenceClassification.from_pretrained(base.path, output_loading_info=True)
    assert (
        info["missing_keys"]
        == set(model.load_report.new)
        == {f"{part}.{name}" for part in ("pre_classifier", "classifier") for name in ("weight", "bias")}
    )
    model.save_pretrained(base.path)
    with pytest.warns(ArchsmithWarning):
        _, info = DistilBertModel.from_pretrained(base.path, output_loading_info=True)
    assert len(info.pop("unexpected_keys")) == 4
    assert info == {"missing_keys": set(), "mismatched_keys": set(), "error_msgs": []}


def test_allow_unused(base):
    base.write({**base.tensors, "more.a": torch.zeros(1), "more.b": torch.zeros(1)})
    refused(DistilBertModel, base, "'more.b'", allow_unused=["more.a"])
    with pytest.warns(ArchsmithWarning, match=r"not used by this model: more\.a, more\.b\."):
        model = DistilBertModel.from_pretrained(base.path, allow_unused=["more.*"])
    assert model.load_report.unused == ("more.a", "more.b")


@pytest.mark.parametrize("patterns", ["classifier.*", 3, None, [1], {"a": 1}, b"x"])
@pytest.mark.parametrize("option", ["allow_new", "allow_unused"])
def test_patterns_are_a_list(base, option, patterns):
    with pytest.raises(OptionError, match=f"{option} must be a list of patterns, as"):
        DistilBertModel.from_pretrained(base.path, **{option: patterns})


def test_the_match_alone_reads_no_weights(masked, monkeypatch):
    import safetensors

    monkeypatch.setattr(safetensors, "safe_open", None)
    report = DistilBertForSequenceClassification.match_pretrained(masked.path)
    assert len(report.new) == 4
    with pytest.raises(WeightsMismatch):
        DistilBertForMaskedLM.match_pretrained(masked.path, n_layers=2)
    with pytest.raises(OptionError):
        DistilBertForMaskedLM.match_pretrained(masked.path, nonsense=2)


# ---- tied weights -----------------------------------------------------------------------------------------------


def test_tied_weights_under_either_name_or_both(masked):
    words = masked.tensors[TWO[0]]
    rest = {name: tensor for name, tensor in masked.tensors.items() if name not in TWO}
    for stored in ({TWO[0]: words}, {TWO[1]: words}, {TWO[0]: words, TWO[1]: words.clone()}):
        masked.write({**rest, **stored})
        model = DistilBertForMaskedLM.from_pretrained(masked.path)
        assert model.vocab_projector.weight is model.distilbert.embeddings.word_embeddings.weight
        assert torch.equal(model.vocab_projector.weight, words)
    masked.write(rest)
    refused(DistilBertForMaskedLM, masked, f"missing key {TWO[0]!r}: not in the files")


def test_tied_weights_that_differ(masked):
    masked.write({**masked.tensors, TWO[1]: masked.tensors[TWO[0]] + 1})
    assert str(refused(DistilBertForMaskedLM, masked)) == (
        f"DistilBertForMaskedLM ties {TWO[1]!r} to {TWO[0]!r}, but {str(masked.path)!r} holds different values for "
        "them. To keep both pass tie_word_embeddings=False."
    )
    model = DistilBertForMaskedLM.from_pretrained(masked.path, tie_word_embeddings=False)
    assert not torch.equal(model.vocab_projector.weight, model.distilbert.embeddings.word_embeddings.weight)


def test_tied_weights_that_are_nan_are_still_the_same(masked):
    words = torch.full_like(masked.tensors[TWO[0]], float("nan"))
    masked.write({**masked.tensors, TWO[0]: words, TWO[1]: words.clone()})
    DistilBertForMaskedLM.from_pretrained(masked.path, check_finite=False)


def test_without_tying_both_must_be_there(masked):
    refused(DistilBertForMaskedLM, masked, f"missing key {TWO[1]!r}: not in the files", tie_word_embeddings=False)


# ---- what a class declares --------------------------------------------------------------------------------------


@pytest.mark.parametrize("attribute", ["ignored_keys", "optional_keys", "head_keys"])
@pytest.mark.parametrize("value", ["pooler.*", ("embeddings.*", 3), None, {"pooler.*"}])
def test_a_declaration_that_is_no_tuple_of_patterns_is_the_authors_error(masked, monkeypatch, attribute, value):
    monkeypatch.setattr(DistilBertForMaskedLM, attribute, value)
    with pytest.raises(PluginBroken) as caught:
        DistilBertForMaskedLM.from_pretrained(masked.path)
    assert f"DistilBertForMaskedLM.{attribute} must be a tuple of patterns, as ('pooler.*',), but is " in str(
        caught.value
    )


@pytest.mark.parametrize("attribute", ["ignored_keys", "optional_keys"])
def test_a_pattern_with_the_prefix_of_the_base_is_the_authors_error(masked, monkeypatch, attribute):
    monkeypatch.setattr(DistilBertForMaskedLM, attribute, ("distilbert.embeddings.*",))
    with pytest.raises(PluginBroken) as caught:
        DistilBertForMaskedLM.from_pretrained(masked.path)
    assert str(caught.value) == (
        f"DistilBertForMaskedLM.{attribute} must be as the base model names its keys, 'embeddings.*', but is "
        "('distilbert.embeddings.*',)."
    )


def test_a_misspelt_pattern_is_told_where_it_would_have_helped(masked, monkeypatch):
    name = "distilbert.transformer.layer.0.ffn.lin1.bias"
    masked.write({key: tensor for key, tensor in masked.tensors.items() if key != name})
    monkeypatch.setattr(DistilBertForMaskedLM, "optional_keys", ("transformer.layers.*.bias",))
    refused(
        DistilBertForMaskedLM,
        masked,
        f"missing key {name!r}",
        "\nNo key matches transformer.layers.*.bias of optional_keys: is it misspelt?",
    )
    monkeypatch.setattr(DistilBertForMaskedLM, "optional_keys", ("transformer.layer.*.bias",))
    with pytest.warns(ArchsmithWarning, match="start from random values"):
        DistilBertForMaskedLM.from_pretrained(masked.path)
