"""The files of a checkpoint, and how they are read and written."""
