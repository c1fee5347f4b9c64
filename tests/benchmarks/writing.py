"""Load a decoder in one of two ways, ours or oracle, and write greedily; its peak memory is what is measured."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))


def main(way: str, folder: str, dtype: str, batch: int, count: int) -> None:
    import torch

    if way == "ours":
        from archsmith import AutoModelForCausalLM as Auto
    else:
        from tests.parity.oracle import transformers

        Auto = transformers.AutoModelForCausalLM
    model = Auto.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()
    prompt = torch.randint(100, 40_000, (batch, 16), generator=torch.Generator().manual_seed(0))
    options = {"max_new_tokens": count, "min_new_tokens": count, "do_sample": False, "pad_token_id": 0}
    written = model.generate(prompt, attention_mask=torch.ones_like(prompt), **options)
    assert written.shape == (batch, 16 + count)


if __name__ == "__main__":
    way, folder, dtype, *numbers = sys.argv[1:]
    main(way, folder, dtype, *map(int, numbers))
