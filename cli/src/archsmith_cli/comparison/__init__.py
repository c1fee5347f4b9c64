"""What two checkpoints or configurations differ in: fields, files beside them, tensors."""
