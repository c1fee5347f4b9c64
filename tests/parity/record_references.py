"""Write the recordings that the official plugins ship: ``python -m tests.parity.record_references [MODEL_TYPE]…``.

Run it from the root of the workspace when a recording has to change; test_references.py says whether what is shipped is
what this writes. Each is recorded from the original, with a tiny configuration in which nothing has its usual value.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from tokenizers.pre_tokenizers import ByteLevel
from torch import nn

from archsmith_devkit import record

from .cases import token_labels
from .oracle import transformers
from .support import scramble

ROOT = Path(__file__).parents[2]
SOURCE = f"transformers {transformers.__version__}"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "a", "fox", "dog", "jump", "##s", "##ed", "over", "lazy",
         "quick", "##er", ",", ".", "!", "cafe", "é", "日"]  # fmt: skip
TEXTS = ["The quick fox jumps over a lazy dog!", "Dogs, foxes.", "Café 日 quicker"]
SHORT = ["the lazy fox", "é 日", "the fogs"]  # the padding is shorter than any window
TEXT_MODEL = {"vocab_size": len(WORDS), "max_position_embeddings": 19, "pad_token_id": 0}
VIT = {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 17, "image_size": 16,
       "patch_size": 4, "layer_norm_eps": 1e-6, "hidden_act": "gelu_new", "qkv_bias": False,
       "num_labels": 5}  # fmt: skip
RESNET = {"embedding_size": 6, "hidden_sizes": [8, 16, 20], "depths": [1, 2, 1], "layer_type": "bottleneck",
          "hidden_act": "silu", "downsample_in_first_stage": True, "num_labels": 5}  # fmt: skip
SWIN = {"depths": [1, 2, 1, 1], "embed_dim": 4, "num_heads": [1, 2, 2, 4], "window_size": 3, "image_size": 64,
        "mlp_ratio": 1.5, "hidden_act": "relu", "drop_path_rate": 0.0}  # fmt: skip
#: The reference's MaskFormer takes four stages and no fewer, and 32 features: this is as small as it gets.
NARROW = {"embed_dim": 3, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 2, 3], "mlp_ratio": 1.2, "patch_size": 2}
DETR = {"model_type": "detr", "d_model": 4, "decoder_layers": 2, "decoder_attention_heads": 2, "num_queries": 3,
        "decoder_ffn_dim": 6, "activation_function": "gelu", "dropout": 0.0}  # fmt: skip
WAV2VEC2 = {"vocab_size": 11, "hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3,
            "intermediate_size": 17, "conv_dim": [6, 8, 7], "conv_stride": [5, 2, 2], "conv_kernel": [10, 3, 2],
            "num_conv_pos_embeddings": 6, "num_conv_pos_embedding_groups": 3, "mask_time_prob": 0.0,
            "ctc_loss_reduction": "mean", "ctc_zero_infinity": True, "feat_extract_norm": "layer",
            "conv_bias": True, "do_stable_layer_norm": True, "layer_norm_eps": 1e-4}  # fmt: skip
DECODER = {"vocab_size": 290, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4,
           "num_key_value_heads": 2, "intermediate_size": 17, "max_position_embeddings": 64, "rms_norm_eps": 1e-3,
           "hidden_act": "gelu_new", "rope_parameters": {"rope_type": "default", "rope_theta": 500.0}}  # fmt: skip
LETTERS = {"<pad>": 0, "<s>": 1, "</s>": 2, "<unk>": 3, "|": 4, "E": 5, "A": 6, "T": 7, "H": 8, "CH": 9, "É": 10}

#: Part → what it was called with, and what it made.
Seen = dict[str, tuple[dict[str, Any], dict[str, Any]]]
Recorder = Callable[[Path, Path], Path]


def record_bert(folder: Path, scratch: Path) -> Path:
    """Pre-training: words and whether the second text follows; padding, segments, labels."""
    tokenizer = words(transformers.BertTokenizer, scratch)
    arguments = {"text": TEXTS, "text_pair": TEXTS[::-1], "padding": True, "truncation": True, "max_length": 15}
    encoded = dict(tokenizer(**arguments, return_tensors="pt"))
    labels = {"labels": masked(encoded["input_ids"]), "next_sentence_label": torch.tensor([1, 0, 1])}
    values = TEXT_MODEL | {"hidden_size": 12, "num_hidden_layers": 2, "num_attention_heads": 3, "type_vocab_size": 3,
                           "intermediate_size": 17, "layer_norm_eps": 1e-6, "hidden_act": "gelu_new"}  # fmt: skip
    model = oracle_model("BertForPreTraining", values, scratch)
    seen = {"tokenizer": (arguments, encoded)}
    return recorded(model, encoded | labels, folder, scratch, "pre-training", seen)


def record_distilbert(folder: Path, scratch: Path) -> Path:
    """Masked words, with tied embeddings and fixed sines for positions."""
    tokenizer = words(transformers.DistilBertTokenizer, scratch)
    arguments = {"text": TEXTS, "padding": True}
    encoded = dict(tokenizer(**arguments, return_tensors="pt"))
    values = TEXT_MODEL | {"dim": 12, "n_layers": 2, "n_heads": 3, "hidden_dim": 17, "activation": "relu",
                           "sinusoidal_pos_embds": True}  # fmt: skip
    model = oracle_model("DistilBertForMaskedLM", values, scratch)
    inputs = {name: encoded[name] for name in ("input_ids", "attention_mask")}
    seen = {"tokenizer": (arguments, encoded)}
    return recorded(model, inputs | {"labels": masked(inputs["input_ids"])}, folder, scratch, "masked-lm", seen)


def record_vit(folder: Path, scratch: Path) -> Path:
    """Classes of images that are resized with another filter, and scaled and normalised in another way."""
    settings = {"size": {"height": 16, "width": 16}, "resample": 3, "image_mean": [0.4, 0.5, 0.6],
                "image_std": [0.2, 0.3, 0.25]}  # fmt: skip
    seen = seen_images(transformers.ViTImageProcessorPil(**settings), scratch)
    model = oracle_model("ViTForImageClassification", VIT, scratch)
    inputs = {**seen[1], "labels": torch.tensor([3, 0])}
    return recorded(model, inputs, folder, scratch, "image-classification", {"image_processor": seen})


def record_resnet(folder: Path, scratch: Path) -> Path:
    """Classes of images of which the middle is cut out."""
    settings = {"size": {"shortest_edge": 24}, "crop_pct": 0.7, "image_mean": [0.4, 0.5, 0.6]}
    seen = seen_images(transformers.ConvNextImageProcessorPil(**settings), scratch)
    model = oracle_model("ResNetForImageClassification", RESNET, scratch)
    inputs = {**seen[1], "labels": torch.tensor([3, 0])}
    return recorded(model, inputs, folder, scratch, "image-classification", {"image_processor": seen})


def record_maskformer(folder: Path, scratch: Path) -> Path:
    """Instances on a Swin: maps of labels become masks and classes, queries are matched to them for the loss."""
    settings = {"size": {"shortest_edge": 16, "longest_edge": 48}, "size_divisor": 8, "ignore_index": 255}
    maps = [np.kron(numbers(seed).integers(0, 3, (2, 3)), np.ones((10, 10))).astype(np.uint8) for seed in (1, 2)]
    processor = transformers.models.maskformer.image_processing_pil_maskformer.MaskFormerImageProcessorPil(**settings)
    seen = seen_images(processor, scratch, (20, 30), segmentation_maps=maps)
    values = {"backbone_config": {"model_type": "swin", **SWIN, **NARROW}, "decoder_config": DETR,
              "fpn_feature_size": 32, "mask_feature_size": 4, "num_labels": 4, "no_object_weight": 0.3,
              "dice_weight": 1.5}  # fmt: skip
    model = oracle_model("MaskFormerForInstanceSegmentation", values, scratch)
    kept_small = {"hidden_states": False, "gradients": False}
    return recorded(
        model, dict(seen[1]), folder, scratch, "instance-segmentation", {"image_processor": seen}, **kept_small
    )


def record_maskformer_swin(folder: Path, scratch: Path) -> Path:
    """Two maps of a Swin, for images that its windows do not divide."""
    values = {**SWIN, "out_features": ["stage1", "stage3"]}
    model = oracle_model("MaskFormerSwinBackbone", values, scratch)
    inputs = {"pixel_values": normal(2, 3, 40, 28)}
    return recorded(model, inputs, folder, scratch, "backbone", gradients=False)


def record_wav2vec2(folder: Path, scratch: Path) -> Path:
    """Letters of audio clips of several lengths, with a transcript for the loss."""
    vocabulary = scratch / "letters.json"
    vocabulary.write_text(json.dumps(LETTERS))
    tokenizer = transformers.Wav2Vec2CTCTokenizer(str(vocabulary))
    vocabulary.unlink()
    extractor = transformers.Wav2Vec2FeatureExtractor(sampling_rate=8000, return_attention_mask=True)
    transformers.Wav2Vec2Processor(extractor, tokenizer).save_pretrained(scratch)
    options = {"sampling_rate": 8000, "padding": True}
    clips = [numbers(seed).normal(0.1, 0.3, size).astype(np.float32) for seed, size in ((1, 700), (2, 423))]
    heard = dict(extractor(clips, **options, return_tensors="pt"))
    texts = {"text": ["THE CHAT É", "AT"], "padding": True}
    spelt = dict(tokenizer(**texts, return_tensors="pt"))
    labels = spelt["input_ids"].masked_fill(spelt["attention_mask"] == 0, -100)
    seen = {"feature_extractor": ({"raw_speech": clips, **options}, heard), "tokenizer": (texts, spelt)}
    model = oracle_model("Wav2Vec2ForCTC", WAV2VEC2, scratch)
    return recorded(model, heard | {"labels": labels}, folder, scratch, "ctc", seen)


def record_timm_wrapper(folder: Path, scratch: Path) -> Path:
    """A small ViT of timm as timm writes it, its transform of images, and torch's loss."""
    timm = timm_itself()
    arguments = {"embed_dim": 16, "depth": 2, "num_heads": 2, "img_size": 32, "patch_size": 8}
    model = timm.create_model("test_vit", num_classes=3, **arguments).eval()
    scramble(model)
    model.pretrained_cfg |= {"input_size": (3, 32, 32), "mean": (0.4, 0.5, 0.6), "crop_pct": 0.8}
    timm.models.save_for_hf(model, scratch, model_args=arguments, safe_serialization=True)
    from PIL import Image

    transform = timm.data.create_transform(**timm.data.resolve_data_config(model=model))
    images = pictures((48, 40))
    pixels = torch.stack([transform(Image.fromarray(image)) for image in images])
    seen = {"image_processor": ({"images": images}, {"pixel_values": pixels})}

    def original(pixel_values: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = model(pixel_values)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}

    inputs = {"pixel_values": pixels, "labels": torch.tensor([2, 0])}
    options = {"source": f"timm {timm.__version__}", "checkpoint": scratch, "task": "image-classification"}
    return record(original, inputs, folder, preprocessing=seen, **options)


