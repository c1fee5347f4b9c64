"""Models: a torch module with a configuration, built, loaded and saved in one way for every architecture."""

from typing import TYPE_CHECKING

from archsmith.lazy import lazy_attributes

if TYPE_CHECKING:
    from archsmith.model.base import PreTrainedModel
    from archsmith.model.building import foreign_modules, values_come_from_files
    from archsmith.model.marker import LoadReport
    from archsmith.model.meta import TooLarge

__all__ = ["LoadReport", "PreTrainedModel", "TooLarge", "foreign_modules", "values_come_from_files"]

__getattr__ = lazy_attributes(
    __name__,
    {
        "base": ["PreTrainedModel"], "building": ["foreign_modules", "values_come_from_files"],
        "marker": ["LoadReport"], "meta": ["TooLarge"],
    },
)  # fmt: skip
