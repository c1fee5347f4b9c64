"""The parts of image processors: reading pictures, the steps on their pixels, sizes, and settings."""
