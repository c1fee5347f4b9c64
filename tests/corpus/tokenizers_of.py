"""Sound tokenizers of every kind that is installed, and what they make of some texts, for tests that damage them."""

import functools
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archsmith.errors import ArchsmithError
from archsmith.registry import registry

ROLES = ("tokenizer", "tokenizer_fast")
#: One architecture for each kind of tokenizer: classes that differ in nothing but names have one parent.
ARCHITECTURES = sorted(
    {
        registry.load(name, role).__mro__[1]: name
        for name in registry.names()
        for role in ROLES[:1]
        if role in registry.get(name).references()
    }.values()
)
TEXTS = ("hello world", "Hello,  wörld! [MASK] unknowable", "", "ab abab 中文 \x00\u200b", "[CLS] a [SEP]")
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [*"abdehlorw,!|", "##a", "##b", "##l", "##o", "##d", "hello", "world", "ab", "##ab", "中", "文"]
#: The character that stands for each byte in byte-level BPE: itself where it is seen, else one from U+0100 on.
SEEN = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
BYTES = [chr(byte) for byte in SEEN] + [chr(0x100 + number) for number in range(0x100 - len(SEEN))]
MERGES = ["h e", "l l", "he ll", "hell o", "a b", "Ġ w", "Ġw o"]


def _numbered(*tokens: str) -> bytes:
    return json.dumps({token: number for number, token in enumerate(tokens)}).encode()


#: Vocabularies, one of which suits each kind of tokenizer: name → content of the files of each.
VOCABULARIES = (
    {"vocab.txt": "".join(f"{token}\n" for token in SPECIAL + PIECES).encode()},
    {"vocab.json": _numbered("<pad>", "<s>", "</s>", "<unk>", *PIECES)},
    {
        "vocab.json": _numbered("<|endoftext|>", *BYTES, *(merge.replace(" ", "") for merge in MERGES)),
        "merges.txt": "".join(f"{merge}\n" for merge in ["#version: 0.2", *MERGES]).encode(),
    },
)


@dataclass(frozen=True)
class SoundTokenizer:
    """The tokenizers of an architecture and their files.

    Attributes:
        classes: Role → class.
        files: Name → content, as saved.
        plain: The same, with the vocabulary alone beside the settings of an older program.
    """

    classes: Mapping[str, Any]
    files: Mapping[str, bytes]
    plain: Mapping[str, bytes]


@functools.cache
def sound_tokenizer(model_type: str) -> SoundTokenizer:
    """Build the tokenizers of an architecture. Built once; nobody changes them."""
    references = registry.get(model_type).references()
    classes = {role: registry.load(model_type, role) for role in ROLES if role in references}
    faults = []
    for vocabulary in VOCABULARIES:
        with tempfile.TemporaryDirectory() as folder:
            for name, content in vocabulary.items():
                (Path(folder) / name).write_bytes(content)
            try:
                made = next(iter(classes.values()))(*(Path(folder) / name for name in vocabulary))
            except (ArchsmithError, TypeError) as error:
                faults.append(str(error))
                continue
            made.save_pretrained(Path(folder) / "saved")
            files = {path.name: path.read_bytes() for path in (Path(folder) / "saved").iterdir()}
            older = {"tokenizer_config.json": b"{}", "special_tokens_map.json": files["special_tokens_map.json"]}
            return SoundTokenizer(classes, files, {**vocabulary, **older})
    raise LookupError(f"no vocabulary here suits the tokenizer of {model_type!r}: {faults}")


def results(tokenizer: Any) -> list[Any]:
    """Return what a tokenizer makes of the texts, and of the ids that come out; a refusal counts as its class."""
    made: list[Any] = []
    for text in TEXTS:
        try:
            ids = tokenizer(text)[tokenizer.model_input_names[0]]
            made.append((ids, tokenizer.decode(ids), tokenizer.convert_ids_to_tokens(ids)))
        except ArchsmithError as error:
            made.append(type(error).__name__)
    return made
