"""What must hold of whatever is written: however it is computed, and whatever is asked."""

import copy
import inspect

import pytest
import torch

from archsmith import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from archsmith.errors import ArchsmithError, ArchsmithWarning, InputError, OptionError
from archsmith_generation import Cache

TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
SIZES = {
    "vocab_size": 40, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 64,
} | TOKENS  # fmt: skip


def made(name, **changes):
    torch.manual_seed(0)
    if name == "gpt2":
        values = {"vocab_size": 40, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
        model = GPT2LMHeadModel(GPT2Config(**values, **TOKENS))
    elif name == "mistral":
        model = MistralForCausalLM(MistralConfig(**SIZES, sliding_window=4))
    else:
        model = LlamaForCausalLM(LlamaConfig(**SIZES | changes))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(8)  # far from ties
    return model.eval()


NAMES = ["llama", "mistral", "gpt2"]
MODELS = {name: made(name) for name in NAMES}
LLAMA = MODELS["llama"]


def prompt(batch=1, tokens=6, seed=0):
    return torch.randint(3, 40, (batch, tokens), generator=torch.Generator().manual_seed(seed))


def write(model, ids, **options):
    torch.manual_seed(0)
    return model.generate(*([] if ids is None else [ids]), **{"max_new_tokens": 10} | options)


# ---- one way and the other --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, {"do_sample": True}, {"repetition_penalty": 1.3}])
def test_with_and_without_a_cache(name, options):
    ids = prompt(2)
    assert write(MODELS[name], ids, **options).equal(write(MODELS[name], ids, use_cache=False, **options))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_beams": 3, "num_return_sequences": 2},
        {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2},
        {"bad_words_ids": [[5], [0, 7]], "min_new_tokens": 4},
        {"num_beams": 2, "repetition_penalty": 1.5, "no_repeat_ngram_size": 1},
    ],
)
def test_a_batch_is_its_rows_padded_or_not(name, options):
    rows = [prompt(1, tokens, seed=tokens) for tokens in (3, 7, 5)]
    ids, mask = torch.zeros(3, 7, dtype=torch.long), torch.zeros(3, 7, dtype=torch.long)
    for place, row in enumerate(rows):
        ids[place, 7 - row.shape[1] :], mask[place, 7 - row.shape[1] :] = row, 1
    found = write(MODELS[name], ids, attention_mask=mask, **options)
    inferred = write(MODELS[name], ids, **options)  # 0 is the padding and nothing else
    assert found.equal(inferred)
    several = options.get("num_return_sequences", 1)
    for place, row in enumerate(rows):
        alone = write(MODELS[name], row, **options)
        for each in range(several):
            written = found[place * several + each, 7:]
            own = alone[each, row.shape[1] :]
            assert written[: len(own)].equal(own)
            assert not written[len(own) :].any()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"repetition_penalty": 1.3, "no_repeat_ngram_size": 3},
        {"eos_token_id": [5, 9, 30], "min_new_tokens": 7},
        {"forced_eos_token_id": 2, "suppress_tokens": [4, 8, 15]},
    ],
)
def test_guesses_change_nothing(name, options):
    for seed in range(4):
        ids = prompt(1, 8, seed=seed).repeat(1, 2)
        wanted = write(MODELS[name], ids, max_new_tokens=30, **options)
        for tokens in (1, 3, 10):
            assert write(MODELS[name], ids, max_new_tokens=30, prompt_lookup_num_tokens=tokens, **options).equal(wanted)
        for assistant in (MODELS[name], MODELS["gpt2"]):
            more = {"assistant_model": assistant, "num_assistant_tokens": 4}
            cache = MODELS[name].new_cache()
            assert write(MODELS[name], ids, max_new_tokens=30, past_key_values=cache, **more, **options).equal(wanted)
            assert cache.length == wanted.shape[1] - 1


def counting(model, monkeypatch):
    read, forward = [], type(model).forward

    def counted(self, input_ids=None, *args, **kwargs):
        read.append(input_ids.shape[1])
        return forward(self, input_ids, *args, **kwargs)

    monkeypatch.setattr(model, "forward", counted.__get__(model))
    return read


