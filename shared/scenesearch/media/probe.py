"""What a video file says about itself."""

from __future__ import annotations

from typing import BinaryIO, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media.codecs import COPYABLE_VIDEO
from scenesearch.media.keyframes import keyframes_of
from scenesearch.media.source import OpenVideo, opened
from scenesearch.media.timecode import timecode_of
from scenesearch.video import MediaInfo

FIRST_PACKETS = 120
"""How many packets may go by before the first picture."""


def probe(source: BinaryIO) -> MediaInfo:
    """The container's streams and duration, from as few bytes as it allows.

    Raises:
        UnreadableMedia: the file is no readable video; the message says why and what to do.
    """
    with opened(source) as video:
        return media_info(video, keyframes_of(video).duration_ms)


def media_info(video: OpenVideo, duration_ms: int) -> MediaInfo:
    """The facts about an open video of this duration. Width and height are as shown: upright, before any scaling."""
    if duration_ms <= 0:
        raise UnreadableMedia("the video has no duration: nothing was recorded; upload another recording")
    stream, codec = video.video, video.video.codec.canonical_name
    rotation = _rotation(video)
    if rotation is None and codec not in COPYABLE_VIDEO:
        raise UnreadableMedia(f"no picture of this {codec} video can be decoded: convert it to H.264 and upload it again")
    width, height = stream.width, stream.height
    rate = stream.average_rate or stream.guessed_rate
    timecode = timecode_of(video)
    return MediaInfo(
        container=video.format.partition(",")[0],
        duration_ms=duration_ms,
        video_codec=codec,
        width=height if (rotation or 0) % 180 else width,
        height=width if (rotation or 0) % 180 else height,
        frame_rate=float(rate) if rate else 0.0,
        rotation=rotation or 0,
        audio_codec=video.audio.codec.canonical_name if video.audio else None,
        timecode=timecode.label if timecode else None,
        timecode_rate=float(timecode.rate) if timecode and timecode.rate else None,
    )


def _rotation(video: OpenVideo) -> int | None:
    """Degrees clockwise by which a player turns the picture; None when no picture comes out."""
    import av

    video.seek(0)
    for number, packet in enumerate(video.packets(video.video)):
        try:
            for picture in packet.decode():
                return -cast("av.VideoFrame", picture).rotation % 360
        except av.FFmpegError:
            pass
        if number > FIRST_PACKETS:
            break
    return None
