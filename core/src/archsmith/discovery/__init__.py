"""How installed plugins are found and loaded. The public face is `archsmith.registry`."""
