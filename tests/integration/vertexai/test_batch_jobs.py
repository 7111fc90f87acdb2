"""Half price within a day: sections wait for batch jobs, and what a job does not answer is asked about online."""

from __future__ import annotations

import base64
import io
import json
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from functions_framework import create_app

from contract.given import together
from integration.vertexai.harbour import FROM_S, SECONDS, TRUTH, GsFolder
from scenesearch.backends.local.backend import LocalBackend
from scenesearch.backends.local.queue import LocalQueue
from scenesearch.backends.local.signed_urls import UrlSigner
from scenesearch.bootstrap import Application
from scenesearch.config import Settings
from scenesearch.errors import InvalidRequest, Outage, Retryable, SceneSearchError, Unavailable
from scenesearch.library.views import details, view
from scenesearch.messages import ChunkWork, ObjectChanged, Subscription
from scenesearch.metadata import CHUNK_SECTIONS, Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.models.vertexai.batch_jobs import GeminiBatchJobs
from scenesearch.models.vertexai.vertexai_models import VertexModels
from scenesearch.pipeline.batch import output_written, tend_batches
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.remove import forget
from scenesearch.pipeline.retry import retry
from scenesearch.pipeline.subtitles import refresh_transcription
from scenesearch.pipeline.tick import tick
from scenesearch.ports import Job, ObjectInfo, Ports
from scenesearch.price import Price
from scenesearch.timeline import Span
from scenesearch.video import Chunk, Clip, MediaInfo, SectionKey, SectionRecord, SectionState, Video, VideoRef, VideoState, now
from stand_ins.vertexai.control import Control

FUNCTIONS = Path(__file__).parents[3] / "functions"
REF = VideoRef("v7", 3)
SEEN = [note["description"] for note in TRUTH["videos"]["7"]["visual_info"]]


class SharedBucket(GsFolder):
    """A bucket that the stand-in reads from and writes to."""

    def list(self, prefix: str = "") -> Iterator[ObjectInfo]:
        here = self.gs / self.bucket
        for path in [path for path in here.rglob("*.jsonl") if path.is_file()]:
            GsFolder.replace(self, str(path.relative_to(here)), io.BytesIO(path.read_bytes()), content_type="application/jsonl")
        return super().list(prefix)

    def create(self, name: str, source: BinaryIO, *, content_type: str, metadata: Mapping[str, str] | None = None) -> ObjectInfo:
        return self.replace(name, source, content_type=content_type, metadata=metadata)

    def delete(self, name: str, generation: int | None = None) -> bool:
        (self.gs / self.bucket / name).unlink(missing_ok=True)
        return super().delete(name, generation)


@dataclass
class House:
    """A video of one chunk at the batch price, and everything that works on it."""

    ports: Ports
    models: VertexModels
    settings: Settings
    undone: list[tuple[Section, ChunkWork]] = field(default_factory=list)

    def tell(self) -> None:
        """Give the chunk to all its extractors, and then whatever was published about it, until nothing is."""
        works = [(section, ChunkWork.of(REF, chunk=0)) for section in CHUNK_SECTIONS]
        while works:
            for section, work in works:
                extract(work, self.models.extractor(section), self.ports, self.settings, self.models.batches)
            works = self.published()

    def published(self) -> list[tuple[Section, ChunkWork]]:
        queue, found = self.ports.publisher, []
        assert isinstance(queue, LocalQueue)
        for section in CHUNK_SECTIONS:
            while claim := queue.claim([Subscription(f"extract-{section.value.replace('_', '-')}")], timedelta(minutes=1)):
                assert isinstance(claim.message, ChunkWork)
                found.append((section, claim.message))
                queue.acknowledge(claim)
        return found

    def tend(self) -> None:
        """A round of the timer, and what it leads to."""
        tend_batches(self.models.batches, self.ports, self.settings)
        self.undone += self.published()
        while self.undone:  # what fails comes again, as it does from a queue
            section, work = self.undone[0]
            extract(work, self.models.extractor(section), self.ports, self.settings, self.models.batches)
            del self.undone[0]

    def application(self) -> Application:
        """What runs in the cloud, over this house's ports."""

        class InTheHouse(Application):
            ports, models = self.ports, self.models

        return InTheHouse(self.settings)

    def record(self, section: Section = Section.VISUAL_INFO) -> SectionRecord:
        return self.ports.catalog.section(SectionKey(REF, 0, section))

    def states(self) -> set[SectionState]:
        return {self.record(section).state for section in CHUNK_SECTIONS}


