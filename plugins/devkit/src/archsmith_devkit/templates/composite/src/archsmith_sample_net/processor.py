"""SampleNet's processor."""

from archsmith.processor import Processor

__all__ = ["SampleNetProcessor"]


class SampleNetProcessor(Processor):
    """An image processor and a tokenizer in one: ``processor(text=…, images=…)``."""

    parts = ("image_processor", "tokenizer")
