"""One cold start, from process to first output, in one of three ways: floor, ours, oracle. Run as a script.

The floor is the same work with raw torch, safetensors and tokenizers: every weight is read, and the head runs.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

TEXT = "The quick brown fox jumps over the [MASK] dog."


def floor(folder: Path) -> float:
    import torch
    import torch.nn.functional as F
    from safetensors.torch import load_file
    from tokenizers import Tokenizer

    encoding = Tokenizer.from_file(str(folder / "tokenizer.json")).encode(TEXT)
    ids = torch.tensor([encoding.ids])
    weights = load_file(folder / "model.safetensors")
    if not all(bool(tensor.sum().isfinite()) for tensor in weights.values()):
        raise SystemExit("not finite")

    def linear(name, values):
        return F.linear(values, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name, values):
        return F.layer_norm(values, values.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], 1e-12)

    config = json.loads((folder / "config.json").read_text())
    heads = config["n_heads"], config["dim"] // config["n_heads"]
    with torch.inference_mode():
        words = weights["distilbert.embeddings.word_embeddings.weight"]
        hidden = words[ids] + weights["distilbert.embeddings.position_embeddings.weight"][: ids.shape[1]]
        hidden = norm("distilbert.embeddings.LayerNorm", hidden)
        for i in range(config["n_layers"]):
            layer = f"distilbert.transformer.layer.{i}"
            query, key, value = (
                linear(f"{layer}.attention.{part}_lin", hidden).view(1, -1, *heads).transpose(1, 2) for part in "qkv"
            )
            attended = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
            hidden = norm(f"{layer}.sa_layer_norm", linear(f"{layer}.attention.out_lin", attended) + hidden)
            inner = F.gelu(linear(f"{layer}.ffn.lin1", hidden))
            hidden = norm(f"{layer}.output_layer_norm", linear(f"{layer}.ffn.lin2", inner) + hidden)
        hidden = norm("vocab_layer_norm", F.gelu(linear("vocab_transform", hidden)))
        logits = F.linear(hidden, words, weights["vocab_projector.bias"])
    return float(logits.sum())


def ours(folder: Path) -> float:
    from archsmith import AutoModelForMaskedLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForMaskedLM.from_pretrained(folder)
    import torch

    with torch.inference_mode():
        return float(model(**tokenizer(TEXT, return_tensors="pt")).logits.sum())


def oracle(folder: Path) -> float:
    import torch
    from tests.parity.oracle import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForMaskedLM.from_pretrained(folder)
    inputs = tokenizer(TEXT, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        return float(model(**inputs).logits.sum())


if __name__ == "__main__":
    way, folder = sys.argv[1:]
    print({"floor": floor, "ours": ours, "oracle": oracle}[way](Path(folder)))
