"""Time on one clock: integer milliseconds from the start of the container (after edit lists)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from scenesearch.errors import InvalidSpan

_TIMESTAMP = re.compile(r"(?:(\d+):(?=[0-5]?\d:))?(\d+):([0-5]\d)(?:\.(\d{1,3}))?")


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Half-open `[start_ms, end_ms)` on the clock of a browser's `video.currentTime`."""

    start_ms: int
    end_ms: int

    def __post_init__(self) -> None:
        if not 0 <= self.start_ms < self.end_ms:
            raise InvalidSpan(f"{self.start_s} s to {self.end_s} s is no span: it must start at 0 or later and end after it starts")

    @classmethod
    def of_seconds(cls, start: float, end: float) -> Span:
        """The span from `start` to `end` seconds, rounded to milliseconds."""
        return cls(round(start * 1000), round(end * 1000))

    @property
    def duration_ms(self) -> int:
        """How long it is."""
        return self.end_ms - self.start_ms

    @property
    def midpoint_ms(self) -> int:
        """Its middle, rounded down."""
        return (self.start_ms + self.end_ms) // 2

    @property
    def start_s(self) -> float:
        """Its start in seconds."""
        return self.start_ms / 1000

    @property
    def end_s(self) -> float:
        """Its end in seconds."""
        return self.end_ms / 1000

    def contains(self, at_ms: int) -> bool:
        """Whether the point lies in the span; its end does not."""
        return self.start_ms <= at_ms < self.end_ms

    def overlap_ms(self, other: Span) -> int:
        """How many milliseconds both spans cover; 0 when they only touch."""
        return max(0, min(self.end_ms, other.end_ms) - max(self.start_ms, other.start_ms))

    def overlaps(self, other: Span) -> bool:
        """Whether both spans cover at least a millisecond together."""
        return self.start_ms < other.end_ms and other.start_ms < self.end_ms

    def hull(self, other: Span) -> Span:
        """The shortest span that covers both."""
        return Span(min(self.start_ms, other.start_ms), max(self.end_ms, other.end_ms))

    def iou(self, other: Span) -> float:
        """Temporal intersection over union, 0 to 1."""
        shared = self.overlap_ms(other)
        return shared / (self.duration_ms + other.duration_ms - shared)

    def shifted(self, by_ms: int) -> Span:
        """The span, later by so many milliseconds."""
        return Span(self.start_ms + by_ms, self.end_ms + by_ms)

    def clipped(self, to: Span) -> Span | None:
        """The part inside `to`, or None when there is none."""
        start, end = max(self.start_ms, to.start_ms), min(self.end_ms, to.end_ms)
        return Span(start, end) if start < end else None

    def __str__(self) -> str:
        return f"{format_timestamp(self.start_ms)}-{format_timestamp(self.end_ms)}"


def hull(spans: Iterable[Span]) -> Span:
    """The shortest span that covers all of `spans` (at least one)."""
    first, *rest = spans
    for span in rest:
        first = first.hull(span)
    return first


def format_timestamp(at_ms: int) -> str:
    """`MM:SS` floored to the second; `H:MM:SS` from one hour on."""
    seconds = at_ms // 1000
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes:02}:{seconds:02}"


def parse_timestamp(text: str) -> int:
    """Milliseconds of `[H:]MM:SS[.mmm]` (without hours as many minutes as there are) or of a plain number of seconds.

    Raises:
        InvalidSpan: `text` is neither.
    """
    text = text.strip()
    if match := _TIMESTAMP.fullmatch(text):
        hours, minutes, seconds, fraction = match.groups(default="0")
        return (int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * 1000 + int(fraction.ljust(3, "0"))
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e9:
        raise InvalidSpan(f"{text!r} is no time: write MM:SS, H:MM:SS or seconds")
    return round(value * 1000)
