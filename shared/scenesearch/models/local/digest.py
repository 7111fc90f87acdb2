"""The digest of a chunk: its most distinctive lines, from which the whole video is summarised."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from scenesearch.metadata import Entry, TextKind

_LINES = 2
"""The most lines of a digest."""

_LONGEST = 240
"""The most characters of a digest."""


def telling_lines(entries: Sequence[Entry]) -> str:
    """Return the one or two lines with the most distinctive words of the chunk, in order of time; empty when there are none."""
    pool = [e for e in entries if e.kind is not TextKind.TIMECODE]
    counts = Counter(word for e in pool for word in set(_words(e.text)))

    def weight(entry: Entry) -> float:
        words = _words(entry.text)
        # the 4 keeps lines of one or two words from winning by their shortness alone
        return sum(math.log(1 + len(pool) / counts[w]) for w in sorted(set(words))) / math.sqrt(4 + len(words))

    best = sorted(pool, key=weight, reverse=True)[:_LINES]
    return " / ".join(e.text for e in sorted(best, key=lambda e: e.span))[:_LONGEST]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]{2,}", text.casefold())
