"""The version of the core."""

__version__ = "0.2.0"
