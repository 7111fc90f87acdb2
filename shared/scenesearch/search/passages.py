"""Join the strongest moments of a video to passages for a reader, within a budget."""

from __future__ import annotations

from collections.abc import Sequence

from scenesearch.moments import Passage, Row, Window
from scenesearch.ports import Candidate

JOINED_MS = 5_000
"""Milliseconds between two passages below which they become one."""

_Place = tuple[int, int]


def passages_of(candidates: Sequence[Candidate], budget: int) -> tuple[Passage, ...]:
    """Return the rows of the strongest candidates (strongest first) in order of time: whole rows, about `budget` characters at most.

    Rows that follow each other, or nearly, are one passage; each candidate stays visible in it as a window.
    """
    rows: dict[_Place, Row] = {}
    chosen: list[Candidate] = []
    left = budget
    for candidate in candidates:
        moment = candidate.moment
        numbered = enumerate(moment.rows, moment.first_row)
        new = {(moment.chunk, number): row for number, row in numbered if (moment.chunk, number) not in rows}
        cost = sum(len(entry.text) for row in new.values() for entry in row.entries)
        if cost > left and chosen:
            continue
        left -= cost
        rows |= new
        chosen.append(candidate)
    windows: dict[_Place, Window] = {}
    for candidate in sorted(chosen, key=lambda c: c.similarity):  # of two moments of the same rows the more similar one stays
        moment = candidate.moment
        windows[moment.chunk, moment.first_row] = Window(0, len(moment.rows), candidate.similarity)
    return tuple(_passage(run, rows, windows) for run in _runs(sorted(rows), rows))


def _runs(places: Sequence[_Place], rows: dict[_Place, Row]) -> list[list[_Place]]:
    runs: list[list[_Place]] = []
    end = 0
    for place in places:
        row = rows[place]
        follows = bool(runs) and (place == (runs[-1][-1][0], runs[-1][-1][1] + 1) or row.span.start_ms - end < JOINED_MS)
        if follows:
            runs[-1].append(place)
            end = max(end, row.span.end_ms)
        else:
            runs.append([place])
            end = row.span.end_ms
    return runs


def _passage(run: Sequence[_Place], rows: dict[_Place, Row], windows: dict[_Place, Window]) -> Passage:
    within = [Window(first, first + windows[place].after, windows[place].similarity) for first, place in enumerate(run) if place in windows]
    return Passage(tuple(rows[place] for place in run), tuple(within))
