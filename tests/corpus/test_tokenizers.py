"""The files of tokenizers, damaged: both kinds refuse them with a message that helps, or both give the same ids."""

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from archsmith.errors import ArchsmithError, CheckpointCorrupt
from archsmith.tokenizer.settings import TOKEN_SETTINGS, all_hints

from .sound import encode_json
from .test_configurations import IN_FILES, NOT_JSON
from .test_files import CONTENTS, KINDS
from .tokenizers_of import ARCHITECTURES, TEXTS, SoundTokenizer, results, sound_tokenizer
from .verdict import Attempt, Refused, attempt, misses, report_of

SETTINGS, MAP, WHOLE = "tokenizer_config.json", "special_tokens_map.json", "tokenizer.json"
PLAIN = ("vocab.txt", "vocab.json", "merges.txt")


def unread(layout: str, files: Any) -> tuple[str, ...]:
    """Return what nobody reads: of saved files the map, and beside a tokenizer.json the plain vocabulary."""
    return () if layout == "older" else (MAP, *(PLAIN if WHOLE in files else ()))


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (folder / name).write_bytes(content)


def judge(
    sound: SoundTokenizer,
    folder: Path,
    *,
    refused: Refused | None = None,
    right: bool = False,
    holds: dict[str, Any] | None = None,
) -> str | None:
    """Load a folder with each kind of tokenizer; return what is wrong with what came of it, or None.

    Args:
        sound: The tokenizers.
        folder: The damaged files.
        refused: What each refusal must be like, and that there must be one.
        right: Whether it must load, with the results of the sound tokenizer.
        holds: A setting of the files, which a refusal must name, and which a tokenizer that loads must have.
    """
    made = {}
    for role, cls in sound.classes.items():
        one = attempt(cls.from_pretrained, folder)
        if one.error is None and not one.foreign:
            called = attempt(results, one.value)
            complaint = "was loaded, but must be refused" if refused else judge_tokenizer(one.value, called, holds)
            made[role] = called.value
        elif not isinstance(one.error, ArchsmithError):
            complaint = f"{one.error or one.foreign!r} is not ours"
        elif right:
            complaint = f"must load, but: {one.error}"
        else:
            named = tuple(name for name in holds or () if "special token" not in str(one.error))
            complaint = misses(one.error, refused or Refused(parts=(str(folder), *named)))
        if complaint:
            return f"{role}: {complaint}"
    if len(made) == 2 and made["tokenizer"] != made["tokenizer_fast"]:
        return f"the two kinds differ: {made}"
    wrong = right and next((role for role, result in made.items() if result != expected(sound, role)), None)
    return f"{wrong} gives other results: {made[wrong]}" if wrong else None


def judge_tokenizer(tokenizer: Any, called: Attempt, holds: dict[str, Any] | None) -> str | None:
    """Return what is wrong with a tokenizer that was loaded, and with what came of calling it."""
    if called.error is not None or called.foreign:
        return f"a call raised {called.error or called.foreign!r}"
    faults = (held_otherwise(tokenizer, name, value) for name, value in (holds or {}).items())
    return next(filter(None, faults), None)


_expected: dict[Any, Any] = {}


def expected(sound: SoundTokenizer, role: str) -> list[Any]:
    """Return what the sound tokenizer makes of the texts."""
    import tempfile

    if (key := (id(sound), role)) not in _expected:
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), dict(sound.files))
            _expected[key] = results(sound.classes[role].from_pretrained(folder))
    return _expected[key]


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_settings(tmp_path, model_type):
    """Each setting with each value: refused by name, or held."""
    sound = sound_tokenizer(model_type)
    complaints = {}
    for layout, files, file in (
        ("saved", sound.files, SETTINGS),
        ("older", {name: content for name, content in sound.plain.items() if name != MAP}, SETTINGS),
        ("map", sound.plain, MAP),
    ):
        (folder := tmp_path / layout).mkdir()
        write(folder, dict(files))
        values = json.loads(files[file])
        names = (*all_hints(next(iter(sound.classes.values())).Settings), "image_token", "max_len", "unheard_of")
        for name in names if layout == "saved" else TOKEN_SETTINGS:
            for what, value in IN_FILES.items():
                (folder / file).write_bytes(encode_json({**values, name: value}))
                complaints[f"{layout}, {name}, {what}"] = judge(sound, folder, holds={name: value})
    report_of(complaints, least=500)


def held_otherwise(tokenizer: Any, name: str, value: Any) -> str | None:
    """Return what is wrong with a setting of a tokenizer that was loaded."""
    plain = name in ("padding_side", "pad_token_type_id", "truncation_side", "model_input_names", "do_lower_case")
    if plain or (isinstance(value, str) and name.endswith("_token")):
        held = getattr(tokenizer, name)
        value = False if name == "do_lower_case" and value is None else value  # off
        return None if held == value and type(held) is type(value) else f"{name} is {held!r}"
    return None


