"""How the embedded index behaves when it is large: build rate, size, start-up, query time under a filter, recall, first sign of an answer.

    python -m benchmarks.index [--moments 250000] [--questions 300]

Prints one JSON object. `first_file_…` is the time from sending a question to `scenesearch serve` over this index, as a stream and with
the standard effort, to its first event. Texts are resampled from the lines of the sample's truth file and a vocabulary of made-up words
(Zipf's law), vectors are perturbed from real embeddings of those lines; seeded, so that every run builds the same index.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.served import served
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.index import LocalIndex
from scenesearch.client.client import Client
from scenesearch.lexical.analysis import words
from scenesearch.metadata import Entry, Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.ports import Filters, Moment, Probe
from scenesearch.rows import Row
from scenesearch.search.answer import FileHit, SearchRequest
from scenesearch.timeline import Span
from scenesearch.video import MediaInfo, Video, VideoRef, VideoState, now

COLLECTIONS = 4
CHUNKS_A_VIDEO, MOMENTS_A_CHUNK = 10, 50
VOCABULARY = 50_000
WORDS_A_ROW = 12
FOUND, RECALL_AT = 300, 100

Floats = NDArray[np.float32]


def main() -> None:
    """Build, start, ask; print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--moments", type=int, default=250_000)
    parser.add_argument("--questions", type=int, default=300)
    options = parser.parse_args()
    rng = np.random.default_rng(2026)
    embedder = LocalEmbedder()
    lines = _lines()
    anchors = embedder.passages(lines)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        path = home / "index.sqlite"
        figures, vectors, collections = build(path, options.moments, lines, anchors, embedder, rng)
        index = LocalIndex(path, embedder.name, embedder.dimension)
        began = time.perf_counter()
        index.snapshot()
        figures["start_s"] = round(time.perf_counter() - began, 2)
        figures |= asked(index, options.questions, lines, embedder, vectors, collections, rng)
        del index, vectors
        register(home, options.moments)
        with served(home) as server:
            figures |= streamed(server.url, options.questions, lines)
            figures["server_mb"] = round(server.memory_mb())
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def build(
    path: Path, count: int, lines: list[str], anchors: Floats, embedder: LocalEmbedder, rng: np.random.Generator
) -> tuple[dict[str, float], Floats, NDArray[np.int64]]:
    """The index, its figures, and what is in it: exact vectors and the collection of each."""
    index = LocalIndex(path, embedder.name, embedder.dimension)
    kept, of = [], []
    made, took = 0, 0.0
    for ref, number, collection in _chunks(count):
        moments, vectors = _chunk(ref, number, collection, lines, anchors, rng)
        began = time.perf_counter()
        index.replace(ref, number, moments, vectors)
        took += time.perf_counter() - began
        kept.append(vectors)
        of += [collection] * len(moments)
        made += len(moments)
    size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
    figures = {"moments": made, "moments_a_second": round(made / took), "bytes_a_moment": round(size / made)}
    return figures, np.concatenate(kept), np.array(of)


def asked(
    index: LocalIndex,
    count: int,
    lines: list[str],
    embedder: LocalEmbedder,
    vectors: Floats,
    collections: NDArray[np.int64],
    rng: np.random.Generator,
) -> dict[str, float]:
    """Time of hybrid questions under a collection filter, the query's vector apart, and recall of the dense leg alone."""
    hybrid, recall = list[float](), list[float]()
    for n in range(count):
        text = f"{lines[n % len(lines)]} {_word(int(rng.zipf(1.3)) % VOCABULARY)}"
        vector = _unit(embedder.queries([text])[0] + rng.normal(0, 0.02, embedder.dimension).astype(np.float32))
        collection = n % COLLECTIONS
        filters = Filters(collections=frozenset({f"c{collection}"}))
        began = time.perf_counter()
        probe = Probe(vector=vector, likeness=embedder.likeness, words=index.weigh(words(text)))
        index.find(probe, filters, FOUND, 5)
        hybrid.append((time.perf_counter() - began) * 1000)
        if n < 50:
            dense = Probe(vector=vector, likeness=embedder.likeness, words=index.weigh([]))
            found = {(hit.ref.video_id, hit.chunk, hit.number) for hit in index.find(dense, filters, RECALL_AT, RECALL_AT)}
            mine = np.flatnonzero(collections == collection)
            exact = mine[np.argsort(-(vectors[mine] @ vector), kind="stable")[:RECALL_AT]]
            recall.append(len(found & {_place(int(place)) for place in exact}) / RECALL_AT)
    return {
        "p50_ms": round(float(np.percentile(hybrid, 50)), 1),
        "p95_ms": round(float(np.percentile(hybrid, 95)), 1),
        "recall_at_100": round(float(np.mean(recall)), 4),
    }


