"""Which lines answer a question: by meaning and by words, also where they share no word, or no language, with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import Entry, TextKind
from scenesearch.moments import Row, Window
from scenesearch.ports import Question
from scenesearch.ranking.lines import cosines
from scenesearch.ranking.phrases import occurrences
from scenesearch.ranking.strength import HINTED, LEXICAL, standardised
from scenesearch.ranking.words import known_words

MOST = 3
"""The most lines that a scene quotes."""

NEARLY_AS_GOOD = 1.5
"""How much weaker than the best line, in units of strength, another line may be to be quoted as well."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class RowStrengths:
    """The strengths of the entries of a row: by meaning alone, and with words. In the units of `ranking/strength.py`."""

    meaning: Floats
    strengths: Floats


def line_strengths(rows: Sequence[Row], windows: Sequence[Window], question: Question) -> list[RowStrengths]:
    """Return how strongly each entry of each row answers the question.

    A line counts by its own vector; one without, by the windows that contain it (in an index made without vectors of lines).
    A burned-in clock counts by its words alone.
    """
    vectors = [vector for row in rows for vector in (row.vectors or (b"",) * len(row.entries))]
    own = cosines(question.vector, vectors) if question.vector is not None else np.full(len(vectors), np.nan, np.float32)
    meaning = standardised(question.scale, own)
    around = None if np.isfinite(own).any() else _around(rows, windows, question)
    strengths: list[RowStrengths] = []
    at = 0
    for number, row in enumerate(rows):
        count = len(row.entries)
        of_row = meaning[at : at + count] if around is None else np.full(count, around[number], np.float32)
        words = np.array([_by_words(entry, question) for entry in row.entries], np.float32)
        clocks = np.array([entry.kind is TextKind.TIMECODE for entry in row.entries])
        likeness = np.where(clocks, 0, np.nan_to_num(of_row)).astype(np.float32)
        strengths.append(RowStrengths(likeness, likeness + words))
        at += count
    return strengths


def evidence_lines(entries: Sequence[Entry], strengths: Sequence[float], phrases: Sequence[str] = ()) -> list[Entry]:
    """At most `MOST` entries, the ones that answer best first: those that hold its phrases, then the strongest."""
    if not entries:
        return []
    holding = {place for phrase in phrases for pair in occurrences(phrase, entries) for place in pair}
    ranked = sorted(range(len(entries)), key=lambda n: (n not in holding, -strengths[n], n))
    least = max(strengths) - NEARLY_AS_GOOD
    distinct: dict[str, Entry] = {}
    for n in ranked:
        if n in holding or strengths[n] >= least:
            distinct.setdefault(entries[n].text, entries[n])  # of lines that say the same, the best one
    return list(distinct.values())[:MOST]


def _by_words(entry: Entry, question: Question) -> float:
    answered = sum(question.words.shares.get(word, 0.0) for word in set(known_words(entry.text)))
    hinted = bool(question.sections) and entry.section in question.sections
    return LEXICAL * answered + (HINTED if hinted else 0.0)


def _around(rows: Sequence[Row], windows: Sequence[Window], question: Question) -> Floats:
    """Return the mean likeness of the windows that contain each row, shape (rows,)."""
    total, count = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
    if windows:
        likeness = standardised(question.scale, np.array([window.similarity for window in windows], np.float32))
        for window, value in zip(windows, likeness, strict=True):
            total[window.first : window.after] += value
            count[window.first : window.after] += 1
    return np.asarray(total / np.maximum(count, 1), np.float32)
