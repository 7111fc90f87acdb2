"""One entry a shot, with what was measured; faces by the real model; keyframes described by a real endpoint."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from PIL import ImageDraw

from scenesearch.config import Settings
from scenesearch.models.local import faces as faces_module
from scenesearch.models.local.faces import FaceFinder, shot_scale
from scenesearch.models.local.text_reader import Box
from scenesearch.models.local.visual_info import LocalVisualInfo
from scenesearch.video import CastMember, Profile
from unit.models.local.conftest import clip, extract
from waiting import POLL_S


def red_then_blue(at: float, draw: ImageDraw.ImageDraw) -> None:
    draw.rectangle((0, 0, 640, 360), fill="firebrick" if at < 2 else "royalblue")
    draw.ellipse((200, 80, 400, 280), fill="white")


def test_shots_are_described_by_what_is_measured(painted: Callable[..., Path], settings: Settings) -> None:
    first, second = extract(LocalVisualInfo(settings), clip(painted(4, red_then_blue))).entries

    assert (first.span.start_ms, first.span.end_ms) == (0, 2000)
    assert "red, white" in first.text
    assert "blue, white" in second.text
    assert "after a hard cut" in second.text
    assert "static picture" in second.text


def test_nobody_is_seen_where_there_is_no_face(painted: Callable[..., Path], settings: Settings) -> None:
    entries = extract(LocalVisualInfo(settings), clip(painted(4, red_then_blue))).entries

    assert all(e.subject_scale is None and "face" not in e.text for e in entries)


@pytest.fixture
def looked_for_faces(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One item each time that faces were looked for."""
    looks: list[int] = []
    monkeypatch.setattr(FaceFinder, "faces", lambda *_: looks.append(1) or [])
    return looks


def test_a_picture_that_stands_is_looked_at_closely_once(
    painted: Callable[..., Path], settings: Settings, looked_for_faces: list[int]
) -> None:
    extract(LocalVisualInfo(settings), clip(painted(30, lambda at, draw: red_then_blue(0, draw), fps=1)))
    assert len(looked_for_faces) == 1


def test_a_picture_in_which_little_changes_is_looked_at_every_five_seconds(
    painted: Callable[..., Path], settings: Settings, looked_for_faces: list[int]
) -> None:
    def a_clock(at: float, draw: ImageDraw.ImageDraw) -> None:
        red_then_blue(0, draw)
        draw.rectangle((10, 10, 10 + 20 * at, 40), fill="white")

    extract(LocalVisualInfo(settings), clip(painted(30, a_clock, fps=1)))
    assert len(looked_for_faces) == 6


def test_without_the_face_model_shots_have_no_scale_and_the_record_says_so(
    painted: Callable[..., Path], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(faces_module.importlib.util, "find_spec", lambda name: None)

    assert extract(LocalVisualInfo(settings), clip(painted(1, red_then_blue))).model == "measured shots + no face model"


def test_a_scale_has_the_name_that_film_makers_use() -> None:
    assert [shot_scale([Box(0, 0, 0.1, height)]) for height in (0.6, 0.3, 0.15, 0.05)] == [
        "extreme close-up", "close-up", "medium shot", "wide shot",
    ]  # fmt: skip


def test_faces_fill_what_they_fill(shared_video: Callable[[str], Path]) -> None:
    from scenesearch.media.frames import frame_at

    with shared_video("sintel_trailer-720p.mp4").open("rb") as source:
        picture = frame_at(source, 14_000, max_width=640).image

    (face,) = FaceFinder(1).faces(picture)
    assert face.height == pytest.approx(0.55, abs=0.1)
    assert face.center[0] == pytest.approx(0.43, abs=0.05)
    assert FaceFinder(1).faces(np.zeros_like(picture)) == []


class Endpoint(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint: answers with what the test put into `answers`, the last one again and again."""

    answers: ClassVar[list[tuple[int, str]]] = []
    asked: ClassVar[list[dict[str, Any]]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append({"path": self.path, "authorization": self.headers.get("Authorization"), **body})
        status, content = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        answer = {
            "choices": [{"message": {"role": "assistant", "content": content}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 300, "completion_tokens": 12},
        }
        payload = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def endpoint() -> Iterator[str]:
    Endpoint.answers, Endpoint.asked = [], []
    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def seen_by(endpoint: str) -> Settings:
    return Settings(offline=True, vlm_url=endpoint, vlm_model="tiny-vl", vlm_key="secret")


def test_an_endpoint_describes_the_shots(painted: Callable[..., Path], endpoint: str) -> None:
    Endpoint.answers = [
        (200, '{"description": "A white ball on a red wall."}'),
        (200, '```json\n{"description": "A white\\u0007 moon."}\n```'),
    ]
    profile = Profile(languages=("ja",), cast=(CastMember("Luna", "a moon"),))

    found = extract(LocalVisualInfo(seen_by(endpoint)), clip(painted(4, red_then_blue), profile))

    assert [e.text.split(";")[0] for e in found.entries] == ["A white ball on a red wall.", "A white moon."]
    assert found.model.endswith("vlm tiny-vl")
    assert found.prompt_version
    assert found.usage.tokens == {"video": 600, "output": 24}
    request = Endpoint.asked[0]
    assert (request["path"], request["authorization"], request["model"]) == ("/v1/chat/completions", "Bearer secret", "tiny-vl")
    assert request["response_format"]["json_schema"]["schema"]["required"] == ["description"]
    picture, prompt = request["messages"][0]["content"]
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert "Luna: a moon" in prompt["text"]
    assert "in ja" in prompt["text"]


@pytest.mark.parametrize("answer", [(500, "{}"), (200, "a ball"), (200, '{"description": ""}'), (200, '{"text": "a ball"}')])
def test_an_endpoint_that_fails_leaves_what_was_measured(painted: Callable[..., Path], endpoint: str, answer: tuple[int, str]) -> None:
    Endpoint.answers = [answer]

    found = extract(LocalVisualInfo(seen_by(endpoint)), clip(painted(4, red_then_blue)))

    assert "red, white" in found.entries[0].text
    assert "ball" not in found.entries[0].text
    assert found.model.endswith("vlm tiny-vl (2 of 2 keyframes failed)")


def test_an_endpoint_that_keeps_failing_is_left_alone(painted: Callable[..., Path], endpoint: str) -> None:
    Endpoint.answers = [(503, "{}")]

    def colours(at: float, draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((0, 0, 640, 360), fill=("red", "blue", "green", "white", "orange", "purple")[int(at)])
        draw.ellipse((200, 80, 400, 280), fill="black")

    found = extract(LocalVisualInfo(seen_by(endpoint)), clip(painted(6, colours)))

    assert len(found.entries) == 6
    assert len(Endpoint.asked) == 3
    assert "6 of 6 keyframes failed" in found.model


@pytest.mark.slow
def test_the_samples_cuts_and_its_fade_are_found(settings: Settings) -> None:
    from unit.models.local.conftest import SAMPLE

    truth = json.loads((SAMPLE.parent / "truth.json").read_text(encoding="utf-8"))
    entries = extract(LocalVisualInfo(settings), clip(SAMPLE)).entries
    starts = [e.span.start_s for e in entries]

    for cut in truth["cuts"]:
        assert min(abs(cut - s) for s in starts) <= 0.2, cut
    (fade,) = [e for e in entries if "after a fade" in e.text]
    assert truth["fades"][0]["start"] <= fade.span.start_s <= truth["fades"][0]["end"]
