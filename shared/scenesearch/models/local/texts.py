"""The local texts section: one entry for each text on the screen, for as long as it is shown."""

from __future__ import annotations

import time
from datetime import datetime

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped
from scenesearch.media.isolated import frames_of
from scenesearch.metadata import Section
from scenesearch.models.local.digest import telling_lines
from scenesearch.models.local.text_changes import Gray, Memory, changed_part, gray
from scenesearch.models.local.text_entries import entries
from scenesearch.models.local.text_reader import Box, TextReader
from scenesearch.models.local.text_tracks import TextTracker
from scenesearch.models.local.threads import threads
from scenesearch.ports import ClipInput, Extraction
from scenesearch.video import Usage, now

_STEP_MS = 100
"""Milliseconds between two pictures that are stored to find when a text appeared or disappeared."""

_LOOK_EVERY_MS = 500
"""Milliseconds between two pictures that are searched for text."""

_WIDEST = 1920
"""The most pixels of a picture in width: larger ones are scaled down."""

_SIDE = 768
"""The longer side in pixels at which a large changed part is searched while the picture still changes."""

_FINE_SIDE = 1280
"""The longer side in pixels at which small parts, and pictures that have settled, are searched."""

_LARGE_PART = 0.5
"""The share of the screen above which a changed part is large, and the whole picture is searched instead."""


class LocalTexts:
    """A `SectionExtractor`: captions, other writing and burned-in timecode.

    Every half second the picture is compared with the last one that was searched; the detector sees only the part that changed, and only
    lines that look different are read. Ten small grey pictures a second show when a text appeared or disappeared.
    """

    section = Section.TEXTS
    wants_audio = False

    def __init__(self, settings: Settings) -> None:
        self._reader = TextReader(threads(settings))

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """Extract the texts on the screen of the clip.

        Raises:
            Skipped: the clip has no picture that can be decoded.
            UnreadableMedia: the clip is not a video.
            ModelError: the deadline passed.
        """
        began = time.process_time()
        memory = Memory.empty()
        tracker = TextTracker(self._reader, memory)
        looked: Gray | None = None
        settled = False
        due_ms = last_ms = -1
        with given.store.as_file(given.clip.object_name) as path, path.open("rb") as source:
            for frame in frames_of(source, interval_ms=_STEP_MS, max_width=_WIDEST):
                last_ms = max(0, frame.at_ms)
                small = gray(frame.image)
                memory.add(last_ms, small)
                if last_ms < due_ms:
                    continue
                due_ms = last_ms + _LOOK_EVERY_MS
                if now() > deadline:
                    raise ModelError(f"the texts of {given.clip.object_name} were not read in time")
                whole = Box(0, 0, 1, 1)
                changed = whole if looked is None or looked.shape != small.shape else changed_part(looked, small)
                if changed is None and settled:
                    tracker.still(last_ms)
                    continue
                settled = changed is None  # it stands still now: look once more, finely
                part = tracker.part_to_look_at(changed) if changed else whole
                large = part.width * part.height > _LARGE_PART
                places = self._reader.places(frame.image, _FINE_SIDE if settled or not large else _SIDE, None if large else part)
                tracker.look(last_ms, frame.image, small, places, None if large else part)
                looked = small
        if last_ms < 0:
            raise Skipped("the clip has no picture that can be decoded")
        found = tuple(entries(tracker.finish(max(given.clip.duration_ms, last_ms + 1))))
        return Extraction(
            entries=found,
            digest=telling_lines(found),
            model=self._reader.name,
            usage=Usage(compute_s=round(time.process_time() - began, 3)),
        )
