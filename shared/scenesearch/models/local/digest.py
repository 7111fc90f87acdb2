"""The most telling lines of a chunk, for the assembly of the whole video."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

from scenesearch.metadata import Entry, TextKind

_LINES = 2
_LONGEST = 240


def telling_lines(entries: Sequence[Entry]) -> str:
    """The one or two lines that say most of the chunk's own words, in order of time; empty when there are none."""
    pool = [e for e in entries if e.kind is not TextKind.TIMECODE]
    counts = Counter(word for e in pool for word in set(_words(e.text)))

    def weight(entry: Entry) -> float:
        words = _words(entry.text)
        return sum(math.log(1 + len(pool) / counts[w]) for w in sorted(set(words))) / math.sqrt(4 + len(words))

    best = sorted(pool, key=weight, reverse=True)[:_LINES]
    return " / ".join(e.text for e in sorted(best, key=lambda e: e.span))[:_LONGEST]


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]{2,}", text.casefold())
