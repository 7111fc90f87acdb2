"""Moments: windows of consecutive rows, the unit of the index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from scenesearch.metadata import Entry, Section, TextKind
from scenesearch.ports import Moment
from scenesearch.rows import Row, rows_of
from scenesearch.video import Video

WINDOW = 5
STRIDE = 2
"""Rows a moment holds, and by how many the next one begins later (measured: `docs/decisions`)."""

LONGEST_TEXT = 1_500
"""Characters of the text that a moment's vector is made of; each of its entries gets an equal share of what is short."""


def moments_of(video: Video, chunk: int, entries: Iterable[Entry]) -> list[Moment]:
    """The moments of one chunk, in order of time: every `STRIDE`th run of `WINDOW` rows, the last one flush with the end."""
    rows = rows_of(entries)
    return [
        Moment(
            ref=video.ref,
            collection=video.collection,
            language=video.language,
            chunk=chunk,
            number=number,
            first_row=first,
            rows=tuple(rows[first : first + WINDOW]),
            text=_text(rows[first : first + WINDOW]),
        )
        for number, first in enumerate(_starts(len(rows)))
    ]


def _starts(count: int) -> Iterator[int]:
    last = count - WINDOW
    if last <= 0:
        yield from (0,) * min(count, 1)
        return
    yield from range(0, last, STRIDE)
    yield last


def _text(rows: Sequence[Row]) -> str:
    """What is said and seen, and captions; where there is none of it, what is written; where there is not even that, the clock.

    Labels, menus and signs under speech are left to the lexical leg: in the vector they drown what is said.
    """
    entries = [entry for row in rows for entry in row.entries]
    for telling in (_is_told, _is_written, _is_any):
        chosen = [entry.text for entry in entries if telling(entry)]
        if chosen:
            return _bounded(chosen)
    return ""


def _is_told(entry: Entry) -> bool:
    return entry.section is not Section.TEXTS or entry.kind is TextKind.CAPTION


def _is_written(entry: Entry) -> bool:
    return entry.kind is not TextKind.TIMECODE


def _is_any(entry: Entry) -> bool:
    return True


def _bounded(texts: Sequence[str]) -> str:
    """The texts in order, without repetitions; long ones cut so that all of them get a hearing."""
    distinct = list(dict.fromkeys(texts))
    left = LONGEST_TEXT
    room: dict[str, int] = {}
    for number, text in enumerate(sorted(distinct, key=len)):
        room[text] = min(len(text), left // (len(distinct) - number))
        left -= room[text]
    return " ".join(text[: room[text]] for text in distinct if room[text])
