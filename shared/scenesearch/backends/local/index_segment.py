"""The part of the local index that a searching process holds in memory: flat arrays, scanned exactly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numkong
import numpy as np
from numpy.typing import NDArray

from scenesearch.backends.local.index_file import ChunkKey, StoredChunk
from scenesearch.metadata import section_bits
from scenesearch.ports import Filters, Probe
from scenesearch.ranking.bm25 import Postings
from scenesearch.ranking.strength import strengths
from scenesearch.video import VideoRef

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Strengths:
    """The moments from `first` on: their cosines with a question and their strengths (-inf: left out by a filter), in order."""

    first: int
    similarities: Floats
    strengths: Floats


@dataclass(frozen=True, slots=True)
class Segment:
    """Moments of many chunks, sorted by collection and video, so that both filter by a slice. Never changes.

    `starts[i]` to before `starts[i + 1]` are the moments of `keys[i]`; `gone` chunks are masked.
    """

    keys: tuple[ChunkKey, ...]
    starts: NDArray[np.int64]
    vectors: NDArray[np.float16]
    postings: Postings
    sections: NDArray[np.uint8]
    languages: NDArray[np.int32]
    language_names: tuple[str | None, ...]
    by_collection: dict[str, tuple[int, int]]
    by_video: dict[str, tuple[int, int]]
    gone: frozenset[int] = frozenset()

    @classmethod
    def of(cls, chunks: Iterable[StoredChunk], dimension: int) -> Self:
        """Lay the chunks out side by side."""
        ordered = sorted(chunks, key=lambda c: (c.key.collection, c.key.ref, c.key.number))
        keys = tuple(chunk.key for chunk in ordered)
        sizes = [len(chunk.sections) for chunk in ordered]
        names = tuple(dict.fromkeys(key.language for key in keys))
        return cls(
            keys=keys,
            starts=np.cumsum([0, *sizes]),
            vectors=np.concatenate([np.zeros((0, dimension), np.float16), *(chunk.vectors for chunk in ordered)]),
            postings=Postings.joined([chunk.postings for chunk in ordered]),
            sections=np.concatenate([np.zeros(0, np.uint8), *(chunk.sections for chunk in ordered)]),
            languages=np.repeat(np.array([names.index(key.language) for key in keys], np.int32), sizes),
            language_names=names,
            by_collection=_ranges(key.collection for key in keys),
            by_video=_ranges(key.ref.video_id for key in keys),
        )

    def __len__(self) -> int:
        return int(self.starts[-1])

    def without(self, ids: frozenset[int]) -> Self:
        """The same segment with these chunks (by id) masked; shares the arrays."""
        return replace(self, gone=frozenset(i for i, key in enumerate(self.keys) if key.id in ids))

    @property
    def masked(self) -> int:
        """How many moments are masked."""
        return int(sum(self.starts[i + 1] - self.starts[i] for i in self.gone))

    def chunk_of(self, moment: int) -> int:
        """The chunk (a place in `keys`) that a moment belongs to."""
        return int(np.searchsorted(self.starts, moment, side="right")) - 1

    def admitted(self, probe: Probe, filters: Filters) -> Iterator[Strengths]:
        """The strengths of all moments under the filters, a stretch at a time."""
        for low, high in self._chunk_ranges(filters):
            found = self.strengths(probe, low, high)
            out = ~self._matching(probe, filters, found.first, found.first + len(found.strengths))
            for chunk in self.gone:
                if low <= chunk < high:
                    out[self.starts[chunk] - found.first : self.starts[chunk + 1] - found.first] = True
            found.strengths[out] = -np.inf
            yield found

    def chunks_of(self, ref: VideoRef) -> range:
        """The chunks of this generation of a video that are not masked: places in `keys` (they lie side by side)."""
        low, high = self.by_video.get(ref.video_id, (0, 0))
        mine = [i for i in range(low, high) if self.keys[i].ref == ref]
        return range(mine[0], mine[-1] + 1) if mine else range(0)

    def strengths(self, probe: Probe, low: int, high: int) -> Strengths:
        """The strengths of all moments of the chunks from `low` to before `high`."""
        first, after = int(self.starts[low]), int(self.starts[high])
        similarities = _cosines(probe.vector, self.vectors[first:after])
        answered = self.postings.scores(probe.words.shares, probe.words.average_length, first, after)
        return Strengths(first, similarities, strengths(probe, similarities, answered, self.sections[first:after]))

    def _chunk_ranges(self, filters: Filters) -> list[tuple[int, int]]:
        if filters.collections is None:
            ranges = [(0, len(self.keys))] if self.keys else []
        else:
            ranges = [self.by_collection[name] for name in sorted(filters.collections) if name in self.by_collection]
        if filters.video_id is not None:
            low, high = self.by_video.get(filters.video_id, (0, 0))
            ranges = [(max(low, a), min(high, b)) for a, b in ranges if max(low, a) < min(high, b)]
        return ranges

    def _matching(self, probe: Probe, filters: Filters, first: int, after: int) -> NDArray[np.bool_]:
        matching = np.ones(after - first, np.bool_)
        if filters.language is not None:
            wanted = [i for i, name in enumerate(self.language_names) if name == filters.language]
            matching &= np.isin(self.languages[first:after], wanted)
        if filters.section is not None:
            matching &= (self.sections[first:after] & np.uint8(section_bits({filters.section}))) != 0
        for word in {word for phrase in probe.phrases for word in phrase}:
            units, _ = self.postings.of_word(word, first, after)
            holds = np.zeros(after - first, np.bool_)
            holds[units - first] = True
            matching &= holds
        return matching


def strongest(found: Strengths, count: int) -> NDArray[np.int64]:
    """The `count` strongest admitted moments (counted from `found.first`), strongest first; ties in order of time."""
    strengths = found.strengths
    if count < len(strengths):
        best = np.argpartition(-strengths, count - 1)[:count]
        best.sort()
    else:
        best = np.arange(len(strengths))
    best = best[np.argsort(-strengths[best], kind="stable")]
    return best[np.isfinite(strengths[best])]


def _cosines(vector: Floats, vectors: NDArray[np.float16]) -> Floats:
    if not len(vectors):
        return np.zeros(0, np.float32)
    cosines: Floats = np.asarray(numkong.cdist(vector.astype(np.float16)[None, :], vectors, metric="dot"))[0].astype(np.float32)
    return cosines


def _ranges(names: Iterable[str]) -> dict[str, tuple[int, int]]:
    """Where each name stands in a sequence in which equal names stand side by side: (first, after)."""
    ranges: dict[str, tuple[int, int]] = {}
    for i, name in enumerate(names):
        ranges[name] = (ranges[name][0] if name in ranges else i, i + 1)
    return ranges


def total_length(segments: Sequence[Segment]) -> float:
    """Words of all moments together."""
    return float(sum(segment.postings.lengths.sum(dtype=np.float64) for segment in segments))
