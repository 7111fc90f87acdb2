"""Vectors from gemini-embedding: the task is said in the text, every text is a content of its own, rows have unit length."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import numpy as np

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError, InvalidRequest, ModelError
from scenesearch.models.vertexai.client import RetryPolicy, VertexClient
from scenesearch.ports import ScoreScale, Vectors
from scenesearch.video import now

LOG = logging.getLogger(__name__)

QUERY = "task: search result | query: {}"
PASSAGE = "title: none | text: {}"
"""How gemini-embedding-2 learns whether a text is a question or a passage: it has no parameter for it (its documentation)."""

FIRST_TRY = 0.6
"""The share of the time for a question's vector that the first try may take: if it hangs, there is time for another."""

PASSAGES_SECONDS = 240.0
"""How long one call for vectors of passages, or of several questions, may take in seconds, retries included."""

SINGLE_REQUESTS_AT_ONCE = 8
"""The most requests in flight at once where each text needs a request of its own."""


class GeminiEmbedder:
    """An `Embedder` that sends texts in batches; if the endpoint refuses batches, it sends them one by one from then on."""

    def __init__(self, client: VertexClient, settings: Settings) -> None:
        self._client = client
        self._batch = settings.vertexai_embedding_batch
        self._name = settings.vertexai_embedding_model
        self._dimension = settings.vertexai_embedding_dimension
        self._query_seconds = settings.vertexai_query_seconds
        self._scale = ScoreScale(mean=settings.vertexai_embedding_unrelated, std=settings.vertexai_embedding_spread)

    @property
    def name(self) -> str:
        """The name of the model."""
        return self._name

    @property
    def dimension(self) -> int:
        """The numbers in a vector."""
        return self._dimension

    @property
    def scale(self) -> ScoreScale:
        """The scale from the settings. Its defaults are a guess: `scenesearch evaluate DIR --scale` was never run against the service."""
        return self._scale

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of questions, shape (texts, dimension). A single one, for which a person waits, has the time of the settings.

        Raises `ModelError`, `Unavailable`.
        """
        asked = [QUERY.format(text) for text in texts]
        if len(asked) != 1:
            return self._vectors(asked, now() + timedelta(seconds=PASSAGES_SECONDS))
        self._client.connect()  # what the first question has to load is no sign of a slow service
        seconds = self._query_seconds
        # the pause before the second try is 5% of the time, and no try begins with less than 20% left
        tries = RetryPolicy(most=2, seconds=seconds * FIRST_TRY, pause=seconds * 0.05, least=seconds * 0.2)
        return self._vectors(asked, now() + timedelta(seconds=seconds), tries)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of the texts that are searched, shape (texts, dimension). Raises `ModelError`, `Unavailable`."""
        return self._vectors([PASSAGE.format(text) for text in texts], now() + timedelta(seconds=PASSAGES_SECONDS))

    def _vectors(self, texts: Sequence[str], deadline: datetime, tries: RetryPolicy | None = None) -> Vectors:
        rows: list[list[float]] = []
        for start in range(0, len(texts), self._batch):
            rows += self._together(texts[start : start + self._batch], deadline, tries)
        wrong = next((len(row) for row in rows if len(row) != self._dimension), None)
        if wrong is not None:
            raise ModelError(f"{self._name} returned a vector of {wrong} numbers, not {self._dimension}")
        matrix = np.asarray(rows, dtype=np.float32).reshape(len(texts), self._dimension)
        lengths = np.linalg.norm(matrix, axis=1, keepdims=True)
        if not np.all(np.isfinite(lengths) & (lengths > 0)):
            raise ModelError(f"{self._name} returned a vector without a direction")
        return np.asarray(matrix / lengths, dtype=np.float32)

    def _together(self, texts: Sequence[str], deadline: datetime, tries: RetryPolicy | None) -> list[list[float]]:
        if len(texts) == 1 or self._batch == 1:
            return self._singly(texts, deadline, tries)
        try:
            rows, _ = self._client.embed(texts, deadline=deadline)
        except (InvalidRequest, ConfigurationError) as refusal:
            reason = str(refusal)
        else:
            if len(rows) == len(texts):
                return rows
            reason = f"{len(rows)} vectors came back for {len(texts)} texts"
        LOG.warning("this endpoint embeds no batches: sending texts one by one", extra={"model": self._name, "reason": reason})
        rows = self._singly(texts, deadline, tries)
        self._batch = 1
        return rows

    def _singly(self, texts: Sequence[str], deadline: datetime, tries: RetryPolicy | None) -> list[list[float]]:
        with ThreadPoolExecutor(min(SINGLE_REQUESTS_AT_ONCE, len(texts))) as pool:
            answers = list(pool.map(lambda text: self._client.embed([text], deadline=deadline, tries=tries)[0], texts))
        if any(len(rows) != 1 for rows in answers):
            raise ModelError(f"{self._name} did not return one vector for one text")
        return [rows[0] for rows in answers]
