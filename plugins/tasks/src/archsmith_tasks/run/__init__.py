"""The verb ``archsmith run``: inputs from files, and answers into files."""
