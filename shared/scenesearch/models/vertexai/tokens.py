"""Estimate the tokens of a text without a request: for budgets, not for bills."""

from __future__ import annotations

LETTERS_PER_TOKEN = 4
"""About how many letters of a Latin script make a token; in scripts without spaces, each character counts as one."""


def estimate(text: str) -> int:
    """Return a number of tokens that `text` hardly exceeds."""
    plain = sum(c < "\u0250" for c in text)
    return -(-plain // LETTERS_PER_TOKEN) + len(text) - plain + 1
