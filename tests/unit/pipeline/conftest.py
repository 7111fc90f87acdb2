"""The real one-machine ports, a video planned in them, and an extractor that does what the test says."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest

from scenesearch.backends.local.backend import LocalBackend
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.config import Settings
from scenesearch.messages import ChunkWork, Message, Subscription
from scenesearch.metadata import CHUNK_SECTIONS, Entry, Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.ports import ClipInput, Extraction, Ports, Probe, WordWeights
from scenesearch.timeline import Span
from scenesearch.video import NO_COST, Chunk, Clip, MediaInfo, Usage, Video, VideoRef, VideoState, now, video_id

NAME = "default/film.mp4"
CHUNK_MS = 60_000


@dataclass
class Scripted:
    """A `SectionExtractor` that raises or answers as it is told, in turn; the last one again and again."""

    section: Section = Section.TRANSCRIPTION
    wants_audio: bool = False
    script: list[Exception | Extraction] = field(default_factory=list)
    spends: Usage = NO_COST
    calls: int = 0

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        self.calls += 1
        given.spending.add(self.spends)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        return step


def found(*texts: str, section: Section = Section.TRANSCRIPTION, at_s: float = 1) -> Extraction:
    """An extraction of one-second entries, one after the other."""
    entries = tuple(Entry(section=section, span=Span.of_seconds(at_s + n, at_s + n + 1), text=text) for n, text in enumerate(texts))
    return Extraction(entries=entries, model="scripted")


@pytest.fixture(scope="session")
def embedder() -> LocalEmbedder:
    return LocalEmbedder()


@pytest.fixture
def settings(home: Path) -> Settings:
    return Settings(home=home, max_attempts=3)


@pytest.fixture
def ports(settings: Settings, embedder: LocalEmbedder) -> Ports:
    backend, space = LocalBackend(settings), embedder
    return Ports.over(backend, backend.index(space), space)


@pytest.fixture
def planned(ports: Ports) -> Callable[[int], VideoRef]:
    """Make a video of so many cut chunks that waits for its sections."""

    def make(count: int = 1, *, cut: bool = True, language: str | None = None) -> VideoRef:
        info = ports.uploads.replace(NAME, io.BytesIO(b"film"), content_type="video/mp4")
        ref = VideoRef(video_id(info.bucket, info.name), info.generation)
        at = now()
        video = Video(
            ref=ref, bucket=info.bucket, name=NAME, collection="default", title="film", language=language, created_at=at, updated_at=at
        )
        ports.catalog.begin(video)
        media = MediaInfo(
            container="mp4", duration_ms=count * CHUNK_MS, video_codec="h264", width=320, height=180, frame_rate=25, audio_codec="aac"
        )
        ports.catalog.commit_plan(ref, media, [Chunk(number=n, span=Span(n * CHUNK_MS, (n + 1) * CHUNK_MS)) for n in range(count)])
        for number in range(count if cut else 0):
            clip = Clip(f"{ref.video_id}/{ref.generation}/clip-{number}.mp4", "video/mp4", number * CHUNK_MS, CHUNK_MS, 4)
            ports.work.create(clip.object_name, io.BytesIO(b"clip"), content_type="video/mp4")
            ports.catalog.commit_clips(ref, number, video_clip=clip, audio_clip=clip)
        ports.catalog.move(ref, to=VideoState.EXTRACTING, when=frozenset(VideoState))
        drained(ports)
        return ref

    return make


def work(ref: VideoRef, chunk: int = 0) -> ChunkWork:
    return ChunkWork(video_id=ref.video_id, generation=ref.generation, chunk=chunk)


def extractors(*, fails: Section | None = None, error: Exception | None = None) -> Iterator[Scripted]:
    """One of each section; the one that fails does so always."""
    for section in CHUNK_SECTIONS:
        if section is fails and error is not None:
            yield Scripted(section, script=[error])
        else:
            yield Scripted(section, script=[found(f"{section.value} of this", section=section)])


def indexed(ports: Ports, ref: VideoRef) -> list[str]:
    """The texts that the index holds of this generation."""
    probe = Probe(
        vector=ports.embedder.queries(["anything"])[0], scale=ports.embedder.scale, words=WordWeights(shares={}, average_length=1)
    )
    moments = [candidate.moment for candidate in ports.index.read([ref], probe, 100).get(ref, [])]
    return sorted({entry.text for moment in moments for entry in moment.entries})


def drained(ports: Ports) -> list[tuple[Subscription, Message]]:
    """Everything that is published and due, taken off the queue."""
    from datetime import timedelta

    assert isinstance(ports.publisher, LocalQueue)
    taken = []
    while (claim := ports.publisher.claim(list(Subscription), timedelta(seconds=60))) is not None:
        taken.append((claim.subscription, claim.message))
        ports.publisher.acknowledge(claim)
    return taken
