"""Which frame a time means: one rule for clips, stills and edit lists, so that they all begin with the same frame."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scenesearch.media.source import OpenVideo

HALF = Fraction(1, 2)
"""A frame that begins less than half a frame after a time is meant by it: "1.5 s" in 59.94 frames a second is frame 90, at 1.5015 s."""

END_SLACK = Fraction(1, 10)
"""Times are whole milliseconds: a frame that begins this little (in frames) before the end is the next span's."""


def first_frame(at_ms: int, rate: float) -> int:
    """The number of the frame that a span from `at_ms` begins with, in a steady `rate` (frames a second)."""
    return math.ceil(_frames(at_ms, rate) - HALF)


def end_frame(at_ms: int, rate: float) -> int:
    """The number of the first frame that a span to `at_ms` no longer holds."""
    return math.ceil(_frames(at_ms, rate) - END_SLACK)


def lead_of(video: OpenVideo) -> Fraction:
    """How long after a time (seconds) the frame that it means may begin: half a frame, nothing where the frame rate is not steady."""
    average, base = video.video.average_rate, video.video.base_rate
    if not average or not base or not _steady(average, base):
        return Fraction(0)
    return HALF / average


def _steady(average: Fraction, base: Fraction) -> bool:
    """Interlaced streams may state their fields a second."""
    return any(abs(times * average - base) < base / 100 for times in (1, 2))


def _frames(at_ms: int, rate: float) -> Fraction:
    """Frames before this time. Rates are known as floats: those of NTSC are meant exactly."""
    return Fraction(at_ms, 1000) * Fraction(rate).limit_denominator(1001)
