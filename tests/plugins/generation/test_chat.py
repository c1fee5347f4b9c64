"""A talk: what was said goes into the next prompt, what was read is not read again, and an answer can be stopped."""

import inspect
import io
import json
import re
import sys
from pathlib import Path

import pytest
import torch
import typer

from archsmith import AutoTokenizer, BertConfig, BertLMHeadModel, LlamaConfig, LlamaForCausalLM
from archsmith.errors import ArchsmithWarning, InputError, OptionError
from archsmith_generation import Conversation
from archsmith_generation.chat import chat

ROOT = Path(__file__).parents[3]
TOKENIZER = ROOT / "plugins/gpt2/src/archsmith_gpt2/reference/gpt2"
TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant: {% endif %}"
)


@pytest.fixture
def tokenizer():
    found = AutoTokenizer.from_pretrained(TOKENIZER)
    found.chat_template = TEMPLATE
    return found


def model(tokenizer, positions=400):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    more = {"max_position_embeddings": positions, "eos_token_id": None, "bos_token_id": None}
    return LlamaForCausalLM(LlamaConfig(**sizes, **more, vocab_size=len(tokenizer))).eval()


@pytest.fixture
def folder(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    model(tokenizer).save_pretrained(tmp_path)
    return str(tmp_path)


def plain_answer(one, tokenizer, messages, tokens):
    ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")["input_ids"]
    written = one.generate(ids, max_new_tokens=tokens)[0, ids.shape[1] :]
    return tokenizer.decode(written, skip_special_tokens=True)


def test_turns_follow_each_other(tokenizer):
    one = model(tokenizer)
    talk, messages = Conversation(one, tokenizer, system="Be brief."), [{"role": "system", "content": "Be brief."}]
    for question in ("Hello?", "And then?", "é 日本"):
        messages.append({"role": "user", "content": question})
        wanted = plain_answer(one, tokenizer, messages, 6)
        assert "".join(talk.answer(question, max_new_tokens=6)) == wanted
        messages.append({"role": "assistant", "content": wanted})
        assert talk.messages == messages


def test_an_answer_that_is_not_heard_to_its_end(tokenizer):
    talk = Conversation(model(tokenizer), tokenizer)
    pieces = talk.answer("Hello?", max_new_tokens=50)
    first = next(pieces)
    pieces.close()
    assert talk.messages[-1] == {"role": "assistant", "content": first}
    assert "".join(talk.answer("Go on.", max_new_tokens=5))


def test_one_answer_at_a_time(tokenizer):
    talk = Conversation(model(tokenizer), tokenizer)
    pieces = talk.answer("Hello?", max_new_tokens=5)
    first, messages = next(pieces), [*talk.messages]
    with pytest.raises(InputError, match=re.escape("read it on, or close() it")):
        list(talk.answer("And you?"))
    assert talk.messages == messages
    answer = first + "".join(pieces)
    assert talk.messages == [*messages, {"role": "assistant", "content": answer}]
    assert "".join(talk.answer("Go on.", max_new_tokens=5))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"model": None}, "model must have stream(), but is None"),
        ({"tokenizer": "folder"}, "tokenizer must have apply_chat_template(), but is 'folder'"),
        ({"system": 3}, "system must be a text or None, but is 3"),
        ({"system": " "}, "system must be a text or None, but is ' '"),
    ],
)
def test_what_a_conversation_needs(given, said, tokenizer):
    with pytest.raises(OptionError, match=re.escape(said)):
        Conversation(**{"model": model(tokenizer), "tokenizer": tokenizer} | given)


@pytest.mark.parametrize(
    ("text", "settings", "said"),
    [
        (None, {}, "must be a text, but is None"),
        (["Hello?"], {}, "must be a text, but is ['Hello?']"),
        ("Hello?", {"use_cache": False}, "use_cache is the conversation's own"),
        ("Hello?", {"past_key_values": None}, "past_key_values is the conversation's own"),
        ("Hello?", {"tokenizer": None}, "tokenizer is the conversation's own"),
    ],
)
def test_what_an_answer_refuses(text, settings, said, tokenizer):
    talk = Conversation(model(tokenizer), tokenizer)
    with pytest.raises((InputError, OptionError), match=re.escape(said)):
        list(talk.answer(text, **settings))
    assert not talk.messages
    assert "".join(talk.answer("Hello?", max_new_tokens=2))


