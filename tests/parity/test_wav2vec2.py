"""wav2vec 2.0 equals the reference: outputs, hidden states, maps, losses and gradients, for many configurations."""

import json

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

import archsmith
from archsmith_wav2vec2 import compute_mask_indices, sample_negative_indices

from .cases import ACTIVATIONS
from .support import Pair, assert_close, assert_forward, assert_gradients, assert_same_output, build

reference = transformers.models.wav2vec2.modeling_wav2vec2

TINY = {
    "vocab_size": 11,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 3,
    "intermediate_size": 37,
    "conv_dim": [8, 10, 9],
    "conv_stride": [5, 2, 2],
    "conv_kernel": [10, 3, 2],
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 4,
    "hidden_dropout": 0.0,
    "activation_dropout": 0.0,
    "attention_dropout": 0.0,
    "final_dropout": 0.0,
    "layerdrop": 0.0,
    "mask_time_prob": 0.0,
    "num_codevectors_per_group": 6,
    "codevector_dim": 12,
    "proj_codevector_dim": 10,
    "num_negatives": 3,
    "classifier_proj_size": 9,
    "tdnn_dim": [8, 7, 12],
    "tdnn_kernel": [3, 2, 1],
    "tdnn_dilation": [1, 2, 1],
    "xvector_output_dim": 7,
    "num_labels": 5,
}
CLASSES = {
    "base": "Wav2Vec2Model",
    "ctc": "Wav2Vec2ForCTC",
    "pre-training": "Wav2Vec2ForPreTraining",
    "clips": "Wav2Vec2ForSequenceClassification",
    "frames": "Wav2Vec2ForAudioFrameClassification",
    "speakers": "Wav2Vec2ForXVector",
}
STABLE = {"do_stable_layer_norm": True, "feat_extract_norm": "layer", "conv_bias": True}
CONFIGS = {
    "plain": {},
    "normalised first": STABLE,
    "normalised first, group norm": {"do_stable_layer_norm": True},
    "layer norm of frames": {"feat_extract_norm": "layer"},
    "bias": {"conv_bias": True},
    "one layer, one head": {"num_hidden_layers": 1, "num_attention_heads": 1},
    "five layers, six heads": {"num_hidden_layers": 5, "num_attention_heads": 6, "hidden_size": 30,
                               "num_conv_pos_embedding_groups": 5},
    "odd positions": {"num_conv_pos_embeddings": 7, "num_conv_pos_embedding_groups": 1},
    "one position": {"num_conv_pos_embeddings": 1},
    "one convolution": {"conv_dim": [6], "conv_stride": [20], "conv_kernel": [31]},
    "five convolutions": {"conv_dim": [4, 5, 6, 7, 8], "conv_stride": [5, 2, 2, 1, 1], "conv_kernel": [10, 3, 3, 2, 1]},
    "language adapters": STABLE | {"adapter_attn_dim": 5},
    "large epsilon": {"layer_norm_eps": 0.1},
    "averaged layers": {"use_weighted_layer_sum": True},
    "averaged layers, normalised first": STABLE | {"use_weighted_layer_sum": True},
    "mask embedding": {"mask_time_prob": 0.0, "mask_feature_prob": 0.1, "mask_feature_length": 1,
                       "apply_spec_augment": False},
    "four codebooks": {"num_codevector_groups": 4, "num_codevectors_per_group": 3, "diversity_loss_weight": 2.0,
                       "contrastive_logits_temperature": 0.7},
    "one time-delay layer": {"tdnn_dim": [6], "tdnn_kernel": [4], "tdnn_dilation": [3]},
    "mean of losses": {"ctc_loss_reduction": "mean", "pad_token_id": 4},
    "no spread": {"initializer_range": 0.0},
}  # fmt: skip
ADAPTED = {
    "adapter": {},
    "narrower": {"output_hidden_size": 16},
    "one layer of stride 3": {"num_adapter_layers": 1, "adapter_stride": 3},
    "normalised first": STABLE | {"num_adapter_layers": 2, "output_hidden_size": 30},
}
ATTENTION = ("sdpa", "eager")
SAMPLES = 700


def pair_of(kind: str, attention: str = "sdpa", /, **values) -> Pair:
    return build(CLASSES[kind], TINY | values, attention=attention)


def audio(batch: int = 3, samples: int = SAMPLES) -> torch.Tensor:
    return torch.randn(batch, samples, generator=torch.Generator().manual_seed(1))


