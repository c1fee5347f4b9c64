"""wav2vec 2.0's processor: audio in, and for training the text that was said."""

from collections.abc import Mapping
from typing import Any

from archsmith.batch import BatchFeature
from archsmith.errors import InputError
from archsmith.options import TensorType, check_tensor_type, checked_call
from archsmith.processor import Processor

__all__ = ["Wav2Vec2Processor"]

_LEFT_OUT = -100  # of the loss


class Wav2Vec2Processor(Processor):
    """A feature extractor for audio and a tokenizer for what was said.

    Example:
        >>> import json, pathlib, tempfile
        >>> from archsmith import Wav2Vec2CTCTokenizer, Wav2Vec2FeatureExtractor, Wav2Vec2Processor
        >>> path = pathlib.Path(tempfile.mkdtemp(), "letters.json")
        >>> _ = path.write_text(json.dumps({"<pad>": 0, "|": 1, "A": 2, "H": 3}))
        >>> processor = Wav2Vec2Processor(
        ...     feature_extractor=Wav2Vec2FeatureExtractor(), tokenizer=Wav2Vec2CTCTokenizer(path)
        ... )
        >>> clips = [[0.1, -0.1] * 300, [0.2, -0.2] * 200]
        >>> batch = processor(clips, sampling_rate=16000, text=["AHA", "A"], padding=True, return_tensors="pt")
        >>> batch.input_values.shape, batch.labels.tolist()
        (torch.Size([2, 600]), [[2, 3, 2], [2, -100, -100]])
        >>> processor.batch_decode([[2, 2, 0, 3], [0, 2, 2, 2]])
        ['AH', 'A']
    """

    parts = ("feature_extractor", "tokenizer")

    @checked_call
    def __call__(  # type: ignore[override]  # the main input first
        self,
        audio: Any = None,
        *,
        text: Any = None,
        sampling_rate: int | None = None,
        padding: bool | str = False,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        audio_kwargs: Mapping[str, Any] | None = None,
        text_kwargs: Mapping[str, Any] | None = None,
        return_tensors: TensorType | None = None,
    ) -> BatchFeature:
        """Prepare audio clips, texts, or audio clips with the texts that they say.

        Args:
            audio: An audio clip or a batch of them, as the feature extractor takes it.
            text: A text or a batch of them.
            sampling_rate: Samples per second of arrays, in Hz.
            padding: As the feature extractor takes it; texts are padded if audio is.
            max_length: Samples to truncate or pad to.
            truncation: Truncate clips that are longer than ``max_length``.
            pad_to_multiple_of: Round samples up to a multiple of this.
            return_attention_mask: Return 1 for audio and 0 for padding; None: as the feature extractor is set.
            audio_kwargs: Options of the feature extractor; they win over the arguments above.
            text_kwargs: Options of the tokenizer, likewise.
            return_tensors: ``"pt"``, ``"np"``, or None.

        Returns:
            ``input_values`` and perhaps ``attention_mask`` for audio alone; ``input_ids`` and ``attention_mask`` for
            texts alone; for both the former and ``labels``, the ids of the texts with -100 in place of padding.

        Raises:
            InputError: There is no input, or one is not what its part takes, or there are more audio clips than texts.
            OptionError: An option is wrong.
        """
        check_tensor_type(return_tensors)
        for_audio = self.options_of(
            "feature_extractor",
            audio_kwargs,
            sampling_rate=sampling_rate,
            padding=padding,
            max_length=max_length,
            truncation=truncation,
            pad_to_multiple_of=pad_to_multiple_of,
            return_attention_mask=return_attention_mask,
            return_tensors=return_tensors,
        )
        is_padded = padding not in (False, "do_not_pad")
        for_text = self.options_of("tokenizer", text_kwargs, padding=is_padded, return_tensors=return_tensors)
        if audio is None and text is None:
            raise InputError("there is nothing to process; pass audio or text.")
        if audio is None:
            encoded: BatchFeature = self.tokenizer(text, **for_text)
            return encoded
        batch: BatchFeature = self.feature_extractor(audio, **for_audio)
        if text is not None:
            labels = self.tokenizer(text, **for_text | {"return_attention_mask": True})
            texts = 1 if isinstance(text, str) else len(text)
            if texts != len(batch["input_values"]):
                raise InputError(
                    f"there are {len(batch['input_values'])} audio clips, but {texts} texts; expected as many."
                )
            batch["labels"] = _without_padding(labels["input_ids"], labels["attention_mask"])
        return batch

    @checked_call
    def pad(
        self,
        input_features: Any = None,
        *,
        labels: Any = None,
        padding: bool | str = True,
        return_tensors: TensorType | None = None,
    ) -> BatchFeature:
        """Pad what was prepared before, as to collate the examples of a data set.

        Args:
            input_features: Examples with ``input_values``, as `SequenceFeatureExtractor.pad` takes them.
            labels: Examples with ``input_ids``, as a tokenizer's ``pad`` takes them.
            padding: As for a call.
            return_tensors: As for a call.

        Returns:
            As a call: for both ``labels`` beside ``input_values``, with -100 in place of padding.

        Raises:
            InputError: There is neither, or the examples are of a wrong form.
            OptionError: An option is wrong.
        """
        if input_features is None and labels is None:
            raise InputError("there is nothing to pad; pass input_features or labels.")
        texts: BatchFeature | None = None
        if labels is not None:
            texts = self.tokenizer.pad(
                labels, padding=padding, return_attention_mask=True, return_tensors=return_tensors
            )
        if input_features is None and texts is not None:
            return texts
        batch: BatchFeature = self.feature_extractor.pad(input_features, padding=padding, return_tensors=return_tensors)
        if texts is not None:
            batch["labels"] = _without_padding(texts["input_ids"], texts["attention_mask"])
        return batch

    @property
    def model_input_names(self) -> list[str]:
        """What the model takes."""
        return [*self.feature_extractor.model_input_names, "labels"]


def _without_padding(ids: Any, mask: Any) -> Any:
    """Return ids with -100 where the mask is 0: of lists, or of an array or tensor."""
    if hasattr(ids, "shape"):
        return ids * mask + _LEFT_OUT * (1 - mask)
    if ids and isinstance(ids[0], list):
        return [_without_padding(row, kept) for row, kept in zip(ids, mask, strict=True)]
    return [number if kept else _LEFT_OUT for number, kept in zip(ids, mask, strict=True)]
