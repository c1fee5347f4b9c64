"""wav2vec 2.0: convolutions over samples, and a transformer over their frames. Its heads are in the modules beside it.

Source: Baevski et al., "wav2vec 2.0" (arXiv:2006.11477), section 2; the layers that normalise first and the language
adapters are those of Babu et al., "XLS-R" (arXiv:2111.09296) and Pratap et al., "Scaling Speech Technology to 1,000+
Languages" (arXiv:2305.13516). Names of parameters are those of the published checkpoints.
"""

from typing import Any

import torch
from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, attention_mask_for, split_heads
from archsmith.layers.stack import Stack
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput
from archsmith_wav2vec2.config import Wav2Vec2Config
from archsmith_wav2vec2.convolutions import Adapter, FeatureEncoder, NormedConv
from archsmith_wav2vec2.inputs import check_audio, check_frames
from archsmith_wav2vec2.masking import compute_mask_indices

__all__ = ["AttentionAdapter", "Wav2Vec2BaseModelOutput", "Wav2Vec2Model", "Wav2Vec2PreTrainedModel"]


class Wav2Vec2BaseModelOutput(ModelOutput):
    """What a wav2vec 2.0 model without a head returns.

    Attributes:
        last_hidden_state: ``(batch, frames, width)`` float.
        extract_features: ``(batch, frames, channels)`` float: the normalised output of the convolutions.
        hidden_states: The input of the first layer and the output of each, ``(batch, frames, width)``.
        attentions: The attention probabilities of each layer, ``(batch, heads, frames, frames)``.
    """

    last_hidden_state: Tensor | None = None
    extract_features: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class FeatureProjection(nn.Module):
    """Normalises the frames and brings them to the transformer's width."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.layer_norm = nn.LayerNorm(config.conv_dim[-1], eps=config.layer_norm_eps)
        self.projection = nn.Linear(config.conv_dim[-1], config.hidden_size)
        self.dropout = nn.Dropout(config.feat_proj_dropout)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the projected frames, ``(batch, frames, width)``, and the normalised ones they are made from."""
        normalised = self.layer_norm(features)
        return self.dropout(self.projection(normalised)), normalised


class PositionalConvEmbedding(nn.Module):
    """Tells frames where they are by a wide convolution over their neighbours."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.conv = NormedConv(config)
        self.activation = activation(config.feat_extract_activation)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what is added to the frames, ``(batch, frames, width)``."""
        return self.activation(self.conv(hidden.transpose(1, 2))).transpose(1, 2)


class Attention(nn.Module):
    """Multi-head self-attention."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_attention_heads
        self.dropout = config.attention_dropout
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the attended hidden states, ``(batch, frames, width)``, and the attention maps if ``eager``."""
        attended, maps = attend(
            split_heads(self.q_proj(hidden), self.head_size),
            split_heads(self.k_proj(hidden), self.head_size),
            split_heads(self.v_proj(hidden), self.head_size),
            mask,
            dropout=self.dropout if self.training else 0.0,
            eager=eager,
        )
        return self.out_proj(attended), maps


