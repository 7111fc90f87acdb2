"""The set of models that run on Vertex AI."""

from __future__ import annotations

from functools import cache, cached_property

from scenesearch.config import Settings
from scenesearch.metadata import Section
from scenesearch.models.vertexai.batch_jobs import GeminiBatchJobs
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.embedder import GeminiEmbedder
from scenesearch.models.vertexai.extractor import extractor_of
from scenesearch.models.vertexai.reader import GeminiReader
from scenesearch.models.vertexai.summarizer import GeminiSummarizer
from scenesearch.models.vertexai.watcher import GeminiWatcher
from scenesearch.ports import BatchJobs, Catalog, ObjectStore, SceneReader, SceneWatcher, SectionExtractor, Summarizer


class VertexModels:
    """Gemini for sections, summaries, questions and embeddings, with one client for all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.extractor = cache(self._extractor)

    @cached_property
    def embedder(self) -> GeminiEmbedder:
        """The embedder of questions and passages."""
        return GeminiEmbedder(self._client, self._settings)

    @cached_property
    def summarizer(self) -> Summarizer:
        """The summarizer of whole videos."""
        return GeminiSummarizer(self._client, self._settings)

    @cached_property
    def reader(self) -> SceneReader:
        """The reader that finds scenes in metadata text."""
        return GeminiReader(self._client, self._settings)

    @property
    def reads_premises(self) -> bool:
        """True: requests of readers and watchers contain the premises of the profile."""
        return True

    def watcher(self, catalog: Catalog, work: ObjectStore) -> SceneWatcher:
        """Return the watcher of found scenes: `catalog` knows their clips, `work` holds them."""
        return GeminiWatcher(self._client, self._settings, catalog, work)

    @cached_property
    def batches(self) -> BatchJobs:
        """Batch prediction jobs."""
        return GeminiBatchJobs(self._client, self._settings)

    @cached_property
    def _client(self) -> VertexClient:
        return VertexClient(self._settings)

    def _extractor(self, section: Section) -> SectionExtractor:
        return extractor_of(section, self._client, self._settings)
