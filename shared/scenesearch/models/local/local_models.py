"""The set of models that run on this machine."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from scenesearch.config import Settings
from scenesearch.metadata import Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.models.local.reader import LocalReader
from scenesearch.models.local.summarizer import ExtractiveSummarizer
from scenesearch.models.local.texts import LocalTexts
from scenesearch.models.local.transcription import LocalTranscription
from scenesearch.models.local.visual_info import LocalVisualInfo
from scenesearch.ports import Catalog, ObjectStore, SceneReader, SceneWatcher, SectionExtractor, Summarizer


class LocalModels:
    """Real models for speech, on-screen text, shots, embeddings and reading, which need no account."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    @cached_property
    def embedder(self) -> LocalEmbedder:
        """The embedder of questions and passages."""
        return LocalEmbedder()

    @cached_property
    def summarizer(self) -> Summarizer:
        """The summarizer, which only quotes."""
        return ExtractiveSummarizer(self.embedder)

    @cached_property
    def reader(self) -> SceneReader:
        """The reader that finds scenes without asking a model."""
        return LocalReader()

    @property
    def reads_premises(self) -> bool:
        """False: no local model judges by the premises of a profile."""
        return False

    def watcher(self, catalog: Catalog, work: ObjectStore) -> SceneWatcher | None:
        """Return None: no local model watches clips."""
        return None

    @property
    def batches(self) -> None:
        """None: there are no batch jobs without a service."""
        return None

    def extractor(self, section: Section) -> SectionExtractor:
        """Return the extractor of a chunk section; its model stays loaded."""
        return self._extractors[section]

    @cached_property
    def _extractors(self) -> Mapping[Section, SectionExtractor]:
        made: list[SectionExtractor] = [LocalVisualInfo(self._settings), LocalTranscription(self._settings), LocalTexts(self._settings)]
        return {extractor.section: extractor for extractor in made}
