"""Processors: the preprocessing objects of a model that takes several kinds of input, as one."""

import copy
import inspect
import os
import pkgutil
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from archsmith.batch import BatchFeature
from archsmith.config.names import field_names
from archsmith.errors import InputError, OptionError
from archsmith.files.checkpoint import Checkpoint
from archsmith.files.commit import save_files, write_file
from archsmith.files.names import CHAT_TEMPLATE_FILE, PREPROCESSOR_FILE, PROCESSOR_FILE
from archsmith.files.paths import local_path
from archsmith.files.pretrained import FromPretrained
from archsmith.files.strictjson import encode_json
from archsmith.messages import did_you_mean, shown
from archsmith.options import TensorType, check_tensor_type, checked_call
from archsmith.processor.parts import held_parts, read_part
from archsmith.registry.base import registry

__all__ = ["Processor"]

#: Part → what it takes in a call, and its base class.
PARTS: Mapping[str, tuple[str, str]] = {
    "tokenizer": ("text", "archsmith.tokenizer:PreTrainedTokenizerBase"),
    "image_processor": ("images", "archsmith.image_processor:ImageProcessor"),
    "feature_extractor": ("audio", "archsmith.feature_extractor:SequenceFeatureExtractor"),
}
_WRITTEN = ("processor_class", "archsmith", "audio_processor", *PARTS)


