"""A small library of videos, told by hand, in the real catalog and index with the real embedder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.index import LocalIndex
from scenesearch.metadata import Entry
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.models.local.reader import LocalReader
from scenesearch.moments import moments_of
from scenesearch.pipeline.advance import embedded
from scenesearch.ports import SceneReader, SceneWatcher, Vectors
from scenesearch.search.answer import Answer, SearchRequest
from scenesearch.search.search import Limits, Search
from scenesearch.video import Collection, MediaInfo, Profile, Video, VideoRef, VideoState, now

CHUNK_MS = 300_000


@dataclass
class Library:
    """Videos by hand, and questions about them."""

    catalog: LocalCatalog
    index: LocalIndex
    embedder: LocalEmbedder
    reader: SceneReader = field(default_factory=LocalReader)
    watcher: SceneWatcher | None = None
    timeouts: Limits = field(default_factory=Limits)

    def put(
        self,
        name: str,
        entries: Sequence[Entry],
        *,
        generation: int = 1,
        collection: str = "default",
        title: str | None = None,
        summary: str = "",
        language: str | None = "en",
        tags: tuple[str, ...] = (),
        at: datetime | None = None,
        indexed: bool = True,
    ) -> VideoRef:
        """A ready video of this id; a higher generation replaces the one before."""
        duration = max((entry.span.end_ms for entry in entries), default=1000)
        media = MediaInfo(container="mp4", duration_ms=duration, video_codec="h264", width=1280, height=720, frame_rate=25)
        at = at or now()
        video = Video(
            ref=VideoRef(name, generation), bucket="uploads", name=name, collection=collection, title=title or name, summary=summary,
            language=language, tags=tags, created_at=at, updated_at=at, media=media, state=VideoState.READY,
        )  # fmt: skip
        video = self.catalog.begin(video)
        if indexed:
            chunks: dict[int, list[Entry]] = {}
            for entry in entries:
                chunks.setdefault(entry.span.midpoint_ms // CHUNK_MS, []).append(entry)
            for number, of_chunk in chunks.items():
                moments, vectors = embedded(moments_of(video, number, of_chunk), self.embedder)
                self.index.replace(video.ref, number, moments, vectors)
        return video.ref

    def profile(self, collection: str, profile: Profile) -> None:
        self.catalog.save_collection(Collection(name=collection, profile=profile))

    @property
    def search(self) -> Search:
        return Search(self.catalog, self.index, self.embedder, (self.reader, self.watcher), self.timeouts)

    def ask(self, query: str, readable: frozenset[str] | None = None, **choices: object) -> Answer:
        return self.search.answer(SearchRequest.model_validate({"query": query, **choices}), readable)

    def with_reader(self, reader: SceneReader, **timeouts: object) -> Library:
        return replace(self, reader=reader, timeouts=replace(self.timeouts, **timeouts))  # type: ignore[arg-type]


class Remembering(LocalEmbedder):
    """Embeds the same text once."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, NDArray[np.float32]] = {}

    def passages(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known.update(zip(new, super().passages(new), strict=True))
        return np.stack([self._known[text] for text in texts])


@pytest.fixture(scope="session")
def embedder() -> LocalEmbedder:
    return Remembering()


@pytest.fixture
def library(tmp_path: Path, embedder: LocalEmbedder) -> Library:
    catalog = LocalCatalog(Database(tmp_path / "catalog.sqlite"))
    return Library(catalog, LocalIndex(tmp_path / "index.sqlite", embedder.name, embedder.dimension), embedder)
