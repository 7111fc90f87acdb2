"""scenesearch: find the scene, not the file."""

__version__ = "0.1.0"
