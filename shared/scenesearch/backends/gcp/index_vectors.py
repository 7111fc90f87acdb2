"""The dense leg of the index: one document a moment, found by Firestore's vector search.

`moments/VIDEO.GENERATION-CHUNK-NUMBER`
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import numpy as np
from google.cloud.firestore import Client, CollectionReference, FieldFilter
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.vector import Vector
from numpy.typing import NDArray

from scenesearch.backends.gcp.documents import Document
from scenesearch.backends.gcp.generation_store import BLIND
from scenesearch.backends.gcp.indexed_chunk import chunk_key
from scenesearch.backends.gcp.queries import MOMENTS, VECTOR
from scenesearch.moments import Moment
from scenesearch.ports import Filters, Vectors
from scenesearch.video import VideoRef

MOST = 1000
"""Firestore returns no more neighbours than this."""

BATCH = 100
"""Documents a request writes. A vector of 768 numbers is about 7 kB, so a request stays under one MB of the ten that Firestore takes."""
PARALLEL = 8
"""Searches at once for one question: one for each collection that it asks."""

MomentId: TypeAlias = tuple[str, int]
"""The key of its chunk and its number."""

Cosines: TypeAlias = dict[MomentId, float]

_SCORE = "score"


class MomentVectors:
    """Vectors of unit length, so that the dot product is the cosine. Threads may share it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """New moments first, then away with what is left of older ones."""
        key = chunk_key(ref, chunk)
        documents = {_name(key, m.number): _document(key, m, vector) for m, vector in zip(moments, vectors, strict=True)}
        pending = list(documents.items())
        for start in range(0, len(pending), BATCH):
            batch = self._client.batch()
            for name, document in pending[start : start + BATCH]:
                batch.set(self._moments.document(name), document)
            batch.commit(retry=BLIND)
        there = self._moments.where(filter=FieldFilter("chunk_key", "==", key)).select([])
        delete_all(self._client, self._moments, (found.id for found in there.stream() if found.id not in documents))

    def remove(self, video_id: str, generation: int | None) -> None:
        delete_all(self._client, self._moments, ids_of(self._moments, video_id, generation))

    def clear(self) -> None:
        delete_all(self._client, self._moments, (found.id for found in self._moments.list_documents(page_size=300)))

    def nearest(self, vector: NDArray[np.float32], filters: Filters, limit: int = MOST) -> Cosines:
        """The nearest moments under those filters that have a vector index (see `queries.py`), with their cosines.

        Of several collections the nearest of each. A language without a collection, and a collection beside a video, are left to
        the caller.
        """
        queries = list(_prefiltered(self._moments, filters))
        if not queries:
            return {}
        found: Cosines = {}
        with ThreadPoolExecutor(min(PARALLEL, len(queries))) as threads:
            for answer in threads.map(lambda query: _nearest(query, vector, min(limit, MOST)), queries):
                found |= answer
        return found

    def cosines(self, vector: NDArray[np.float32], moments: Iterable[MomentId]) -> Cosines:
        """Of these moments, as far as they are there."""
        references = [self._moments.document(_name(*moment)) for moment in moments]
        found: Cosines = {}
        for start in range(0, len(references), 300):
            for snapshot in self._client.get_all(references[start : start + 300], field_paths=["chunk_key", "number", VECTOR]):
                document = snapshot.to_dict()
                if document is not None:
                    cosine = float(np.dot(vector, np.array(document[VECTOR].to_map_value()["value"], np.float32)))
                    found[document["chunk_key"], document["number"]] = cosine
        return found

    @property
    def _moments(self) -> CollectionReference:
        return self._client.collection(MOMENTS)


def delete_all(client: Client, collection: CollectionReference, names: Iterable[str]) -> None:
    """Blindly, some at a time."""
    pending = list(names)
    for start in range(0, len(pending), 300):
        batch = client.batch()
        for name in pending[start : start + 300]:
            batch.delete(collection.document(name))
        batch.commit(retry=BLIND)


def ids_of(collection: CollectionReference, video_id: str, generation: int | None) -> list[str]:
    """The documents of a video, or of one generation of it. Generations are few, so one field is asked for."""
    there = collection.where(filter=FieldFilter("video_id", "==", video_id)).select(["generation"])
    return [found.id for found in there.stream() if generation in (None, found.get("generation"))]


def _name(key: str, number: int) -> str:
    return f"{key}-{number:06}"


def _document(key: str, moment: Moment, vector: NDArray[np.float32]) -> Document:
    return {
        "chunk_key": key,
        "number": moment.number,
        "video_id": moment.ref.video_id,
        "generation": moment.ref.generation,
        "collection": moment.collection,
        "language": moment.language,
        VECTOR: _vector(vector),
    }


def _vector(vector: NDArray[np.float32]) -> Vector:
    return Vector([float(value) for value in vector])


def _prefiltered(moments: CollectionReference, filters: Filters) -> Iterator[Any]:
    if filters.video_id is not None:
        yield moments.where(filter=FieldFilter("video_id", "==", filters.video_id))
    elif filters.collections is None:
        yield moments
    else:
        for name in sorted(filters.collections):
            query = moments.where(filter=FieldFilter("collection", "==", name))
            yield query if filters.language is None else query.where(filter=FieldFilter("language", "==", filters.language))


def _nearest(query: Any, vector: NDArray[np.float32], limit: int) -> Cosines:
    nearest = query.select(["chunk_key", "number", _SCORE]).find_nearest(
        vector_field=VECTOR,
        query_vector=_vector(vector),
        distance_measure=DistanceMeasure.DOT_PRODUCT,
        limit=limit,
        distance_result_field=_SCORE,
    )
    return {(d["chunk_key"], d["number"]): float(d[_SCORE]) for d in (found.to_dict() for found in nearest.stream())}
