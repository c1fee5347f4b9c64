"""``python -m archsmith_cli`` is ``archsmith``."""

from archsmith_cli.main import main

main()