def ragged(*lengths: int, dtype=torch.long) -> torch.Tensor:
    return (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).to(dtype)


MASKS = {
    "none": None,
    "int32": ragged(SAMPLES, 610, 333, dtype=torch.int32),
    "of ones": torch.ones(3, SAMPLES, dtype=torch.long),
    "short": ragged(SAMPLES, SAMPLES, 250),
}


def labelled(kind: str, pair: Pair, inputs: dict) -> dict:
    """Add the labels that a class takes."""
    config = pair.ours.config
    frames = config.frames(inputs["input_values"].shape[1])
    generator = torch.Generator().manual_seed(2)
    if kind == "ctc":
        labels = torch.randint(5, config.vocab_size, (3, 6), generator=generator)
        labels[1, 4:] = -100
        return inputs | {"labels": labels}
    if kind == "pre-training":
        masked = compute_mask_indices((3, frames), mask_prob=0.4, mask_length=2, min_masks=2, generator=generator)
        negatives = sample_negative_indices((3, frames), num_negatives=4, mask_time_indices=masked, generator=generator)
        # The reference has no vector to put in place of masked frames unless its configuration masks at random.
        return inputs | {"mask_time_indices": masked, "sampled_negative_indices": negatives}
    if kind == "frames":
        return inputs | {"labels": torch.eye(5)[torch.randint(5, (3, frames), generator=generator)]}
    return inputs if kind == "base" else inputs | {"labels": torch.tensor([3, 0, 4])}


def inputs_of(mask: torch.Tensor | None) -> dict:
    return {"input_values": audio()} | ({} if mask is None else {"attention_mask": mask})


def values_of(kind: str, values: dict) -> dict:
    more = {"mask_time_prob": 0.05} if kind == "pre-training" else {}
    return values | more


@pytest.mark.parametrize("values", CONFIGS.values(), ids=CONFIGS)
@pytest.mark.parametrize("kind", CLASSES)
def test_configurations(kind, values):
    pair = pair_of(kind, **values_of(kind, values))
    asked = labelled(kind, pair, inputs_of(MASKS["int32"]))
    assert_forward(pair, asked)
    assert_gradients(pair, asked, seed=3)
    assert_forward(pair.attend_with("eager"), asked)


@pytest.mark.parametrize("values", ADAPTED.values(), ids=ADAPTED)
@pytest.mark.parametrize("kind", ["base", "ctc"])
def test_adapters_behind_the_transformer(kind, values):
    pair = pair_of(kind, add_adapter=True, **values)
    for mask in MASKS.values():
        asked = labelled(kind, pair, inputs_of(mask))
        if kind == "ctc":
            asked["labels"] = asked["labels"][:, :2]
        assert_forward(pair, asked)
        assert_gradients(pair, asked)


@pytest.mark.parametrize("attention", ATTENTION)
@pytest.mark.parametrize("kind", CLASSES)
def test_masks_and_shapes(kind, attention):
    pair = pair_of(kind, attention, **values_of(kind, {}))
    for mask in MASKS.values():
        asked = labelled(kind, pair, inputs_of(mask))
        assert_forward(pair, asked)
        assert_gradients(pair, asked, seed=4)
    assert_forward(pair, {"input_values": audio(1, 199)})
    assert_forward(pair, {"input_values": audio(2, 1001), "attention_mask": ragged(1001, 700).bool()})


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    values = {"hidden_act": name, "feat_extract_activation": name, "num_hidden_layers": 1}
    pair = pair_of("base", **values)
    asked = inputs_of(MASKS["short"])
    assert_forward(pair, asked)
    assert_gradients(pair, asked)


@pytest.mark.parametrize("zero_infinity", [False, True])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_losses_of_ctc(reduction, zero_infinity):
    pair = pair_of("ctc", ctc_loss_reduction=reduction, ctc_zero_infinity=zero_infinity, vocab_size=40)
    asked = labelled("ctc", pair, inputs_of(MASKS["short"]))
    assert_gradients(pair, asked)
    texts = torch.randint(1, 40, (3, 60), generator=torch.Generator().manual_seed(5))  # longer than the clips
    texts[1, 3:] = -100
    texts[2] = -100
    with torch.no_grad():
        ours, theirs = (model(audio(), labels=texts).loss for model in (pair.ours, pair.theirs))
    assert ours.isinf() == (not zero_infinity)
    assert_close(ours, theirs, "loss")


