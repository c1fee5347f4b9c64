"""``archsmith create``: preprocessing beside a model, and parts alone, of plugins that are really installed."""

import json
import subprocess
import sys

import pytest

import archsmith

TINY_VIT = ("--set", "hidden_size=8", "--set", "num_attention_heads=2", "--set", "num_hidden_layers=1")
TINY_VIT += ("--set", "intermediate_size=8", "--set", "image_size=48")


def everything_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_model_of_images_comes_with_the_image_processor_that_fits_it(installed, tmp_path):
    out = tmp_path / "vit"
    result = installed("create", "vit", out, *TINY_VIT, "--task", "image-classification")
    assert (result.code, result.err) == (0, "")
    assert everything_below(out) == ["config.json", "model.safetensors", "preprocessor_config.json"]
    assert result.out.endswith(
        ": config.json, model.safetensors, preprocessor_config.json\nwith its ViTImageProcessor\n"
    )
    assert json.loads((out / "preprocessor_config.json").read_text())["size"] == {"height": 48, "width": 48}
    check = (
        "import numpy\nfrom archsmith import AutoImageProcessor, AutoModelForImageClassification as Auto\n"
        "images = AutoImageProcessor.from_pretrained('vit')(numpy.zeros((9, 7, 3), 'uint8'), return_tensors='pt')\n"
        "assert Auto.from_pretrained('vit')(**images).logits.shape == (1, 2)\n"
    )
    subprocess.run([sys.executable, "-c", check], cwd=tmp_path, check=True, timeout=120)


def test_channels_of_a_model_reach_its_image_processor(installed, tmp_path):
    assert installed("create", "vit", tmp_path / "vit", *TINY_VIT, "--set", "num_channels=1").code == 0
    written = json.loads((tmp_path / "vit" / "preprocessor_config.json").read_text())
    assert (written["do_convert_rgb"], written["image_mean"], written["image_std"]) == (False, [0.5], [0.5])


def test_a_backbone_is_a_kind(installed, tmp_path):
    result = installed("create", "vit", tmp_path / "vit", *TINY_VIT, "--kind", "backbone", "--json")
    assert result.code == 0
    assert (result.data["class"], result.data["task"]) == ("ViTBackbone", "backbone")


def test_an_image_processor_alone(installed, tmp_path):
    args = ("--kind", "image-processor", "--set", "resample=PIL.Image.BOX", "--set", "size=32")
    result = installed("create", "vit", tmp_path / "out", *args)
    assert (result.code, result.err) == (0, "")
    assert result.out == f"Created ViTImageProcessor in {tmp_path / 'out'}\npreprocessor_config.json\n"
    written = json.loads((tmp_path / "out" / "preprocessor_config.json").read_text())
    assert (written["resample"], written["size"]) == (4, {"height": 32, "width": 32})


