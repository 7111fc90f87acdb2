"""The smoke test itself, against the storage emulator and a search that answers like the deployed one."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from emulators import need_emulators
from infra.smoke import NotFoundInTime, asking, smoke
from scenesearch.config import Backend, Models, Settings
from scenesearch.pipeline.price import named_price, price_of
from scenesearch.price import Price
from scenesearch.video import video_id

RIGHT = {"scenes": [{"start": 36.0, "end": 42.0}]}
BATCHES = Settings(backend=Backend.GCP, models=Models.VERTEXAI, price=Price.BATCH)
WRONG = {"scenes": [{"start": 1.0, "end": 4.0}]}


@contextmanager
def searching(*answers: dict[str, object] | int) -> Iterator[tuple[str, list[tuple[str, dict[str, list[str]], str | None]]]]:
    """A search that gives these answers (a number: that error) one after the other, the last again and again; and what it was asked."""
    asked: list[tuple[str, dict[str, list[str]], str | None]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers[min(len(asked), len(answers) - 1)]
            where = urlsplit(self.path)
            asked.append((where.path, parse_qs(where.query), self.headers["X-Serverless-Authorization"]))
            self.send_response(answer if isinstance(answer, int) else 200)
            self.end_headers()
            self.wfile.write(b"" if isinstance(answer, int) else json.dumps(answer).encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def bucket() -> object:
    need_emulators()
    from google.auth.credentials import AnonymousCredentials
    from google.cloud import storage

    client = storage.Client(project="smoke", credentials=AnonymousCredentials())
    return client.create_bucket("smoke-uploads")


@pytest.mark.slow
def test_it_waits_until_the_scene_is_found_and_leaves_nothing_behind(bucket: object) -> None:
    with searching(404, {"scenes": []}, WRONG, RIGHT) as (endpoint, asked):
        took = smoke(bucket, asking(endpoint, "token"), "build-7", within_s=60, pause_s=0.01)  # type: ignore[arg-type]
    assert took < 60
    path, parameters, token = asked[-1]
    assert (path, token, len(asked)) == ("/v1/search", "Bearer token", 4)
    assert parameters["video_id"] == [video_id("smoke-uploads", "smoke/build-7.mp4")]
    assert list(bucket.list_blobs()) == []  # type: ignore[attr-defined]


@pytest.mark.slow
def test_its_video_is_asked_about_at_once_whatever_price_the_environment_has(bucket: object) -> None:
    said = []

    def ask(_: Mapping[str, str]) -> Mapping[str, Any]:
        said.append(bucket.get_blob("smoke/build-9.mp4").metadata)  # type: ignore[attr-defined]
        return RIGHT

    smoke(bucket, ask, "build-9", within_s=60, pause_s=0.01)  # type: ignore[arg-type]
    assert [price_of(named_price(metadata["price"]), BATCHES) for metadata in said] == [Price.STANDARD]
    assert price_of(None, BATCHES) is Price.BATCH, "without a word of its own"


@pytest.mark.slow
def test_a_scene_that_is_never_found_fails_with_what_was_found_instead(bucket: object) -> None:
    with searching(WRONG) as (endpoint, _), pytest.raises(NotFoundInTime, match="scenes at 00:01-00:04"):
        smoke(bucket, asking(endpoint, "token"), "build-8", within_s=0.1, pause_s=0.01)  # type: ignore[arg-type]
    assert list(bucket.list_blobs()) == []  # type: ignore[attr-defined]