@pytest.fixture
def house(tmp_path: Path, server: tuple[Control, Path], settings: Settings, clips: tuple[Path, Path], stand_in: Control) -> House:
    stand_in.fate_of_jobs()
    settings = settings.model_copy(update={"home": tmp_path, "vertexai_retries": 0})
    backend, space = LocalBackend(settings), LocalEmbedder()
    work = SharedBucket(tmp_path / "shared", f"work-{uuid.uuid4().hex}", signer=UrlSigner(tmp_path / "key"))
    work.gs = server[1]
    ports = replace(Ports.over(backend, backend.index(space), space), work=work)
    kept = []
    for path, kind in zip(clips, ("video/mp4", "audio/mp4"), strict=True):
        info = work.replace(f"v7/3/clips/{path.name}", io.BytesIO(path.read_bytes()), content_type=kind)
        kept.append(Clip(info.name, kind, round(FROM_S * 1000), round(SECONDS * 1000), info.size_bytes))
    whole = Span.of_seconds(FROM_S, FROM_S + SECONDS)
    media = MediaInfo(container="mov", duration_ms=whole.end_ms, video_codec="h264", width=256, height=96, frame_rate=10)
    begun = Video(ref=REF, bucket="b", name="7.mp4", collection="default", title="7", created_at=now(), updated_at=now(), price=Price.BATCH)
    ports.catalog.begin(begun)
    ports.catalog.commit_plan(REF, media, [Chunk(number=0, span=whole)])
    ports.catalog.commit_clips(REF, 0, video_clip=kept[0], audio_clip=kept[1])
    ports.catalog.move(REF, to=VideoState.EXTRACTING, when=frozenset({VideoState.SPLITTING}))
    return House(ports, VertexModels(settings), settings)


def online(stand_in: Control) -> list[dict[str, Any]]:
    return stand_in.requests(method="generateContent", batch=False)


def test_what_waits_is_answered_by_jobs_and_committed_like_an_online_answer(house: House, stand_in: Control) -> None:
    house.tell()
    assert house.states() == {SectionState.PENDING}
    assert all(house.record(section).waits_for_batch and house.record(section).attempts == 0 for section in CHUNK_SECTIONS)
    assert not stand_in.requests()
    house.tend()
    assert len(stand_in.jobs()) == 3
    house.tend()
    assert house.states() == {SectionState.DONE}
    assert not online(stand_in)
    batched = {section: house.record(section) for section in CHUNK_SECTIONS}
    for section in CHUNK_SECTIONS:  # the same once more, online
        house.ports.catalog.reset_section(SectionKey(REF, 0, section))
        extract(ChunkWork.of(REF, chunk=0), house.models.extractor(section), house.ports, house.settings)
        asked = house.record(section)
        assert (batched[section].entries, batched[section].digest) == (asked.entries, asked.digest)
        assert (batched[section].model, batched[section].prompt_version) == (asked.model, asked.prompt_version)
        assert batched[section].usage.tokens == asked.usage.tokens
        assert batched[section].usage.cost_usd == pytest.approx(asked.usage.cost_usd)  # which was served at the flex price
    assert not house.ports.catalog.batches()
    assert not [info.name for info in house.ports.work.list("batches/")]


def test_a_job_is_sent_what_would_be_sent_online(house: House, stand_in: Control) -> None:
    house.tell()
    house.tend()
    (line,) = [r for r in stand_in.requests(batch=True) if r["kind"] == "visual_info"]
    stand_in.forget()
    extract(ChunkWork.of(REF, chunk=0), house.models.extractor(Section.VISUAL_INFO), house.ports, house.settings)
    assert line["body"] == stand_in.requests()[0]["body"]


def test_the_bucket_tells_that_a_job_has_written(house: House) -> None:
    house.tell()
    house.tend()
    for info in list(house.ports.work.list("batches/")):
        for _ in range(2):  # notifications come twice
            news = ObjectChanged(event="OBJECT_FINALIZE", bucket=info.bucket, name=info.name, generation=info.generation)
            output_written(news, house.models.batches, house.ports, house.settings)
    for section, work in house.published():
        extract(work, house.models.extractor(section), house.ports, house.settings, house.models.batches)
    assert house.states() == {SectionState.DONE}


