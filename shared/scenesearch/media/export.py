"""Cut a span out of a video as an MP4: frame-accurate and encoded anew, or copied packet by packet from a keyframe."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from scenesearch.errors import InvalidRequest, UnreadableMedia
from scenesearch.media.clip_writer import ClipTrack, ClipWriter
from scenesearch.media.codecs import COPYABLE_AUDIO, COPYABLE_VIDEO, MP4
from scenesearch.media.colour import colours_of
from scenesearch.media.encode import PictureEncoder, Quality, Shape
from scenesearch.media.exact_sound import ExactSound
from scenesearch.media.frame_grid import lead_of
from scenesearch.media.pictures import EncodedPictures
from scenesearch.media.rendering import turn_of
from scenesearch.media.source import OpenVideo, opened, stamp_of, time_base
from scenesearch.timeline import Span, format_timestamp
from scenesearch.video import MediaInfo

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream
    from av.video.frame import VideoFrame

FAST_START = {"movflags": "+faststart"}
"""The index comes first in the file: it plays before it is loaded whole."""

QUALITY = Quality(18)
"""x264's rate factor of an exported clip: 18 is commonly called visually lossless."""

TAIL_MS = 10_000
"""How many milliseconds past the end of the span are read for a stream that lies later in the file, or has ended."""

SEEK_BACKS_MS = (0, 2_000, 30_000)
"""How many milliseconds early to seek, in turn, until there is a keyframe at or before the time; then from the start."""


def encode_clip(source: BinaryIO, span: Span, to: Path, media: MediaInfo | None = None) -> Span:
    """Run all of `encoding` at once."""
    return _whole(encoding(source, span, to, media))


def copy_clip(source: BinaryIO, span: Span, to: Path, media: MediaInfo | None = None) -> Span:
    """Run all of `copying` at once."""
    return _whole(copying(source, span, to, media))


def encoding(source: BinaryIO, span: Span, to: Path, media: MediaInfo | None = None) -> Generator[float, None, Span]:
    """H.264 and AAC of exactly the span, upright, in the source's colours (high dynamic range becomes BT.709).

    The picture on screen at the span's start comes first (in a steady frame rate the one that is nearest), none that appears at its end or
    later; where there is no picture yet, the first one stands. `media`: what the plan has found out about the file.
    Raises `UnreadableMedia`, `StorageFull`.
    """
    with opened(source, media) as video, ExitStack() as files:
        file = files.enter_context(to.open("w+b"))
        with ClipWriter(file, MP4, 0, options=FAST_START) as clip:
            start = Fraction(span.start_ms, 1000)
            encoder = PictureEncoder(clip.container, _shape(video, span), QUALITY, start, source_pixel_ratio=video.pixel_ratio)
            track = clip.encoded(encoder.stream, Fraction(0))
            pictures = EncodedPictures(video, span, encoder, track, lead=lead_of(video), from_start=True)
            sound = ExactSound(video, video.audio, span, clip) if video.audio is not None else None
            reached = _Reached(span)
            for packet in _packets(video, span):
                if reached.anew(video, packet):
                    yield reached.share
                if packet.stream is video.video:
                    pictures.take(packet, stamp_of(packet))
                elif sound is not None and not sound.done:
                    sound.take(packet)
                if pictures.done and (sound is None or sound.done):
                    break
            pictures.finish()
            if sound is not None:
                sound.finish()
            if not pictures.any:
                raise UnreadableMedia(f"no picture can be read in {span}")
    return span


def copying(source: BinaryIO, span: Span, to: Path, media: MediaInfo | None = None) -> Generator[float, None, Span]:
    """The packets of the span as they are, from the keyframe at or before its start; returns what they cover.

    `media`: what the plan has found out about the file.

    Raises:
        InvalidRequest: an MP4 cannot hold the video's codec as it is.
        UnreadableMedia: there is nothing to read.
        StorageFull: no space is left.
    """
    with opened(source, media) as video:
        codec = video.video.codec.canonical_name
        if codec not in COPYABLE_VIDEO:
            raise InvalidRequest(f"an MP4 cannot hold {codec} as it is: export a frame-accurate clip instead")
        keyframe_ms = _seek_before(video, span.start_ms)
        start_ms = max(0, keyframe_ms)
        if start_ms >= span.end_ms:
            raise InvalidRequest(f"the first picture comes at {format_timestamp(start_ms)}: export a frame-accurate clip instead")
        covered, audio = Span(start_ms, span.end_ms), video.audio
        with to.open("w+b") as file, ClipWriter(file, MP4, start_ms, options=FAST_START) as clip:
            copied = [video.video, *([audio] if audio and audio.codec.canonical_name in COPYABLE_AUDIO else [])]
            tracks = {stream.index: clip.copied(stream, Fraction(start_ms, 1000) + video.zero) for stream in copied}
            sound = ExactSound(video, audio, covered, clip) if audio and audio.index not in tracks else None
            reached = _Reached(span)
            for packet in _until_end(video, video.packets(video.video, *([audio] if audio else [])), span):
                if reached.anew(video, packet):
                    yield reached.share
                if packet.stream.index in tracks:
                    from_ms = keyframe_ms if packet.stream is video.video else start_ms
                    _copy(video, packet, from_ms, span.end_ms, tracks[packet.stream.index])
                elif sound is not None and not sound.done:
                    sound.take(packet)
            if sound is not None:
                sound.finish()
        return covered


