"""Every Firestore query that needs a composite index, every field by which documents expire, and every field that nobody asks by.

The infrastructure makes one index of each query and nothing else: a query that is not on this list fails in the cloud, though the
emulator answers it. Queries of one document, of one field, or of one subcollection in key order need no entry. The contract tests
compare these lists with every request that they see.
"""

from __future__ import annotations

from dataclasses import dataclass

GENERATIONS = "generations"
"""One document a generation of a video, with its chunks and sections under it."""

MOMENTS = "moments"
"""The moments of all videos, with their vectors."""

SHARDS = "shards"
"""The words and rows of the moments, a chunk a document."""

LEDGER = "moment_ledger"
"""Which chunks are in the data store of Vertex AI Search, where that is the index."""

VECTOR = "vector"
"""The field of a moment that holds its vector; its dimension is a setting."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a query: an equality or ascending order, or a descending order."""

    path: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class CompositeQuery:
    """A query over several fields; over every collection of that name when `group`; by the nearest `vector` when it has one."""

    name: str
    collection: str
    fields: tuple[Field, ...]
    group: bool = False
    vector: str | None = None


@dataclass(frozen=True, slots=True)
class Unindexed:
    """A field of a collection's documents (wherever it is) that Firestore shall not index of itself."""

    collection: str
    field: str


@dataclass(frozen=True, slots=True)
class Expiry:
    """Documents of a collection (wherever it is) are dropped by Firestore after the time in `field`."""

    collection: str
    field: str


COMPOSITE_QUERIES: tuple[CompositeQuery, ...] = (
    CompositeQuery("stalled-generations", GENERATIONS, (Field("state"), Field("updated_at"))),
    # One vector index for each set of prefilters: kept to what DESIGN.md 6.8 promises "in the index".
    CompositeQuery("moments-nearest", MOMENTS, (), vector=VECTOR),
    CompositeQuery("moments-nearest-in-collection", MOMENTS, (Field("collection"),), vector=VECTOR),
    CompositeQuery("moments-nearest-in-collection-and-language", MOMENTS, (Field("collection"), Field("language")), vector=VECTOR),
    CompositeQuery("moments-nearest-in-video", MOMENTS, (Field("video_id"),), vector=VECTOR),
)

EXPIRIES: tuple[Expiry, ...] = (Expiry("reservations", "expires_at"),)
"""The daily cap's bookings are of no use once their day is over."""

UNINDEXED: tuple[Unindexed, ...] = tuple(
    Unindexed(collection, field)
    for collection, fields in {
        GENERATIONS: ("body", "parts", "error", "open_chunks"),
        "chunks": ("failure",),
        "sections": ("body", "parts", "reason"),
        "parts": ("body",),
        SHARDS: ("words", "rows"),
        "collections": ("profile",),
        "feedback": ("query",),
    }.items()
    for field in fields
)
"""Texts and bytes that may be long, and lists: an index of them is paid for with every write, and its values are cut at 1,500 bytes."""
