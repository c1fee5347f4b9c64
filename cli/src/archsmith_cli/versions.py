"""The versions of distributions, from their metadata."""

from importlib.metadata import PackageNotFoundError, version

__all__ = ["installed_version"]


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution; None if it is not installed, or its metadata says none."""
    try:
        return version(distribution) or None
    except (PackageNotFoundError, OSError, ValueError, KeyError):
        return None
