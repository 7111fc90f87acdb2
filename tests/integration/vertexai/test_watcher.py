"""A found scene and its clip: what Gemini is shown, and what becomes of each kind of answer."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from integration.vertexai.harbour import FROM_S, PROFILE, SECONDS, Chunk, GsFolder, soon
from integration.vertexai.test_requests import assert_snapshot
from scenesearch.backends.local.catalog import LocalCatalog
from scenesearch.backends.local.database import Database
from scenesearch.backends.local.object_store import FolderObjectStore
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.config import Settings
from scenesearch.errors import Blocked, ModelError, Unavailable
from scenesearch.metadata import Section
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.watcher import GeminiWatcher, shown_of
from scenesearch.ports import Question
from scenesearch.timeline import Span
from scenesearch.video import Chunk as PlannedChunk
from scenesearch.video import Clip, Collection, MediaInfo, Video, VideoRef, now
from stand_ins.vertexai.control import Control

BURNING = Span(8_000, 10_000)
QUESTION = Question(text="a close-up of Ken beside the burning car", language="en")
END_MS = round((FROM_S + SECONDS) * 1000)


def criteria(*met: bool) -> dict[str, Any]:
    return {"criteria": [{"criterion": f"criterion {n}", "observation": "…", "met": yes} for n, yes in enumerate(met, 1)]}


@pytest.fixture
def catalog(tmp_path: Path) -> LocalCatalog:
    made = LocalCatalog(Database(tmp_path / "catalog.sqlite"))
    made.save_collection(Collection("harbours", profile=PROFILE))
    return made


@pytest.fixture
def video(catalog: LocalCatalog, chunk: Chunk) -> Video:
    """A video of two chunks, whose second one is kept as a clip: its seconds 4 to 16."""
    media = MediaInfo(container="mov", duration_ms=END_MS, video_codec="h264", width=256, height=96, frame_rate=10)
    begun = Video(
        ref=VideoRef("v7", 3), bucket="b", name="harbours/7.mp4", collection="harbours", title="7", created_at=now(), updated_at=now()
    )
    catalog.begin(begun)
    border = round(FROM_S * 1000)
    catalog.commit_plan(begun.ref, media, [PlannedChunk(number=0, span=Span(0, border)), PlannedChunk(number=1, span=Span(border, END_MS))])
    catalog.commit_clips(begun.ref, 1, video_clip=chunk.video.clip, audio_clip=chunk.audio.clip)
    stored = catalog.video("v7")
    assert stored is not None
    return stored


@pytest.fixture
def watcher(client: VertexClient, settings: Settings, catalog: LocalCatalog, store: GsFolder) -> GeminiWatcher:
    return GeminiWatcher(client, settings, catalog, store)


def test_a_watcher_confirms(watcher: GeminiWatcher, video: Video, stand_in: Control) -> None:
    stand_in.script({"fault": "answer", "answer": criteria(True, True)})
    verdict = watcher.watch(QUESTION, video, BURNING, deadline=soon())
    assert verdict.criteria == (("criterion 1", True), ("criterion 2", True))
    assert verdict.met == 1


def test_a_watcher_denies(watcher: GeminiWatcher, video: Video, stand_in: Control) -> None:
    stand_in.script({"fault": "answer", "answer": criteria(False, False)})
    assert watcher.watch(QUESTION, video, BURNING, deadline=soon()).met == 0
    stand_in.script({"fault": "answer", "answer": criteria(True, False, False, False)})
    assert watcher.watch(QUESTION, video, BURNING, deadline=soon()).met == 0.25


def test_the_request_shows_the_place_in_the_clip_and_what_the_profile_takes_for_granted(
    watcher: GeminiWatcher, video: Video, stand_in: Control
) -> None:
    stand_in.script({"fault": "answer", "answer": criteria(True)})
    watcher.watch(QUESTION, video, BURNING, deadline=soon())
    (request,) = stand_in.requests()
    assert request["uri"] == "gs://work/v7/3/clips/0001.mp4"
    assert request["body"]["contents"][0]["parts"][0]["videoMetadata"] == {"fps": 2.0, "start_offset": "3s", "end_offset": "7s"}
    assert "the face fills a fifth of the frame" in request["body"]["contents"][0]["parts"][1]["text"]
    assert_snapshot("watching", request)


def test_small_print_is_looked_at_closely(watcher: GeminiWatcher, video: Video, stand_in: Control) -> None:
    stand_in.script({"fault": "answer", "answer": criteria(True)})
    asked = Question(text="what does the sign say?", sections=frozenset({Section.TEXTS}))
    watcher.watch(asked, video, BURNING, deadline=soon())
    assert stand_in.requests()[0]["body"]["generationConfig"]["mediaResolution"] == "MEDIA_RESOLUTION_HIGH"


def test_a_clip_that_gemini_cannot_fetch_goes_with_the_request(
    client: VertexClient,
    settings: Settings,
    catalog: LocalCatalog,
    clips: tuple[Path, Path],
    video: Video,
    tmp_path: Path,
    stand_in: Control,
) -> None:
    here = FolderObjectStore(tmp_path / "here", "work", signer=UrlSigner(tmp_path / "key"))
    with clips[0].open("rb") as source:
        here.replace("v7/3/clips/0001.mp4", source, content_type="video/mp4")
    stand_in.script({"fault": "answer", "answer": criteria(True)})
    assert GeminiWatcher(client, settings, catalog, here).watch(QUESTION, video, BURNING, deadline=soon()).met == 1
    (request,) = stand_in.requests()
    assert (request["uri"], request["video"]) == (None, "7")


@pytest.mark.parametrize(
    ("span", "shown"),
    [
        (Span(8_000, 10_000), Span(3_000, 7_000)),
        (Span(4_000, 4_400), Span(0, 3_000)),
        (Span(15_900, 16_000), Span(9_000, 12_000)),
        (Span(0, 5_000), Span(0, 3_000)),
        (Span(4_000, 16_000), Span(0, 12_000)),
        (Span(14_000, 30_000), Span(0, 12_000)),
    ],
)
def test_what_is_shown_lies_in_the_clip_and_lasts_a_few_seconds(span: Span, shown: Span) -> None:
    assert shown_of(span, Clip("c", "video/mp4", start_ms=4_000, duration_ms=12_000, size_bytes=1)) == shown


def test_an_answer_without_video_tokens_is_rejected(watcher: GeminiWatcher, video: Video, stand_in: Control) -> None:
    stand_in.script({"fault": "unseen"})
    with pytest.raises(ModelError, match="without looking"):
        watcher.watch(QUESTION, video, BURNING, deadline=soon())


@pytest.mark.parametrize("answer", ["Yes, that is it!", criteria(), criteria(*[True] * 9), {"criteria": [{"criterion": "", "met": True}]}])
def test_an_answer_that_is_no_verdict_is_a_model_error_after_one_repair(
    watcher: GeminiWatcher, video: Video, stand_in: Control, answer: object
) -> None:
    stand_in.script({"fault": "answer", "answer": answer})
    with pytest.raises(ModelError, match="no usable answer"):
        watcher.watch(QUESTION, video, BURNING, deadline=soon())
    assert [request["repair"] for request in stand_in.requests()] == [False, True]


def test_a_watcher_fails(watcher: GeminiWatcher, video: Video, stand_in: Control) -> None:
    stand_in.script({"fault": "http", "status": 503})
    with pytest.raises(Unavailable):
        watcher.watch(QUESTION, video, BURNING, deadline=soon(2))
    stand_in.script({"fault": "safety"})
    with pytest.raises(Blocked):
        watcher.watch(QUESTION, video, BURNING, deadline=soon())
    stand_in.script({"fault": "truncated"})
    with pytest.raises(ModelError, match="did not finish"):
        watcher.watch(QUESTION, video, BURNING, deadline=soon())


def test_a_scene_without_a_clip_cannot_be_watched(watcher: GeminiWatcher, video: Video, store: GsFolder, stand_in: Control) -> None:
    with pytest.raises(ModelError, match="no clip"):
        watcher.watch(QUESTION, video, Span(0, 3_000), deadline=soon())
    store.delete("v7/3/clips/0001.mp4")
    with pytest.raises(ModelError, match="cannot be watched"):
        watcher.watch(QUESTION, video, BURNING, deadline=soon())
    assert stand_in.requests() == []


def test_a_clip_that_is_watched_says_what_it_cost_and_nothing_of_the_question(
    watcher: GeminiWatcher, video: Video, stand_in: Control, caplog: pytest.LogCaptureFixture
) -> None:
    stand_in.script({"fault": "answer", "answer": criteria(True)})
    with caplog.at_level(logging.INFO):
        watcher.watch(Question(text="SECRET"), video, BURNING, deadline=soon())
    (record,) = (record for record in caplog.records if record.message == "a clip was watched for a question")
    assert record.__dict__["tokens"]["video"] > 0
    assert record.__dict__["cost_usd"] > 0
    assert "SECRET" not in str([r.__dict__ for r in caplog.records if r.name.startswith("scenesearch")])
