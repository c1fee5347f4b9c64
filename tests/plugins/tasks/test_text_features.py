"""Vectors of texts: each way to pool, what a folder's files say, and what is refused."""

import json

import numpy as np
import pytest
import torch

from archsmith import DistilBertForSequenceClassification, DistilBertModel, GPT2Model
from archsmith.errors import CheckpointCorrupt, CheckpointNotFound, InputError, OptionError
from archsmith_tasks import Failure, pipeline

from .run_support import called
from .text_support import TEXTS, fast, made, slow, words_only


@pytest.fixture
def extract(tmp_path):
    return made("feature-extraction", DistilBertModel, fast(tmp_path))


def hidden_of(extract, text):
    batch = extract.parts.tokenizer(text, return_tensors="pt")
    with torch.no_grad():
        return extract.model(**batch).last_hidden_state[0].numpy()


def pooled(hidden, name):
    places = np.arange(1, len(hidden) + 1)[:, None]
    return {
        "mean": hidden.mean(0),
        "cls": hidden[0],
        "max": hidden.max(0),
        "mean_sqrt_len_tokens": hidden.sum(0) / np.sqrt(len(hidden)),
        "weightedmean": (hidden * places).sum(0) / places.sum(),
        "lasttoken": hidden[-1],
    }[name]


@pytest.mark.parametrize("name", ["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"])
@pytest.mark.parametrize("normalize", [None, True])
def test_each_way_to_pool(extract, name, normalize):
    for text, found in zip(TEXTS, extract(TEXTS, pooling=name, normalize=normalize), strict=True):
        wanted = pooled(hidden_of(extract, text), name)
        wanted = wanted / np.linalg.norm(wanted) if normalize else wanted
        assert found.vector.dtype == np.float32
        np.testing.assert_allclose(found.vector, wanted, atol=1e-5)


def test_the_mean_is_usual_and_several_stand_side_by_side(extract):
    hidden = hidden_of(extract, "new york")
    np.testing.assert_allclose(extract("new york").vector, hidden.mean(0), atol=1e-5)
    both = extract("new york", pooling=["cls", "max"]).vector
    np.testing.assert_allclose(both, [*hidden[0], *hidden.max(0)], atol=1e-5)


def test_tokens_alone(extract):
    for text, found in zip(TEXTS, extract(TEXTS, pooling="none"), strict=True):
        np.testing.assert_allclose(found.vector, hidden_of(extract, text), atol=1e-5)
    assert str(extract("a", pooling="none")).startswith("3 by 16 numbers, ")
    assert np.array(extract("a").to_dict()["vector"]).shape == (16,)


def test_a_decoder_without_padding():
    extract = made(
        "feature-extraction", GPT2Model, words_only(), vocab_size=12, n_embd=16, n_layer=2, n_head=2, n_positions=16
    )
    texts = ["ada wrote to new york", "a", "b c"]
    for text, found in zip(texts, extract(texts, pooling="lasttoken"), strict=True):
        np.testing.assert_allclose(found.vector, hidden_of(extract, text)[-1], atol=1e-5)


# ---- a folder of sentence-transformers --------------------------------------------------------------------------

MODULE = "sentence_transformers.models."
POOLING = {"word_embedding_dimension": 16, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}


def folder_of(tmp_path, *, modules=("Transformer", "Pooling", "Normalize"), pooling=POOLING, length=None, prompts=None):
    torch.manual_seed(0)
    folder = tmp_path / "encoder"
    extract = made("feature-extraction", DistilBertModel, fast(tmp_path))
    extract.model.save_pretrained(folder)
    extract.parts.tokenizer.save_pretrained(folder)
    paths = {"Transformer": "", "Pooling": "1_Pooling", "Normalize": "2_Normalize"}
    listed = [
        {"idx": place, "name": str(place), "path": paths.get(name, "x"), "type": MODULE + name}
        for place, name in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(listed))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    if length is not None:
        (folder / "sentence_bert_config.json").write_text(json.dumps(length))
    if prompts is not None:
        (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    return folder


def test_the_files_say_how(tmp_path):
    folder = folder_of(tmp_path, length={"max_seq_length": 8, "do_lower_case": True})
    extract = pipeline("feature-extraction", folder)
    wanted = hidden_of(extract, "new york").mean(0)
    np.testing.assert_allclose(extract("NEW york").vector, wanted / np.linalg.norm(wanted), atol=1e-5)
    np.testing.assert_allclose(extract("new york", normalize=False).vector, wanted, atol=1e-5)
    np.testing.assert_allclose(extract("new york", pooling="none").vector, hidden_of(extract, "new york"), atol=1e-5)
    with pytest.warns(match="texts of more than 8 tokens are cut"):
        cut = extract("a b c d e a b c d").vector
    np.testing.assert_allclose(cut, extract("a b c d e a").vector, atol=1e-6)
    with pytest.raises(InputError, match="the text has 11 tokens, but the model reads at most 8"):
        extract("a b c d e a b c d", truncation=False)


def inner_folder_of(tmp_path, **made_of):
    """Return a folder whose model, tokenizer and length are in a folder of their own, as older ones have it."""
    folder = folder_of(tmp_path, **made_of)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([modules[0] | {"path": "0_Transformer"}, *modules[1:]]))
    (folder / "0_Transformer").mkdir()
    for path in [path for path in folder.iterdir() if path.is_file()]:
        if path.name not in ("modules.json", "config_sentence_transformers.json"):
            path.rename(folder / "0_Transformer" / path.name)
    return folder