def test_the_function_takes_the_buckets_own_notifications_and_the_timers_ticks(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scenesearch.bootstrap.application", house.application)
    recover = create_app("handle", str(FUNCTIONS / "recover" / "main.py")).test_client()  # type: ignore[no-untyped-call]
    house.tell()
    assert recover.post("/", json={"message": {"messageId": "timer", "data": "", "attributes": {"type": "tick"}}}).status_code == 204
    assert len(house.ports.catalog.batches()) == 3
    for number, info in enumerate(list(house.ports.work.list("batches/"))):  # the requests' files are among them
        told = {"kind": "storage#object", "id": f"{info.bucket}/{info.name}/{info.generation}", "name": info.name, "bucket": info.bucket}
        told |= {"generation": str(info.generation), "contentType": "application/jsonl", "size": str(info.size_bytes)}
        attributes = {"eventType": "OBJECT_FINALIZE", "bucketId": info.bucket, "objectId": info.name, "payloadFormat": "JSON_API_V1"}
        attributes |= {"objectGeneration": str(info.generation), "eventTime": "2026-11-25T12:00:00.000000Z"}
        attributes |= {"notificationConfig": f"projects/_/buckets/{info.bucket}/notificationConfigs/1"}
        message = {"messageId": str(number), "data": base64.b64encode(json.dumps(told).encode()).decode(), "attributes": attributes}
        pushed = {"subscription": "projects/p/subscriptions/recover-batches", "message": message}
        assert recover.post("/", json=pushed).status_code == 204
    assert not house.ports.catalog.batches()
    house.tell()
    assert house.states() == {SectionState.DONE}


def test_output_of_a_job_that_still_runs_is_looked_at_again_later(house: House, stand_in: Control) -> None:
    stand_in.fate_of_jobs("JOB_STATE_RUNNING")
    house.tell()
    house.tend()
    (batch, *_) = house.ports.catalog.batches()
    news = ObjectChanged(event="OBJECT_FINALIZE", bucket="work", name=f"batches/{batch.id}/output/predictions.jsonl", generation=1)
    output_written(news, house.models.batches, house.ports, house.settings)
    queue = house.ports.publisher
    assert isinstance(queue, LocalQueue)
    assert queue.status().waiting[Subscription.RECOVER_BATCHES] == 1
    assert house.states() == {SectionState.PENDING}


@pytest.mark.parametrize(
    ("fault", "requests"),
    [
        ({"fault": "malformed"}, 1),  # one online repair
        ({"fault": "out_of_range"}, 1),
        ({"fault": "truncated"}, 2),  # two halves
        ({"fault": "http", "status": 500}, 1),  # the line says that it failed: asked once, online
    ],
)
def test_a_faulty_line_is_repaired_online(fault: Mapping[str, Any], requests: int, house: House, stand_in: Control) -> None:
    stand_in.script({**fault, "match": {"batch": True, "kind": "visual_info"}})
    house.tell()
    house.tend()
    house.tend()
    assert house.states() == {SectionState.DONE}
    assert sorted({entry.text for entry in house.record().entries}) == sorted(SEEN)
    asked = online(stand_in)
    assert len(asked) == requests
    assert all(request["flex"] for request in asked)


def test_a_line_that_is_refused_blocks_its_section_and_is_paid_for(house: House, stand_in: Control) -> None:
    stand_in.script({"fault": "safety", "match": {"kind": "visual_info"}})
    house.tell()
    house.tend()
    house.tend()
    assert house.record().state is SectionState.BLOCKED
    assert house.record().usage.cost_usd > 0
    assert not online(stand_in)


def test_an_answer_that_did_not_help_is_not_used_twice(house: House, stand_in: Control) -> None:
    stand_in.script({"fault": "unseen", "match": {"batch": True, "kind": "visual_info"}})
    house.tell()
    house.tend()
    with pytest.raises(Retryable, match="invented"):
        house.tend()
    house.tell()
    record = house.record()
    assert (record.state, record.failures, len(online(stand_in))) == (SectionState.DONE, 1, 1)


@pytest.mark.parametrize("state", ["JOB_STATE_FAILED", "JOB_STATE_CANCELLED", "JOB_STATE_EXPIRED"])
def test_what_a_failed_job_was_asked_is_asked_online(state: str, house: House, stand_in: Control) -> None:
    stand_in.fate_of_jobs(state)
    house.tell()
    house.tend()
    house.tend()
    assert house.states() == {SectionState.DONE}
    assert [request["flex"] for request in online(stand_in)] == [True] * 3
    assert not house.ports.catalog.batches()


def test_a_job_that_lags_is_cancelled_and_asked_online(house: House, stand_in: Control) -> None:
    stand_in.fate_of_jobs("JOB_STATE_RUNNING")
    house.tell()
    house.tend()
    house.tend()
    assert house.states() == {SectionState.PENDING}
    house.settings = house.settings.model_copy(update={"batch_hours": 1e-9})
    house.tend()
    assert house.states() == {SectionState.DONE}
    assert {job["state"] for job in stand_in.jobs()} == {"JOB_STATE_CANCELLED"}
    assert len(online(stand_in)) == 3


def test_where_batch_jobs_are_refused_it_is_asked_online(house: House, stand_in: Control) -> None:
    stand_in.script({"fault": "http", "status": 400, "match": {"kind": "job"}})
    house.tell()
    house.tend()
    house.tell()
    assert house.states() == {SectionState.DONE}


def test_a_service_that_is_away_is_asked_again_in_the_next_round(house: House, stand_in: Control) -> None:
    stand_in.script({"fault": "http", "status": 503, "match": {"kind": "job"}})
    house.tell()
    with pytest.raises(Outage):
        house.tend()
    stand_in.script()
    house.tend()
    house.tend()
    assert house.states() == {SectionState.DONE}
    assert len(stand_in.jobs()) == 3


@pytest.mark.parametrize("fault", [Outage("HTTP 403"), InvalidRequest("HTTP 400")], ids=["no permission", "not understood"])
def test_a_job_that_nothing_can_be_learnt_about_keeps_no_other_waiting_and_ends_in_time(
    fault: SceneSearchError, house: House, stand_in: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tell()
    house.tend()
    lost, whole = house.ports.catalog.batches()[0], type(house.models.batches).look

    def look(self: GeminiBatchJobs, job: str) -> Job:
        if job == lost.job:
            raise fault
        return whole(self, job)

    def cancel(self: GeminiBatchJobs, job: str) -> None:
        raise fault

    monkeypatch.setattr(GeminiBatchJobs, "look", look)
    monkeypatch.setattr(GeminiBatchJobs, "cancel", cancel)
    with pytest.raises(type(fault)):
        house.tend()
    house.tell()
    others = set(CHUNK_SECTIONS) - {lost.section}
    assert {house.record(section).state for section in others} == {SectionState.DONE}
    assert house.record(lost.section).waits_for_batch
    house.settings = house.settings.model_copy(update={"batch_hours": 1e-9})
    house.tend()
    assert house.states() == {SectionState.DONE}
    assert not house.ports.catalog.batches()


def test_neither_part_of_the_timer_keeps_the_other_from_its_turn(house: House, stand_in: Control, monkeypatch: pytest.MonkeyPatch) -> None:
    house.tell()
    stand_in.script({"fault": "http", "status": 503, "match": {"kind": "job"}})
    with pytest.raises(Outage):
        house.application().tick()
    assert isinstance(house.ports.publisher, LocalQueue)
    assert house.ports.publisher.status().waiting[Subscription.REMOVE_OBJECTS]  # the timer saw that the upload is gone
    stand_in.script()

    def unlisted(self: SharedBucket, prefix: str = "") -> Iterator[ObjectInfo]:
        if not prefix:
            raise Unavailable("the bucket cannot be listed")
        return whole(self, prefix)

    whole = SharedBucket.list
    monkeypatch.setattr(SharedBucket, "list", unlisted)
    for _ in range(2):
        with pytest.raises(Unavailable, match="listed"):
            house.application().tick()
    house.tell()
    assert house.states() == {SectionState.DONE}


def test_two_rounds_of_the_timer_at_once_start_each_job_once(house: House, stand_in: Control) -> None:
    house.tell()
    together(4, lambda _: tend_batches(house.models.batches, house.ports, house.settings))
    assert len(stand_in.jobs()) == 3
    house.tend()
    house.tell()
    assert house.states() == {SectionState.DONE}
    assert not house.ports.catalog.batches()


STEPS = (
    ("catalog", "save_batch"),
    ("catalog", "end_batch"),
    ("work", "replace"),
    ("work", "delete"),
    ("publisher", "publish"),
    ("jobs", "start"),
    ("jobs", "look"),
)


@pytest.mark.parametrize(("port", "method"), STEPS)
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_step_heals(
    port: str, method: str, after: bool, house: House, stand_in: Control, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.tell()
    owner = house.models.batches if port == "jobs" else getattr(house.ports, port)
    whole, crashed = getattr(type(owner), method), 0

    def breaks(self: object, *args: Any, **kwargs: Any) -> Any:
        nonlocal crashed
        crashed += 1
        found = whole(self, *args, **kwargs) if after or crashed % 2 == 0 else None
        if crashed % 2:
            raise SceneSearchError("crash")
        return found

    monkeypatch.setattr(type(owner), method, breaks)
    for _ in range(30):
        try:
            house.tend()
        except SceneSearchError:
            continue
        if house.states() == {SectionState.DONE}:
            break
    assert crashed
    assert house.states() == {SectionState.DONE}
    assert len(stand_in.jobs()) == 3  # none was started twice
    assert not online(stand_in)


def test_a_removed_video_is_dropped(house: House, stand_in: Control) -> None:
    house.tell()
    house.tend()
    forget(REF, house.ports)
    house.tend()
    assert house.ports.catalog.generation(REF) is None
    assert not house.ports.catalog.batches()
    assert not [info.name for info in house.ports.work.list("v7/")]


def test_a_video_that_is_removed_before_its_job_starts_is_not_asked_about(house: House, stand_in: Control) -> None:
    house.tell()
    forget(REF, house.ports)
    house.tend()
    house.tend()
    assert not stand_in.jobs()
    assert not house.ports.catalog.batches()


def test_the_timer_does_not_take_a_waiting_video_for_lost(house: House, stand_in: Control, caplog: pytest.LogCaptureFixture) -> None:
    house.tell()
    tick(house.ports, timedelta(0), unended_for=timedelta(microseconds=1), batch_for=timedelta(hours=24))
    for section, work in house.published():
        extract(work, house.models.extractor(section), house.ports, house.settings, house.models.batches)
    assert all(house.record(section).waits_for_batch for section in CHUNK_SECTIONS)
    assert not {"resuming a stalled video", "a video has not ended"} & {record.message for record in caplog.records}
    assert not stand_in.requests()


def test_a_retry_is_not_made_to_wait_again(house: House, stand_in: Control) -> None:
    stand_in.script({"fault": "safety", "match": {"batch": True, "kind": "visual_info"}})
    house.tell()
    house.tend()
    house.tend()
    stand_in.script()
    retry(REF.video_id, house.ports)
    house.tell()
    assert (house.record().state, len(online(stand_in))) == (SectionState.DONE, 1)


def test_an_answer_is_used_and_paid_for_once(house: House, stand_in: Control) -> None:
    house.tell()
    house.tend()
    house.tend()
    assert not [info.name for info in house.ports.work.list("v7/3/answers/")]
    spent = house.record(Section.TRANSCRIPTION).usage.cost_usd
    key = SectionKey(REF, 0, Section.TRANSCRIPTION)
    house.ports.work.replace("v7/3/answers/00000-transcription.json", io.BytesIO(b"{}"), content_type="application/json")  # left by a crash
    lines = b"1\n00:00:00,500 --> 00:00:01,500\nAhoy.\n"
    house.ports.uploads.replace("7.pt.srt", io.BytesIO(lines), content_type="text/plain")
    assert refresh_transcription(_video(house), house.ports)
    assert not house.ports.catalog.section(key).waits_for_batch
    house.tell()
    record = house.record(Section.TRANSCRIPTION)
    assert (record.state, record.failures, len(record.sources)) == (SectionState.DONE, 0, 1)
    assert [request["flex"] for request in online(stand_in)] == [True]
    assert record.usage.cost_usd == pytest.approx(spent)
    assert len(stand_in.jobs()) == 3


def test_people_see_what_is_waited_for(house: House) -> None:
    catalog = house.ports.catalog
    house.tell()
    assert "batch job" in (view(_video(house), catalog).waits_for or "")
    assert [stage.waiting for stage in details(_video(house), catalog).stages] == [1, 1, 1]
    house.tend()
    house.tend()
    assert [stage.waiting for stage in details(_video(house), catalog).stages] == [0, 0, 0]
    assert view(_video(house), catalog).waits_for is None


def _video(house: House) -> Video:
    video = house.ports.catalog.generation(REF)
    assert video is not None
    return video


def test_lines_that_are_no_answers_are_left_out(house: House) -> None:
    jobs = house.models.batches
    for line in (b"", b"{", b"[]", b'{"request": {}}', json.dumps({"request": {"contents": []}}).encode(), b"\xff\xfe"):
        assert jobs.answer(line) is None
