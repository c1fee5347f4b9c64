"""Tasks that read text."""
