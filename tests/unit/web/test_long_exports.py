"""Exports that take long become jobs; too many at once are told to come back; whoever leaves has theirs ended."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import av
import pytest
from starlette.testclient import TestClient

from media_files import read_number
from scenesearch.client.client import Client
from scenesearch.library import exports
from scenesearch.timeline import Span
from scenesearch.video import Video
from scenesearch.web import export_routes
from scenesearch.web.pool import Pool
from scenesearch.web.server import served
from scenesearch.web.site import Site
from scenesearch.web.sites import library_site


@pytest.fixture(autouse=True)
def soon_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second is long."""
    monkeypatch.setattr(export_routes, "LONG_MS", 500)


def wanted(video: Video, start: float = 0.5, end: float = 2.5) -> dict[str, Any]:
    return {"video_id": video.ref.video_id, "start": start, "end": end, "format": "mp4"}


def site_of(client: TestClient) -> Site:
    site: Site = client.app.state.site  # type: ignore[attr-defined]
    return site


@contextmanager
def all_at_work(pool: Pool) -> Iterator[ExitStack]:
    """Every slot of the pool is taken."""
    with ExitStack() as slots:
        for _ in range(2):
            slots.enter_context(pool.slot())
        yield slots


def test_a_long_export_is_a_job_with_progress_and_a_link(client: TestClient, video: Video) -> None:
    response = client.post("/v1/exports", json=wanted(video))
    assert response.status_code == 202, response.text
    job = response.json()
    assert (job["state"], job["ready"]) == ("running", None)
    while job["state"] == "running":
        assert 0 <= job["progress"] <= 1
        job = client.get(response.headers["location"], params={"wait": 10}).json()
    assert (job["state"], job["progress"]) == ("ready", 1)
    with av.open(io.BytesIO(client.get(job["ready"]["url"]).content)) as clip:
        numbers = [read_number(frame.to_ndarray(format="rgb24")) for frame in clip.decode(video=0)]
    assert numbers[0] == 5
    assert len(numbers) in (20, 21)
    assert client.get("/v1/exports/" + "0" * 32).status_code == 404


def test_where_instances_come_and_go_whoever_asks_for_a_long_export_waits_for_it(client: TestClient, video: Video) -> None:
    site_of(client).app.backend.stays_up = False  # type: ignore[misc]
    response = client.post("/v1/exports", json=wanted(video))
    assert response.status_code == 200, response.text
    with av.open(io.BytesIO(response.content)) as clip:
        assert read_number(next(clip.decode(video=0)).to_ndarray(format="rgb24")) == 5


def test_a_long_export_that_fails_says_why(client: TestClient, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEARCH_MEDIA_PIXELS", "100")
    place = client.post("/v1/exports", json=wanted(video)).headers["location"]
    job = client.get(place, params={"wait": 20}).json()
    assert job["state"] == "failed"
    assert "pixels" in job["error"]


def test_what_nobody_should_wait_for_is_refused_before_it_begins(client: TestClient, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "LONGEST_EXACT_MS", 1_000)
    assert client.post("/v1/exports", json=wanted(video)).status_code == 413
    assert client.post("/v1/exports", json=wanted(video) | {"exact": False}).status_code == 202
    monkeypatch.setattr(exports, "LARGEST_BYTES", 1_000)
    refused = client.post("/v1/exports", json=wanted(video) | {"exact": False})
    assert refused.status_code == 413
    assert "export it in parts" in refused.json()["detail"]
    assert client.post("/v1/exports", json=wanted(video, 3, 90)).status_code == 400


def test_a_job_that_nobody_wants_any_more_is_ended(client: TestClient, video: Video) -> None:
    with all_at_work(site_of(client).exports):
        place = client.post("/v1/exports", json=wanted(video)).headers["location"]
        assert client.delete(place).status_code == 204
    job = client.get(place, params={"wait": 20}).json()
    assert (job["state"], job["ready"]) == ("cancelled", None)


def test_too_many_exports_and_stills_are_told_to_come_back(client: TestClient, video: Video) -> None:
    with all_at_work(site_of(client).exports):
        statuses = [client.post("/v1/exports", json=wanted(video)).status_code for _ in range(5)]
        assert statuses == [202, 202, 202, 202, 429]
        refused = client.post("/v1/exports", json=wanted(video))
        assert int(refused.headers["retry-after"]) > 0
        assert "try again" in refused.json()["detail"]
        assert client.get(f"/v1/videos/{video.ref.video_id}/stills/1000.jpg").status_code == 200, "stills have a pool of their own"
    site = site_of(client)
    object.__setattr__(site, "stills", Pool("stills", at_once=2, waiting=0, patience_s=1))
    with all_at_work(site.stills):
        refused = client.get(f"/v1/videos/{video.ref.video_id}/stills/1000.jpg")
        assert (refused.status_code, "retry-after" in refused.headers) == (429, True)
    assert client.get(f"/v1/videos/{video.ref.video_id}/stills/1000.jpg").status_code == 200


def test_a_client_who_leaves_ends_their_export(client: TestClient, video: Video, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, ended = threading.Event(), threading.Event()

    def endless(*_: object, progress: Any, **__: object) -> None:
        begun.set()
        try:
            while True:
                progress(0.5)
        finally:
            ended.set()

    monkeypatch.setattr(export_routes, "export_clip", endless)
    body = json.dumps(wanted(video, 0.5, 0.8)).encode()
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        if not sent:
            sent.append(body)
            return {"type": "http.request", "body": body, "more_body": False}
        await anyio.to_thread.run_sync(begun.wait)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        """Nobody reads it."""

    headers = [(b"host", b"localhost:8000"), (b"content-type", b"application/json")]
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http", "path": "/v1/exports",
        "raw_path": b"/v1/exports", "query_string": b"", "headers": headers, "client": ("127.0.0.1", 1), "server": ("localhost", 8000),
        "state": {},
    }  # fmt: skip
    with ThreadPoolExecutor(1) as thread:  # a browser of other tests may have left a loop in this one
        thread.submit(anyio.run, client.app, scope, receive, send).result()
    assert ended.wait(10)
    with site_of(client).exports.slot():
        """Their place is free again."""


def test_the_client_waits_for_a_long_export_and_is_told_its_progress(app: SimpleNamespace, video: Video, tmp_path: Path) -> None:
    shares: list[float] = []
    with served(library_site(app)) as url, Client(url) as there:
        there.export(video.ref.video_id, Span(500, 2_500), tmp_path / "clip.mp4", shares.append)
    with av.open(tmp_path / "clip.mp4") as clip:
        assert read_number(next(clip.decode(video=0)).to_ndarray(format="rgb24")) == 5
    assert shares