def record_timm_backbone(folder: Path, scratch: Path) -> Path:
    """The first two stages of a small network of timm; config.json is as other programs write it."""
    timm = timm_itself()
    model = timm.create_model("test_resnet", features_only=True, out_indices=(0, 1)).eval()
    scramble(model)
    state = {f"_backbone.{name}": value.contiguous() for name, value in model.state_dict().items()}
    save_file(state, scratch / "model.safetensors", metadata={"format": "pt"})
    values = {"model_type": "timm_backbone", "backbone": "test_resnet", "out_indices": [0, 1], "num_channels": 3}
    (scratch / "config.json").write_text(json.dumps(values))
    inputs = {"pixel_values": normal(2, 3, 32, 24)}
    options = {"source": f"timm {timm.__version__}", "checkpoint": scratch, "task": "backbone"}
    return record(lambda pixel_values: {"feature_maps": model(pixel_values)}, inputs, folder, **options)


def record_gpt2(folder: Path, scratch: Path) -> Path:
    """The next words of texts, with scores that differ by the layer."""
    tokens = ["<|endoftext|>", *sorted(ByteLevel.alphabet()), "th", "the", "\u0120f"]
    merges = [("t", "h"), ("th", "e"), ("\u0120", "f")]
    tokenizer = transformers.GPT2Tokenizer({token: i for i, token in enumerate(tokens)}, merges)
    values = {"vocab_size": len(tokens), "n_embd": 12, "n_layer": 2, "n_head": 3, "n_inner": 17, "n_positions": 40,
              "activation_function": "relu", "layer_norm_epsilon": 1e-3,
              "scale_attn_by_inverse_layer_idx": True}  # fmt: skip
    return record_decoder("GPT2LMHeadModel", values, tokenizer, folder, scratch)


