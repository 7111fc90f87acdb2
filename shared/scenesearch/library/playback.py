"""How a browser plays a video: the original, or its clips one after the other where browsers cannot read the original, or not soon."""

from __future__ import annotations

from pydantic import BaseModel

from scenesearch.ports import Catalog
from scenesearch.video import Video

_CONTAINERS = frozenset({"mov", "mp4", "matroska", "webm"})
_VIDEO = frozenset({"h264", "vp8", "vp9", "av1"})
_AUDIO = frozenset({None, "aac", "mp3", "opus", "vorbis", "flac"})


LONG_MS = 30 * 60_000
"""From here on the clips are played: before a browser shows the first picture of a file it reads the index of all of it, which is
4 MB for two hours, and the index of one clip is small.
"""


class Piece(BaseModel):
    """A clip to play from `start` (seconds on the video's clock) for `duration` seconds."""

    chunk: int
    start: float
    duration: float


class Playback(BaseModel):
    """`pieces` empty: play `media` itself."""

    pieces: list[Piece] = []


def playback(video: Video, catalog: Catalog) -> Playback:
    """What to play. A video whose clips are not cut yet is played from its original, which may or may not work."""
    media = video.media
    if media is None:
        return Playback()
    readable = media.container.partition(",")[0] in _CONTAINERS and media.video_codec in _VIDEO and media.audio_codec in _AUDIO
    if readable and media.duration_ms < LONG_MS:
        return Playback()
    chunks = catalog.chunks(video.ref)
    pieces = [
        Piece(chunk=chunk.number, start=clip.start_ms / 1000, duration=clip.duration_ms / 1000)
        for chunk in chunks
        if (clip := chunk.video_clip) is not None
    ]
    return Playback(pieces=[] if readable and len(pieces) < len(chunks) else pieces)
