"""The library ``tokenizers``: imported when needed, its errors translated, its objects never changed once in use."""

import contextlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsmith.errors import ArchsmithError, CheckpointCorrupt, MissingDependency, OptionError
from archsmith.files.strictjson import parse_json
from archsmith.messages import shown

if TYPE_CHECKING:
    from types import ModuleType

    from tokenizers import Tokenizer

    from archsmith.lengths import Truncation
    from archsmith.tokenizer.special_tokens import AddedToken

__all__ = [
    "add_tokens",
    "check_templates",
    "check_vocabulary",
    "detached",
    "import_tokenizers",
    "load_tokenizer_json",
    "translated",
    "variant",
]

MAX_BYTES = 512 * 2**20


def import_tokenizers() -> "ModuleType":
    """Import the library.

    Raises:
        MissingDependency: It is not installed.
    """
    try:
        import tokenizers
    except ImportError as error:
        raise MissingDependency(
            'fast tokenizers need the library tokenizers, which is not installed. Run: pip install "archsmith[text]"',
            library="tokenizers",
        ) from error
    return tokenizers


@contextlib.contextmanager
def translated(kind: type[ArchsmithError], where: str) -> Iterator[None]:
    """Turn what the library raises, its panics included, into one of our errors.

    Args:
        kind: The class of the error.
        where: What was being done, or to which file.
    """
    try:
        yield
    except (ArchsmithError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = (str(error).strip() or type(error).__name__).rstrip(".")
        raise kind(f"{where}: {reason}.") from error


def read_bytes(path: Path) -> bytes:
    """Read a file of at most 512 MiB. Raises `CheckpointCorrupt`."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CheckpointCorrupt(f"{str(path)!r} cannot be read: {error.strerror or error}.") from error
    if len(raw) > MAX_BYTES:
        raise CheckpointCorrupt(f"{str(path)!r} is larger than {MAX_BYTES:,} bytes; too large for a file of its kind.")
    return raw


def load_tokenizer_json(path: Path) -> "Tokenizer":
    """Read a tokenizer.json.

    Raises:
        CheckpointCorrupt: The file is damaged, contradicts itself, or is of a kind that the library does not know.
        MissingDependency: The library is not installed.
    """
    tokenizers = import_tokenizers()
    raw = read_bytes(path)
    content = parse_json(raw, str(path))
    check_vocabulary(content, str(path))
    check_templates(content.get("post_processor"), str(path))
    where = f"{str(path)!r} is not a tokenizer that tokenizers {tokenizers.__version__} can read"
    with translated(CheckpointCorrupt, where):
        tokenizer: Tokenizer = tokenizers.Tokenizer.from_buffer(raw.removeprefix(b"\xef\xbb\xbf"))
    for token in content.get("added_tokens") or ():
        found = tokenizer.token_to_id(token["content"])
        if found != token["id"]:
            raise CheckpointCorrupt(
                f"{str(path)!r}: the added token {token['content']!r} has the id {token['id']}, but the vocabulary "
                f"makes it {found}. The file contradicts itself."
            )
    return tokenizer


def check_vocabulary(content: Mapping[str, Any], where: str) -> None:
    """Refuse a tokenizer.json where tokens share an id, or the unknown token is missing. Raises `CheckpointCorrupt`."""
    model = content.get("model")
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(vocabulary, Mapping):
        return
    ids = [number for number in vocabulary.values() if isinstance(number, int)]
    if len(set(ids)) != len(vocabulary):
        seen: dict[Any, str] = {}
        for token, number in vocabulary.items():
            if not isinstance(number, int):
                raise CheckpointCorrupt(f"{where!r}: the token {token!r} has the id {number!r}; expected an integer.")
            if number in seen:
                raise CheckpointCorrupt(f"{where!r}: the tokens {seen[number]!r} and {token!r} share the id {number}.")
            seen[number] = token
    unknown = model.get("unk_token")
    known = isinstance(unknown, str) and unknown in vocabulary
    if model.get("type") in ("WordPiece", "WordLevel") and not known:
        raise CheckpointCorrupt(f"{where!r}: the vocabulary lacks its own unknown token {unknown!r}.")


def check_templates(post: Any, where: str) -> None:
    """Refuse a post_processor that names what it lacks; the library would panic over it. Raises `CheckpointCorrupt`."""
    if not isinstance(post, Mapping):
        return
    inner = post.get("processors")
    for part in inner if isinstance(inner, list) else ():
        check_templates(part, where)
    special = post.get("special_tokens")
    for template, texts in (("single", "A"), ("pair", "AB")):
        places = post.get(template)
        for place in places if isinstance(places, list) else ():
            (kind, named), *_ = place.items() if isinstance(place, Mapping) and place else [("", None)]
            name = named.get("id") if isinstance(named, Mapping) else None
            known = texts if kind == "Sequence" else special if isinstance(special, Mapping) else ()
            if isinstance(name, str) and name not in known:
                raise CheckpointCorrupt(
                    f"{where!r}: the post_processor puts {shown(name)} into {template!r}, but it is neither a text "
                    "there nor one of its special_tokens. The file contradicts itself."
                )


def variant(tokenizer: "Tokenizer", cut: "Truncation | None" = None, *, split_special: bool = False) -> "Tokenizer":
    """Return a tokenizer with the same parts, without padding, that truncates as told.

    The parts are shared, so this takes microseconds, and the one that was given stays as it is.
    """
    new = import_tokenizers().Tokenizer(tokenizer.model)
    new.normalizer = tokenizer.normalizer
    new.pre_tokenizer = tokenizer.pre_tokenizer
    if cut is not None:  # before the post-processor, whose tokens it would count even where a call leaves them out
        new.enable_truncation(cut.max_length, stride=cut.stride, strategy=cut.strategy, direction=cut.direction)
    new.post_processor = tokenizer.post_processor
    new.decoder = tokenizer.decoder
    new.add_tokens([token for _, token in sorted(tokenizer.get_added_tokens_decoder().items())])
    new.encode_special_tokens = split_special or tokenizer.encode_special_tokens
    return new  # type: ignore[no-any-return]


def detached(tokenizer: "Tokenizer") -> tuple["Tokenizer", dict[str, Any]]:
    """Return a tokenizer that neither pads nor truncates, and what the given one has stored for both."""
    stored = {"truncation": tokenizer.truncation, "padding": tokenizer.padding}
    return variant(tokenizer), stored


def add_tokens(tokenizer: "Tokenizer", tokens: Iterable["AddedToken"]) -> None:
    """Add tokens behind the vocabulary, or mark those that are in it."""
    tokenizers = import_tokenizers()
    tokenizer.add_tokens([tokenizers.AddedToken(**token.to_dict()) for token in tokens])


def to_json(tokenizer: "Tokenizer", stored: Mapping[str, Any]) -> bytes:
    """Return the content of tokenizer.json, with the truncation and padding that were stored in it.

    Raises:
        OptionError: A part of the tokenizer is written in Python.
    """
    tokenizers = import_tokenizers()
    carrier = tokenizers.Tokenizer(tokenizers.models.WordLevel({"": 0}, ""))
    if stored.get("truncation"):
        carrier.enable_truncation(**stored["truncation"])
    if stored.get("padding"):
        carrier.enable_padding(**stored["padding"])
    written = json.loads(carrier.to_str())
    with translated(OptionError, "tokenizer.json cannot hold this tokenizer"):
        text = tokenizer.to_str()
    content = json.loads(text) | {name: written[name] for name in ("truncation", "padding")}
    return (json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode()