@pytest.mark.parametrize("name", NAMES)
def test_a_chat_goes_on_with_its_cache(name, monkeypatch):
    model, cache = made(name), MODELS[name].new_cache()
    text = prompt(1, 6)
    read = counting(model, monkeypatch)
    for turn in range(3):
        wanted = write(MODELS[name], text, max_new_tokens=5)
        read.clear()
        found = write(model, text, max_new_tokens=5, past_key_values=cache)
        assert found.equal(wanted)
        assert read[0] == (6 if turn == 0 else 4)  # the last token of the answer, and the question
        text = torch.cat([found, prompt(1, 3, seed=turn)], 1)
    other = torch.cat([text[:, :4], (text[:, 4:] + 1) % 37 + 3], 1)  # a history that was edited
    assert write(model, other, past_key_values=cache).equal(write(MODELS[name], other))
    again = write(model, other, past_key_values=cache)
    assert again.equal(write(MODELS[name], other))


def test_a_cache_that_the_model_filled_itself():
    ids, cache = prompt(2, 6), Cache()
    with torch.no_grad():
        LLAMA(ids[:, :4], past_key_values=cache)
    assert write(LLAMA, ids, past_key_values=cache).equal(write(LLAMA, ids))


def test_several_texts_leave_the_callers_cache_alone():
    ids, cache = prompt(1, 6), Cache()
    for options in ({"num_beams": 2}, {"do_sample": True, "num_return_sequences": 2}):
        assert write(LLAMA, ids, past_key_values=cache, **options).equal(write(LLAMA, ids, **options))
        assert cache.length == 0


def test_a_compiled_step_is_compiled_a_few_times():
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    sizes = {"num_hidden_layers": 1, "max_position_embeddings": 200}
    plain, compiled = made("llama", **sizes), made("llama", **sizes)
    compiled.forward = torch.compile(compiled.forward, backend="eager", fullgraph=True)
    one, two = (write(model, prompt(), max_new_tokens=150, eos_token_id=0) for model in (plain, compiled))
    assert one.equal(two)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] < 9
    torch._dynamo.reset()


@pytest.mark.parametrize("name", NAMES)
def test_a_generator_for_each_text_makes_it_independent_of_the_others(name):
    def drawn(rows, seeds, **options):
        several = [torch.Generator().manual_seed(seed) for seed in seeds]
        return MODELS[name].generate(
            rows, do_sample=True, temperature=9.0, max_new_tokens=9, generator=several, eos_token_id=None, **options
        )

    rows = torch.cat([prompt(seed=1), prompt(seed=2), prompt(seed=1)])
    whole = drawn(rows, (5, 6, 7))
    for place, seed in enumerate((5, 6, 7)):
        assert drawn(rows[place : place + 1], [seed]).equal(whole[place : place + 1])
    assert not whole[0].equal(whole[2])
    assert drawn(rows[:1], (5, 7), num_return_sequences=2).equal(whole[[0, 2]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_cache": False},
        {"do_sample": True, "temperature": 1.5},
        {"repetition_penalty": 1.5, "no_repeat_ngram_size": 2, "bad_words_ids": [[5], [7, 8]]},
    ],
)
@pytest.mark.parametrize("padded", [False, True])
def test_rows_that_have_ended_are_not_read(name, options, padded, monkeypatch):
    """Nothing of what is written depends on it."""
    model, rows = MODELS[name], []
    ids = prompt(8, 7)
    mask = torch.ones_like(ids)
    if padded:
        for place in range(8):
            mask[place, : place % 4] = 0
    forward = type(model).forward

    def counted(self, input_ids=None, **inputs):
        rows.append(len(input_ids))
        return forward(self, input_ids, **inputs)

    counted.__signature__ = inspect.signature(forward)

    def generators():
        seeded = [torch.Generator().manual_seed(seed) for seed in range(8)]
        return seeded if "do_sample" in options else [None] * 8

    asked = options | {"eos_token_id": list(range(3, 38, 3)), "max_new_tokens": 30}
    alone = [
        write(model, ids[place : place + 1, int((1 - mask[place]).sum()) :], generator=generator, **asked)
        for place, generator in enumerate(generators())
    ]
    monkeypatch.setattr(type(model), "forward", counted)
    several = generators() if "do_sample" in options else None
    found = write(model, ids, attention_mask=mask, generator=several, **asked)
    assert rows[0] == 8
    assert rows == sorted(rows, reverse=True)
    assert rows[-1] <= 4
    for place, row in enumerate(alone):
        beginning = int((1 - mask[place]).sum())
        assert found[place, beginning : beginning + row.shape[1]].equal(row[0])
        assert (found[place, beginning + row.shape[1] :] == TOKENS["pad_token_id"]).all()
    if "do_sample" not in options:  # where others may look at scores or at the cache all rows are read
        rows.clear()
        output = write(model, ids, attention_mask=mask, return_dict_in_generate=True, **asked)
        assert output.sequences.equal(found)
        assert set(rows) == {8}


