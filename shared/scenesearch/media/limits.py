"""Limits of untrusted videos."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING

from scenesearch.errors import UnreadableMedia

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

UHD_8K = 7680 * 4320
"""The pixels of a picture of 8K UHD, the largest size of television."""

MOST_PIXELS: ContextVar[int] = ContextVar("MOST_PIXELS", default=UHD_8K)
"""The most pixels of a picture: the child process is started with the setting."""

MOST_STREAMS = 128
"""The most streams of a container: broadcasters' transport streams have some 60."""


def check_streams(container: InputContainer) -> None:
    """Raise `UnreadableMedia` when the container has more streams than any real recording."""
    if len(container.streams) > MOST_STREAMS:
        raise UnreadableMedia(f"the file has {len(container.streams)} streams; at most {MOST_STREAMS} can be read: export it with fewer")


def check_pictures(video: VideoStream) -> None:
    """Raise `UnreadableMedia` when the pictures are too large; ones that become larger later in the file are not decoded."""
    most = MOST_PIXELS.get()
    if video.width * video.height > most:
        raise UnreadableMedia(
            f"its pictures have {video.width} x {video.height} pixels; at most {most / 1e6:.0f} million can be read: "
            "scale it down, or raise SCENESEARCH_MEDIA_PIXELS"
        )
    if not video.codec_context.is_open:
        video.codec_context.options = {**video.codec_context.options, "max_pixels": str(most)}
