"""An untrusted video file, opened: its streams, its clock, its packets."""

from __future__ import annotations

import errno
import math
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import chain
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast

from scenesearch.errors import UnreadableMedia
from scenesearch.media.clock import ClockHand
from scenesearch.media.codecs import AUDIO_FORMATS, VIDEO_FORMATS
from scenesearch.media.limits import check_pictures, check_streams
from scenesearch.video import Clock, MediaInfo

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.error import FFmpegError
    from av.packet import Packet
    from av.stream import Stream
    from av.video.stream import VideoStream

BY_BYTE = frozenset({"mpegts", "mpeg", "flv"})
"""Demuxers whose packets can be read from any place in the file: a search by time stamps is none to go to the beginning with."""

BUFFER_BYTES = 1 << 16
"""How many bytes are read at once where little is read: 64 KiB."""

SEEK_BACK_MS = 2_000
"""How much earlier than wanted to land: containers interleave loosely and seek inexactly."""

HEAD_BYTES = 1 << 16
"""How many bytes of a file that cannot be opened are examined to say why."""

ENCRYPTED_BOXES = (b"encv", b"enca", b"pssh")
"""What an MP4 has that is protected by common encryption (ISO/IEC 23001-7)."""

TS_PACKET_BYTES = 188
"""The length in bytes of a packet of a transport stream (ISO/IEC 13818-1)."""

ENCRYPTED = "the file is encrypted (protected against copying): upload one that is not"

MAX_READ_FAULTS = 64
"""The number of faults in a row, without a readable packet between them, that ends the reading."""


@dataclass(frozen=True)
class OpenVideo:
    """A container with its chosen streams. Times in milliseconds on the clock of a browser's `video.currentTime`."""

    container: InputContainer
    video: VideoStream
    audio: AudioStream | None
    zero: Fraction
    """Seconds on the container's own clock that are 0 on ours."""
    size_bytes: int
    clock: Clock = field(default_factory=Clock)
    first: Stream | None = None
    """The stream that begins first, where that is known: seeking to the beginning goes by it."""

    @property
    def format(self) -> str:
        """FFmpeg's names of the format, separated by commas."""
        return self.container.format.name

    @property
    def container_name(self) -> str:
        """FFmpeg's first name of the format, as `MediaInfo` has it."""
        return self.format.partition(",")[0]

    @property
    def pixel_ratio(self) -> Fraction:
        """Width of a pixel over its height; 1 when the file says nothing or nonsense."""
        ratio = self.video.sample_aspect_ratio or Fraction(1)
        # a ratio of 8 or more, either way, is nonsense
        return ratio if Fraction(1, 8) < ratio < 8 else Fraction(1)

    @property
    def stated_duration_ms(self) -> int | None:
        """What the header says, or None when it says nothing."""
        duration = self.container.duration
        return round(duration / 1000) if duration is not None and duration > 0 else None

    def at_ms(self, stamp: int, stream: Stream) -> int:
        """`stamp` in the stream's time base, on our clock, rounded to milliseconds. May be negative for preroll."""
        return math.floor((stamp * time_base(stream) - self.zero) * 1000 + Fraction(1, 2))

    def first_stamp(self, at_ms: int, stream: Stream) -> int:
        """The smallest stamp of the stream for which `at_ms()` gives `at_ms` or more."""
        return self.first_tick(at_ms, time_base(stream))

    def first_tick(self, at_ms: int, base: Fraction) -> int:
        """The same for any time base on the container's clock."""
        return math.ceil((Fraction(2 * at_ms - 1, 2000) + self.zero) / base)

    def lacks(self, at_ms: int) -> bool:
        """Whether the index of an MP4 says that the picture at `at_ms` lies beyond the end of the file: it was cut off."""
        entries = self.video.index_entries
        number = entries.search_timestamp(self.first_stamp(at_ms, self.video), any_frame=True) if self.format.startswith("mov") else -1
        return number >= 0 and entries[number].pos + entries[number].size > self.size_bytes

    def seek(self, at_ms: int) -> None:
        """To a keyframe at or before `at_ms`, as well as the container can; to the beginning when it cannot seek."""
        import av

        stream = self._earliest() if at_ms <= 0 else self.video
        try:
            if self.clock.steps:
                self.container.seek(self._place(at_ms), unsupported_byte_offset=True)
            elif at_ms <= 0 and self.container_name in BY_BYTE:
                self.container.seek(0, unsupported_byte_offset=True)
            else:
                self.container.seek(max(0, self.first_stamp(at_ms, stream)) if at_ms > 0 else self._beginning(stream), stream=stream)
        except av.FFmpegError:
            self.container.seek(0, unsupported_byte_offset=True)

    def _place(self, at_ms: int) -> int:
        """Where in the file, in bytes, reading begins for what is shown at `at_ms`."""
        number = bisect_right(self.clock.places, at_ms, key=lambda place: place.at_ms)
        return self.clock.places[number - 1].position if number else 0

    def packets_from(self, at_ms: int, *streams: Stream) -> Iterator[Packet[Stream]]:
        """Packets from a place where the picture at `at_ms` can be decoded; earlier ones may come first."""
        for back_ms in (SEEK_BACK_MS, 30_000, at_ms):
            self.seek(at_ms - back_ms)
            coming, passed = self.packets(*streams), []
            for packet in coming:
                passed.append(packet)
                if packet.stream is self.video and stamp_of(packet) is not None:
                    break
            landed = stamp_of(passed[-1]) if passed else None
            if back_ms >= at_ms or (landed is not None and self.at_ms(landed, self.video) <= at_ms):
                return chain(passed, coming)
        return iter(())

    def packets(self, *streams: Stream) -> Iterator[Packet[Stream]]:
        """Packets from here to the end of the file; what cannot be read is skipped. The last packet of each stream is empty (flush)."""
        import av

        faults, hand = 0, ClockHand(self.clock) if self.clock.steps else None
        while True:
            try:
                for packet in self.container.demux(*streams):
                    faults = 0
                    if not packet.size and packet.dts is not None:
                        continue  # a picture that was dropped as it was recorded: a decoder would take it for the end
                    if hand is not None:
                        hand.put(packet)
                    yield packet
                return
            except av.FFmpegError:
                faults += 1
                if faults > MAX_READ_FAULTS:
                    return

    def _beginning(self, stream: Stream) -> int:
        return min(0, self.first_stamp(0, stream), stream.start_time or 0)

    def _earliest(self) -> Stream:
        """The stream that begins first. A seek to the beginning of another one may land behind the first packets of this one."""
        if self.first is not None or self.audio is None:
            return self.first or self.video
        starts = [(stream.start_time or 0) * time_base(stream) for stream in (self.video, self.audio)]
        return self.video if starts[0] <= starts[1] else self.audio


