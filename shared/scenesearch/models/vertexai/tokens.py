"""How many tokens a text comes to, without asking: for budgets, not for bills."""

from __future__ import annotations

LETTERS_PER_TOKEN = 4
"""About so many letters of a Latin script make a token; of scripts without spaces, each character is taken for one."""


def estimate(text: str) -> int:
    """A number of tokens that `text` will hardly exceed."""
    plain = sum(c < "\u0250" for c in text)
    return -(-plain // LETTERS_PER_TOKEN) + len(text) - plain + 1