class FeedForward(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.intermediate_dropout = nn.Dropout(config.activation_dropout)
        self.intermediate_dense = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = activation(config.hidden_act)
        self.output_dense = nn.Linear(config.intermediate_size, config.hidden_size)
        self.output_dropout = nn.Dropout(config.hidden_dropout)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform hidden states, ``(batch, frames, width)``."""
        inner = self.intermediate_dropout(self.activation(self.intermediate_dense(hidden)))
        return self.output_dropout(self.output_dense(inner))  # type: ignore[no-any-return]


class AttentionAdapter(nn.Module):
    """A narrow detour behind a layer; each language has its own."""

    def __init__(self, config: Wav2Vec2Config, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size)
        self.linear_1 = nn.Linear(config.hidden_size, width)
        self.linear_2 = nn.Linear(width, config.hidden_size)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what is added to the hidden states, ``(batch, frames, width)``."""
        return self.linear_2(self.linear_1(self.norm(hidden)).relu())  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Attention and feed-forward, each with a residual connection and a normalisation: before it, or after."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.normalises_first = config.do_stable_layer_norm
        self.attention = Attention(config)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.feed_forward = FeedForward(config)
        self.final_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.adapter_layer: AttentionAdapter | None = None
        if config.adapter_attn_dim is not None:
            self.adapter_layer = AttentionAdapter(config, config.adapter_attn_dim)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, frames, width)``, and the attention maps if ``eager``."""
        if not self.normalises_first:
            attended, maps = self.attention(hidden, mask, eager=eager)
            hidden = self.layer_norm(hidden + self.dropout(attended))
            return self.final_layer_norm(hidden + self.feed_forward(hidden)), maps
        attended, maps = self.attention(self.layer_norm(hidden), mask, eager=eager)
        hidden = hidden + self.dropout(attended)
        hidden = hidden + self.feed_forward(self.final_layer_norm(hidden))
        if self.adapter_layer is not None:
            hidden = hidden + self.adapter_layer(hidden)
        return hidden, maps


class Encoder(nn.Module):
    """Positions, and the stack of layers."""

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__()
        self.normalises_first, self.layerdrop = config.do_stable_layer_norm, config.layerdrop
        self.pos_conv_embed = PositionalConvEmbedding(config)
        self.layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout)
        self.layers = Stack(EncoderLayer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, hidden: Tensor, frame_mask: Tensor | None, *, eager: bool, keep_states: bool, keep_maps: bool
    ) -> tuple[Tensor, tuple[Tensor, ...] | None, tuple[Tensor, ...] | None]:
        """Return the last hidden states; those before and after each layer, and the attention maps, where kept."""
        if frame_mask is not None:
            hidden = hidden.masked_fill(~frame_mask[..., None], 0.0)
        mask = attention_mask_for(hidden, frame_mask)
        hidden = hidden + self.pos_conv_embed(hidden)
        hidden = self.dropout(hidden if self.normalises_first else self.layer_norm(hidden))
        states, maps = [hidden], []
        for layer in self.layers.steps():
            if not self._is_skipped():
                hidden, attention_map = layer(hidden, mask, eager=eager)
                if keep_maps:
                    maps.append(attention_map)
            if keep_states:
                states.append(hidden)
        if self.normalises_first:
            hidden = self.layer_norm(hidden)
        return hidden, tuple(states) if keep_states else None, tuple(maps) if keep_maps else None

    def _is_skipped(self) -> bool:
        """Decide whether a layer is left out of this training step (LayerDrop, arXiv:1909.11556, section 3.1)."""
        return self.training and self.layerdrop > 0 and bool(torch.rand([]) < self.layerdrop)


class Wav2Vec2PreTrainedModel(PreTrainedModel):
    """What all wav2vec 2.0 models share."""

    config: Wav2Vec2Config
    config_class = Wav2Vec2Config
    base_model_prefix = "wav2vec2"
    main_input_name = "input_values"
    attention_projections = tuple(f"encoder.layers.{{}}.attention.{name}_proj" for name in ("q", "k", "v", "out"))
    optional_keys = ("masked_spec_embed",)

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module; convolutions as He et al. (arXiv:1502.01852), the projection as torch does."""
        super().init_weights(module)
        if isinstance(module, nn.Conv1d):
            module.reset_parameters()  # for the bias
            nn.init.kaiming_normal_(module.weight)
        elif isinstance(module, Wav2Vec2Model):
            if module.masked_spec_embed is not None:
                nn.init.uniform_(module.masked_spec_embed)
        elif module is self.base_model.get_submodule("feature_projection.projection"):
            module.reset_parameters()  # type: ignore[operator]

    @staticmethod
    def rename_key(key: str) -> str:
        """Translate the spelling of weight normalisation in older files."""
        for old, new in (("weight_g", "original0"), ("weight_v", "original1")):
            if key.endswith(f".conv.{old}"):
                return key.removesuffix(old) + f"parametrizations.weight.{new}"
        return PreTrainedModel.rename_key(key)

    def freeze_feature_encoder(self) -> None:
        """Leave the convolutions over samples out of training."""
        self.base_model.get_submodule("feature_extractor").requires_grad_(requires_grad=False)

    def freeze_base_model(self) -> None:
        """Leave everything but the head out of training."""
        self.base_model.requires_grad_(requires_grad=False)


