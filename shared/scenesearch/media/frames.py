"""Decoded frames of a video, upright, as arrays."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from scenesearch.errors import UnreadableMedia
from scenesearch.media.source import OpenVideo, opened

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

SEEK_BACK_MS = 2000
"""How much earlier to land in containers whose seeks are not exact."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: when it appears, in milliseconds on the file's own clock, and its RGB pixels (height, width, 3), upright.

    It stands until the next one.
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
    """Frames of `[start_ms, end_ms)` in order, at most one an interval: the first that appears in each.

    `interval_ms` 0 gives every frame. Wider frames are scaled down to `max_width`. Frames that cannot be decoded are left out.

    Raises:
        UnreadableMedia: the file is no readable video.
    """
    with opened(source) as video:
        due = Due(start_ms, interval_ms)
        if start_ms > 0:
            video.seek(start_ms - SEEK_BACK_MS)
        for at_ms, frame in decoded(video):
            if end_ms is not None and at_ms >= end_ms:
                return
            if due.takes(at_ms):
                yield Frame(at_ms, upright(frame, video.pixel_ratio, max_width))


@dataclass
class Due:
    """One time in each interval is taken, the first; none before `next_ms`."""

    next_ms: int
    interval_ms: int

    def takes(self, at_ms: int) -> bool:
        if at_ms < self.next_ms:
            return False
        self.next_ms = (at_ms // self.interval_ms + 1) * self.interval_ms if self.interval_ms > 0 else at_ms
        return True


def frame_at(source: BinaryIO, at_ms: int, max_width: int | None = None) -> Frame:
    """The frame on screen at `at_ms` (the first one when nothing is on screen yet, the last one after the end).

    Raises:
        UnreadableMedia: the file is no readable video, or no frame near that time can be decoded.
    """
    with opened(source) as video:
        for back_ms in (0, SEEK_BACK_MS, 30_000, at_ms):
            video.seek(max(0, at_ms - back_ms))
            found: tuple[int, VideoFrame] | None = None
            for stamp_ms, frame in decoded(video):
                if stamp_ms > at_ms and found is not None:
                    break
                found = stamp_ms, frame
                if stamp_ms > at_ms:
                    break
            if found is not None and (found[0] <= at_ms or back_ms >= at_ms):
                return Frame(found[0], upright(found[1], video.pixel_ratio, max_width))
        raise UnreadableMedia(f"no frame can be decoded at {at_ms / 1000:.1f} s")


def decoded(video: OpenVideo) -> Iterator[tuple[int, VideoFrame]]:
    """Frames from the current position on with their times in milliseconds, in order of time; undecodable ones are left out."""
    import av

    stream = video.video
    if not stream.codec_context.is_open:
        stream.codec_context.thread_type = "AUTO"
    last = -(1 << 62)
    for packet in video.packets(stream):
        try:
            pictures = cast("Packet[VideoStream]", packet).decode()
        except av.FFmpegError:
            continue
        for picture in pictures:
            stamp = picture.pts if picture.pts is not None else picture.dts
            if stamp is not None and stamp > last:
                last = stamp
                yield video.at_ms(stamp, stream), picture


def upright(
    frame: VideoFrame, pixel_ratio: Fraction = Fraction(1), max_width: int | None = None, *, rotation: int | None = None
) -> NDArray[np.uint8]:
    """The frame's RGB pixels as a player shows them: square pixels, turned, at most `max_width` wide.

    `rotation`: degrees counterclockwise; the frame's own when it is not given.
    """
    turns = (frame.rotation if rotation is None else rotation) // 90 % 4
    width, height = max(1, round(frame.width * pixel_ratio)), frame.height
    shown_width = height if turns % 2 else width
    if max_width is not None and shown_width > max_width:
        width, height = (max(1, round(side * max_width / shown_width)) for side in (width, height))
    # one thread: starting others for each frame costs more than they save
    pixels = cast("NDArray[np.uint8]", frame.to_ndarray(format="rgb24", width=width, height=height, interpolation="AREA", threads=1))
    return np.ascontiguousarray(np.rot90(pixels, turns)) if turns else pixels
