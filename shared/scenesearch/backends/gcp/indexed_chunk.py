"""What the index keeps of a chunk beside its vectors: words for matching, and rows for reading. Packed, for documents."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from scenesearch.backends.gcp.documents import chunk_id, generation_id
from scenesearch.metadata import TextKind, section_bits
from scenesearch.moments import Moment, Row
from scenesearch.ranking.bm25 import Postings
from scenesearch.ranking.words import words
from scenesearch.video import VideoRef

_ROWS = TypeAdapter(tuple[Row, ...])


@dataclass(frozen=True, slots=True)
class ChunkOfIndex:
    """A chunk of the index and what is filtered by."""

    ref: VideoRef
    number: int
    collection: str
    language: str | None

    @property
    def key(self) -> str:
        return chunk_key(self.ref, self.number)


@dataclass(frozen=True, slots=True)
class Wordings:
    """The words of a chunk's moments, and for each of them a bit for every section it holds."""

    postings: Postings
    sections: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.sections)


def chunk_key(ref: VideoRef, chunk: int) -> str:
    return f"{generation_id(ref)}-{chunk_id(chunk)}"


def packed_words(moments: Sequence[Moment]) -> bytes:
    """The words of all entries; readings of a burned-in clock can be found but do not make a moment longer."""
    told = [[word for entry in moment.entries for word in words(entry.text)] for moment in moments]
    clocks = [frozenset(word for e in moment.entries if e.kind is TextKind.TIMECODE for word in words(e.text)) for moment in moments]
    postings = Postings.of(told, clocks)
    sections = bytes(section_bits(frozenset(entry.section for entry in moment.entries)) for moment in moments)
    return zlib.compress(len(moments).to_bytes(4, "big") + sections + postings.lengths.tobytes() + postings.keys.tobytes())


def unpacked_words(packed: bytes) -> Wordings:
    raw = zlib.decompress(packed)
    count = int.from_bytes(raw[:4], "big")
    lengths_at, keys_at = 4 + count, 4 + count + 4 * count
    postings = Postings(np.frombuffer(raw[keys_at:], np.uint64), np.frombuffer(raw[lengths_at:keys_at], np.float32))
    return Wordings(postings, np.frombuffer(raw[4:lengths_at], np.uint8))


def packed_rows(moments: Sequence[Moment]) -> bytes:
    """Each row once, and which of them each moment holds."""
    rows = {moment.first_row + i: row for moment in moments for i, row in enumerate(moment.rows)}
    places = {number: place for place, number in enumerate(sorted(rows))}
    windows = np.array([(m.first_row, places[m.first_row], len(m.rows), m.written) for m in moments], np.int32).tobytes()
    return zlib.compress(len(moments).to_bytes(4, "big") + windows + _ROWS.dump_json(tuple(rows[number] for number in places)))


def unpacked_rows(packed: bytes, chunk: ChunkOfIndex) -> list[Moment]:
    raw = zlib.decompress(packed)
    rows_at = 4 + 16 * int.from_bytes(raw[:4], "big")
    rows = _ROWS.validate_json(raw[rows_at:])
    return [
        Moment(
            ref=chunk.ref,
            collection=chunk.collection,
            language=chunk.language,
            chunk=chunk.number,
            number=number,
            first_row=first,
            rows=rows[at : at + count],
            written=bool(written),
        )
        for number, (first, at, count, written) in enumerate(np.frombuffer(raw[4:rows_at], np.int32).reshape(-1, 4).tolist())
    ]