@pytest.mark.parametrize("kind", CLASSES)
def test_dropout_and_layerdrop_fall_at_the_same_places(kind):
    values = {
        "hidden_dropout": 0.3,
        "activation_dropout": 0.2,
        "attention_dropout": 0.25,
        "feat_proj_dropout": 0.15,
        "feat_quantizer_dropout": 0.4,
        "final_dropout": 0.5,
        "layerdrop": 0.5,
        "num_hidden_layers": 6,
    }
    pair = pair_of(kind, "eager", **values_of(kind, values))
    given = labelled(kind, pair, inputs_of(MASKS["int32"]))
    for seed in (11, 12):
        assert_gradients(pair, given, seed=seed)


@pytest.mark.parametrize("stable", [{}, STABLE], ids=["plain", "normalised first"])
def test_masked_frames_and_features(stable, monkeypatch):
    """The same random choices, fed to both: frames by argument, features in place of the reference's own."""
    values = {"mask_time_prob": 0.3, "mask_feature_prob": 0.4, "mask_feature_length": 2, "mask_time_length": 3}
    pair = pair_of("base", **values, **stable)
    masked = compute_mask_indices((3, pair.ours.config.frames(SAMPLES)), mask_prob=0.4, mask_length=3)
    with torch.no_grad():  # in evaluation too, frames that are given are masked
        one, other = (model(audio(), mask_time_indices=masked) for model in (pair.ours, pair.theirs))
        assert_same_output(one, other)
        assert not torch.equal(one[0], pair.ours(audio())[0])
    features = []

    def ours(shape, **options):
        features.append(compute_mask_indices(shape, **options))
        return features[-1]

    monkeypatch.setattr("archsmith_wav2vec2.model.compute_mask_indices", ours)
    monkeypatch.setattr(reference, "_compute_mask_indices", lambda *_, **__: features[-1].numpy())
    assert_gradients(pair, {"input_values": audio(), "mask_time_indices": masked})
    assert features[-1].any()


@pytest.mark.parametrize("length", [1, 4, 10])
@pytest.mark.parametrize("prob", [0.0, 0.05, 0.5, 1.0])
def test_as_many_frames_are_masked(prob, length):
    """The reference draws from another generator: over many clips the same share is masked, everywhere alike."""
    mask = ragged(60, 33, length + 3)
    ours = torch.stack([compute_mask_indices((3, 60), mask_prob=prob, mask_length=length, attention_mask=mask,
                                             min_masks=2) for _ in range(600)]).double()  # fmt: skip
    theirs = torch.stack([torch.from_numpy(reference._compute_mask_indices((3, 60), prob, length, mask, 2))
                          for _ in range(600)]).double()  # fmt: skip
    assert not ours[:, mask == 0].any()
    shares = [found.sum(-1).mean(0) / mask.sum(-1) for found in (ours, theirs)]
    assert (shares[0] - shares[1]).abs().max() < 0.02
    assert (ours.mean(0) - theirs.mean(0)).abs().max() < 0.13


def test_negatives_are_other_masked_frames_of_the_same_clip():
    masked = compute_mask_indices((4, 30), mask_prob=0.5, mask_length=3, min_masks=2)
    found = sample_negative_indices((4, 30), num_negatives=200, mask_time_indices=masked)
    theirs = reference._sample_negative_indices((4, 30), 200, masked.numpy())
    assert found.shape == theirs.shape
    for clip in range(4):
        chosen = masked[clip].nonzero()[:, 0]
        for frame in chosen:
            others = set((chosen[chosen != frame] + 30 * clip).tolist())
            assert set(found[clip, frame].tolist()) == others == set(theirs[clip, frame].tolist())
    everywhere = sample_negative_indices((1, 5), num_negatives=4000)
    counts = torch.bincount(everywhere[0, 2], minlength=5)
    assert counts[2] == 0
    assert counts[[0, 1, 3, 4]].min() > 850


