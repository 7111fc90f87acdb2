"""A shelf of finished videos: the one-machine stores, filled by hand, so that tests need no model."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.media.probe import probe
from scenesearch.messages import ObjectChanged
from scenesearch.metadata import Entry, Layout, Section, TextKind
from scenesearch.ports import Assembly
from scenesearch.timeline import Span
from scenesearch.video import (
    Chunk,
    SectionKey,
    SectionRecord,
    SectionState,
    Video,
    VideoRef,
    VideoState,
    collection_of,
    now,
    title_of,
    video_id,
)


def said(start: float, end: float, text: str, speaker: str | None = None) -> Entry:
    return Entry(section=Section.TRANSCRIPTION, span=Span.of_seconds(start, end), text=text, speaker=speaker)


def shown(start: float, end: float, text: str) -> Entry:
    return Entry(section=Section.VISUAL_INFO, span=Span.of_seconds(start, end), text=text)


def written(start: float, end: float, text: str) -> Entry:
    layout = Layout("bottom center", (0.1, 0.8, 0.8, 0.1))
    return Entry(section=Section.TEXTS, span=Span.of_seconds(start, end), text=text, lines=(text,), layout=layout, kind=TextKind.CAPTION)


@dataclass(frozen=True)
class Shelf:
    """Real stores under one folder."""

    uploads: FolderObjectStore
    work: FolderObjectStore
    catalog: LocalCatalog
    signer: UrlSigner

    @classmethod
    def under(cls, home: Path, on_change: Callable[[ObjectChanged], None] | None = None) -> Shelf:
        signer = UrlSigner(home / "links.key")
        uploads = FolderObjectStore(home / "buckets" / "uploads", "uploads", signer=signer, on_change=on_change)
        work = FolderObjectStore(home / "buckets" / "work", "work", signer=signer)
        return cls(uploads, work, LocalCatalog(Database(home / "catalog.db")), signer)

    def put(
        self,
        file: Path,
        name: str,
        entries: Sequence[Entry] = (),
        *,
        title: str | None = None,
        summary: str = "",
        chunks: Sequence[Chunk] | None = None,
    ) -> Video:
        """The file as a ready video with these entries (those of `important_scenes` included), all of them in the first chunk."""
        with file.open("rb") as source:
            info = self.uploads.replace(name, source, content_type="video/mp4")
        with self.uploads.open(name) as source:
            media = probe(source)
        ref = VideoRef(video_id("uploads", name), info.generation)
        at = now()
        video = Video(
            ref=ref, bucket="uploads", name=name, collection=collection_of(name), title=title or title_of(name), content_type="video/mp4",
            size_bytes=info.size_bytes, created_at=at, updated_at=at,
        )  # fmt: skip
        catalog = self.catalog
        catalog.begin(video)
        plan = chunks or [Chunk(number=0, span=Span(0, media.duration_ms))]
        catalog.commit_plan(ref, media, plan)
        catalog.move(ref, to=VideoState.EXTRACTING, when=frozenset({VideoState.SPLITTING}))
        for section in (Section.VISUAL_INFO, Section.TRANSCRIPTION, Section.TEXTS):
            mine = tuple(e for e in entries if e.section is section)
            catalog.commit_section(SectionRecord(key=SectionKey(ref, 0, section), state=SectionState.DONE, entries=mine, model="by hand"))
        for chunk in plan:
            catalog.close_chunk(ref, chunk.number)
        catalog.move(ref, to=VideoState.ASSEMBLING, when=frozenset({VideoState.EXTRACTING}))
        important = tuple(e for e in entries if e.section is Section.IMPORTANT_SCENES)
        catalog.commit_assembly(ref, Assembly(summary=summary, important_scenes=important, gaps=()))
        catalog.move(ref, to=VideoState.READY, when=frozenset({VideoState.ASSEMBLING}))
        found = catalog.video(ref.video_id)
        assert found is not None
        return found

    def put_bytes(self, name: str, content: bytes, content_type: str) -> None:
        self.work.replace(name, io.BytesIO(content), content_type=content_type)
