"""The local visual info: shots, and what can honestly be measured in them."""

from __future__ import annotations

import time
from datetime import datetime

import numpy as np

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped
from scenesearch.media.frames import frames
from scenesearch.metadata import Entry, Section
from scenesearch.models.local.camera import Motion, SmallGray, camera_words, motion, small_gray
from scenesearch.models.local.colours import brightness_words, colour_words
from scenesearch.models.local.digest import telling_lines
from scenesearch.models.local.shots import Change, Look, Shot, look, shots
from scenesearch.ports import ClipInput, Extraction
from scenesearch.timeline import Span
from scenesearch.video import Usage, now

_STEP_MS = 100
_WIDEST = 320


class LocalVisualInfo:
    """A `SectionExtractor`: one entry a shot."""

    section = Section.VISUAL_INFO
    wants_audio = False

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """The shots of the clip.

        Raises:
            Skipped: the clip has no picture that can be decoded.
            UnreadableMedia: the clip is no video.
            ModelError: the deadline passed.
        """
        began = time.process_time()
        looks: list[Look] = []
        motions: list[Motion] = []
        before: SmallGray | None = None
        with given.store.as_file(given.clip.object_name) as path, path.open("rb") as source:
            for frame in frames(source, interval_ms=_STEP_MS, max_width=_WIDEST):
                if now() > deadline:
                    raise ModelError(f"the shots of {given.clip.object_name} were not measured in time")
                gray = small_gray(frame.image)
                looks.append(look(max(0, frame.at_ms), frame.image))
                motions.append(motion(before, gray) if before is not None else Motion(0, 0, 0, 0))
                before = gray
        if not looks:
            raise Skipped("the clip has no picture that can be decoded")
        found = shots(looks, max(given.clip.duration_ms, looks[-1].at_ms + 1))
        entries = tuple(_entry(shot, looks, motions) for shot in found)
        return Extraction(
            entries=entries,
            digest=telling_lines(entries),
            model="measured shots",
            usage=Usage(compute_s=round(time.process_time() - began, 3)),
        )


def _entry(shot: Shot, looks: list[Look], motions: list[Motion]) -> Entry:
    inside = [i for i, item in enumerate(looks) if shot.start_ms <= item.at_ms < shot.end_ms]
    chosen = inside[:: max(1, len(inside) // 8)]
    level = float(np.mean([looks[i].brightness for i in chosen]))
    colours = colour_words([looks[i].small for i in chosen])
    words = [brightness_words(level)]
    if colours:
        words.append(" and ".join(colours))
    words.append(camera_words([motions[i] for i in inside[1:]]))
    how = "" if shot.begins is Change.START else f" after a {shot.begins}"
    seconds = (shot.end_ms - shot.start_ms) / 1000
    return Entry(section=Section.VISUAL_INFO, span=Span(shot.start_ms, shot.end_ms), text=f"{seconds:.1f} s shot{how}: {'; '.join(words)}")
