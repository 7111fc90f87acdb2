"""What the pipeline writes to Firestore for one section, counted where the client sends it: writes are what Firestore bills and what
it slows down by.
"""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import pytest
from google.cloud import firestore

from contract.given import together
from emulators import need_emulators
from scenesearch.backends.gcp.catalog import FirestoreCatalog
from scenesearch.backends.gcp.index import FirestoreIndex
from scenesearch.backends.gcp.publisher import PubSubPublisher
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.emulator.wiring import create_topics
from scenesearch.messages import ChunkWork
from scenesearch.metadata import CHUNK_SECTIONS, Entry, Section
from scenesearch.pipeline.extract import extract
from scenesearch.ports import ClipInput, Extraction, Ports, ScoreScale, Vectors
from scenesearch.timeline import Span
from scenesearch.video import Chunk, Clip, MediaInfo, Video, VideoRef, VideoState, now

THREADS = 16
CHUNKS = int(os.environ.get("PROOF_CHUNKS", "16"))
CHUNK_MS = 300_000
REF = VideoRef("v1", 1)


@dataclass
class Counted:
    """A client's writes that came through, by the collection of their document; and how often a video's state was written."""

    client: firestore.Client
    by_kind: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    _lock: Lock = field(default_factory=Lock)

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on. Every write of the client is a `commit`."""
        api = self.client._firestore_api
        commit = api.commit

        def counted(*, request: Mapping[str, Any], **options: Any) -> Any:
            answer = commit(request=request, **options)
            with self._lock:
                for write in request["writes"]:
                    name = write.update.name or write.delete or write.transform.document
                    self.by_kind[name.split("/documents/")[1].split("/")[-2]] += 1
                    if "state" in write.update_mask.field_paths and "/generations/" in name:
                        self.states[write.update.fields["state"].string_value] += 1
            return answer

        monkeypatch.setattr(api, "commit", counted)


class Directions:
    """An embedder for texts whose vectors do not matter."""

    name, dimension, scale = "directions", 8, ScoreScale(0.0, 1.0)

    def passages(self, texts: Sequence[str]) -> Vectors:
        vectors = np.random.default_rng(len(texts)).normal(size=(len(texts), self.dimension)).astype(np.float32)
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)

    queries = passages


@dataclass(frozen=True)
class Reads:
    """An extractor that finds six lines in every clip."""

    section: Section
    wants_audio: bool = False

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        lines = (Entry(section=self.section, span=Span.of_seconds(n * 40, n * 40 + 9), text=f"{self.section} {n}") for n in range(6))
        return Extraction(entries=tuple(lines), model="reads")


@pytest.fixture
def client() -> firestore.Client:
    services, project = need_emulators(), f"p-{uuid.uuid4().hex[:12]}"
    create_topics(services.pubsub, project)
    return firestore.Client(project=project)


@pytest.fixture
def ports(client: firestore.Client, tmp_path: Path) -> Ports:
    """The cloud's state and messages; nothing here looks at objects."""
    embedder = Directions()
    objects = FolderObjectStore(tmp_path, "work", signer=UrlSigner(tmp_path / "key"))
    return Ports(
        uploads=objects,
        work=objects,
        publisher=PubSubPublisher(client.project),
        catalog=FirestoreCatalog(client),
        index=FirestoreIndex(client, embedder.name, embedder.dimension),
        embedder=embedder,
    )


def planned(ports: Ports, count: int) -> None:
    """A video of so many chunks that are cut and wait for their sections."""
    video = Video(ref=REF, bucket="b", name="n", collection="default", title="t", created_at=now(), updated_at=now())
    media = MediaInfo(container="mp4", duration_ms=count * CHUNK_MS, video_codec="h264", width=320, height=180, frame_rate=25)
    ports.catalog.begin(video)
    ports.catalog.commit_plan(REF, media, [Chunk(number=n, span=Span(n * CHUNK_MS, (n + 1) * CHUNK_MS)) for n in range(count)])
    for number in range(count):
        clip = Clip(f"clip-{number}.mp4", "video/mp4", number * CHUNK_MS, CHUNK_MS, 4)
        ports.catalog.commit_clips(REF, number, video_clip=clip, audio_clip=clip)
    ports.catalog.move(REF, to=VideoState.EXTRACTING, when=frozenset(VideoState))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_section_costs_four_writes_and_its_chunk_one_and_the_video_moves_once(
    client: firestore.Client,
    ports: Ports,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: pytest.RecordProperty,
) -> None:
    """All sections of all chunks, extracted by sixteen threads that go on whatever the others do. `PROOF_CHUNKS=333` for `make proof`."""
    planned(ports, CHUNKS)
    counted, settings = Counted(client), Settings(home=tmp_path)
    counted.watch(monkeypatch)

    def work(thread: int) -> None:
        for number in range(thread, CHUNKS, THREADS):
            for section in CHUNK_SECTIONS:
                extract(ChunkWork(video_id=REF.video_id, generation=REF.generation, chunk=number), Reads(section), ports, settings)

    together(THREADS, work)
    writes, sections = counted.by_kind, CHUNKS * len(CHUNK_SECTIONS)
    catalog = writes["sections"] + writes["chunks"] + writes["generations"]
    record_property("chunks", CHUNKS)
    record_property("moves_to_assembling", counted.states[VideoState.ASSEMBLING])
    record_property("catalog_writes_per_section", round(catalog / sections, 3))
    record_property("index_writes_per_chunk", round((writes["moments"] + writes["shards"]) / CHUNKS, 3))
    video = ports.catalog.generation(REF)
    assert video is not None
    assert (video.state, video.open_chunks) == (VideoState.ASSEMBLING, frozenset())
    assert counted.states == {VideoState.ASSEMBLING: 1}
    assert writes["sections"] == 2 * sections  # a lease, a result
    assert writes["chunks"] == 2 * sections  # touched by each
    assert writes["generations"] == CHUNKS + 1  # each chunk's closing, the transition
    assert writes["shards"] == CHUNKS