class Processor(FromPretrained):
    """A tokenizer, an image processor and a feature extractor in one object, or those of them that a model needs.

    A subclass names its parts in ``parts``, and needs each. This class itself takes any of them.

    Example:
        >>> from archsmith import Processor, Wav2Vec2FeatureExtractor
        >>> processor = Processor(feature_extractor=Wav2Vec2FeatureExtractor())
        >>> batch = processor(audio=[0.1, -0.1] * 300, audio_kwargs={"sampling_rate": 16000}, return_tensors="pt")
        >>> batch.input_values.shape
        torch.Size([1, 600])

    Args:
        tokenizer: Any tokenizer.
        image_processor: Any image processor.
        feature_extractor: Any feature extractor.

    Attributes:
        parts: The parts that the class needs; None: whichever are given.
        extra: Keys of the processor_config.json it came from that nothing reads: they are written back.

    Raises:
        OptionError: A part is missing, in vain, or of another kind.
    """

    side_file_names = (CHAT_TEMPLATE_FILE,)
    _superseded = (re.escape(PREPROCESSOR_FILE),)
    parts: ClassVar[tuple[str, ...] | None] = None

    @checked_call
    def __init__(self, *, tokenizer: Any = None, image_processor: Any = None, feature_extractor: Any = None) -> None:
        given = {"tokenizer": tokenizer, "image_processor": image_processor, "feature_extractor": feature_extractor}
        self.extra: dict[str, Any] = {}
        self.tokenizer, self.image_processor, self.feature_extractor = tokenizer, image_processor, feature_extractor
        owner = type(self).__name__
        for name, part in given.items():
            if part is None and name in (self.parts or ()):
                raise OptionError(f"{owner} needs {_a(name)}. Pass {name}=….")
            if part is not None and self.parts is not None and name not in self.parts:
                raise OptionError(f"{owner} has no {_plain(name)}; its parts are {' and '.join(self.parts)}.")
            if part is not None and not _is_kind(part, name):
                other = next((other for other in PARTS if _is_kind(part, other)), None)
                hint = f" It is {_a(other)}: pass {other}=…" if other else ""
                raise OptionError(f"{name} must be {_a(name)}, but is {type(part).__name__}.{hint}")
        if not self._held():
            raise OptionError(f"{owner} needs at least one of {', '.join(given)}.")

    # ---- calls ----------------------------------------------------------------------------------------------

    @checked_call
    def __call__(
        self,
        *,
        text: Any = None,
        images: Any = None,
        audio: Any = None,
        text_kwargs: Mapping[str, Any] | None = None,
        images_kwargs: Mapping[str, Any] | None = None,
        audio_kwargs: Mapping[str, Any] | None = None,
        return_tensors: TensorType | None = None,
        **shared: Any,
    ) -> BatchFeature:
        """Prepare each input with the part for it, and return all of it in one batch.

        Args:
            text: What the tokenizer takes.
            images: What the image processor takes.
            audio: What the feature extractor takes.
            text_kwargs: Options of the tokenizer's call.
            images_kwargs: Options of the image processor's call.
            audio_kwargs: Options of the feature extractor's call.
            return_tensors: ``"pt"``, ``"np"``, or None; a part's own options can say otherwise.
            **shared: Options for each part that has them, as ``padding``; a part's own options go over them.

        Raises:
            InputError: There is no input, one does not fit its part, or two parts return one name.
            OptionError: There is no part for an input, or it has no such option.
        """
        check_tensor_type(return_tensors)
        inputs = {"tokenizer": text, "image_processor": images, "feature_extractor": audio}
        options = {"tokenizer": text_kwargs, "image_processor": images_kwargs, "feature_extractor": audio_kwargs}
        used = [name for name, value in inputs.items() if value is not None]
        takers = {option: [name for name in used if self._takes(name, option)] for option in shared}
        if lost := [option for option, names in takers.items() if not names]:
            owners = [type(part).__name__ for part in (self, *map(self._part, used))]
            hint = did_you_mean(lost[0], inspect.signature(self.__call__).parameters)
            raise OptionError(f"{lost[0]!r} is not an option of {', '.join(owners)}.{hint}")
        if all(value is None for value in inputs.values()):
            raise InputError(
                f"there is nothing to process; pass {' or '.join(PARTS[name][0] for name in self._held())}."
            )
        batch: dict[str, Any] = {}
        for name, value in inputs.items():
            own = {option: shared[option] for option, names in takers.items() if name in names}
            chosen = self.options_of(name, options[name], return_tensors=return_tensors, **own)
            if value is None:
                continue
            found = self._part(name)(value, **chosen)
            twice = [key for key in found if key in batch]
            if twice:
                raise InputError(
                    f"two parts return {twice[0]!r}, and a model cannot tell them apart. Process the inputs one by "
                    "one, or ask one part to leave it out."
                )
            batch |= found
        return BatchFeature(batch)

    def options_of(self, part: str, given: Mapping[str, Any] | None, **usual: Any) -> dict[str, Any]:
        """Return the options for a part's call: the usual ones, and over them those that the caller gave for it.

        Args:
            part: ``"tokenizer"``, ``"image_processor"`` or ``"feature_extractor"``.
            given: Name → value, checked; or None.
            **usual: Options with a value unless the caller says otherwise.

        Raises:
            OptionError: The part has no such option, or is missing.
        """
        if given is None:
            return usual
        keyword = f"{PARTS[part][0]}_kwargs"
        if not isinstance(given, Mapping):
            raise OptionError(f"{keyword} must be a mapping of options, but is {shown(given)}.")
        signature = inspect.signature(self._part(part).__call__).parameters
        known = [name for name, parameter in signature.items() if parameter.kind is parameter.KEYWORD_ONLY]
        is_open = any(parameter.kind is parameter.VAR_KEYWORD for parameter in signature.values())
        for name in given:
            if name not in known and not is_open:
                raise OptionError(
                    f"{keyword}: {name!r} is not an option of {type(self._part(part)).__name__}."
                    f"{did_you_mean(str(name), known)}"
                )
        return usual | dict(given)

    @property
    def decode(self) -> Any:
        """The tokenizer's own ``decode``."""
        return self._part("tokenizer").decode

    @property
    def batch_decode(self) -> Any:
        """The tokenizer's own ``batch_decode``."""
        return self._part("tokenizer").batch_decode

    @property
    def apply_chat_template(self) -> Any:
        """The tokenizer's own ``apply_chat_template``; of what is no text only the places are written."""
        return self._part("tokenizer").apply_chat_template

    @property
    def model_input_names(self) -> list[str]:
        """What the model takes of all parts, each name once."""
        names = [name for part in self._held() for name in self._part(part).model_input_names]
        return list(dict.fromkeys(names))

    @property
    def side_files(self) -> dict[str, bytes]:
        """As `FromPretrained.side_files`; those of the tokenizer, if it has one."""
        return super().side_files if self.tokenizer is None else self.tokenizer.side_files

    # ---- files ----------------------------------------------------------------------------------------------

    @classmethod
    def read(cls, checkpoint: Checkpoint, **parts: Any) -> Self:
        """Read a processor, with all its parts, from an opened checkpoint.

        Args:
            checkpoint: Where to look.
            **parts: Parts that take the place of those in the files.

        Raises:
            OptionError: A part that was passed is none, or of another kind.
            CheckpointNotFound, CheckpointCorrupt, HubError: The files of a part cannot be had, or contradict.
            UnknownArchitecture, PluginError: No usable plugin provides the class of a part.
        """
        unknown = [name for name in parts if name not in PARTS]
        if unknown:
            first, *others = cls.parts or PARTS
            raise OptionError(
                f"{unknown[0]!r} is not a part of a processor.{did_you_mean(unknown[0], PARTS)} A setting goes to its "
                f"part: pass {first}=Auto{first.title().replace('_', '')}.from_pretrained(…, {unknown[0]}=…)"
                f"{''.join(f', or likewise {other}=…' for other in others)}."
            )
        owner = registry.owner_of(cls)
        wanted = held_parts(checkpoint, owner) if cls.parts is None else cls.parts
        loaded = {name: read_part(name, checkpoint, owner) for name in wanted if name not in parts}
        new = cls(**loaded, **parts)
        if new.tokenizer is None:
            new.read_side_files(checkpoint)
        if checkpoint.find(PROCESSOR_FILE):
            values = checkpoint.read_json(PROCESSOR_FILE)
            new.extra = {name: value for name, value in values.items() if name not in _WRITTEN}
        return new

    @checked_call
    def write(self, save_directory: str | os.PathLike[str]) -> tuple[str, ...]:
        """Write processor_config.json and the files of every part into a folder, all of them at one moment.

        Returns:
            The paths of the files.

        Raises:
            OptionError: A setting of a part was broken in place.
            SaveFailed: The system refused; what was there before still is.
        """
        name = type(self).__name__
        contents = self.side_contents()
        settings = {part: self._part(part).to_file_dict() for part in self._held() if part != "tokenizer"}
        if self.tokenizer is not None:
            contents |= self.tokenizer.file_contents(processor_class=name)
        if len(settings) == 1:  # the file of older readers has room for one
            (values,) = settings.values()
            contents[PREPROCESSOR_FILE] = encode_json(values | {"processor_class": name})
        written = {"archsmith": registry.provenance(type(self))}
        contents[PROCESSOR_FILE] = encode_json(self.to_dict() | settings | written)
        return save_files(save_directory, contents, delete=self.superseded_files(save_directory))

    def to_dict(self) -> dict[str, Any]:
        """Return the settings of all parts but the tokenizer, which has files of its own, as JSON values."""
        settings = {part: self._part(part).to_dict() for part in self._held() if part != "tokenizer"}
        return copy.deepcopy(self.extra) | settings | {"processor_class": type(self).__name__}

    def to_json_string(self) -> str:
        """Return `to_dict` as sorted JSON."""
        return encode_json(self.to_dict()).decode()

    def to_json_file(self, json_file_path: str | os.PathLike[str]) -> None:
        """Write `to_json_string` to a file. Raises `SaveFailed` as `save_pretrained`."""
        write_file(local_path("a file of settings", json_file_path), self.to_json_string().encode())

    # ---- internals ------------------------------------------------------------------------------------------

    def _held(self) -> Sequence[str]:
        return [name for name in PARTS if getattr(self, name) is not None]

    def _takes(self, name: str, option: str) -> bool:
        """Return whether a call of a part has an option: those of an image processor are its settings."""
        part = self._part(name)
        parameters = inspect.signature(part.__call__).parameters
        return option in parameters or (name == "image_processor" and field_names(type(part)).knows(option))

    def _part(self, name: str) -> Any:
        part = getattr(self, name)
        if part is None:
            raise OptionError(f"this {type(self).__name__} has no {_plain(name)}; it has {' and '.join(self._held())}.")
        return part

    def __repr__(self) -> str:
        parts = "".join(f"\n- {name}: {self._part(name)!r}" for name in self._held())
        return f"{type(self).__name__}:{parts}"


def _is_kind(part: Any, name: str) -> bool:
    return isinstance(part, pkgutil.resolve_name(PARTS[name][1]))


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _a(name: str) -> str:
    return f"{'an' if name[0] in 'aeiou' else 'a'} {_plain(name)}"
