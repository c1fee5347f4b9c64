"""The kinds of checkpoints that are fuzzed. One more kind is one more class: sound files, and how a load is judged."""

import importlib
import random
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from mutations import mutate
from safetensors.torch import load
from sound import CLASSES, CONFIG, INDEX, Sound, encode, encode_json, index_of, sound, split, tensors_of
from tokenizers import Tokenizer
from tokenizers_of import ARCHITECTURES, TEXTS, results, sound_tokenizer

from archsmith import PreTrainedTokenizerFast
from archsmith.errors import ArchsmithError
from archsmith.registry import Registry, registry

Files = dict[str, bytes | str | None]


class Wrong(Exception):
    """What was loaded is not what is in the files."""


class Kind(ABC):
    """One kind of checkpoint."""

    name: ClassVar[str]

    @abstractmethod
    def draw(self, rng: random.Random) -> tuple[str, Files]:
        """Return which checkpoint was drawn, and its sound files."""

    @abstractmethod
    def check(self, which: str, folder: Path) -> str:
        """Load a folder, and return ``"loaded"``.

        Raises:
            ArchsmithError: It is refused, as is right for damaged files.
            Wrong: It loads, but not as what is in the files.
        """

    def damage(self, rng: random.Random, files: Files) -> Files:
        """Return the files with one to three of them damaged, once or more."""
        damaged = dict(files)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            name = rng.choice(list(damaged))
            sound_ones = [content for content in files.values() if isinstance(content, bytes)]
            damaged[name] = mutate(rng, name, damaged[name], sound_ones)
        return damaged


class Models(Kind):
    """Models of every class: config.json, and one weights file, or an index and shards."""

    name = "model"

    def draw(self, rng: random.Random) -> tuple[str, Files]:
        model_type, task = rng.choice(CLASSES)
        model = sound(model_type, task)
        files: Files = {CONFIG: encode_json(model.config)}
        if rng.random() < 0.6:
            files["model.safetensors"] = encode(model.entries, model.metadata)
        else:
            shards = split(model.entries)
            files[INDEX] = encode_json(index_of(shards))
            files |= {name: encode(part, model.metadata) for name, part in shards.items()}
        return f"{model_type}/{task}", files

    def check(self, which: str, folder: Path) -> str:
        model = sound(*which.split("/"))
        loaded = model.cls.from_pretrained(folder)
        raw: dict[str, torch.Tensor] = {}
        for path in folder.glob("*.safetensors"):
            raw |= load(path.read_bytes()) if path.is_file() else {}
        self._hold(model, loaded, raw)
        config = loaded.config
        if type(config).from_dict(config.to_dict()) != config:
            raise Wrong("the configuration changes when it is written and read")
        if loaded.config.to_dict() == model.cls.config_class.from_dict(model.config).to_dict():
            with torch.no_grad():
                dict(tensors_of(loaded.float()(**model.inputs)))
        return "loaded"

    def _hold(self, model: Sound, loaded: Any, raw: Mapping[str, torch.Tensor]) -> None:
        """Hold every parameter against what the library of the format reads from the same files."""
        prefix = f"{model.cls.base_model_prefix}."
        spelt = {model.cls.rename_key(key): tensor for key, tensor in raw.items()} | dict(raw)
        ties = loaded.tied_names()
        for name, tensor in loaded.state_dict().items():
            if not tensor.is_floating_point() or name in loaded.load_report.new:
                continue
            names = (name, ties.get(name, name), prefix + name, name.removeprefix(prefix))
            source = next((spelt[key] for key in names if key in spelt), None)
            if source is None or source.dtype != tensor.dtype or not torch.equal(source, tensor):
                raise Wrong(f"{name} is not what the files hold")
            if not tensor.float().isfinite().all():
                raise Wrong(f"{name} is not finite")
        if unlawful := [name for name in loaded.load_report.new if not model.optional(name)]:
            # A head may be new where config.json no longer says that it was saved with one, but not a part of one.
            missing = [name for name in unlawful if name.startswith(prefix) or name in spelt]
            if missing or model.cls.__name__ in (loaded.config.architectures or ()):
                raise Wrong(f"{unlawful} started anew")


class Tokenizers(Kind):
    """Tokenizers of every kind, as saved today and as older programs wrote them."""

    name = "tokenizer"

    def draw(self, rng: random.Random) -> tuple[str, Files]:
        model_type = rng.choice(ARCHITECTURES)
        tokenizer = sound_tokenizer(model_type)
        return model_type, dict(tokenizer.files if rng.random() < 0.6 else tokenizer.plain)

    def check(self, which: str, folder: Path) -> str:
        made: dict[str, Any] = {}
        refusal: ArchsmithError | None = None
        for role, cls in sound_tokenizer(which).classes.items():
            try:
                made[role] = results(cls.from_pretrained(folder))
            except ArchsmithError as error:
                refusal = error
        if len({str(result) for result in made.values()}) > 1:
            raise Wrong(f"the two kinds of tokenizer differ: {made}")
        if refusal is not None:
            raise refusal
        return "loaded"


