"""What models write: in batches as alone, after prompts and in conversations, in pieces; and what is refused."""

import pytest
import torch

from archsmith import GPT2LMHeadModel, LlamaForCausalLM
from archsmith.errors import InputError, OptionError
from archsmith_generation import GenerationConfig
from archsmith_tasks import Failure

from .text_support import made, words_only

SIZES = {
    "llama": {
        "vocab_size": 16, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "bos_token_id": None, "eos_token_id": 1,
    },
    "gpt2": {
        "vocab_size": 16, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64, "bos_token_id": None,
        "eos_token_id": 1,
    },
}  # fmt: skip
CLASSES = {"llama": LlamaForCausalLM, "gpt2": GPT2LMHeadModel}
PROMPTS = ["ada wrote to new york", "a", "b c d e a b c d e a b", "new york", "c a", "ada ada ada ada a b"] * 4
CHAT = (
    "{% for m in messages %}{{ m.role }} {{ m.content }} {% endfor %}{% if add_generation_prompt %}assistant{% endif %}"
)
ROLES = ("user", "assistant", "system", "<tool>")
ASK = {"role": "user", "content": "ada wrote"}


@pytest.fixture(params=["llama", "gpt2"])
def write(request):
    name = request.param
    return made("text-generation", CLASSES[name], words_only(ROLES), scale=8, **SIZES[name])


@pytest.fixture
def talk(write):
    write.parts.tokenizer.chat_template = CHAT
    return write


def alone(write, prompt, **options):
    """Return what the model writes after one prompt, by itself."""
    batch = write.parts.tokenizer(prompt, return_tensors="pt")
    ids = write.model.generate(batch["input_ids"], **{"tokenizer": write.parts.tokenizer} | options)
    return write.parts.tokenizer.decode(ids[0, batch["input_ids"].shape[1] :], skip_special_tokens=True)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_beams": 3},
        {"repetition_penalty": 1.4},
        {"no_repeat_ngram_size": 2},
        {"min_new_tokens": 5},
        {"bad_words_ids": [[7], [8, 9]]},
        {"prompt_lookup_num_tokens": 3},
        {"stop_strings": ["york", "b c"]},
        {"eos_token_id": [5, 6, 7]},
    ],
)
def test_many_are_each_alone(write, options):
    options = {"max_new_tokens": 12} | options
    for prompt, found in zip(PROMPTS, write(PROMPTS, **options), strict=True):
        assert found.text == alone(write, prompt, **options)
        assert found == write(prompt, **options)


@pytest.mark.parametrize(
    "options", [{"max_length": 14}, {"max_new_tokens": 9, "min_length": 12}, {"max_new_tokens": 53}]
)
def test_limits_of_rows_are_those_of_each_alone(write, options):
    """They count tokens of the prompt, so padding must not count; and the model has 64 positions."""
    for prompt, found in zip(PROMPTS, write(PROMPTS, **options), strict=True):
        assert found.text == alone(write, prompt, **options)


def test_where_nobody_says_how_many(write):
    with pytest.warns(match="at most 20 tokens are written"):
        assert all(each.tokens <= 20 for each in write(PROMPTS))


def test_ends_and_numbers_of_tokens(write):
    tokens = write.parts.tokenizer
    found = write("ada wrote", max_new_tokens=8, suppress_tokens=[1])
    assert (found.tokens, found.ended) == (8, False)
    first = tokens(found.text).input_ids[2]
    ended = write("ada wrote", max_new_tokens=8, eos_token_id=first)
    assert (ended.ended, ended.tokens <= 3) == (True, True)
    word = next(each for each in found.text.split()[1:] if each != found.text.split()[0])
    stopped = write(["ada wrote", "a"], max_new_tokens=8, stop_strings=[word], suppress_tokens=[1])[0]
    assert stopped.ended
    assert stopped.text.split() == found.text.split()[: stopped.tokens]
    assert stopped.text.split().index(word) == stopped.tokens - 1
    assert write("ada", max_new_tokens=3, return_full_text=True).text.startswith("ada")
    assert str(found) == found.text


def test_several_texts_of_a_prompt(write):
    found = write(PROMPTS[:3], max_new_tokens=6, num_beams=3, num_return_sequences=2)
    for prompt, each in zip(PROMPTS, found, strict=False):
        assert len(each.others) == 1
        assert each.text == alone(write, prompt, max_new_tokens=6, num_beams=3)
    drawn = write("a", max_new_tokens=12, do_sample=True, temperature=90.0, num_return_sequences=5, seed=1)
    assert len({drawn.text, *(each.text for each in drawn.others)}) > 2


@pytest.mark.parametrize(
    "options", [{}, {"num_return_sequences": 2}, {"num_beams": 2}, {"temperature": 0.7, "top_k": 5}]
)
def test_what_is_drawn_depends_on_the_input_and_the_seed_alone(write, options):
    options = {"do_sample": True, "max_new_tokens": 10, "seed": 7, "temperature": 90.0} | options
    torch.manual_seed(0)
    first = list(write(PROMPTS, **options))
    torch.manual_seed(1)
    assert list(write(PROMPTS[::-1], **options))[::-1] == first
    assert [write(prompt, **options) for prompt in PROMPTS[:4]] == first[:4]
    assert first[:6] == first[6:12]  # the same prompt, the same text
    assert [each.text for each in write(PROMPTS, **options | {"seed": 8})] != [each.text for each in first]


