"""The Trainer of transformers: train, evaluate, checkpoints that load, resume, label smoothing, tied weights."""

import re
from pathlib import Path

import pytest
import torch

from ..parity.oracle import transformers
from ..parity.support import assert_close, build
from .support import BERT, SIDES, image_inputs, make_pair, make_tokenizers, rows_of, text_inputs, trained

pytestmark = pytest.mark.long

PAGE = Path(__file__).parents[2] / "docs" / "coming-from-transformers.md"


@pytest.fixture(scope="module")
def whole():
    """The class of the documentation, which saves our models whole."""
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (code,) = [block for block in blocks if "import transformers" in block]
    namespace = {}
    exec(code, namespace)
    return namespace["Trainer"]


def make_trainer(model, folder, rows, kind=transformers.Trainer, **more):
    options = {
        name: more.pop(name)
        for name in list(more)
        if name not in ("data_collator", "processing_class", "compute_metrics", "model_init")
    }
    arguments = transformers.TrainingArguments(
        **{
            "output_dir": str(folder),
            "max_steps": 4,
            "per_device_train_batch_size": 2,
            "save_steps": 2,
            "logging_steps": 1,
            "report_to": [],
            "use_cpu": True,
            "learning_rate": 1e-2,
            "optim": "sgd",  # the others blow up what is nothing but rounding
            "disable_tqdm": True,
            **options,
        }
    )
    return kind(model=model, args=arguments, train_dataset=rows, eval_dataset=rows, **more)


def assert_trains_alike(pair, tmp_path, rows, kind=transformers.Trainer, **options):
    before = trained(pair.ours)
    losses = []
    for side, model in (("ours", pair.ours), ("theirs", pair.theirs)):
        own = kind if side == "ours" else transformers.Trainer
        trainer = make_trainer(model, tmp_path / side, rows, own, **options)
        trainer.train()
        losses.append(torch.tensor([trainer.evaluate()["eval_loss"]]))
    assert_close(*losses, "loss after training", 1e-4)
    theirs = pair.theirs.state_dict()
    for name, value in pair.ours.state_dict().items():
        if name in theirs:
            assert_close(value, theirs[name], name, 1e-4)
    assert any(not torch.equal(value, before[name]) for name, value in trained(pair.ours).items())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"label_smoothing_factor": 0.1},
        {"gradient_accumulation_steps": 2},
        {"gradient_checkpointing": True},
        {"eval_strategy": "steps", "eval_steps": 2, "load_best_model_at_end": True},
        {"bf16": True},
    ],
    ids=lambda options: next(iter(options), "plain"),
)
def test_train_texts(options, bert, tmp_path):
    assert_trains_alike(bert, tmp_path, rows_of(text_inputs(labels=3)), **options)


DECODERS = {
    "LlamaForCausalLM": {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24, "vocab_size": 40,
        "max_position_embeddings": 16,
    },
    "GPT2LMHeadModel": {
        "n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 40, "n_positions": 16, "resid_pdrop": 0.0,
        "embd_pdrop": 0.0, "attn_pdrop": 0.0,
    },
    "BertLMHeadModel": {**BERT, "is_decoder": True},
}  # fmt: skip


@pytest.mark.parametrize("name", DECODERS)
def test_tokens_of_all_accumulated_batches_weigh_alike(name, tmp_path, whole):
    pair = build(name, DECODERS[name])
    inputs = text_inputs()
    ids = inputs["input_ids"]
    places = torch.arange(ids.shape[1])
    wanted = places[None] >= ids.shape[1] - 1 - torch.arange(len(ids))[:, None] % (ids.shape[1] - 1)
    rows = rows_of({"input_ids": ids, "labels": ids.masked_fill(~wanted, -100)})  # 1, 2, 3, … labels
    assert_trains_alike(pair, tmp_path, rows, whole, gradient_accumulation_steps=3)


@pytest.mark.parametrize("name", DECODERS)
@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_first_token_of_a_row_is_not_counted(name, steps, smoothing, tmp_path, whole):
    """Nothing is asked of it, although it is labelled; the reference counts it where a class is named otherwise."""
    pair = build(name, DECODERS[name])
    ids = text_inputs()["input_ids"][:4, :3]
    options = {"learning_rate": 0.0, "max_steps": 1, "gradient_accumulation_steps": steps, "save_steps": 9}
    trainer = make_trainer(
        pair.ours, tmp_path, rows_of({"input_ids": ids, "labels": ids}), whole,
        label_smoothing_factor=smoothing, per_device_eval_batch_size=4, **options,
    )  # fmt: skip
    trainer.train()
    logits = pair.ours(ids).logits[:, :-1]
    wanted = torch.nn.functional.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten(), label_smoothing=smoothing)
    assert_close(torch.tensor(trainer.evaluate()["eval_loss"]), wanted, "loss of evaluation", 1e-5)
    if steps * 2 == len(ids) and not smoothing:
        assert_close(torch.tensor(trainer.state.log_history[0]["loss"]), wanted, "loss of training", 1e-4)


