"""Tasks that listen."""
