"""Two towers, of texts and of images, whose vectors are compared."""

from archsmith.lazy import lazy_attributes

__all__ = [
    "PairingConfig",
    "PairingImageProcessor",
    "PairingModel",
    "PairingProcessor",
    "PairingTextConfig",
    "PairingTextModel",
    "PairingTokenizerFast",
    "PairingVisionConfig",
    "PairingVisionModel",
]

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["PairingConfig", "PairingTextConfig", "PairingVisionConfig"],
        "model": ["PairingModel"],
        "processor": ["PairingImageProcessor", "PairingProcessor", "PairingTokenizerFast"],
        "towers": ["PairingTextModel", "PairingVisionModel"],
    },
)
