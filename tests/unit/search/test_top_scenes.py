"""The best scenes while more may come."""

from __future__ import annotations

import random

import pytest

from scenesearch.search.answer import Scene
from scenesearch.search.top_scenes import TopScenes


def a_scene(score: float, start: float = 0.0) -> Scene:
    return Scene(video_id="v", title="", timestamp="", start=start, end=start + 1, description="", evidence=[], grounded=True, score=score)


def test_the_worst_goes_and_of_equals_the_later_one() -> None:
    kept = TopScenes(2)
    assert kept.take(a_scene(0.5, start=1))
    assert kept.take(a_scene(0.5, start=2))
    assert not kept.take(a_scene(0.5, start=3))
    assert kept.take(a_scene(0.9, start=4))
    assert [(scene.score, scene.start) for scene in kept.best()] == [(0.9, 4), (0.5, 1)]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_of_those_that_were_told_are_the_answer(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    limit = rng.randint(1, 12)
    kept = TopScenes(limit)
    scenes = [a_scene(rng.choice([0.1, 0.5, 0.5, rng.random()]), start=n) for n in range(rng.randint(0, 40))]
    told = [scene for scene in scenes if kept.take(scene)]
    assert kept.best() == sorted(told, key=lambda scene: -scene.score)[:limit] == sorted(scenes, key=lambda scene: -scene.score)[:limit]