def _whole(made: Generator[float, None, Span]) -> Span:
    try:
        while True:
            next(made)
    except StopIteration as end:
        return cast("Span", end.value)


class _Reached:
    """The progress of an export."""

    def __init__(self, span: Span) -> None:
        self._span, self._second = span, -1
        self.share = 0.0

    def anew(self, video: OpenVideo, packet: Packet[Stream]) -> bool:
        """Whether this packet lies in a second of the span that none before it did; `share` then says how far that is (0 to 1)."""
        if packet.dts is None:
            return False
        done_ms = video.at_ms(packet.dts, packet.stream) - self._span.start_ms
        if done_ms // 1000 <= self._second:
            return False
        self._second, self.share = done_ms // 1000, min(1.0, done_ms / self._span.duration_ms)
        return True


def _copy(video: OpenVideo, packet: Packet[Stream], from_ms: int, end_ms: int, track: ClipTrack) -> None:
    """Write the packet if it begins between these times; it lasts to the end at most."""
    stamp = stamp_of(packet)
    if stamp is not None and packet.dts is not None and from_ms <= video.at_ms(stamp, packet.stream) < end_ms:
        left = round((Fraction(end_ms, 1000) + video.zero) / time_base(packet.stream)) - stamp
        packet.duration = max(0, min(packet.duration or 0, left))
        track.write(packet, stamp, packet.dts, packet.duration)


def _shape(video: OpenVideo, span: Span) -> Shape:
    """The shape of the span's first picture, upright; its pixels stay as wide as they are."""
    first = _first_picture(video, span.start_ms)
    turned = any("transpose" in step for step in turn_of(first))
    width, height = (first.height, first.width) if turned else (first.width, first.height)
    ratio = 1 / video.pixel_ratio if turned else video.pixel_ratio
    rate = Fraction(video.video.average_rate or video.video.guessed_rate or 30)
    rate = max(Fraction(1), min(Fraction(240), rate))
    return Shape(width // 2 * 2, height // 2 * 2, ratio, rate, colours_of(first).on_screen)


def _first_picture(video: OpenVideo, at_ms: int) -> VideoFrame:
    """The picture on screen at this time, else the one before or after it. Raises `UnreadableMedia`."""
    import av

    first: VideoFrame | None = None
    for packet in video.packets_from(at_ms, video.video):
        try:
            for picture in cast("list[VideoFrame]", packet.decode()):
                if first is not None and picture.pts is not None and video.at_ms(picture.pts, video.video) > at_ms:
                    return first
                first = picture
        except av.FFmpegError:
            pass
    if first is None:
        raise UnreadableMedia(f"no picture can be read at {at_ms / 1000:.1f} s")
    return first


def _packets(video: OpenVideo, span: Span) -> Iterator[Packet[Stream]]:
    """Packets of both streams, from where the picture at the span's start can be decoded, until both are past its end."""
    return _until_end(video, video.packets_from(span.start_ms, video.video, *([video.audio] if video.audio is not None else [])), span)


def _until_end(video: OpenVideo, packets: Iterator[Packet[Stream]], span: Span) -> Iterator[Packet[Stream]]:
    shown = False
    for packet in packets:
        shown = shown or (packet.stream is video.video and packet.size > 0)
        if shown and packet.dts is not None and video.at_ms(packet.dts, packet.stream) >= span.end_ms + TAIL_MS:
            return
        if packet.size:
            yield packet


def _seek_before(video: OpenVideo, at_ms: int) -> int:
    """Land on a keyframe at or before `at_ms` and return its time; it may lie before an edit list's zero. Raises `UnreadableMedia`."""
    earliest: int | None = None
    for back_ms in (*SEEK_BACKS_MS, at_ms):
        target = max(0, at_ms - back_ms)
        video.seek(target)
        earliest = next((video.at_ms(p.pts, p.stream) for p in video.packets(video.video) if p.is_keyframe and p.pts is not None), None)
        if earliest is not None and (earliest <= at_ms or target == 0):
            video.seek(target)
            return earliest
    raise UnreadableMedia(f"no picture can be read at {at_ms / 1000:.1f} s")