def test_rows_that_have_ended_after_embeddings():
    ids = prompt(8, 7)
    embeds = LLAMA.get_input_embeddings()(ids)
    asked = {"eos_token_id": list(range(3, 38, 3)), "max_new_tokens": 30}
    found = write(LLAMA, ids, **asked)[:, 7:]
    for use_cache in (True, False):
        assert write(LLAMA, None, inputs_embeds=embeds, use_cache=use_cache, **asked).equal(found)


def test_what_callers_of_transformers_pass():
    ids = prompt(2)
    wanted = write(LLAMA, ids)
    assert write(LLAMA, None, inputs=ids, streamer=None, synced_gpus=False).equal(wanted)
    for wrong in ({"streamer": 3}, {"synced_gpus": True}):
        with pytest.raises(ArchsmithError, match=f"'{next(iter(wrong))}' is not a setting"):
            write(LLAMA, ids, **wrong)
    with pytest.raises(OptionError, match=r"^inputs and input_ids are one argument; pass input_ids\."):
        LLAMA.generate(input_ids=ids, inputs=ids)


def test_a_generator_is_the_seed():
    ids = prompt(2)
    one, two, three = (
        LLAMA.generate(ids, do_sample=True, max_new_tokens=8, generator=torch.Generator().manual_seed(seed))
        for seed in (5, 5, 6)
    )
    assert one.equal(two)
    assert not one.equal(three)


# ---- what the caller brings --------------------------------------------------------------------------------------


def test_processors_and_criteria_of_the_caller():
    ids, lengths = prompt(2), []

    def only_seven(input_ids, scores):
        lengths.append(input_ids.shape[1])
        scores[:, :7] = scores[:, 8:] = -torch.inf
        return scores

    output = write(
        LLAMA,
        ids,
        logits_processor=[only_seven],
        stopping_criteria=[lambda rows, _: rows.shape[1] >= 9],
        return_dict_in_generate=True,
        output_logits=True,
    )
    assert output.sequences[:, 6:].tolist() == [[7, 7, 7]] * 2
    assert lengths == [6, 7, 8]
    assert all(each.isfinite().all() for each in output.logits)  # before anybody wrote into them
    one = write(LLAMA, ids, stopping_criteria=[lambda rows, _: torch.arange(len(rows)) == 1], max_new_tokens=4)
    assert one[1, 7:].tolist() == [0, 0, 0]
    assert one[0, 7:].all()


@pytest.mark.parametrize("mode", [torch.enable_grad, torch.no_grad, torch.inference_mode])
def test_gradients_stay_as_they_were(mode):
    with mode():
        before, seen = torch.is_grad_enabled(), []
        for _ in LLAMA.stream(prompt(), max_new_tokens=3):
            seen.append(torch.is_grad_enabled())
        assert seen == [before] * 3
        assert not LLAMA.generate(prompt(), max_new_tokens=2).is_floating_point()


