"""The local scene reader: which runs of rows answer a question best, by meaning and by words. No model call.

Every run of up to `MOST_ROWS` rows is a candidate. What is said, or written, is a part of something longer: such a run is judged by the
moments that it overlaps, by its best line and the mean of its lines, and by the words of the question that it answers. A description is
whole: a run of descriptions is as strong as the mean of its lines, so that it is extended only by lines that add to the answer. A pause
without any entry separates scenes. Since the strongest run need not have the best borders, the run is chosen that the strong runs agree
on: the one with the greatest sum of their weights by overlap.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import Entry, Section, TextKind, one_line
from scenesearch.moments import Passage, Row
from scenesearch.ports import FoundScene, Question, Reading
from scenesearch.ranking.bm25 import saturated
from scenesearch.ranking.evidence import RowStrengths, evidence_lines, line_strengths
from scenesearch.ranking.phrases import occurrences
from scenesearch.ranking.strength import (
    HINTED,
    LEXICAL,
    MOST_OF_A_PAUSE,
    PAUSE_S,
    SPOKEN_BY_BEST_LINE,
    SPOKEN_BY_LINES,
    SPOKEN_BY_WINDOWS,
    TEMPERATURE,
    USUAL_ROWS,
    USUAL_WEIGHT,
)
from scenesearch.ranking.words import known_words
from scenesearch.timeline import Span

MOST_ROWS = 14
"""The most rows in a run: longer runs are no candidates."""

LONGEST_MS = 120_000
"""The longest run of more than one row, in milliseconds."""

RUNS = 120
"""The most runs of a file, strongest first, whose agreement is computed: their overlaps are a matrix of this size squared."""

AGREEMENT = 2.0
"""The strength, in units of `ScoreScale.std`, that agreement adds to a run: it is taken off again before strength becomes a score."""

_APART = 0.5
"""The overlap (intersection over union, 0 to 1) from which two runs are the same scene: only one of them is returned."""

_EQUAL = 1e-4
"""The relative difference of two sums of weights below which runs are equally agreed on, and the stronger one is chosen."""

_SLIGHT = 0.25
"""The overlap (intersection over union, 0 to 1) below which a window does not count for a run, unless the run has no better one."""

_OTHER_SECTION = 0.5
"""The weight of a word in a section that the question does not ask for, where it asks for sections; 1 elsewhere."""

_DESCRIPTION = 200
"""The most characters of a description."""

Floats = NDArray[np.float32]


class LocalReader:
    """A `SceneReader` that asks no model."""

    name = "runs of rows 2"
    at_once = 1
    """Files that it gains by reading at once: it computes, so one."""

    def read(self, question: Question, reading: Reading, *, limit: int, deadline: datetime) -> list[FoundScene]:
        """Return at most `limit` scenes, best first."""
        parts = [_Part(passage, question) for passage in reading.passages if passage.rows]
        if not parts:
            return []
        runs = [(part, a, b) for part in parts for a, b in zip(part.first.tolist(), part.after.tolist(), strict=True)]
        strengths = np.concatenate([part.strengths for part in parts])
        starts = np.concatenate([part.starts for part in parts])
        ends = np.concatenate([part.ends for part in parts])
        return [runs[i][0].scene(runs[i][1], runs[i][2], gain) for i, gain in _agreed(strengths, starts, ends, limit)]


def _agreed(strengths: Floats, starts: Floats, ends: Floats, limit: int) -> list[tuple[int, float]]:
    """Choose the runs that the strong ones agree on, best first and without near-equal ones, each with its strength."""
    count = min(RUNS, len(strengths))
    top = np.sort(np.argpartition(-strengths, count - 1)[:count])
    top = top[np.isfinite(strengths[top])]
    if not len(top):
        return []
    a, b = starts[top], ends[top]
    shared = np.maximum(0, np.minimum(b[:, None], b) - np.maximum(a[:, None], a))
    overlap = shared / np.maximum(1e-3, (b - a)[:, None] + (b - a) - shared)
    most = float(strengths[top].max())
    weights = np.exp((strengths[top] - most) / TEMPERATURE)
    open_ = np.ones(len(top), np.bool_)
    chosen: list[tuple[int, float]] = []
    while len(chosen) < limit and open_.any():
        gains = np.where(open_, overlap @ weights, -1)
        agreed = gains >= (1 - _EQUAL) * gains.max()  # runs of the same span are equally agreed on: the one that answers is meant
        best = int(np.where(agreed, strengths[top], -np.inf).argmax())
        chosen.append((int(top[best]), most + TEMPERATURE * math.log(max(float(gains[best]), 1e-30))))
        near = overlap[best] >= _APART
        weights = np.where(near, 0, weights)
        open_ &= ~near
    return chosen


class _Part:
    """All runs of one passage: rows `first` to before `after`, their times in seconds, their strengths."""

    def __init__(self, passage: Passage, question: Question) -> None:
        self._rows = passage.rows
        self._question = question
        count = len(passage.rows)
        start = np.array([row.span.start_s for row in passage.rows], np.float32)
        end = np.array([row.span.end_s for row in passage.rows], np.float32)
        first, length = np.divmod(np.arange(count * MOST_ROWS), MOST_ROWS)
        after = first + length + 1
        first, after = first[after <= count], after[after <= count]
        furthest = _running_max(end, MOST_ROWS)
        ends = furthest[first, after - first - 1]
        edges = np.array([any(not entry.measured for entry in row.entries) for row in passage.rows])
        if not edges.any():
            edges[:] = True
        fits = (after - first == 1) | ((ends - start[first]) * 1000 <= LONGEST_MS)
        fits &= edges[first] & edges[after - 1]  # a scene begins and ends with something said, written or described
        self.first, self.after, self.starts, self.ends = first[fits], after[fits], start[first[fits]], ends[fits]
        self._lines = line_strengths(passage.rows, passage.windows, question)
        described = self._share(_is_described)
        best, mean = self._lines_of_runs(lambda lines: lines.meaning)
        likeness = SPOKEN_BY_WINDOWS * self._likeness(passage) + SPOKEN_BY_BEST_LINE * best + SPOKEN_BY_LINES * mean
        of_moments = likeness + np.float32(LEXICAL) * self._words() + self._length()
        if question.sections:
            of_moments += np.float32(HINTED) * (self._share(self._is_hinted) > 0)
        _, of_lines = self._lines_of_runs(lambda lines: lines.strengths)
        self.strengths = ((1 - described) * of_moments + described * of_lines - self._silence(start, end)).astype(np.float32)
        if question.phrases:
            self.strengths[~self._quoting()] = -np.inf

    def scene(self, first: int, after: int, strength: float) -> FoundScene:
        """Return the run as a found scene."""
        rows = self._rows[first:after]
        span = Span(rows[0].span.start_ms, max(row.span.end_ms for row in rows))
        entries = [entry for row in rows for entry in row.entries]
        strengths = np.concatenate([lines.strengths for lines in self._lines[first:after]])
        quoted = evidence_lines(entries, strengths.tolist(), self._question.phrases)
        return FoundScene(
            span=span,
            description=_described(rows, quoted),
            quotes=tuple(e.text for e in quoted),
            score=self._question.scale.score(strength - AGREEMENT),
        )

    def _likeness(self, passage: Passage) -> Floats:
        """Return the mean likeness of the windows that each run overlaps, weighted by the square of the overlap."""
        scale = self._question.scale
        if not passage.windows:
            return np.zeros(len(self.first), np.float32)
        low = np.array([window.first for window in passage.windows])
        high = np.array([window.after for window in passage.windows])
        like = np.array([(window.similarity - scale.mean) / scale.std for window in passage.windows], np.float32)
        shared = np.maximum(0, np.minimum(self.after[:, None], high) - np.maximum(self.first[:, None], low))
        overlap = shared / ((self.after - self.first)[:, None] + (high - low) - shared)
        weight = np.where(overlap >= np.minimum(_SLIGHT, overlap.max(axis=1, keepdims=True)), overlap, 0) ** 2
        mixed: Floats = (weight @ like / np.maximum(weight.sum(axis=1), 1e-9)).astype(np.float32)
        return mixed

    def _words(self) -> Floats:
        """Return the share of the question that each run answers, scored as a text of its own."""
        asked = self._question.words
        column = {word: i for i, word in enumerate(asked.shares)}
        counts = np.zeros((len(self._rows) + 1, len(column)), np.float32)
        lengths = np.zeros(len(self._rows) + 1, np.float32)
        for n, row in enumerate(self._rows, 1):
            for entry in row.entries:
                told = known_words(entry.text)
                weight = _OTHER_SECTION if self._question.sections and entry.section not in self._question.sections else 1.0
                if entry.kind is not TextKind.TIMECODE:
                    lengths[n] += len(told)
                for word in told:
                    if word in column:
                        counts[n, column[word]] += weight
        counts, lengths = counts.cumsum(axis=0), lengths.cumsum()
        of_run = counts[self.after] - counts[self.first]
        length = (lengths[self.after] - lengths[self.first])[:, None]
        share = saturated(of_run, length, asked.average_length) @ np.array(list(asked.shares.values()), np.float32)
        return np.asarray(share, np.float32)

    def _length(self) -> Floats:
        """Return the penalty of each run for its length: none at the usual number of rows, little at half or twice as many."""
        return np.asarray(-0.5 * USUAL_WEIGHT * np.log((self.after - self.first) / USUAL_ROWS) ** 2, np.float32)

    def _lines_of_runs(self, of: Callable[[RowStrengths], Floats]) -> tuple[Floats, Floats]:
        """Return the maximum and the mean over each run's rows, where a row is as strong as its best line."""
        rows = np.array([of(lines).max() for lines in self._lines], np.float32)
        total = np.concatenate([[0], rows.cumsum()])
        best = _running_max(rows, MOST_ROWS)[self.first, self.after - self.first - 1]
        return best, np.asarray((total[self.after] - total[self.first]) / (self.after - self.first), np.float32)

    def _silence(self, start: Floats, end: Floats) -> Floats:
        """Return the penalty of each run for its longest pause without any entry."""
        gaps = np.maximum(0, np.append(start[1:] - np.maximum.accumulate(end)[:-1], 0))
        inner = self.after - self.first - 1
        longest = np.where(inner > 0, _running_max(gaps.astype(np.float32), MOST_ROWS)[self.first, np.maximum(inner, 1) - 1], 0)
        return np.asarray(np.minimum(longest / PAUSE_S, MOST_OF_A_PAUSE), np.float32)

    def _share(self, holds: Callable[[Row], bool]) -> Floats:
        """Return the share of each run's rows for which `holds` is true, 0 to 1."""
        count = np.cumsum([0, *map(holds, self._rows)])
        return np.asarray((count[self.after] - count[self.first]) / (self.after - self.first), np.float32)

    def _is_hinted(self, row: Row) -> bool:
        """Return whether a row has an entry of a section that the question asks for."""
        return any(entry.section in self._question.sections for entry in row.entries)

    def _quoting(self) -> NDArray[np.bool_]:
        """Return which runs contain every quoted phrase."""
        places = [(n, entry) for n, row in enumerate(self._rows) for entry in row.entries]
        entries = [entry for _, entry in places]
        every = np.ones(len(self.first), np.bool_)
        for phrase in self._question.phrases:
            held = np.zeros(len(self.first), np.bool_)
            for first, last in occurrences(phrase, entries):
                held |= (self.first <= places[first][0]) & (self.after > places[last][0])
            every &= held
        return every


def _is_described(row: Row) -> bool:
    """Return whether a row describes the picture; measurements (colours, motion) are no description."""
    return any(entry.section is Section.VISUAL_INFO and not entry.measured for entry in row.entries)


def _running_max(values: Floats, width: int) -> Floats:
    """Return the maximum of the rows i to i + j at [i, j], shape (rows, width)."""
    padded = np.concatenate([values, np.full(width - 1, -np.inf, np.float32)])
    return np.asarray(np.maximum.accumulate(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1), np.float32)


def _described(rows: Sequence[Row], quoted: Sequence[Entry]) -> str:
    """Describe the run in one line: its quoted lines, and its first shot where shots are described."""
    shown = [entry.text for row in rows for entry in row.entries if entry.section is Section.VISUAL_INFO and not entry.measured]
    lines = dict.fromkeys(one_line(text) for text in [*(entry.text for entry in quoted), *shown[:1]])
    line = " · ".join(lines)
    return line if len(line) <= _DESCRIPTION else line[: _DESCRIPTION - 1].rstrip() + "…"
