"""Real models that run on this machine."""