# ---- what is refused ---------------------------------------------------------------------------------------------

IDS = prompt(2)
RIGHT = {"attention_mask": torch.tensor([[1, 1, 1, 1, 0, 0], [1] * 6])}
FULL = Cache()
with torch.no_grad():
    LLAMA(prompt(2, 3), past_key_values=FULL)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"temperature": 0.7}, "temperature is 0.7, which needs do_sample=True"),
        ({"top_p": 0.5}, "top_p is 0.5, which needs do_sample=True"),
        ({"do_sample": True, "temperature": 0.0}, "temperature must be a number above 0, but is 0.0"),
        ({"do_sample": True, "top_p": 1.5}, "top_p must be a number above 0 and of at most 1, but is 1.5"),
        ({"length_penalty": 2.0}, "length_penalty is 2.0, which needs num_beams above 1"),
        ({"num_return_sequences": 2}, "num_return_sequences is 2, but without do_sample=True there are only"),
        ({"num_beams": 2, "num_return_sequences": 3}, "num_return_sequences is 3, but"),
        ({"max_length": 20}, "max_length and max_new_tokens are both given"),
        ({"min_new_tokens": 11}, "min_new_tokens is 11, but must be at most max_new_tokens 10"),
        ({"max_new_tokens": 0}, "max_new_tokens must be an integer from 1 to"),
        ({"max_new_tokens": 59}, "max_new_tokens is 59, but after a prompt of 6 tokens the model has positions for 58"),
        ({"max_new_tokens": None, "max_length": 6}, "max_length is 6, but the prompt has 6 tokens already"),
        ({"max_new_token": 3}, "'max_new_token' is not a setting of GenerationConfig. Did you mean 'max_new_tokens'?"),
        ({"streamer": print}, "'streamer' is not a setting of GenerationConfig. Loop over model.stream(…)"),
        ({"eos_token_id": 40}, "eos_token_id holds 40, but the vocabulary has 40 tokens, 0 to 39."),
        ({"eos_token_id": -1}, "eos_token_id must be an integer"),
        ({"eos_token_id": []}, "eos_token_id must not be empty"),
        ({"bad_words_ids": [[]]}, "bad_words_ids must not be empty nor hold anything empty"),
        ({"bad_words_ids": [[2]]}, "bad_words_ids holds an eos_token_id alone; to write on, pass min_new_tokens"),
        ({"suppress_tokens": [*range(40)]}, "the scores of a step are minus infinity for every token"),
        ({"suppress_tokens": [*range(40)], "num_beams": 2}, "the scores of a step leave no token to go on with"),
        ({"stop_strings": "x"}, "stop_strings 'x' need tokenizer=…"),
        ({"prompt_lookup_num_tokens": 3}, "prompt_lookup_num_tokens takes one prompt of token ids without padding."),
        (
            {"assistant_model": LLAMA, "num_beams": 2},
            "assistant_model needs do_sample=False, num_beams=1 and use_cache",
        ),
        ({"assistant_model": LLAMA, "prompt_lookup_num_tokens": 2}, "are two ways to guess; pass one."),
        ({"assistant_model": 5}, "assistant_model must be a model that generates, but is 5."),
        ({"num_assistant_tokens": 3}, "num_assistant_tokens needs assistant_model."),
        (
            {"num_assistant_tokens": 3, "prompt_lookup_num_tokens": 2},
            "num_assistant_tokens needs assistant_model.",
        ),
        ({"num_beams": 30}, "num_beams is 30, which takes 60 first tokens, but the vocabulary has 40."),
        (RIGHT, "row 0 of attention_mask is [1, 1, 1, 1, 0, 0]: padding comes after tokens"),
        ({"attention_mask": torch.zeros(2, 6)}, "row 0 of the prompt is padding alone"),
        ({"attention_mask": torch.full((2, 6), -10_000.0)}, "attention_mask must be 1 for tokens and 0 for padding"),
        ({"attention_mask": torch.ones(2, 5)}, "attention_mask must have the shape (batch, tokens) = (2, 6), but has"),
        ({"past_key_values": ()}, "past_key_values must be an archsmith_generation.Cache, but is ()."),
        ({"past_key_values": Cache(), "use_cache": False}, "past_key_values needs use_cache=True."),
        ({"logits_processor": [3]}, "logits_processor must be a list of functions, but is [3]."),
        ({"logits_processor": [lambda _, scores: scores[:, :3]]}, "a logits processor must return scores of the shape"),
        ({"stopping_criteria": [lambda *_: "yes"]}, "stopping_criteria must return True, False or a boolean tensor"),
        ({"generator": 3}, "generator must be a torch.Generator, or a list of them, but is 3."),
        ({"generator": [torch.Generator()] * 3}, "a list of one for each of 2 texts, but is a list of 3"),
        ({"generator": [torch.Generator()] * 2, "num_beams": 2}, "is a list of 2, and num_beams is 2."),
        ({"generator": torch.Generator()}, "generator has no effect without do_sample=True; leave it out."),
        ({"output_scores": True}, "output_scores=True needs return_dict_in_generate=True."),
        (
            {"forced_eos_token_id": 2, "max_new_tokens": 1, "num_beams": 3, "num_return_sequences": 3},
            "num_return_sequences is 3, but the settings leave fewer texts than that.",
        ),
        (
            {"generation_config": {}},
            "must be an archsmith_generation.GenerationConfig, but is a builtins.dict.",
        ),
        ({"inputs_embeds": torch.zeros(2, 6, 32)}, "pass either input_ids or inputs_embeds, but got both."),
    ],
)
def test_what_is_refused(options, message):
    with pytest.raises((InputError, OptionError)) as caught:
        write(LLAMA, IDS, **options)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (
            torch.zeros(1, 0, dtype=torch.long),
            "input_ids must have the shape (batch, tokens) with at least one",
        ),
        (
            torch.zeros(0, 3, dtype=torch.long),
            "input_ids must have the shape (batch, tokens) with at least one",
        ),
        (torch.zeros(3, dtype=torch.long), "input_ids must have the shape (batch, tokens)"),
        (torch.full((1, 3), 40), "input_ids must be from 0 to 39, but hold 40."),
        (torch.ones(1, 3), "input_ids must be integers"),
        (torch.ones(1, 65, dtype=torch.long), "the prompt has 65 tokens, but the model has positions for 64"),
        (torch.ones(1, 64, dtype=torch.long), "max_new_tokens is 10, but after a prompt of 64 tokens"),
        ([[1, 2]], "input_ids must be a tensor, but is [[1, 2]]. Ask the tokenizer"),
        ("hello", "input_ids must be a tensor, but is 'hello'."),
        (torch.tensor([[5, 6, 0, 0]]), "padding comes after tokens, and a text cannot go on there. Pad on the left"),
    ],
)
def test_prompts_that_are_none(ids, message):
    with pytest.raises(InputError) as caught:
        write(LLAMA, ids)
    assert message in str(caught.value)


