"""Documents: those that are stored, and those that a search sees, which is what was stored `lag_s` ago."""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stand_ins.discoveryengine.ranking import words

_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_-]{0,127}")


@dataclass(frozen=True)
class Searchable:
    """What the index holds of a document."""

    fields: Mapping[str, Any]
    vectors: Mapping[str, NDArray[np.float32]]
    words: Counter[str]


@dataclass
class Store:
    """One data store. The clock can be a test's own."""

    schema: Mapping[str, Any]
    lag_s: float = 0.0
    clock: Callable[[], float] = time.time
    stored: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    indexed: dict[str, Searchable] = field(default_factory=dict)
    indexed_at: dict[str, float] = field(default_factory=dict)
    lock: RLock = field(default_factory=RLock)
    _pending: list[tuple[float, str]] = field(default_factory=list)

    def fault(self, name: str, fields: Mapping[str, Any]) -> str | None:
        """Why a document cannot be taken."""
        if not _ID.fullmatch(name):
            return f"the id {name!r} is not one"
        for path, dimension in self.embeddings.items():
            if path in fields and len(fields[path]) != dimension:
                return f"field {path} has {len(fields[path])} numbers, the schema says {dimension}"
        return None

    def put(self, name: str, text: str) -> str | None:
        """Store a document; fields that the schema does not know are dropped in silence, as the service does."""
        fields = {path: value for path, value in json.loads(text).items() if path in self.schema["properties"]}
        if (fault := self.fault(name, fields)) is not None:
            return fault
        with self.lock:
            self.stored[name] = fields
            self._pending.append((self.clock() + self.lag_s, name))
        return None

    def delete(self, name: str) -> bool:
        with self.lock:
            if self.stored.pop(name, None) is None:
                return False
            self._pending.append((self.clock() + self.lag_s, name))
            return True

    def refresh(self) -> None:
        """Bring the index up to what was stored `lag_s` ago."""
        with self.lock:
            now = self.clock()
            due = [name for at, name in self._pending if at <= now]
            self._pending = [(at, name) for at, name in self._pending if at > now]
            for name in dict.fromkeys(due):
                fields = self.stored.get(name)
                if fields is None:
                    self.indexed.pop(name, None)
                    self.indexed_at.pop(name, None)
                    continue
                vectors = {path: np.array(fields[path], np.float32) for path in self.embeddings if path in fields}
                told = Counter(word for path in self.marked("searchable") for word in words(str(fields.get(path, ""))))
                self.indexed[name] = Searchable(fields, vectors, told)
                self.indexed_at[name] = max(now, self.indexed_at.get(name, 0.0) + 1e-6)

    @property
    def embeddings(self) -> dict[str, int]:
        """The fields that are embeddings, and their dimensions."""
        properties = self.schema["properties"].items()
        return {path: int(p["dimension"]) for path, p in properties if p.get("keyPropertyMapping") == "embedding_vector"}

    def marked(self, mark: str) -> list[str]:
        """The fields that are `indexable`, `retrievable`, `searchable` or `dynamicFacetable`. Of an array, its items say so."""
        return [path for path, p in self.schema["properties"].items() if p.get("items", p).get(mark)]
