"""The `SceneIndex` port over Vertex AI Search: it finds candidates by vector and by words, both are weighed here on one scale.

A question sends one search for its word counts, and two legs (by vector, by words) for each of `find` and `read`. The service
is eventually consistent; the ledger in Firestore is not, and nothing is told that is not in it.
"""

from __future__ import annotations

import heapq
import logging
import zlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from scenesearch.backends.gcp.documents import generation_id
from scenesearch.backends.gcp.faults import translated
from scenesearch.backends.vertexai_search.data_store import PAGE, DataStore, Wanted
from scenesearch.backends.vertexai_search.documents import FoundMoment, document_id, json_document, word_key
from scenesearch.backends.vertexai_search.filters import any_of, filtered
from scenesearch.backends.vertexai_search.ledger import Ledger
from scenesearch.backends.vertexai_search.schema import LARGEST_DIMENSION, REF, VECTOR, WORDS
from scenesearch.errors import ConfigurationError
from scenesearch.metadata import section_bits
from scenesearch.moments import Moment
from scenesearch.ports import Candidate, Filters, Hit, Probe, SceneIndex, Vectors, WordWeights
from scenesearch.ranking.bm25 import Postings, moment_postings, term_weights
from scenesearch.ranking.spaces import Space
from scenesearch.ranking.strength import capped, strengths
from scenesearch.video import VideoRef

LOG = logging.getLogger(__name__)

BY_VECTOR = f"1.0 * dotProduct({VECTOR})"
BY_WORDS = "fill_nan(keyword_similarity_score, 0)"

NEAREST, WORDED = 2 * PAGE, PAGE
"""Candidates of each leg. Every further hundred is a request more, and requests are what the service is paid and limited by."""

SPARE = 2
"""How many more of one video are looked at than wanted: the best of both legs together may be the best of neither."""

MOST_WORDS = 40
"""Words of a question that are looked for, those with the highest term weights."""
MOST_QUERY = 1_000
"""Of a question: its most telling words, and its first characters."""

FRESH_S = 20.0
"""How long a writer waits until the service can find what it wrote. After that it is found later: nothing is lost."""


