"""The command ``archsmith``. What is public here is `archsmith_cli.verb`."""

__version__ = "0.2.0"
