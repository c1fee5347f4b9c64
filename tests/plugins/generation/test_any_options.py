"""Settings at random: what is written is what a slow program in plain Python writes, by any way, or refused."""

import math
import random
import warnings

import pytest
import torch

from archsmith import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM
from archsmith.errors import ArchsmithError, ArchsmithWarning

SIZE, PAD, POSITIONS = 40, 0, 30
TOKENS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": PAD, "vocab_size": SIZE}
SIZES = TOKENS | {
    "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 1, "max_position_embeddings": POSITIONS,
}  # fmt: skip
NEVER = -math.inf


def made(cls, config):
    torch.manual_seed(0)
    model = cls(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(12)  # far from ties
    return model.eval()


MODELS = (
    made(LlamaForCausalLM, LlamaConfig(**SIZES)),
    made(MistralForCausalLM, MistralConfig(**SIZES, sliding_window=4)),
    made(GPT2LMHeadModel, GPT2Config(**TOKENS, n_embd=16, n_layer=1, n_head=2, n_positions=POSITIONS)),
)
CHOICES = {
    "max_new_tokens": [1, 3, 9, 12, 0], "max_length": [5, 12, 20], "min_new_tokens": [0, 2, 5], "min_length": [0, 9],
    "do_sample": [True, True, False], "temperature": [0.1, 1.0, 2.0, -1], "top_k": [0, 1, 5, 99],
    "top_p": [0.1, 0.9, 1.0, 0], "min_p": [0.0, 0.3, 1.0], "typical_p": [0.2, 1.0], "num_beams": [1, 2, 4],
    "num_return_sequences": [1, 2], "length_penalty": [-1.0, 0.0, 2.0], "early_stopping": [True, False, "never", "no"],
    "repetition_penalty": [0.5, 2.0, 0], "no_repeat_ngram_size": [0, 1, 3],
    "bad_words_ids": [[[5]], [[6, 7], [8]], [[]]],
    "eos_token_id": [2, [3, 4], [*range(20)], 99, None], "pad_token_id": [0, 39], "forced_bos_token_id": [9, 40],
    "forced_eos_token_id": [2, [2, 3]], "suppress_tokens": [[1, 2, 3], [*range(SIZE)]],
    "begin_suppress_tokens": [[*range(30)]], "use_cache": [True, False], "prompt_lookup_num_tokens": [1, 4, 65],
    "max_matching_ngram_size": [1, 3], "num_assistant_tokens": [2], "stop_strings": ["x"], "output_scores": [True],
    "output_logits": [True], "return_dict_in_generate": [True, False],
}  # fmt: skip
#: What changes how a text is computed, and not which.
NEUTRAL = (
    *("use_cache", "prompt_lookup_num_tokens", "max_matching_ngram_size"),
    *("output_scores", "output_logits", "return_dict_in_generate"),
)


def several(value):
    return [] if value is None else [value] if isinstance(value, int) else value


class Reference:
    """Writes as the settings say, in plain Python, and reads the whole of each text for each token."""

    def __init__(self, model, options, columns):
        self.model, self.options, self.columns = model, options, columns
        self.ends = several(options.get("eos_token_id", 2))
        least = options.get("min_new_tokens") or 0
        if options.get("max_new_tokens"):
            self.limit = columns + options["max_new_tokens"]
        else:
            self.limit = options.get("max_length") or min(columns + max(20, least), POSITIONS)
        self.least = max(options.get("min_length") or 0, columns + least)

    def scores(self, text, column):
        """Return the processed scores of what follows a text, whose last token stands in the column before this one."""
        with torch.no_grad():
            scores = self.model(torch.tensor([text]), use_cache=False).logits[0, -1].tolist()
        get, size = self.options.get, self.options.get("no_repeat_ngram_size") or 0
        penalty = get("repetition_penalty") or 1
        for token in {*text}:
            scores[token] = scores[token] * penalty if scores[token] < 0 else scores[token] / penalty
        banned = set()
        for begin in range(len(text) - size + 1 if size else 0):
            if size == 1 or text[begin : begin + size - 1] == text[len(text) - size + 1 :]:
                banned.add(text[begin + size - 1])
        for word in get("bad_words_ids") or ():
            if len(word) == 1 or text[-len(word) + 1 :] == word[:-1]:
                banned.add(word[-1])
        banned |= {*self.ends} if column < self.least else set()
        scores = [NEVER if token in banned else score for token, score in enumerate(scores)]
        for name, at in (("forced_bos_token_id", self.columns), ("forced_eos_token_id", self.limit - 1)):
            if get(name) is not None and column == at:
                scores = [0.0 if token in several(get(name)) else NEVER for token in range(SIZE)]
        banned = {*(get("suppress_tokens") or ())}
        banned |= {*(get("begin_suppress_tokens") or ())} if column == self.columns else set()
        scores = [NEVER if token in banned else score for token, score in enumerate(scores)]
        return self.sampled(scores) if get("do_sample") else scores

    def sampled(self, scores):
        """Return scores from which a token can be drawn."""
        get = self.options.get
        scores = [score / get("temperature", 1.0) for score in scores]
        most = get("top_k", 50)
        if most:
            last = sorted(scores, reverse=True)[min(most, SIZE) - 1]
            scores = [score if score >= last else NEVER for score in scores]
        if get("top_p", 1.0) < 1:
            kept, total = set(), 0.0
            shares = shares_of(scores)
            for token in sorted(range(SIZE), key=lambda token: -scores[token]):
                if kept and total >= get("top_p"):
                    break
                kept.add(token)
                total += shares[token]
            scores = [score if token in kept else NEVER for token, score in enumerate(scores)]
        if get("min_p") is not None:
            shares = shares_of(scores)
            scores = [
                s if share >= get("min_p") * max(shares) else NEVER for s, share in zip(scores, shares, strict=True)
            ]
        if get("typical_p", 1.0) < 1:
            scores = self.typical(scores)
        return scores

    def typical(self, scores):
        shares = shares_of(scores)
        surprises = [-math.log(share) if share > 0 else math.inf for share in shares]
        entropy = sum(share * told for share, told in zip(shares, surprises, strict=True) if share > 0)
        far = [abs(told - entropy) for told in surprises]
        total = 0.0
        for token in sorted(range(SIZE), key=lambda token: far[token]):
            farthest, total = far[token], total + shares[token]
            if total >= self.options["typical_p"]:
                break
        return [score if far[token] <= farthest else NEVER for token, score in enumerate(scores)]

    def write(self, texts):
        """Return what is written after each of some texts, rows that ended before others padded."""
        get = self.options.get
        pad = get("pad_token_id", PAD)
        over = [False] * len(texts)
        columns, written = self.columns, [[] for _ in texts]
        while columns < self.limit and not all(over):
            pairs = zip(texts, written, strict=True)
            scores = [self.scores(text + own, columns) for text, own in pairs]
            if get("do_sample"):
                drawn = torch.multinomial(torch.tensor(scores).softmax(1), 1).flatten().tolist()
            else:
                drawn = [max(range(SIZE), key=row.__getitem__) for row in scores]
            for row, token in enumerate(drawn):
                written[row].append(pad if over[row] else token)
                over[row] = over[row] or token in self.ends
            columns += 1
        return written


def shares_of(scores):
    top = max(scores)
    shares = [math.exp(score - top) for score in scores]
    return [share / sum(shares) for share in shares]


def generate(model, ids, options, **more):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ArchsmithWarning)
        found = model.generate(ids, **options | more)
    return found if isinstance(found, torch.Tensor) else found.sequences


