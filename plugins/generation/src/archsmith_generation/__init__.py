"""What decoders share when they write: the cache of keys and values, the strategies, their settings, streaming."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_generation.cache import Cache
    from archsmith_generation.config import GenerationConfig
    from archsmith_generation.conversation import Conversation
    from archsmith_generation.mixin import GenerationMixin
    from archsmith_generation.outputs import GenerateOutput
    from archsmith_generation.streaming import texts_of

__all__ = ["Cache", "Conversation", "GenerateOutput", "GenerationConfig", "GenerationMixin", "texts_of"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "cache": ["Cache"],
        "config": ["GenerationConfig"],
        "conversation": ["Conversation"],
        "mixin": ["GenerationMixin"],
        "outputs": ["GenerateOutput"],
        "streaming": ["texts_of"],
    },
)
