"""What both halves of CLIP are made of: a transformer that normalises before each step.

Source: Radford et al., "Learning Transferable Visual Models From Natural Language Supervision" (arXiv:2103.00020),
section 2.4; the initial values are those of Radford et al., "Language Models are Unsupervised Multitask Learners".
"""

from torch import Tensor, nn

from acme_clip.config import CLIPTowerConfig
from archsmith.layers.activations import activation
from archsmith.layers.attention import attend, split_heads
from archsmith.layers.stack import Stack

__all__ = ["Encoder"]


class Attention(nn.Module):
    """Attention with several heads, between two projections each."""

    def __init__(self, config: CLIPTowerConfig) -> None:
        super().__init__()
        self.config = config
        self.head_size = config.hidden_size // config.num_attention_heads
        for name in ("k_proj", "v_proj", "q_proj", "out_proj"):
            self.add_module(name, nn.Linear(config.hidden_size, config.hidden_size))

    def reset_parameters(self) -> None:
        """Give the weights their initial values: smaller the more layers add to the same hidden states."""
        outer = self.config.hidden_size**-0.5 * self.config.initializer_factor
        inner = outer * (2 * self.config.num_hidden_layers) ** -0.5
        for name in ("k_proj", "v_proj", "q_proj"):
            nn.init.normal_(self.get_submodule(name).weight, std=inner)
        nn.init.normal_(self.out_proj.weight, std=outer)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return what is added, ``(batch, tokens, width)``, and the probabilities if ``eager``."""
        query, key, value = (
            split_heads(project(hidden), self.head_size) for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        dropout = self.config.attention_dropout if self.training else 0.0
        attended, probabilities = attend(query, key, value, mask, dropout=dropout, eager=eager)
        return self.out_proj(attended), probabilities


class MLP(nn.Module):
    """Two linear layers with an activation between."""

    def __init__(self, config: CLIPTowerConfig) -> None:
        super().__init__()
        self.config, self.activation = config, activation(config.hidden_act)
        self.fc1 = nn.Linear(config.hidden_size, config.intermediate_size)
        self.fc2 = nn.Linear(config.intermediate_size, config.hidden_size)

    def reset_parameters(self) -> None:
        """Give the weights their initial values."""
        width, factor = self.config.hidden_size, self.config.initializer_factor
        nn.init.normal_(self.fc1.weight, std=(2 * width) ** -0.5 * factor)
        nn.init.normal_(self.fc2.weight, std=(2 * width * self.config.num_hidden_layers) ** -0.5 * factor)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return what is added, ``(batch, tokens, width)``."""
        return self.fc2(self.activation(self.fc1(hidden)))


class Layer(nn.Module):
    """Attention and a two-layer network, each behind a normalisation and beside a shortcut."""

    def __init__(self, config: CLIPTowerConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.layer_norm1 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)
        self.mlp = MLP(config)
        self.layer_norm2 = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(self, hidden: Tensor, mask: Tensor | None, *, eager: bool) -> tuple[Tensor, Tensor | None]:
        """Return the next hidden states, ``(batch, tokens, width)``, and the probabilities if ``eager``."""
        added, probabilities = self.self_attn(self.layer_norm1(hidden), mask, eager=eager)
        hidden = hidden + added
        return hidden + self.mlp(self.layer_norm2(hidden)), probabilities


class Encoder(nn.Module):
    """The layers, one after the other."""

    def __init__(self, config: CLIPTowerConfig) -> None:
        super().__init__()
        self.layers = Stack(Layer(config) for _ in range(config.num_hidden_layers))

    def forward(
        self, hidden: Tensor, mask: Tensor | None, *, eager: bool
    ) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
        """Return the embeddings and the states after each layer, and the probabilities of each layer if ``eager``."""
        states: list[Tensor] = [hidden]
        maps: list[Tensor] = []
        for layer in self.layers.steps():
            hidden, probabilities = layer(states[-1], mask, eager=eager)
            states.append(hidden)
            if probabilities is not None:
                maps.append(probabilities)
        return tuple(states), tuple(maps)
