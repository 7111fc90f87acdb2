"""Turn tracked lines into entries: group lines into texts, describe their position, and classify them by kind."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import SequenceMatcher

from scenesearch.metadata import Entry, Layout, Section, TextKind
from scenesearch.models.local.text_reader import Box
from scenesearch.models.local.text_tracks import Track, same_text
from scenesearch.models.local.timecodes import seconds
from scenesearch.timeline import Span

_FLICKER_MS = 1200
"""The longest time in milliseconds that a text may be gone and still be one text when it comes back."""

_LOST_MS = 3000
"""The longest time in milliseconds that a running clock may be missed and still be one clock when it is found again."""

_PIECE = 0.75
"""The least share of the letters of a shorter line that must be in the longer one for it to be a piece of that."""

_WORD_GAP = 0.6
"""The widest gap between lines of one row: a fraction of the screen width, in units of the line height as a fraction of the screen height.

At 16:9 that is a little more than one letter.
"""

_TOGETHER_MS = 400
"""The most milliseconds between the starts, and between the ends, of lines that form one text."""

_GLIMPSE_MS = 300
"""The duration in milliseconds below which a line is taken for a misreading."""

_LONGEST_CAPTION_MS = 15_000
"""The longest caption in milliseconds: what stays longer is another text."""


def entries(tracks: Sequence[Track]) -> list[Entry]:
    """Return an entry for every text that was shown, in order of time."""
    found: list[Entry] = []
    lines: list[Track] = []
    for track in _without_pauses(tracks):
        clock = seconds(track.clock, track.start_ms, _end(track)) if track.clock else []
        if clock:
            layout = _layout(track.box, vertical=False)
            found += (
                Entry(section=Section.TEXTS, span=Span(start, end), text=text, lines=(text,), layout=layout, kind=TextKind.TIMECODE)
                for start, end, text in clock
            )
        else:
            lines.append(track)
    for group in _groups(_without_doubles([t for t in _without_flicker(lines) if _is_text(t)])):
        found.append(_entry(group))
    return sorted(found, key=lambda e: (e.span, e.text))


def position(box: Box) -> str:
    """Return the position in words of a 3 x 3 grid, or "full screen" from 0.6 of the width and height."""
    if box.width >= 0.6 and box.height >= 0.6:
        return "full screen"
    x, y = box.center
    row = "top" if y < 1 / 3 else "middle" if y < 2 / 3 else "bottom"
    column = "left" if x < 1 / 3 else "center" if x < 2 / 3 else "right"
    return "center" if (row, column) == ("middle", "center") else f"{row} {column}"


def _without_pauses(tracks: Iterable[Track]) -> list[Track]:
    """Join the tracks of a running clock that was lost for a moment."""
    kept: list[Track] = []
    for track in tracks:
        # an overlap (intersection over union) above 0.3 is the same place, here and for flicker
        before = next((t for t in reversed(kept) if t.is_clock and track.is_clock and t.box.iou(track.box) > 0.3), None)
        if before is not None and track.start_ms - _end(before) <= _LOST_MS:
            before.clock += track.clock
            before.end_ms = _end(track)
        else:
            kept.append(track)
    return kept


def _without_doubles(tracks: Sequence[Track]) -> list[Track]:
    """Remove lines that repeat a part of a longer line at the same place: the detector found it twice, or only a piece of it.

    A piece also shows that the longer line is still on screen.
    """
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda t: (-len(_letters(t)), t.start_ms)):
        whole = next((t for t in kept if _part_of(track, t)), None)
        if whole is None:
            kept.append(track)
        else:
            whole.start_ms, whole.end_ms = min(whole.start_ms, track.start_ms), max(_end(whole), _end(track))
    return kept


def _part_of(part: Track, whole: Track) -> bool:
    # at least half of the piece's area and of its time are those of the longer line; a double has up to 0.8 of its letters
    inside = part.box.shared(whole.box) >= 0.5 * part.box.width * part.box.height
    shared_ms = min(_end(part), _end(whole)) - max(part.start_ms, whole.start_ms)
    during = shared_ms >= 0.5 * (_end(part) - part.start_ms) or -_TOGETHER_MS <= shared_ms <= 0
    if not (inside and during):
        return False
    short, long = _letters(part), _letters(whole)
    alike = sum(block.size for block in SequenceMatcher(None, short, long, autojunk=False).get_matching_blocks() if block.size > 1)
    return alike >= _PIECE * len(short) and (len(short) < 0.8 * len(long) or shared_ms > 0)


def _letters(track: Track) -> str:
    return re.sub(r"[\W_]+", "", track.reading.text.casefold())


def _without_flicker(tracks: Iterable[Track]) -> list[Track]:
    """Join the tracks of a text that disappeared and came back at once."""
    kept: list[Track] = []
    for track in sorted(tracks, key=lambda t: t.start_ms):
        before = next(
            (
                t
                for t in reversed(kept)
                if 0 <= track.start_ms - _end(t) <= _FLICKER_MS
                and t.box.iou(track.box) > 0.3
                and same_text(t.reading.text, track.reading.text)
            ),
            None,
        )
        if before is None:
            kept.append(track)
        else:
            before.end_ms = _end(track)
            before.sightings += track.sightings
            before.improve(track.reading)
    return kept


def _is_text(track: Track) -> bool:
    """Return whether this is real text rather than a pattern that looks like letters.

    The fewer letters, the surer the recogniser must be (0 to 1); a single letter must also last a second, and be a digit or large.
    """
    letters = _letters(track)
    duration = _end(track) - track.start_ms
    if not letters or duration < _GLIMPSE_MS:
        return False
    if len(letters) == 1:
        return track.reading.score >= 0.97 and duration >= 1000 and (letters.isdigit() or track.box.height > 0.1)
    if len(letters) <= 3:
        return track.reading.score >= 0.85
    return track.reading.score >= (0.75 if track.sightings > 1 else 0.85)


def _groups(tracks: Sequence[Track]) -> Iterator[list[Track]]:
    """Group lines that appeared and disappeared together and are next to each other."""
    groups: list[list[Track]] = []
    for track in sorted(tracks, key=lambda t: (t.start_ms, t.box.top)):
        matching = [g for g in groups if any(_together(track, other) for other in g)]
        merged = [track, *(t for g in matching for t in g)]
        groups = [g for g in groups if not any(g is m for m in matching)]
        groups.append(merged)
    yield from groups


def _together(a: Track, b: Track) -> bool:
    """Return whether two lines form one text: same time, similar size, close, and aligned.

    Columns are at most 2.2 widths apart; lines of text have heights of at least 0.55 of each other and a gap below 0.9 of the
    smaller height; 0.3 of the shorter one must lie beside the other.
    """
    if abs(a.start_ms - b.start_ms) > _TOGETHER_MS or abs(_end(a) - _end(b)) > _TOGETHER_MS or a.vertical != b.vertical:
        return False
    if a.vertical:
        return (
            abs(a.box.center[0] - b.box.center[0]) < 2.2 * max(a.box.width, b.box.width)
            and _overlap((a.box.top, a.box.bottom), (b.box.top, b.box.bottom)) > 0.3
        )
    size = min(a.box.height, b.box.height) / max(a.box.height, b.box.height)
    gap = max(a.box.top, b.box.top) - min(a.box.bottom, b.box.bottom)
    below = (
        size > 0.55 and gap < 0.9 * min(a.box.height, b.box.height) and _overlap((a.box.left, a.box.right), (b.box.left, b.box.right)) > 0.3
    )
    return below or _same_row(a.box, b.box)


def _same_row(a: Box, b: Box) -> bool:
    """Return whether two lines share one row: they overlap by more than 0.6 of the smaller height, with a gap of about a letter."""
    apart = max(a.left, b.left) - min(a.right, b.right)
    return _overlap((a.top, a.bottom), (b.top, b.bottom)) > 0.6 and apart < _WORD_GAP * max(a.height, b.height)


def _overlap(a: tuple[float, float], b: tuple[float, float]) -> float:
    """Return the share of the shorter range that lies in the other; below 0 when they are apart."""
    return (min(a[1], b[1]) - max(a[0], b[0])) / max(1e-6, min(a[1] - a[0], b[1] - b[0]))


def _entry(group: list[Track]) -> Entry:
    vertical = group[0].vertical
    lines = _lines(group, vertical=vertical)
    box = group[0].box
    for track in group[1:]:
        box = box.hull(track.box)
    span = Span(min(t.start_ms for t in group), max(_end(t) for t in group))
    kind = TextKind.CAPTION if _is_caption(box, span, lines, vertical=vertical) else TextKind.TEXT
    return Entry(section=Section.TEXTS, span=span, text=" / ".join(lines), lines=lines, layout=_layout(box, vertical=vertical), kind=kind)


def _lines(group: list[Track], *, vertical: bool) -> tuple[str, ...]:
    """Return the lines in reading order: rows from the top, each from the left; vertical columns from the right."""
    if vertical:
        return tuple(t.reading.text for t in sorted(group, key=lambda t: -t.box.center[0]))
    rows: list[list[Track]] = []
    for track in sorted(group, key=lambda t: t.box.center[1]):
        # lines whose heights overlap by more than 0.6 of the smaller one are one row
        row = next((r for r in rows if _overlap((r[0].box.top, r[0].box.bottom), (track.box.top, track.box.bottom)) > 0.6), None)
        if row is None:
            rows.append([track])
        else:
            row.append(track)
    return tuple(" ".join(t.reading.text for t in sorted(row, key=lambda t: t.box.left)) for row in rows)


def _is_caption(box: Box, span: Span, lines: Sequence[str], *, vertical: bool) -> bool:
    """Return whether this is a caption: a short text, low in the middle, that comes and goes.

    As fractions of the screen: below 0.7 of its height, lines lower than 0.085, centred to within 0.12 of its width. At most three
    lines, with at least four letters in all, for at most 15 seconds.
    """
    x, _ = box.center
    low = box.top > 0.7 and box.height / len(lines) < 0.085
    words = sum(c.isalpha() for line in lines for c in line) >= 4
    return not vertical and low and abs(x - 0.5) < 0.12 and len(lines) <= 3 and span.duration_ms <= _LONGEST_CAPTION_MS and words


def _layout(box: Box, *, vertical: bool) -> Layout:
    return Layout(
        position=position(box),
        box=(round(box.left, 3), round(box.top, 3), round(box.width, 3), round(box.height, 3)),
        direction="vertical" if vertical else "horizontal",
    )


def _end(track: Track) -> int:
    return max(track.start_ms + 1, track.end_ms if track.end_ms is not None else track.seen_ms)
