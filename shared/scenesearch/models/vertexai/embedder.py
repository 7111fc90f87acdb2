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
"""How gemini-embedding-2 is told which side of a search a text is on (its documentation; it has no parameter for it)."""

FIRST_TRY = 0.6
"""Of the time that a question waits for its vector so much goes to the first try: one that hangs leaves room for another."""

PASSAGES_SECONDS = 240.0
SINGLE_REQUESTS_AT_ONCE = 8


class GeminiEmbedder:
    """An `Embedder`. Texts go in batches; where the endpoint knows no batches, it finds out once and sends them one by one."""

    def __init__(self, client: VertexClient, settings: Settings) -> None:
        self._client = client
        self._batch = settings.vertexai_embedding_batch
        self._name = settings.vertexai_embedding_model
        self._dimension = settings.vertexai_embedding_dimension
        self._query_seconds = settings.vertexai_query_seconds
        self._scale = ScoreScale(mean=settings.vertexai_embedding_unrelated, std=settings.vertexai_embedding_spread)

    @property
    def name(self) -> str:
        return self._name

    @property
    def dimension(self) -> int:
        return self._dimension

    @property
    def scale(self) -> ScoreScale:
        """As the settings say. Their defaults are a guess: nobody has run `scenesearch evaluate DIR --scale` against the service yet."""
        return self._scale

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Vectors of questions, shape (texts, dimension). For a single one somebody waits: it is given up as soon as the settings say.

        Raises `ModelError`, `Unavailable`.
        """
        asked = [QUERY.format(text) for text in texts]
        if len(asked) != 1:
            return self._vectors(asked, now() + timedelta(seconds=PASSAGES_SECONDS))
        self._client.connect()  # what the first question has to load is no sign of a slow service
        seconds = self._query_seconds
        tries = RetryPolicy(most=2, seconds=seconds * FIRST_TRY, pause=seconds * 0.05, least=seconds * 0.2)
        return self._vectors(asked, now() + timedelta(seconds=seconds), tries)

    def passages(self, texts: Sequence[str]) -> Vectors:
        """Vectors of what is searched, shape (texts, dimension). Raises `ModelError`, `Unavailable`."""
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
