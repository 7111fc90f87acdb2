"""How well search answers questions with known answers, and how a model's scores are to be read."""
