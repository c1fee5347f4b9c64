"""Feature extractors: audio in, the numbers that a model takes out."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from archsmith.batch import BatchFeature, to_tensor
from archsmith.config.fields import Size, field
from archsmith.config.settings import DeclaredSettings
from archsmith.errors import ArchsmithError, InputError, OptionError, PluginError
from archsmith.lengths import Padding, resolve_padding
from archsmith.messages import announce, shown
from archsmith.options import HUGE, TensorType, checked_call, read_count, read_flag

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

    A subclass says what it makes of a clip in `features_of`, and what it does to a padded row in `finish`. One whose
    model takes a spectrum of clips of one length says so in `samples_per_place` and `usual_length`. A call changes
    nothing about the object, so that threads can share one.

    Attributes:
        places_last: Whether a sequence is ``(feature_size, places)``, as bands and frames, not the other way round.
        usual_padding: What a call does that is given no ``padding``.
        usual_truncation: What a call does that is given no ``truncation``.
        feature_size: Numbers at each place of a sequence: 1 for plain samples.
        sampling_rate: Samples per second that the model was trained with, in Hz.
        padding_value: The value that pads a batch.
        padding_side: Where it goes.
        return_attention_mask: Whether a call returns 1 for audio and 0 for padding unless told otherwise.
    """

    kind = "feature_extractor"
    model_input_names: ClassVar[Sequence[str]] = ("input_values", "attention_mask")
    places_last: ClassVar[bool] = False
    usual_padding: ClassVar[bool | str] = False
    usual_truncation: ClassVar[bool] = False

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
            clip: ``(samples,)`` from -1 to 1, of the right sampling rate; it must not be changed. With its padding,
                and as `finish` left it, where `samples_per_place` is a number.

        Returns:
            ``(places,)``; or, where ``feature_size`` is more than one, ``(places, feature_size)``, with `places_last`
            ``(feature_size, places)``.
        """

    def samples_per_place(self) -> int | None:
        """Return None if `features_of` comes first, and padding, truncation and lengths are those of its sequences.

        A number: clips are padded and truncated before, so that lengths are in samples; a place stands for so many
        samples (the hop), and the attention mask says whether the first of them is audio.
        """
        return None

    def usual_length(self) -> int | None:
        """Return the ``max_length`` of a call that needs one and is given none. Here: there is none."""
        return None

    def finish(self, row: "NDArray[np.float32]", span: slice, *, masked: bool) -> None:
        """Change a sequence in place after it was padded. Here: it stays as it is.

        Args:
            row: The sequence with its padding, in the shape that `features_of` returns; or the clip with its padding,
                ``(samples,)``, where `samples_per_place` is a number.
            span: Which places are the sequence itself.
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
        padding: bool | str | None = None,
        max_length: int | None = None,
        truncation: bool | None = None,
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
            padding: True or ``"longest"``: pad to the longest clip; ``"max_length"``: to that length; False: not at
                all; None: as the class does, which is not at all for most.
            max_length: The length to pad or truncate to; None: that of the class, if it has one.
            truncation: Truncate what is longer than ``max_length``; None: as the class does.
            pad_to_multiple_of: Round lengths up to a multiple of this.
            return_attention_mask: Return 1 for audio and 0 for padding; None: as the object is set.
            return_tensors: ``"pt"``, ``"np"``, or None for a list of arrays.
            resample: Convert clips of another sampling rate, rather than refuse them.
            downmix: Average the channels of clips that have several, rather than refuse them; then an array of two
                axes is one clip.

        Returns:
            The batch, always of two axes or more: float32, and an attention mask of int32, ``(clips, places)``.

        Raises:
            InputError: A clip is not what the model takes, or the batch cannot be one tensor.
            OptionError: An option is wrong, or contradicts another.
            MissingDependency: A library that reads or resamples audio is not installed.
        """
        padding = self.usual_padding if padding is None else padding
        truncation = read_flag("truncation", truncation, self.usual_truncation)
        shape = self._plan(padding, max_length, truncation, pad_to_multiple_of)
        wants_mask = read_flag("return_attention_mask", return_attention_mask, self.return_attention_mask)
        clips = self.read_audio(raw_speech, sampling_rate=sampling_rate, resample=resample, downmix=downmix)
        hop = self.samples_per_place()
        sequences = clips if hop else [self._features(clip) for clip in clips]
        rows, spans = self._rows(sequences, shape, stack=return_tensors is not None)
        for row, span in zip(rows, spans, strict=True):
            self.finish(row.T if self.places_last else row, span, masked=wants_mask and shape[0] is not None)
        masks = _masks(rows, spans)
        if hop:
            rows = [self._features(row) for row in rows]
            masks = [_spread(mask, len(row), hop) for mask, row in zip(masks, rows, strict=True)]
        return self._batch(rows, masks if wants_mask else None, {}, return_tensors)

    def read_audio(
        self, raw_speech: Any, *, sampling_rate: int | None = None, resample: bool = False, downmix: bool = False
    ) -> "list[NDArray[np.float32]]":
        """Return the samples of audio clips, each ``(samples,)``. Arguments and errors as for a call."""
        from archsmith.feature_extractor.audio import AudioReader, read_rate

        given = read_rate(sampling_rate)
        return AudioReader(self.sampling_rate, given, resample, downmix, self.is_level_free()).read(raw_speech)

    @checked_call
    def pad(
        self,
        processed_features: Any,
        padding: bool | str = True,
        max_length: int | None = None,
        truncation: bool = False,  # all by position too, as older programs pass them
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
        shape = self._plan(padding, max_length, read_flag("truncation", truncation, False), pad_to_multiple_of)
        wants_mask = read_flag("return_attention_mask", return_attention_mask, self.return_attention_mask)
        name = self.model_input_names[0]
        columns = _columns(processed_features, name, 1 if self.feature_size == 1 else 2)
        sequences = [self._places_first(f"{name}[{row}]", it, InputError) for row, it in enumerate(columns.pop(name))]
        columns.pop("attention_mask", None)
        rows, spans = self._rows(sequences, shape, stack=return_tensors is not None)
        return self._batch(rows, _masks(rows, spans) if wants_mask else None, columns, return_tensors)

    # ---- the steps of a call --------------------------------------------------------------------------------

    def _plan(self, padding: Any, max_length: Any, truncation: Any, multiple: Any) -> tuple[Padding | None, int | None]:
        """Decide how sequences are padded, and to which length they are truncated. Raises `OptionError`."""
        length = read_count("max_length", max_length, least=1)
        if length is None and (truncation or (isinstance(padding, str) and padding == "max_length")):
            length = self.usual_length()
            if length is None:
                option = "truncation=True" if truncation else "padding='max_length'"
                unit = "samples" if self.feature_size == 1 or self.samples_per_place() else "places"
                raise OptionError(f"{option} needs a length: pass max_length=…, in {unit}.")
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

    def _rows(
        self, sequences: "list[NDArray[np.float32]]", shape: tuple[Padding | None, int | None], *, stack: bool
    ) -> "tuple[NDArray[np.float32] | list[NDArray[np.float32]], list[slice]]":
        """Truncate and pad sequences. Return the rows, in one array where they fit into one, and where each lies."""
        import numpy as np

        from archsmith.feature_extractor.audio_files import MAX_SAMPLES

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
        spaces = [max(length, width or 0) for length in lengths]
        others = sequences[0].shape[1:]
        rows: NDArray[np.float32] | list[NDArray[np.float32]]
        if len(set(spaces)) == 1 and (stack or width is not None):
            rows = np.full((len(sequences), spaces[0], *others), self.padding_value, np.float32)
        else:
            rows = [np.full((space, *others), self.padding_value, np.float32) for space in spaces]
        spans = [slice(len(row) - n, None) if padding and padding.side == "left" else slice(n)
                 for row, n in zip(rows, lengths, strict=True)]  # fmt: skip
        for row, sequence, span in zip(rows, sequences, spans, strict=True):
            row[span] = sequence
        return rows, spans

    def _batch(self, rows: Any, masks: Any, others: Mapping[str, Any], tensor_type: TensorType | None) -> BatchFeature:
        """Put rows, ``(places, …)``, and their masks, if any, into a batch."""
        import numpy as np

        rows = [np.ascontiguousarray(row.T) for row in rows] if self.places_last else rows
        data: dict[str, Any] = {self.model_input_names[0]: rows if tensor_type else list(rows)}
        if masks is not None:
            data["attention_mask"] = masks
        return BatchFeature(data | dict(others), tensor_type=tensor_type)

    def _features(self, clip: "NDArray[np.float32]") -> "NDArray[np.float32]":
        """Return what `features_of` makes of a clip, ``(places, …)``."""
        made = to_tensor("features_of", self.features_of(clip), "np")
        if not made.size:
            raise InputError(f"a clip of {len(clip)} samples is too short: {type(self).__name__} makes nothing of it.")
        return self._places_first(f"what features_of of {type(self).__name__} returns", made, PluginError)

    def _places_first(self, name: str, values: Any, error: type[ArchsmithError]) -> "NDArray[np.float32]":
        """Return a sequence with its places in front. Raises an error of that class: the shape is another one."""
        array: NDArray[Any] = to_tensor(name, values, "np")
        axes = ["places"] if self.feature_size == 1 else ["places", str(self.feature_size)]
        rows = array.T if self.places_last else array
        if rows.ndim != len(axes) or rows.shape[1:] not in ((), (self.feature_size,)) or not len(rows):
            wanted = ", ".join(axes[::-1] if self.places_last else axes) + ("," if len(axes) == 1 else "")
            raise error(f"{name} must have the shape ({wanted}), but has {array.shape}.")
        return rows.astype("float32", copy=False)


def _masks(rows: Any, spans: list[slice]) -> "list[NDArray[np.int32]]":
    """Return for each row 1 where its sequence lies and 0 on the padding, ``(places,)``."""
    import numpy as np

    masks = [np.zeros(len(row), np.int32) for row in rows]
    for mask, span in zip(masks, spans, strict=True):
        mask[span] = 1
    return masks


def _spread(mask: "NDArray[np.int32]", places: int, hop: int) -> "NDArray[np.int32]":
    """Return the mask of places that begin every ``hop`` samples; a last one may begin where the samples end."""
    import numpy as np

    firsts = np.arange(places) * hop
    return mask[np.minimum(firsts, len(mask) - 1)]


def _columns(features: Any, main: str, axes: int) -> dict[str, Any]:
    """Return name → rows of what is to be padded."""
    rows = features if isinstance(features, list | tuple) else [features]
    if not rows or not all(isinstance(row, Mapping) and main in row for row in rows):
        raise InputError(f"expected mappings that hold {main!r}, as a call returns them, but got {shown(features)}.")
    if rows is not features:
        return dict(features)
    missing = set().union(*rows) - set.intersection(*map(set, rows))
    if missing:
        raise InputError(f"{min(missing)!r} is in some of the {len(rows)} examples, but not in all.")
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    # What a call returned for one clip is a batch of one.
    columns[main] = [it[0] if len(it) == 1 and getattr(it[0], "ndim", 0) == axes else it for it in columns[main]]
    return columns
