"""Moments: windows of consecutive entries, the unit of the index."""

from __future__ import annotations

from collections.abc import Iterable

from scenesearch.metadata import Entry, in_time
from scenesearch.ports import Moment
from scenesearch.video import Video

WINDOW = 5
"""Entries a moment holds; neighbouring moments share all but one."""


def moments_of(video: Video, chunk: int, entries: Iterable[Entry]) -> list[Moment]:
    """The moments of one chunk, in order of time: every run of `WINDOW` entries, or one of all when there are fewer."""
    ordered = in_time(entries)
    starts = range(max(1, len(ordered) - WINDOW + 1)) if ordered else range(0)
    return [
        Moment(
            ref=video.ref,
            collection=video.collection,
            language=video.language,
            chunk=chunk,
            number=number,
            entries=tuple(ordered[start : start + WINDOW]),
        )
        for number, start in enumerate(starts)
    ]
