"""Text as it comes: pieces of whole characters, which joined are the text; and where strings stop it."""

import random
from pathlib import Path

import pytest
import torch

from archsmith import AutoTokenizer, LlamaConfig, LlamaForCausalLM
from archsmith_generation import Cache, texts_of

ROOT = Path(__file__).parents[3]
TOKENIZER = AutoTokenizer.from_pretrained(ROOT / "plugins/gpt2/src/archsmith_gpt2/reference/gpt2")
SIZE = len(TOKENIZER)


def model():
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = LlamaConfig(
        **sizes, num_key_value_heads=1, vocab_size=SIZE, max_position_embeddings=300, eos_token_id=None
    )
    return LlamaForCausalLM(config).eval()


MODEL = model()


def steps(ids):
    return (torch.tensor([token]) for token in ids)


@pytest.mark.parametrize(
    "text",
    [
        "plain words, and more",
        "naïve café",
        "日本語のテキスト",
        "👩‍👩‍👧 and 🏳️‍🌈!",
        "a\n\n  b\t",
        "",
        " ",
        "\u0e01\u0e33 ก็",
        "�",
    ],
)
def test_no_character_is_cut(text):
    ids = TOKENIZER(text, add_special_tokens=False)["input_ids"]
    pieces = list(texts_of(steps(ids), TOKENIZER))
    assert "".join(pieces) == TOKENIZER.decode(ids, skip_special_tokens=True)
    assert all(piece for piece in pieces)
    if "�" not in text:
        assert not any("�" in piece for piece in pieces)


def test_any_tokens_at_all():
    choose = random.Random(0)
    for _ in range(60):
        ids = [choose.randrange(SIZE) for _ in range(choose.randint(1, 40))]
        assert "".join(texts_of(steps(ids), TOKENIZER)) == TOKENIZER.decode(ids, skip_special_tokens=True)


def test_a_piece_comes_as_soon_as_it_is_sure():
    read = []

    def told():
        for token in TOKENIZER("one two three", add_special_tokens=False)["input_ids"]:
            read.append(token)
            yield torch.tensor([token])

    pieces = texts_of(told(), TOKENIZER)
    next(pieces)
    assert len(read) == 1


def test_a_stream_is_what_generate_writes():
    ids = torch.tensor([[5, 6, 7]])
    for options in ({}, {"prompt_lookup_num_tokens": 3}, {"do_sample": True, "generator": None}):
        torch.manual_seed(0)
        whole = MODEL.generate(ids, max_new_tokens=30, **options)
        torch.manual_seed(0)
        tokens = list(MODEL.stream(ids, max_new_tokens=30, **options))
        assert torch.stack(tokens, 1).equal(whole[:, 3:])
        torch.manual_seed(0)
        text = "".join(MODEL.stream(ids, tokenizer=TOKENIZER, max_new_tokens=30, **options))
        assert text == TOKENIZER.decode(whole[0, 3:], skip_special_tokens=True)


@pytest.mark.parametrize("options", [{}, {"prompt_lookup_num_tokens": 4}])
def test_a_stream_that_nobody_listens_to_any_more(options):
    ids, cache = torch.tensor([[5, 6, 7]]), Cache()
    for place, _ in enumerate(MODEL.stream(ids, past_key_values=cache, max_new_tokens=30, **options)):
        if place == 4:
            break
    whole = MODEL.generate(ids, past_key_values=cache, max_new_tokens=30)
    assert whole.equal(MODEL.generate(ids, max_new_tokens=30))


def test_strings_that_stop():
    ids = torch.tensor([[5, 6, 7]])
    whole = MODEL.generate(ids, max_new_tokens=20)
    text = TOKENIZER.decode(whole[0, 3:])
    stop = text[6:9]
    found = MODEL.generate(ids, max_new_tokens=20, stop_strings=["no such text", stop], tokenizer=TOKENIZER)
    written = TOKENIZER.decode(found[0, 3:])
    assert stop in written
    assert stop not in TOKENIZER.decode(found[0, 3:-1])
    assert text.startswith(written)
    both = torch.cat([ids, ids + 20])
    rows = MODEL.generate(both, max_new_tokens=20, stop_strings=stop, tokenizer=TOKENIZER, pad_token_id=9)
    assert rows[0, : found.shape[1]].equal(found[0])
    assert (rows[0, found.shape[1] :] == 9).all()
    assert (
        MODEL.generate(found, max_new_tokens=1, stop_strings=stop, tokenizer=TOKENIZER).shape[1] == found.shape[1] + 1
    )