class Others(Kind):
    """A tokenizer.json of each kind that the library knows, read by the class that reads any."""

    name = "tokenizer.json"

    def __init__(self) -> None:
        wordpiece = {"unk_token": "[UNK]", "continuing_subword_prefix": "##", "max_input_chars_per_word": 10}
        characters = [*"abcdehlorwé ,!.Ġ▁"]
        numbers = {
            token: number for number, token in enumerate(["[UNK]", "<s>", "</s>", *characters, "he", "ab", "hello"])
        }
        special = [
            {"id": number, "content": content, "special": True, **dict.fromkeys(MARKS, False)}
            for number, content in enumerate(("[UNK]", "<s>", "</s>"))
        ]
        template = {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
        }
        cut = {"max_length": 6, "strategy": "LongestFirst", "stride": 1, "direction": "Right"}
        fill = {
            "strategy": {"Fixed": 8},
            "direction": "Left",
            "pad_to_multiple_of": None,
            "pad_id": 0,
            "pad_type_id": 0,
        }
        merges = [["h", "e"], ["a", "b"]]
        models = {
            "BPE": {
                "vocab": numbers,
                "merges": merges,
                "unk_token": "[UNK]",
                "fuse_unk": False,
                "byte_fallback": False,
            },
            "Unigram": {"unk_id": 0, "vocab": [[token, -1.0 - number] for token, number in numbers.items()]},
            "WordLevel": {"vocab": numbers, "unk_token": "[UNK]"},
            "WordPiece": {"vocab": numbers, **wordpiece},
        }
        around = [
            ({"type": "NFC"}, {"type": "Whitespace"}, None, None),
            (
                {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Prepend", "prepend": "▁"}]},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
                template,
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            ),
            (
                {"type": "Replace", "pattern": {"Regex": "[ ]+"}, "content": " "},
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
                {"type": "Sequence", "processors": [template]},
                {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            ),
            (
                None,
                {"type": "Split", "pattern": {"String": " "}, "behavior": "Isolated", "invert": False},
                {"type": "RobertaProcessing", "sep": ["</s>", 2], "cls": ["<s>", 1], "trim_offsets": True,
                 "add_prefix_space": True},
                {"type": "Sequence", "decoders": [{"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1,
                                                                     "stop": 0}]},
            ),
        ]  # fmt: skip
        parts = ("normalizer", "pre_tokenizer", "post_processor", "decoder")
        self.contents = [
            {"version": "1.0", "truncation": cut, "padding": {**fill, "pad_token": "[UNK]"}, "added_tokens": special}
            | dict(zip(parts, some, strict=True))
            | {"model": {"type": kind, **model}}
            for kind, model in models.items()
            for some in around
        ]

    def draw(self, rng: random.Random) -> tuple[str, Files]:
        place = rng.randrange(len(self.contents))
        return str(place), {"tokenizer.json": encode_json(self.contents[place])}

    def check(self, which: str, folder: Path) -> str:
        loaded = PreTrainedTokenizerFast.from_pretrained(folder)
        made = [ids_or_refusal(loaded, text) for text in TEXTS]
        raw = Tokenizer.from_buffer((folder / "tokenizer.json").read_bytes().removeprefix(b"\xef\xbb\xbf"))
        raw.no_truncation()
        raw.no_padding()
        for text, ids in zip(TEXTS, made, strict=True):
            if ids is not None and raw.encode(text).ids != ids:
                raise Wrong(f"{text!r} becomes {ids}, but the library says {raw.encode(text).ids}")
        return "loaded"


class Preprocessing(Kind):
    """Image processors and feature extractors: the file of their settings, read by the class and by its Auto class."""

    name = "preprocessing"
    roles = ("image_processor", "feature_extractor")

    def draw(self, rng: random.Random) -> tuple[str, Files]:
        kinds = [
            (name, role) for name in registry.names() for role in self.roles if role in registry.get(name).references()
        ]
        name, role = rng.choice(kinds)
        values = registry.load(name, role)().to_dict()
        file = rng.choice(("preprocessor_config.json", "processor_config.json"))
        return f"{name}/{role}", {file: encode_json(values if file.startswith("pre") else {role: values})}

    def check(self, which: str, folder: Path) -> str:
        name, role = which.split("/")
        loaded = registry.load(name, role).from_pretrained(folder)
        if role == "image_processor":
            result = loaded(torch.arange(3 * 12 * 10, dtype=torch.uint8).view(3, 12, 10), return_tensors="pt")
        else:
            result = loaded([0.1, -0.1] * 400, sampling_rate=loaded.sampling_rate, return_tensors="pt")
        for key, tensor in result.items():
            if isinstance(tensor, torch.Tensor) and not tensor.isfinite().all():
                raise Wrong(f"{key} is not finite")
        return "loaded"


class Plugins(Kind):
    """The metadata of an installed distribution, in a folder that Python searches: the list of plugins never fails."""

    name = "plugin"

    def draw(self, rng: random.Random) -> tuple[str, Files]:
        metadata = b"Metadata-Version: 2.1\nName: toy\nVersion: 1.0\nRequires-Dist: archsmith (<1,>=0.1)\n\nAbout.\n"
        points = b"[archsmith.architectures]\ntoy = toy.plugin\n\n[archsmith.commands]\ntoys = toy.verb:app\n"
        return "toy", {"toy-1.0.dist-info/METADATA": metadata, "toy-1.0.dist-info/entry_points.txt": points}

    def check(self, which: str, folder: Path) -> str:
        sys.path.insert(0, str(folder))
        importlib.invalidate_caches()
        try:
            entries = Registry().entries()
        finally:
            sys.path.remove(str(folder))
        if len(entries) < len(registry.entries()):
            raise Wrong("it hides other plugins")
        return "loaded"


MARKS = ("single_word", "lstrip", "rstrip", "normalized")


def ids_or_refusal(tokenizer: Any, text: str) -> list[int] | None:
    """Return the ids of a text, or None if it is refused; decode them, which may be refused too."""
    try:
        ids = tokenizer(text)["input_ids"]
        tokenizer.decode(ids)
        tokenizer(text, text, padding=True)
        tokenizer(text, truncation=True, max_length=9)
    except ArchsmithError:
        return None
    return ids


KINDS: dict[str, Kind] = {kind.name: kind for kind in (Models(), Tokenizers(), Others(), Preprocessing(), Plugins())}
