"""Small models and tokenizers for the tasks on texts."""

import torch

from archsmith import (
    BertTokenizer,
    DistilBertConfig,
    DistilBertTokenizer,
    DistilBertTokenizerFast,
    PreTrainedTokenizerFast,
)
from archsmith_tasks import pipeline

WORDS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "ada", "love", "##lace", "wrote", "to", "new", "york", ".", "a", "b",
    "c", "d", "e", "who", "?",
]  # fmt: skip
SIZES = {"dim": 16, "n_heads": 2, "hidden_dim": 24, "n_layers": 2, "max_position_embeddings": 32}
TEXTS = ["ada lovelace wrote to new york .", "a", "new york", "a b c d e a b c d e", "unknown words", "love love"]


def vocabulary(folder):
    path = folder / "vocab.txt"
    path.write_text("\n".join(WORDS))
    return path


def fast(folder, **options):
    return DistilBertTokenizerFast(vocab_file=str(vocabulary(folder)), **options)


def slow(folder, **options):
    return DistilBertTokenizer(vocab_file=str(vocabulary(folder)), **options)


def typed(folder, **options):
    return BertTokenizer(vocab_file=str(vocabulary(folder)), **options)


def words_only(special=(), **options):
    """Return a tokenizer of whole words, without a token for padding."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    names = ["<unk>", "<end>", *special, "ada", "wrote", "to", "new", "york", "a", "b", "c", "d", "e"]
    rust = Tokenizer(models.WordLevel({name: place for place, name in enumerate(names)}, unk_token="<unk>"))
    rust.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(rust, unk_token="<unk>", eos_token="<end>", **options)


def made(task, model_class, tokenizer, *, seed=0, scale=4, pipeline_options=None, **values):
    """Return a pipeline of a small DistilBERT, or of another model whose sizes are given."""
    torch.manual_seed(seed)
    config_class = model_class.config_class
    sizes = SIZES | {"vocab_size": len(WORDS)} if config_class is DistilBertConfig else {}
    model = model_class(config_class(**sizes | values)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(scale)  # far from ties
    return pipeline(task, model, tokenizer=tokenizer, **pipeline_options or {})
