"""Every exception and warning that archsmith raises on purpose.

Each leaf also inherits the builtin that it resembles, so ``except ImportError`` or ``except ValueError`` keep working::

    ArchsmithError
    ├── PluginError                 something about an installed (or missing) plugin
    │   ├── UnknownArchitecture     (LookupError)  no installed plugin provides this model_type
    │   ├── UnknownTask             (LookupError)  the architecture has no class for this task
    │   ├── PluginDisabled          (LookupError)  switched off, or its name pinned to another
    │   ├── PluginConflict          (LookupError)  two distributions claim one name
    │   ├── PluginIncompatible      (ImportError)  it asks for another version of archsmith
    │   ├── PluginBroken            (ImportError)  its manifest or one of its references does not load
    │   ├── ClassNotAvailable       (ImportError)  ``from archsmith import X`` finds no usable X
    │   ├── ClassNotFound           (AttributeError)  ``archsmith.X`` finds none; ``hasattr(archsmith, "X")`` is False
    │   └── MissingDependency       (ImportError)  an optional library is not installed
    ├── ConfigError                 (ValueError)   a configuration value is wrong; lists every fault
    │   └── UnknownField            (also an OptionError)  an argument that is not a field
    ├── CheckpointError
    │   ├── CheckpointNotFound      (FileNotFoundError)  no such folder, file or repository
    │   ├── CheckpointCorrupt       (ValueError)   a file is damaged, unsafe or contradicts another
    │   ├── WeightsMismatch         (ValueError)   the weights and the model disagree
    │   └── SaveFailed              (OSError)      the old files stand, unless it says that the new ones count
    ├── HubError                    (OSError)      the hub could not be asked, or refused
    ├── InputError                  (ValueError)   what was passed to a model or a preprocessor is wrong
    └── OptionError                 (TypeError)    an argument that does not exist or is not allowed

    ArchsmithWarning                (UserWarning)  announcements: nothing is wrong, but the user should know
"""

from typing import Any

from archsmith.printable import clean

__all__ = [
    "ArchsmithError", "ArchsmithWarning", "CheckpointCorrupt", "CheckpointError", "CheckpointNotFound",
    "ClassNotAvailable", "ClassNotFound", "ConfigError", "HubError", "InputError", "MissingDependency", "OptionError",
    "PluginBroken", "PluginConflict", "PluginDisabled", "PluginError", "PluginIncompatible", "SaveFailed",
    "UnknownArchitecture", "UnknownField", "UnknownTask", "WeightsMismatch",
]  # fmt: skip


class ArchsmithError(Exception):
    """The root of the tree. ``str(error)`` is the whole message; details are attributes.

    Args:
        message: What is wrong (with its value), where, what was expected and what to do.
        **details: The same facts as data, set as attributes on the exception.
    """

    def __init__(self, message: str, **details: Any) -> None:
        self.message = clean(message, lines=True)  # whatever a stranger's text in it may hold
        super().__init__(self.message)
        self.__dict__.update(details)  # so that copies have those too that a builtin keeps elsewhere, as ``name``
        for name, value in details.items():
            setattr(self, name, value)

    def __str__(self) -> str:
        return self.message


class ArchsmithWarning(UserWarning):
    """An announcement: fresh weights, unused weights, a note about a plugin or a file."""


class PluginError(ArchsmithError):
    """Something about an installed or missing plugin."""


class UnknownArchitecture(PluginError, LookupError):
    """No installed plugin provides this model_type."""


class UnknownTask(PluginError, LookupError):
    """The architecture exists but has no model class for the task."""


class PluginDisabled(PluginError, LookupError):
    """The plugin is installed, but switched off by the user's settings."""


class PluginConflict(PluginError, LookupError):
    """Two distributions claim the same name, and no pin says which one to use."""


class PluginIncompatible(PluginError, ImportError):
    """The plugin asks for a version of archsmith that is not the installed one."""


class PluginBroken(PluginError, ImportError):
    """The plugin's manifest, or something the manifest refers to, does not load.

    Attributes:
        reason: What is wrong, as a full sentence.
        remedy: What the user can do about it.
    """

    reason: str = ""
    remedy: str = ""


class ClassNotAvailable(PluginError, ImportError):
    """A class was asked for by name, but its plugin is missing, unusable, or not the only one with such a class."""


class ClassNotFound(PluginError, AttributeError):
    """A class was asked for as an attribute of archsmith, and cannot be had; the message says why, as in an import."""


class MissingDependency(PluginError, ImportError):
    """An optional library that this feature needs is not installed."""


class ConfigError(ArchsmithError, ValueError):
    """One or several configuration values are wrong.

    Attributes:
        faults: One sentence for each fault.
    """

    faults: tuple[str, ...] = ()


class CheckpointError(ArchsmithError):
    """Something about the files of a checkpoint."""


class CheckpointNotFound(CheckpointError, FileNotFoundError):
    """There is no such folder, file or repository."""


class CheckpointCorrupt(CheckpointError, ValueError):
    """A file is damaged, of the wrong kind, unsafe to read, or contradicts another one."""


class WeightsMismatch(CheckpointError, ValueError):
    """The weights in the files are not the weights that the model needs.

    Attributes:
        faults: One sentence for each fault.
    """

    faults: tuple[str, ...] = ()


class SaveFailed(CheckpointError, OSError):
    """Files could not be written: the old ones stand, or, if the message says so, the new ones count; never a mix."""


class HubError(ArchsmithError, OSError):
    """The hub could not be reached, or refused."""


class InputError(ArchsmithError, ValueError):
    """What was passed to a model or a preprocessor is wrong."""


class OptionError(ArchsmithError, TypeError):
    """An argument that does not exist, is not allowed, or contradicts another."""


class UnknownField(ConfigError, OptionError):
    """An argument that is not a field: of a configuration, or of the one that a model is loaded with."""
