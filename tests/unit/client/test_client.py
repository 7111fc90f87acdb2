"""A server, asked by our own client: over a real connection, with whatever may go wrong on it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from scenesearch import errors
from scenesearch.client.client import Client
from scenesearch.errors import InvalidRequest, NotFound, NotSignedIn, SceneSearchError, Unavailable, VideoNotFound
from scenesearch.metadata import Section
from scenesearch.search.answer import Answer, FileHit, Mode, Scene, SearchRequest
from scenesearch.timeline import Span
from scenesearch.video import Video
from scenesearch.web.server import served
from site_under_test import a_file, a_scene, whole

ASKED = SearchRequest(query='赤い車 "who\'s there"', mode=Mode.RECALL, limit=2, section=Section.TEXTS)


def test_an_answer_is_the_same_at_once_and_as_it_comes(client: Client, app: SimpleNamespace, video: Video) -> None:
    file, scenes = a_file(video), [a_scene(video, n, n + 1, f"wall {n}", score=score) for n, score in enumerate((0.3, 0.9, 0.5))]
    best = [scenes[1], scenes[2]]
    app.search.script = lambda request: iter([file, *scenes, whole(request, [file], best)])
    assert client.search(ASKED) == whole(ASKED, [file], best)
    assert list(client.events(ASKED)) == [file, *scenes, whole(ASKED, [file], best)]
    assert [request for request, _ in app.search.asked] == [ASKED, ASKED], "every choice arrives as it was made"


def test_events_come_before_the_answer_is_there(client: Client, app: SimpleNamespace, video: Video) -> None:
    go_on = threading.Event()

    def slow(request: SearchRequest) -> Iterator[FileHit | Answer]:
        yield a_file(video)
        assert go_on.wait(20)
        yield whole(request, [a_file(video)])

    app.search.script = slow
    events = client.events(ASKED)
    assert isinstance(next(events), FileHit)
    go_on.set()
    assert isinstance(next(events), Answer)


def test_who_stops_reading_ends_the_search_on_the_server(client: Client, app: SimpleNamespace, video: Video) -> None:
    ended, told = threading.Event(), 0

    def endless(request: SearchRequest) -> Iterator[FileHit]:
        nonlocal told
        try:
            while True:
                told += 1
                yield a_file(video)
        finally:
            ended.set()

    app.search.script = endless
    with closing(client.events(ASKED)) as events:  # type: ignore[type-var]
        next(events)
    assert ended.wait(10)
    client.videos()  # the server is as it was


def test_a_word_on_a_scene_is_stored(client: Client, app: SimpleNamespace, video: Video) -> None:
    client.feedback("wall", video.ref.video_id, Span(1500, 2000), right=True)
    [stored] = app.catalog.feedback()
    assert (stored.query, stored.ref, stored.span, stored.right) == ("wall", video.ref, Span(1500, 2000), True)


def test_the_library_is_read(client: Client, video: Video) -> None:
    [listed] = client.videos()
    assert listed == client.videos("films")[0]
    assert client.videos("other") == []
    assert client.find("wall") == client.find("films/a/wall.mp4") == client.find("wall.mp4") == listed
    shown = client.video(listed.video_id)
    assert (shown.video_id, shown.summary) == (video.ref.video_id, "A wall.") == (listed.video_id, client.video(listed.video_id).summary)
    assert "00:00-00:01 | Mika | Nobody <b>knows</b>." in client.metadata_text(listed.video_id).splitlines()
    assert {entry.text for entry in client.entries(listed.video_id)} == {"Nobody <b>knows</b>.", "a grey wall", "終わり"}


def test_a_name_that_fits_none_or_several_is_told(client: Client, app: SimpleNamespace, video: Video, wall: Path) -> None:
    with pytest.raises(VideoNotFound, match="'Wall'"):
        client.find("Wall")
    app.shelf.put(wall, "films/b/wall.mp4")
    with pytest.raises(InvalidRequest, match="fits 2 videos"):
        client.find("wall")


def test_a_scene_is_taken_away_whole(client: Client, video: Video, tmp_path: Path) -> None:
    to = tmp_path / "scene.txt"
    client.export(video.ref.video_id, Span(0, 2000), to)
    assert "Nobody <b>knows</b>." in to.read_text()
    with pytest.raises(InvalidRequest, match="format"):
        client.export(video.ref.video_id, Span(0, 2000), tmp_path / "scene.exe")
    with pytest.raises(InvalidRequest, match="cannot be written"):
        client.export(video.ref.video_id, Span(0, 2000), tmp_path / "nowhere" / "scene.txt")
    assert list(tmp_path.glob("*scene*")) == [to], "no half file stays"


def test_retry_and_remove(client: Client, app: SimpleNamespace, video: Video) -> None:
    assert client.retry(video.ref.video_id).video_id == video.ref.video_id
    client.remove(video.ref.video_id)
    with pytest.raises(errors.ObjectNotFound):
        app.uploads.stat(video.name)


@pytest.mark.parametrize("error", [errors.NotAllowed, errors.Gone, errors.StorageFull, errors.Busy, errors.TooLarge, errors.NotSignedIn])
def test_what_the_server_refuses_is_the_same_error_here(client: Client, app: SimpleNamespace, error: type[SceneSearchError]) -> None:
    def refusing(request: SearchRequest) -> Iterator[FileHit]:
        raise error("the very words")
        yield

    app.search.script = refusing
    for ask in (client.search, lambda asked: next(client.events(asked))):
        with pytest.raises(error, match=r"^the very words$"):
            ask(ASKED)


def test_what_cannot_be_asked_and_what_is_not_there_is_told_in_the_servers_words(client: Client) -> None:
    with pytest.raises(InvalidRequest, match="no question"):
        client.search(SearchRequest(query=" "))
    with pytest.raises(NotFound, match="there is no video 'v0'"):
        client.metadata_text("v0")
    with pytest.raises(NotFound):
        client.video("../../health")


def test_what_broke_there_names_the_request(client: Client, app: SimpleNamespace) -> None:
    app.search.script = lambda request: (_ for _ in ()).throw(RuntimeError("secret detail"))
    with pytest.raises(Unavailable, match=r"urn:request:[0-9a-f]{32}") as refused:
        client.search(ASKED)
    assert "secret" not in str(refused.value)


def test_an_answer_that_breaks_on_the_way_is_an_error(client: Client, app: SimpleNamespace, video: Video) -> None:
    def breaking(request: SearchRequest) -> Iterator[FileHit]:
        yield a_file(video)
        raise Unavailable("the index does not answer: try again")

    app.search.script = breaking
    events = client.events(ASKED)
    assert isinstance(next(events), FileHit)
    with pytest.raises(Unavailable, match="the index does not answer"):
        next(events)


def test_a_server_that_is_too_slow_is_given_up(app: SimpleNamespace) -> None:
    go_on = threading.Event()

    def slow(request: SearchRequest) -> Iterator[Answer]:
        go_on.wait(20)
        yield whole(request)

    app.search.script = slow
    with Client(app.url, patience=httpx2.Timeout(0.2)) as client, pytest.raises(Unavailable, match="does not answer in time"):
        client.search(ASKED)
    go_on.set()


def test_a_server_that_is_not_there_is_named() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:9 cannot be reached"):
        client.search(ASKED)


def cut_off(request: Request) -> Response:
    return StreamingResponse(iter([b"event: file\nda"]), media_type="text/event-stream")


@pytest.mark.parametrize(
    ("response", "error", "says"),
    [
        (lambda request: HTMLResponse("<h1>It works!</h1>"), Unavailable, "does not answer as scenesearch"),
        (lambda request: Response("[]", media_type="application/json"), Unavailable, "does not answer as scenesearch"),
        (lambda request: HTMLResponse("<h1>Bad Gateway</h1>", 502), Unavailable, "status 502"),
        (lambda request: HTMLResponse("<h1>Forbidden</h1>", 403), errors.NotAllowed, "status 403"),
        (lambda request: RedirectResponse("https://accounts.google.com/o/oauth2"), NotSignedIn, "address is for browsers"),
    ],
)
def test_what_is_not_ours_is_no_answer(response: object, error: type[SceneSearchError], says: str) -> None:
    with served(Starlette(routes=[Route("/v1/search", response, methods=["POST"])])) as url, Client(url) as client:  # type: ignore[arg-type]
        with pytest.raises(error, match=says):
            client.search(ASKED)
        with pytest.raises(error, match=says):
            list(client.events(ASKED))


def test_an_answer_that_is_cut_off_is_no_answer() -> None:
    with (
        served(Starlette(routes=[Route("/v1/search", cut_off, methods=["POST"])])) as url,
        Client(url) as client,
        pytest.raises(Unavailable, match="broke off"),
    ):
        list(client.events(ASKED))


def test_one_client_serves_many_threads(client: Client, app: SimpleNamespace, video: Video) -> None:
    app.search.script = lambda request: iter(
        [a_scene(video, 1, 2, request.query), whole(request, [], [a_scene(video, 1, 2, request.query)])]
    )
    found: dict[str, list[Scene]] = {}

    def ask(name: str) -> None:
        found[name] = client.search(SearchRequest(query=name)).scenes

    threads = [threading.Thread(target=ask, args=(f"question {n}",)) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {name: scenes[0].description for name, scenes in found.items()} == {f"question {n}": f"question {n}" for n in range(40)}
