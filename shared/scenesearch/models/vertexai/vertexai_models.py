"""The set of models that run on Vertex AI."""

from __future__ import annotations

from functools import cache, cached_property

from scenesearch.config import Settings
from scenesearch.errors import ConfigurationError
from scenesearch.metadata import Section
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.embedder import GeminiEmbedder
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.models.vertexai.summarizer import GeminiSummarizer
from scenesearch.ports import SceneReader, SectionExtractor, Summarizer


class VertexModels:
    """Gemini for sections and summaries, its embeddings; one client for all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.extractor = cache(self._extractor)

    @cached_property
    def embedder(self) -> GeminiEmbedder:
        return GeminiEmbedder(self._client, self._settings)

    @cached_property
    def summarizer(self) -> Summarizer:
        return GeminiSummarizer(self._client, self._settings)

    @property
    def reader(self) -> SceneReader:
        raise ConfigurationError("no scene reader runs on Vertex AI yet: set SCENESEARCH_MODELS=local where questions are asked")

    @cached_property
    def _client(self) -> VertexClient:
        return VertexClient(self._settings)

    def _extractor(self, section: Section) -> SectionExtractor:
        return extractor_of(section, self._client, self._settings)
