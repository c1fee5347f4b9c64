"""CLIP, for archsmith."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from acme_clip.config import CLIPConfig, CLIPTextConfig, CLIPVisionConfig
    from acme_clip.model import CLIPForImageClassification, CLIPModel, CLIPOutput
    from acme_clip.preprocessing import CLIPImageProcessor, CLIPProcessor
    from acme_clip.text import CLIPTextModel, CLIPTextModelWithProjection
    from acme_clip.tokenizer import CLIPTokenizerFast
    from acme_clip.vision import CLIPVisionModel, CLIPVisionModelWithProjection

__all__ = [
    "CLIPConfig", "CLIPForImageClassification", "CLIPImageProcessor", "CLIPModel", "CLIPOutput", "CLIPProcessor",
    "CLIPTextConfig", "CLIPTextModel", "CLIPTextModelWithProjection", "CLIPTokenizerFast", "CLIPVisionConfig",
    "CLIPVisionModel", "CLIPVisionModelWithProjection",
]  # fmt: skip

__getattr__ = lazy_attributes(
    __name__,
    {
        "config": ["CLIPConfig", "CLIPTextConfig", "CLIPVisionConfig"],
        "model": ["CLIPForImageClassification", "CLIPModel", "CLIPOutput"],
        "preprocessing": ["CLIPImageProcessor", "CLIPProcessor"],
        "text": ["CLIPTextModel", "CLIPTextModelWithProjection"],
        "tokenizer": ["CLIPTokenizerFast"],
        "vision": ["CLIPVisionModel", "CLIPVisionModelWithProjection"],
    },
)
