"""The `SceneIndex` port over Firestore: vector search there, words in memory, both legs on one scale.

`index/state` says which embedder made the vectors.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from google.cloud.firestore import Client
from numpy.typing import NDArray

from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.gcp.index_shards import Layout, Shards
from scenesearch.backends.gcp.index_space import StoredSpace
from scenesearch.backends.gcp.index_vectors import PARALLEL, Cosines, MomentVectors
from scenesearch.backends.gcp.indexed_chunk import ChunkOfIndex
from scenesearch.errors import ConfigurationError
from scenesearch.moments import Moment
from scenesearch.ports import Candidate, Filters, Hit, Probe, SceneIndex, Vectors, WordWeights
from scenesearch.ranking.bm25 import term_weights
from scenesearch.ranking.spaces import Space
from scenesearch.ranking.strength import capped, strengths
from scenesearch.video import VideoRef

LOG = logging.getLogger(__name__)

LARGEST_DIMENSION = 2048
"""Firestore indexes no longer vectors."""

MADE_FOR = 50_000
"""Moments: of more than that a searching process would hold too many words in memory, and take too long to begin."""

BY_WORDS = 400
"""How many of the moments that answer best by their words are looked at beside the nearest ones."""

Floats = NDArray[np.float32]


class FirestoreIndex(SceneIndex):
    """Moments under dense and lexical search. A question looks at the 1000 nearest moments and the best `BY_WORDS` by their words;
    the strengths of those are exact.
    """

    def __init__(self, client: Client, embedder: str, dimension: int, *, made_for: int = MADE_FOR) -> None:
        """Above `made_for` moments it works on, and says once that it should not. Raises `ConfigurationError` for too long vectors."""
        if dimension > LARGEST_DIMENSION:
            raise ConfigurationError(f"{embedder} makes vectors of {dimension} numbers, Firestore indexes at most {LARGEST_DIMENSION}")
        self._client = client
        self._space = Space(embedder, dimension)
        self._stored_space = StoredSpace(client, "state", self._space)
        self._vectors, self._shards = MomentVectors(client), Shards(client)
        self._made_for, self._said_so = made_for, False

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """Vectors first: a moment is found once its words are there."""
        self._space.check_vectors(vectors, len(moments))
        with translated(f"indexing chunk {chunk} of video {ref.video_id}"):
            self._stored_space.claim()
            self._vectors.replace(ref, chunk, moments, vectors)
            self._shards.replace(ref, chunk, moments)

    def remove(self, video_id: str, generation: int | None = None) -> None:
        with translated(f"removing video {video_id} from the index"):
            self._shards.remove(video_id, generation)
            self._vectors.remove(video_id, generation)

    def clear(self) -> None:
        with translated("emptying the index"):
            self._shards.clear()
            self._vectors.clear()
            self._stored_space.clear()

    def weigh(self, words: Sequence[str]) -> WordWeights:
        layout = self._layout()
        frequencies = {word: layout.postings.frequency(word) for word in set(words)}
        return WordWeights(shares=term_weights(words, frequencies, len(layout)), average_length=layout.average_length)

    def find(self, probe: Probe, filters: Filters, limit: int, per_video: int) -> list[Hit]:
        layout = self._layout()
        admitted = layout.admitted(filters, probe.phrases)
        if not admitted.any():
            return []
        values, _ = self._strengths(layout, admitted, probe, filters)
        places = ((unit, *layout.moment(unit)) for unit in _strongest(values))
        ranked = (Hit(ref=c.ref, chunk=c.number, number=number, strength=float(values[unit])) for unit, c, number in places)
        return capped(ranked, limit, per_video)

    def read(self, refs: Sequence[VideoRef], probe: Probe, limit: int) -> dict[VideoRef, list[Candidate]]:
        layout = self._layout()
        if not refs:
            return {}
        with ThreadPoolExecutor(min(PARALLEL, len(refs))) as threads:
            return dict(zip(refs, threads.map(lambda ref: self._read(layout, ref, probe, limit), refs), strict=True))

    def _read(self, layout: Layout, ref: VideoRef, probe: Probe, limit: int) -> list[Candidate]:
        admitted = layout.of_ref(ref)
        if not admitted.any():
            return []
        values, similarities = self._strengths(layout, admitted, probe, Filters(video_id=ref.video_id))
        moments, candidates = dict[ChunkOfIndex, list[Moment] | None](), list[Candidate]()
        for unit in _strongest(values)[:limit]:
            chunk, number = layout.moment(unit)
            if chunk not in moments:
                with translated(f"reading the index of video {ref.video_id}"):
                    moments[chunk] = self._shards.moments(chunk)
            there = moments[chunk]
            if there is not None and number < len(there):  # else removed or replaced since the look
                strength, similarity = float(values[unit]), float(similarities[unit])
                candidates.append(Candidate(moment=there[number], similarity=similarity, strength=strength))
        return candidates

    def _strengths(self, layout: Layout, admitted: NDArray[np.bool_], probe: Probe, filters: Filters) -> tuple[Floats, Floats]:
        """Strength and cosine of every moment of the layout that was looked at; the strength of all others is -inf."""
        by_words = layout.postings.scores(probe.words.shares, probe.words.average_length, 0, len(layout))
        with translated("searching the index"):
            found = self._vectors.nearest(probe.vector, filters) if probe.vector.any() else {}
            similarities = _placed(layout, found, admitted)
            missed = np.flatnonzero(admitted & np.isnan(similarities))
            if len(missed) > BY_WORDS:
                missed = missed[np.argpartition(-by_words[missed], BY_WORDS)[:BY_WORDS]]
                missed = missed[by_words[missed] > 0]
            names = ((chunk.key, number) for chunk, number in map(layout.moment, missed.tolist()))
            others = _placed(layout, self._vectors.cosines(probe.vector, names), admitted)
        similarities = np.where(np.isnan(similarities), others, similarities)
        values = strengths(probe, similarities.astype(np.float32), by_words, layout.sections)
        return np.where(np.isnan(values), -np.inf, values).astype(np.float32), similarities

    def _layout(self) -> Layout:
        """Raises `IndexMismatch` when another embedder made the index."""
        with translated("looking at the index"):
            self._stored_space.check()
            layout = self._shards.layout()
        if len(layout) > self._made_for and not self._said_so:
            self._said_so = True
            LOG.warning(
                "the index is larger than Firestore's is made for: choose Vertex AI Search (SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE)",
                extra={"moments": len(layout), "made_for": self._made_for},
            )
        return layout


def _placed(layout: Layout, cosines: Cosines, admitted: NDArray[np.bool_]) -> Floats:
    """The cosines at the places of their moments; NaN elsewhere."""
    placed = np.full(len(layout), np.nan, np.float32)
    for (key, number), cosine in cosines.items():
        unit = layout.unit(key, number)
        if unit is not None and admitted[unit]:
            placed[unit] = cosine
    return placed


def _strongest(strengths: Floats) -> list[int]:
    """The places of all finite strengths, strongest first."""
    order = np.argsort(-strengths, kind="stable")
    places: list[int] = order[np.isfinite(strengths[order])].tolist()
    return places