@contextmanager
def opened(
    source: BinaryIO, media: MediaInfo | None = None, *, audio_track: int | None = None, buffer_bytes: int = BUFFER_BYTES
) -> Iterator[OpenVideo]:
    """The video in `source` (seekable; read by ranges of `buffer_bytes`; left open).

    `media`: what the plan has found out about this very file; with it the same tracks are read, on the same mended clock. Without it
    the tracks are chosen by what the container says of them; `audio_track` chooses the sound (1 for the first sound track).

    Raises:
        UnreadableMedia: it is empty, no video, or only sound; the message says which and what to do.
    """
    import av

    source.seek(0, 2)
    size = source.tell()
    source.seek(0)
    if size == 0:
        raise UnreadableMedia("the file is empty: upload it again")
    try:
        container = av.open(
            source,
            "r",
            container_options={"format_whitelist": ",".join(VIDEO_FORMATS + AUDIO_FORMATS), "protocol_whitelist": ""},
            metadata_errors="replace",
            buffer_size=buffer_bytes,
            io_open=_refuse,
        )
    except av.FFmpegError as error:
        if error.errno == errno.ENOMEM:
            raise MemoryError from error
        raise UnreadableMedia(_why(source, error)) from error
    with container:
        video = _video_stream(container)
        if video is None:
            raise UnreadableMedia(
                "the file has sound but no pictures: upload a video" if container.streams.audio else "there is no video in the file"
            )
        check_streams(container)
        if container.format.name == "mpegts" and _is_scrambled(_head(source)):
            raise UnreadableMedia(ENCRYPTED)
        if video.codec_context is None:
            raise UnreadableMedia("the video's codec is unknown here: convert it to H.264 and upload it again")
        check_pictures(video)
        start = container.start_time
        zero = Fraction(start or 0, 1_000_000)
        if media is None or media.video_track is None:
            yield OpenVideo(container, video, _audio_stream(container, audio_track), zero, size)
            return
        by_number = {stream.index: stream for stream in container.streams}
        known, heard = by_number.get(media.video_track), by_number.get(-1 if media.audio_track is None else media.audio_track)
        yield OpenVideo(
            container,
            cast("VideoStream", known) if known is not None and known.type == "video" else video,
            cast("AudioStream", heard) if heard is not None and heard.type == "audio" else None,
            zero,
            size,
            media.clock,
            by_number.get(-1 if media.first_track is None else media.first_track),
        )


