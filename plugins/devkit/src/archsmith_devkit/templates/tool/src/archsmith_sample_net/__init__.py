"""The command ``archsmith sample-net``."""
