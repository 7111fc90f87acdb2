"""Moments, the unit of the index: windows of consecutive rows, and the rows that they are made of.

A row holds the entries of (nearly) the same span side by side; scenes begin and end with rows. A passage is a run of rows with the
moments that it was found by: what a reader is shown.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from pydantic import TypeAdapter

from scenesearch.metadata import Entry, Section, TextKind, in_time
from scenesearch.timeline import Span, hull
from scenesearch.video import Video, VideoRef, base_language

SAME_MS = 50
"""Entries whose starts and ends differ by less stand side by side."""

LONGEST_ROW = 4_000
"""Characters a row may hold; an entry that is longer alone is cut for the index, further entries begin another row."""

LONGEST_TEXT = 1_500
"""Characters of the text that a vector is made of."""

WINDOW = 5
"""Rows a moment holds; measured together with `STRIDE`."""
STRIDE = 2
"""Rows a moment holds, and by how many the next one begins later (measured: `docs/decisions`)."""

_TIMECODES_MS = 10_000
"""Milliseconds of burned-in clock that make one row where nothing else is."""


@dataclass(frozen=True, slots=True)
class Row:
    """Entries side by side. `span` is theirs; a burned-in clock that runs meanwhile does not widen it.

    `vectors`: one an entry, 8 bits a number (`ranking/lines.py`), empty for what says nothing alone; or none at all, where the index
    was made without them.
    """

    span: Span
    entries: tuple[Entry, ...]
    vectors: tuple[bytes, ...] = ()

    def keeping(self, admitted: Callable[[Entry], bool]) -> Row:
        """The row with only those entries, and their vectors, that are admitted."""
        kept = [n for n, entry in enumerate(self.entries) if admitted(entry)]
        vectors = tuple(self.vectors[n] for n in kept) if self.vectors else ()
        return Row(self.span, tuple(self.entries[n] for n in kept), vectors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The unit of the index: a window of consecutive rows of one chunk, from its row `first_row` on. `number` counts within the chunk.

    Where something is written on the screen while other things are said or seen, the same rows are two moments, one of them `written`,
    so that neither drowns the other. `text` is what its vector is made of; `entries` are those it can be found by.
    """

    ref: VideoRef
    collection: str
    language: str | None
    chunk: int
    number: int
    first_row: int
    rows: tuple[Row, ...]
    written: bool = False

    @property
    def text(self) -> str:
        """What its vector is made of: what is written, or else what is said and seen."""
        if self.written:
            return written_text(self.rows)
        return narrative_text(self.rows) or written_text(self.rows) or any_text(self.rows)

    @property
    def span(self) -> Span:
        """From its first row to its last."""
        return hull(row.span for row in self.rows)

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries that it can be found by, in order of time."""
        return tuple(entry for row in self.rows for entry in row.entries if is_written(entry) or not self.written)


@dataclass(frozen=True, slots=True)
class Window:
    """The rows `first` to before `after` of a passage as one moment of the index, and its cosine with the question."""

    first: int
    after: int
    similarity: float


@dataclass(frozen=True, slots=True)
class Passage:
    """Consecutive rows of a video in order of time, and the moments of the index that they were found by."""

    rows: tuple[Row, ...]
    windows: tuple[Window, ...] = ()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The entries of its rows, in order of time."""
        return tuple(entry for row in self.rows for entry in row.entries)


def rows_of(entries: Iterable[Entry]) -> list[Row]:
    """The rows of `entries`, in order of time and the same on every run.

    Readings of a burned-in clock (about one a second) make no rows of their own where anything else is: they go to the row that
    they fall into, so that they can be found without crowding out what is said and shown.
    """
    ordered = [_bounded(entry) for entry in in_time(entries) if entry.text.strip()]
    rows: list[_Open] = []
    for entry in ordered:
        if entry.kind is not TextKind.TIMECODE:
            if rows and rows[-1].beside(entry):
                rows[-1].add(entry)
            else:
                rows.append(_Open(entry))
    starts = [row.span.start_ms for row in rows]
    loose: list[_Open] = []
    for entry in ordered:
        if entry.kind is TextKind.TIMECODE:
            row = _around(entry, rows, starts)
            if row is not None:
                row.add(entry, widen=False)
            elif loose and loose[-1].follows(entry):
                loose[-1].add(entry)
            else:
                loose.append(_Open(entry))
    closed = [Row(row.span, tuple(row.entries)) for row in rows + loose]
    return sorted(closed, key=lambda row: (row.span, row.entries[0].section, row.entries[0].text))


