"""The best scenes while more may come."""

from __future__ import annotations

import random

import pytest

from scenesearch.search.answer import Scene
from scenesearch.search.kept import Kept


def a_scene(score: float, start: float = 0.0) -> Scene:
    return Scene(video_id="v", title="", timestamp="", start=start, end=start + 1, description="", evidence=[], grounded=True, score=score)


def test_what_is_told_is_told_once_and_stays_however_good_the_rest_is() -> None:
    kept = Kept(3)
    kept.take(a_scene(0.5))
    assert list(kept.certain(more=3)) == []
    kept.take(a_scene(0.9))
    assert [scene.score for scene in kept.certain(more=2)] == [0.9]
    kept.take(a_scene(1.0))
    assert [scene.score for scene in kept.certain(more=0)] == [1.0, 0.5]
    assert [scene.score for scene in kept.best()] == [1.0, 0.9, 0.5]


@pytest.mark.parametrize("seed", range(20))
def test_the_scenes_that_are_told_are_those_of_the_answer(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311 - no secret
    limit, per_file, files = rng.randint(1, 12), rng.randint(1, 5), rng.randint(1, 12)
    kept, told, all_of_them = Kept(limit), list[Scene](), list[Scene]()
    for unread in reversed(range(files)):
        for _ in range(rng.randint(0, per_file)):
            scene = a_scene(rng.choice([0.1, 0.5, 0.5, rng.random()]), start=len(all_of_them))
            all_of_them.append(scene)
            kept.take(scene)
        told += kept.certain(unread * per_file)
        assert len(told) <= limit
    assert sorted(told, key=lambda scene: scene.start) == sorted(kept.best(), key=lambda scene: scene.start)
    assert kept.best() == sorted(all_of_them, key=lambda scene: -scene.score)[:limit]
