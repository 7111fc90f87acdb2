"""Words: how text is cut into them, and how well they match."""