def test_a_model_in_a_folder_of_its_own(tmp_path):
    pooling = POOLING | {"pooling_mode_cls_token": True}
    made_of = {"pooling": pooling, "length": {"max_seq_length": 8}, "prompts": {"prompts": {"q": "ada "}}}
    (tmp_path / "flat").mkdir()
    (tmp_path / "deep").mkdir()
    flat = pipeline("feature-extraction", folder_of(tmp_path / "flat", **made_of))
    deep = pipeline(model=inner_folder_of(tmp_path / "deep", **made_of))
    np.testing.assert_array_equal(deep("new", prompt_name="q").vector, flat("new", prompt_name="q").vector)
    with pytest.warns(match="texts of more than 8 tokens are cut"):
        cut = deep("a b c d e a b c d").vector
    np.testing.assert_allclose(cut, deep("a b c d e a").vector, atol=1e-6)
    assert deep.task.name == "feature-extraction"
    assert cut.shape == (32,)
    np.testing.assert_allclose(np.linalg.norm(deep("new york").vector), 1, atol=1e-5)


def test_an_inner_folder_that_cannot_be_done(tmp_path):
    folder = inner_folder_of(tmp_path, modules=("Transformer", "Pooling", "Dense"))
    with pytest.raises(CheckpointCorrupt, match=r"sentence_transformers\.models\.Dense, but archsmith can do a Transf"):
        pipeline("feature-extraction", folder)
    modules = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([modules[0] | {"path": "../other"}, modules[1]]))
    with pytest.raises(CheckpointCorrupt, match=r"path must be a folder inside, but is '\.\./other'"):
        pipeline("feature-extraction", folder)


def test_answers_of_another_inner_model_are_not_gone_on_with(tmp_path, capsys):
    folder = inner_folder_of(tmp_path, length={"max_seq_length": 8})
    given = ("auto", "-m", folder, "new york", "-o", tmp_path / "a.jsonl")
    assert called(capsys, *given).code == 0
    for name in ("0_Transformer/sentence_bert_config.json", "1_Pooling/config.json"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(before + b" ")
        found = called(capsys, *given, "--resume")
        assert found.code == 1
        assert f"was made in another way: checkpoints.model.files.{name} was" in found.err
        (folder / name).write_bytes(before)
    assert called(capsys, *given, "--resume").code == 0
    made("feature-extraction", DistilBertModel, fast(tmp_path)).model.save_pretrained(folder / "0_Transformer")
    assert "checkpoints.model.save_id was" in called(capsys, *given, "--resume").err


def test_the_task_is_known_from_the_folder(tmp_path):
    assert pipeline(model=folder_of(tmp_path)).task.name == "feature-extraction"


def test_several_poolings_of_a_folder(tmp_path):
    pooling = {"pooling_mode_max_tokens": True, "pooling_mode_cls_token": True, "pooling_mode_lasttoken": True}
    extract = pipeline("feature-extraction", folder_of(tmp_path, modules=("Transformer", "Pooling"), pooling=pooling))
    hidden = hidden_of(extract, "new york")
    np.testing.assert_allclose(
        extract("new york").vector, np.concatenate([hidden[0], hidden.max(0), hidden[-1]]), atol=1e-5
    )


def test_prompts(tmp_path):
    prompts = {"prompts": {"query": "ada wrote ", "plain": ""}, "default_prompt_name": "query"}
    folder = folder_of(tmp_path, modules=("Transformer", "Pooling"), prompts=prompts)
    extract = pipeline("feature-extraction", folder)
    np.testing.assert_allclose(extract("new").vector, hidden_of(extract, "ada wrote new").mean(0), atol=1e-5)
    np.testing.assert_allclose(extract("new", prompt_name="plain").vector, hidden_of(extract, "new").mean(0), atol=1e-5)
    np.testing.assert_allclose(extract("new", prompt="a ").vector, hidden_of(extract, "a new").mean(0), atol=1e-5)
    with pytest.raises(
        OptionError, match=r"prompt_name 'querry' is not known; it has query, plain\. Did you mean 'query'\?"
    ):
        extract("new", prompt_name="querry")
    with pytest.raises(OptionError, match="prompt and prompt_name are two ways"):
        extract("new", prompt_name="query", prompt="a")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(POOLING | {"include_prompt": False}))
    extract = pipeline("feature-extraction", folder)
    np.testing.assert_allclose(extract("new").vector, hidden_of(extract, "ada wrote new")[3:].mean(0), atol=1e-5)


