"""Find quoted phrases, word for word, in the lines of a video."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from scenesearch.metadata import Entry
from scenesearch.ranking.words import normalised


def occurrences(phrase: str, entries: Sequence[Entry]) -> list[tuple[int, int]]:
    """The entries (first and last, as places in `entries`) that hold a phrase: one, or two of a section that follow each other.

    Letter case, width, accents and runs of spaces do not matter; words must be whole.
    """
    wanted = normalised(phrase)
    if not wanted:
        return []
    texts = [normalised(entry.text) for entry in entries]
    found = [(place, place) for place, text in enumerate(texts) if stands_in(wanted, text)]
    for section in sorted({entry.section for entry in entries}):
        places = [place for place, entry in enumerate(entries) if entry.section is section]
        found += [
            (first, second)
            for first, second in pairwise(places)
            if (first, first) not in found and (second, second) not in found and stands_in(wanted, f"{texts[first]} {texts[second]}")
        ]
    return found


def stands_in(phrase: str, text: str) -> bool:
    """Return whether a text contains a phrase as whole words; both are normalised."""
    at = text.find(phrase)
    while at >= 0:
        before, after = text[max(0, at - 1) : at], text[at + len(phrase) : at + len(phrase) + 1]
        if not (_one_word(before, phrase[0]) or _one_word(phrase[-1], after)):
            return True
        at = text.find(phrase, at + 1)
    return False


def _one_word(left: str, right: str) -> bool:
    """Return whether two neighbouring characters belong to one word; scripts without spaces do not show it."""
    return left.isascii() and right.isascii() and left.isalnum() and right.isalnum()
