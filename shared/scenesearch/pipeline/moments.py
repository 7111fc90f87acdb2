"""Moments: windows of consecutive rows, the unit of the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from scenesearch.metadata import Entry
from scenesearch.ports import Moment
from scenesearch.rows import rows_of, told_text, written_text
from scenesearch.video import Video, base_language

WINDOW = 5
STRIDE = 2
"""Rows a moment holds, and by how many the next one begins later (measured: `docs/decisions`)."""


def moments_of(video: Video, chunk: int, entries: Iterable[Entry]) -> list[Moment]:
    """The moments of one chunk, in order of time: every `STRIDE`th run of `WINDOW` rows, the last one flush with the end."""
    rows = rows_of(entries)
    moments: list[Moment] = []
    for first in _starts(len(rows)):
        window = tuple(rows[first : first + WINDOW])
        both = bool(told_text(window) and written_text(window))
        for written in (False, True) if both else (False,):
            moments.append(
                Moment(
                    ref=video.ref,
                    collection=video.collection,
                    language=base_language(video.language),
                    chunk=chunk,
                    number=len(moments),
                    first_row=first,
                    rows=window,
                    written=written,
                )
            )
    return moments


def _starts(count: int) -> Iterator[int]:
    last = count - WINDOW
    if last <= 0:
        yield from (0,) * min(count, 1)
        return
    yield from range(0, last, STRIDE)
    yield last