class Wav2Vec2Model(Wav2Vec2PreTrainedModel):
    """wav2vec 2.0 without a head: hidden states for every frame of 20 ms.

    Example:
        >>> import torch
        >>> from archsmith import Wav2Vec2Config, Wav2Vec2Model
        >>> config = Wav2Vec2Config(hidden_size=32, num_attention_heads=2, num_hidden_layers=1, conv_dim=[16] * 7)
        >>> Wav2Vec2Model(config)(torch.randn(1, 16000)).last_hidden_state.shape
        torch.Size([1, 49, 32])
    """

    def __init__(self, config: Wav2Vec2Config) -> None:
        super().__init__(config)
        self.feature_extractor = FeatureEncoder(config)
        self.feature_projection = FeatureProjection(config)
        self.masked_spec_embed: nn.Parameter | None = None
        if config.mask_time_prob or config.mask_feature_prob:
            self.masked_spec_embed = nn.Parameter(torch.empty(config.hidden_size))
        self.encoder = Encoder(config)
        self.adapter = Adapter(config) if config.add_adapter else None

    def forward(
        self,
        input_values: Tensor,
        attention_mask: Tensor | None = None,
        mask_time_indices: Tensor | None = None,
        *,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Encode a batch of clips.

        Args:
            input_values: ``(batch, samples)`` float.
            attention_mask: ``(batch, samples)``, 1 for audio and behind it 0 for padding; None: no padding.
            mask_time_indices: ``(batch, frames)`` boolean, which frames are masked; None: random ones in training.
            output_attentions: Return the attention maps of every layer.
            output_hidden_states: Return the hidden states of every layer.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `Wav2Vec2BaseModelOutput`.

        Raises:
            InputError: A shape, a type or a value does not fit.
        """
        lengths = check_audio(input_values, attention_mask, self.config)
        features = self.feature_extractor(input_values)
        frames = features.shape[1]
        frame_mask = None
        if lengths is not None:
            frame_mask = (
                torch.arange(frames, device=lengths.device) < self.config.frames(lengths, adapted=False)[:, None]
            )
        hidden, normalised = self.feature_projection(features)
        hidden = self._masked(hidden, frame_mask, mask_time_indices)
        wants_maps = self.wants_attentions(output_attentions)
        hidden, states, maps = self.encoder(
            hidden,
            frame_mask,
            eager=wants_maps or self.attn_implementation == "eager",
            keep_states=self.wants_hidden_states(output_hidden_states),
            keep_maps=wants_maps,
        )
        if self.adapter is not None:
            hidden = self.adapter(hidden)
        return self.as_requested(Wav2Vec2BaseModelOutput(hidden, normalised, states, maps), return_dict)

    def _masked(self, hidden: Tensor, frame_mask: Tensor | None, mask_time_indices: Tensor | None) -> Tensor:
        """Mask frames and features, ``(batch, frames, width)``, as the configuration and the caller say."""
        config = self.config
        batch, frames, width = hidden.shape
        chosen = None if mask_time_indices is None else check_frames("mask_time_indices", mask_time_indices, hidden)
        if not config.apply_spec_augment:
            return hidden
        if chosen is None and self.training and config.mask_time_prob:
            chosen = compute_mask_indices(
                (batch, frames),
                mask_prob=config.mask_time_prob,
                mask_length=config.mask_time_length,
                attention_mask=frame_mask,
                min_masks=config.mask_time_min_masks,
            )
        if chosen is not None:
            if self.masked_spec_embed is None:
                raise InputError(
                    "mask_time_indices are given, but the model has nothing to put in place of the masked frames: "
                    "mask_time_prob and mask_feature_prob are 0. Build it with one above 0."
                )
            hidden = torch.where(chosen.to(hidden.device)[..., None], self.masked_spec_embed.to(hidden.dtype), hidden)
        if self.training and config.mask_feature_prob:
            features = compute_mask_indices(
                (batch, width),
                mask_prob=config.mask_feature_prob,
                mask_length=config.mask_feature_length,
                min_masks=config.mask_feature_min_masks,
            )
            hidden = hidden.masked_fill(features.to(hidden.device)[:, None], 0.0)
        return hidden
