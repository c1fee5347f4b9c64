"""One forward pass of each architecture, beside the oracle and the matrix products that it needs."""

from collections.abc import Iterator

from measure import Row, functions_in_turn, milliseconds, ratio, sized


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
