"""Small models, texts and images, here and in the reference library, for the tools that are run on both."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

import archsmith
from archsmith.registry import registry

from ..parity.oracle import transformers
from ..parity.support import Pair, build

OFFICIAL = (
    "bert", "distilbert", "gpt2", "llama", "mistral", "qwen2", "vit", "resnet", "wav2vec2", "timm_backbone",
    "timm_wrapper", "maskformer",
)  # fmt: skip
SIDES = {"ours": archsmith, "theirs": transformers}
BERT = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": 40,
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
}
VALUES: dict[str, dict[str, Any]] = {
    "Bert": BERT,
    "DistilBert": {
        "dim": 16,
        "n_layers": 2,
        "n_heads": 2,
        "hidden_dim": 24,
        "vocab_size": 40,
        "max_position_embeddings": 16,
        "dropout": 0.0,
        "attention_dropout": 0.0,
        "seq_classif_dropout": 0.0,
    },
    "ViT": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "image_size": 16,
        "patch_size": 8,
    },
    "Wav2Vec2": {
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 24,
        "vocab_size": 12,
        "conv_dim": [8, 8],
        "conv_kernel": [10, 3],
        "conv_stride": [5, 2],
        "num_feat_extract_layers": 2,
        "num_conv_pos_embeddings": 8,
        "num_conv_pos_embedding_groups": 2,
    },
}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "bad", "film", "a", "the", "was", "##s"]


def make_pair(name: str, **values: Any) -> Pair:
    """Build a small model of class ``name`` on both sides, with the same weights, in evaluation mode."""
    kind = next(kind for kind in VALUES if name.startswith(kind))
    return build(name, VALUES[kind] | values)


#: Every class of model of the official plugins: architecture and task.
EVERY_MODEL = [(name, task) for name in OFFICIAL for task in registry.get(name).models]


def small_model(name: str, task: str) -> tuple[Any, dict[str, Tensor], dict[str, Tensor]]:
    """Return a small model, inputs for it, and inputs of one row more."""
    torch.manual_seed(0)
    model = registry.load(name, f"models.{task}")(registry.load(name, "config")(**registry.get(name).tiny)).eval()
    inputs = model.dummy_inputs
    if task == "multiple-choice":
        inputs = {key: torch.stack([value] * 3, dim=1) for key, value in inputs.items()}
    return model, inputs, {key: torch.cat([value, value.flip(0)[:1]]) for key, value in inputs.items()}


def tensors_in(output: Any) -> list[Tensor]:
    """Return the tensors of an output, at any depth."""
    return [leaf for leaf in torch.utils._pytree.tree_leaves(output) if isinstance(leaf, Tensor)]


def write_vocabulary(folder: Path) -> Path:
    """Write a vocab.txt of 40 tokens, and return its path."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    file = folder / "vocab.txt"
    file.write_text("\n".join([*WORDS, *(f"##{letter}" for letter in letters), ".", "!"]) + "\n", encoding="utf-8")
    return file


def make_tokenizers(file: Path, name: str = "BertTokenizerFast") -> tuple[Any, Any]:
    """Return the tokenizer of both sides for one vocabulary file."""
    return tuple(getattr(library, name)(str(file)) for library in SIDES.values())


def text_inputs(*, batch: int = 4, tokens: int = 7, labels: int = 0) -> dict[str, Tensor]:
    """Return ids, a mask that is ragged, and labels if asked for."""
    generator = torch.Generator().manual_seed(1)
    lengths = torch.arange(batch) % 3 + tokens - 2
    inputs = {
        "input_ids": torch.randint(5, 40, (batch, tokens), generator=generator),
        "attention_mask": (torch.arange(tokens)[None] < lengths[:, None]).long(),
    }
    return inputs | ({"labels": torch.arange(batch) % labels} if labels else {})


def image_inputs(*, batch: int = 4, labels: int = 0) -> dict[str, Tensor]:
    """Return pixels, ``(batch, 3, 16, 16)`` float, and labels if asked for."""
    pixels = torch.randn(batch, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return {"pixel_values": pixels} | ({"labels": torch.arange(batch) % labels} if labels else {})


def image_array(side: int = 20, seed: int = 0) -> np.ndarray:
    """Return an image, ``(side, side, 3)`` of bytes."""
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8)


def rows_of(inputs: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    """Return a batch as a list of its rows: a data set for `torch.utils.data.DataLoader`."""
    return [{name: value[i] for name, value in inputs.items()} for i in range(len(next(iter(inputs.values()))))]


def trained(model: torch.nn.Module) -> dict[str, Tensor]:
    """Return copies of all parameters by name."""
    return {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