def nodes(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """Yield the path of every node of a JSON value; of a large mapping or list only of the first few."""
    items = list(value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ())
    for key, child in items if len(items) < 12 else items[:4]:
        yield (*path, key)
        yield from nodes(child, (*path, key))


IN_TOKENIZER_JSON = {
    "gone": ...,
    **{
        what: IN_FILES[what]
        for what in ("null", "true", "zero", "one", "negative", "huge", "beyond 64 bits", "fraction")
    },
    **{what: IN_FILES[what] for what in ("empty text", "unknown word", "emoji", "empty list", "list", "list of text")},
    **{what: IN_FILES[what] for what in ("empty object", "object", "object of numbers")},
    "a token": "[SEP]",
    "text B": {"Sequence": {"id": "B", "type_id": 0}},
}


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_every_node_of_tokenizer_json(tmp_path, model_type):
    sound = sound_tokenizer(model_type)
    if WHOLE not in sound.files:
        return
    write(tmp_path, dict(sound.files))
    content = json.loads(sound.files[WHOLE])
    complaints = {"sound": judge(sound, tmp_path, right=True)}
    for path in nodes(content):
        for what, value in IN_TOKENIZER_JSON.items():
            changed = copy.deepcopy(content)
            parent = changed
            for key in path[:-1]:
                parent = parent[key]
            if value is ...:
                del parent[path[-1]]
            else:
                parent[path[-1]] = value
            (tmp_path / WHOLE).write_bytes(encode_json(changed))
            complaints[f"{path}, {what}"] = judge(sound, tmp_path)
    report_of(complaints, least=500)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_what_is_no_json(tmp_path, model_type):
    sound = sound_tokenizer(model_type)
    complaints = {}
    for layout, files in (("saved", sound.files), ("older", sound.plain)):
        (folder := tmp_path / layout).mkdir()
        write(folder, dict(files))
        for name in [name for name in files if name.endswith(".json") and name not in unread(layout, files)]:
            for what, raw in NOT_JSON.items():
                if what == "too large" and name == WHOLE:
                    continue  # it may be that large
                (folder / name).write_bytes(raw)
                verdict = Refused(CheckpointCorrupt, (str(folder / name),))
                complaints[f"{layout}, {name}, {what}"] = judge(sound, folder, refused=verdict)
            (folder / name).write_bytes(files[name])
    report_of(complaints, least=60)


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_what_is_no_file_or_another(tmp_path, model_type):
    sound = sound_tokenizer(model_type)
    complaints = {}
    for layout, files in (("saved", sound.files), ("older", sound.plain)):
        (folder := tmp_path / layout).mkdir()
        write(folder, dict(files))
        for name in [name for name in files if name not in unread(layout, files)]:
            path = folder / name
            for what, (make, said) in KINDS.items():
                path.unlink()
                make(path)
                verdict = Refused(CheckpointCorrupt, (repr(str(path)), said))
                complaints[f"{path.name} is {what}"] = judge(sound, folder, refused=verdict)
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
                path.touch()
            for what, other in CONTENTS.items():
                path.write_bytes(other)
                verdict = Refused(CheckpointCorrupt, (str(path),))
                complaints[f"{path.name} is {what}"] = judge(sound, folder, refused=verdict)
            path.unlink()
            complaints[f"{path.name} is gone"] = judge(sound, folder)
            path.write_bytes(files[name])
    report_of(complaints, least=40)


NO_LINES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "The file is empty"),
    "line ends": (b"\n\n\n", "The file is empty"),
    "not UTF-8": (b"{}\xff\n", "not UTF-8"),
    "half a character": (b"{}\xed\xa0\x80\n", "not UTF-8"),
    "UTF-16": ("[UNK]\n[PAD]\n".encode("utf-16"), "not UTF-8"),
    "spaces around": (b" [UNK]\n", "has no line '[UNK]'"),
    "JSON": (b'{"[UNK]": 0}', "but JSON"),
}
LINES: dict[str, bytes] = {
    "a line twice, and an empty one": b"{}twice\ntwice\n\nspace \n",
    "byte order mark": b"\xef\xbb\xbf{}",
    "blank lines behind": b"{}\n\n",
    "a line of a space": b"{} \n",
    "a line of nul": b"{}\0\n",
    "a long line": b"{}" + b"x" * 100_000,
    "a line separator": "{}\u2028\n\u2029\n\x85\n\x0b\n\x0c\n".encode(),
}


@pytest.mark.parametrize("model_type", ARCHITECTURES)
def test_lines(tmp_path, model_type):
    sound = sound_tokenizer(model_type)
    if "vocab.txt" not in sound.plain:
        return
    write(tmp_path, dict(sound.plain))
    path, lines = tmp_path / "vocab.txt", sound.plain["vocab.txt"]
    complaints = {}
    for what, (raw, said) in NO_LINES.items():
        path.write_bytes(raw.replace(b"{}", lines))
        complaints[what] = judge(sound, tmp_path, refused=Refused(CheckpointCorrupt, (str(path), said)))
    for what, raw in LINES.items():
        path.write_bytes(raw.replace(b"{}", lines))
        complaints[what] = judge(sound, tmp_path, right=True)
    path.write_bytes(lines.replace(b"\n", b"\r\n"))
    complaints["Windows"] = judge(sound, tmp_path, right=True)
    for number in range(5):
        rows = lines.splitlines(keepends=True)
        path.write_bytes(b"".join(rows[:number] + rows[number + 1 :]))
        complaints[f"without line {number + 1}"] = judge(sound, tmp_path)
    report_of(complaints, least=20)


def test_the_texts_tell_tokenizers_apart():
    assert len(TEXTS) == len(set(TEXTS))
    for model_type in ARCHITECTURES:
        sound = sound_tokenizer(model_type)
        for role in sound.classes:
            assert len({tuple(result[0]) for result in expected(sound, role)}) == len(TEXTS)
