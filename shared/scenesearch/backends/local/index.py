"""The `SceneIndex` port on one machine: a SQLite file as the durable truth, flat arrays in every process that searches."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby, repeat
from pathlib import Path
from threading import Lock

import numpy as np

from scenesearch.backends.local.index_file import IndexFile
from scenesearch.backends.local.index_segment import Segment, Strengths, strongest, total_length
from scenesearch.moments import Moment
from scenesearch.ports import Candidate, Filters, Hit, Probe, SceneIndex, Vectors, WordWeights
from scenesearch.ranking.bm25 import term_weights
from scenesearch.ranking.strength import capped
from scenesearch.video import VideoRef

CHUNKS_KEPT = 512
"""Chunks whose entries stay decoded in memory: what recent questions have read."""

_SMALL = 4_096
"""Moments that may be fresh or deleted before the sorted part is written anew, however small that part is."""
_EXAMINED = 4
"""Candidates that are looked at for each hit that is wanted: some belong to one video, some lack a phrase."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The index at one revision: a large segment, and a small one of what has come since it was laid out."""

    revision: int
    base: Segment
    fresh: Segment
    average_length: float

    @property
    def segments(self) -> tuple[Segment, Segment]:
        """The large sorted part, and what has come since."""
        return self.base, self.fresh

    def __len__(self) -> int:
        return len(self.base) + len(self.fresh)


class LocalIndex(SceneIndex):
    """Moments under exact dense and lexical search. Processes and threads may share the file; each sees a change at its next question."""

    def __init__(self, path: Path, embedder_name: str, dimension: int) -> None:
        self._file = IndexFile(path, embedder_name, dimension)
        self._dimension = dimension
        self._lock = Lock()
        self._snapshot: Snapshot | None = None
        self._moments = lru_cache(CHUNKS_KEPT)(self._file.moments)

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """These, and only these, are the moments of this chunk. Raises `IndexMismatch`, `StorageFull`, `Unavailable`."""
        self._file.replace(ref, chunk, moments, vectors)

    def remove(self, video_id: str, generation: int | None = None) -> None:
        """Drop every moment of the video (or of one generation)."""
        self._file.remove(video_id, generation)

    def clear(self) -> None:
        """Forget every moment, and the embedder."""
        self._file.clear()

    def weigh(self, words: Sequence[str]) -> WordWeights:
        """How telling each of these words is in the whole index."""
        snapshot = self.snapshot()
        frequencies = {word: sum(segment.postings.frequency(word) for segment in snapshot.segments) for word in set(words)}
        return WordWeights(shares=term_weights(words, frequencies, len(snapshot)), average_length=snapshot.average_length)

    def find(self, probe: Probe, filters: Filters, limit: int, per_video: int) -> list[Hit]:
        """The `limit` strongest moments, at most `per_video` of one video, strongest first."""
        found = [(segment, part) for segment in self.snapshot().segments for part in segment.admitted(probe, filters)]
        wanted = limit * _EXAMINED
        while True:
            hits = _capped(found, wanted, limit, per_video)
            if len(hits) == limit or wanted >= sum(len(part.strengths) for _, part in found):
                return hits
            wanted *= 16  # one long video fills the top: look deeper

    def read(self, refs: Sequence[VideoRef], probe: Probe, limit: int) -> dict[VideoRef, list[Candidate]]:
        """Of each of these videos its (at most) `limit` strongest moments, strongest first."""
        segments = self.snapshot().segments
        return {ref: self._read(ref, segments, probe, limit) for ref in refs}

    def snapshot(self) -> Snapshot:
        """The index as it is now; only what changed since the last question is read from the file. Raises `IndexMismatch`."""
        revision = self._file.revision()
        with self._lock:
            if self._snapshot is None or self._snapshot.revision != revision:
                self._snapshot = self._refreshed(self._snapshot, revision)
            return self._snapshot

    def _refreshed(self, old: Snapshot | None, revision: int) -> Snapshot:
        present = self._file.ids()
        if old is not None:
            laid_out = {key.id for key in old.base.keys}
            base = old.base.without(frozenset(laid_out - present))
            fresh = Segment.of(self._file.chunks(sorted(present - laid_out)), self._dimension)
            if max(len(fresh), base.masked) <= max(_SMALL, len(base) // 8):
                return self._made(revision, base, fresh)
        whole = Segment.of(self._file.chunks(sorted(present)), self._dimension)
        return self._made(revision, whole, Segment.of((), self._dimension))

    def _made(self, revision: int, base: Segment, fresh: Segment) -> Snapshot:
        count = len(base) + len(fresh)
        return Snapshot(revision, base, fresh, max(1.0, total_length((base, fresh)) / max(1, count)))

    def _read(self, ref: VideoRef, segments: Sequence[Segment], probe: Probe, limit: int) -> list[Candidate]:
        candidates: list[Candidate] = []
        for segment in segments:
            for low, high in _runs([i for i in segment.chunks_of(ref) if i not in segment.gone]):
                found = segment.strengths(probe, low, high)
                candidates += self._candidates(segment, found, limit)
        return heapq.nsmallest(limit, candidates, key=lambda c: (-c.strength, c.moment.chunk, c.moment.number))

    def _candidates(self, segment: Segment, found: Strengths, limit: int) -> list[Candidate]:
        candidates = []
        best = sorted(strongest(found, limit).tolist())
        for chunk, members in groupby(best, key=lambda i: segment.chunk_of(found.first + i)):
            moments = self._moments(segment.keys[chunk])
            for i in members:
                if moments is not None:  # else removed since the snapshot was taken
                    moment = moments[found.first + i - int(segment.starts[chunk])]
                    candidates.append(Candidate(moment=moment, similarity=float(found.similarities[i]), strength=float(found.strengths[i])))
        return candidates


def _capped(found: Sequence[tuple[Segment, Strengths]], wanted: int, limit: int, per_video: int) -> list[Hit]:
    """The strongest of the `wanted` strongest of each part, with not too many of one video."""
    ranked: list[tuple[float, int, int, int]] = []
    for n, (segment, part) in enumerate(found):
        best = strongest(part, wanted)
        places = best + part.first
        chunks = np.searchsorted(segment.starts, places, side="right") - 1
        ranked += zip((-part.strengths[best]).tolist(), repeat(n), chunks.tolist(), places.tolist(), strict=False)
    if len(found) > 1:
        ranked.sort()
    return capped((_hit(found[n][0], chunk, place, -weakness) for weakness, n, chunk, place in ranked), limit, per_video)


def _hit(segment: Segment, chunk: int, place: int, strength: float) -> Hit:
    key = segment.keys[chunk]
    return Hit(ref=key.ref, chunk=key.number, number=place - int(segment.starts[chunk]), strength=strength)


def _runs(numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending numbers as (first, after) of those that follow each other."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and runs[-1][1] == number:
            runs[-1] = (runs[-1][0], number + 1)
        else:
            runs.append((number, number + 1))
    return runs
