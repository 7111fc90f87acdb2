"""The durable part of the local index: one SQLite file with a row a chunk, which several processes write and read."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scenesearch.backends.local.database import Database, Row
from scenesearch.metadata import section_bits
from scenesearch.moments import Moment, packed, unpacked
from scenesearch.ports import Vectors
from scenesearch.ranking.bm25 import Postings, moment_postings
from scenesearch.ranking.spaces import Space
from scenesearch.video import VideoRef

STEPS = (
    (
        "CREATE TABLE state (one INTEGER PRIMARY KEY CHECK (one = 1), revision INTEGER NOT NULL, embedder TEXT, dimension INTEGER)",
        "INSERT INTO state VALUES (1, 0, NULL, NULL)",
        """CREATE TABLE chunks (
            id INTEGER PRIMARY KEY AUTOINCREMENT, video_id TEXT NOT NULL, generation INTEGER NOT NULL, chunk INTEGER NOT NULL,
            collection TEXT NOT NULL, language TEXT, moments INTEGER NOT NULL,
            vectors BLOB NOT NULL, keys BLOB NOT NULL, lengths BLOB NOT NULL, sections BLOB NOT NULL,
            UNIQUE (video_id, generation, chunk))""",
        """CREATE TABLE texts (
            id INTEGER PRIMARY KEY REFERENCES chunks ON DELETE CASCADE, windows BLOB NOT NULL, rows BLOB NOT NULL)""",
    ),
)
"""`id` grows for ever: a chunk that is replaced gets another one. `revision` counts changes."""

_BATCH = 500
"""Rows that one statement names: SQLite takes at least 999 variables."""


@dataclass(frozen=True, slots=True)
class ChunkKey:
    """A chunk of the index and what is filtered by."""

    id: int
    ref: VideoRef
    number: int
    collection: str
    language: str | None


@dataclass(frozen=True, slots=True)
class StoredChunk:
    """What searching needs of a chunk, for each of its moments: a vector (float16), its words, and a bit for each section it holds."""

    key: ChunkKey
    vectors: NDArray[np.float16]
    postings: Postings
    sections: NDArray[np.uint8]


class IndexFile:
    """Chunks as rows. Writing is one transaction; reading takes none."""

    def __init__(self, path: Path, embedder: str, dimension: int) -> None:
        self._database = Database(path, STEPS)
        self._space = Space(embedder, dimension)

    def revision(self) -> int:
        """Changes whenever the index does. Raises `IndexMismatch` when another embedder wrote it."""
        row = self._database.row("SELECT * FROM state")
        assert row is not None  # noqa: S101 - the schema inserts it
        self._check(row)
        revision: int = row["revision"]
        return revision

    def ids(self) -> set[int]:
        """The chunks there are."""
        return {row["id"] for row in self._database.rows("SELECT id FROM chunks")}

    def chunks(self, ids: Sequence[int]) -> Iterator[StoredChunk]:
        """These chunks, as far as they are still there."""
        for start in range(0, len(ids), _BATCH):
            batch = ids[start : start + _BATCH]
            marks = ",".join("?" * len(batch))
            for row in self._database.rows(f"SELECT * FROM chunks WHERE id IN ({marks})", batch):  # noqa: S608 - only marks
                yield self._stored(row)

    def moments(self, key: ChunkKey) -> list[Moment] | None:
        """All moments of a chunk with their entries; None when the chunk is gone."""
        row = self._database.row("SELECT windows, rows FROM texts WHERE id = ?", (key.id,))
        if row is None:
            return None
        stored = row["rows"]
        if windows := row["windows"]:  # as earlier versions wrote them, apart from the rows
            stored = zlib.compress((len(windows) // 16).to_bytes(4, "big") + windows + zlib.decompress(stored))
        return unpacked(stored, key.ref, key.number, key.collection, key.language)

    def replace(self, ref: VideoRef, chunk: int, moments: Sequence[Moment], vectors: Vectors) -> None:
        """Store the moments of a chunk in place of those it had. Raises `IndexMismatch`, `StorageFull`, `Unavailable`."""
        self._space.check_vectors(vectors, len(moments))
        postings = moment_postings(moments)
        with self._database.atomic():
            self._claim()
            self._delete("video_id = ? AND generation = ? AND chunk = ?", (ref.video_id, ref.generation, chunk))
            if moments:
                cursor = self._database.execute(
                    """INSERT INTO chunks (video_id, generation, chunk, collection, language, moments, vectors, keys, lengths, sections)
                       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
                    (
                        ref.video_id, ref.generation, chunk, moments[0].collection, moments[0].language, len(moments),
                        vectors.astype(np.float16).tobytes(), postings.keys.tobytes(), postings.lengths.tobytes(),
                        bytes(section_bits({entry.section for entry in moment.entries}) for moment in moments),
                    ),
                )  # fmt: skip
                self._database.execute("INSERT INTO texts VALUES (?, ?, ?)", (cursor.lastrowid, b"", packed(moments)))
            self._database.execute("UPDATE state SET revision = revision + 1")

    def remove(self, video_id: str, generation: int | None = None) -> None:
        """Delete the chunks of a video (or of one generation of it)."""
        with self._database.atomic():
            if generation is None:
                self._delete("video_id = ?", (video_id,))
            else:
                self._delete("video_id = ? AND generation = ?", (video_id, generation))
            self._database.execute("UPDATE state SET revision = revision + 1")

    def clear(self) -> None:
        """Delete everything, and whose vectors they were."""
        with self._database.atomic():
            self._delete("true", ())
            self._database.execute("UPDATE state SET revision = revision + 1, embedder = NULL, dimension = NULL")

    def _delete(self, condition: str, parameters: Sequence[str | int]) -> None:
        self._database.execute(f"DELETE FROM chunks WHERE {condition}", parameters)  # noqa: S608 - conditions are literals above

    def _claim(self) -> None:
        row = self._database.row("SELECT * FROM state")
        assert row is not None  # noqa: S101 - the schema inserts it
        self._check(row)
        if row["embedder"] is None:
            self._database.execute("UPDATE state SET embedder = ?, dimension = ?", self._space)

    def _check(self, row: Row) -> None:
        self._space.check(Space(row["embedder"], row["dimension"]) if row["embedder"] is not None else None)

    def _stored(self, row: Row) -> StoredChunk:
        return StoredChunk(
            ChunkKey(row["id"], VideoRef(row["video_id"], row["generation"]), row["chunk"], row["collection"], row["language"]),
            np.frombuffer(row["vectors"], np.float16).reshape(-1, self._space.dimension),
            Postings(np.frombuffer(row["keys"], np.uint64), np.frombuffer(row["lengths"], np.float32)),
            np.frombuffer(row["sections"], np.uint8),
        )