@pytest.mark.parametrize(
    ("made_of", "said"),
    [
        (
            {"modules": ("Transformer", "Pooling", "Dense")},
            "but archsmith can do a Transformer, its Pooling and Normalize",
        ),
        ({"modules": ("Transformer",)}, "it names the modules sentence_transformers.models.Transformer, but"),
        ({"modules": ("Pooling", "Transformer")}, "in this order"),
        ({"pooling": {"pooling_mode": "median"}}, "pooling_mode must be of cls, max, mean, mean_sqrt_len_tokens, "),
        ({"pooling": {"pooling_mode": 3}}, "but is 3"),
        (
            {"pooling": {"pooling_mode_median": True}},
            "pooling_mode_median is a way to pool that archsmith does not have",
        ),
        (
            {"pooling": POOLING | {"word_embedding_dimension": 8}},
            "the vectors have 8 numbers, but those of the model 16",
        ),
        ({"pooling": POOLING | {"include_prompt": "no"}}, "include_prompt must be of the type bool, but is 'no'"),
        ({"length": {"max_seq_length": "8"}}, "max_seq_length must be of the type int, but is '8'"),
        ({"length": {"max_seq_length": 0}}, "max_seq_length must be at least 1, but is 0"),
        ({"prompts": {"prompts": {"a": 1}}}, "prompts must map names to texts"),
        ({"prompts": {"default_prompt_name": "a"}}, "default_prompt_name 'a' is none of prompts"),
    ],
)
def test_folders_that_cannot_be_done(tmp_path, made_of, said):
    with pytest.raises(CheckpointCorrupt, match=said):
        pipeline("feature-extraction", folder_of(tmp_path, **made_of))


def test_broken_folders(tmp_path):
    folder = folder_of(tmp_path)
    modules = json.loads((folder / "modules.json").read_text())
    for listed, said in [
        ({}, "it must hold a list of modules"),
        ([1], "it must hold a list of modules"),
        ([modules[0] | {"path": "0_Transformer"}, *modules[1:]], "there is a config.json in the top folder too"),
        ([modules[0], modules[1] | {"path": "../other"}], "path must be a folder inside, but is '../other'"),
        ([modules[0] | {"type": "acme.Transformer"}, *modules[1:]], "it names the modules acme.Transformer"),
    ]:
        (folder / "modules.json").write_text(json.dumps(listed))
        with pytest.raises(CheckpointCorrupt, match=said):
            pipeline("feature-extraction", folder)
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling" / "config.json").unlink()
    with pytest.raises(CheckpointNotFound):
        pipeline("feature-extraction", folder)


def test_a_checkpoint_with_a_head_has_features_too(tmp_path):
    classify = made("text-classification", DistilBertForSequenceClassification, fast(tmp_path))
    classify.model.save_pretrained(tmp_path / "saved")
    classify.parts.tokenizer.save_pretrained(tmp_path / "saved")
    with pytest.warns(match="not used by this model: classifier.bias"):
        extract = pipeline("feature-extraction", tmp_path / "saved")
    with torch.no_grad():
        hidden = classify.model.distilbert(**extract.parts.tokenizer("new york", return_tensors="pt"))[0][0].numpy()
    np.testing.assert_allclose(extract("new york").vector, hidden.mean(0), atol=1e-5)


def test_a_slow_tokenizer_and_bad_inputs(tmp_path):
    extract = made("feature-extraction", DistilBertModel, slow(tmp_path))
    found = extract(["a", "", None, "a " * 40, "a"], errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, True, True, True, False]
    with pytest.raises(OptionError, match="pooling must be"):
        extract("a", pooling="median")
