"""How a browser plays a video: the original, or its clips one after the other where browsers cannot read the original."""

from __future__ import annotations

from pydantic import BaseModel

from scenesearch.ports import Catalog
from scenesearch.video import Video

_CONTAINERS = frozenset({"mov", "mp4", "matroska", "webm"})
_VIDEO = frozenset({"h264", "vp8", "vp9", "av1"})
_AUDIO = frozenset({None, "aac", "mp3", "opus", "vorbis", "flac"})


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
    if media is None or (media.container.partition(",")[0] in _CONTAINERS and media.video_codec in _VIDEO and media.audio_codec in _AUDIO):
        return Playback()
    return Playback(
        pieces=[
            Piece(chunk=chunk.number, start=clip.start_ms / 1000, duration=clip.duration_ms / 1000)
            for chunk in catalog.chunks(video.ref)
            if (clip := chunk.video_clip) is not None
        ]
    )