def test_a_context_that_is_full(tokenizer):
    talk = Conversation(model(tokenizer, positions=120), tokenizer, system="S")

    def all_of_it():
        return ["".join(talk.answer(f"{number} short", max_new_tokens=10)) for number in range(6)]

    with pytest.warns(ArchsmithWarning, match="its oldest question and answer are forgotten"):
        assert all(all_of_it())
    assert talk.messages[0] == {"role": "system", "content": "S"}
    assert talk.messages[-2]["content"] == "5 short"
    fresh = Conversation(model(tokenizer, positions=120), tokenizer, system="S")
    before = [*fresh.messages]
    with pytest.raises(InputError, match="but the model has positions for 120 in all; say less"):
        list(fresh.answer("long " * 200))
    assert fresh.messages == before


def said(monkeypatch, capsys, text, folder, **options):
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    chat(folder, **{"system": None, "max_new_tokens": 5, "temperature": None, "json": False} | options)
    return capsys.readouterr()


def test_one_prompt_from_standard_input(folder, tokenizer, monkeypatch, capsys):
    found = json.loads(said(monkeypatch, capsys, "Hello\nyou?\n", folder, json=True, system="S").out)
    messages = [{"role": "system", "content": "S"}, {"role": "user", "content": "Hello\nyou?"}]
    answer = plain_answer(model(tokenizer), tokenizer, messages, 5)
    assert found == {
        "prompt": "Hello\nyou?",
        "answer": answer,
        "messages": [*messages, {"role": "assistant", "content": answer}],
    }


def test_no_prompt(folder, monkeypatch, capsys):
    with pytest.raises(InputError) as caught:
        said(monkeypatch, capsys, " \n", folder, json=True)
    assert str(caught.value) == "what is said must not be empty, but is ''."


def test_lines_that_are_piped_in(folder, monkeypatch, capsys):
    found = said(monkeypatch, capsys, "Hello?\n\n  \nAnd then?", folder)
    assert found.out.count("\n") >= 2
    assert "\x1b" not in found.out
    assert found.err == ""
    torch.manual_seed(3)
    drawn = said(monkeypatch, capsys, "Hello?", folder, temperature=5.0).out
    torch.manual_seed(4)
    assert said(monkeypatch, capsys, "Hello?", folder, temperature=5.0).out != drawn


def test_an_answer_that_is_stopped(folder, monkeypatch, capsys):
    forward, calls = LlamaForCausalLM.forward, []

    def interrupted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return forward(self, *args, **kwargs)

    interrupted.__signature__ = inspect.signature(forward)
    monkeypatch.setattr(LlamaForCausalLM, "forward", interrupted)
    found = said(monkeypatch, capsys, "Hello?\nStill there?\n", folder).out
    assert found.count(" [stopped]\n") == 1
    assert len(calls) == 4 + 5  # the second question is answered whole


def test_a_question_that_is_too_long(folder, monkeypatch, capsys):
    with pytest.raises(typer.Exit) as end:
        said(monkeypatch, capsys, f"{'long ' * 900}\nHello?\n", folder)
    assert end.value.exit_code == 1  # nobody sees the message of a line that was piped in
    found = capsys.readouterr()
    assert "but the model has positions for 400 in all; say less." in found.err
    assert found.out.strip()


def test_a_model_that_writes_nothing(tmp_path, monkeypatch, capsys):
    sizes = {"vocab_size": 30, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    BertLMHeadModel(BertConfig(**sizes, is_decoder=True)).save_pretrained(tmp_path)
    with pytest.raises(OptionError) as caught:
        said(monkeypatch, capsys, "Hello?", str(tmp_path))
    assert str(caught.value) == "BertLMHeadModel does not generate: it is not a GenerationMixin."
