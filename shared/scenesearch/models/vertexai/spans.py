"""Check the times of a model: each becomes a span inside the clip and in order, or a fault that names what is wrong."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from scenesearch.timeline import Span

END_S = 0.25
"""How many seconds the streams of one clip may end apart: an end this far behind the clip is taken for its end."""


class SpanFault(ValueError):
    """What is wrong with one note, in words that the model is told."""


def checked(start_s: float, end_s: float, duration_ms: int) -> Span:
    """Return the span `start_s` to `end_s` in a clip of `duration_ms`.

    Models that look once a second round up: an end in the clip's last, begun second, or hardly behind it, means the clip's end.
    Nothing else is corrected.

    Raises:
        SpanFault: it is out of range or inverted.
    """
    duration_s = duration_ms / 1000
    if start_s < 0:
        raise SpanFault(f"it starts at {start_s:g}, before the clip's beginning")
    if end_s <= start_s:
        raise SpanFault(f"it ends at {end_s:g}, not after its start {start_s:g}")
    if end_s > max(math.ceil(duration_s), duration_s + END_S) or start_s >= duration_s:
        raise SpanFault(f"it runs from {start_s:g} to {end_s:g}, but the clip is over at {duration_s:g}")
    start_ms, end_ms = round(start_s * 1000), min(round(end_s * 1000), duration_ms)
    if start_ms >= end_ms:
        raise SpanFault(f"it is shorter than a millisecond ({start_s:g} to {end_s:g})")
    return Span(start_ms, end_ms)


def out_of_order(spans: Sequence[Span]) -> set[int]:
    """Return the fewest places whose removal leaves the starts in order: empty for an ordered list."""
    ends: list[int] = []  # ends[k]: place of the smallest last start of a run of k + 1
    before: list[int | None] = []
    for place, span in enumerate(spans):
        at = bisect_right([spans[i].start_ms for i in ends], span.start_ms)
        before.append(ends[at - 1] if at else None)
        ends[at : at + 1] = [place]
    kept: set[int] = set()
    place_or_none = ends[-1] if ends else None
    while place_or_none is not None:
        kept.add(place_or_none)
        place_or_none = before[place_or_none]
    return set(range(len(spans))) - kept