def moments_of(video: Video, chunk: int, entries: Iterable[Entry]) -> list[Moment]:
    """The moments of one chunk, in order of time: every `STRIDE`th run of `WINDOW` rows, the last one flush with the end."""
    rows = rows_of(entries)
    moments: list[Moment] = []
    for first in _starts(len(rows)):
        window = tuple(rows[first : first + WINDOW])
        both = bool(narrative_text(window) and written_text(window))
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


def lines_of(moments: Sequence[Moment]) -> list[str]:
    """The distinct texts of the entries that say something alone, as far as a vector is made of them: not clocks, not measurements."""
    entries = (entry for moment in moments for row in moment.rows for entry in row.entries)
    return list(dict.fromkeys(entry.text[:LONGEST_TEXT] for entry in entries if is_narrative(entry) or is_written(entry)))


def with_line_vectors(moments: Sequence[Moment], vectors: Mapping[str, bytes]) -> list[Moment]:
    """The moments with the vectors of their entries, given by the texts of `lines_of`."""
    known: dict[int, Row] = {}
    for moment in moments:
        for number, row in enumerate(moment.rows, moment.first_row):
            if number not in known:
                known[number] = replace(row, vectors=tuple(vectors.get(entry.text[:LONGEST_TEXT], b"") for entry in row.entries))
    return [replace(m, rows=tuple(known[number] for number in range(m.first_row, m.first_row + len(m.rows)))) for m in moments]


def packed(moments: Sequence[Moment]) -> bytes:
    """The moments of one chunk with their entries, each row once: what every index stores of them beside vectors and words."""
    numbered = {moment.first_row + i: row for moment in moments for i, row in enumerate(moment.rows)}
    places = {number: place for place, number in enumerate(sorted(numbered))}
    rows = tuple(numbered[number] for number in places)
    windows = np.array([(m.first_row, places[m.first_row], len(m.rows), m.written) for m in moments], np.int32).tobytes()
    texts = _ROWS.dump_json(rows, exclude_defaults=True, exclude={"__all__": {"vectors"}})
    vectors = [vector for row in rows for vector in row.vectors or (b"",) * len(row.entries)]
    lines = b"\0" + np.array([len(vector) for vector in vectors], np.uint16).tobytes() + b"".join(vectors) if any(vectors) else b""
    return zlib.compress(len(moments).to_bytes(4, "big") + windows + texts + lines)


def unpacked(stored: bytes, ref: VideoRef, chunk: int, collection: str, language: str | None) -> list[Moment]:
    """The moments of a chunk as `packed` has stored them; where they belong is known to whoever stored them."""
    raw = zlib.decompress(stored)
    rows_at = 4 + 16 * int.from_bytes(raw[:4], "big")
    texts_end = raw.find(b"\0", rows_at)  # which JSON never holds
    rows = _ROWS.validate_json(raw[rows_at : texts_end if texts_end >= 0 else None])
    if texts_end >= 0:
        rows = _with_vectors(rows, raw[texts_end + 1 :])
    windows = np.frombuffer(raw[4:rows_at], np.int32).reshape(-1, 4).tolist()
    return [
        Moment(
            ref=ref, collection=collection, language=language, chunk=chunk,
            number=number, first_row=first, rows=rows[at : at + count], written=bool(written),
        )
        for number, (first, at, count, written) in enumerate(windows)
    ]  # fmt: skip


