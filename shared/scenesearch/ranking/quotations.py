"""Check quotations: whether a text contains the words that a reader quotes, and whether they are enough to identify it."""

from __future__ import annotations

import re
from functools import lru_cache

from scenesearch.ranking.phrases import stands_in
from scenesearch.ranking.words import normalised, unspaced

FEWEST = 4
"""The fewest letters (see `letters`) of a quotation that is not a whole text: fewer occur anywhere by chance."""

FEWEST_NEARLY = 6
"""The fewest letters of a quotation whose spelling may differ: "ates" is nearly "crates"."""

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


@lru_cache(maxsize=50_000)
def bare(text: str) -> str:
    """A text in its normal form, without the marks at its ends (unless it is nothing but marks)."""
    plain = normalised(text)
    return _EDGES.sub("", plain) or plain


def letters(text: str) -> int:
    """Return how many letters and digits a text has; a character of a script without spaces counts as two."""
    return sum(2 if unspaced(c) else 1 for c in text if c.isalnum())


def quoted_from(quotation: str, text: str) -> bool:
    """Whether a quotation (see `bare`) is a whole text, or stands there in whole words and has `FEWEST` letters."""
    if not quotation:
        return False
    return quotation == bare(text) or (letters(quotation) >= FEWEST and stands_in(quotation, normalised(text)))