def test_train_without_segments(distilbert, tmp_path):
    assert_trains_alike(distilbert, tmp_path, rows_of(text_inputs(labels=3)))


def test_train_images(vit, tmp_path):
    assert_trains_alike(vit, tmp_path, rows_of(image_inputs(labels=3)))


def test_tied_weights_stay_one(masked, tmp_path, whole):
    inputs = text_inputs()
    inputs["labels"] = inputs["input_ids"]
    assert_trains_alike(masked, tmp_path, rows_of(inputs), whole)
    saved = type(masked.ours).from_pretrained(tmp_path / "ours" / "checkpoint-4")
    decoder, words = saved.cls.predictions.decoder.weight, saved.bert.embeddings.word_embeddings.weight
    assert decoder is words
    assert torch.equal(decoder, masked.ours.cls.predictions.decoder.weight)


def test_checkpoint_loads_on_both_sides(bert, tmp_path, whole):
    trainer = make_trainer(bert.ours, tmp_path / "ours", rows_of(text_inputs(labels=3)), whole)
    trainer.train()
    folder = tmp_path / "ours" / "checkpoint-4"
    assert (folder / "config.json").is_file()
    inputs = text_inputs()
    with torch.no_grad():
        expected = bert.ours.eval()(**inputs).logits
        for library in SIDES.values():
            loaded = library.AutoModelForSequenceClassification.from_pretrained(str(folder))
            assert_close(loaded(**inputs).logits, expected, "logits")


@pytest.mark.parametrize("is_whole", [False, True])
def test_resume(tmp_path, whole, is_whole):
    assert_resumes(tmp_path, whole if is_whole else transformers.Trainer, "BertForSequenceClassification", num_labels=3)


def test_resume_with_tied_weights(tmp_path, whole, caplog):
    ends = assert_resumes(tmp_path, whole, "BertForMaskedLM")
    assert ends.cls.predictions.decoder.weight is ends.bert.embeddings.word_embeddings.weight
    assert "missing keys" not in caplog.text


def assert_resumes(tmp_path, kind, name, **values):
    inputs, ends = text_inputs(labels=3), {}
    inputs |= {} if values else {"labels": inputs["input_ids"]}
    for half, steps in (("whole", 4), ("half", 2)):
        model = make_pair(name, **values).ours
        options = {"max_steps": steps, "lr_scheduler_type": "constant"}
        make_trainer(model, tmp_path / half, rows_of(inputs), kind, **options).train()
        ends[half] = trained(model)
    model = make_pair(name, **values).ours
    trainer = make_trainer(model, tmp_path / "half", rows_of(inputs), kind, lr_scheduler_type="constant")
    trainer.train(resume_from_checkpoint=True)
    for key, value in trained(model).items():
        assert_close(value, ends["whole"][key], key)
    return model


def test_best_model_and_final_save(vit, tmp_path, whole):
    options = {"eval_strategy": "steps", "eval_steps": 2, "load_best_model_at_end": True}
    trainer = make_trainer(vit.ours, tmp_path / "run", rows_of(image_inputs(labels=3)), whole, **options)
    trainer.train()
    trainer.save_model(str(tmp_path / "end"))
    again = SIDES["ours"].AutoModelForImageClassification.from_pretrained(tmp_path / "end")
    assert "use_cache" not in again.config
    with torch.no_grad():
        assert_close(again(**image_inputs()).logits, vit.ours.eval()(**image_inputs()).logits, "logits")


def test_tokenizer_and_metrics(bert, vocabulary, tmp_path):
    """A tokenizer as ``processing_class`` pads the rows, and is saved with each checkpoint."""
    results = []
    for side, model, tokenizer in zip(SIDES, (bert.ours, bert.theirs), make_tokenizers(vocabulary), strict=True):
        rows = [
            {**tokenizer(text), "labels": i % 3} for i, text in enumerate(["a good film", "bad", "the films was bad"])
        ]
        trainer = make_trainer(
            model,
            tmp_path / side,
            rows,
            processing_class=tokenizer,
            data_collator=transformers.DataCollatorWithPadding(tokenizer),  # chosen by itself for its own classes only
            compute_metrics=lambda found: {"right": float((found.predictions.argmax(-1) == found.label_ids).mean())},
        )
        trainer.train()
        results.append(trainer.evaluate())
        assert (tmp_path / side / "checkpoint-4" / "tokenizer_config.json").is_file()
    assert results[0]["eval_right"] == results[1]["eval_right"]
    assert results[0]["eval_loss"] == pytest.approx(results[1]["eval_loss"], rel=1e-4)
    again = SIDES["ours"].AutoTokenizer.from_pretrained(tmp_path / "ours" / "checkpoint-4")
    assert again("a good film")["input_ids"] == tokenizer("a good film")["input_ids"]


def test_model_init(tmp_path):
    """A trial builds its model anew."""
    trainer = make_trainer(
        None,
        tmp_path,
        rows_of(text_inputs(labels=3)),
        model_init=lambda: make_pair("BertForSequenceClassification", num_labels=3).ours,
    )
    assert trainer.train().global_step == 4
