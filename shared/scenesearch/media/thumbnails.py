"""Small pictures of a video on sprite sheets, one sheet a chunk, and the WebVTT that says which part of which sheet is when."""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from scenesearch.media.frames import Frame, frames

WIDTH = 160
COLUMNS = 10
MIN_INTERVAL_MS = 2_000
MAX_A_VIDEO = 120
QUALITY = 70


@dataclass(frozen=True, slots=True)
class Cue:
    """From when to when (milliseconds on the video's clock) which part of the sheet (pixels: x, y, width, height) stands."""

    start_ms: int
    end_ms: int
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class SpriteSheet:
    """The thumbnails of one chunk: a JPEG, and its cues in order of time."""

    jpeg: bytes
    cues: tuple[Cue, ...]


def interval_ms(duration_ms: int) -> int:
    """How far apart the thumbnails of a video are: 2 s or more, and so that there are at most 120."""
    return max(MIN_INTERVAL_MS, -(-duration_ms // MAX_A_VIDEO))


def sprite_sheet(clip: BinaryIO, *, start_ms: int, end_ms: int, apart_ms: int) -> SpriteSheet | None:
    """Thumbnails of the clip's keyframes, upright, for the chunk `[start_ms, end_ms)`; None when no keyframe can be decoded.

    Raises `UnreadableMedia` when the clip is no video.
    """
    from PIL import Image

    shots = list(frames(clip, interval_ms=apart_ms, max_width=WIDTH, keyframes_only=True))
    if not shots:
        return None
    height, width = shots[0].image.shape[:2]
    sheet = Image.new("RGB", (width * min(COLUMNS, len(shots)), height * -(-len(shots) // COLUMNS)))
    boxes = [(number % COLUMNS * width, number // COLUMNS * height, width, height) for number in range(len(shots))]
    for shot, (x, y, _, _) in zip(shots, boxes, strict=True):
        picture = Image.fromarray(shot.image)
        sheet.paste(picture if picture.size == (width, height) else picture.resize((width, height)), (x, y))
    jpeg = io.BytesIO()
    sheet.save(jpeg, "JPEG", quality=QUALITY)
    return SpriteSheet(jpeg.getvalue(), tuple(_cues(shots, boxes, start_ms, end_ms)))


def vtt_cues(sheet: SpriteSheet, image_name: str) -> str:
    """The sheet's part of the WebVTT file; `image_name` is relative to it."""
    return "".join(
        f"{_time(cue.start_ms)} --> {_time(cue.end_ms)}\n{image_name}#xywh={','.join(map(str, cue.box))}\n\n" for cue in sheet.cues
    )


def vtt(parts: Iterable[str]) -> str:
    """The whole WebVTT file of all sheets' parts, in order."""
    return "WEBVTT\n\n" + "".join(parts)


def _cues(shots: list[Frame], boxes: list[tuple[int, int, int, int]], start_ms: int, end_ms: int) -> Iterable[Cue]:
    starts = [start_ms, *(start_ms + shot.at_ms for shot in shots[1:])]
    for start, end, box in zip(starts, [*starts[1:], end_ms], boxes, strict=True):
        if start < end:
            yield Cue(start, end, box)


def _time(at_ms: int) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}.{ms:03}"
