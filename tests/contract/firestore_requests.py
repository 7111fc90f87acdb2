"""What Firestore would need for the requests that the code sends: the emulator answers every query, the cloud only those with an index."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scenesearch.backends.gcp.queries import COMPOSITE_QUERIES, UNINDEXED

Needed = tuple[str, bool, frozenset[str], tuple[tuple[str, bool], ...], str | None]
"""A composite index: collection, over all of that name, fields compared, fields in order (descending?), field of vectors."""

MOST_INDEXED_BYTES = 1500
"""Firestore cuts what it indexes of a value there."""

EQUALITIES = {"EQUAL", "IN", "ARRAY_CONTAINS", "ARRAY_CONTAINS_ANY", "IS_NULL"}


@dataclass
class Requests:
    """The indexes that the queries seen so far need, the fields they ask by, and the large values that were written."""

    needed: set[Needed] = field(default_factory=set)
    asked: set[tuple[str, str]] = field(default_factory=set)
    large: set[tuple[str, str]] = field(default_factory=set)

    def query(self, structured: Any) -> None:
        (source,) = structured.from_
        filters = list(_filters(structured.where))
        equal = frozenset(path for path, operator in filters if operator in EQUALITIES)
        order = {one.field.field_path: one.direction.name == "DESCENDING" for one in structured.order_by}
        ranges = {path: False for path, operator in filters if operator not in EQUALITIES}
        ordered = tuple((path, falling) for path, falling in {**ranges, **order}.items() if path not in equal | {"__name__"})
        vector = structured.find_nearest.vector_field.field_path or None
        self.asked |= {(source.collection_id, path) for path in (*equal, *(path for path, _ in ordered))}
        if vector or (ordered and len(equal) + len(ordered) > 1):  # equalities alone are answered by the fields' own indexes
            self.needed.add((source.collection_id, source.all_descendants, equal, ordered, vector))

    def write(self, writes: Iterable[Any]) -> None:
        for one in writes:
            collection = one.update.name.rpartition("/")[0].rpartition("/")[2]
            self.large |= {(collection, name) for name, value in one.update.fields.items() if _size(value) > MOST_INDEXED_BYTES}

    def faults(self) -> list[str]:
        """What the lists in `queries.py` lack."""
        spared = {(one.collection, one.field) for one in UNINDEXED}
        found = [f"no index for {needed}" for needed in self.needed - set(_listed())]
        found += [f"{name} is asked by, but not indexed" for name in self.asked & spared]
        return found + [f"{name} is large: spare its index" for name in self.large - spared]


def _listed() -> Iterator[Needed]:
    for query in COMPOSITE_QUERIES:
        fields = [(one.path, one.descending) for one in query.fields]
        for split in range(len(fields) + 1):
            equal = frozenset(path for path, _ in fields[:split])
            yield query.collection, query.group, equal, tuple(fields[split:]), query.vector


def _filters(where: Any) -> Iterator[tuple[str, str]]:
    if where.field_filter:
        yield where.field_filter.field.field_path, where.field_filter.op.name
    elif where.unary_filter:
        yield where.unary_filter.field.field_path, where.unary_filter.op.name
    for one in where.composite_filter.filters if where.composite_filter else ():
        yield from _filters(one)


def _size(value: Any) -> int:
    """Bytes of the longest text in it; vectors have an index of their own."""
    if value.map_value and "__type__" in value.map_value.fields:
        return 0
    inner = [*value.map_value.fields.values(), *value.array_value.values]
    return max([len(value.string_value.encode()), len(value.bytes_value), *map(_size, inner)])
