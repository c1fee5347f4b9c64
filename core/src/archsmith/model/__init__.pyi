from archsmith.model.base import PreTrainedModel
from archsmith.model.building import foreign_modules, values_come_from_files
from archsmith.model.marker import LoadReport
from archsmith.model.meta import TooLarge

__all__ = ["LoadReport", "PreTrainedModel", "TooLarge", "foreign_modules", "values_come_from_files"]
