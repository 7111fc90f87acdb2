"""The doctor says of everything that keeps this machine from working that it does, in the words of what is wrong."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import pytest
from typer.testing import CliRunner

from scenesearch.bootstrap import Application, application
from scenesearch.cli import app as scenesearch
from scenesearch.config import Settings
from scenesearch.doctor import Finding, examine
from scenesearch.evaluation.evaluate import GivenVideo, Segment, entries_of, put
from scenesearch.metadata import Section
from scenesearch.pipeline.reindex import reindex
from scenesearch.timeline import Span
from scenesearch.video import Chunk, SectionKey, SectionRecord, SectionState, now


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No machine of Google's, nobody signed in: whoever runs these tests may be."""
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path / "gcloud"))
    monkeypatch.setenv("SCENESEARCH_OFFLINE", "true")
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_PROJECT", "STORAGE_EMULATOR_HOST", "FIRESTORE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("scenesearch.emulator.needs.missing", list)  # takes its time, and has tests of its own


def finding(what: str) -> Finding:
    [found] = [one for one in examine() if one.what == what]
    return found


def filled(*ids: str, lines: int = 1) -> Application:
    """A library with these videos ready and indexed."""
    app = Application(Settings.load())
    segments = [Segment(start=n, end=n + 1, text="The red car hits the wall.", kind="transcription") for n in range(lines)]
    for one in ids:
        given = GivenVideo(video_id=one, title=one, duration=60, segments=segments)
        put(given, app.ports, 300_000)
        video = app.catalog.video(one)
        assert video is not None
        assert video.media is not None
        app.catalog.commit_plan(video.ref, video.media, [Chunk(number=0, span=Span(0, 60_000))])
        key = SectionKey(video.ref, 0, Section.TRANSCRIPTION)
        app.catalog.commit_section(SectionRecord(key=key, state=SectionState.DONE, entries=tuple(entries_of(given))))
        app.catalog.close_chunk(video.ref, 0)
    return app


def test_a_machine_on_which_everything_works_is_told_so() -> None:
    assert not [one for one in examine() if one.needed and not one.ok]
    filled("v1", "v2")
    assert (finding("catalog").ok, finding("catalog").state) == (True, "2 videos, 2 of them ready")
    assert (finding("index").ok, "the 2 newest" in finding("index").state) == (True, True)
    assert finding("sign-in").ok


@pytest.mark.parametrize(
    ("settings", "what", "says"),
    [
        ({"BACKEND": "gcp"}, "catalog", "gcloud auth application-default login"),
        ({"BACKEND": "gcp", "GCP_PROJECT": "a-project"}, "catalog", "gcloud auth application-default login"),
        ({"AUTH": "google"}, "sign-in", "SCENESEARCH_AUTH_AUDIENCE"),
        ({"MODELS": "vertexai", "VERTEXAI_PROJECT": "a-project"}, "Gemini", "no credentials"),
        ({"MODELS": "vertexai"}, "Gemini", "SCENESEARCH_VERTEXAI_PROJECT"),
    ],
)
def test_settings_with_which_nothing_works_are_a_failure(
    settings: dict[str, str], what: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(f"SCENESEARCH_{name}", value)
    found = finding(what)
    assert (found.ok, found.needed) == (False, True)
    assert says in f"{found.state} {found.advice}"
    application.cache_clear()
    assert CliRunner().invoke(scenesearch, ["doctor"]).exit_code == 1


def test_the_cloud_without_a_project_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCENESEARCH_BACKEND", "gcp")
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    assert "SCENESEARCH_GCP_PROJECT" in finding("catalog").state
    assert not finding("catalog").ok


@pytest.mark.parametrize(("file", "what"), [("catalog.sqlite", "catalog"), ("index.sqlite", "index")])
def test_a_damaged_file_is_named(home: Path, file: str, what: str) -> None:
    filled("v1")
    for part in home.glob(f"{file}*"):
        part.unlink()
    (home / file).write_bytes(b"this is no database" * 500)
    assert (finding(what).ok, finding(what).needed) == (False, True)
    assert f"{home / file} is damaged" in finding(what).state


def test_an_index_that_is_gone_is_missed_and_reindex_brings_it_back(home: Path) -> None:
    filled("v1", "v2")
    for part in home.glob("index.sqlite*"):
        part.unlink()
    finding("index")  # looking at it makes an empty one
    assert (finding("index").ok, finding("index").advice) == (False, "run `scenesearch reindex`")
    assert "lacks 2 of the 2 newest" in finding("index").state
    reindex(Application(Settings.load()).ports)
    assert finding("index").ok


def test_a_video_of_which_nothing_is_known_is_not_missed_in_the_index() -> None:
    filled("v1", lines=0)
    assert finding("index").ok


def test_an_index_of_another_embedder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    filled("v1")
    monkeypatch.setattr("scenesearch.models.local.embedder.LocalEmbedder.name", "another")
    found = finding("index")
    assert not found.ok
    assert "scenesearch reindex" in found.state


@pytest.fixture
def endpoint() -> Iterator[ThreadingHTTPServer]:
    """A vision endpoint that takes one key."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/v1/models"
            self.send_response(401 if self.headers["Authorization"] != "Bearer secret" else 200 if known else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield server
        server.shutdown()


def test_the_vision_endpoint_is_asked(endpoint: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{endpoint.server_port}"
    for address, key, ok, says in (
        (url, "secret", True, "answers"),
        (f"{url}/v1/chat/completions", "secret", True, "answers"),
        (url, "wrong", False, "refuses the key"),
        (f"{url}/v9", "secret", False, "status 503"),
        ("http://127.0.0.1:9", "secret", False, "cannot be reached"),
        ("nonsense", "secret", False, "cannot be reached"),
    ):
        monkeypatch.setenv("SCENESEARCH_VLM_URL", address)
        monkeypatch.setenv("SCENESEARCH_VLM_KEY", key)
        found = finding("vision endpoint")
        assert (found.ok, found.needed) == (ok, False), address
        assert says in found.state


@pytest.mark.parametrize(("age_days", "ok"), [(90, True), (91, False)])
def test_an_old_price_table_is_named(age_days: int, ok: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = json.loads((files("scenesearch.models.vertexai") / "prices.json").read_text("utf-8"))
    table["checked"] = (now() - timedelta(days=age_days)).date().isoformat()
    (tmp_path / "prices.json").write_text(json.dumps(table))
    for name, value in {
        "MODELS": "vertexai",
        "VERTEXAI_BASE_URL": "http://127.0.0.1:9",
        "VERTEXAI_PRICES": str(tmp_path / "prices.json"),
    }.items():
        monkeypatch.setenv(f"SCENESEARCH_{name}", value)
    found = finding("price table")
    assert (found.ok, found.needed) == (ok, False)
    assert table["checked"] in found.state
    assert ("SCENESEARCH_VERTEXAI_PRICES" in found.advice) == (not ok)
