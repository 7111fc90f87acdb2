"""Everything in one folder of one machine."""
