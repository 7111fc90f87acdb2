"""The real search behind a real connection: clients that leave, readers that fail or dawdle, and what the log may hold."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from httpx2 import Timeout

from scenesearch.bootstrap import Application
from scenesearch.client.client import Client
from scenesearch.config import Settings
from scenesearch.errors import ModelError, Unavailable
from scenesearch.evaluation.evaluate import GivenVideo, Segment, put
from scenesearch.observability.logs import JsonLines, PlainLines
from scenesearch.ports import Cancellation, FoundScene, Question, Reading
from scenesearch.search.answer import Answer, FileHit, Scene, SearchRequest
from scenesearch.search.search import Limits, Search
from scenesearch.web.server import served
from scenesearch.web.sites import search_site
from waiting import eventually

ASKED = SearchRequest(query="QUESTION about a red car")
VIDEOS = 4


class AReader:
    """Does what the test says, one file after the other, and counts."""

    at_once = 1

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = threading.Semaphore(0)
        self.error: Exception | None = None

    def read(self, question: Question, reading: Reading, *, limit: int, deadline: datetime) -> Sequence[FoundScene]:
        self.begun += 1
        assert self.may_end.acquire(timeout=30)
        if self.error is not None:
            raise self.error
        return []


@pytest.fixture
def reader() -> Iterator[AReader]:
    reader = AReader()
    yield reader
    reader.may_end.release(100)


@pytest.fixture
def app(tmp_path: Path, reader: AReader) -> SimpleNamespace:
    """Four videos that say the same. `left` is set when a search is ended before its answer."""
    real = Application(Settings(home=tmp_path / "real"))
    for number in range(VIDEOS):
        segment = Segment(start=3, end=9, text="ANSWER: the red car explodes", kind="transcription")
        put(GivenVideo(video_id=f"v{number}", title="film", duration=30, segments=[segment]), real.ports, 300_000)
    found = SimpleNamespace(settings=real.settings, backend=real.backend, catalog=real.catalog, left=threading.Event())

    def searching(timeouts: Limits) -> SimpleNamespace:
        search = Search(real.catalog, real.index, real.embedder, (reader, None), timeouts)

        def events(
            request: SearchRequest, readable: frozenset[str] | None, cancellation: Cancellation
        ) -> Iterator[FileHit | Scene | Answer]:
            answered = False
            for event in search.events(request, readable, cancellation):
                yield event
                answered = isinstance(event, Answer)
            if not answered:
                found.left.set()

        return SimpleNamespace(events=events)

    found.searching, found.search = searching, searching(Limits())
    return found


@pytest.fixture
def client(app: SimpleNamespace) -> Iterator[Client]:
    with served(search_site(app)) as url, Client(url) as client:  # type: ignore[arg-type]
        yield client


def test_files_come_while_the_reader_still_reads(client: Client, reader: AReader) -> None:
    with closing(client.events(ASKED)) as events:  # type: ignore[type-var]
        assert [type(next(events)) for _ in range(VIDEOS)] == [FileHit] * VIDEOS
        reader.may_end.release(100)
        assert isinstance(list(events)[-1], Answer)


def test_a_client_that_leaves_a_stream_ends_its_search(client: Client, app: SimpleNamespace, reader: AReader) -> None:
    with closing(client.events(ASKED)) as events:  # type: ignore[type-var]
        next(events)
        eventually(lambda: reader.begun == 1)
    assert app.left.wait(10), "nobody waits for the file that is being read"
    reader.may_end.release(VIDEOS)
    eventually(_no_reader_runs)
    assert reader.begun == 1, "the other files are not read for nobody"


def test_a_client_that_does_not_wait_for_json_ends_its_search(app: SimpleNamespace, reader: AReader) -> None:
    with served(search_site(app)) as url:  # type: ignore[arg-type]
        with Client(url, patience=Timeout(2.0)) as impatient, pytest.raises(Unavailable, match="in time"):
            impatient.search(ASKED)
        assert app.left.wait(10)
        reader.may_end.release(VIDEOS)
        eventually(_no_reader_runs)
    assert reader.begun == 1


@pytest.mark.parametrize("error", [ModelError("it gave no JSON"), RuntimeError("QUESTION secret"), ValueError("QUESTION secret")])
def test_a_reader_that_fails_leaves_index_hits_and_the_reason(client: Client, reader: AReader, error: Exception) -> None:
    reader.error = error
    reader.may_end.release(100)
    *_, answer = client.events(ASKED)
    assert isinstance(answer, Answer)
    assert answer.degraded is not None
    assert answer.degraded.startswith("the reader failed")
    assert "secret" not in answer.degraded
    assert {scene.video_id for scene in answer.scenes} == {f"v{number}" for number in range(VIDEOS)}
    assert client.search(ASKED).degraded == answer.degraded


def test_a_reader_that_dawdles_leaves_index_hits_at_the_deadline(app: SimpleNamespace, reader: AReader) -> None:
    app.search = app.searching(Limits(reading=timedelta(seconds=0.3)))
    with served(search_site(app)) as url, Client(url) as client:  # type: ignore[arg-type]
        answer = client.search(ASKED)
    assert answer.degraded == "the reader did not answer in time"
    assert [type(scene) for scene in answer.scenes] == [Scene] * VIDEOS


@pytest.mark.parametrize("where", ["the reader", "the index", "the stream", "nothing"])
def test_no_question_and_no_answer_stand_in_any_log(
    client: Client, app: SimpleNamespace, reader: AReader, where: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every level above debug, whoever logs, whatever breaks where, with a message that quotes both."""

    def broken(*_: object, **__: object) -> Iterator[FileHit]:
        if where == "the stream":
            yield FileHit(video_id="v0", title="film", collection="default", score=1, duration=30)
        raise RuntimeError("ANSWER") from ValueError("QUESTION")

    reader.may_end.release(100)
    if where == "the reader":
        reader.error = RuntimeError("QUESTION and ANSWER")
    elif where != "nothing":
        monkeypatch.setattr(app, "search", SimpleNamespace(events=broken))
    with caplog.at_level(logging.INFO):
        for ask in (client.search, lambda request: list(client.events(request))):
            if where in ("the index", "the stream"):
                with pytest.raises(Unavailable, match="Something broke here"):
                    ask(ASKED)
            else:
                ask(ASKED)
    assert any(record.name == "scenesearch.web.guard" for record in caplog.records)
    for form in (JsonLines(), PlainLines()):
        logged = "\n".join(form.format(record) for record in caplog.records)
        assert "QUESTION" not in logged
        assert "ANSWER" not in logged
    if where in ("the index", "the stream"):
        assert "RuntimeError\n" in logged, "what broke and where is told"
        assert "in broken" in logged


def _no_reader_runs() -> bool:
    return not any(thread.name.startswith("reader") for thread in threading.enumerate())
