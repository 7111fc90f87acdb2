"""Scenes of one place are shown as one."""

from __future__ import annotations

from scenesearch.search.answer import Scene
from scenesearch.search.overlaps import places


def a_scene(start: float, end: float, video: str = "v") -> Scene:
    return Scene(video_id=video, title="", timestamp="", start=start, end=end, description="", evidence=[], grounded=True, score=0.5)


def test_cuts_of_one_place_are_together_under_the_best_in_the_answers_order() -> None:
    best, elsewhere, wider, within, beside = a_scene(10, 30), a_scene(100, 120), a_scene(5, 60), a_scene(12, 20), a_scene(29, 50)
    assert places([best, elsewhere, wider, within, beside]) == [[best, wider, within], [elsewhere], [beside]]


def test_the_same_times_of_another_video_are_another_place() -> None:
    assert len(places([a_scene(10, 30), a_scene(10, 30, video="w")])) == 2


def test_nothing_found_is_no_place() -> None:
    assert places([]) == []
