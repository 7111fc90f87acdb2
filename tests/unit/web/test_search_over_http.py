"""Asking over HTTP: JSON and events from one path, and what goes wrong on the way."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from starlette.testclient import TestClient

from scenesearch.errors import Unavailable
from scenesearch.search.answer import Answer, Effort, FileHit, Mode, Scene, SearchRequest
from scenesearch.video import Video
from site_under_test import a_file, a_scene, whole

SSE = {"Accept": "text/event-stream"}


def events(text: str) -> list[tuple[str, dict[str, object]]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields["event"], json.loads(fields["data"])))
    return found


def test_json_is_the_whole_answer(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    file, scene = a_file(video), a_scene(video, 1.0, 2.0, "a wall")
    app.search.script = lambda request: iter([file, scene, whole(request, [file], [scene])])
    answer = client.get("/v1/search", params={"q": "wall", "mode": "recall", "effort": "fast", "limit": 3}).json()
    assert Answer.model_validate(answer) == whole(SearchRequest(query="wall", mode=Mode.RECALL, effort=Effort.FAST), [file], [scene])
    request, readable = app.search.asked[0]
    assert (request.limit, readable) == (3, None)


@pytest.mark.parametrize("name", ["q", "query"])
def test_get_and_post_ask_the_same(client: TestClient, app: SimpleNamespace, name: str) -> None:
    client.get("/v1/search", params={name: "赤い車", "collection": "", "section": "texts", "since": "2026-01-01T00:00:00Z"})
    client.post("/v1/search", json={name: "赤い車", "section": "texts", "since": "2026-01-01T00:00:00Z"})
    assert app.search.asked[0] == app.search.asked[1]
    assert app.search.asked[0][0].collection is None


def test_an_empty_parameter_is_one_that_is_not_given(client: TestClient, app: SimpleNamespace) -> None:
    empty = (
        "collection",
        "mode",
        "effort",
        "limit",
        "video_id",
        "language",
        "answer_language",
        "speaker",
        "tag",
        "section",
        "since",
        "until",
    )
    client.get("/v1/search", params={"q": "wall", **dict.fromkeys(empty, "")})
    client.post("/v1/search", json={"q": "wall", **dict.fromkeys(empty, "")})
    client.get("/v1/search", params={"q": "wall"})
    assert app.search.asked[0] == app.search.asked[1] == app.search.asked[2]


def test_events_come_in_their_order(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    file, scene = a_file(video), a_scene(video, 1.0, 2.0, "a wall")
    app.search.script = lambda request: iter([file, scene, whole(request, [file], [scene])])
    response = client.get("/v1/search", params={"q": "wall"}, headers=SSE)
    assert response.headers["content-type"].startswith("text/event-stream")
    first, second, last = events(response.text)
    assert (first[0], FileHit.model_validate(first[1])) == ("file", file)
    assert (second[0], Scene.model_validate(second[1])) == ("scene", scene)
    assert last[0] == "done"
    assert set(last[1]) == {"query", "mode", "effort", "degraded", "truncated", "no_match", "took_ms"}


def test_what_breaks_on_the_way_is_an_error_event(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    def breaking(request: SearchRequest) -> Iterator[FileHit]:
        yield a_file(video)
        raise RuntimeError("secret detail")

    app.search.script = breaking
    found = events(client.get("/v1/search", params={"q": "wall"}, headers=SSE).text)
    assert [name for name, _ in found] == ["file", "error"]
    assert "secret" not in str(found)


def test_what_is_wrong_at_once_is_a_problem_even_for_streams(client: TestClient, app: SimpleNamespace) -> None:
    def unavailable(request: SearchRequest) -> Iterator[FileHit]:
        raise Unavailable("the index does not answer: try again")
        yield

    app.search.script = unavailable
    response = client.get("/v1/search", params={"q": "wall"}, headers=SSE)
    assert response.status_code == 503
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "the index does not answer: try again"


@pytest.mark.parametrize(
    ("query", "status", "says"),
    [
        ("", 400, "no question"),
        ("q=%20%20", 400, "no question"),
        ("q=a&query=b", 400, "two questions"),
        ("q=a&mode=best", 422, "mode"),
        ("q=a&limit=0", 422, "limit"),
        ("q=a&limit=x", 422, "limit"),
        ("q=a&nonsense=1", 422, "nonsense"),
        ("q=a&since=yesterday", 422, "since"),
        ("q=a&until=-117", 422, "write a time as in"),
        ("q=a&since=1.7e9", 422, "write a time as in"),
        ("q=a&language=english%20please", 422, "language"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(client: TestClient, query: str, status: int, says: str) -> None:
    response = client.get(f"/v1/search?{query}")
    assert (response.status_code, response.headers["content-type"]) == (status, "application/problem+json")
    assert says in response.json()["detail"]


def test_every_answer_carries_its_request_id(client: TestClient) -> None:
    response = client.get("/v1/search")
    assert response.json()["instance"] == f"urn:request:{response.headers['x-request-id']}"


def test_no_question_and_no_answer_stand_in_the_logs(
    client: TestClient, app: SimpleNamespace, video: Video, caplog: pytest.LogCaptureFixture
) -> None:
    app.search.script = lambda request: iter([whole(request, [], [a_scene(video, 1, 2, "ANSWER")])])
    with caplog.at_level(logging.INFO):
        client.get("/v1/search", params={"q": "QUESTION"})
        client.post("/v1/search", json={"q": "QUESTION"})
        client.post("/v1/search", json={"q": "QUESTION", "limit": "QUESTION"})
    logged = "\n".join(str(vars(record)) for record in caplog.records if record.name.startswith("scenesearch"))
    assert "/v1/search" in logged
    assert "QUESTION" not in logged
    assert "ANSWER" not in logged


def test_feedback_is_stored_with_the_question(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    given = {"query": "wall", "video_id": video.ref.video_id, "start": 1.5, "end": 2.0, "right": False}
    assert client.post("/v1/feedback", json=given).status_code == 201
    [stored] = app.catalog.feedback()
    assert (stored.query, stored.ref, stored.span.start_ms, stored.right, stored.caller) == ("wall", video.ref, 1500, False, "local")
    assert client.post("/v1/feedback", json=given | {"video_id": "vnone"}).status_code == 404
    assert client.post("/v1/feedback", json=given | {"end": 1.0}).status_code == 400


def test_feedback_on_what_is_no_question_or_no_scene_is_refused(client: TestClient, app: SimpleNamespace, video: Video) -> None:
    given = {"query": "wall", "video_id": video.ref.video_id, "start": 1.5, "end": 2.0, "right": True}
    for nonsense in ({"query": " "}, {"query": "?! …"}, {"start": video.duration_ms / 1000, "end": 9.0}, {"start": 900, "end": 950}):
        assert client.post("/v1/feedback", json=given | nonsense).status_code == 400, nonsense
    assert list(app.catalog.feedback()) == []
    beyond = client.post("/v1/feedback", json=given | {"end": 900})
    assert (beyond.status_code, beyond.json()["start"], beyond.json()["end"]) == (201, 1.5, video.duration_ms / 1000)
    assert [one.span.end_ms for one in app.catalog.feedback()] == [video.duration_ms]
