"""wav2vec 2.0 that writes down what is said.

Source: Graves et al., "Connectionist Temporal Classification" (ICML 2006), sections 3 and 4; Pratap et al., "Scaling
Speech Technology to 1,000+ Languages" (arXiv:2305.13516), section 4.2, for the adapters.
"""

import os
from typing import Any, Self

import torch
import torch.nn.functional as F  # noqa: N812  # the field's own abbreviation
from torch import Tensor, nn

from archsmith.errors import ConfigError, InputError
from archsmith.files import Checkpoint
from archsmith.layers.inputs import is_readable
from archsmith.outputs import CausalLMOutput
from archsmith_wav2vec2.adapters import load_adapter_file
from archsmith_wav2vec2.config import Wav2Vec2Config
from archsmith_wav2vec2.model import AttentionAdapter, Wav2Vec2Model, Wav2Vec2PreTrainedModel

__all__ = ["Wav2Vec2ForCTC"]


class Wav2Vec2ForCTC(Wav2Vec2PreTrainedModel):
    """wav2vec 2.0 that scores every token of the vocabulary at every frame.

    Attributes:
        target_lang: The language whose adapters were loaded, if any were.
    """

    target_lang: str | None = None

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        if config.pad_token_id is None:
            raise ConfigError(f"{type(self).__name__} needs a blank, but pad_token_id is None. Pass pad_token_id=….")
        self.wav2vec2 = Wav2Vec2Model(config)
        self.dropout = nn.Dropout(config.final_dropout)
        self.lm_head = nn.Linear(config.adapted_size, config.vocab_size)

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every token at every frame. Arguments as `Wav2Vec2Model.forward`.

        Args:
            labels: ``(batch, tokens)`` integer: the text of each clip, -100 where it is padded.

        Returns:
            `CausalLMOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        if labels is not None:
            self._check_labels(labels, input_values)
        encoded = self.wav2vec2(
            input_values,
            attention_mask,
            output_attentions=self.wants_attentions(output_attentions),
            output_hidden_states=self.wants_hidden_states(output_hidden_states),
            return_dict=True,
        )
        logits = self.lm_head(self.dropout(encoded.last_hidden_state))  # (batch, frames, vocabulary)
        loss = None
        if labels is not None:
            whole = torch.full(input_values.shape[:1], input_values.shape[1], device=logits.device)
            samples = whole if attention_mask is None else attention_mask.bool().sum(-1)
            loss = self._loss(logits, self.config.frames(samples), labels)
        output = CausalLMOutput(
            loss=loss, logits=logits, hidden_states=encoded.hidden_states, attentions=encoded.attentions
        )
        return self.as_requested(output, return_dict)

    def _loss(self, logits: Tensor, frames: Tensor, labels: Tensor) -> Tensor:
        config = self.config
        counted = labels >= 0
        scores = logits.float().log_softmax(-1).transpose(0, 1)  # (frames, batch, vocabulary)
        with torch.backends.cudnn.flags(enabled=False):  # its CTC takes int32 and has no zero_infinity
            return F.ctc_loss(
                scores,
                labels[counted].long(),
                frames,
                counted.sum(-1),
                blank=config.pad_token_id or 0,
                reduction=config.ctc_loss_reduction,
                zero_infinity=config.ctc_zero_infinity,
            )

    def _check_labels(self, labels: Tensor, input_values: Tensor) -> None:
        if not isinstance(labels, Tensor):
            raise InputError(f"labels must be a tensor, but are {type(labels).__name__}.")
        if labels.is_floating_point() or labels.is_complex() or labels.dtype == torch.bool:
            raise InputError(f"labels must be integers, the ids of tokens, but are {labels.dtype}.")
        if labels.ndim != 2 or labels.shape[0] != len(input_values):  # noqa: PLR2004
            raise InputError(
                f"labels must have the shape (batch, tokens) with a batch of {len(input_values)}, but have "
                f"{tuple(labels.shape)}."
            )
        if not is_readable(labels) or not labels.numel():
            return
        limit, blank = self.config.vocab_size, self.config.pad_token_id or 0
        wrong = labels[(labels >= limit) | ((labels < 0) & (labels != -100))]  # noqa: PLR2004
        if wrong.numel():
            raise InputError(f"labels must be from 0 to {limit - 1} (or -100 for padding), but hold {int(wrong[0])}.")
        if bool(labels.eq(blank).any()):
            raise InputError(
                f"labels hold {blank}, the blank of CTC (pad_token_id), which no text contains. Replace padding: "
                "labels.masked_fill(attention_mask == 0, -100)."
            )

    # ---- language adapters ----------------------------------------------------------------------------------

    @classmethod
    def read(cls, checkpoint: Checkpoint, *, target_lang: str | None = None, **options: Any) -> Self:
        """Load a model from an opened checkpoint, as `PreTrainedModel.read`, and the adapters of a language.

        Args:
            checkpoint: The checkpoint.
            target_lang: The language; its adapters are in ``adapter.<language>.safetensors`` beside the weights.
            **options: As `PreTrainedModel.read`.

        Raises:
            ArchsmithError: As `PreTrainedModel.read` and `load_adapter`.
        """
        model = super().read(checkpoint, **options)
        if target_lang is not None:
            model._read_adapter(target_lang, checkpoint)  # noqa: SLF001  # its own kind
        return model

    def adapter_parameters(self) -> dict[str, nn.Parameter]:
        """Return what belongs to a language: the adapters and the head, by name.

        Raises:
            ConfigError: The model has no adapters.
        """
        if self.config.adapter_attn_dim is None:
            raise ConfigError(f"this {type(self).__name__} has no language adapters: adapter_attn_dim is None.")
        return {
            f"{path}.{name}": parameter
            for path, module in self.named_modules()
            if isinstance(module, AttentionAdapter) or module is self.lm_head
            for name, parameter in module.named_parameters()
        }

    def load_adapter(self, target_lang: str, *, id_or_path: str | os.PathLike[str], **hub_options: Any) -> None:
        """Put the adapters and the head of a language in place; the vocabulary may be of another size.

        Args:
            target_lang: The language.
            id_or_path: The folder, or hub id, that holds ``adapter.<language>.safetensors``.
            **hub_options: revision, token, cache_dir, local_files_only and subfolder, as for a model.

        Raises:
            ConfigError: The model has no adapters.
            WeightsMismatch: The tensors in the file are not exactly those of this model.
            OptionError, CheckpointNotFound, CheckpointCorrupt, HubError: The file cannot be had.
        """
        checkpoint = Checkpoint.open(id_or_path, **hub_options)
        checkpoint.read_consistent(lambda: self._read_adapter(target_lang, checkpoint))

    def _read_adapter(self, target_lang: str, checkpoint: Checkpoint) -> None:
        tensors = load_adapter_file(target_lang, checkpoint, self.adapter_parameters())
        vocabulary = len(tensors["lm_head.bias"])
        if vocabulary != self.config.vocab_size:
            self.config.update(vocab_size=vocabulary)
            head = nn.Linear(self.config.adapted_size, vocabulary, device=self.device, dtype=self.dtype)
            self.lm_head = head.train(self.lm_head.training)
        with torch.no_grad():
            for name, parameter in self.adapter_parameters().items():
                parameter.copy_(tensors[name])
        self.target_lang = target_lang

    def init_adapter_layers(self) -> None:
        """Start the adapters and the head anew, to train them for another language.

        Raises:
            ConfigError: The model has no adapters.
        """
        self.adapter_parameters()
        for module in self.modules():
            if isinstance(module, AttentionAdapter):
                for part in module.children():
                    self.init_weights(part)
        self.init_weights(self.lm_head)
