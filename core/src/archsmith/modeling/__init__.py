"""How models are built, loaded and saved. The public face is `archsmith.model`."""
