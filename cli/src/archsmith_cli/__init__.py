"""The command ``archsmith``. Nothing here is meant to be imported but `archsmith_cli.main.main`."""

__version__ = "0.2.0"
