"""Tasks that look at images."""
