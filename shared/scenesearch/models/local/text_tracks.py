"""Follow lines of text through time: one track for each line while it is on screen."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from scenesearch.models.local.text_changes import Gray, Memory, likeness
from scenesearch.models.local.text_reader import Box, Picture, Place, Reading, TextReader
from scenesearch.models.local.timecodes import is_timecode

_SAME_PLACE = 0.4
"""The intersection over union (0 to 1) from which a found line is at the place of a tracked one."""

_MARGIN = 0.01
"""How much the part that is read extends beyond a tracked line, as a fraction of the screen."""

_SAME_LOOK = 0.9
"""The likeness (`text_changes.likeness`, -1 to 1) from which a line looks unchanged and need not be read again."""

_SAME_TEXT = 0.8
"""The similarity of letters (`SequenceMatcher.ratio`, 0 to 1) from which two readings are one text."""

_SAME_SHAKY_TEXT = 0.6
"""The same limit where digits need not agree, since one of the readings is unsure."""

_READABLE = 0.6
"""The score (0 to 1) of the recogniser below which a reading is ignored."""

_SURE = 0.93
"""The score (0 to 1) of the recogniser from which a reading is sure: it is not repeated, and its digits count."""

_REREADS = 3
"""How often an unsure line is read again."""

_TIMECODE_EVERY_MS = 2000
"""How often a running timecode is read, in milliseconds: its seconds are computed between two readings."""

_MISREAD_MS = 3000
"""How long a running timecode may be misread, in milliseconds, before it has ended."""


@dataclass(slots=True)
class Track:
    """One line of text while it is on screen; times in milliseconds from the start of the clip."""

    box: Box
    vertical: bool
    reading: Reading
    look: Gray
    start_ms: int
    seen_ms: int
    end_ms: int | None = None
    sightings: int = 1
    rereads: int = 0
    clock: list[tuple[int, str]] = field(default_factory=list)
    """Readings of a running timecode."""

    @property
    def is_clock(self) -> bool:
        """Whether the line is a running timecode."""
        return bool(self.clock)

    def improve(self, reading: Reading) -> bool:
        """Take over the new reading if it is surer, or longer and as sure (to two decimals); return whether it was taken over."""
        better = (round(reading.score, 2), len(reading.text)) > (round(self.reading.score, 2), len(self.reading.text))
        if better:
            self.reading = reading
        return better


class TextTracker:
    """Follows lines from picture to picture. `tracks` has all lines that were ever shown, including those that have ended."""

    def __init__(self, reader: TextReader, memory: Memory) -> None:
        self._reader = reader
        self._memory = memory
        self._standing: list[Track] = []
        self.tracks: list[Track] = []

    def still(self, at_ms: int) -> None:
        """Note that nothing changed: every line is still on screen."""
        for track in self._standing:
            track.seen_ms = at_ms

    def part_to_look_at(self, changed: Box) -> Box:
        """Return the changed part, enlarged until its border cuts no line that is on screen."""
        part = changed
        while True:
            cut = [t.box for t in self._standing if t.box.shared(part) > 0 and not part.holds(t.box)]
            if not cut:
                return part
            for box in cut:
                part = part.hull(box.grown(_MARGIN))

    def look(self, at_ms: int, picture: Picture, small: Gray, places: Sequence[Place], within: Box | None) -> None:
        """Update the tracks from the lines that the detector found at `at_ms`, in the part `within` or everywhere."""
        unexplained: list[tuple[Place, Track | None]] = []
        still: set[int] = set()  # tracks that a place has been found for
        for place in places:
            track = self._at(place.box, still)
            if track is None or self._must_read(track, place, small, at_ms):
                unexplained.append((place, track))
                if track is not None:
                    still.add(id(track))
            else:
                still.add(id(track))
                self._seen(track, at_ms)
        readings = self._reader.read(picture, [place for place, _ in unexplained])
        for (place, track), reading in zip(unexplained, readings, strict=True):
            self._take(at_ms, small, place, track, reading, still)
        for track in list(self._standing):
            if track.seen_ms < at_ms:
                outside = within is not None and within.shared(track.box) == 0
                if outside or self._stands(track, picture, small, at_ms):
                    self._seen(track, at_ms)
                else:
                    self._end(track, at_ms)

    def finish(self, end_ms: int) -> list[Track]:
        """End the tracks that are still on screen, and return all tracks in order of time."""
        for track in self._standing:
            track.end_ms = end_ms
        self._standing = []
        return sorted(self.tracks, key=lambda t: (t.start_ms, t.box.top, t.box.left))

    def _at(self, box: Box, taken: set[int]) -> Track | None:
        best = max((t for t in self._standing if id(t) not in taken), key=lambda t: t.box.iou(box), default=None)
        return best if best is not None and best.box.iou(box) >= _SAME_PLACE else None

    def _stands(self, track: Track, picture: Picture, small: Gray, at_ms: int) -> bool:
        """Return whether a line that the detector missed is still on screen."""
        if not track.is_clock:
            return likeness(track.look, track.box.cut(small)) >= _SAME_LOOK
        (reading,) = self._reader.read(picture, [Place.upright(track.box, picture)])
        return is_timecode(reading.text) and self._ticks(track, reading, at_ms)

    def _ticks(self, track: Track, reading: Reading, at_ms: int) -> bool:
        """Add a reading of a running timecode; return False when it has been misread for too long."""
        if is_timecode(reading.text):
            track.clock.append((at_ms, reading.text))
        elif at_ms - track.clock[-1][0] > _MISREAD_MS:
            return False
        self._seen(track, at_ms)
        return True

    def _must_read(self, track: Track, place: Place, small: Gray, at_ms: int) -> bool:
        if track.is_clock:
            return at_ms - track.clock[-1][0] >= _TIMECODE_EVERY_MS
        if track.reading.score < _SURE and track.rereads < _REREADS:
            return True
        return likeness(track.look, track.box.cut(small)) < _SAME_LOOK

    def _take(self, at_ms: int, small: Gray, place: Place, track: Track | None, reading: Reading, taken: set[int]) -> None:
        if track is not None:
            track.rereads += 1
            if track.is_clock and self._ticks(track, reading, at_ms):
                return
            if not track.is_clock and (reading.score < _READABLE or same_reading(track.reading, reading)):
                if track.improve(reading):
                    track.box, track.look = place.box, place.box.cut(small).copy()
                self._seen(track, at_ms)
                return
            new = (place.box, place.box.cut(small)) if reading.score >= _READABLE else None
            self._end(track, at_ms, new)
        if reading.score < _READABLE or not reading.text:
            return
        moved = self._moved(place, reading, taken)
        if moved is not None:
            moved.improve(reading)
            moved.box, moved.look = place.box, place.box.cut(small).copy()
            self._seen(moved, at_ms)
            return
        before = track.end_ms if track is not None and track.end_ms is not None else 0
        look = place.box.cut(small).copy()
        start = self._memory.came(place.box, look, at_ms, before)
        fresh = Track(place.box, place.vertical, reading, look, start, at_ms)
        if is_timecode(reading.text):
            fresh.clock.append((at_ms, reading.text))
        self._standing.append(fresh)
        self.tracks.append(fresh)

    def _moved(self, place: Place, reading: Reading, taken: set[int]) -> Track | None:
        """Return the track of a line that scrolls or slides: the same text, of similar height, moved by under a quarter screen."""
        for track in self._standing:
            if id(track) in taken or track.is_clock:
                continue
            near = abs(track.box.center[0] - place.box.center[0]) < 0.25 and abs(track.box.center[1] - place.box.center[1]) < 0.25
            alike = track.box.height * 0.7 < place.box.height < track.box.height * 1.4
            if near and alike and same_text(track.reading.text, reading.text):
                taken.add(id(track))
                return track
        return None

    def _seen(self, track: Track, at_ms: int) -> None:
        track.seen_ms = at_ms
        track.sightings += 1

    def _end(self, track: Track, at_ms: int, new: tuple[Box, Gray] | None = None) -> None:
        """End a track that is no longer on screen at `at_ms`; `new` is the line that replaced it, if any."""
        if new is None:
            track.end_ms = self._memory.went(track.box, track.look, track.seen_ms, at_ms)
        else:
            track.end_ms = self._memory.turned((track.box, track.look), new, track.seen_ms, at_ms)
        self._standing.remove(track)


def same_reading(a: Reading, b: Reading) -> bool:
    """Return whether two readings of one place are of one text; digits must agree where both are sure."""
    sure = min(a.score, b.score) >= _SURE
    return same_text(a.text, b.text, digits=sure)


def same_text(a: str, b: str, *, digits: bool = True) -> bool:
    """Return whether two readings are of one text, read twice. With `digits`, all their numbers must agree."""
    x, y = (re.sub(r"[\W_]+", "", t.casefold()) for t in (a, b))
    if not x or not y:
        return x == y
    if digits and re.findall(r"\d+", x) != re.findall(r"\d+", y):
        return False
    return SequenceMatcher(None, x, y, autojunk=False).ratio() >= (_SAME_TEXT if digits else _SAME_SHAKY_TEXT)
