"""Many sections, answers to some of them, videos that go away: what a batch keeps, lets go and forgets."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from scenesearch.config import Settings
from scenesearch.messages import ChunkWork
from scenesearch.metadata import Section
from scenesearch.pipeline import batch
from scenesearch.pipeline.remove import forget
from scenesearch.ports import BatchAnswer, ClipInput, Job, JobState, Ports
from scenesearch.video import SectionKey, Video, VideoRef, now
from unit.pipeline.conftest import drained


@dataclass
class Service:
    """Jobs that have answered all but what is `unanswered` when they are looked at."""

    ports: Ports
    unanswered: frozenset[str] = frozenset()
    asked: dict[str, list[str]] = field(default_factory=dict)

    def line(self, section: Section, given: ClipInput) -> bytes:
        return given.clip.object_name.encode()

    def start(self, name: str, source_uri: str, destination_uri: str) -> Job:
        with self.ports.work.open(f"{batch.BATCHES}{name}/requests.jsonl") as file:
            self.asked[name] = file.read().decode().split()
        return Job(name, JobState.RUNNING)

    def look(self, job: str) -> Job:
        uris = [self.ports.work.uri(name) for name in self.asked[job] if name not in self.unanswered]
        lines = io.BytesIO("".join(f"{json.dumps(uri)}\n" for uri in reversed(uris)).encode())
        self.ports.work.replace(f"{batch.BATCHES}{job}/output/predictions.jsonl", lines, content_type="application/jsonl")
        return Job(job, JobState.SUCCEEDED)

    def cancel(self, job: str) -> None:
        raise AssertionError(job)

    def answer(self, line: bytes) -> BatchAnswer | None:
        return BatchAnswer(json.loads(line), b"{}")


def test_more_sections_than_a_job_takes_a_job_that_answers_some_and_a_video_that_goes_away(
    ports: Ports, settings: Settings, planned: Callable[..., VideoRef], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "MOST_IN_A_BATCH", 4)  # 400 sections would take seconds
    monkeypatch.setattr(type(ports.work), "uri", lambda self, name: f"gs://work/{name}")  # as a bucket's are, also of what is not there
    stays = planned(5)
    video = ports.catalog.generation(stays)
    assert video is not None
    assert video.media is not None
    leaves = VideoRef("leaves", 1)
    at = now()
    other = Video(ref=leaves, bucket="b", name="default/leaves.mp4", collection="default", title="leaves", created_at=at, updated_at=at)
    ports.catalog.begin(other)
    ports.catalog.commit_plan(leaves, video.media, ports.catalog.chunks(stays)[:1])
    clip = ports.catalog.chunks(stays)[0].video_clip
    assert clip is not None
    clip = replace(clip, object_name="leaves/1/clip-0.mp4")
    ports.work.create(clip.object_name, io.BytesIO(b"clip"), content_type="video/mp4")
    ports.catalog.commit_clips(leaves, 0, video_clip=clip, audio_clip=None)
    keys = [SectionKey(stays, number, Section.VISUAL_INFO) for number in range(5)]
    for key in [SectionKey(leaves, 0, Section.VISUAL_INFO), *keys]:
        ports.catalog.await_batch(key, now() + timedelta(hours=1))
    service = Service(ports, frozenset({f"{stays.video_id}/{stays.generation}/clip-3.mp4"}))
    batch.tend_batches(service, ports, settings)
    assert sorted(len(asked) for asked in service.asked.values()) == [2, 4]
    assert not ports.catalog.batch_sections("", 10)
    forget(leaves, ports)
    drained(ports)
    batch.tend_batches(service, ports, settings)
    told = [message.chunk for _, message in drained(ports) if isinstance(message, ChunkWork)]
    assert set(told) == {0, 1, 2, 3, 4}
    records = [ports.catalog.section(key) for key in keys]
    assert [batch.answer_to(record, ports.work) for record in records] == [b"{}", b"{}", b"{}", None, b"{}"]
    assert [record.waits_for_batch for record in records] == [True, True, True, False, True]
    assert not ports.catalog.batches()
    assert not [info.name for info in ports.work.list() if info.name.startswith(("batches/", "leaves/"))]
