"""The stand-in itself: what it knows of clips, how it fails, and that it does so in a process of its own as well."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from integration.vertexai.harbour import FROM_S, NUMBER, TRUTH
from media_files import Recipe
from media_files import make as make_other
from scenesearch.emulator.services import storage_program
from stand_ins.vertexai.coded import Seen, make, seen_in
from stand_ins.vertexai.control import Control
from stand_ins.vertexai.embedding import vector
from stand_ins.vertexai.faults import Asked, Script
from stand_ins.vertexai.server import serving
from waiting import eventually

REPOSITORY = Path(__file__).parents[3]


def raw_client(url: str) -> genai.Client:
    """google-genai as it is. Keep it in a variable: it closes its connections when it is collected."""
    options = types.HttpOptions(base_url=url, client_args={"trust_env": False})
    anybody = Credentials(token="none")  # noqa: S106 - a placeholder, no secret
    return genai.Client(enterprise=True, project="p", location="global", credentials=anybody, http_options=options)


@pytest.fixture
def raw(stand_in: Control) -> genai.Client:
    return raw_client(stand_in.url)


def test_pictures_and_sound_tell_which_video_and_when(clips: tuple[Path, Path]) -> None:
    for path in clips:
        seen, seconds = seen_in(path.read_bytes())
        assert seen is not None
        assert (seen.number, seconds) == (NUMBER, pytest.approx(12, abs=0.1))
        assert seen.start_s == pytest.approx(FROM_S, abs=0.03)


@pytest.mark.parametrize("number", [0, 31, 63])
def test_every_number_can_be_read(number: int, tmp_path: Path) -> None:
    path = make(tmp_path / "coded.mp4", number, 2)
    assert seen_in(path.read_bytes())[0] == Seen(number, 0.0)


def test_other_videos_are_not_taken_for_coded_ones(tmp_path: Path) -> None:
    path = make_other(tmp_path / "other.mp4", Recipe(seconds=2))
    assert seen_in(path.read_bytes())[0] is None


def test_streams_come_in_pieces_that_make_the_whole(raw: genai.Client, stand_in: Control) -> None:
    stand_in.script({"fault": "answer", "answer": "one two three four five six"})
    events = list(raw.models.generate_content_stream(model="gemini-3.8-flash", contents="count"))
    assert len(events) == 3
    assert "".join(event.text or "" for event in events) == "one two three four five six"
    assert events[-1].usage_metadata is not None
    assert [e.candidates[0].finish_reason for e in events if e.candidates] == [None, None, types.FinishReason.STOP]
    assert stand_in.requests()[0]["method"] == "streamGenerateContent"


def test_tokens_can_be_counted(raw: genai.Client) -> None:
    assert (raw.models.count_tokens(model="gemini-3.8-flash", contents="x" * 400).total_tokens or 0) > 90


def test_a_clip_that_cannot_be_fetched_is_refused(raw: genai.Client) -> None:
    part = types.Part.from_uri(file_uri="gs://nowhere/nothing.mp4", mime_type="video/mp4")
    with pytest.raises(genai.errors.ClientError, match="gs://nowhere/nothing"):
        raw.models.generate_content(model="gemini-3.8-flash", contents=[part])


def test_clips_that_do_not_tell_can_be_introduced(raw: genai.Client, stand_in: Control, server: tuple[Control, Path]) -> None:
    bucket = server[1] / "b"
    bucket.mkdir(parents=True)
    make_other(bucket / "other.mp4", Recipe(seconds=2))
    stand_in.introduce({"gs://b/other.mp4": {"video": str(NUMBER), "start": 5.0}})
    part = types.Part.from_uri(file_uri="gs://b/other.mp4", mime_type="video/mp4")
    raw.models.generate_content(model="gemini-3.8-flash", contents=[part, "What is this?"])
    (request,) = stand_in.requests()
    assert (request["video"], request["start_s"]) == (str(NUMBER), 5.0)


def asked(identity: str) -> Asked:
    return Asked(method="generateContent", kind="texts", model="m", text="", identity=identity)


def strikes(script: Script, order: list[str]) -> dict[str, list[bool]]:
    found: dict[str, list[bool]] = {}
    for identity in order:
        found.setdefault(identity, []).append(script.strike(asked(identity)) is not None)
    return found


def test_chance_depends_on_the_request_and_the_seed_not_on_the_order() -> None:
    identities = [f"clip {n}" for n in range(500)]

    def struck(order: list[str], seed: int) -> dict[str, list[bool]]:
        script = Script()
        script.replace([{"fault": "http", "probability": 0.2, "seed": seed}])
        return strikes(script, order)

    forward, backward = struck([*identities, *identities], 1), struck([*reversed(identities), *reversed(identities)], 1)
    assert forward == backward
    assert forward != struck([*identities, *identities], 2)
    share = sum(map(sum, forward.values())) / 1000
    assert 0.15 < share < 0.25
    assert any(first != second for first, second in forward.values())


@pytest.mark.parametrize(
    ("rule", "struck"),
    [
        ({"nth": [2, 4]}, [False, True, False, True, False]),
        ({"times": 2}, [True, True, False, False, False]),
        ({}, [True] * 5),
        ({"match": {"kind": "visual_info"}}, [False] * 5),
    ],
)
def test_rules_strike_when_they_say(rule: dict[str, object], struck: list[bool]) -> None:
    script = Script()
    script.replace([{"fault": "http", **rule}])
    assert [script.strike(asked("a")) is not None for _ in range(5)] == struck


def test_a_wrong_script_is_refused(stand_in: Control) -> None:
    with pytest.raises(ValueError, match="probability"):
        stand_in.script({"fault": "http", "probability": 2})


def test_texts_that_share_words_are_near() -> None:
    def near(a: str, b: str) -> float:
        left, right = vector(a, 768), vector(b, 768)
        lengths = (sum(x * x for x in left) * sum(y * y for y in right)) ** 0.5
        return sum(x * y for x, y in zip(left, right, strict=True)) / lengths

    assert near("the red car explodes", "a red car exploded") > 0.5 > near("the red car explodes", "quarterly results")
    assert near("赤い車が爆発する", "車の爆発") > 0.3 > near("赤い車が爆発する", "四半期決算")


@pytest.fixture
def own_process(tmp_path: Path) -> Callable[[], subprocess.Popen[str]]:
    truth = tmp_path / "truth.json"
    truth.write_text(json.dumps(TRUTH))

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "stand_ins.vertexai", "--truth", str(truth), "--folder", str(tmp_path)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(REPOSITORY / "tests")})

    return start


def test_it_runs_as_a_process_of_its_own(own_process: Callable[[], subprocess.Popen[str]]) -> None:
    with own_process() as process:
        try:
            assert process.stdout is not None
            control = Control(process.stdout.readline().strip())
            assert control.is_up()
            control.script({"fault": "http", "status": 429, "times": 1}, {"fault": "answer", "answer": {"word": "yes"}})
            client = raw_client(control.url)
            with pytest.raises(genai.errors.ClientError, match="429"):
                client.models.generate_content(model="gemini-3.8-flash", contents="hello")
            assert client.models.generate_content(model="gemini-3.8-flash", contents="hello").text == '{"word": "yes"}'
            assert len(control.requests()) == 2
        finally:
            process.terminate()
    assert not control.is_up()


@pytest.fixture
def storage() -> Iterator[str]:
    """fake-gcs-server with an empty bucket `work`."""
    program = storage_program()
    if program is None:
        if os.environ.get("CI"):
            pytest.fail("fake-gcs-server is missing")
        pytest.skip("fake-gcs-server is missing")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    flags = ["-scheme", "http", "-host", "127.0.0.1", "-port", str(port), "-backend", "memory", "-log-level", "error"]
    with subprocess.Popen([str(program), *flags]) as process:
        try:
            eventually(lambda: _said(f"{url}/storage/v1/b"), within_s=30, every_s=0.05)
            _said(f"{url}/storage/v1/b", b'{"name": "work"}', "application/json")
            yield url
        finally:
            process.terminate()


def _said(url: str, data: bytes | None = None, content_type: str = "video/mp4") -> bytes | None:
    request = urllib.request.Request(url, data=data, headers={"Content-Type": content_type} if data else {})  # noqa: S310 - a test's own server
    try:
        with urllib.request.urlopen(request, timeout=5) as response:  # noqa: S310 - as above
            content: bytes = response.read()
            return content
    except OSError:
        return None


def test_clips_are_fetched_from_cloud_storage(storage: str, clips: tuple[Path, Path]) -> None:
    name = "v7%2F3%2Fclips%2F0001.mp4"
    assert _said(f"{storage}/upload/storage/v1/b/work/o?uploadType=media&name={name}", clips[0].read_bytes())
    with serving(TRUTH, storage=storage) as control:
        client = raw_client(control.url)
        part = types.Part.from_uri(file_uri="gs://work/v7/3/clips/0001.mp4", mime_type="video/mp4")
        client.models.generate_content(model="gemini-3.8-flash", contents=types.Content(role="user", parts=[part]))
        (request,) = control.requests()
    assert (request["video"], request["start_s"], request["duration_s"]) == (str(NUMBER), FROM_S, pytest.approx(12, abs=0.1))
