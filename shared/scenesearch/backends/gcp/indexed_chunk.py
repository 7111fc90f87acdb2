"""What the index keeps of a chunk beside its vectors: words for matching. Packed, for documents."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scenesearch.backends.gcp.documents import chunk_id, generation_id
from scenesearch.metadata import section_bits
from scenesearch.moments import Moment
from scenesearch.ranking.bm25 import Postings, moment_postings
from scenesearch.video import VideoRef


@dataclass(frozen=True, slots=True)
class ChunkOfIndex:
    """A chunk of the index and what is filtered by."""

    ref: VideoRef
    number: int
    collection: str
    language: str | None

    @property
    def key(self) -> str:
        """The name of its document."""
        return chunk_key(self.ref, self.number)


@dataclass(frozen=True, slots=True)
class Wordings:
    """The words of a chunk's moments, and for each of them a bit for every section it holds."""

    postings: Postings
    sections: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.sections)


def chunk_key(ref: VideoRef, chunk: int) -> str:
    """The name of a chunk's documents in the index."""
    return f"{generation_id(ref)}-{chunk_id(chunk)}"


def packed_words(moments: Sequence[Moment]) -> bytes:
    """The words of the moments of a chunk (`moment_postings`), and the sections that they hold."""
    postings = moment_postings(moments)
    sections = bytes(section_bits(frozenset(entry.section for entry in moment.entries)) for moment in moments)
    return zlib.compress(len(moments).to_bytes(4, "big") + sections + postings.lengths.tobytes() + postings.keys.tobytes())


def unpacked_words(packed: bytes) -> Wordings:
    """What `packed_words` has packed."""
    raw = zlib.decompress(packed)
    count = int.from_bytes(raw[:4], "big")
    lengths_at, keys_at = 4 + count, 4 + count + 4 * count
    postings = Postings(np.frombuffer(raw[keys_at:], np.uint64), np.frombuffer(raw[lengths_at:keys_at], np.float32))
    return Wordings(postings, np.frombuffer(raw[4:lengths_at], np.uint8))
