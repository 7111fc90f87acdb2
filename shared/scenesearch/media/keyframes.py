"""Find the keyframes near a time, where a video can be cut, by reading as little as the container allows."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol

from scenesearch.media.source import OpenVideo, time_base

if TYPE_CHECKING:
    from av.packet import Packet
    from av.stream import Stream

APART_MS = 500
"""Milliseconds below which two keyframes are taken for one: it bounds the memory for files that consist of keyframes."""


@dataclass(frozen=True, slots=True)
class Keyframe:
    """A place to cut. `position` is where it lies in the file, in bytes: two of them give the size of what is between."""

    at_ms: int
    position: int


class Keyframes(Protocol):
    """The keyframes of one open video, on its clock."""

    @property
    def duration_ms(self) -> int:
        """The duration of the video in milliseconds."""
        ...

    @property
    def size_bytes(self) -> int:
        """The position of the end, in bytes."""
        ...

    def nearest(self, target_ms: int, *, after_ms: int, until_ms: int) -> Keyframe | None:
        """Return a keyframe near `target_ms`, later than `after_ms` and not later than `until_ms`."""
        ...


@dataclass(frozen=True)
class ListedKeyframes:
    """Keyframes whose times and positions are known, in order; empty where the pictures are encoded again anyway."""

    times_ms: list[int]
    positions: list[int]
    duration_ms: int
    size_bytes: int

    def nearest(self, target_ms: int, *, after_ms: int, until_ms: int) -> Keyframe | None:
        """Return the listed keyframe nearest to `target_ms` within the limits."""
        number = _nearest(self.times_ms, target_ms, after_ms, until_ms)
        return Keyframe(self.times_ms[number], self.positions[number]) if number is not None else None


@dataclass(frozen=True)
class IndexedKeyframes:
    """The keyframes of the header's index. Its times are DTS: the chosen keyframe is read to learn when it is shown."""

    video: OpenVideo
    stamps: list[int]
    times_ms: list[int]
    positions: list[int]
    duration_ms: int
    size_bytes: int

    @classmethod
    def read(cls, video: OpenVideo, duration_ms: int) -> IndexedKeyframes:
        """Read the index of an open video of this duration."""
        sound = sum(e.size for e in video.audio.index_entries) if video.audio else 0
        stamps: list[int] = []
        times: list[int] = []
        positions: list[int] = []
        size = 0
        for entry in video.video.index_entries:
            if entry.is_keyframe and not entry.is_discard:
                at_ms = video.at_ms(entry.timestamp, video.video)
                if not times or at_ms >= times[-1] + APART_MS:
                    stamps.append(entry.timestamp)
                    times.append(at_ms)
                    positions.append(size + sound * max(0, at_ms) // duration_ms)
            size += entry.size
        return cls(video, stamps, times, positions, duration_ms, size + sound)

    def nearest(self, target_ms: int, *, after_ms: int, until_ms: int) -> Keyframe | None:
        """Return the keyframe nearest to `target_ms` within the limits, or the one before it where its shown time does not fit."""
        number = _nearest(self.times_ms, target_ms, after_ms, until_ms)
        while number is not None and number >= 0 and self.times_ms[number] > after_ms:
            at_ms = self._shown_ms(self.stamps[number])
            if at_ms is not None and after_ms < at_ms <= until_ms:
                return Keyframe(at_ms, self.positions[number])
            number -= 1
        return None

    def _shown_ms(self, stamp: int) -> int | None:
        """Return when the keyframe with this DTS is shown. Seeks compare with PTS: one for a slightly later time mostly lands on it."""
        stream = self.video.video
        # 0.8 of the least distance between listed keyframes: never as late as the next one
        for later_ms in (round(0.8 * APART_MS), 0):
            at_ms = self._seen_from(stamp + round(Fraction(later_ms, 1000) / time_base(stream)), stamp)
            if at_ms is not None:
                return at_ms
        return None

    def _seen_from(self, place: int, stamp: int) -> int | None:
        import av

        stream = self.video.video
        try:
            self.video.container.seek(place, stream=stream)
        except av.FFmpegError:
            return None
        for packet in timed(self.video, stream):
            if packet.is_keyframe and packet.dts is not None and packet.dts >= stamp:
                return span_ms(self.video, packet)[0] if packet.dts == stamp else None
        return None


@dataclass(frozen=True)
class ProbedKeyframes:
    """Keyframes that are found by seeking near the wanted time and reading on."""

    video: OpenVideo
    duration_ms: int

    @property
    def size_bytes(self) -> int:
        """The size of the file in bytes."""
        return self.video.size_bytes

    def nearest(self, target_ms: int, *, after_ms: int, until_ms: int) -> Keyframe | None:
        """Return the keyframe nearest to `target_ms` within the limits, of those that are read on the way."""
        self.video.seek(max(0, target_ms - APART_MS))
        best: Keyframe | None = None
        for packet in timed(self.video, self.video.video):
            at_ms = span_ms(self.video, packet)[0]
            if packet.is_keyframe and after_ms < at_ms <= until_ms:
                found = Keyframe(at_ms, packet.pos if packet.pos is not None and packet.pos >= 0 else self._position(at_ms))
                if best is None or abs(at_ms - target_ms) < abs(best.at_ms - target_ms):
                    best = found
            if at_ms > until_ms or (best is not None and at_ms - target_ms >= abs(best.at_ms - target_ms)):
                return best
        return best

    def _position(self, at_ms: int) -> int:
        return self.size_bytes * at_ms // self.duration_ms


def timed(video: OpenVideo, *streams: Stream) -> Iterator[Packet[Stream]]:
    """Yield the packets from here on that have a time."""
    return (p for p in video.packets(*streams) if p.size and (p.pts is not None or p.dts is not None))


def span_ms(video: OpenVideo, packet: Packet[Stream]) -> tuple[int, int]:
    """Return when the packet is shown or heard and when it ends, in milliseconds on the video's clock."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    at_ms = video.at_ms(stamp or 0, packet.stream)
    return at_ms, at_ms + round((packet.duration or 0) * time_base(packet.stream) * 1000)


def _nearest(times_ms: list[int], target_ms: int, after_ms: int, until_ms: int) -> int | None:
    """Return the index of the time nearest to the target within `(after_ms, until_ms]`."""
    right = bisect_right(times_ms, target_ms)
    around = [n for n in (right - 1, right) if 0 <= n < len(times_ms) and after_ms < times_ms[n] <= until_ms]
    return min(around, key=lambda n: abs(times_ms[n] - target_ms), default=None)
