"""Times that models give: which are spans of the clip, which are faults."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenesearch.models.vertexai.spans import SpanFault, checked, out_of_order
from scenesearch.timeline import Span

CLIP_MS = 9_984


@pytest.mark.parametrize(
    ("start", "end", "span"),
    [
        (0, 1, (0, 1000)),
        (3.2, 3.25, (3200, 3250)),
        (9, 9.984, (9000, 9984)),
        (9, 10, (9000, 9984)),  # rounded up to the second
        (9.5, 10.2, (9500, 9984)),  # the sound is a few packets longer
    ],
)
def test_times_inside_the_clip_are_kept(start: float, end: float, span: tuple[int, int]) -> None:
    assert checked(start, end, CLIP_MS) == Span(*span)


@pytest.mark.parametrize(
    ("start", "end", "says"),
    [
        (-0.1, 1, "before the clip's beginning"),
        (5, 4, "not after its start"),
        (5, 5, "not after its start"),
        (9, 10.5, "the clip is over at 9.984"),
        (83, 84, "the clip is over at 9.984"),
        (9.984, 10, "the clip is over at 9.984"),
        (5, 5.0001, "shorter than a millisecond"),
    ],
)
def test_other_times_are_faults_that_can_be_named(start: float, end: float, says: str) -> None:
    with pytest.raises(SpanFault, match=says):
        checked(start, end, CLIP_MS)


@given(st.lists(st.integers(0, 20)))
def test_what_is_left_is_in_order_and_as_much_as_can_be(starts: list[int]) -> None:
    strays = out_of_order([Span(start, start + 1) for start in starts])
    kept = [start for place, start in enumerate(starts) if place not in strays]
    assert kept == sorted(kept)
    longest = [max((n for s, n in zip(starts[:i], [0] * i, strict=True) if s <= starts[i]), default=0) for i in range(len(starts))]
    for place in range(len(starts)):
        longest[place] = 1 + max((longest[before] for before in range(place) if starts[before] <= starts[place]), default=0)
    assert len(kept) == max(longest, default=0)


def test_one_late_note_in_front_costs_itself_alone() -> None:
    assert out_of_order([Span(at, at + 1) for at in (290, 5, 10, 20)]) == {0}
