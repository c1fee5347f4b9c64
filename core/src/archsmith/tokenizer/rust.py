"""The library ``tokenizers``: imported when needed, its errors translated, its objects never changed once in use."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archsmith.errors import ArchsmithError, CheckpointCorrupt, InputError, MissingDependency, OptionError
from archsmith.files.strictjson import parse_json, read_bytes
from archsmith.lengths import Truncation
from archsmith.messages import shown
from archsmith.options import import_library
from archsmith.tokenizer.added_tokens import AddedToken, read_token
from archsmith.tokenizer.limits import check_limits, steps_of
from archsmith.tokenizer.vocabulary import check_token_ids, new_ids

if TYPE_CHECKING:
    from tokenizers import Tokenizer

__all__ = [
    "MAX_TOKENIZER_BYTES", "RustVocabulary", "check_templates", "check_vocabulary", "import_tokenizers",
    "load_tokenizer_json", "of_ids", "to_json", "translated", "variant",
]  # fmt: skip

#: The largest file of a tokenizer that is read.
MAX_TOKENIZER_BYTES = 512 * 2**20
#: Versions that drop the last row of what was truncated; pyproject.toml excludes them too.
LOSSY = ("0.23.1", "0.23.2")


def import_tokenizers() -> Any:
    """Import the library.

    Raises:
        MissingDependency: It is not installed, or in a version that loses tokens.
    """
    need = "fast tokenizers need"
    tokenizers = import_library("tokenizers", "the library tokenizers", need=need, install="archsmith[text]")
    version = getattr(tokenizers, "__version__", None)
    said = f"tokenizers {version} is installed, which drops rows of what was truncated without a word. "
    said += 'Run: pip install "tokenizers>=0.22.2,!=0.23.1,!=0.23.2"'
    if version is None:
        said = f"'tokenizers' was imported from {getattr(tokenizers, '__file__', None)!r}, which is not the library. "
        said += "Rename that file, or run: pip install tokenizers"
    if version is None or version in LOSSY:
        raise MissingDependency(said, library="tokenizers")
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


def at_fault(tokenizer: "Tokenizer", texts: Sequence[str]) -> str:
    """Return the field of tokenizer.json whose part fails at one of these texts."""
    for name, method in (("normalizer", "normalize_str"), ("pre_tokenizer", "pre_tokenize_str")):
        part = getattr(tokenizer, name, None)
        try:
            with translated(InputError, name):
                for text in texts if part is not None else ():
                    getattr(part, method)(text)
        except InputError:
            return name
    return "model"


def load_tokenizer_json(path: Path) -> "Tokenizer":
    """Read a tokenizer.json.

    Raises:
        CheckpointCorrupt: The file is damaged, contradicts itself, or is of a kind that the library does not know.
        MissingDependency: The library is not installed.
    """
    tokenizers = import_tokenizers()
    raw = read_bytes(path, max_bytes=MAX_TOKENIZER_BYTES)
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
    """Refuse a tokenizer.json where tokens share an id, the unknown token is missing, or a limit is passed.

    Raises:
        CheckpointCorrupt: It is so; names the field.
    """
    check_limits(content, where)
    model = content.get("model")
    vocabulary = model.get("vocab") if isinstance(model, Mapping) else None
    if not isinstance(model, Mapping) or not isinstance(vocabulary, Mapping):
        return
    added = content.get("added_tokens")
    tokens = [token for token in (added if isinstance(added, list) else ()) if isinstance(token, Mapping)]
    behind = {token["content"]: token.get("id") for token in tokens if isinstance(token.get("content"), str)}
    check_token_ids({**behind, **vocabulary}, repr(where))
    unknown = model.get("unk_token")
    needs = model.get("type") in ("WordPiece", "WordLevel") or (model.get("type") == "BPE" and unknown is not None)
    if needs and not (isinstance(unknown, str) and unknown in vocabulary):
        raise CheckpointCorrupt(
            f"{where!r}: the vocabulary lacks its own unknown token {shown(unknown)} (model.unk_token)."
        )


def check_templates(post: Any, where: str) -> None:
    """Refuse a post_processor that names what it lacks; the library would panic over it. Raises `CheckpointCorrupt`."""
    parts = [(part, name, texts) for part in steps_of(post) for name, texts in (("single", "A"), ("pair", "AB"))]
    for part, template, texts in parts:
        places, special = part.get(template), part.get("special_tokens")
        for place in places if isinstance(places, list) else ():
            (kind, named), *_ = place.items() if isinstance(place, Mapping) and place else [("", None)]
            name = named.get("id") if isinstance(named, Mapping) else None
            known = texts if kind == "Sequence" else special if isinstance(special, Mapping) else ()
            if isinstance(name, str) and name not in known:
                raise CheckpointCorrupt(
                    f"{where!r}: the post_processor puts {shown(name)} into {template!r}, but it is neither a text "
                    "there nor one of its special_tokens. The file contradicts itself."
                )


def variant(
    tokenizer: "Tokenizer",
    truncation: Truncation | None = None,
    *,
    split_special: bool = False,
    model: Any = None,
    added: Sequence[Any] | None = None,
) -> "Tokenizer":
    """Return a tokenizer with the same parts unless others are given, without padding, that truncates as told.

    The parts are shared, so this takes microseconds, and the one that was given stays as it is.
    """
    new = import_tokenizers().Tokenizer(tokenizer.model if model is None else model)
    new.normalizer = tokenizer.normalizer
    new.pre_tokenizer = tokenizer.pre_tokenizer
    if truncation is not None:  # before the post-processor, whose tokens it would count where a call leaves them out
        told = {name: value for name, value in asdict(truncation).items() if name != "special"}
        new.enable_truncation(**told)
    new.post_processor = tokenizer.post_processor
    new.decoder = tokenizer.decoder
    new.add_tokens(
        [token for _, token in sorted(tokenizer.get_added_tokens_decoder().items())] if added is None else added
    )
    new.encode_special_tokens = split_special or tokenizer.encode_special_tokens
    return new  # type: ignore[no-any-return]


def of_ids(tokenizer: "Tokenizer", numbers: Sequence[str]) -> "Tokenizer":
    """Return a tokenizer that takes these ids, in digits, for its words, and puts around them what another one does."""
    new = import_tokenizers().Tokenizer(
        import_tokenizers().models.WordLevel({number: int(number) for number in numbers})
    )
    new.post_processor = tokenizer.post_processor
    return new  # type: ignore[no-any-return]


class RustVocabulary:
    """The vocabulary of a tokenizer of the library.

    Args:
        tokenizer: The tokenizer, to which no tokens are added from now on.
    """

    def __init__(self, tokenizer: "Tokenizer") -> None:
        self.tokenizer = tokenizer

    @cached_property
    def size(self) -> int:
        """One more than the largest id, without tokens that were added."""
        return max(self.tokenizer.get_vocab(with_added_tokens=False).values(), default=-1) + 1

    @cached_property
    def has_gaps(self) -> bool:
        """Whether an id below the largest has no token."""
        return self.tokenizer.get_vocab_size(with_added_tokens=True) < len(self)

    @property
    def added(self) -> dict[int, AddedToken]:
        """Id → token, for the tokens that are found in a text before it is split into words."""
        added = self.tokenizer.get_added_tokens_decoder()
        return {number: read_token("token", token) for number, token in sorted(added.items())}

    def __len__(self) -> int:
        return max(self.size, *(number + 1 for number in self.tokenizer.get_added_tokens_decoder()), 0)

    def to_dict(self) -> dict[str, int]:
        """Return token → id, with the tokens that were added."""
        return self.tokenizer.get_vocab(with_added_tokens=True)

    def id_of(self, token: str) -> int | None:
        """Return the id of a token, or None. Raises `UnicodeEncodeError`."""
        return self.tokenizer.token_to_id(token)

    def token_at(self, number: int) -> str | None:
        """Return the token of an id, or None."""
        token = self.tokenizer.id_to_token(number) if 0 <= number < 2**32 else None
        if token is not None and self.id_of(token) != number:  # the library gives its normalised form
            token = self.renamed().get(number, token)
        return token

    def renamed(self) -> dict[int, str]:
        """Return id → token, for the added tokens that the library does not give as they were added."""
        added = self.tokenizer.get_added_tokens_decoder()
        return {
            number: token.content
            for number, token in added.items()
            if token.normalized and self.tokenizer.id_to_token(number) != token.content
        }

    def with_tokens(self, tokens: Sequence[AddedToken]) -> "RustVocabulary":
        """Return a vocabulary with tokens behind the largest id; one that this one has keeps its id."""
        placed = new_ids(self, tokens)
        with translated(OptionError, "tokens cannot be added"):
            # All at once: the library would keep the marks that a special token had before.
            merged = {token.content: token for _, token in sorted(self.tokenizer.get_added_tokens_decoder().items())}
            merged |= {token.content: import_tokenizers().AddedToken(**token.to_dict()) for token in tokens}
            model = self.tokenizer.model
            if placed and self.tokenizer.get_vocab_size(with_added_tokens=False) < self.size:
                model = _extended(model, {token.content: number for number, token in self.added.items()} | placed)
            return RustVocabulary(variant(self.tokenizer, model=model, added=[*merged.values()]))


def _extended(model: Any, placed: Mapping[str, int]) -> Any:
    """Return a model of the library with more tokens; beside it new ones would get the ids of gaps."""
    state = json.loads(model.__getstate__())
    state["vocab"] |= placed
    new = type(model)()
    new.__setstate__(json.dumps(state).encode())
    return new


def to_json(tokenizer: "Tokenizer", stored: Mapping[str, Any]) -> bytes:
    """Return the content of tokenizer.json, with the truncation and padding that were stored in it.

    Raises:
        OptionError: A part of the tokenizer is written in Python.
    """
    carrier = variant(tokenizer, Truncation(**stored["truncation"]) if stored["truncation"] else None)
    if stored["padding"]:
        carrier.enable_padding(**stored["padding"])
    with translated(OptionError, "tokenizer.json cannot hold this tokenizer"):
        return f"{carrier.to_str(pretty=True)}\n".encode()
