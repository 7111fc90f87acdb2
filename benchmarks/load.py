"""Fifty people at once: how long an answer takes, whether any fails, and whether memory stays flat.

    python -m benchmarks.load [--clients 50] [--seconds 60]

Prints one JSON object. The server is `scenesearch serve` with the local models, a process of its own. Its library holds ten videos of five
minutes whose lines are resampled (seeded) from the sample's truth file and put straight into catalog and index: no file is ingested.
Every second question is read as a stream. The clients run on the same machine and take their share of its cores.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks.served import Served, served
from scenesearch.bootstrap import Application
from scenesearch.client.client import Client
from scenesearch.config import Settings
from scenesearch.errors import SceneSearchError
from scenesearch.evaluation.evaluate import GivenVideo, Segment, put
from scenesearch.search.answer import Answer, FileHit, SearchRequest

TRUTH = json.loads((Path(__file__).parents[1] / "samples" / "truth.json").read_text(encoding="utf-8"))
VIDEOS, MINUTES = 10, 5
WARM = 0.25
"""The share of the time after which memory is expected to be flat."""


def main() -> None:
    """Make the library, serve it, ask, print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        fill(Path(home))
        with served(Path(home)) as server:
            figures = load(server, options.clients, options.seconds)
    sys.stdout.write(json.dumps(figures, indent=1) + "\n")


def fill(home: Path) -> None:
    """The library of ten videos."""
    app = Application(Settings(home=home))
    spoken = [line["text"] for line in TRUTH["sentences"]]
    seen = [scene["description"] for scene in TRUTH["scenes"]]
    chance = random.Random(2026)  # noqa: S311 - the same library every time
    for number in range(VIDEOS):
        segments = [Segment(start=at, end=at + 5, text=chance.choice(spoken), kind="transcription") for at in range(0, MINUTES * 60, 6)]
        segments += [Segment(start=at, end=at + 15, text=chance.choice(seen), kind="visual") for at in range(0, MINUTES * 60, 15)]
        segments += [Segment(start=at, end=at + 4, text=f"{number}:{at:05}", kind="onscreen") for at in range(0, MINUTES * 60, 60)]
        put(GivenVideo(video_id=f"video{number}", title=f"Reel {number}", duration=MINUTES * 60, segments=segments), app.ports, 300_000)


@dataclass
class _Seen:
    """What the clients have seen."""

    took_ms: list[float] = field(default_factory=list)
    first_ms: list[float] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


def load(server: Served, clients: int, seconds: float) -> dict[str, object]:
    """Ask for so long; the figures. `faults` counts what went wrong; memory is that of the process that answers."""
    seen, numbers = _Seen(), count()
    with Client(server.url) as client:
        client.search(SearchRequest(query="warm up"))
        began = time.monotonic()
        threads = [threading.Thread(target=_ask, args=(client, numbers, began + seconds, seen)) for _ in range(clients)]
        for thread in threads:
            thread.start()
        memory = list[float]()
        while time.monotonic() < began + seconds:
            memory.append(server.memory_mb())
            time.sleep(0.5)
        for thread in threads:
            thread.join()
        took = time.monotonic() - began
        settled = memory[int(len(memory) * WARM)]
        return {
            "clients": clients,
            "seconds": round(took, 1),
            "answers": len(seen.took_ms),
            "answers_a_second": round(len(seen.took_ms) / took, 1),
            "faults": sum(seen.faults.values()),
            "what_failed": dict(seen.faults.most_common(5)),
            "p50_ms": round(float(np.percentile(seen.took_ms, 50))),
            "p95_ms": round(float(np.percentile(seen.took_ms, 95))),
            "first_file_p95_ms": round(float(np.percentile(seen.first_ms, 95))),
            "memory_mb": {"start": round(memory[0]), "warm": round(settled), "end": round(server.memory_mb()), "peak": round(max(memory))},
            "growth_mb": round(max(memory[-3:]) - settled, 1),
        }


def _ask(client: Client, numbers: count[int], until: float, seen: _Seen) -> None:
    questions = [question["query"] for question in TRUTH["questions"]] + TRUTH["unanswerable"]
    while time.monotonic() < until:
        number = next(numbers)
        request = SearchRequest(query=f"{questions[number % len(questions)]} {number}")
        began = time.monotonic()
        try:
            answer = client.search(request) if number % 2 else _streamed(client, request, began, seen)
        except SceneSearchError as error:
            seen.faults[str(error)] += 1
            continue
        seen.took_ms.append((time.monotonic() - began) * 1000)
        if answer.query != request.query or not answer.files or answer.degraded:
            seen.faults[f"not a whole answer: {answer.degraded}"] += 1


def _streamed(client: Client, request: SearchRequest, began: float, seen: _Seen) -> Answer:
    for number, event in enumerate(client.events(request)):
        if number == 0 and isinstance(event, FileHit):
            seen.first_ms.append((time.monotonic() - began) * 1000)
        if isinstance(event, Answer):
            return event
    raise AssertionError("a stream ends with the answer")


if __name__ == "__main__":
    main()