def record_llama(folder: Path, scratch: Path) -> Path:
    """Likewise, with the positions of Llama 3, biases and heads of a width of their own."""
    rope = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "rope_theta": 5e3,
            "original_max_position_embeddings": 32}  # fmt: skip
    own = {"attention_bias": True, "mlp_bias": True, "head_dim": 6, "rope_parameters": rope}
    return record_decoder("LlamaForCausalLM", DECODER | own, pieces(), folder, scratch)


def record_mistral(folder: Path, scratch: Path) -> Path:
    """Likewise, where each token sees a few before it."""
    return record_decoder("MistralForCausalLM", DECODER | {"sliding_window": 5}, pieces(), folder, scratch)


def record_qwen2(folder: Path, scratch: Path) -> Path:
    """Likewise, in the second layer, with the embeddings for the head."""
    own = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1, "tie_word_embeddings": True,
           "rope_parameters": {"rope_type": "yarn", "factor": 4.0, "rope_theta": 1e3}}  # fmt: skip
    return record_decoder("Qwen2ForCausalLM", DECODER | own, pieces(), folder, scratch)


def record_decoder(name: str, values: dict[str, Any], tokenizer: Any, folder: Path, scratch: Path) -> Path:
    """Record a model that goes on with texts, which are padded on the right."""
    tokenizer.save_pretrained(scratch)
    tokenizer.pad_token = tokenizer.eos_token
    arguments = {"text": SHORT, "padding": True, "padding_side": "right"}
    encoded = dict(tokenizer(**arguments, return_tensors="pt"))
    tokenizer.save_pretrained(scratch)
    inputs = {key: encoded[key] for key in ("input_ids", "attention_mask")}
    labels = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, -100)
    seen = {"tokenizer": (arguments, encoded)}
    model = oracle_model(name, values, scratch)
    return recorded(model, {**inputs, "labels": labels, "use_cache": False}, folder, scratch, "causal-lm", seen)