def held(trial):
    """Hold one set of settings against all that must be true of it. Return whether it was taken."""
    choose = random.Random(trial)
    options = {name: choose.choice(CHOICES[name]) for name in choose.sample([*CHOICES], choose.randint(1, 6))}
    if options.get("output_scores") or options.get("output_logits"):
        options.setdefault("return_dict_in_generate", True)  # False is refused
    model = choose.choice(MODELS)
    lengths = choose.choice([[6], [6], [6, 6], [6, 4], [3, 6]])
    texts = [[choose.randrange(3, 39) for _ in range(length)] for length in lengths]
    ids = torch.tensor([[PAD] * (6 - len(text)) + text for text in texts])
    mask = torch.tensor([[0] * (6 - len(text)) + [1] * len(text) for text in texts])
    try:
        found = generate(model, ids, options, attention_mask=mask)
    except ArchsmithError:
        return False
    told = (trial, type(model).__name__, options, texts)
    repeats = options.get("num_return_sequences", 1)
    assert found[:, :6].equal(ids.repeat_interleave(repeats, 0)), told
    plain = {name: value for name, value in options.items() if name not in NEUTRAL}
    assert generate(model, ids, plain, attention_mask=mask).equal(found), told
    assert generate(model, ids, plain, attention_mask=mask, use_cache=False).equal(found), told
    beams, drawn = options.get("num_beams", 1), options.get("do_sample", False)
    if beams == 1:
        torch.manual_seed(0)
        wanted = Reference(model, options, 6).write([text for text in texts for _ in range(repeats)])
        assert found[:, 6:].tolist() == wanted, told
    if len(texts) == 1 and beams == 1 and not drawn and mask.all():
        assert generate(model, ids, plain, prompt_lookup_num_tokens=3).equal(found), told
    # The end of a row, and min_length and max_length, are counted with the padding: rows of the same columns.
    if not drawn and len(texts) > 1:
        for row in range(len(texts)):
            alone = generate(model, ids[row : row + 1], plain, attention_mask=mask[row : row + 1])
            both = found[row * repeats : (row + 1) * repeats]
            assert both[:, : alone.shape[1]].equal(alone), told
    return True


def test_some_hundred_settings():
    assert sum(held(trial) for trial in range(300)) > 60


@pytest.mark.long
def test_two_thousand_settings():
    assert sum(held(trial) for trial in range(1000, 3000)) > 500
