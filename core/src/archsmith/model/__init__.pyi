from archsmith.model.base import PreTrainedModel
from archsmith.model.building import foreign_modules, values_come_from_files
from archsmith.model.marker import LoadReport
from archsmith.model.meta import TooLarge
from archsmith.model.saving import parse_size

__all__ = ["LoadReport", "PreTrainedModel", "TooLarge", "foreign_modules", "parse_size", "values_come_from_files"]
