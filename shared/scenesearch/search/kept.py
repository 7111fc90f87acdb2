"""The best scenes so far, and which of them can be told while more may come."""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator

from scenesearch.search.answer import Scene


class Kept:
    """The `limit` best scenes. Of equals, the earlier one is the better."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._ranked: list[tuple[float, int, Scene]] = []
        self._number = 0
        self._told = set[int]()

    def take(self, scene: Scene) -> None:
        """One more; the worst goes when there are too many."""
        self._number += 1
        insort(self._ranked, (-scene.score, self._number, scene), key=lambda kept: kept[:2])
        del self._ranked[self._limit :]

    def certain(self, more: int) -> Iterator[Scene]:
        """Those that stay however good the at most `more` scenes are that may still come; each is told once, best first."""
        for _, number, scene in self._ranked[: max(0, self._limit - more)]:
            if number not in self._told:
                self._told.add(number)
                yield scene

    def best(self) -> list[Scene]:
        """All that are kept, best first."""
        return [scene for _, _, scene in self._ranked]