def pieces() -> Any:
    """Return a tokenizer of Llama's with a few words, and a token for each byte that is in none."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "\u2581", *"thefoxdgjumpsvrlazyquik",
              "\u2581t", "\u2581th", "\u2581the", "ox", "\u2581f"]  # fmt: skip
    vocabulary = {token: i for i, token in enumerate(dict.fromkeys(tokens))}
    merges = [("\u2581", "t"), ("\u2581t", "h"), ("\u2581th", "e"), ("o", "x"), ("\u2581", "f")]
    return transformers.LlamaTokenizer(vocabulary, merges, add_bos_token=True)


#: Plugin, model_type → what records it.
RECORDERS: dict[tuple[str, str], Recorder] = {
    ("bert", "bert"): record_bert,
    ("distilbert", "distilbert"): record_distilbert,
    ("vit", "vit"): record_vit,
    ("resnet", "resnet"): record_resnet,
    ("maskformer", "maskformer"): record_maskformer,
    ("maskformer", "maskformer-swin"): record_maskformer_swin,
    ("wav2vec2", "wav2vec2"): record_wav2vec2,
    ("gpt2", "gpt2"): record_gpt2,
    ("llama", "llama"): record_llama,
    ("llama", "mistral"): record_mistral,
    ("llama", "qwen2"): record_qwen2,
    ("timm", "timm_wrapper"): record_timm_wrapper,
    ("timm", "timm_backbone"): record_timm_backbone,
}


def place_of(plugin: str, model_type: str) -> Path:
    """Return the folder of a plugin's package that ships a recording."""
    return ROOT / "plugins" / plugin / "src" / f"archsmith_{plugin}" / "reference" / model_type


