"""What ``from archsmith import`` finds beyond the core's own names: classes of plugins, and Auto classes of tasks."""

from collections.abc import Iterable
from opcode import opmap
from types import FrameType
from typing import Any

from archsmith.errors import ArchsmithError, ClassNotAvailable, ClassNotFound
from archsmith.messages import did_you_mean

__all__ = ["find_elsewhere", "names_elsewhere"]


def find_elsewhere(name: str, own_names: Iterable[str], *, caller: FrameType) -> Any:
    """Return the class of an installed plugin, or the Auto class of a task.

    Args:
        name: The class.
        own_names: What it may be a misspelling of.
        caller: Who asks for it.

    Raises:
        ClassNotAvailable, ClassNotFound: There is none: the first in an import, the second for an attribute.
    """
    try:
        return _find(name)
    except Exception as error:  # noqa: BLE001  # each is passed on
        raise _absence(name, own_names, error, caller) from error.__cause__


def names_elsewhere() -> Iterable[str]:
    """Return the names of the Auto classes of the field's tasks, and of all classes that usable plugins export."""
    from archsmith.tasks import TASKS, auto_class_name

    try:
        from archsmith.registry.base import registry

        exported = registry.class_names()
    except Exception:  # noqa: BLE001  # whoever lists names, as a shell for completion, has not asked for plugins
        exported = set()
    return [*map(auto_class_name, TASKS), *filter(_is_class_name, exported)]


def _find(name: str) -> Any:
    if not _is_class_name(name):
        raise AttributeError(f"module 'archsmith' has no attribute {name!r}.")
    if name.startswith("AutoModelFor"):
        from archsmith.auto import auto_model_class

        return auto_model_class(name)
    from archsmith.registry.base import registry

    return registry.find_class(name)


def _is_class_name(name: str) -> bool:
    return name[:1].isupper() and not name.isupper() and "_" not in name


def _absence(name: str, own_names: Iterable[str], error: Exception, caller: FrameType) -> Exception:
    """Return the error for a name that cannot be had: as an attribute (`hasattr` is then False), or in an import.

    No class can be an AttributeError and an ImportError, and ``from archsmith import`` drops the message of an
    AttributeError. What the caller is about to do is in its bytecode.
    """
    said, is_unknown = str(error), isinstance(error, AttributeError)
    if is_unknown and name.startswith("Auto") and not name.startswith("AutoModelFor"):
        said = said.partition(" Did you mean")[0]  # these are ours, whatever a plugin's class is near them
    if is_unknown and "Did you mean" not in said:
        said += did_you_mean(name, own_names, cutoff=0.8)
    if caller.f_code.co_code[caller.f_lasti] == opmap["IMPORT_FROM"]:
        said = said.replace(
            f"module 'archsmith' has no attribute {name!r}", f"cannot import name {name!r} from 'archsmith'"
        )
        return ClassNotAvailable(said, name=name) if is_unknown else error
    return ClassNotFound(said, name=name) if is_unknown or isinstance(error, ArchsmithError) else error
