"""The models behind the ports."""
