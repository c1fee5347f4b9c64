"""What a report of a bug needs to say of the machine: read one by one, so that what cannot be read ends nothing."""

import contextlib
import os
import platform
import re
import sys
import sysconfig
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from archsmith_cli import installed
from archsmith_cli.versions import installed_version

__all__ = [
    "accelerators",
    "attempt",
    "completions",
    "hidden_home",
    "requirements",
    "system",
    "torch_build",
    "variables",
]

#: Variables that change what happens, beside those that begin with ``ARCHSMITH_``.
_NAMED = (
    *("COLUMNS", "CUDA_VISIBLE_DEVICES", "FORCE_COLOR", "HF_ENDPOINT", "HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE"),
    "HF_TOKEN",
    *("KMP_AFFINITY", "LANG", "LC_ALL", "MKL_NUM_THREADS", "NO_COLOR", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"),
    *(
        "PYTHONHASHSEED",
        "PYTHONIOENCODING",
        "PYTHONPATH",
        "PYTHONUTF8",
        "PYTORCH_ALLOC_CONF",
        "PYTORCH_CUDA_ALLOC_CONF",
    ),
    *("PYTORCH_ENABLE_MPS_FALLBACK", "TOKENIZERS_PARALLELISM", "TORCH_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"),
)
#: Parts of names whose values nobody may see; and what looks like such a value under any name.
_SECRET = re.compile("TOKEN|KEY|SECRET|PASS|CREDENTIAL|AUTH")
_SECRET_VALUE = re.compile(r"\b(?:hf_|sk-|ghp_|pypi-|glpat-)[\w-]{8,}|(?<=://)[^/@\s]+(?=@)")
_HIDDEN = "(set, not shown)"


def hidden_home(text: str) -> str:
    """Return a text with the home directory as ``~``, so that a report names no user."""
    try:
        homes = {str(Path.home()), os.path.realpath(Path.home())}
    except RuntimeError:
        return text
    for home in homes:
        if len(home) > len("/x"):  # a home at the root of a machine without users is in every path
            text = re.sub(rf"{re.escape(home)}(?![\w.-])", "~", text)
    return text


def attempt(read: Callable[[], Any]) -> Any:
    """Return what a function reads, or a sentence that says why it could not be read."""
    try:
        return read()
    except Exception as error:  # noqa: BLE001  # of anyone's library, on anyone's machine
        return f"cannot be read: {type(error).__name__}: {error}"


def system() -> dict[str, Any]:
    """Return Python and the platform."""
    return {
        "python": attempt(lambda: f"{platform.python_version()} ({platform.python_implementation()})"),
        "executable": attempt(lambda: sys.executable),
        "environment": attempt(lambda: "virtual" if sys.prefix != sys.base_prefix else "not virtual"),
        "platform": attempt(platform.platform),
        "machine": attempt(platform.machine),
        "processors": attempt(os.cpu_count),
        "encoding": attempt(lambda: f"{sys.getfilesystemencoding()} (files), {sys.stderr.encoding} (terminal)"),
        "site_packages": attempt(lambda: sysconfig.get_path("purelib")),
    }


def torch_build() -> dict[str, Any]:
    """Return how torch was built and what it computes with; imports it."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001  # a library that does not load, for whatever reason
        return {"version": installed_version("torch"), "fault": f"cannot be imported: {type(error).__name__}: {error}"}
    return {
        "version": torch.__version__,
        "cuda": attempt(lambda: torch.version.cuda),
        "hip": attempt(lambda: torch.version.hip),
        "mkl": attempt(torch.backends.mkl.is_available),
        "onednn": attempt(torch.backends.mkldnn.is_available),
        "openmp": attempt(torch.backends.openmp.is_available),
        "cpu_capability": attempt(torch.backends.cpu.get_cpu_capability),
        "threads": attempt(torch.get_num_threads),
        "interop_threads": attempt(torch.get_num_interop_threads),
        "default_dtype": attempt(lambda: str(torch.get_default_dtype()).removeprefix("torch.")),
    }


def accelerators() -> list[str]:
    """Return the accelerators that torch can use, with their memory as far as it is known."""
    try:
        import torch
    except Exception:  # noqa: BLE001  # torch_build says why
        return []

    def found() -> Iterator[str]:
        for index in range(torch.cuda.device_count()):
            device = torch.cuda.get_device_properties(index)
            yield f"cuda:{index} {device.name}, {device.total_memory / 2**30:.0f} GiB, {device.major}.{device.minor}"
        if torch.backends.mps.is_available():
            yield "mps"
        if hasattr(torch, "xpu"):
            yield from (f"xpu:{index}" for index in range(torch.xpu.device_count()))

    listed = attempt(lambda: list(found()))
    return listed if isinstance(listed, list) else [listed]


def requirements() -> dict[str, str | None]:
    """Return every distribution that archsmith and its plugins ask for, extras included, and its version here."""
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import InvalidRequirement, Requirement
    from packaging.utils import canonicalize_name

    ours = ["archsmith", "archsmith-cli", *(entry.key for entry in installed.entries())]
    asked: set[str] = set()
    for distribution in ours:  # which grows: libraries of ours are no plugins, and ask for others
        with contextlib.suppress(PackageNotFoundError, InvalidRequirement, OSError, ValueError):
            for line in requires(distribution) or ():
                name = canonicalize_name(Requirement(line).name)
                if name.startswith("archsmith-") and name not in ours:
                    ours.append(name)
                asked.add(name)
    return {name: installed_version(name) for name in sorted(asked - {"torch", "archsmith", "archsmith-cli"})}


def variables(environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the variables that are set and matter; no secret is among their values."""
    chosen = sorted(name for name in environ if name.startswith("ARCHSMITH_") or name in _NAMED)
    return {
        name: _HIDDEN if _SECRET.search(name) else _SECRET_VALUE.sub("(not shown)", environ[name]) for name in chosen
    }


def completions() -> list[str]:
    """Return the files that complete the command line in a shell, of those that ``--install-completion`` writes."""
    try:
        home = Path.home()
    except RuntimeError:
        return []
    places: Iterable[str] = (
        ".bash_completions/archsmith.sh",
        ".zfunc/_archsmith",
        ".config/fish/completions/archsmith.fish",
    )
    return [str(home / place) for place in places if attempt((home / place).is_file) is True]
