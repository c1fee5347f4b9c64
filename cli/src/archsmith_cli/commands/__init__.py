"""One module for each built-in verb; `archsmith_cli.verb` imports the one that is invoked."""
