"""BM25 over postings held in flat arrays: no I/O, so that every index can score in the same way.

The score is absolute: the share of the best score that the question could get from its words (Robertson and Zaragoza 2009, with
k1 1.2 and b 0.75), so that a leg which finds nothing adds nothing. It exceeds 1 a little where words repeat.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import TextKind
from scenesearch.moments import Moment
from scenesearch.ranking.words import word_id, words

K1 = 1.2
"""How fast a word saturates as it repeats: the usual value (Robertson and Zaragoza 2009)."""

B = 0.75
"""How much the length of a text counts, 0 to 1: the usual value (Robertson and Zaragoza 2009)."""

_TF_BITS, _UNIT_BITS = 8, 24
"""Bits of a key for the count of a word in a unit, and for the number of the unit."""

_TF_MAX, _UNIT_MAX = (1 << _TF_BITS) - 1, (1 << _UNIT_BITS) - 1
"""The largest count, to which higher ones are cut, and the largest number of a unit."""

_WORD_SHIFT = _TF_BITS + _UNIT_BITS
"""Bits of a key below the word."""


def saturated(counts: NDArray[np.float32], lengths: NDArray[np.float32], average_length: float) -> NDArray[np.float32]:
    """Return what a word that occurs `counts` times in texts of `lengths` words adds: 0 to k1 + 1."""
    damping = np.float32(K1 * (1 - B)) + lengths * np.float32(K1 * B / average_length)
    return np.asarray(counts * np.float32(K1 + 1) / (counts + damping), np.float32)


def term_weights(asked: Iterable[str], frequencies: Mapping[str, int], units: int) -> dict[str, float]:
    """Return the weight of each word of the question by its rarity; together they are 1.

    `frequencies`: in how many of the `units` texts each word occurs. A word that occurs in none keeps its weight.
    """
    found = {word: frequencies.get(word, 0) for word in asked}
    idf = {word: math.log(1 + (units - n + 0.5) / (n + 0.5)) for word, n in ((w, min(n, units)) for w, n in found.items())}
    total = sum(idf.values())
    return {word: value / total for word, value in idf.items()} if total else {}


@dataclass(frozen=True, slots=True)
class Postings:
    """How often each word occurs in each unit (a moment, a row, a title).

    `keys` are sorted: word id (32 bits), unit (24), count (8). `lengths`: words of each unit.
    """

    keys: NDArray[np.uint64]
    lengths: NDArray[np.float32]

    @classmethod
    def of(cls, units: Sequence[Sequence[str]], unweighed: Sequence[frozenset[str]] = ()) -> Self:
        """Make the postings of units from their words; words in `unweighed` do not count in the length of their unit."""
        keys = [
            word_id(word) << _WORD_SHIFT | unit << _TF_BITS | min(count, _TF_MAX)
            for unit, words in enumerate(units)
            for word, count in Counter(words).items()
        ]
        lengths = [
            sum(word not in silent for word in words) if silent else len(words)
            for words, silent in zip_longest(units, unweighed, fillvalue=frozenset[str]())
        ]
        return cls(np.sort(np.array(keys, np.uint64)), np.array(lengths, np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Postings]) -> Self:
        """Join the postings of `parts`, numbering their units on. Raises `ValueError` above 2^24 units."""
        starts = np.cumsum([0, *(len(part.lengths) for part in parts)])
        if starts[-1] > _UNIT_MAX:
            raise ValueError(f"{starts[-1]} units do not fit into one set of postings")
        keys = [part.keys + np.uint64(int(start) << _TF_BITS) for part, start in zip(parts, starts, strict=False)]
        lengths = [part.lengths for part in parts]
        return cls(
            np.sort(np.concatenate(keys)) if keys else np.zeros(0, np.uint64),
            np.concatenate(lengths) if lengths else np.zeros(0, np.float32),
        )

    def of_word(self, word: str, first: int = 0, after: int | None = None) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """Return the units from `first` to before `after` that contain the word, ascending, and how often."""
        base = word_id(word) << _WORD_SHIFT
        low = base | first << _TF_BITS
        high = base + (1 << _WORD_SHIFT) if after is None else base | after << _TF_BITS
        # a bound of 2^64 does not fit: the last key of all words is one below it
        left = int(np.searchsorted(self.keys, np.uint64(low)))
        right = len(self.keys) if high >> 64 else int(np.searchsorted(self.keys, np.uint64(high)))
        found = self.keys[left:right]
        units = ((found >> np.uint64(_TF_BITS)) & np.uint64(_UNIT_MAX)).astype(np.int64)
        return units, (found & np.uint64(_TF_MAX)).astype(np.float32)

    def frequency(self, word: str) -> int:
        """Return in how many units the word occurs."""
        base = word_id(word) << _WORD_SHIFT
        left = int(np.searchsorted(self.keys, np.uint64(base)))
        high = base + (1 << _WORD_SHIFT)
        return (len(self.keys) if high >> 64 else int(np.searchsorted(self.keys, np.uint64(high)))) - left

    def scores(self, weights: Mapping[str, float], average_length: float, first: int, after: int) -> NDArray[np.float32]:
        """Return the share of the question that each unit from `first` to before `after` answers, shape (after - first,)."""
        out = np.zeros(after - first, np.float32)
        for word, weight in weights.items():
            units, counts = self.of_word(word, first, after)
            if len(units):
                out[units - first] += np.float32(weight) * saturated(counts, self.lengths[units], average_length)
        return out


def moment_postings(moments: Sequence[Moment]) -> Postings:
    """Make the postings of moments; words of a burned-in clock can be found, but do not make a moment longer."""
    told = [[word for entry in moment.entries for word in words(entry.text)] for moment in moments]
    clocks = [frozenset(word for e in moment.entries if e.kind is TextKind.TIMECODE for word in words(e.text)) for moment in moments]
    return Postings.of(told, clocks)
