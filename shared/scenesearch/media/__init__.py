"""Reading, cutting and picturing video files (PyAV)."""
