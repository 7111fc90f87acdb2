"""Write a clip: packets come with their times in the source, and the file starts at zero."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Self

from scenesearch.errors import NO_SPACE, StorageFull
from scenesearch.media.codecs import Wrapper
from scenesearch.media.source import stamp_of

if TYPE_CHECKING:
    from av.error import FFmpegError
    from av.packet import Packet
    from av.stream import Stream

BUFFER_BYTES = 1 << 18
"""The size in bytes of the buffer between the muxer and the file: 256 KiB."""

MAX_REORDERED = 32
"""The most packets without a decoding time that wait for the first one with it."""

SNAP = Fraction(1, 1000)
"""A track that starts within this many seconds of the clip's zero starts at zero: borders are known to the millisecond."""


@dataclass(frozen=True, slots=True)
class WrittenClip:
    """A finished file, at its beginning. `start_ms` (on the video's clock) and `duration_ms` are those of the packets in it."""

    file: BinaryIO
    wrapper: Wrapper
    start_ms: int
    duration_ms: int


class ClipWriter:
    """Writes into `file`. `zero_ms` is the time on the video's clock that becomes the file's zero.

    Use as a context manager, then ask `clip()`.
    """

    def __init__(self, file: BinaryIO, wrapper: Wrapper, zero_ms: int, *, options: Mapping[str, str] = MappingProxyType({})) -> None:
        """`options`: FFmpeg's, for the file format."""
        import av

        of_format = {"write_xing": "0", "id3v2_version": "0"} if wrapper.format == "mp3" else {}
        self.file, self.wrapper, self.zero_ms = file, wrapper, zero_ms
        self.container = av.open(
            _target(file), "w", format=wrapper.format, container_options={**of_format, **options}, buffer_size=BUFFER_BYTES
        )
        self.tracks: list[ClipTrack] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        import av

        if error is None:
            try:
                for track in self.tracks:
                    track.flush()
                self.container.close()
                self.file.flush()
            except (OSError, av.FFmpegError) as fault:
                _raise_if_full(fault)
                raise
        else:
            with suppress(Exception):
                self.container.close()

    def copied(self, stream: Stream, zero: Fraction) -> ClipTrack:
        """A track for packets that look like `stream`'s; `zero` is this file's zero in seconds on their clock."""
        made = self.container.add_stream_from_template(stream, opaque=True)
        if stream.codec.canonical_name == "hevc" and self.wrapper.format == "mp4":
            made.codec_context.codec_tag = "hvc1"
        return self.encoded(made, zero)

    def encoded(self, stream: Stream, zero: Fraction) -> ClipTrack:
        """A track for what an encoder of this very file (`container.add_stream`) gives."""
        track = ClipTrack(self, stream, zero)
        self.tracks.append(track)
        return track

    def clip(self) -> WrittenClip | None:
        """Close the file and return what was written; None when it has no packet."""
        written = [track for track in self.tracks if track.end is not None]
        if not written:
            return None
        start = min(track.first for track in written)
        end = max(track.end for track in written if track.end is not None)
        self.file.seek(0)
        return WrittenClip(self.file, self.wrapper, self.zero_ms + round(start * 1000), max(1, round((end - start) * 1000)))


class _Waiting(NamedTuple):
    packet: Packet[Stream]
    pts: int
    duration: int
    time_base: Fraction


class ClipTrack:
    """One stream of a clip. `first` and `end`: seconds in the file that its packets cover."""

    def __init__(self, writer: ClipWriter, stream: Stream, zero: Fraction) -> None:
        import av

        self.stream, self._zero = stream, zero
        self._mux, self._refusals = writer.container.mux_one, av.FFmpegError
        self.first = Fraction(0)
        self._shift: int | None = None
        self._waiting: list[_Waiting] = []
        self._last_dts = -(1 << 62)
        self._end_ticks = 0
        self._time_base = Fraction(1)

    @property
    def end(self) -> Fraction | None:
        """When the last packet ends, in seconds in the file; None before the first one."""
        return self._end_ticks * self._time_base if self._shift is not None else None

    def write(self, packet: Packet[Stream], pts: int, dts: int | None, duration: int) -> None:
        """Put the packet into the file with these times in its time base; one that the file format refuses is left out.

        The packet's times are changed, its bytes are not. Raises `StorageFull`.
        """
        if dts is None and len(self._waiting) < MAX_REORDERED:
            self._waiting.append(_Waiting(packet, pts, duration, packet.time_base))
            return
        if self._waiting:
            self._write_waiting(dts)
        shift = self._shift
        if shift is None:
            shift = self._begin(pts, packet.time_base)
        pts -= shift
        dts = pts if dts is None else dts - shift
        if dts <= self._last_dts:
            dts = self._last_dts + 1
        if pts < dts:
            pts = dts
        packet.pts, packet.dts, packet.stream = pts, dts, self.stream
        self._last_dts = dts
        end = pts + duration
        if end > self._end_ticks:
            self._end_ticks = end
        try:
            self._mux(packet)
        except self._refusals as fault:
            _raise_if_full(fault)
        except OSError as fault:
            _raise_if_full(fault)
            raise

    def write_all(self, packets: Iterable[Packet[Any]]) -> None:
        """Write packets with their own times."""
        for packet in packets:
            if (stamp := stamp_of(packet)) is not None:
                self.write(packet, stamp, packet.dts, packet.duration or 0)

    def flush(self) -> None:
        """Write the packets that still wait."""
        self._write_waiting(None)

    def _write_waiting(self, next_dts: int | None) -> None:
        """The first packets after a seek may have no decoding time: they get the ones that lead up to the first known."""
        waiting, self._waiting = self._waiting, []
        step = max(1, min((early.duration or 1 for early in waiting), default=1))
        for ahead, early in zip(range(len(waiting), 0, -1), waiting, strict=True):
            early.packet.duration, early.packet.time_base = early.duration, early.time_base
            self.write(early.packet, early.pts, early.pts if next_dts is None else next_dts - ahead * step, early.duration)

    def _begin(self, pts: int, time_base: Fraction) -> int:
        shift = round(self._zero / time_base)
        self._shift = pts if abs(pts - shift) * time_base < SNAP else shift
        self._time_base = time_base
        self.first = (pts - self._shift) * time_base
        self._end_ticks = pts - self._shift
        return self._shift


def _target(file: BinaryIO) -> BinaryIO | str:
    """The file's name, or its other name where the system has one: written without a detour through Python."""
    if isinstance(file.name, str):
        return file.name
    return f"/dev/fd/{file.fileno()}" if Path("/dev/fd").is_dir() else file


def _raise_if_full(fault: OSError | FFmpegError) -> None:
    """A full disk, said in our words."""
    if fault.errno in NO_SPACE:
        raise StorageFull("no space is left for clips: free some (a clip needs up to 1 GB), then run `scenesearch retry`") from fault