class VertexSearchIndex(SceneIndex):
    """Moments under dense and lexical search; strengths are exact, candidates are those that the service finds."""

    def __init__(self, store: DataStore, ledger: Ledger, embedder: str, dimension: int, *, fresh_s: float = FRESH_S) -> None:
        """Raises `ConfigurationError` for vectors that the service cannot search."""
        if dimension > LARGEST_DIMENSION:
            raise ConfigurationError(
                f"{embedder} makes vectors of {dimension} numbers, Vertex AI Search takes at most {LARGEST_DIMENSION}:"
                " set SCENESEARCH_VERTEXAI_EMBEDDING_DIMENSION, or leave SCENESEARCH_VERTEXAI_SEARCH_DATA_STORE empty"
            )
        self._store, self._ledger, self._space = store, ledger, Space(embedder, dimension)
        self._fresh_s = self._patience_s = fresh_s

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """Entered in the ledger before and after, so that whatever an interrupted writer leaves can be found and is never shown."""
        self._space.check_vectors(vectors, len(moments))
        documents = {document_id(ref, chunk, m.number): json_document(m, v) for m, v in zip(moments, vectors, strict=True)}
        with translated(f"indexing chunk {chunk} of video {ref.video_id}"):
            self._ledger.space.claim()
            there = self._ledger.begin(ref, chunk, len(moments))
            last = next(reversed(documents), None)
            before = self._store.indexed_at(last) if last else None
            self._store.put(documents)
            self._store.delete(name for n in range(there) if (name := document_id(ref, chunk, n)) not in documents)
            self._ledger.finish(ref, chunk, len(moments), _length(moments))
            if last is not None:
                self._await(last, before, ref, chunk)

    def _await(self, document: str, before: float | None, ref: VideoRef, chunk: int) -> None:
        """Wait until a document can be found. Each wait in vain halves the next one, so that reindexing does not wait for every chunk."""
        found = self._store.await_indexed(document, before, self._patience_s)
        self._patience_s = min(self._fresh_s, 2 * self._patience_s) if found else max(self._fresh_s / 64, self._patience_s / 2)
        if not found:
            LOG.warning("the index takes its time: a chunk is found a little later", extra={"video": ref.video_id, "chunk": chunk})

    def remove(self, video_id: str, generation: int | None = None) -> None:
        with translated(f"removing video {video_id} from the index"):
            chunks = self._ledger.retire(video_id, generation)
            self._store.delete(document_id(c.ref, c.chunk, n) for c in chunks for n in range(c.highest))
            self._ledger.forget(chunks)

    def clear(self) -> None:
        with translated("emptying the index"):
            self._store.purge()
            self._ledger.clear()

    def weigh(self, words: Sequence[str]) -> WordWeights:
        with translated("counting the words of a question"), ThreadPoolExecutor(1) as threads:
            size = threads.submit(self._ledger.size)
            self._ledger.space.check()
            counted = self._store.frequencies(sorted({word_key(word) for word in words})[: MOST_WORDS * 2])
            frequencies = {word: counted.get(word_key(word), 0) for word in words}
            return WordWeights(shares=term_weights(words, frequencies, size.result().moments), average_length=size.result().average_length)

    def find(self, probe: Probe, filters: Filters, limit: int, per_video: int) -> list[Hit]:
        if filters.collections is not None and not filters.collections:
            return []
        found = self._candidates(probe, filtered(filters, probe.phrases), SPARE * per_video)
        wanted = None if filters.section is None else section_bits({filters.section})
        ranked = (
            Hit(ref=moment.chunk.ref, chunk=moment.chunk.number, number=moment.number, strength=strength)
            for moment, strength, _ in _weighed(found, probe)
            if wanted is None or moment.wordings.sections[0] & wanted
        )
        return capped(ranked, limit, per_video)

    def read(self, refs: Sequence[VideoRef], probe: Probe, limit: int) -> dict[VideoRef, list[Candidate]]:
        """Of many videos together at most `NEAREST` and `WORDED`, shared among them by the service."""
        if not refs:
            return {}
        found = self._candidates(probe, [any_of(REF, map(generation_id, refs))], SPARE * limit)
        read: dict[VideoRef, list[Candidate]] = {ref: [] for ref in refs}
        for moment, strength, similarity in _weighed(found, probe):
            mine = read.get(moment.chunk.ref)
            if mine is not None and len(mine) < limit:
                mine.append(Candidate(moment=moment.moment(), similarity=similarity, strength=strength))
        return read

    def _candidates(self, probe: Probe, conditions: Sequence[str], per_ref: int) -> list[FoundMoment]:
        """What both legs find and the ledger knows. Raises `IndexMismatch` when another embedder made the index."""
        telling = heapq.nlargest(MOST_WORDS, probe.words.shares, key=lambda word: probe.words.shares[word])
        query = (probe.text or " ".join(telling)).encode("utf-8", "replace").decode()[:MOST_QUERY]
        vector = [float(value) for value in probe.vector]
        legs = []
        if probe.vector.any():
            by_vector = Wanted(
                query=query, conditions=conditions, ranking=BY_VECTOR, by_formula=False, count=NEAREST, per_ref=per_ref, vector=vector
            )
            legs.append(by_vector)
        if telling:
            worded = [*conditions, any_of(WORDS, map(word_key, telling))]
            legs.append(Wanted(query=query, conditions=worded, ranking=BY_WORDS, by_formula=True, count=WORDED, per_ref=per_ref))
        if not legs:
            return []
        with translated("searching the index"), ThreadPoolExecutor(len(legs)) as threads:
            answers = [threads.submit(self._store.search, leg) for leg in legs]
            self._ledger.space.check()
            fields = {name: document for answer in answers for name, document in answer.result().items()}
            found = [moment for name, document in fields.items() if (moment := _understood(name, document)) is not None]
            known = self._ledger.counts(sorted({moment.chunk.key for moment in found}))
        return [moment for moment in found if moment.number < known.get(moment.chunk.key, 0)]


def _understood(name: str, fields: Mapping[str, Any]) -> FoundMoment | None:
    """None for a document of somebody else's: it is not ours to fail for."""
    try:
        return FoundMoment.of(name, fields)
    except (KeyError, ValueError, zlib.error):
        LOG.warning("the data store holds a document that is no moment", extra={"document": name})
        return None


def _weighed(found: Sequence[FoundMoment], probe: Probe) -> list[tuple[FoundMoment, float, float]]:
    """Each moment with its strength and its cosine, strongest first."""
    if not found:
        return []
    similarities = np.stack([moment.vector for moment in found]) @ probe.vector
    postings = Postings.joined([moment.wordings.postings for moment in found])
    answered = postings.scores(probe.words.shares, probe.words.average_length, 0, len(found))
    values = strengths(probe, similarities, answered, np.array([moment.wordings.sections[0] for moment in found]))
    order = sorted(range(len(found)), key=lambda i: (-values[i], found[i].chunk.ref, found[i].chunk.number, found[i].number))
    return [(found[i], float(values[i]), float(similarities[i])) for i in order]


def _length(moments: Sequence[Moment]) -> int:
    """Words of these moments, as far as they make a moment longer (see `moment_postings`)."""
    return round(float(moment_postings(moments).lengths.sum()))
