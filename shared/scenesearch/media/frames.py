"""Decoded frames of a video, upright, as arrays."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from scenesearch.errors import UnreadableMedia
from scenesearch.media.deinterlace import Deinterlacer
from scenesearch.media.frame_grid import lead_of
from scenesearch.media.rendering import Renderer, Wanted
from scenesearch.media.source import OpenVideo, opened, time_base
from scenesearch.video import MediaInfo

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SEEK_BACK_MS = 2000
"""How many milliseconds early to seek in containers whose seeks are not exact."""


NEVER_MS = 1 << 60
"""A time in milliseconds after every video: no limit."""

FINE = "area+accurate_rnd+full_chroma_int"
"""How the scaler makes a single picture: slower, and a little truer in its colours."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: when it appears, in milliseconds on the file's own clock, and its RGB pixels (height, width, 3), upright.

    It stays on screen until the next one.
    """

    at_ms: int
    image: NDArray[np.uint8]


def frames(
    source: BinaryIO,
    *,
    interval_ms: int = 1000,
    start_ms: int = 0,
    end_ms: int | None = None,
    max_width: int | None = None,
) -> Iterator[Frame]:
    """Yield frames of `[start_ms, end_ms)` in order, one an interval: the first that appears in it, else the one still on screen.

    `interval_ms` is a second by default; 0 gives every frame, once. Wider frames are scaled down to `max_width`. Frames that cannot be
    decoded are left out.

    Raises:
        UnreadableMedia: the file is no readable video.
    """
    with opened(source) as video:
        due, renderer = Due(start_ms, interval_ms), Renderer(Wanted("rgb24", max_width=max_width), pixel_ratio=video.pixel_ratio)
        last_ms, standing = min(end_ms or NEVER_MS, video.stated_duration_ms or 0), None
        if start_ms > 0:
            video.seek(start_ms - SEEK_BACK_MS)
        for at_ms, frame in decoded(video):
            if end_ms is not None and at_ms >= end_ms:
                break
            if standing is not None:
                yield from _still(due.missed(at_ms), standing, renderer)
            if due.takes(at_ms):
                yield Frame(at_ms, pixels(renderer.render(frame)))
            standing = frame
        if standing is not None:
            yield from _still(due.missed(last_ms), standing, renderer)


def _still(times_ms: Iterable[int], standing: VideoFrame, renderer: Renderer) -> Iterator[Frame]:
    """Yield the picture on screen at each of these times; it is rendered once, and only if there are any."""
    image: NDArray[np.uint8] | None = None
    for at_ms in times_ms:
        image = pixels(renderer.render(standing)) if image is None else image
        yield Frame(at_ms, image)


@dataclass
class Due:
    """Selects the first time in each interval, and none before `next_ms`."""

    next_ms: int
    interval_ms: int

    def takes(self, at_ms: int) -> bool:
        """Return whether this time is the first in its interval, and if so wait for the next interval."""
        if at_ms < self.next_ms:
            return False
        self.next_ms = (at_ms // self.interval_ms + 1) * self.interval_ms if self.interval_ms > 0 else at_ms
        return True

    def missed(self, until_ms: int) -> Iterator[int]:
        """Yield the start of each whole interval before `until_ms` without a time; it counts as selected."""
        while self.interval_ms > 0 and self.next_ms + self.interval_ms <= until_ms:
            yield self.next_ms
            self.next_ms += self.interval_ms


def frame_at(source: BinaryIO, at_ms: int, max_width: int | None = None, *, media: MediaInfo | None = None) -> Frame:
    """The frame on screen at `at_ms` (the first one when nothing is on screen yet, the last one after the end).

    `media`: what the plan has found out about the file.

    Raises:
        UnreadableMedia: the file is no readable video, or no frame near that time can be decoded.
    """
    with opened(source, media) as video:
        return _frame_at(video, at_ms, max_width)


def frame_meant(source: BinaryIO, at_ms: int, media: MediaInfo | None = None) -> Frame:
    """The frame that a span from `at_ms` begins with, as clips and edit lists understand it. Raises `UnreadableMedia`."""
    with opened(source, media) as video:
        return _frame_at(video, at_ms, lead=lead_of(video))


def _frame_at(video: OpenVideo, at_ms: int, max_width: int | None = None, lead: Fraction = Fraction(0)) -> Frame:
    def later(stamp_ms: int, frame: VideoFrame) -> bool:
        exact = (frame.pts or 0) * time_base(video.video) - video.zero
        return stamp_ms > at_ms and exact - Fraction(at_ms, 1000) >= lead

    for back_ms in (0, SEEK_BACK_MS, 30_000, at_ms):
        video.seek(max(0, at_ms - back_ms))
        found: tuple[int, VideoFrame] | None = None
        for stamp_ms, frame in decoded(video):
            beyond = later(stamp_ms, frame)
            if not beyond or found is None:
                found = stamp_ms, frame
            if beyond:
                break
        if found is not None and (not later(*found) or back_ms >= at_ms):
            renderer = Renderer(Wanted("rgb24", max_width=max_width, scaler=FINE), pixel_ratio=video.pixel_ratio)
            return Frame(found[0], pixels(renderer.render(found[1])))
    raise UnreadableMedia(f"no frame can be decoded at {at_ms / 1000:.1f} s")


def decoded(video: OpenVideo) -> Iterator[tuple[int, VideoFrame]]:
    """Pictures from here on with their times in milliseconds, in order of time, deinterlaced; undecodable ones are left out."""
    for stamp, picture in deinterlaced(_pictures(video)):
        yield video.at_ms(stamp, video.video), picture


def pixels(picture: VideoFrame) -> NDArray[np.uint8]:
    """The pixels of an RGB picture: (height, width, 3)."""
    return np.ascontiguousarray(cast("NDArray[np.uint8]", picture.to_ndarray()))


def deinterlaced(pictures: Iterable[VideoFrame]) -> Iterator[tuple[int, VideoFrame]]:
    """Whole pictures with their stamps (in their time base), in order of time; what comes too early or without a time is left out."""
    deinterlacer, last = Deinterlacer(), -(1 << 62)
    for picture in pictures:
        stamp = picture.pts if picture.pts is not None else picture.dts
        if stamp is not None and stamp > last:
            picture.pts = last = stamp
            yield from ((whole.pts or 0, whole) for whole in deinterlacer.take(picture))
    yield from ((whole.pts or 0, whole) for whole in deinterlacer.rest())


def _pictures(video: OpenVideo) -> Iterator[VideoFrame]:
    import av

    stream = video.video
    if not stream.codec_context.is_open:
        stream.codec_context.thread_type = "AUTO"
    for packet in video.packets(stream):
        with suppress(av.FFmpegError):
            yield from cast("Packet[VideoStream]", packet).decode()
