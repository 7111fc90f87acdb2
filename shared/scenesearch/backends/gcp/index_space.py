"""The document that says which embedder made the vectors of an index."""

from __future__ import annotations

from typing import Any

from google.api_core import exceptions as google
from google.cloud.firestore import Client

from scenesearch.backends.gcp.generation_store import BLIND
from scenesearch.ranking.spaces import Space


class StoredSpace:
    """`index/NAME`: the first writer says which space the index is of, and all others must be of the same one."""

    def __init__(self, client: Client, name: str, space: Space) -> None:
        self._document: Any = client.collection("index").document(name)
        self._space = space

    def check(self) -> bool:
        """Whether there is an index. Raises `IndexMismatch` when another embedder made it."""
        state = self._document.get(retry=BLIND).to_dict()
        self._space.check(Space(state["embedder"], state["dimension"]) if state else None)
        return state is not None

    def claim(self) -> None:
        """Say which embedder makes the vectors, unless it is said already. Raises `IndexMismatch`."""
        if not self.check():
            try:
                self._document.create(self._space._asdict())
            except google.Conflict:
                self.check()

    def clear(self) -> None:
        """Forget it: the next writer says."""
        self._document.delete(retry=BLIND)