def test_no_prompt_is_the_beginning():
    assert LLAMA.generate(max_new_tokens=3).equal(write(LLAMA, torch.tensor([[1]]), max_new_tokens=3))
    bare = made("llama", bos_token_id=None)
    with pytest.raises(InputError, match="there is no prompt: pass input_ids or inputs_embeds; bos_token_id"):
        bare.generate(max_new_tokens=3)


def test_a_cache_of_another_model_or_batch():
    for model, ids in ((LLAMA, prompt(1)), (made("llama", num_hidden_layers=3), prompt(2))):
        with pytest.raises(InputError, match=r"it is of another model or another batch\. Start with a new Cache"):
            write(model, ids, past_key_values=copy.deepcopy(FULL))
    with pytest.raises(InputError, match="another model's or another batch's"):
        write(made("llama", num_key_value_heads=4), prompt(2), past_key_values=copy.deepcopy(FULL))
    with pytest.raises(InputError, match="past_key_values holds 3 tokens, but the prompt has 2: pass the whole"):
        write(LLAMA, prompt(2, 2), past_key_values=copy.deepcopy(FULL))


def test_a_cache_of_another_model_of_the_same_shape():
    ids, cache = prompt(1), Cache()
    write(LLAMA, ids, past_key_values=cache)
    for same in (LLAMA, copy.deepcopy(LLAMA)):
        write(same, ids, past_key_values=copy.deepcopy(cache))
    with pytest.raises(InputError, match="holds what another model has read; start with a new Cache"):
        write(made("llama"), ids, past_key_values=cache)