def test_a_tokenizer_alone(installed, tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\nword\n")
    args = ("--kind", "tokenizer", "--vocab", vocabulary, "--set", "do_lower_case=false")
    result = installed("create", "distilbert", tmp_path / "out", *args, "--json")
    assert (result.code, result.err) == (0, "")
    assert result.data["class"] == "DistilBertTokenizerFast"
    assert result.data["files"] == everything_below(tmp_path / "out")
    assert "tokenizer.json" in result.data["files"]


def test_a_tokenizer_of_several_files(installed, tmp_path):
    (tmp_path / "vocab.json").write_text(json.dumps({"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\na b\n")
    args = ("--kind", "tokenizer", "--vocab")
    result = installed("create", "gpt2-tokenizer", tmp_path / "out", *args, tmp_path / "vocab.json")
    assert result.code == 1
    said = "GPT2TokenizerFast has its vocabulary in vocab.json and merges.txt. Pass the folder that holds them: --vocab"
    assert said in result.err
    result = installed("create", "gpt2-tokenizer", tmp_path / "out", *args, tmp_path, "--json")
    assert (result.code, result.err) == (0, "")
    assert archsmith.AutoTokenizer.from_pretrained(tmp_path / "out")("abba").input_ids == [2, 1, 0]
    whole = tmp_path / "out" / "tokenizer.json"
    result = installed("create", "gpt2-tokenizer", tmp_path / "again", *args, whole, "--json")
    assert (result.code, result.err) == (0, "")
    assert archsmith.AutoTokenizer.from_pretrained(tmp_path / "again")("abba").input_ids == [2, 1, 0]
    result = installed("create", "gpt2-tokenizer", tmp_path / "none", *args, tmp_path / "again" / "..", "--set", "x=1")
    assert (result.code, "'x' is not an option" in result.err) == (1, True)
    (tmp_path / "empty").mkdir()
    result = installed("create", "gpt2-tokenizer", tmp_path / "none", *args, tmp_path / "empty")
    assert (result.code, "it holds no vocabulary for GPT2TokenizerFast" in result.err) == (1, True)


TINY_SPEECH = ("--set", "hidden_size=16", "--set", "num_attention_heads=2", "--set", "num_hidden_layers=1")
TINY_SPEECH += ("--set", "intermediate_size=8", "--set", "conv_dim=[8, 8, 8, 8, 8, 8, 8]")


@pytest.mark.parametrize(("norm", "masks"), [("group", False), ("layer", True)])
def test_a_model_of_sound_comes_with_its_feature_extractor(installed, tmp_path, norm, masks):
    out = tmp_path / "speech"
    result = installed("create", "wav2vec2", out, *TINY_SPEECH, "--set", f"feat_extract_norm={norm}", "--task", "ctc")
    assert (result.code, result.err) == (0, "")
    assert result.out.endswith("with its Wav2Vec2FeatureExtractor\n")
    assert json.loads((out / "preprocessor_config.json").read_text())["return_attention_mask"] is masks


def test_a_feature_extractor_and_a_processor_alone(installed, tmp_path):
    args = ("--kind", "feature-extractor", "--set", "sampling_rate=8000", "--json")
    result = installed("create", "wav2vec2", tmp_path / "extractor", *args)
    assert (result.code, result.data["class"]) == (0, "Wav2Vec2FeatureExtractor")
    assert json.loads((tmp_path / "extractor" / "preprocessor_config.json").read_text())["sampling_rate"] == 8000
    vocabulary = tmp_path / "letters.json"
    vocabulary.write_text(json.dumps({"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "A": 5}))
    args = ("--kind", "processor", "--vocab", vocabulary, "--set", "sampling_rate=8000", "--json")
    result = installed("create", "wav2vec2", tmp_path / "processor", *args)
    assert (result.code, result.data["class"]) == (0, "Wav2Vec2Processor")
    assert result.data["files"] == everything_below(tmp_path / "processor")
    processor = archsmith.AutoProcessor.from_pretrained(tmp_path / "processor")
    assert processor.feature_extractor.sampling_rate == 8000
    assert processor.tokenizer("AA").input_ids == [5, 5]


@pytest.mark.parametrize(
    ("args", "code", "message"),
    [
        (
            ("vit", "--kind", "image-procesor"),
            2,
            "'image-procesor' is none of model, backbone, tokenizer, image-processor, feature-extractor, processor.",
        ),
        (("wav2vec2", "--kind", "processor"), 1, "Wav2Vec2CTCTokenizer needs a vocabulary. Pass --vocab FILE."),
        (("vit", "--kind", "tokenizer"), 1, "'vit' has no tokenizer. Its preprocessing: image-processor."),
        (("distilbert", "--kind", "image-processor"), 1, "'distilbert' has no image processor. Its preprocessing: "),
        (("distilbert", "--kind", "tokenizer"), 1, "DistilBertTokenizerFast needs a vocabulary. Pass --vocab FILE."),
        (("distilbert", "--kind", "tokenizer", "--vocab", "/nowhere.txt"), 1, "error: '/' has no file 'nowhere.txt'."),
        (("vit", "--kind", "image-processor", "--vocab", "x"), 1, "--vocab is for a tokenizer or a processor"),
        (("vit", "--kind", "image-processor", "--set", "siz=3"), 1, "Did you mean 'size'?"),
        (("vit", "--kind", "image-processor", "--task", "base"), 2, "Invalid value for --task: it is for models."),
        (("vit", "--kind", "image-processor", "--seed", "1"), 2, "Invalid value for --seed: it is for models."),
        (("vit", "--vocab", "x"), 2, "Invalid value for --vocab: it is for --kind tokenizer and --kind processor."),
        (("vit", "--kind", "backbone", "--task", "base"), 2, "'base' contradicts --kind backbone"),
        (("distilbert", "--kind", "backbone"), 1, "has no model for the task 'backbone'"),
    ],
)
def test_a_wrong_kind_leaves_nothing(installed, tmp_path, args, code, message):
    name, *options = args
    result = installed("create", name, tmp_path / "out", *options)
    assert (result.code, result.out) == (code, "")
    assert message in result.err
    assert not list(tmp_path.iterdir())
