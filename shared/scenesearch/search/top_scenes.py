"""Keep the best scenes so far, while more may come."""

from __future__ import annotations

from bisect import insort

from scenesearch.search.answer import Scene


class TopScenes:
    """The `limit` best scenes. Of equals, the earlier one is the better."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ranked: list[tuple[float, int, Scene]] = []
        self._number = 0

    def take(self, scene: Scene) -> bool:
        """Add a scene; when there are too many, the worst is dropped. Return False when that is this one."""
        self._number += 1
        insort(self._ranked, (-scene.score, self._number, scene), key=lambda kept: kept[:2])
        dropped = self._ranked[self._limit :]
        del self._ranked[self._limit :]
        return all(other is not scene for _, _, other in dropped)

    def best(self) -> list[Scene]:
        """Return all kept scenes, best first."""
        return [scene for _, _, scene in self._ranked]
