"""Training a vocabulary with the library ``tokenizers``."""

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from archsmith.errors import InputError, OptionError
from archsmith.messages import shown
from archsmith.tokenizer import AddedToken, import_tokenizers, translated

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = ["train_wordpiece"]


def train_wordpiece(
    tokenizer: "Tokenizer",
    texts: Iterable[str],
    *,
    vocab_size: int,
    special: Sequence[AddedToken],
    min_frequency: int,
    limit_alphabet: int | None,
) -> "Tokenizer":
    """Return a tokenizer with the parts of a WordPiece tokenizer, and a vocabulary learned from texts.

    Args:
        tokenizer: The tokenizer, which stays as it is.
        texts: The texts.
        vocab_size: The most tokens, special ones included.
        special: The special tokens, which get the first ids.
        min_frequency: How often two pieces must meet to become one.
        limit_alphabet: The most characters; None: all.

    Raises:
        InputError: The texts are not strings.
        OptionError: The tokenizer is not WordPiece.
    """
    library = import_tokenizers()
    model = tokenizer.model
    if not isinstance(model, library.models.WordPiece):
        raise OptionError(f"a vocabulary can be trained for WordPiece, but the model is {type(model).__name__}.")
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise InputError(f"texts must yield strings, but is {shown(texts)}. Pass a list, or open the file and pass it.")
    content = json.loads(tokenizer.to_str())
    unknown = content["model"]["unk_token"]
    content["model"]["vocab"], content["added_tokens"], content["post_processor"] = {unknown: 0}, [], None
    new = library.Tokenizer.from_str(json.dumps(content))
    limits = {} if limit_alphabet is None else {"limit_alphabet": limit_alphabet}
    trainer = library.trainers.WordPieceTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        special_tokens=[library.AddedToken(**token.to_dict()) for token in special],
        continuing_subword_prefix=content["model"]["continuing_subword_prefix"],
        show_progress=False,
        **limits,
    )
    with translated(InputError, "no vocabulary can be learned from these texts"):
        new.train_from_iterator(texts, trainer)
    content = json.loads(new.to_str())
    content["post_processor"] = _renumbered(json.loads(tokenizer.to_str())["post_processor"], new)
    return library.Tokenizer.from_str(json.dumps(content))  # type: ignore[no-any-return]


def _renumbered(post: Any, tokenizer: "Tokenizer") -> Any:
    """Return a post-processor, as tokenizer.json writes it, with the ids that its tokens have in a tokenizer."""
    if isinstance(post, dict) and post.get("type") == "TemplateProcessing":
        for token in post["special_tokens"].values():
            token["ids"] = [tokenizer.token_to_id(content) for content in token["tokens"]]
    elif isinstance(post, dict) and post.get("type") == "BertProcessing":
        for name in ("sep", "cls"):
            post[name][1] = tokenizer.token_to_id(post[name][0])
    return post
