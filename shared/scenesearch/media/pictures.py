"""The pictures of one chunk on their way into its clip: copied at keyframes, or transcoded at exact borders."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, cast

from scenesearch.media.clip_writer import ClipTrack, ClipWriter
from scenesearch.media.colour import colours_of
from scenesearch.media.deinterlace import Deinterlacer
from scenesearch.media.encode import PictureEncoder, Quality, Shape
from scenesearch.media.parameters import CodingChanged, SteadyStream
from scenesearch.media.source import OpenVideo, time_base
from scenesearch.media.thumbnails import Thumbnails
from scenesearch.timeline import Span

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

MIN_GAP_MS = 30
"""Transcoded clips have no more than about 30 pictures a second."""

LONG_SIDE, SHORT_SIDE = 1280, 720
"""The most pixels of the longer and the shorter side of transcoded clips for models: 720p."""

MAX_BITS_PER_SECOND = 4_000_000
"""The most bits a second of the pictures of a transcoded clip."""

SOUND_BITS_PER_SECOND = 320_000
"""The bits a second that are reserved for the sound when the bit rate of the pictures is computed."""


class Pictures(Protocol):
    """Receives the video packets of the source, beginning with a keyframe at or before the chunk."""

    done: bool
    """Whether what comes after belongs to the next chunk."""

    @property
    def any(self) -> bool:
        """Whether there was a picture."""
        ...

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        """Process a packet, which is changed. `stamp`: when it is shown, None for an empty packet."""
        ...

    def finish(self) -> None:
        """Write what is still pending at the end of the chunk."""
        ...


class CopiedPictures:
    """Copies all packets from the keyframe at the start of the chunk to the one that starts the next chunk.

    Pictures that are coded after a border's keyframe but shown before it (open groups) belong to neither side: they cannot be
    decoded without both.
    """

    def __init__(self, video: OpenVideo, start_ms: int, end_ms: int | None, clip: ClipWriter, thumbnails: Thumbnails | None) -> None:
        self.done = False
        self.any = False
        self._thumbnails = thumbnails
        self._track = clip.copied(video.video, video.zero + Fraction(start_ms, 1000))
        self._steady = SteadyStream(video.video)
        self._first = video.first_stamp(start_ms, video.video)
        self._end = None if end_ms is None else video.first_stamp(end_ms, video.video)

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        """Copy the packet if it belongs to the chunk. Raises `CodingChanged` when it is coded in another way."""
        if stamp is None or self.done:
            return
        keyframe = packet.is_keyframe
        if self._end is not None and stamp >= self._end:
            self.done = keyframe
            return
        if not self.any and keyframe and stamp >= self._first:
            self.any, self._first = True, stamp
        if self.any and stamp >= self._first:
            if keyframe and self._steady.changed(packet):
                raise CodingChanged
            if keyframe and self._thumbnails:
                self._thumbnails.see_keyframe(packet, stamp)
            self._track.write(packet, stamp, packet.dts, packet.duration or 0)

    def finish(self) -> None:
        """Do nothing: no copied packet is pending."""


class EncodedPictures:
    """Decodes the pictures of the span and encodes them again. The last picture stays on screen until the end.

    `lead`: a picture that begins less than this (seconds) after the start is the first one. `from_start`: the first picture stands from
    the start on, also when it comes later.
    """

    def __init__(
        self,
        video: OpenVideo,
        span: Span,
        encoder: PictureEncoder,
        track: ClipTrack,
        *,
        lead: Fraction = Fraction(0),
        from_start: bool = False,
    ) -> None:
        self.done = False
        self._video, self._span, self._encoder, self._track = video, span, encoder, track
        self._start = Fraction(span.start_ms, 1000)
        self._lead, self._from_start = lead, from_start
        self._deinterlacer = Deinterlacer()
        self._last_stamp = -(1 << 62)
        if not video.video.codec_context.is_open:
            video.video.codec_context.thread_type = "AUTO"

    @property
    def any(self) -> bool:
        """Whether there was a picture."""
        return self._encoder.any

    def take(self, packet: Packet[Stream], stamp: int | None) -> None:
        """Decode the packet and encode the pictures that belong to the chunk."""
        self._decode(cast("Packet[VideoStream]", packet))

    def finish(self) -> None:
        """Encode the pictures that the decoder and the deinterlacer still hold, and end the track."""
        self._decode(None)  # the decoder may still hold the only picture there is, when the next one comes hours later
        for picture in self._deinterlacer.rest():
            self._see(picture)
        cut_off = self._video.lacks(self._span.end_ms - 1)
        self._track.write_all(self._encoder.finish(None if cut_off else Fraction(self._span.end_ms, 1000)))

    def _decode(self, packet: Packet[VideoStream] | None) -> None:
        """`None`: what the decoder still holds."""
        import av

        if self.done:
            return
        try:
            pictures = self._video.video.codec_context.decode(packet)
        except av.FFmpegError:
            return  # a broken picture: the one before stands a little longer
        for picture in pictures:
            stamp = picture.pts if picture.pts is not None else picture.dts
            if stamp is not None and stamp > self._last_stamp:
                picture.pts = self._last_stamp = stamp
                picture.time_base = time_base(self._video.video)
                for whole in self._deinterlacer.take(picture):
                    self._see(whole)

    def _see(self, picture: VideoFrame) -> None:
        stamp = picture.pts or 0
        at_ms, at = self._video.at_ms(stamp, self._video.video), stamp * time_base(self._video.video) - self._video.zero
        if at_ms >= self._span.end_ms and (self.any or not self._from_start):
            self.done = True
            return
        first = at_ms <= self._span.start_ms or at - self._start < self._lead
        if self._from_start and (first or not self.any):
            at = min(at, self._start)
        self._track.write_all(self._encoder.take(at, picture, first=first))


def shape_of(video: OpenVideo, rotation: int, quality: Quality) -> Shape:
    """Return the shape of encoded pictures of the video: upright, with square pixels. `rotation`: degrees, either way."""
    width, height = max(2, round(video.video.width * video.pixel_ratio)), video.video.height
    rate = Fraction(video.video.average_rate or 25)
    # pictures a second: 25 where the file does not say, 240 at most where the quality has no limit
    most = 1 / quality.min_gap if quality.min_gap else Fraction(240)
    return Shape(
        *quality.size(*((height, width) if rotation % 180 else (width, height))),
        rate=max(Fraction(1), min(most, rate)),
        colours=colours_of(video.video.codec_context).on_screen,
    )


def model_quality(max_bytes: int, duration_ms: int) -> Quality:
    """Return the quality of clips for models: at most 720p and about 30 pictures a second, and small enough for `max_bytes`.

    A fifth of the bytes is left as a margin, and the pictures have at least 100 kbit/s; 24 is x264's rate factor.
    """
    fitting = round(max_bytes * 8 * 0.8 * 1000 / max(1, duration_ms)) - SOUND_BITS_PER_SECOND
    rate = max(100_000, min(MAX_BITS_PER_SECOND, fitting))
    return Quality(24, rate, LONG_SIDE, SHORT_SIDE, min_gap=Fraction(MIN_GAP_MS, 1000))
