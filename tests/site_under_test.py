"""A site over a shelf: the real HTTP layer and stores, with a search that says what a test wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from scenesearch.config import Settings
from scenesearch.messages import Message, Topic
from scenesearch.ports import Cancellation
from scenesearch.search.answer import Answer, Evidence, FileHit, Scene, SearchRequest
from scenesearch.timeline import Span
from scenesearch.video import Video
from shelf import Shelf

Event = FileHit | Scene | Answer


class SaidSearch:
    """Answers with what it is told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[SearchRequest, frozenset[str] | None]] = []
        self.script: Callable[[SearchRequest], Iterator[Event]] = lambda request: iter([whole(request)])

    def events(
        self, request: SearchRequest, readable: frozenset[str] | None = None, cancellation: Cancellation | None = None
    ) -> Iterator[Event]:
        self.asked.append((request, readable))
        return self.script(request)


def whole(request: SearchRequest, files: list[FileHit] | None = None, scenes: list[Scene] | None = None) -> Answer:
    return Answer(query=request.query, mode=request.mode, effort=request.effort, took_ms=3, files=files or [], scenes=scenes or [])


def a_file(video: Video, score: float = 0.5) -> FileHit:
    return FileHit(
        video_id=video.ref.video_id, title=video.title, collection=video.collection, score=score, duration=video.duration_ms / 1000
    )


def a_scene(video: Video, start: float, end: float, description: str, *evidence: Evidence, score: float = 0.9) -> Scene:
    return Scene(
        video_id=video.ref.video_id,
        title=video.title,
        timestamp=str(Span.of_seconds(start, end)),
        start=start,
        end=end,
        description=description,
        evidence=list(evidence),
        grounded=True,
        score=score,
    )


class HeardPublisher:
    """Keeps what was published."""

    def __init__(self) -> None:
        self.heard: list[tuple[Topic, Message]] = []

    def publish(self, topic: Topic, message: Message, **_: Any) -> None:
        self.heard.append((topic, message))


def application_over(home: Path, **settings: Any) -> SimpleNamespace:
    """What the HTTP layer uses of an `Application`: over a shelf, without models."""
    heard = HeardPublisher()
    shelf = Shelf.under(home, on_change=lambda change: heard.publish(Topic.OBJECTS, change))
    ports = SimpleNamespace(uploads=shelf.uploads, work=shelf.work, catalog=shelf.catalog, publisher=heard)
    return SimpleNamespace(
        settings=Settings(home=home, **settings),
        backend=SimpleNamespace(link_origins=(), takes_uploads=False, stays_up=True),
        shelf=shelf,
        uploads=shelf.uploads,
        work=shelf.work,
        catalog=shelf.catalog,
        publisher=heard,
        search=SaidSearch(),
        ports=ports,
    )
