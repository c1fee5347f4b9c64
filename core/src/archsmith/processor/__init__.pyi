from archsmith.processor.base import Processor

__all__ = ["Processor"]
