"""Neural-network architectures as plugins.

Everything public is importable from here; nothing heavy is imported before it is used. Names that the core does not
have itself are looked up among the installed plugins: ``from archsmith import DistilBertConfig``.
"""

import sys
from typing import Any

from archsmith._version import __version__ as __version__
from archsmith.lazy import lazy_face

_find, _own_names = lazy_face(__name__)


def __getattr__(name: str) -> Any:
    if name.startswith("_") or name in _own_names():
        return _find(name)
    from archsmith._elsewhere import find_elsewhere

    return find_elsewhere(name, _own_names(), caller=sys._getframe(1))  # noqa: SLF001


def __dir__() -> list[str]:
    from archsmith._elsewhere import names_elsewhere

    return sorted({*_own_names(), "__version__", *names_elsewhere()})