def test_settings_that_a_stream_does_not_read():
    with pytest.raises(OptionError, match="return_dict_in_generate=True has no effect in a stream"):
        list(LLAMA.stream(prompt(1), max_new_tokens=2, return_dict_in_generate=True))


def test_a_cache_that_keeps_too_little_or_too_much():
    ids, wanted = prompt(1, 12), write(MODELS["mistral"], prompt(1, 12))
    assert write(MODELS["mistral"], ids, past_key_values=Cache()).equal(wanted)
    with pytest.raises(InputError) as caught:
        write(LLAMA, ids, past_key_values=MODELS["mistral"].new_cache())
    assert str(caught.value) == (
        "past_key_values keeps 4 tokens of layer 0, but a token of LlamaForCausalLM sees all: it is of another model. "
        "Start with model.new_cache()."
    )
    with pytest.raises(InputError, match=r"past_key_values keeps 3 tokens of layer 1, but .* sees 4"):
        write(MODELS["mistral"], ids, past_key_values=Cache(windows=[4, 3]))


@pytest.mark.parametrize("name", NAMES)
def test_a_direct_call_with_a_cache_that_keeps_too_little(name):
    model, ids = MODELS[name], prompt(1, 3)
    for windows in ([3], [4, 3]):
        with pytest.raises(InputError, match=r"past_key_values keeps \d tokens of layer \d, but .* another model"):
            model(ids, past_key_values=Cache(windows=windows))
    with torch.no_grad():
        for windows in ([], [None, None], [4, 4] if name == "mistral" else [None]):
            found = model(ids, past_key_values=Cache(windows=windows)).logits
            assert torch.allclose(found, model(ids).logits, atol=1e-5)


def test_what_is_announced():
    with pytest.warns(ArchsmithWarning, match="neither max_new_tokens nor max_length is given: at most 20 tokens"):
        assert LLAMA.generate(prompt(), eos_token_id=0).shape[1] <= 26
    training = made("llama").train()
    with pytest.warns(ArchsmithWarning, match="the model is in training mode"):
        write(training, prompt())


def test_beams_are_not_streamed():
    with pytest.raises(OptionError, match="num_beams is 2, but beams cannot be streamed"):
        LLAMA.stream(prompt(), num_beams=2, max_new_tokens=3)
    with pytest.raises(InputError, match="text of one row can be streamed, but there are 2"):
        LLAMA.stream(prompt(2), tokenizer=object(), max_new_tokens=3)


def test_a_step_that_fails_leaves_the_cache_whole(monkeypatch):
    model, cache, ids = made("llama"), Cache(), prompt()
    layer, calls = model.model.layers[1], []

    def failing(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return type(layer).forward(layer, *args, **kwargs)

    monkeypatch.setattr(layer, "forward", failing)
    with pytest.raises(KeyboardInterrupt):
        write(model, ids, past_key_values=cache)
    assert cache.length == 7
    assert write(model, ids, past_key_values=cache).equal(write(LLAMA, ids))


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")  # of torch, which imports its own code generator
def test_a_compiled_model_writes_the_same():
    torch._dynamo.reset()
    plain, compiled = made("llama", num_hidden_layers=1), made("llama", num_hidden_layers=1)
    compiled.forward = torch.compile(compiled.forward, dynamic=True)
    one, two = (write(model, prompt(2), max_new_tokens=32, eos_token_id=0) for model in (plain, compiled))
    assert one.equal(two)
    assert one.shape == (2, 38)
    torch._dynamo.reset()
