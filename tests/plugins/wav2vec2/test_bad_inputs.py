"""What does not fit a wav2vec 2.0 model, its configuration, its adapters or its random choices is refused by name."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from archsmith.errors import (
    ArchsmithError,
    CheckpointCorrupt,
    CheckpointNotFound,
    ConfigError,
    InputError,
    OptionError,
    WeightsMismatch,
)
from archsmith.tokenizer import AddedToken
from archsmith_wav2vec2 import (
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2ForAudioFrameClassification,
    Wav2Vec2ForCTC,
    Wav2Vec2ForPreTraining,
    Wav2Vec2ForSequenceClassification,
    Wav2Vec2ForXVector,
    Wav2Vec2Model,
    compute_mask_indices,
    sample_negative_indices,
)

TINY = {
    "vocab_size": 9, "hidden_size": 16, "num_attention_heads": 2, "num_hidden_layers": 2, "intermediate_size": 24,
    "conv_dim": [8, 8, 8], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2], "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2, "codevector_dim": 8, "proj_codevector_dim": 8, "num_codevectors_per_group": 5,
    "tdnn_dim": [8, 8], "tdnn_kernel": [3, 2], "tdnn_dilation": [1, 2], "xvector_output_dim": 8,
    "classifier_proj_size": 8, "mask_time_prob": 0.0,
}  # fmt: skip
ADAPTED = TINY | {"do_stable_layer_norm": True, "adapter_attn_dim": 3}
AUDIO = torch.randn(2, 600, generator=torch.Generator().manual_seed(0))
FRAMES = Wav2Vec2Config(**TINY).frames(600)

CONFIGS = {
    "convolutions": ({"conv_dim": [8, 8]}, "one entry for each convolution, but have 2, 3 and 3"),
    "no convolutions": ({"conv_dim": [], "conv_stride": [], "conv_kernel": []}, "but have 0, 0 and 0"),
    "time-delay layers": ({"tdnn_kernel": [3]}, "tdnn_dim, tdnn_kernel and tdnn_dilation must have one entry for each"),
    "heads": ({"num_attention_heads": 3}, "num_attention_heads is 3, but must divide hidden_size 16"),
    "groups": ({"num_conv_pos_embedding_groups": 3}, "num_conv_pos_embedding_groups is 3, but must divide hidden_size"),
    "codebooks": ({"num_codevector_groups": 3}, "num_codevector_groups is 3, but must divide codevector_dim 8"),
    "blank": ({"pad_token_id": 9}, "pad_token_id is 9, but must be below vocab_size 9"),
    "adapters": ({"adapter_attn_dim": 3}, "adapter_attn_dim is 3, but must be null: only layers with"),
    "temperature": ({"contrastive_logits_temperature": 0}, "contrastive_logits_temperature is 0, but must be above"),
    "stride": ({"conv_stride": [5, 0, 2]}, "conv_stride"),
    "norm": ({"feat_extract_norm": "batch"}, "feat_extract_norm must be one of 'group', 'layer', but is 'batch'"),
    "reduction": ({"ctc_loss_reduction": "avg"}, "ctc_loss_reduction must be one of 'sum', 'mean', 'none'"),
    "misspelt": ({"conv_dims": [8]}, "'conv_dims' is not a field of Wav2Vec2Config. Did you mean 'conv_dim'?"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_configurations(name):
    values, message = CONFIGS[name]
    with pytest.raises(ConfigError) as error:
        Wav2Vec2Config(**TINY | values)
    assert message in str(error.value)


def test_a_file_that_miscounts():
    with pytest.raises(ConfigError) as error:
        Wav2Vec2Config.from_dict(TINY | {"num_feat_extract_layers": 7})
    assert str(error.value) == "the values: conv_dim must have num_feat_extract_layers 7 entries, but has 3."


@pytest.mark.parametrize(
    "cls", [Wav2Vec2ForSequenceClassification, Wav2Vec2ForAudioFrameClassification, Wav2Vec2ForXVector,
            Wav2Vec2ForPreTraining]
)  # fmt: skip
def test_heads_that_look_at_every_frame(cls):
    with pytest.raises(ConfigError, match="so add_adapter must be False, but is True"):
        cls(Wav2Vec2Config(**TINY, add_adapter=True))


def test_ctc_needs_a_blank():
    with pytest.raises(ConfigError, match="needs a blank, but pad_token_id is None"):
        Wav2Vec2ForCTC(Wav2Vec2Config(**TINY, pad_token_id=None))


def holes():
    mask = torch.ones(2, 600)
    mask[1, 100] = 0
    return mask


BASE = {
    "a list": ({"input_values": [0.1] * 600}, "input_values must be a tensor, but are list. Ask the"),
    "integers": ({"input_values": AUDIO.long()}, "input_values must be floating-point numbers, but are torch.int64."),
    "one axis": ({"input_values": AUDIO[0]}, "but have (600,). For one clip: input_values[None]."),
    "three axes": ({"input_values": AUDIO[:, None]}, "must have the shape (batch, samples), but have (2, 1, 600)."),
    "no clips": ({"input_values": AUDIO[:0]}, "input_values have no clips; expected at least one."),
    "too short": ({"input_values": AUDIO[:, :29]}, "the clips have 29 samples, but the model needs at least 30."),
    "mask of another shape": ({"attention_mask": torch.ones(2, 599)}, "of input_values, (2, 600), but has (2, 599)."),
    "mask as a list": ({"attention_mask": [1]}, "attention_mask must be a tensor, but is list."),
    "left padding": ({"attention_mask": torch.ones(2, 600).tril(300).flip(1)}, "in row 0 a 0 comes before a 1. Pad on"),
    "holes": ({"attention_mask": holes()}, "in row 1 a 0 comes before a 1. Pad on the right."),
    "masked too far": ({"attention_mask": (torch.arange(600) < torch.tensor([[600], [12]])).long()},
                       "attention_mask leaves 12 samples of clip 1, but the model needs at least 30."),
    "no audio at all": ({"attention_mask": torch.zeros(2, 600)}, "attention_mask leaves 0 samples of clip 0"),
    "masked frames, other shape": ({"mask_time_indices": torch.ones(2, 3)}, f"(batch, frames) = (2, {FRAMES}), but"),
    "nothing to mask with": ({"mask_time_indices": torch.ones(2, FRAMES)}, "but the model has nothing to put in place"),
}  # fmt: skip


@pytest.mark.parametrize("name", BASE)
def test_audio(name):
    inputs, message = BASE[name]
    with pytest.raises(InputError) as error:
        Wav2Vec2Model(Wav2Vec2Config(**TINY))(**{"input_values": AUDIO} | inputs)
    assert message in str(error.value)


LABELS = [
    (Wav2Vec2ForCTC, [[1]], "labels must be a tensor, but are list."),
    (Wav2Vec2ForCTC, torch.ones(2, 3), "labels must be integers, the ids of tokens, but are torch.float32."),
    (
        Wav2Vec2ForCTC,
        torch.ones(3, 3).long(),
        "labels must have the shape (batch, tokens) with a batch of 2, but have (3,",
    ),
    (
        Wav2Vec2ForCTC,
        torch.ones(2).long(),
        "labels must have the shape (batch, tokens) with a batch of 2, but have (2,)",
    ),
    (Wav2Vec2ForCTC, torch.full((2, 3), 9), "labels must be from 0 to 8 (or -100 for padding), but hold 9."),
    (Wav2Vec2ForCTC, torch.full((2, 3), -1), "labels must be from 0 to 8 (or -100 for padding), but hold -1."),
    (
        Wav2Vec2ForCTC,
        torch.zeros(2, 3).long(),
        "labels hold 0, the blank of CTC (pad_token_id), which no text contains.",
    ),
    (Wav2Vec2ForSequenceClassification, torch.tensor([0, 2]), "labels must be from 0 to 1"),
    (Wav2Vec2ForSequenceClassification, torch.zeros(3).long(), "labels must have the shape (2,)"),
    (Wav2Vec2ForAudioFrameClassification, torch.zeros(2, 3).long(), f"labels must have the shape (2, {FRAMES})"),
    (Wav2Vec2ForXVector, torch.tensor([0.5, 0.5]), "labels must be integers"),
    (Wav2Vec2ForXVector, torch.tensor([0, 7]), "labels must be from 0 to 1"),
    (Wav2Vec2ForXVector, [0, 1], "labels must be a tensor"),
]


@pytest.mark.parametrize(("cls", "labels", "message"), LABELS)
def test_labels(cls, labels, message):
    with pytest.raises(InputError) as error:
        cls(Wav2Vec2Config(**TINY))(AUDIO, labels=labels)
    assert message in str(error.value)


def test_clips_too_short_for_time_delay_layers():
    with pytest.raises(InputError, match="the clips have 2 frames, but the time-delay layers need at least 6"):
        Wav2Vec2ForXVector(Wav2Vec2Config(**TINY))(AUDIO[:, :60])


def test_pretraining():
    model = Wav2Vec2ForPreTraining(Wav2Vec2Config(**TINY | {"mask_time_prob": 0.1}))
    negatives, masked = torch.zeros(2, FRAMES, 3).long(), torch.ones(2, FRAMES).bool()
    for inputs, message in (
        ({"sampled_negative_indices": negatives}, "sampled_negative_indices need mask_time_indices"),
        ({"sampled_negative_indices": negatives[0], "mask_time_indices": masked}, "must have the shape"),
        ({"sampled_negative_indices": negatives + 2 * FRAMES, "mask_time_indices": masked}, "must be from 0 to"),
        ({"sampled_negative_indices": negatives.float(), "mask_time_indices": masked}, "must be integers"),
        ({"mask_time_indices": [True]}, "mask_time_indices must be a tensor"),
    ):
        with pytest.raises(InputError, match=message):
            model(AUDIO, **inputs)
    for temperature in (0, -1, float("nan"), "hot"):
        with pytest.raises(OptionError, match="temperature must be a number above 0"):
            model.set_gumbel_temperature(temperature)


def test_random_choices():
    with pytest.raises(OptionError, match="mask_prob must be from 0 to 1"):
        compute_mask_indices((1, 9), mask_prob=1.5, mask_length=2)
    with pytest.raises(InputError, match="a mask covers 10 places, but there are 9"):
        compute_mask_indices((1, 9), mask_prob=0.5, mask_length=10)
    with pytest.raises(InputError, match="a mask covers 10 places, but there are"):
        Wav2Vec2Model(Wav2Vec2Config(**TINY | {"mask_time_prob": 0.5})).train()(AUDIO[:, :150])
    with pytest.raises(InputError, match="clip 1 has 1 masked frames"):
        sample_negative_indices((2, 3), num_negatives=2, mask_time_indices=torch.tensor([[1, 1, 0], [0, 1, 0]]))
    with pytest.raises(InputError, match="must have the shape"):
        sample_negative_indices((2, 3), num_negatives=2, mask_time_indices=torch.ones(2, 4))


# ---- language adapters --------------------------------------------------------------------------------------------


@pytest.fixture
def adapted(tmp_path):
    model = Wav2Vec2ForCTC(Wav2Vec2Config(**ADAPTED)).eval()
    model.save_pretrained(tmp_path)
    tensors = {name: tensor.detach().clone() for name, tensor in model.adapter_parameters().items()}
    save_file(tensors, tmp_path / "adapter.spa.safetensors")
    return tmp_path


def test_adapters_load_and_start_anew(adapted):
    model = Wav2Vec2ForCTC.from_pretrained(adapted, target_lang="spa")
    before = model(AUDIO).logits
    model.init_adapter_layers()
    assert not torch.equal(model(AUDIO).logits, before)
    model.load_adapter("spa", id_or_path=adapted)
    assert torch.equal(model(AUDIO).logits, before)
    model.freeze_base_model()
    assert {name for name, parameter in model.named_parameters() if parameter.requires_grad} == {
        "lm_head.weight",
        "lm_head.bias",
    }
    model = Wav2Vec2ForCTC(Wav2Vec2Config(**TINY))
    model.freeze_feature_encoder()
    frozen = {name for name, parameter in model.named_parameters() if not parameter.requires_grad}
    assert frozen
    assert all(name.startswith("wav2vec2.feature_extractor.") for name in frozen)


def first(tensors):
    return next(name for name in tensors if not name.startswith("lm_head."))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tensors: tensors.pop(first(tensors)), "is not in the file"),
        (lambda tensors: tensors.update(extra=torch.ones(1)), "'extra' is in the file, but not in the model"),
        (lambda tensors: tensors.update({first(tensors): torch.ones(99)}), "float, but is"),
        (lambda tensors: tensors.update({first(tensors): tensors[first(tensors)].int()}), "float, but is"),
        (lambda tensors: tensors[first(tensors)].fill_(float("nan")), "holds NaN or infinity"),
        (
            lambda tensors: tensors.update({"lm_head.bias": torch.ones(4)}),
            "'lm_head.weight' has 9 rows and 'lm_head.bias'",
        ),
    ],
)
def test_adapters_that_do_not_fit(change, message, adapted):
    file = adapted / "adapter.spa.safetensors"
    tensors = load_file(file)
    change(tensors)
    save_file(tensors, file)
    with pytest.raises(WeightsMismatch, match="does not hold the adapters of this model") as error:
        Wav2Vec2ForCTC.from_pretrained(adapted, target_lang="spa")
    assert message in str(error.value)


def test_adapters_that_are_not_there(adapted):
    with pytest.raises(CheckpointNotFound, match=r"has no file 'adapter\.eng\.safetensors'"):
        Wav2Vec2ForCTC.from_pretrained(adapted, target_lang="eng")
    for language in ("../spa", "", 3):
        with pytest.raises(ArchsmithError):
            Wav2Vec2ForCTC.from_pretrained(adapted, target_lang=language)
    (adapted / "adapter.eng.safetensors").write_bytes(b"{}")
    with pytest.raises(ArchsmithError, match="not a safetensors file"):
        Wav2Vec2ForCTC.from_pretrained(adapted, target_lang="eng")
    with pytest.raises(ConfigError, match="has no language adapters: adapter_attn_dim is None"):
        Wav2Vec2ForCTC(Wav2Vec2Config(**TINY)).load_adapter("spa", id_or_path=adapted)


def test_languages_of_a_vocabulary(tmp_path):
    path = tmp_path / "v.json"
    path.write_text(json.dumps({"eng": {"<pad>": 0, "A": 1}, "spa": {"<pad>": 0, "Ñ": 1}}))
    for settings, message in (
        ({}, f"target_lang must be a language of {str(path)!r}, eng, spa; but is None."),
        (
            {"target_lang": "span"},
            f"target_lang must be a language of {str(path)!r}, eng, spa; but is 'span'. Did you mean",
        ),
        ({"do_lower_case": "yes"}, "do_lower_case must be true or false, but is 'yes'"),
        ({"word_delimiter_tokn": "|"}, "'word_delimiter_tokn' is not an option. Did you mean 'word_delimiter_token'?"),
    ):
        with pytest.raises(OptionError) as error:
            Wav2Vec2CTCTokenizer(path, **settings)
        assert message in str(error.value)
    tokenizer = Wav2Vec2CTCTokenizer(path, target_lang="eng")
    with pytest.raises(OptionError, match="must be a language of this Wav2Vec2CTCTokenizer"):
        tokenizer.set_target_lang("deu")
    with pytest.raises(InputError, match="not in the vocabulary"):
        tokenizer.decode([1, -100])
    path.write_text("{}")
    with pytest.raises(ArchsmithError, match="holds no tokens"):
        Wav2Vec2CTCTokenizer(path)


LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5, "B": 9}


def test_new_tokens_go_behind_the_largest_id(tmp_path):
    path = tmp_path / "letters.json"
    path.write_text(json.dumps(LETTERS))
    tokenizer = Wav2Vec2CTCTokenizer(path)
    assert (len(tokenizer), tokenizer.vocab_size) == (10, 10)
    assert tokenizer.add_tokens(["<new>", AddedToken("C", lstrip=True, special=False)]) == 2
    assert tokenizer.add_special_tokens({"mask_token": "<mask>"}) == 1
    tokenizer.save_pretrained(tmp_path / "saved")
    for one in (tokenizer, Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "saved"), copy.deepcopy(tokenizer)):
        assert one("AB<new>  C<mask>").input_ids == [5, 9, 10, 11, 12]
        assert len(one) == 13
        assert one.decode([5, 9, 10, 12], group_tokens=False) == "AB<new><mask>"
        assert one.added_tokens_decoder[11].lstrip
        for call in (one.decode, one.convert_ids_to_tokens):
            with pytest.raises(InputError, match=r"ids\[1\] is 7, not in the vocabulary"):
                call([5, 7])


def test_new_tokens_stay_behind_each_language(tmp_path):
    path = tmp_path / "languages.json"
    path.write_text(json.dumps({"eng": LETTERS, "spa": LETTERS | {"Ñ": 20, "LL": 21}}))
    tokenizer = Wav2Vec2CTCTokenizer(path, target_lang="eng")
    tokenizer.add_tokens(["<new>"])
    tokenizer.add_special_tokens({"mask_token": "<mask>"})
    tokenizer.save_pretrained(tmp_path / "saved")
    for one in (tokenizer, Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "saved")):
        for language, behind in (("spa", 22), ("eng", 10), ("spa", 22)):
            one.set_target_lang(language)
            assert one("B<new><mask>").input_ids == [9, behind, behind + 1]
            assert len(one) == behind + 2
    again = Wav2Vec2CTCTokenizer.from_pretrained(tmp_path / "saved", target_lang="spa")
    assert again("LL<new>Ñ").input_ids == [21, 22, 20]


@pytest.mark.parametrize(
    ("letters", "message"),
    [
        ({"A": 5.0}, "the token 'A' has the id 5.0; expected an integer from 0 to 16777215"),
        ({"A": -1}, "the token 'A' has the id -1"),
        ({"A": 10**9}, "the token 'A' has the id 1000000000"),
        ({"A": 9}, "the tokens 'A' and 'B' share the id 9"),
    ],
)
def test_wrong_ids(tmp_path, letters, message):
    path = tmp_path / "letters.json"
    for content in (LETTERS | letters, {"eng": LETTERS | letters}):
        path.write_text(json.dumps(content))
        with pytest.raises(CheckpointCorrupt) as error:
            Wav2Vec2CTCTokenizer(path, target_lang="eng") if "eng" in content else Wav2Vec2CTCTokenizer(path)
        assert message in str(error.value)
    path.write_text('{"A": 0, "A": 1}')
    with pytest.raises(CheckpointCorrupt, match="the key 'A' stands twice"):
        Wav2Vec2CTCTokenizer(path)


def test_unknown_options(tmp_path):
    path = tmp_path / "letters.json"
    path.write_text(json.dumps(LETTERS))
    tokenizer = Wav2Vec2CTCTokenizer(path)
    for call in (tokenizer.decode, tokenizer.batch_decode):
        with pytest.raises(
            OptionError, match=r"'group_token' is not an option of Wav2Vec2CTCTokenizer. Did you mean 'group_tokens'\?"
        ):
            call([[5]], group_token=False)


def test_the_normed_weight_stays_two():
    model = Wav2Vec2Model(Wav2Vec2Config(**TINY))
    layer = model.encoder.pos_conv_embed.conv
    with pytest.raises(OptionError, match="remove_parametrizations is not supported"):
        torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    assert layer.parametrizations["weight"]().shape[-1] == model.config.num_conv_pos_embeddings
    assert not hasattr(layer.parametrizations["weight"], "nonsense")
