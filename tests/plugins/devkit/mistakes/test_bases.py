"""The plugins that mistakes are made in are right, where the conformance kit may not look."""

import importlib

import pytest
import torch

from archsmith import AutoModel

from .runner import PACKAGES, install, sources_of


@pytest.fixture
def package(site, request):
    """Return a function that imports a module of an installed plugin."""
    install(site.root, request.param, sources_of(request.param))
    return lambda module: importlib.import_module(f"{PACKAGES[request.param]}.{module}")


def built(package, name, module="model", **values):
    records = list(package("plugin").architectures())
    cls = getattr(package(module), name)
    torch.manual_seed(0)
    (tiny,) = [record.tiny for record in records if record.model_type == cls.config_class.model_type]
    return cls(cls.config_class(**{**tiny, **values})).eval()


@torch.no_grad()
@pytest.mark.parametrize("package", ["decoder"], indirect=True)
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("values", [{}, {"head_dim": 6}, {"num_key_value_heads": 1, "attention_bias": True}])
def test_a_decoder_with_a_cache(package, side, values):
    """Token by token it computes what it computes at once, and padding does not count."""
    model = built(package, "DecoderForCausalLM", "heads", **values)
    ids, mask = torch.randint(1, 60, (2, 9)), torch.ones(2, 9, dtype=torch.long)
    (mask[1, :3] if side == "left" else mask[1, 6:]).zero_()
    whole = model(ids, mask).logits
    past, rows = None, []
    for start, stop in ((0, 4), (4, 5), (5, 9)):
        output = model(ids[:, start:stop], mask[:, :stop], past_key_values=past, use_cache=True)
        past = output.past_key_values
        rows.append(output.logits)
    torch.testing.assert_close(torch.cat(rows, dim=1)[mask.bool()], whole[mask.bool()])
    alone = model(ids[1:, mask[1].bool()]).logits
    torch.testing.assert_close(whole[1:, mask[1].bool()], alone)
    model.set_attn_implementation("eager")
    torch.testing.assert_close(model(ids, mask).logits[mask.bool()], whole[mask.bool()])


@torch.no_grad()
@pytest.mark.parametrize("package", ["decoder"], indirect=True)
def test_a_decoder_sees_no_later_token(package):
    model = built(package, "DecoderModel")
    ids = torch.randint(1, 60, (1, 9))
    torch.testing.assert_close(model(ids[:, :5]).last_hidden_state, model(ids).last_hidden_state[:, :5])
    shifted = model(ids, position_ids=torch.arange(9)[None] + 20).last_hidden_state
    torch.testing.assert_close(model(ids).last_hidden_state, shifted)  # rotations are relative


@torch.no_grad()
@pytest.mark.parametrize("package", ["decoder"], indirect=True)
def test_a_decoder_classifies_by_its_last_token(package):
    model = built(package, "DecoderForSequenceClassification", "heads")
    ids = torch.randint(1, 60, (1, 6))
    alone, padding = model(ids).logits, torch.zeros(1, 3, dtype=torch.long)
    for parts in ([padding, ids], [ids, padding]):
        padded = torch.cat(parts, dim=1)
        torch.testing.assert_close(model(padded, (padded > 0).long()).logits, alone)


@pytest.mark.parametrize("package", ["decoder"], indirect=True)
def test_a_decoder_keeps_no_cache_in_training(package):
    model = built(package, "DecoderForCausalLM", "heads").train()
    ids = torch.randint(1, 60, (2, 6))
    assert model(ids).past_key_values is None
    assert len(model(ids, use_cache=True).past_key_values) == 2
    loss = model(ids, labels=ids).loss
    wanted = torch.nn.functional.cross_entropy(model(ids).logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    torch.testing.assert_close(loss, wanted)


@torch.no_grad()
@pytest.mark.parametrize("package", ["composite"], indirect=True)
def test_two_towers(package, tmp_path):
    model = built(package, "PairingModel")
    given = model.dummy_inputs
    texts, images = {"input_ids": given["input_ids"]}, {"pixel_values": torch.rand(3, 3, 16, 16)}
    output = model(**texts, **images)
    assert (output.logits_per_text.shape, output.logits_per_image.shape) == ((2, 3), (3, 2))
    torch.testing.assert_close(output.image_embeds.norm(dim=-1), torch.ones(3))
    scale = model.logit_scale.exp()
    torch.testing.assert_close(output.logits_per_text, scale * output.text_embeds @ output.image_embeds.T)
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    torch.testing.assert_close(again(**texts, **images).logits_per_image, output.logits_per_image)


@torch.no_grad()
@pytest.mark.parametrize("package", ["vision"], indirect=True)
def test_feature_maps(package):
    """Each stage gives what the base model has behind that layer, its rows and columns in place."""
    backbone = built(package, "VisionBackbone", out_features=["stem", "stage2"])
    base = package("model").VisionModel(backbone.config).eval()
    base.load_state_dict(backbone.state_dict())
    pixels = torch.rand(2, 3, 32, 48)
    maps = backbone(pixels).feature_maps
    assert [tuple(features.shape) for features in maps] == [(2, 16, 4, 6)] * 2
    torch.testing.assert_close(maps[1].flatten(2).transpose(1, 2), base(pixels).last_hidden_state[:, 1:])
    assert base(torch.rand(1, 3, 48, 32), interpolate_pos_encoding=True).last_hidden_state.shape == (1, 25, 16)


@pytest.mark.parametrize("package", ["audio"], indirect=True)
def test_the_loss_of_what_is_said(package):
    """Neither the padding of a clip nor that of its labels counts."""
    model = built(package, "ListeningForCTC")
    samples, labels = torch.randn(1, 400), torch.randint(1, 12, (1, 4))
    alone = model(samples, labels=labels).loss
    padded = torch.nn.functional.pad(samples, (0, 90))
    mask = torch.nn.functional.pad(torch.ones(1, 400, dtype=torch.long), (0, 90))
    more = torch.nn.functional.pad(labels, (0, 2), value=-100)
    torch.testing.assert_close(model(padded, mask, labels=more).loss, alone)


@pytest.mark.parametrize("package", ["processors"], indirect=True)
def test_preprocessing_of_every_kind(package):
    slow, fast = package("tokenizer").WordingTokenizer.sample(), package("tokenizer").WordingTokenizerFast.sample()
    for text in (("The cat, the house.",), ("A dog", "under this!"), ("naïve 2 xyz",)):
        assert slow(*text).input_ids == fast(*text).input_ids
    assert slow.decode(slow("The cat").input_ids, skip_special_tokens=True) == "the cat"
    extractor = package("feature_extractor").WordingFeatureExtractor()
    batch = extractor([[0.1] * 1600, [0.2] * 900], sampling_rate=16000, padding=True, return_tensors="pt")
    assert batch.input_features.shape == (2, 8, 8)
    assert batch.attention_mask.sum(-1).tolist() == [8, 4]
