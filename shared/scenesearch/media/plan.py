"""Plan the borders of the chunks before anything is cut. The same file always gives the same plan."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from scenesearch.errors import UnreadableMedia
from scenesearch.media.codecs import COPYABLE_VIDEO
from scenesearch.media.keyframes import Keyframe, Keyframes
from scenesearch.media.probe import examined
from scenesearch.media.source import opened
from scenesearch.timeline import Span
from scenesearch.video import Chunk, MediaInfo

LONGEST_MS = 300_000
"""The longest clip in milliseconds."""

WITHOUT_KEYFRAME = 1.5
"""How many chunk lengths a stretch without a keyframe may last; a longer one is transcoded."""

LONGEST_VIDEO_MS = 7 * 24 * 3600 * 1000
"""The longest video in milliseconds: a week."""

SHORTEST_SHARE = 0.25
"""The share of a chunk length from the last border within which a keyframe is no new border."""

SIZE_MARGIN = 0.95
"""The share of the largest size of a clip that the plan uses, since sizes are estimated before anything is cut."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a video before the first cut: its facts, and chunks that cover it from 0 to its end."""

    media: MediaInfo
    chunks: tuple[Chunk, ...]


def plan(source: BinaryIO, *, chunk_seconds: float, clip_max_bytes: int, audio_track: int | None = None) -> Plan:
    """Plan chunks about `chunk_seconds` long that start at keyframes; where that cannot be, chunks that are to be transcoded.

    Reads only the header of plain MP4 (and a keyframe a border), else around the borders, or all of a file without a sound clock.
    `audio_track` chooses what is heard (1: the first sound track); else it is the one that is spoken on.

    Raises:
        UnreadableMedia: the file is no readable video, or longer than a week.
    """
    with opened(source, audio_track=audio_track) as video:
        media, survey = examined(video, wished=audio_track is not None)
        keyframes = survey.keyframes
        if media.duration_ms > LONGEST_VIDEO_MS:
            raise UnreadableMedia(
                f"the file says that it lasts {media.duration_ms // 3_600_000} hours; at most a week can be searched: cut it first"
            )
        chunk_ms = min(round(chunk_seconds * 1000), LONGEST_MS)
        return Plan(media, tuple(_chunks(keyframes, media, chunk_ms, round(clip_max_bytes * SIZE_MARGIN))))


def _chunks(keyframes: Keyframes, media: MediaInfo, chunk_ms: int, max_bytes: int) -> Iterator[Chunk]:
    number, start, at_keyframe = 0, Keyframe(0, 0), media.video_codec in COPYABLE_VIDEO
    while start.at_ms < media.duration_ms:
        end, copied = _end(keyframes, start, chunk_ms, max_bytes)
        yield Chunk(number=number, span=Span(start.at_ms, end.at_ms), transcode=not (at_keyframe and copied))
        number, start, at_keyframe = number + 1, end, copied


def _end(keyframes: Keyframes, start: Keyframe, chunk_ms: int, max_bytes: int) -> tuple[Keyframe, bool]:
    """Return where the chunk from `start` ends, and whether that is at a keyframe (or the end) and small enough to be copied."""
    longest_ms = min(LONGEST_MS, round(chunk_ms * WITHOUT_KEYFRAME))
    rest = Keyframe(keyframes.duration_ms, keyframes.size_bytes)
    rest_ms = rest.at_ms - start.at_ms
    if rest_ms <= longest_ms and rest.position - start.position <= max_bytes:
        return rest, True
    target_ms = chunk_ms if rest_ms >= WITHOUT_KEYFRAME * chunk_ms else min(chunk_ms, rest_ms // 2)
    exact_ms = target_ms
    while target_ms >= 1000:  # a chunk is not shortened below a second to make it small enough
        found = keyframes.nearest(
            start.at_ms + target_ms, after_ms=start.at_ms + round(target_ms * SHORTEST_SHARE), until_ms=start.at_ms + longest_ms
        )
        if found is None:
            break
        size = found.position - start.position
        if size <= max_bytes:
            return found, True
        target_ms = min(target_ms // 2, round((found.at_ms - start.at_ms) * max_bytes / size * SIZE_MARGIN))
    return Keyframe(start.at_ms + exact_ms, round(start.position + (rest.position - start.position) * exact_ms / rest_ms)), False