def register(home: Path, count: int) -> None:
    """The videos of the index in a catalog beside it."""
    catalog = LocalCatalog(Database(home / "catalog.sqlite"))
    media = MediaInfo(container="mp4", duration_ms=3_600_000, video_codec="h264", width=1280, height=720, frame_rate=25)
    with catalog.atomic():
        for ref, collection in dict.fromkeys((ref, collection) for ref, _, collection in _chunks(count)):
            video = Video(
                ref=ref, bucket="uploads", name=ref.video_id, collection=f"c{collection}", title=f"Reel {ref.video_id}",
                media=media, state=VideoState.READY, created_at=now(), updated_at=now(),
            )  # fmt: skip
            catalog.begin(video)


def streamed(url: str, count: int, lines: list[str]) -> dict[str, float]:
    """How soon the first event of an answer comes from a server, and the whole answer; the very first question apart."""
    first, whole = list[float](), list[float]()
    with Client(url) as client:
        for n in range(count + 1):
            request = SearchRequest(query=f"{lines[n % len(lines)]} {_word(n)}", collection=f"c{n % COLLECTIONS}")
            began = time.perf_counter()
            events = client.events(request)
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
        "answer_p95_ms": round(float(np.percentile(whole[1:], 95)), 1),
    }


def _chunks(count: int) -> Iterator[tuple[VideoRef, int, int]]:
    for n in range(count // MOMENTS_A_CHUNK):
        video, number = divmod(n, CHUNKS_A_VIDEO)
        yield VideoRef(f"v{video:05}", 1), number, video % COLLECTIONS


def _place(n: int) -> tuple[str, int, int]:
    """Which moment the nth vector is."""
    chunk, number = divmod(n, MOMENTS_A_CHUNK)
    video, chunk = divmod(chunk, CHUNKS_A_VIDEO)
    return f"v{video:05}", chunk, number


def _chunk(
    ref: VideoRef, number: int, collection: int, lines: list[str], anchors: Floats, rng: np.random.Generator
) -> tuple[list[Moment], Floats]:
    count = 2 * MOMENTS_A_CHUNK + 3
    said = rng.zipf(1.3, (count, WORDS_A_ROW)) % VOCABULARY
    chosen = rng.integers(len(lines), size=count)
    rows = []
    for n in range(count):
        text = f"{lines[chosen[n]]} {' '.join(_word(int(w)) for w in said[n])}"
        span = Span(n * 3000, n * 3000 + 2900)
        rows.append(Row(span, (Entry(section=Section.TRANSCRIPTION, span=span, text=text),)))
    moments = [
        Moment(
            ref=ref, collection=f"c{collection}", language="en", chunk=number, number=n, first_row=2 * n,
            rows=tuple(rows[2 * n : 2 * n + 5]),
        )
        for n in range(MOMENTS_A_CHUNK)
    ]  # fmt: skip
    mixed = anchors[chosen[:-3:2]] + anchors[chosen[1:-2:2]] + rng.normal(0, 0.03, (MOMENTS_A_CHUNK, anchors.shape[1]))
    return moments, _unit(mixed.astype(np.float32))


def _lines() -> list[str]:
    truth = json.loads((Path(__file__).parents[1] / "samples" / "truth.json").read_text(encoding="utf-8"))
    return [sentence["text"] for sentence in truth["sentences"]] + [scene["description"] for scene in truth["scenes"]]


def _word(number: int) -> str:
    """A made-up word; small numbers are frequent."""
    letters = "aeioubcdfghklmnprstvwz"
    word = ""
    number += len(letters)
    while number:
        number, letter = divmod(number, len(letters))
        word += letters[letter]
    return word


def _unit(vectors: Floats) -> Floats:
    unit: Floats = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit


if __name__ == "__main__":
    main()
