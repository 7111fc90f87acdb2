"""Where moments are found: what goes into an index, what it is asked, what it answers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scenesearch.metadata import Section
from scenesearch.moments import Moment
from scenesearch.video import VideoRef

Vectors = NDArray[np.float32]
"""Rows of unit length: shape (texts, dimension)."""


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """How to read an embedder's cosines: `mean` and `std` of those between a question and passages that have nothing to do with it.

    Cosines of different models lie on different scales, so this belongs to the model and is measured for it (`calibrate.py`).
    `midpoint`: the strength (see `ranking/strength.py`) at which hits and misses are even.
    """

    mean: float
    std: float
    midpoint: float = 6.0

    def score(self, strength: float) -> float:
        """A strength as a score of 0 to 1 that means the same for every question: one half at `midpoint`."""
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, (strength - self.midpoint) / 2))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What the index itself filters by. None: everything; an empty `collections` finds nothing. `section`: what a moment must hold."""

    collections: frozenset[str] | None = None
    language: str | None = None
    video_id: str | None = None
    section: Section | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WordWeights:
    """How much of a question each of its words carries (together at most 1), and how many words an average moment has."""

    shares: Mapping[str, float]
    average_length: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A question as an index sees it; `ranking/strength.py` says how strongly a moment answers it.

    Every word of every one of `phrases` must be in the moment. A `vector` of zeros, read on a scale whose `mean` is 0, asks by the
    words alone. `text` is the question itself, for services that look for candidates by models of their own; strengths do not
    depend on it.
    """

    vector: NDArray[np.float32]
    scale: ScoreScale
    words: WordWeights
    text: str = ""
    phrases: tuple[tuple[str, ...], ...] = ()
    sections: frozenset[Section] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A moment found: where it is, and its strength."""

    ref: VideoRef
    chunk: int
    number: int
    strength: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A moment with its entries, its cosine with the question, and its strength."""

    moment: Moment
    similarity: float
    strength: float


class SceneIndex(Protocol):
    """Moments under dense and lexical search at once. Remembers embedder and dimension and refuses others with `IndexMismatch`."""

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """These, and only these, are the moments of this chunk; `vectors` has one row a moment. Searchable on return."""
        ...

    def remove(self, video_id: str, generation: int | None = None) -> None:
        """Drop every moment of the video (or of one generation)."""
        ...

    def clear(self) -> None:
        """Forget every moment, and the embedder: the next `replace` says what the index holds from then on."""
        ...

    def weigh(self, words: Sequence[str]) -> WordWeights:
        """How telling each of these words is in the whole index, whatever the filters of a question leave of it."""
        ...

    def find(self, probe: Probe, filters: Filters, limit: int, per_video: int) -> list[Hit]:
        """The `limit` strongest moments, at most `per_video` of one video, strongest first."""
        ...

    def read(self, refs: Sequence[VideoRef], probe: Probe, limit: int) -> dict[VideoRef, list[Candidate]]:
        """Of each of these videos its (at most) `limit` strongest moments, strongest first; phrases are not asked for."""
        ...
