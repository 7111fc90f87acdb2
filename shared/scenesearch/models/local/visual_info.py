"""The local visual info: shots, and what can be measured in them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from scenesearch.config import Settings
from scenesearch.errors import ModelError, Skipped
from scenesearch.media.frames import Frame
from scenesearch.media.isolated import frames_of
from scenesearch.metadata import Entry, Section
from scenesearch.models.local.camera import Motion, SmallGray, camera_words, motion, small_gray
from scenesearch.models.local.colours import brightness_words, colour_words
from scenesearch.models.local.digest import telling_lines
from scenesearch.models.local.faces import FaceFinder, face_weights, shot_scale
from scenesearch.models.local.keyframes import KeyframeChooser
from scenesearch.models.local.shots import Change, Look, Shot, look, shots
from scenesearch.models.local.text_reader import Box
from scenesearch.models.local.threads import threads
from scenesearch.models.local.vlm import KeyframeDescriber, prompt_version
from scenesearch.ports import ClipInput, Extraction
from scenesearch.timeline import Span
from scenesearch.video import Usage, now

_STEP_MS = 100
"""Milliseconds between two pictures that are measured."""

_WIDEST = 640
"""The most pixels of a picture in width: the width at which faces are looked for."""

_LOOKS_A_SHOT = 8
"""About how many pictures of a shot give its colours and brightness."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
"""The words for counts of faces; from ten on it is "many"."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A picture that was searched for faces and, where there is a vision endpoint, described."""

    at_ms: int
    faces: tuple[Box, ...]
    description: str | None


@dataclass(slots=True)
class _Measures:
    """The measures of one pass over the clip: ten looks a second, the motion before each, the keyframes."""

    looks: list[Look]
    motions: list[Motion]
    keyframes: list[Keyframe]


class LocalVisualInfo:
    """A `SectionExtractor`: one entry a shot, which begins with the description of a vision endpoint where one is set."""

    section = Section.VISUAL_INFO
    wants_audio = False

    def __init__(self, settings: Settings) -> None:
        self._faces = FaceFinder(threads(settings))
        self._describer = KeyframeDescriber(settings) if settings.vlm_url else None

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        """Extract the shots of the clip.

        Raises:
            Skipped: the clip has no picture that can be decoded.
            UnreadableMedia: the clip is not a video.
            ModelError: the deadline passed.
        """
        began = time.process_time()
        if self._describer is not None:
            self._describer.begin()
        measures = self._measure(given, deadline)
        if not measures.looks:
            raise Skipped("the clip has no picture that can be decoded")
        found = shots(measures.looks, max(given.clip.duration_ms, measures.looks[-1].at_ms + 1))
        entries = tuple(_entry(shot, measures) for shot in found)
        usage = Usage(compute_s=round(time.process_time() - began, 3))
        return Extraction(
            entries=entries,
            digest=telling_lines(entries),
            model=self._name(),
            prompt_version=prompt_version() if self._describer else "",
            usage=usage + self._describer.usage if self._describer else usage,
        )

    def _name(self) -> str:
        parts = ["measured shots", FaceFinder.name if face_weights() else "no face model"]
        return " + ".join([*parts, self._describer.outcome] if self._describer else parts)

    def _measure(self, given: ClipInput, deadline: datetime) -> _Measures:
        measures = _Measures([], [], [])
        chooser = KeyframeChooser()
        before: SmallGray | None = None
        with given.store.as_file(given.clip.object_name) as path, path.open("rb") as source:
            for frame in frames_of(source, interval_ms=_STEP_MS, max_width=_WIDEST):
                if now() > deadline:
                    raise ModelError(f"the shots of {given.clip.object_name} were not measured in time")
                seen, gray = look(max(0, frame.at_ms), frame.image), small_gray(frame.image)
                measures.looks.append(seen)
                measures.motions.append(motion(before, gray) if before is not None else Motion(0, 0, 0, 0))
                before = gray
                if chooser.wants(seen):
                    measures.keyframes.append(self._keyframe(frame, given, deadline))
        return measures

    def _keyframe(self, frame: Frame, given: ClipInput, deadline: datetime) -> Keyframe:
        description = self._describer.describe(frame.image, given, deadline) if self._describer is not None else None
        return Keyframe(max(0, frame.at_ms), tuple(self._faces.faces(frame.image)), description)


def _entry(shot: Shot, measures: _Measures) -> Entry:
    inside = [i for i, item in enumerate(measures.looks) if shot.start_ms <= item.at_ms < shot.end_ms]
    keyframes = [k for k in measures.keyframes if shot.start_ms <= k.at_ms < shot.end_ms]
    faces = max((k.faces for k in keyframes), key=lambda found: found[0].height if found else 0.0, default=())
    parts = [*_descriptions(keyframes), *_people(faces, most=max((len(k.faces) for k in keyframes), default=0))]
    parts += _pictures([measures.looks[i] for i in inside])
    parts.append(camera_words([measures.motions[i] for i in inside[1:]]))
    parts.append(_begun(shot))
    return Entry(
        section=Section.VISUAL_INFO,
        span=Span(shot.start_ms, shot.end_ms),
        text="; ".join(parts),
        subject_scale=round(faces[0].height, 2) if faces else None,
        measured=not any(keyframe.description for keyframe in keyframes),
    )


def _descriptions(keyframes: Sequence[Keyframe]) -> list[str]:
    """Return the endpoint's descriptions of the shot, each once."""
    return list(dict.fromkeys(k.description for k in keyframes if k.description))


def _people(faces: Sequence[Box], most: int) -> list[str]:
    if not faces:
        return []
    count = _NUMBERS[most] if most < len(_NUMBERS) else "many"
    return [f"{shot_scale(faces)} of {count} face{'s' if most > 1 else ''}" if most == 1 else f"{shot_scale(faces)}, {count} faces"]


def _pictures(looks: Sequence[Look]) -> list[str]:
    chosen = looks[:: max(1, len(looks) // _LOOKS_A_SHOT)]
    if not chosen:
        return []
    colours = colour_words([item.small for item in chosen])
    brightness = brightness_words(float(np.mean([item.brightness for item in chosen])))
    return [brightness, "colours: " + ", ".join(colours)] if colours else [brightness]


def _begun(shot: Shot) -> str:
    return "shot" if shot.begins is Change.START else f"shot after a {shot.begins}"
