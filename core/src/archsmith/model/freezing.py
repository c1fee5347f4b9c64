"""Choose the parameters of a model by patterns over their names."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from torch import nn

from archsmith.errors import OptionError
from archsmith.messages import did_you_mean

__all__ = ["set_trainable"]


def set_trainable(model: nn.Module, patterns: Sequence[str], *, trainable: bool) -> list[str]:
    """Set whether the parameters that any pattern matches (all, if there is none) are trained; return their names.

    Raises:
        OptionError: A pattern matches nothing; then nothing was changed.
    """
    parameters = dict(model.named_parameters(remove_duplicate=False))
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise OptionError(f"a pattern must be a string, as 'classifier.*', but is {pattern!r}.")
        if not any(fnmatchcase(name, pattern) for name in parameters):
            groups = [f"{path}.*" for path, _ in model.named_modules() if path]
            hint = f" Did you mean {pattern + '.*'!r}?" if f"{pattern}.*" in groups else ""
            hint = hint or did_you_mean(pattern, [*parameters, *groups])
            raise OptionError(f"no parameter of {type(model).__name__} matches {pattern!r}.{hint}")
    chosen = [name for name in parameters if not patterns or any(fnmatchcase(name, pattern) for pattern in patterns)]
    for name in chosen:
        parameters[name].requires_grad_(trainable)
    return chosen