def stamp_of(packet: Packet[Stream]) -> int | None:
    """When the packet is shown or heard, in its stream's time base; None for the empty packets at the end."""
    if packet.size == 0:
        return None
    return packet.pts if packet.pts is not None else packet.dts


def time_base(stream: Stream) -> Fraction:
    """Return the seconds a tick of the stream."""
    return stream.time_base or Fraction(1, 1_000_000)


def _refuse(url: str, flags: int, options: object) -> NoReturn:
    raise PermissionError("a video may not open other files")


def _video_stream(container: InputContainer) -> VideoStream | None:
    from av.stream import Disposition

    no_pictures = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    moving = [s for s in container.streams.video if not s.disposition & no_pictures]
    return max(moving, key=lambda s: (bool(s.disposition & Disposition.default), s.width * s.height, -s.index), default=None)


def is_encrypted(video: OpenVideo) -> bool:
    """Whether the first pictures come with word on how they are encrypted."""
    video.seek(0)
    first = next(iter(video.packets(video.video)), None)
    return first is not None and (first.has_sidedata("encryption_info") or first.has_sidedata("encryption_init_info"))


def sound_tracks(container: InputContainer) -> list[AudioStream]:
    """The sound tracks that can be decoded."""
    return [s for s in container.streams.audio if s.codec_context is not None and s.codec_context.sample_rate > 0]


def _audio_stream(container: InputContainer, chosen: int | None) -> AudioStream | None:
    """The chosen track, else the default one; never a commentary or a description for the blind when there is another.

    Raises `UnreadableMedia` when the chosen track is not there.
    """
    from av.stream import Disposition

    if chosen is not None:
        tracks = list(container.streams.audio)
        if not 1 <= chosen <= len(tracks) or tracks[chosen - 1] not in sound_tracks(container):
            raise UnreadableMedia(f"there is no sound track {chosen} that can be read: the file has {len(tracks)}; choose another one")
        return tracks[chosen - 1]
    aside = Disposition.comment | Disposition.visual_impaired | Disposition.descriptions
    decodable = sound_tracks(container)
    return max(decodable, key=lambda s: (not s.disposition & aside, bool(s.disposition & Disposition.default), -s.index), default=None)


def _head(source: BinaryIO) -> bytes:
    """The first bytes of the file; whoever is reading it goes on where it was."""
    at = source.tell()
    source.seek(0)
    head = source.read(HEAD_BYTES)
    source.seek(at)
    return head


def _why(source: BinaryIO, error: FFmpegError) -> str:
    head = _head(source)
    if any(box in head for box in ENCRYPTED_BOXES) or _is_scrambled(head):
        return ENCRYPTED
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"free", b"wide", b"skip"):
        return (
            "the MP4 is incomplete (its index, the `moov` box, is missing): the recording or the upload was cut off; upload the whole file"
        )
    if head.lstrip()[:7] in (b"#EXTM3U", b"ffconca"):
        return "the file is a playlist, not a video: upload the video itself"
    if _is_text(head):
        return "the file is text, not a video: upload the video itself"
    return f"the file is no video that can be read here ({error.strerror or 'unknown'}): upload another one, or convert it to MP4"


def _is_scrambled(head: bytes) -> bool:
    """Whether most packets of a transport stream say so (ISO/IEC 13818-1, transport_scrambling_control)."""
    packets = [head[at : at + 4] for at in range(0, len(head) - 3, TS_PACKET_BYTES)]
    # ten packets at least, nine tenths of them with the sync byte 0x47 and a payload, most of those scrambled
    carrying = [packet for packet in packets if packet[0] == 0x47 and packet[3] & 0x10]
    return len(carrying) > 0.9 * len(packets) > 9 and sum(packet[3] >> 7 for packet in carrying) > len(carrying) / 2


def _is_text(head: bytes) -> bool:
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD_BYTES else "ignore")
    except UnicodeDecodeError:
        return False
    return all(c.isprintable() or c.isspace() for c in text)
