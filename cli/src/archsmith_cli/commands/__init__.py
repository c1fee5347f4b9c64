"""One module for each built-in verb; `archsmith_cli.main` imports the one that is invoked."""
