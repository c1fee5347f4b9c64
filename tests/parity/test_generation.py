"""What is written, token for token, beside the reference: every strategy, with the same weights and random numbers."""

import warnings

import pytest
import torch

from .oracle import transformers
from .support import build

TEXT = {
    "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 96, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3,
}  # fmt: skip
GPT2 = {
    "vocab_size": 60, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 96, "bos_token_id": 1, "eos_token_id": 2,
    "pad_token_id": 3,
}  # fmt: skip
MODELS = {
    "llama": ("LlamaForCausalLM", TEXT),
    "mistral": ("MistralForCausalLM", TEXT | {"sliding_window": 5}),
    "qwen2": ("Qwen2ForCausalLM", TEXT),
    "gpt2": ("GPT2LMHeadModel", GPT2),
}
SAMPLED = {"do_sample": True}
STRATEGIES = {
    "greedy": {},
    "greedy, many ends": {"eos_token_id": [5, 9, 17, 33, 41]},
    "no cache": {"use_cache": False},
    "repetition": {"repetition_penalty": 1.7},
    "repetition, below 1": {"repetition_penalty": 0.6},
    "pairs": {"no_repeat_ngram_size": 2},
    "single": {"no_repeat_ngram_size": 1},
    "triples": {"no_repeat_ngram_size": 3, "repetition_penalty": 0.8},
    "bad words": {"bad_words_ids": [[4], [7, 9], [12, 13, 14]]},
    "suppressed": {"suppress_tokens": [4, 5, 6], "begin_suppress_tokens": [7, 8, 9, 10]},
    "least": {"min_new_tokens": 6, "eos_token_id": [*range(3, 40)]},
    "least in all": {"min_length": 12, "eos_token_id": [*range(3, 40)]},
    "forced last": {"forced_eos_token_id": 2},
    "sampled": SAMPLED,
    "sampled, cold": SAMPLED | {"temperature": 0.3},
    "sampled, hot": SAMPLED | {"temperature": 3.0, "top_k": 0},
    "top k": SAMPLED | {"top_k": 3},
    "top k of one": SAMPLED | {"top_k": 1},
    "top p": SAMPLED | {"top_p": 0.4, "top_k": 0},
    "min p": SAMPLED | {"min_p": 0.2},
    "typical": SAMPLED | {"typical_p": 0.5, "top_k": 0},
    "all of them": SAMPLED | {"temperature": 1.4, "top_k": 20, "top_p": 0.9, "min_p": 0.01, "typical_p": 0.9},
    "several sampled": SAMPLED | {"num_return_sequences": 3},
    "sampled with penalties": SAMPLED | {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "beams": {"num_beams": 3},
    "beams, all": {"num_beams": 4, "num_return_sequences": 4},
    "beams, short": {"num_beams": 3, "length_penalty": -1.0, "eos_token_id": [5, 9, 17, 33]},
    "beams, long": {"num_beams": 3, "length_penalty": 2.5, "eos_token_id": [5, 9, 17, 33], "num_return_sequences": 2},
    "beams, early": {"num_beams": 3, "early_stopping": True, "eos_token_id": [5, 9, 17, 33], "num_return_sequences": 3},
    "beams, late": {"num_beams": 3, "early_stopping": "never", "eos_token_id": [5, 9, 17, 33]},
    "beams with penalties": {"num_beams": 3, "repetition_penalty": 1.4, "no_repeat_ngram_size": 2},
    "beams, bad words": {"num_beams": 2, "bad_words_ids": [[4], [7, 9]], "min_new_tokens": 3},
    "beams, forced last": {"num_beams": 2, "forced_eos_token_id": 2},
    "beams, sampled": SAMPLED | {"num_beams": 3, "num_return_sequences": 2},
    "beams, sampled among few": SAMPLED | {"num_beams": 2, "top_p": 0.7, "temperature": 1.5},
    "beams, no cache": {"num_beams": 3, "use_cache": False},
}
PENALTIES = ("repetition_penalty", "no_repeat_ngram_size")


def pair(name, **changes):
    cls, values = MODELS[name]
    return build(cls, values | changes)


def prompts(batch, *, padded=False, tokens=7, seed=0):
    ids = torch.randint(4, 60, (batch, tokens), generator=torch.Generator().manual_seed(seed))
    mask = torch.ones_like(ids)
    if padded:
        for row in range(1, batch):
            ids[row, : row + 1], mask[row, : row + 1] = 3, 0
    return {"input_ids": ids, "attention_mask": mask}


def write(model, inputs, seed=0, **options):
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.generate(**inputs, **{"max_new_tokens": 12} | options)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("name", MODELS)
def test_tokens(name, strategy):
    models, options = pair(name), STRATEGIES[strategy]
    for inputs in (prompts(1), prompts(3, seed=1), prompts(3, padded=True, seed=2)):
        if not bool(inputs["attention_mask"].all()) and set(PENALTIES) & set(options):
            continue  # the reference counts padding as a token that was there
        ours, theirs = (write(model, inputs, **options) for model in (models.ours, models.theirs))
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("strategy", ["greedy", "all of them", "beams, all", "beams with penalties", "several sampled"])
def test_scores_and_logits(strategy):
    models, inputs = pair("llama"), prompts(2)
    more = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
    ours, theirs = (write(model, inputs, **STRATEGIES[strategy], **more) for model in (models.ours, models.theirs))
    assert ours.sequences.equal(theirs.sequences)
    for name in ("scores", "logits"):
        own, wanted = getattr(ours, name), getattr(theirs, name)
        assert len(own) == len(wanted)
        for one, two in zip(own, wanted, strict=True):
            torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)
    if "beams" in strategy:
        torch.testing.assert_close(ours.sequences_scores, theirs.sequences_scores, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("strategy", ["greedy", "sampled", "beams"])
@pytest.mark.parametrize("name", MODELS)
def test_from_embeddings(name, strategy):
    models, inputs = pair(name), prompts(3, padded=True)
    found = []
    for model in (models.ours, models.theirs):
        embeds = model.get_input_embeddings()(inputs["input_ids"]).detach()
        given = {"inputs_embeds": embeds, "attention_mask": inputs["attention_mask"]}
        found.append(write(model, given, **STRATEGIES[strategy]).tolist())
    assert found[0] == found[1]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_writes_the_same_first_tokens(dtype):
    models, inputs = pair("llama"), prompts(2)
    for model in (models.ours, models.theirs):
        model.to(dtype)
    ours, theirs = (write(model, inputs, max_new_tokens=2) for model in (models.ours, models.theirs))
    assert ours.tolist() == theirs.tolist()


def test_guesses_as_the_references():
    models, inputs = pair("llama"), prompts(1)
    wanted = write(models.theirs, inputs).tolist()
    assert write(models.ours, inputs, prompt_lookup_num_tokens=4).tolist() == wanted
    assert write(models.theirs, inputs, prompt_lookup_num_tokens=4).tolist() == wanted
    small = build("LlamaForCausalLM", TEXT | {"num_hidden_layers": 1}, seed=7)
    assert write(models.ours, inputs, assistant_model=small.ours).tolist() == wanted


def test_settings_that_the_reference_saves(tmp_path):
    settings = transformers.GenerationConfig(
        do_sample=True, temperature=0.6, top_p=0.9, eos_token_id=[2, 5], max_length=90, bos_token_id=1, pad_token_id=0
    )
    models = pair("llama")
    models.theirs.generation_config = settings
    models.theirs.save_pretrained(tmp_path)
    loaded = type(models.ours).from_pretrained(tmp_path)
    held = loaded.generation_config
    assert (held.do_sample, held.temperature, held.top_p, held.eos_token_id) == (True, 0.6, 0.9, [2, 5])
    assert (held.max_length, held.pad_token_id) == (90, 0)
    inputs = prompts(2)
    assert write(loaded, inputs).tolist() == write(models.theirs, inputs).tolist()
    loaded.generation_config.update(temperature=0.9)
    loaded.save_pretrained(tmp_path / "ours")
    theirs = transformers.LlamaForCausalLM.from_pretrained(tmp_path / "ours")
    assert theirs.generation_config.temperature == 0.9
    assert theirs.generation_config.eos_token_id == [2, 5]
