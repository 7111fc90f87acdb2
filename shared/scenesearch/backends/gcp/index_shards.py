"""The lexical leg of the index: postings of each chunk in documents, which a searching process holds in memory.

`shards/VIDEO.GENERATION-CHUNK-PIECE`: nearly always one piece a chunk; several where a document cannot hold it.

Every question first asks what has changed since the last one: documents written since, and how many there are. Both cost next to
nothing; only when the number is not the expected one are the names of all compared.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from threading import Lock
from typing import Any

import numpy as np
from google.cloud.firestore import SERVER_TIMESTAMP, Client, CollectionReference, FieldFilter
from numpy.typing import NDArray

from scenesearch.backends.gcp.documents import Document
from scenesearch.backends.gcp.generation_store import BLIND
from scenesearch.backends.gcp.index_vectors import delete_all, ids_of
from scenesearch.backends.gcp.indexed_chunk import (
    ChunkOfIndex,
    Wordings,
    chunk_key,
    packed_words,
    unpacked_words,
)
from scenesearch.backends.gcp.queries import SHARDS
from scenesearch.metadata import section_bits
from scenesearch.moments import Moment, packed, unpacked
from scenesearch.ports import Filters
from scenesearch.ranking.bm25 import Postings
from scenesearch.video import VideoRef

PIECE_BYTES = 400_000
"""Of words, and of rows: a document may have 1 MiB."""

OVERLAP = timedelta(seconds=10)
"""A document's time is that of the request that wrote it; it can be seen a little later."""

_MATCHED = ["video_id", "generation", "chunk", "collection", "language", "write", "piece", "pieces", "updated_at", "words"]


class Layout:
    """The words of all moments of the index side by side: `starts[i]` to before `starts[i + 1]` are those of `chunks[i]`."""

    def __init__(self, parts: Sequence[tuple[ChunkOfIndex, Wordings]]) -> None:
        self.chunks = [chunk for chunk, _ in parts]
        self._sizes = [len(wordings) for _, wordings in parts]
        self.starts = np.cumsum([0, *self._sizes])
        self.postings = Postings.joined([wordings.postings for _, wordings in parts])
        self.sections = np.concatenate([np.zeros(0, np.uint8), *(wordings.sections for _, wordings in parts)])
        self._places = {chunk.key: place for place, chunk in enumerate(self.chunks)}

    def __len__(self) -> int:
        return int(self.starts[-1])

    @cached_property
    def average_length(self) -> float:
        """How many words a moment has on average; at least 1."""
        return max(1.0, float(self.postings.lengths.mean())) if len(self) else 1.0

    def unit(self, key: str, number: int) -> int | None:
        """The place of a moment; None when it is not (yet, or any more) here."""
        place = self._places.get(key)
        return None if place is None or number >= self._sizes[place] else int(self.starts[place]) + number

    def moment(self, unit: int) -> tuple[ChunkOfIndex, int]:
        """The chunk of a moment, and its number in it."""
        place = int(np.searchsorted(self.starts, unit, side="right")) - 1
        return self.chunks[place], unit - int(self.starts[place])

    def admitted(self, filters: Filters, phrases: Iterable[Sequence[str]] = ()) -> NDArray[np.bool_]:
        """Which moments the filters let through, and hold every word of every phrase."""
        chunks = np.array([_passes(chunk, filters) for chunk in self.chunks], np.bool_)
        admitted = np.repeat(chunks, self._sizes)
        if filters.section is not None:
            admitted &= (self.sections & np.uint8(section_bits({filters.section}))) != 0
        for word in {word for phrase in phrases for word in phrase}:
            holds = np.zeros(len(self), np.bool_)
            holds[self.postings.of_word(word)[0]] = True
            admitted &= holds
        return admitted

    def of_ref(self, ref: VideoRef) -> NDArray[np.bool_]:
        """Which moments are of this generation of a video."""
        return np.repeat(np.array([chunk.ref == ref for chunk in self.chunks], np.bool_), self._sizes)


