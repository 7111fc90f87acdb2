"""A question on its way through the stages: how it was understood, what it has cost, and what could not be done for it."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scenesearch.errors import ConfigurationError, SceneSearchError
from scenesearch.metadata import one_line
from scenesearch.ports import Cancellation, Embedder, Probe, Question, SceneIndex, ScoreScale, Spending
from scenesearch.search.answer import Mode, SearchRequest
from scenesearch.search.modes import MODES, ModePreset
from scenesearch.search.query import Query

LOG = logging.getLogger(__name__)

WORDS_ALONE = ScoreScale(mean=0.0, std=1.0, midpoint=2.0)
"""The scale of a question without a vector: only its words count, and two thirds of them give a score of one half."""


@dataclass
class Inquiry:
    """A request with the forms that indexes (`probe`) and readers (`question`) know it in; each is made when it is first needed.

    `reasons` say what could not be done, in words for whoever asked.
    """

    request: SearchRequest
    query: Query
    index: SceneIndex
    embedder: Embedder
    cancellation: Cancellation
    spending: Spending = field(default_factory=Spending)
    reasons: list[str] = field(default_factory=list)

    @property
    def preset(self) -> ModePreset:
        """The preset of the chosen mode."""
        return MODES[self.request.mode]

    @property
    def per_file(self) -> int:
        """The most scenes of one file."""
        return self.request.limit if self.request.video_id is not None else self.preset.per_file

    @cached_property
    def probe(self) -> Probe:
        """The question as an index sees it. Raises what the index raises."""
        vector, scale = self._meaning()
        return Probe(
            vector=vector,
            scale=scale,
            words=self.index.weigh(self.query.words),
            text=self.query.text,
            phrases=tuple(phrase.words for phrase in self.query.phrases),
            sections=self.query.sections,
        )

    @cached_property
    def question(self) -> Question:
        """The question as a reader sees it."""
        return Question(
            text=one_line(self.request.query),
            phrases=tuple(phrase.written for phrase in self.query.phrases),
            language=self.request.answer_language or self.query.language,
            precise=self.request.mode is Mode.PRECISION,
            sections=self.query.sections,
            words=self.probe.words,
            scale=self.probe.scale,
            vector=self.probe.vector,
            spending=self.spending,
            cancellation=self.cancellation,
        )

    def missed(self, reason: str | None) -> None:
        """Remember, once, that something could not be done; None: nothing of the kind."""
        if reason is not None and reason not in self.reasons:
            self.reasons.append(reason)

    def _meaning(self) -> tuple[NDArray[np.float32], ScoreScale]:
        """The question's vector and the scale it is read on. When the model gives none, zeros: the words are asked alone."""
        try:
            return self.embedder.queries([self.query.text])[0], self.embedder.scale
        except SceneSearchError as error:
            if isinstance(error, ConfigurationError):  # nothing that passes: whoever runs this must hear of it
                LOG.error("questions have no vectors", extra={"reason": str(error)})
            self.missed(f"only the words were looked for, the embedder failed: {error}")
            return np.zeros(self.embedder.dimension, np.float32), WORDS_ALONE