def recorded(model: nn.Module, inputs: dict[str, Any], folder: Path, scratch: Path, task: str,
             seen: Seen | None = None, *, gradients: bool = True,
             hidden_states: bool = True) -> Path:  # fmt: skip
    """Record a model of the reference library, which has saved itself in a folder."""
    asked = inputs | ({"output_hidden_states": True} if hidden_states else {})
    options = {"source": SOURCE, "checkpoint": scratch, "task": task, "gradients": gradients}
    return record(model, asked, folder, preprocessing=seen, **options)


def oracle_model(name: str, values: dict[str, Any], scratch: Path) -> nn.Module:
    """Return a model of the reference library, its weights far from where they begin, and save it."""
    cls = getattr(transformers, name, None) or getattr(transformers.models.maskformer.modeling_maskformer_swin, name)
    model = cls(cls.config_class(**values)).eval()
    scramble(model)
    model.save_pretrained(scratch)
    return model


def words(tokenizer_class: Any, scratch: Path) -> Any:
    """Return a tokenizer of the reference library with a few words, saved."""
    tokenizer = tokenizer_class(vocab={word: i for i, word in enumerate(WORDS)}, do_lower_case=True)
    tokenizer.save_pretrained(scratch)
    return tokenizer


def masked(input_ids: torch.Tensor) -> torch.Tensor:
    """Return labels for a few of the words."""
    batch, tokens = input_ids.shape
    return token_labels(len(WORDS), batch=batch, tokens=tokens)


def seen_images(processor: Any, scratch: Path, shape: tuple[int, int] = (37, 52), **more: Any) -> tuple[dict, dict]:
    """Return what an image processor of the reference library makes of two images, saved."""
    processor.save_pretrained(scratch)
    arguments = {"images": pictures(shape), **more}
    return arguments, dict(processor(**arguments, return_tensors="pt"))


def pictures(shape: tuple[int, int]) -> list[np.ndarray]:
    """Return two images of blocks."""
    height, width = shape
    blocks = [numbers(seed).integers(0, 256, (-(-height // 5), -(-width // 5), 3)) for seed in (1, 2)]
    return [np.kron(each, np.ones((5, 5, 1)))[:height, :width].astype(np.uint8) for each in blocks]


def numbers(seed: int) -> np.random.Generator:
    """Return a source of random numbers."""
    return np.random.default_rng(seed)


def normal(*shape: int) -> torch.Tensor:
    """Return random numbers."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(5))


def timm_itself() -> Any:
    """Import timm, whose torchvision the reference library has imported already."""
    import timm
    import timm.data

    return timm


def main(*names: str) -> None:
    """Write the recordings of some architectures; of all, if none is named."""
    for (plugin, model_type), recorder in RECORDERS.items():
        if not names or model_type in names:
            with tempfile.TemporaryDirectory() as scratch:
                folder = recorder(place_of(plugin, model_type), Path(scratch))
            print(f"{folder.relative_to(ROOT)}: {sum(file.stat().st_size for file in folder.iterdir()):,} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
