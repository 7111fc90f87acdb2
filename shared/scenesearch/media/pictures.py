"""The pictures of one chunk on their way into its clip: copied at keyframes, or transcoded at exact borders."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

from scenesearch.media.clip_writer import ClipWriter
from scenesearch.media.source import OpenVideo
from scenesearch.media.thumbnails import Thumbnails

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

HELD_MS = 1_000
"""A picture that stands longer is repeated this often: models look once a second."""

MIN_GAP_MS = 30
"""Transcoded clips have no more than about 30 pictures a second."""

LONG_SIDE, SHORT_SIDE = 1280, 720
MAX_BITS_PER_SECOND = 4_000_000
SOUND_BITS_PER_SECOND = 320_000


class Pictures(Protocol):
    """Takes the video packets of the source, from a keyframe at or before the chunk on."""

    done: bool
    """Whether what comes after belongs to the next chunk."""

    @property
    def any(self) -> bool:
        """Whether there was a picture."""
        ...

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        """`stamp`: when it is shown, None for an empty packet. The packet is changed."""
        ...

    def finish(self) -> None: ...


class CopiedPictures:
    """Everything from the keyframe at the chunk's start to the one that starts the next chunk, as it is.

    Pictures that are coded after a border's keyframe but shown before it (open groups) belong to neither side: they cannot be
    decoded without both.
    """

    def __init__(self, video: OpenVideo, start_ms: int, end_ms: int | None, clip: ClipWriter, thumbnails: Thumbnails | None) -> None:
        self.done = False
        self.any = False
        self._thumbnails = thumbnails
        self._track = clip.copied(video.video, video.zero + Fraction(start_ms, 1000))
        self._first = video.first_stamp(start_ms, video.video)
        self._end = None if end_ms is None else video.first_stamp(end_ms, video.video)

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        if stamp is None or self.done:
            return
        keyframe = packet.is_keyframe
        if self._end is not None and stamp >= self._end:
            self.done = keyframe
            return
        if not self.any and keyframe and stamp >= self._first:
            self.any, self._first = True, stamp
        if self.any and stamp >= self._first:
            if keyframe and self._thumbnails:
                self._thumbnails.see_keyframe(packet, stamp)
            self._track.write(packet, stamp, packet.dts, packet.duration or 0)

    def finish(self) -> None:
        """Nothing is held back."""


class EncodedPictures:
    """H.264 of at most 720p, with the source's `rotation` (degrees clockwise). What stands at the start, or long, is shown again."""

    def __init__(
        self,
        video: OpenVideo,
        start_ms: int,
        end_ms: int,
        clip: ClipWriter,
        thumbnails: Thumbnails | None,
        *,
        rotation: int,
        max_bytes: int,
    ) -> None:
        self.done = False
        self._thumbnails = thumbnails
        self._video, self._start_ms, self._end_ms = video, start_ms, end_ms
        self._held: VideoFrame | None = None
        self._last_ms: int | None = None
        width, height = max(2, round(video.video.width * video.pixel_ratio)), video.video.height
        scale = min(1.0, LONG_SIDE / max(width, height), SHORT_SIDE / min(width, height))
        self._width, self._height = (max(2, round(side * scale / 2) * 2) for side in (width, height))
        rate = max(1, min(30, round(video.video.average_rate or 25)))
        stream = clip.container.add_stream("libx264", rate=rate, options=_options(max_bytes, end_ms - start_ms))
        stream.width, stream.height = self._width, self._height
        stream.pix_fmt = "yuv420p"
        stream.codec_context.gop_size = 2 * rate
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(-rotation)
        self._stream = stream
        self._track = clip.encoded(stream, Fraction(0))
        if not video.video.codec_context.is_open:
            video.video.codec_context.thread_type = "AUTO"

    @property
    def any(self) -> bool:
        return self._last_ms is not None

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        self._decode(cast("Packet[VideoStream]", packet))

    def finish(self) -> None:
        self._decode(None)  # the decoder may still hold the only picture there is, when the next one comes hours later
        if self._held is not None:
            if self._last_ms is None:
                self._encode(self._start_ms, self._held)
            if not self._video.lacks(self._end_ms - 1):
                self._hold_until(self._end_ms)
        if self.any:
            self._track.write_all(self._stream.encode(None))

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        """`None`: what the decoder still holds."""
        import av

        if self.done:
            return
        try:
            pictures = self._video.video.codec_context.decode(packet)
        except av.FFmpegError:
            return
        for picture in pictures:
            shown = picture.pts if picture.pts is not None else picture.dts
            if shown is not None:
                self._see(self._video.at_ms(shown, self._video.video), picture)

    def _see(self, at_ms: int, picture: VideoFrame) -> None:
        if at_ms >= self._end_ms:
            self.done = True
            return
        if at_ms >= self._start_ms:
            if self._last_ms is None and at_ms > self._start_ms + MIN_GAP_MS and self._held is not None:
                self._encode(self._start_ms, self._held)
            self._hold_until(at_ms)
            if self._last_ms is None or at_ms >= self._last_ms + MIN_GAP_MS:
                self._encode(at_ms, picture)
        self._held = picture

    def _hold_until(self, at_ms: int) -> None:
        while self._last_ms is not None and self._held is not None and at_ms - self._last_ms > HELD_MS:
            self._encode(self._last_ms + HELD_MS, self._held)

    def _encode(self, at_ms: int, picture: VideoFrame) -> None:
        import av

        scaled = picture.reformat(self._width, self._height, "yuv420p")
        scaled.pts, scaled.time_base, scaled.pict_type = at_ms - self._start_ms, Fraction(1, 1000), av.video.frame.PictureType.NONE
        self._last_ms = at_ms
        if self._thumbnails:
            self._thumbnails.see_picture(scaled, at_ms)
        self._track.write_all(self._stream.encode(scaled))


def _options(max_bytes: int, duration_ms: int) -> dict[str, str]:
    fitting = round(max_bytes * 8 * 0.8 * 1000 / max(1, duration_ms)) - SOUND_BITS_PER_SECOND
    rate = max(100_000, min(MAX_BITS_PER_SECOND, fitting))
    return {"preset": "veryfast", "crf": "24", "maxrate": str(rate), "bufsize": str(2 * rate)}
