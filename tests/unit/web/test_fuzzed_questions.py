"""Whatever is asked over HTTP, however it is written: an answer or a clear refusal, never a 500. The search behind it is the real one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.evaluation.evaluate import GivenVideo, Segment, put
from scenesearch.search.answer import Answer
from scenesearch.web.problems import Problem
from scenesearch.web.sites import search_site

LINES = ["The red car hits the wall and explodes!", "最後に大きな花火が打ち上げられます。", "01:00:16", 'A dialog: "Save changes?"']
REFUSED = frozenset({400, 404, 413, 415, 422})

SYNTAX = [
    "'; DROP TABLE chunks; --",
    '" OR 1=1 --',
    "car NEAR/2 wall",
    "a* AND (b OR",
    "%' UNION SELECT 1--",
    "{{7*7}}",
    "${x}",
    "\\",
    "%00",
]
TEXTS = (
    st.text(max_size=60)
    | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Co", "Zs"]), max_size=20)
    | st.sampled_from(SYNTAX)
    | st.sampled_from(["car ", "花", '"', "\u202e", "\0"]).map(lambda piece: piece * 10_000)
    | st.lists(st.sampled_from(["red", "car", '"', "「", "」", "花火", "01:00:16", "\0", "(", "NOT", "🎆", "”"]), max_size=8).map(" ".join)
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
NAMES = ["q", "query", "collection", "mode", "effort", "limit", "video_id", "language", "speaker", "tag", "section", "since", "until"]
ACCEPTED = st.sampled_from(["application/json", "text/event-stream", "*/*", "text/event-stream;q=0", "\t", "a" * 5000, ""])

fuzzed = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    app = Application(Settings(home=tmp_path_factory.mktemp("fuzzed")))
    for number, text in enumerate(LINES):
        segment = Segment(start=3, end=9, text=text, kind="onscreen" if number > 1 else "transcription")
        put(GivenVideo(video_id=f"v{number}", title=text, duration=30, segments=[segment]), app.ports, 300_000)
    with TestClient(search_site(app), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def check(response: Any) -> None:
    """An answer as described, as JSON or as events; or a problem as described."""
    if response.status_code != 200:
        assert response.status_code in REFUSED, response.text
        assert Problem.model_validate_json(response.content).status == response.status_code
        assert response.headers["content-type"] == "application/problem+json"
    elif response.headers["content-type"].startswith("text/event-stream"):
        *_, last = response.text.strip().split("\n\n")
        assert last.startswith("event: done\n"), last
    else:
        Answer.model_validate_json(response.content)


@fuzzed
@given(st.dictionaries(st.sampled_from(NAMES), TEXTS, max_size=4), TEXTS, ACCEPTED)
def test_any_words_in_an_address(asked: TestClient, given: dict[str, str], question: str, accepted: str) -> None:
    parts = [f"{name}={quote(text.encode('utf-8', 'surrogatepass'), safe='')}" for name, text in ({"q": question} | given).items()]
    check(asked.get("/v1/search?" + "&".join(parts)[:60_000], headers={"Accept": accepted}))


@fuzzed
@given(st.binary(max_size=200))
def test_any_bytes_in_an_address(asked: TestClient, raw: bytes) -> None:
    check(asked.get("/v1/search?q=car&" + quote(raw, safe="&=%+;")))


@fuzzed
@given(st.dictionaries(st.sampled_from([*NAMES, "nonsense"]), JSONS, max_size=5), JSONS, ACCEPTED)
def test_any_values_of_any_type(asked: TestClient, given: dict[str, object], question: object, accepted: str) -> None:
    body = json.dumps({"q": question} | given)
    check(asked.post("/v1/search", content=body, headers={"Content-Type": "application/json", "Accept": accepted}))


@fuzzed
@given(JSONS | st.dictionaries(st.sampled_from(["query", "video_id", "start", "end", "right"]), JSONS, min_size=4))
def test_any_word_on_a_scene(asked: TestClient, given: object) -> None:
    assert asked.post("/v1/feedback", content=json.dumps(given)).status_code in REFUSED | {201}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "application/json"),
        (b"{", "application/json"),
        (b'{"q": "car"}', "text/plain"),
        (b'{"q": "car"}', "application/x-www-form-urlencoded"),
        (b"q=car", "application/x-www-form-urlencoded"),
        (b'{"q": "\\ud800"}', "application/json"),
        (b'{"q": "car", "q": "wall"}', "application/json"),
        (b'{"q": "car", "limit": 1e400}', "application/json"),
        (b'{"q": "car", "limit": NaN}', "application/json"),
        (b'{"q": "\xff\xfe"}', "application/json"),
        (b"[" * 100_000, "application/json"),
        (b'{"q":' * 5_000, "application/json"),
        (b'{"q": "car", "since": "+999999-01-01T00:00:00Z"}', "application/json"),
        (b'{"q": "car", "since": "0001-01-01T00:00:00+23:59"}', "application/json"),
        (b'{"q": "car", "since": "2026-01-01"}', "application/json"),
        (b'{"q": "car", "until": "9999-12-31T23:59:59-23:59"}', "application/json"),
        (b"\x1f\x8b\x08\x00", "application/json"),
    ],
)
def test_odd_bodies(asked: TestClient, body: bytes, kind: str) -> None:
    check(asked.post("/v1/search", content=body, headers={"Content-Type": kind}))


@pytest.mark.parametrize(
    "name", ["Range", "If-None-Match", "Content-Length", "Cookie", "X-Forwarded-For", "Traceparent", "Content-Encoding", "Expect"]
)
@pytest.mark.parametrize("value", ["-1", "\x7f", "a" * 20_000, "bytes=9-1", "00-0-0-0"])
def test_odd_headers(asked: TestClient, name: str, value: str) -> None:
    check(asked.post("/v1/search", content=b'{"q": "car"}', headers={"Content-Type": "application/json", name: value}))