class Shards:
    """Writes them, and holds what is matched of them in memory. Threads may share it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = Lock()
        self._known = dict[str, Document]()
        self._newest: datetime | None = None
        self._layout = Layout(())

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment]) -> None:
        """In place of what the chunk had; nothing is left of a chunk without moments."""
        key = chunk_key(ref, chunk)
        documents = dict[str, Document]()
        if moments:
            words, rows = _pieces(packed_words(moments)), _pieces(packed(moments))
            pieces, write = max(len(words), len(rows)), uuid.uuid4().hex
            for piece in range(pieces):
                documents[f"{key}-{piece:03}"] = {
                    "video_id": ref.video_id,
                    "generation": ref.generation,
                    "chunk": chunk,
                    "chunk_key": key,
                    "collection": moments[0].collection,
                    "language": moments[0].language,
                    "write": write,
                    "piece": piece,
                    "pieces": pieces,
                    "updated_at": SERVER_TIMESTAMP,
                    "words": words[piece] if piece < len(words) else b"",
                    "rows": rows[piece] if piece < len(rows) else b"",
                }
        for name, document in documents.items():
            self._shards.document(name).set(document, retry=BLIND)
        there = self._shards.where(filter=FieldFilter("chunk_key", "==", key)).select([])
        delete_all(self._client, self._shards, (found.id for found in there.stream() if found.id not in documents))

    def remove(self, video_id: str, generation: int | None) -> None:
        delete_all(self._client, self._shards, ids_of(self._shards, video_id, generation))

    def clear(self) -> None:
        delete_all(self._client, self._shards, (found.id for found in self._shards.list_documents(page_size=300)))

    def layout(self) -> Layout:
        """As the index is now."""
        with self._lock:
            if self._refresh():
                self._layout = Layout(_complete(self._known))
            return self._layout

    def moments(self, chunk: ChunkOfIndex) -> list[Moment] | None:
        """All moments of a chunk with their entries; None when it has gone meanwhile, or is being replaced."""
        there = self._shards.where(filter=FieldFilter("chunk_key", "==", chunk.key)).select(["write", "piece", "pieces", "rows"])
        pieces = sorted((found.to_dict() or {} for found in there.stream()), key=lambda document: int(document["piece"]))
        if not _is_whole(pieces):
            return None
        return unpacked(b"".join(p["rows"] for p in pieces), chunk.ref, chunk.number, chunk.collection, chunk.language)

    @property
    def _shards(self) -> CollectionReference:
        return self._client.collection(SHARDS)

    def _refresh(self) -> bool:
        """Bring `_known` up to date; whether anything changed."""
        query: Any = self._shards
        if self._newest is not None:
            query = query.where(filter=FieldFilter("updated_at", ">=", self._newest - OVERLAP))
        changed = self._take(query.select(_MATCHED).stream())
        if self._shards.count().get()[0][0].value != len(self._known):
            names = {found.id for found in self._shards.select([]).stream()}
            gone = [name for name in self._known if name not in names]
            for name in gone:
                del self._known[name]
            missed = [self._shards.document(name) for name in names - self._known.keys()]
            changed |= bool(gone) | self._take(self._client.get_all(missed, field_paths=_MATCHED))
        return changed

    def _take(self, snapshots: Iterable[Any]) -> bool:
        changed = False
        for snapshot in snapshots:
            document = snapshot.to_dict()
            if document is None:
                continue
            moment = document["updated_at"]
            self._newest = moment if self._newest is None else max(self._newest, moment)
            if self._known.get(snapshot.id, {}).get("write") != document["write"]:
                self._known[snapshot.id] = document
                changed = True
        return changed


def _pieces(packed: bytes) -> list[bytes]:
    return [packed[start : start + PIECE_BYTES] for start in range(0, len(packed), PIECE_BYTES)]


def _is_whole(pieces: Sequence[Document]) -> bool:
    return bool(pieces) and len(pieces) == pieces[0]["pieces"] and len({piece["write"] for piece in pieces}) == 1


def _complete(known: dict[str, Document]) -> list[tuple[ChunkOfIndex, Wordings]]:
    """The chunks all of whose pieces are there, in an order that is the same for every process."""
    chunks = defaultdict[str, list[Document]](list)
    for name in sorted(known):
        chunks[name.rpartition("-")[0]].append(known[name])
    return [(_chunk(pieces[0]), _wordings(pieces)) for pieces in chunks.values() if _is_whole(pieces)]


def _wordings(pieces: Sequence[Document]) -> Wordings:
    """Unpacked once: the document remembers."""
    first = pieces[0]
    if "unpacked" not in first:
        first["unpacked"] = unpacked_words(b"".join(piece["words"] for piece in pieces))
        for piece in pieces:
            piece["words"] = b""
    wordings: Wordings = first["unpacked"]
    return wordings


def _chunk(document: Document) -> ChunkOfIndex:
    ref = VideoRef(document["video_id"], document["generation"])
    return ChunkOfIndex(ref, document["chunk"], document["collection"], document["language"])


def _passes(chunk: ChunkOfIndex, filters: Filters) -> bool:
    return (
        (filters.collections is None or chunk.collection in filters.collections)
        and filters.language in (None, chunk.language)
        and filters.video_id in (None, chunk.ref.video_id)
    )
