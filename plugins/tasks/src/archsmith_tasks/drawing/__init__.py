"""Pictures of what tasks answer: of a size and a finish to show to others."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith_tasks.drawing.pictures import draw_result

__all__ = ["draw_result"]

__getattr__ = lazy_attributes(__name__, {"pictures": ["draw_result"]})
