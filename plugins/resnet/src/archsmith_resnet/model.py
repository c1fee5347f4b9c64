"""ResNet: images as grids of features that get coarser and wider from stage to stage.

Source: He et al., "Deep Residual Learning for Image Recognition" (arXiv:1512.03385); the stride of a bottleneck layer
is in its second convolution, as in Goyal et al., "Accurate, Large Minibatch SGD" (arXiv:1706.02677), section 5.1.
"""

from typing import Any

from torch import Tensor, nn

from archsmith.errors import InputError
from archsmith.layers.activations import activation
from archsmith.layers.losses import classification_loss
from archsmith.layers.pixels import check_pixels
from archsmith.model import PreTrainedModel
from archsmith.outputs import BaseModelOutputWithPoolingAndNoAttention, ImageClassifierOutputWithNoAttention
from archsmith_resnet.config import REDUCTION, ResNetConfig

__all__ = ["Embedder", "Encoder", "ResNetForImageClassification", "ResNetModel", "ResNetPreTrainedModel"]


class Normalization(nn.BatchNorm2d):
    """Batch normalisation that says in the words of an image why it cannot learn from a single number."""

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise ``(batch, channels, height, width)``."""
        if self.training and hidden[:, 0].numel() == 1:
            raise InputError(
                "batch normalisation learns from several numbers for each channel, but the batch is one image, and "
                "it has shrunk to 1 x 1. In training pass several images or a larger one; to predict call "
                "model.eval() first."
            )
        return super().forward(hidden)


class Convolution(nn.Module):
    """A convolution without bias, its normalisation, and an activation."""

    def __init__(self, inputs: int, outputs: int, *, kernel: int = 3, stride: int = 1, act: str = "relu") -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=False)
        self.normalization = Normalization(outputs)
        self.activation = activation(act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Convolve ``(batch, inputs, height, width)`` to ``(batch, outputs, ⌈height / stride⌉, ⌈width / stride⌉)``."""
        return self.activation(self.normalization(self.convolution(hidden)))


class Embedder(nn.Module):
    """The stem: a wide convolution and a maximum, each of which halves the image."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.embedder = Convolution(
            config.num_channels, config.embedding_size, kernel=7, stride=2, act=config.hidden_act
        )
        self.pooler = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.num_channels = config.num_channels

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Embed images: ``(batch, embedding_size, ⌈height / 4⌉, ⌈width / 4⌉)``."""
        pixels = check_pixels(pixel_values, channels=self.num_channels)
        return self.pooler(self.embedder(pixels.to(self.embedder.convolution.weight.dtype)))  # type: ignore[no-any-return]


