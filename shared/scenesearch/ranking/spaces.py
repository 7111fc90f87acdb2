"""Which embedder an index was made with: vectors of different models do not compare."""

from __future__ import annotations

from typing import NamedTuple

from scenesearch.errors import IndexMismatch
from scenesearch.ports import Vectors


class Space(NamedTuple):
    """The space that the vectors of an index lie in."""

    embedder: str
    dimension: int

    def check(self, stored: Space | None) -> None:
        """Raises `IndexMismatch` when an index was made in another space; None: nothing is in it yet."""
        if stored is not None and stored != self:
            raise IndexMismatch(
                f"the index holds vectors of {stored.embedder} ({stored.dimension} dimensions), not of {self.embedder}"
                f" ({self.dimension}): run `scenesearch reindex`, or choose the models that built it"
            )

    def check_vectors(self, vectors: Vectors, count: int) -> None:
        """Raises `IndexMismatch` unless there is one vector of this space for each of `count` moments."""
        if vectors.shape != (count, self.dimension):
            raise IndexMismatch(f"{vectors.shape} vectors came for {count} moments of {self.dimension} dimensions")