def test_training_is_masked_at_random_and_repeats_with_its_seed():
    model = pair_of("base", mask_time_prob=0.4, mask_time_length=3).ours.train()
    torch.manual_seed(7)
    first, second = model(audio())[0], model(audio())[0]
    torch.manual_seed(7)
    again = model(audio())[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_the_quantizer_cools_down():
    pair = pair_of("pre-training", mask_time_prob=0.05)
    for model in (pair.ours, pair.theirs):
        model.set_gumbel_temperature(0.3)
    assert_gradients(pair, labelled("pre-training", pair, inputs_of(None)), seed=5)


@pytest.mark.parametrize("kind", ["base", "ctc"])
def test_the_configuration_decides_what_is_returned(kind):
    pair = pair_of(kind, "eager", output_hidden_states=True, output_attentions=True)
    with torch.no_grad():
        ours, theirs = (model(audio()) for model in (pair.ours, pair.theirs))
    assert {"hidden_states", "attentions"} <= set(ours.keys())
    assert_same_output(ours, theirs)


# ---- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [{}, STABLE | {"adapter_attn_dim": 4, "mask_time_prob": 0.1}], ids=["plain", "more"])
@pytest.mark.parametrize("kind", CLASSES)
def test_both_directions(kind, values, tmp_path):
    name = CLASSES[kind]
    pair = build(name, TINY | values_of(kind, values))
    pair.theirs.save_pretrained(tmp_path / "theirs")
    pair.ours.save_pretrained(tmp_path / "ours")
    asked = inputs_of(MASKS["short"])
    loaded = getattr(archsmith, name).from_pretrained(tmp_path / "theirs")
    back = getattr(transformers, name).from_pretrained(tmp_path / "ours").eval()
    assert not loaded.load_report.new
    assert not loaded.load_report.unused
    assert set(load_file(tmp_path / "ours/model.safetensors")) == set(load_file(tmp_path / "theirs/model.safetensors"))
    with torch.no_grad():
        for ours, theirs in ((loaded, pair.theirs), (pair.ours, back)):
            assert_same_output(ours(**asked), theirs(**asked))


def test_published_spelling_of_normalised_weights(tmp_path):
    pair = pair_of("base")
    pair.ours.save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    old = {
        name.replace("parametrizations.weight.original0", "weight_g").replace(
            "parametrizations.weight.original1", "weight_v"
        ): tensor
        for name, tensor in load_file(file).items()
    }
    assert any(name.endswith("weight_g") for name in old)
    save_file(old, file, metadata={"format": "pt"})
    with pytest.warns(archsmith.ArchsmithWarning, match="start from random values: lm_head"):
        head = archsmith.Wav2Vec2ForCTC.from_pretrained(tmp_path)
    theirs = transformers.Wav2Vec2Model.from_pretrained(tmp_path).eval()
    for model in (archsmith.Wav2Vec2Model.from_pretrained(tmp_path), head.wav2vec2, theirs):
        with torch.no_grad():
            assert_close(model(audio())[0], pair.theirs(audio())[0], "hidden")


def test_adapters_of_languages(tmp_path):
    values = STABLE | {"adapter_attn_dim": 5}
    pair = pair_of("ctc", **values)
    other = build("Wav2Vec2ForCTC", TINY | values | {"vocab_size": 17}, seed=9)
    pair.theirs.save_pretrained(tmp_path)
    save_file(dict(other.theirs._get_adapters()), tmp_path / "adapter.spa.safetensors")
    theirs = transformers.Wav2Vec2ForCTC.from_pretrained(
        tmp_path, target_lang="spa", ignore_mismatched_sizes=True
    ).eval()
    ours = archsmith.AutoModelForCTC.from_pretrained(tmp_path, target_lang="spa")
    assert ours.config.vocab_size == 17
    assert ours.target_lang == "spa"
    assert not ours.training
    with torch.no_grad():
        assert_same_output(ours(**inputs_of(MASKS["short"])), theirs(**inputs_of(MASKS["short"])))
    assert set(ours.adapter_parameters()) == set(theirs._get_adapters())


def test_fields_of_published_configurations():
    """Published files name fields that nothing reads any more; they are kept, and nothing is said about them."""
    values = json.loads(transformers.Wav2Vec2Config().to_json_string()) | {
        "feat_extract_dropout": 0.0, "gradient_checkpointing": False, "mask_channel_length": 10,
        "mask_channel_min_space": 1, "mask_channel_other": 0.0, "mask_channel_prob": 0.0,
        "mask_channel_selection": "static", "mask_time_min_space": 1, "mask_time_other": 0.0,
        "mask_time_selection": "static", "attention_dropout": 0.1, "feat_extract_norm": "layer",
    }  # fmt: skip
    config = archsmith.AutoConfig.from_dict(values)
    assert config.num_feat_extract_layers == 7
    assert config.extra["mask_time_other"] == 0.0
    assert transformers.Wav2Vec2Config.from_dict(config.to_dict()).inputs_to_logits_ratio == 320
