"""Which chunks are in the data store, in Firestore: the truth that an eventually consistent search is held against.

`moment_ledger/VIDEO.GENERATION-CHUNK`: how many moments a chunk has, how many words those have together, and how many documents
may be there at most (`highest`: what an interrupted writer may have left). `index/vertexai_search` says which embedder made the vectors.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions as google
from google.cloud.firestore import Client, CollectionReference, FieldFilter, Increment, Maximum

from scenesearch.backends.gcp.generation_store import BLIND
from scenesearch.backends.gcp.index_space import StoredSpace
from scenesearch.backends.gcp.indexed_chunk import chunk_key
from scenesearch.backends.gcp.queries import LEDGER
from scenesearch.ranking.spaces import Space
from scenesearch.video import VideoRef

BATCH = 300
"""Documents a request reads or deletes; Firestore takes 500 writes."""


@dataclass(frozen=True, slots=True)
class Entered:
    """A chunk of the ledger."""

    ref: VideoRef
    chunk: int
    highest: int


@dataclass(frozen=True, slots=True)
class Size:
    """Moments of the whole index, and how many words an average one has."""

    moments: int
    average_length: float


class Ledger:
    """One document a chunk. Threads may share it."""

    def __init__(self, client: Client, embedder: str, dimension: int) -> None:
        self._client = client
        self.space = StoredSpace(client, "vertexai_search", Space(embedder, dimension))

    def begin(self, ref: VideoRef, chunk: int, count: int) -> int:
        """Before the first document of a chunk is written. How many documents may be there already."""
        document = self._chunks.document(chunk_key(ref, chunk))
        begun = {"video_id": ref.video_id, "generation": ref.generation, "chunk": chunk}
        counts = {"count": Increment(0), "words": Increment(0), "highest": Maximum(count)}
        document.set({**begun, **counts}, merge=True, retry=BLIND)
        there = document.get(retry=BLIND).to_dict() or {}
        return int(there.get("highest", count))

    def finish(self, ref: VideoRef, chunk: int, count: int, words: int) -> None:
        """After the last one was written, and what is no longer wanted was deleted."""
        document = self._chunks.document(chunk_key(ref, chunk))
        if count == 0:
            document.delete(retry=BLIND)
            return
        begun = {"video_id": ref.video_id, "generation": ref.generation, "chunk": chunk}
        document.set({**begun, "count": count, "words": words, "highest": count}, retry=BLIND)

    def retire(self, video_id: str, generation: int | None) -> list[Entered]:
        """The chunks of a video (or of one generation). From now on no search shows them."""
        there = self._chunks.where(filter=FieldFilter("video_id", "==", video_id)).stream(retry=BLIND)
        found = [(s.reference, d) for s in there if (d := s.to_dict()) and generation in (None, d["generation"])]
        for start in range(0, len(found), BATCH):
            batch = self._client.batch()
            for reference, _ in found[start : start + BATCH]:
                batch.update(reference, {"count": 0, "words": 0})
            try:
                batch.commit(retry=BLIND)
            except google.NotFound:  # somebody else removes the same video
                return self.retire(video_id, generation)
        return [Entered(VideoRef(d["video_id"], d["generation"]), d["chunk"], d["highest"]) for _, d in found]

    def forget(self, chunks: Iterable[Entered]) -> None:
        """After their documents were deleted."""
        self._delete(self._chunks.document(chunk_key(entered.ref, entered.chunk)) for entered in chunks)

    def clear(self) -> None:
        """Forget every chunk, and the space that the index holds."""
        self._delete(self._chunks.list_documents(page_size=BATCH))
        self.space.clear()

    def counts(self, keys: Sequence[str]) -> Mapping[str, int]:
        """How many moments these chunks have; those that are not there are left out."""
        wanted = [self._chunks.document(key) for key in keys]
        there = self._client.get_all(wanted, field_paths=["count"], retry=BLIND) if wanted else ()
        return {snapshot.id: int(document["count"]) for snapshot in there if (document := snapshot.to_dict()) is not None}

    def size(self) -> Size:
        """Summed by Firestore itself, a field at a time: a sum of two fields at once would need an index of its own."""
        moments, words = self._sum("count"), self._sum("words")
        return Size(moments, max(1.0, words / max(1, moments)))

    def _sum(self, field: str) -> int:
        aggregation: Any = self._chunks.sum(field, alias="sum")
        [[result]] = aggregation.get(retry=BLIND)
        return int(result.value or 0)

    def _delete(self, references: Iterable[Any]) -> None:
        pending = list(references)
        for start in range(0, len(pending), BATCH):
            batch = self._client.batch()
            for reference in pending[start : start + BATCH]:
                batch.delete(reference)
            batch.commit(retry=BLIND)

    @property
    def _chunks(self) -> CollectionReference:
        return self._client.collection(LEDGER)
