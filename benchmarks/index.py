"""How the embedded index behaves when it is large: build rate, size, start-up, query time under a filter, recall, first sign of an answer.

    python -m benchmarks.index [--moments 250000] [--questions 300]

Prints one JSON object. `first_file_…` is the time from sending a question to `scenesearch serve` over this index, as a stream and with
the standard effort, to its first event. Texts are resampled from the lines of real videos and vectors are perturbed from real embeddings
(`benchmarks/material.py`), the questions are real; `source` says of what. Seeded, so that every run builds the same index.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks.material import Floats, Material, material
from benchmarks.served import served
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.index import LocalIndex
from scenesearch.client.client import Client
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.moments import Moment
from scenesearch.ports import Embedder, Filters, Hit, Probe
from scenesearch.search.answer import FileHit, SearchRequest
from scenesearch.search.query import understood
from scenesearch.video import MediaInfo, Video, VideoRef, VideoState, now

COLLECTIONS = 4
CHUNKS_A_VIDEO = 10
FOUND, A_VIDEO = 300, 5
RECALL_AT, RECALL_QUESTIONS = 100, 50


@dataclass
class Built:
    """What is in the index: the key of each moment, its exact vector, the number of its collection."""

    keys: list[tuple[str, int, int]] = field(default_factory=list)
    vectors: list[Floats] = field(default_factory=list)
    collections: list[int] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def videos(self) -> dict[str, int]:
        """The collection of each video."""
        return {key[0]: collection for key, collection in zip(self.keys, self.collections, strict=True)}

    def add(self, moments: Sequence[Moment], vectors: Floats, collection: int, seconds: float) -> None:
        self.keys += [(moment.ref.video_id, moment.chunk, moment.number) for moment in moments]
        self.vectors.append(vectors)
        self.collections += [collection] * len(moments)
        self.seconds += seconds


def main() -> None:
    """Build, start, ask; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--moments", type=int, default=250_000)
    parser.add_argument("--questions", type=int, default=300)
    options = parser.parse_args()
    rng = np.random.default_rng(2026)
    embedder = LocalEmbedder()
    given = material(embedder, rng)
    questions = [given.questions[n % len(given.questions)] for n in range(options.questions)]
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "index.sqlite"
        built = build(path, options.moments, given, embedder, rng)
        size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
        figures: dict[str, object] = {
            "source": given.source,
            "moments": len(built.keys),
            "moments_a_second": round(len(built.keys) / built.seconds),
            "bytes_a_moment": round(size / len(built.keys)),
        }
        index = LocalIndex(path, embedder.name, embedder.dimension)
        began = time.perf_counter()
        index.snapshot()
        figures["start_s"] = round(time.perf_counter() - began, 2)
        figures |= asked(index, questions, embedder, built)
        register(home, built)
        del index, built
        with served(home) as server:
            figures |= streamed(server.url, questions)
            figures["server_mb"] = round(server.memory_mb())
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def build(path: Path, count: int, given: Material, embedder: Embedder, rng: np.random.Generator) -> Built:
    """The index at `path`, of at least `count` moments."""
    index = LocalIndex(path, embedder.name, embedder.dimension)
    built, chunks = Built(), 0
    while len(built.keys) < count:
        video, number = divmod(chunks, CHUNKS_A_VIDEO)
        collection, ref = video % COLLECTIONS, VideoRef(f"v{video:05}", 1)
        moments, vectors = given.chunk(ref, number, f"c{collection}", rng)
        began = time.perf_counter()
        index.replace(ref, number, moments, vectors)
        built.add(moments, vectors, collection, time.perf_counter() - began)
        chunks += 1
    return built


def asked(index: LocalIndex, questions: Sequence[str], embedder: Embedder, built: Built) -> dict[str, object]:
    """Time of hybrid questions under a collection filter, the query's vector apart, and recall of the dense leg alone."""
    vectors, collections = np.concatenate(built.vectors), np.array(built.collections)
    hybrid, recall = list[float](), list[float]()
    for n, text in enumerate(questions):
        vector = embedder.queries([text])[0]
        collection = n % COLLECTIONS
        filters = Filters(collections=frozenset({f"c{collection}"}))
        began = time.perf_counter()
        probe = Probe(vector=vector, scale=embedder.scale, words=index.weigh(understood(text).words))
        index.find(probe, filters, FOUND, A_VIDEO)
        hybrid.append((time.perf_counter() - began) * 1000)
        if n < RECALL_QUESTIONS:
            dense = Probe(vector=vector, scale=embedder.scale, words=index.weigh([]))
            found = {_key(hit) for hit in index.find(dense, filters, RECALL_AT, RECALL_AT)}
            mine = np.flatnonzero(collections == collection)
            exact = mine[np.argsort(-(vectors[mine] @ vector), kind="stable")[:RECALL_AT]]
            recall.append(len(found & {built.keys[place] for place in exact}) / RECALL_AT)
    return {
        "p50_ms": round(float(np.percentile(hybrid, 50)), 1),
        "p95_ms": round(float(np.percentile(hybrid, 95)), 1),
        "recall_at_100": round(float(np.mean(recall)), 4),
    }


def register(home: Path, built: Built) -> None:
    """The videos of the index in a catalog beside it."""
    catalog = LocalCatalog(Database(home / "catalog.sqlite"))
    media = MediaInfo(container="mp4", duration_ms=3_600_000, video_codec="h264", width=1280, height=720, frame_rate=25)
    with catalog.atomic():
        for name, collection in built.videos.items():
            video = Video(
                ref=VideoRef(name, 1), bucket="uploads", name=name, collection=f"c{collection}", title=f"Reel {name}",
                media=media, state=VideoState.READY, created_at=now(), updated_at=now(),
            )  # fmt: skip
            catalog.begin(video)


def streamed(url: str, questions: Sequence[str]) -> dict[str, object]:
    """How soon the first event of an answer comes from a server, and the whole answer; the very first question apart."""
    first, whole = list[float](), list[float]()
    with Client(url) as client:
        for n, text in enumerate([questions[-1], *questions]):
            began = time.perf_counter()
            events = client.events(SearchRequest(query=text, collection=f"c{n % COLLECTIONS}"))
            event = next(events)
            first.append((time.perf_counter() - began) * 1000)
            if not isinstance(event, FileHit):
                raise AssertionError(f"the first event is not a file: {event}")
            deque(events, maxlen=0)
            whole.append((time.perf_counter() - began) * 1000)
    return {
        "first_question_ms": round(whole[0], 1),
        "first_file_p50_ms": round(float(np.percentile(first[1:], 50)), 1),
        "first_file_p95_ms": round(float(np.percentile(first[1:], 95)), 1),
        "answer_p50_ms": round(float(np.percentile(whole[1:], 50)), 1),
        "answer_p95_ms": round(float(np.percentile(whole[1:], 95)), 1),
    }


def _key(hit: Hit) -> tuple[str, int, int]:
    return hit.ref.video_id, hit.chunk, hit.number


if __name__ == "__main__":
    main()
