"""Scenes of one place: the same moment cut more or less widely, shown to people as one."""

from __future__ import annotations

from collections.abc import Sequence

from scenesearch.search.answer import Scene

ONE_PLACE = 0.5
"""The share of the shorter scene (0 to 1) above which two scenes of a video are cuts of one place (the page does the same)."""


def places(scenes: Sequence[Scene]) -> list[list[Scene]]:
    """The scenes of an answer by place, in its order: the first of each is the best cut, the others differ in their borders."""
    found: list[list[Scene]] = []
    for scene in scenes:
        same = next((place for place in found if _same(place[0], scene)), None)
        if same is None:
            found.append([scene])
        else:
            same.append(scene)
    return found


def _same(one: Scene, other: Scene) -> bool:
    shared = min(one.end, other.end) - max(one.start, other.start)
    return one.video_id == other.video_id and shared > ONE_PLACE * min(one.end - one.start, other.end - other.start)
