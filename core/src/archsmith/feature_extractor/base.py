"""Feature extractors: audio in, the numbers that a model takes out."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from archsmith.batch import BatchFeature, to_tensor
from archsmith.config.fields import Size, field
from archsmith.config.settings import DeclaredSettings
from archsmith.errors import InputError, OptionError
from archsmith.feature_extractor.audio import AudioReader, read_rate
from archsmith.feature_extractor.audio_files import MAX_SAMPLES
from archsmith.lengths import Padding, Side, resolve_padding, row_mask
from archsmith.messages import announce, shown
from archsmith.options import HUGE, TensorType, check_tensor_type, checked_call, read_count, read_flag, read_flags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from archsmith.config.base import PreTrainedConfig

__all__ = ["SamplingRate", "SequenceFeatureExtractor"]

#: Samples per second.
SamplingRate = Size


#: Of a float32.
_LARGEST = 3.4028234663852886e38


class SequenceFeatureExtractor(DeclaredSettings):
    """What every feature extractor for audio is: settings, and a call that turns audio clips into one padded batch.

    A subclass says what it makes of a clip in `features_of`, and what it does to a padded row in `finish`. A call
    changes nothing about the object, so that threads can share one.

    Attributes:
        feature_size: Numbers at each place of a sequence: 1 for plain samples.
        sampling_rate: Samples per second that the model was trained with, in Hz.
        padding_value: The value that pads a batch.
        padding_side: Where it goes.
        return_attention_mask: Whether a call returns 1 for audio and 0 for padding unless told otherwise.
    """

    kind = "feature_extractor"
    model_input_names: ClassVar[Sequence[str]] = ("input_values", "attention_mask")

    feature_size: Size = field(default=1, doc="Numbers at each place of a sequence.")
    sampling_rate: SamplingRate = field(default=16000, doc="Samples per second, in Hz.")
    padding_value: float = field(default=0.0, doc="The value that pads a batch.")
    padding_side: Literal["right", "left"] = field(default="right", doc="Where the padding goes.")
    return_attention_mask: bool = field(default=True, doc="Return 1 for audio and 0 for padding.")

    def rules(self) -> Iterator[str]:
        """Yield the broken rules between settings."""
        yield from super().rules()
        if abs(self.padding_value) > _LARGEST:
            yield f"padding_value is {self.padding_value}, but must be a number that float32 can hold"

    @classmethod
    def for_model(cls, config: "PreTrainedConfig") -> Self:  # noqa: ARG003
        """Return the feature extractor for a model of this configuration. Here: with the usual settings."""
        return cls()

    # ---- what a subclass says -------------------------------------------------------------------------------

    @abstractmethod
    def features_of(self, clip: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return the sequence that a clip becomes.

        Args:
            clip: ``(samples,)`` from -1 to 1, of the right sampling rate; it must not be changed.

        Returns:
            ``(places,)``, or ``(places, feature_size)`` where that is more than one.
        """

    def finish(self, row: "NDArray[np.float32]", span: slice, *, masked: bool) -> None:
        """Change a sequence in place after it was padded. Here: it stays as it is.

        Args:
            row: The sequence with its padding, ``(places,)`` or ``(places, feature_size)``.
            span: Where the sequence itself lies.
            masked: Whether the batch has an attention mask, so that the model can tell the padding.
        """

    def is_level_free(self) -> bool:
        """Return whether the loudness of a clip makes no difference. Here: it does."""
        return False

    # ---- calls ----------------------------------------------------------------------------------------------

    @checked_call
    def __call__(
        self,
        raw_speech: Any,
        *,
        sampling_rate: int | None = None,
        padding: bool | str = False,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: TensorType | None = None,
        resample: bool = False,
        downmix: bool = False,
    ) -> BatchFeature:
        """Turn an audio clip, or a batch of them, into the model's input.

        Args:
            raw_speech: One clip or a list of clips, each an array, a tensor or a list of samples, ``(samples,)``; or
                the path of a WAV, FLAC, OGG or MP3 file, or its bytes. An array of two axes is a batch,
                ``(clips, samples)``. Whole numbers are scaled to -1..1 by their type.
            sampling_rate: Samples per second of the arrays, in Hz; files tell it themselves.
            padding: True or ``"longest"``: pad to the longest clip; ``"max_length"``: to that length.
            max_length: The length to pad or truncate to.
            truncation: Truncate what is longer than ``max_length``.
            pad_to_multiple_of: Round lengths up to a multiple of this.
            return_attention_mask: Return 1 for audio and 0 for padding; None: as the object is set.
            return_tensors: ``"pt"``, ``"np"``, or None for a list of arrays.
            resample: Convert clips of another sampling rate, rather than refuse them.
            downmix: Average the channels of clips that have several, rather than refuse them; then an array of two
                axes is one clip.

        Returns:
            The batch, always of two axes or more: float32, and an attention mask of int32.

        Raises:
            InputError: A clip is not what the model takes, or the batch cannot be one tensor.
            OptionError: An option is wrong, or contradicts another.
            MissingDependency: A library that reads or resamples audio is not installed.
        """
        read_flags(resample=resample, downmix=downmix)
        reader = AudioReader(
            target=self.sampling_rate,
            given=read_rate(sampling_rate),
            resample=resample,
            downmix=downmix,
            any_level=self.is_level_free(),
        )
        check_tensor_type(return_tensors)
        shape = self._plan(padding, max_length, truncation, pad_to_multiple_of)
        wants_mask = read_flag("return_attention_mask", return_attention_mask, self.return_attention_mask)
        sequences = [self.features_of(clip) for clip in reader.read(raw_speech)]
        return self._batch(sequences, {}, shape, wants_mask, return_tensors, finish=True)

    @checked_call
    def pad(
        self,
        processed_features: Any,
        *,
        padding: bool | str = True,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: TensorType | None = None,
    ) -> BatchFeature:
        """Pad sequences that were extracted before, as to collate the examples of a data set.

        Args:
            processed_features: A list of mappings, one for each sequence, or one mapping of a batch. Entries beside
                the sequences, such as labels, are passed on; an attention mask is made anew.
            padding: As for a call.
            max_length: As for a call.
            truncation: As for a call.
            pad_to_multiple_of: As for a call.
            return_attention_mask: As for a call.
            return_tensors: As for a call.

        Raises:
            InputError: The sequences are of a wrong form.
            OptionError: An option is wrong.
        """
        check_tensor_type(return_tensors)
        shape = self._plan(padding, max_length, truncation, pad_to_multiple_of)
        wants_mask = read_flag("return_attention_mask", return_attention_mask, self.return_attention_mask)
        columns = _columns(processed_features, self.model_input_names[0])
        sequences = [self._sequence(row, values) for row, values in enumerate(columns.pop(self.model_input_names[0]))]
        columns.pop("attention_mask", None)
        return self._batch(sequences, columns, shape, wants_mask, return_tensors)

    # ---- the steps of a call --------------------------------------------------------------------------------

    def _plan(self, padding: Any, max_length: Any, truncation: Any, multiple: Any) -> tuple[Padding | None, int | None]:
        """Decide how sequences are padded, and to which length they are truncated. Raises `OptionError`."""
        read_flags(truncation=truncation)
        length = read_count("max_length", max_length, least=1)
        if length is None and (truncation or (isinstance(padding, str) and padding == "max_length")):
            option = "truncation=True" if truncation else "padding='max_length'"
            raise OptionError(f"{option} needs a length: pass max_length=…, in samples.")
        padded = resolve_padding(
            padding, max_length=length, multiple=multiple, side=self.padding_side, model_max_length=HUGE
        )
        if not truncation:
            if length is not None and (padded is None or padded.length is None):
                announce(
                    f"max_length={length} has no effect: padding={padding!r} does not go by it, and nothing is "
                    "truncated. Pass truncation=True, or padding='max_length'."
                )
            return padded, None
        return padded, length if padded is None else replace(padded, length=length).width(0)

    def _batch(
        self,
        sequences: "list[NDArray[np.float32]]",
        others: Mapping[str, Any],
        shape: tuple[Padding | None, int | None],
        wants_mask: bool,
        tensor_type: TensorType | None,
        *,
        finish: bool = False,
    ) -> BatchFeature:
        """Truncate and pad sequences, and put them into a batch."""
        import numpy as np

        if not sequences:
            raise InputError("the batch is empty; expected at least one clip.")
        padding, length = shape
        sequences = [sequence[:length] for sequence in sequences]
        lengths = [len(sequence) for sequence in sequences]
        width = None if padding is None else padding.width(max(lengths))
        if width is not None and width > max(MAX_SAMPLES, *lengths):
            raise OptionError(
                f"clips would be padded to {width:,} places (max_length, pad_to_multiple_of), above the limit of "
                f"{MAX_SAMPLES:,}."
            )
        rows: Any
        if width is not None and max(lengths) <= width:
            rows = np.full((len(sequences), width, *sequences[0].shape[1:]), self.padding_value, np.float32)
        elif len(set(lengths)) == 1 and tensor_type is not None:
            rows = np.empty((len(sequences), *sequences[0].shape), np.float32)
        else:
            spaces = [length if width is None else max(length, width) for length in lengths]
            rows = [np.full((space, *sequences[0].shape[1:]), self.padding_value, np.float32) for space in spaces]
        spans = [slice(len(row) - n, None) if padding and padding.side == "left" else slice(n)
                 for row, n in zip(rows, lengths, strict=True)]  # fmt: skip
        for row, sequence, span in zip(rows, sequences, spans, strict=True):
            row[span] = sequence
            if finish:
                self.finish(row, span, masked=wants_mask and padding is not None)
        data: dict[str, Any] = {self.model_input_names[0]: rows if tensor_type else list(rows)}
        if wants_mask:
            side: Side = "right" if padding is None else padding.side
            masks = [row_mask(np.array([n]), len(row), side)[0].astype(np.int32)
                     for row, n in zip(rows, lengths, strict=True)]  # fmt: skip
            data["attention_mask"] = np.stack(masks) if isinstance(rows, np.ndarray) and tensor_type else masks
        return BatchFeature(data | dict(others), tensor_type=tensor_type)

    def _sequence(self, row: int, values: Any) -> "NDArray[np.float32]":
        """Return one sequence of a batch to be padded, as an array."""
        name = f"{self.model_input_names[0]}[{row}]"
        array: NDArray[np.float32] = to_tensor(name, values, "np")
        wanted = 1 if self.feature_size == 1 else 2
        if array.ndim != wanted or (wanted == 2 and array.shape[1] != self.feature_size) or not len(array):  # noqa: PLR2004
            axes = "(places,)" if wanted == 1 else f"(places, {self.feature_size})"
            raise InputError(f"{name} must have the shape {axes}, but has {array.shape}.")
        return array


def _columns(features: Any, main: str) -> dict[str, Any]:
    """Return name → rows of what is to be padded."""
    rows = features if isinstance(features, list | tuple) else [features]
    if not rows or not all(isinstance(row, Mapping) and main in row for row in rows):
        raise InputError(f"expected mappings that hold {main!r}, as a call returns them, but got {shown(features)}.")
    if rows is not features:
        return dict(features)
    missing = set().union(*rows) - set.intersection(*map(set, rows))
    if missing:
        raise InputError(f"{min(missing)!r} is in some of the {len(rows)} examples, but not in all.")
    return {name: list(_unwrapped([row[name] for row in rows], name == main)) for name in rows[0]}


def _unwrapped(values: list[Any], is_main: bool) -> Iterator[Any]:
    """Yield sequences without the axis of the batch of one that a call returns."""
    for value in values:
        yield value[0] if is_main and len(value) == 1 and getattr(value[0], "ndim", 0) == 1 else value
