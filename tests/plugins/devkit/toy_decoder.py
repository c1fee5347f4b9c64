"""A sound decoder with rotary positions and a cache, of which tests spoil one step each."""

import torch
import torch.nn.functional as F
from torch import nn

from archsmith.config import NonNegative, PreTrainedConfig, Probability, Size, TokenId, field
from archsmith.layers.losses import classification_loss
from archsmith.model import PreTrainedModel
from archsmith.outputs import ModelOutput, SequenceClassifierOutput
from archsmith_devkit import ArchitectureConformance


class ToyConfig(PreTrainedConfig):
    model_type = "toy-decoder"

    vocab_size: Size = field(default=20)
    hidden_size: Size = field(default=8)
    num_hidden_layers: Size = field(default=2)
    num_attention_heads: Size = field(default=2)
    rope_theta: NonNegative = field(default=100.0)
    eps: NonNegative = field(default=1e-5)
    dropout: Probability = field(default=0.1)
    initializer_range: NonNegative = field(default=0.2)
    pad_token_id: TokenId | None = field(default=None)
    use_cache: bool = field(default=True)

    def rules(self):
        yield from super().rules()
        if self.hidden_size % (2 * self.num_attention_heads):
            yield f"hidden_size is {self.hidden_size}, but must be a multiple of twice num_attention_heads"


class ToyOutput(ModelOutput):
    loss: torch.Tensor | None = None
    logits: torch.Tensor | None = None
    past_key_values: tuple | None = None
    hidden_states: tuple | None = None
    attentions: tuple | None = None


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.norm = nn.LayerNorm(config.hidden_size, eps=config.eps)
        self.qkv = nn.Linear(config.hidden_size, 3 * config.hidden_size)
        self.out = nn.Linear(config.hidden_size, config.hidden_size)
        self.heads, self.theta, self.dropout = config.num_attention_heads, config.rope_theta, config.dropout

    def forward(self, hidden, mask, positions, past, owner):
        batch, tokens, _ = hidden.shape
        split = self.qkv(self.norm(hidden)).view(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = split.unbind(0)
        query, key = self.turn(query, positions), self.turn(key, positions)
        if past is not None:
            key, value = torch.cat([past[0], key], 2), torch.cat([past[1], value], 2)
        scores = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        maps = owner.shares(scores)
        attended = (maps @ value).transpose(1, 2).reshape(hidden.shape)
        return hidden + F.dropout(self.out(attended), self.dropout, self.training), (key, value), maps

    def turn(self, states, positions):
        half = states.shape[-1] // 2
        steps = self.theta ** (-torch.arange(half, device=states.device).float() / half)
        angles = (positions[:, None, :, None] * steps).to(states.dtype)
        first, second = states.chunk(2, -1)
        return torch.cat(
            [first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin()], -1
        )


class ToyDecoder(PreTrainedModel):
    config_class = ToyConfig
    base_model_prefix = "model"
    input_embeddings = "embed"
    tied_weights = {"head.weight": "embed.weight"}

    def __init__(self, config):
        super().__init__(config)
        self.embed = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def init_weights(self, module):
        super().init_weights(module)
        if isinstance(module, nn.Linear | nn.Embedding):
            nn.init.normal_(module.weight, std=self.config.initializer_range)

    def shares(self, scores):
        return scores.softmax(-1)

    def visible(self, mask, tokens):
        order = torch.ones(mask.shape[1], mask.shape[1], dtype=torch.bool).tril()[-tokens:]
        return order & mask[:, None, None].bool()

    def places(self, mask, tokens):
        return (mask.cumsum(1) - 1).clamp(min=0)[:, -tokens:]

    def loss(self, logits, labels):
        return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())

    def kept(self, past, use_cache):
        return past if (not self.training and self.config.use_cache if use_cache is None else use_cache) else None

    def final(self, hidden):
        return hidden

    def forward(
        self,
        input_ids,
        attention_mask=None,
        position_ids=None,
        past_key_values=None,
        labels=None,
        use_cache=None,
        *,
        output_hidden_states=None,
        output_attentions=None,
        return_dict=None,
    ):
        length = past_key_values[0][0].shape[2] if past_key_values else 0
        tokens = input_ids.shape[1]
        mask = torch.ones(len(input_ids), length + tokens) if attention_mask is None else attention_mask
        positions = self.places(mask, tokens) if position_ids is None else position_ids
        hidden, past, states, maps = self.embed(input_ids), [], [self.embed(input_ids)], []
        for number, layer in enumerate(self.layers):
            before = past_key_values[number] if past_key_values else None
            hidden, kept, shares = layer(hidden, self.visible(mask, tokens), positions, before, self)
            past.append(kept)
            states.append(hidden)
            maps.append(shares)
        logits = self.head(self.final(hidden))
        output = ToyOutput(
            loss=None if labels is None else self.loss(logits, labels),
            logits=logits,
            past_key_values=self.kept(tuple(past), use_cache),
            hidden_states=tuple(states) if self.wants_hidden_states(output_hidden_states) else None,
            attentions=tuple(maps) if self.wants_attentions(output_attentions) else None,
        )
        return self.as_requested(output, return_dict)


class ToyClassifier(ToyDecoder):
    tied_weights = {}

    def __init__(self, config):
        super().__init__(config)
        self.head = nn.Linear(config.hidden_size, config.num_labels)

    def last(self, logits, mask):
        places = torch.arange(mask.shape[1]) * mask
        return logits[torch.arange(len(logits)), places.argmax(1)]

    def forward(self, input_ids, attention_mask=None, position_ids=None, labels=None, *, return_dict=None):
        mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
        scores = super().forward(input_ids, mask, position_ids, return_dict=True).logits
        logits = self.last(scores, mask)
        loss = None if labels is None else self.classes_loss(logits, labels)
        return self.as_requested(SequenceClassifierOutput(loss=loss, logits=logits), return_dict)

    def classes_loss(self, logits, labels):
        return classification_loss(logits, labels, self.config.problem_type)


def conformance(decoder=ToyDecoder, classifier=ToyClassifier, config=ToyConfig):
    """Return the checks of some classes that no plugin declares."""

    class Conformance(ArchitectureConformance):
        model_type = "toy-decoder"
        tiny = {}

        def models(self):
            return {"causal-lm": decoder, "sequence-classification": classifier}

        def config_class(self):
            return config

    return Conformance()