def _with_vectors(rows: Sequence[Row], lines: bytes) -> tuple[Row, ...]:
    """The rows with the vectors of their entries: lengths (two bytes each), then the vectors themselves."""
    count = sum(len(row.entries) for row in rows)
    ends = (2 * count + np.cumsum(np.frombuffer(lines, np.uint16, count), dtype=np.int64)).tolist()
    vectors = iter([lines[start:end] for start, end in zip([2 * count, *ends], ends, strict=False)])
    return tuple(replace(row, vectors=tuple(next(vectors) for _ in row.entries)) for row in rows)


def narrative_text(rows: Sequence[Row]) -> str:
    """What is said and seen, and captions: what a moment's vector is made of. Signs, slides and menus have one of their own."""
    return _shortened([entry.text for row in rows for entry in row.entries if is_narrative(entry)])


def written_text(rows: Sequence[Row]) -> str:
    """What stands on the screen beside captions and clocks."""
    return _shortened([entry.text for row in rows for entry in row.entries if is_written(entry)])


def any_text(rows: Sequence[Row]) -> str:
    """Whatever there is, down to measurements and clocks."""
    return _shortened([entry.text for row in rows for entry in row.entries])


def is_narrative(entry: Entry) -> bool:
    """Whether the entry says what happens: speech, what is seen, captions."""
    return entry.kind is TextKind.CAPTION or (entry.section is not Section.TEXTS and not entry.measured)


def is_written(entry: Entry) -> bool:
    """Whether the entry is a text that belongs to the picture: a sign, a slide, a menu."""
    return entry.section is Section.TEXTS and entry.kind not in (TextKind.CAPTION, TextKind.TIMECODE)


def _starts(count: int) -> Iterator[int]:
    last = count - WINDOW
    if last <= 0:
        yield from (0,) * min(count, 1)
        return
    yield from range(0, last, STRIDE)
    yield last


_ROWS = TypeAdapter(tuple[Row, ...])


class _Open:
    """A row that is still growing."""

    def __init__(self, entry: Entry) -> None:
        self.span = entry.span
        self.entries = [entry]
        self._size = len(entry.text)

    def add(self, entry: Entry, *, widen: bool = True) -> None:
        self.entries.append(entry)
        self._size += len(entry.text)
        if widen:
            self.span = hull((self.span, entry.span))

    def has_room(self, entry: Entry) -> bool:
        return self._size + len(entry.text) <= LONGEST_ROW

    def beside(self, entry: Entry) -> bool:
        near = abs(entry.span.start_ms - self.span.start_ms) < SAME_MS and abs(entry.span.end_ms - self.span.end_ms) < SAME_MS
        return near and self.has_room(entry)

    def follows(self, entry: Entry) -> bool:
        return entry.span.end_ms - self.span.start_ms <= _TIMECODES_MS and self.has_room(entry)


def _around(entry: Entry, rows: list[_Open], starts: list[int]) -> _Open | None:
    """The last row to start among those that the entry falls into; a few back at most."""
    after = bisect_right(starts, entry.span.midpoint_ms)
    for row in reversed(rows[max(0, after - 8) : after]):
        if row.span.contains(entry.span.midpoint_ms) and row.has_room(entry):
            return row
    return None


def _bounded(entry: Entry) -> Entry:
    return entry if len(entry.text) <= LONGEST_ROW else replace(entry, text=entry.text[: LONGEST_ROW - 1] + "…")


def _shortened(texts: Sequence[str]) -> str:
    """The texts in order, without repetitions; long ones cut so that all of them get a hearing."""
    distinct = list(dict.fromkeys(texts))
    left = LONGEST_TEXT
    room: dict[str, int] = {}
    for number, text in enumerate(sorted(distinct, key=len)):
        room[text] = min(len(text), left // (len(distinct) - number))
        left -= room[text]
    return " ".join(text[: room[text]] for text in distinct if room[text])[:LONGEST_TEXT]