def test_settings_of_the_model_hold_unless_a_call_says_otherwise(write):
    write.model.generation_config = GenerationConfig(do_sample=True, max_new_tokens=5, temperature=0.5)
    assert write("a", temperature=0.7, seed=3) == write("a", temperature=0.7, seed=3)
    assert write("ada", do_sample=False, temperature=1.0).text == alone(write, "ada", do_sample=False, temperature=1.0)


def test_pieces(write):
    pieces = list(write.stream("ada wrote", max_new_tokens=9, suppress_tokens=[1]))
    assert len(pieces) > 3
    assert "".join(pieces) == write("ada wrote", max_new_tokens=9, suppress_tokens=[1]).text
    drawn = {"do_sample": True, "seed": 5, "max_new_tokens": 9}
    assert "".join(write.stream("a", **drawn)) == write("a", **drawn).text
    assert next(write.stream("a", max_new_tokens=2, return_full_text=True)) == "a"
    for bad, error in [("", InputError), (["a", "b"], InputError)]:
        with pytest.raises(error):
            write.stream(bad)
    with pytest.raises(OptionError, match="beams cannot be streamed"):
        write.stream("a", num_beams=2, max_new_tokens=3)


# ---- conversations ----------------------------------------------------------------------------------------------


def test_a_list_of_messages_is_one_input(talk):
    options = {"max_new_tokens": 5}
    found = talk([ASK], **options)
    assert found.text == alone(talk, "user ada wrote assistant", **options)
    several = talk([[ASK], [ASK, {"role": "assistant", "content": "a"}, ASK], "ada"], **options)
    assert several[0] == found
    assert several[1].text == alone(talk, "user ada wrote assistant a user ada wrote assistant", **options)
    assert several[2].text == alone(talk, "ada", **options)
    assert list(talk(iter([[ASK]]), **options)) == [found]
    assert "".join(talk.stream([ASK], **options)) == found.text


def test_a_last_message_of_the_model_is_gone_on_with(talk):
    found = talk([ASK, {"role": "assistant", "content": "to new"}], max_new_tokens=5)
    assert found.text == alone(talk, "user ada wrote assistant to new", max_new_tokens=5)


def test_what_the_model_is_told_about_itself(talk):
    options = {"max_new_tokens": 5, "system": "a b"}
    wanted = alone(talk, "system a b user ada wrote assistant", max_new_tokens=5)
    assert talk([ASK], **options).text == talk("ada wrote", **options).text == wanted
    found = talk([[{"role": "system", "content": "a"}, ASK], "ada wrote", 5], errors="keep", **options)
    assert found[0].error == "the conversation begins with a system message, and the option system is another."
    assert found[1].text == wanted
    assert isinstance(found[2], Failure)


def test_bad_inputs_are_bad_alone(talk):
    bad = ["", None, 5, {"role": "user"}, [{"role": "user"}], [{"role": "dog", "content": "a"}], ["a"], "a " * 65, []]
    found = talk(["ada", *bad, "ada"], max_new_tokens=3, errors="keep")
    assert [isinstance(each, Failure) for each in found] == [False, *[True] * len(bad), False]
    assert found[0] == found[-1]
    assert found[3].error == "an input must be a text, or a list of messages with role and content, but is 5."
    assert found[8].error == (
        "the text has 65 tokens, but the model reads at most 64. Make it shorter, or leave out its beginning."
    )
    full = talk([[ASK], "a"], max_new_tokens=3, return_full_text=True, errors="keep")
    assert full[0].error == "return_full_text=True needs a text, but the input is a conversation."
    assert full[1].text.startswith("a")


def test_refusals(write):
    for options, said in [
        ({"seed": 3}, "seed is 3, which needs do_sample=True."),
        ({"system": "a"}, "system needs a tokenizer with a chat template"),
        ({"output_scores": True}, "output_scores has no effect here"),
        ({"temperature": 0.5}, "temperature is 0.5, which needs do_sample=True"),
        ({"max_tokens": 3}, "'max_tokens' is not an option of text-generation"),
        ({"max_new_tokens": 0}, "max_new_tokens must be an integer"),
        ({"seed": "x"}, "seed must be an integer"),
        ({"num_return_sequences": 2}, "num_return_sequences is 2, but without do_sample=True"),
    ]:
        with pytest.raises(OptionError, match=said):
            write("a", **options)
    with pytest.raises(OptionError, match="there is no chat template"):
        write([ASK], max_new_tokens=2)


def test_other_tasks_do_not_stream(tmp_path):
    from archsmith import DistilBertModel

    from .text_support import fast

    with pytest.raises(OptionError, match="feature-extraction writes no text that could be streamed"):
        made("feature-extraction", DistilBertModel, fast(tmp_path)).stream("a")
