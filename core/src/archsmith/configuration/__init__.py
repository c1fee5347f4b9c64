"""The parts of configurations. The public face is `archsmith.config`."""