class Layer(nn.Module):
    """A residual layer: convolutions beside a shortcut, which is a convolution itself where the shape changes.

    Only the last activation is the configuration's; between the convolutions there is always a ReLU.
    """

    def __init__(self, config: ResNetConfig, inputs: int, outputs: int, *, stride: int = 1) -> None:
        super().__init__()
        changes = inputs != outputs or stride > 1
        self.shortcut = (
            Convolution(inputs, outputs, kernel=1, stride=stride, act="linear") if changes else nn.Identity()
        )
        if config.layer_type == "basic":
            convolutions = [
                Convolution(inputs, outputs, stride=stride),
                Convolution(outputs, outputs, act="linear"),
            ]
        else:
            inside = outputs // REDUCTION
            first, second = (stride, 1) if config.downsample_in_bottleneck else (1, stride)
            convolutions = [
                Convolution(inputs, inside, kernel=1, stride=first),
                Convolution(inside, inside, stride=second),
                Convolution(inside, outputs, kernel=1, act="linear"),
            ]
        self.layer = nn.Sequential(*convolutions)
        self.activation = activation(config.hidden_act)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the next hidden states, ``(batch, outputs, ⌈height / stride⌉, ⌈width / stride⌉)``."""
        added = self.layer(hidden).add_(self.shortcut(hidden))  # in place: nothing else needs what was there
        return self.activation(added)


class Stage(nn.Module):
    """Layers of one width; the first of them may halve the image."""

    def __init__(self, config: ResNetConfig, inputs: int, outputs: int, *, depth: int, stride: int) -> None:
        super().__init__()
        rest = (Layer(config, outputs, outputs) for _ in range(depth - 1))
        self.layers = nn.Sequential(Layer(config, inputs, outputs, stride=stride), *rest)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return the hidden states after the stage, ``(batch, outputs, ⌈height / stride⌉, ⌈width / stride⌉)``."""
        return self.layers(hidden)  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """The stages: each but the first halves the image, and that one if the configuration says so."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        inputs = [config.embedding_size, *config.hidden_sizes]
        strides = [2 if config.downsample_in_first_stage else 1, *[2] * len(config.depths)]
        self.stages = nn.ModuleList(
            Stage(config, before, after, depth=depth, stride=stride)
            for before, after, depth, stride in zip(inputs, config.hidden_sizes, config.depths, strides, strict=False)
        )

    def forward(self, hidden: Tensor) -> tuple[Tensor, ...]:
        """Return the embedded images and the hidden states after each stage."""
        states = [hidden]
        for stage in self.stages:
            states.append(stage(states[-1]))
        return tuple(states)


class ResNetPreTrainedModel(PreTrainedModel):
    """What all ResNet models share."""

    config: ResNetConfig
    config_class = ResNetConfig
    base_model_prefix = "resnet"
    main_input_name = "pixel_values"

    def init_weights(self, module: nn.Module) -> None:
        """Initialise one module: convolutions so that a ReLU keeps the variance of gradients, others as torch does.

        Source: He et al., "Delving Deep into Rectifiers" (arXiv:1502.01852), section 2.2.
        """
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.Linear):
            module.reset_parameters()
        else:
            super().init_weights(module)


class ResNetModel(ResNetPreTrainedModel):
    """ResNet without a head: a grid of features and, from the pooler, their mean.

    Example:
        >>> import torch
        >>> from archsmith import ResNetConfig, ResNetModel
        >>> config = ResNetConfig(depths=[1, 1], hidden_sizes=[16, 32], embedding_size=8)
        >>> output = ResNetModel(config)(torch.zeros(1, 3, 48, 64))
        >>> output.last_hidden_state.shape, output.pooler_output.shape
        (torch.Size([1, 32, 6, 8]), torch.Size([1, 32, 1, 1]))
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        self.embedder = Embedder(config)
        self.encoder = Encoder(config)
        self.pooler = nn.AdaptiveAvgPool2d(1)

    def forward(
        self, pixel_values: Tensor, *, output_hidden_states: bool | None = None, return_dict: bool | None = None
    ) -> Any:
        """Encode a batch of images.

        Args:
            pixel_values: ``(batch, channels, height, width)`` float of any size, as the image processor makes them.
            output_hidden_states: Return the output of the stem and of every stage.
            return_dict: Return an output object (True) or a tuple.

        Returns:
            `BaseModelOutputWithPoolingAndNoAttention`.

        Raises:
            InputError: A shape or a type does not fit; or in training there is a single number for each channel.
        """
        states = self.encoder(self.embedder(pixel_values))
        kept = states if self.wants_hidden_states(output_hidden_states) else None
        output = BaseModelOutputWithPoolingAndNoAttention(states[-1], self.pooler(states[-1]), kept)
        return self.as_requested(output, return_dict)


class ResNetForImageClassification(ResNetPreTrainedModel):
    """ResNet that classifies images, or predicts numbers for them."""

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        self.resnet = ResNetModel(config)
        last = nn.Linear(config.hidden_sizes[-1], config.num_labels) if config.num_labels else nn.Identity()
        self.classifier = nn.Sequential(nn.Flatten(), last)

    def forward(
        self,
        pixel_values: Tensor,
        labels: Tensor | None = None,
        *,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> Any:
        """Score every label. Arguments and errors as `ResNetModel.forward`.

        Args:
            labels: As `archsmith.layers.losses.classification_loss` takes them for ``config.problem_type``.

        Returns:
            `ImageClassifierOutputWithNoAttention`.
        """
        encoded: BaseModelOutputWithPoolingAndNoAttention = self.resnet(
            pixel_values, output_hidden_states=self.wants_hidden_states(output_hidden_states), return_dict=True
        )
        logits = self.classifier(encoded.pooler_output)  # (batch, labels)
        loss = None if labels is None else classification_loss(logits, labels, self.config.problem_type)
        return self.as_requested(ImageClassifierOutputWithNoAttention(loss, logits, encoded.hidden_states), return_dict)
