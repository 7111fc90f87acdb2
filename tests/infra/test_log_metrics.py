"""Metrics out of logs: the code is made to write the very lines, and the metrics of the stacks are read off them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infra.config import HTTP_FUNCTIONS, Environment
from scenesearch.backends.local.backend import LocalBackend
from scenesearch.config import Settings
from scenesearch.errors import Retryable
from scenesearch.messages import ChunkWork, DeadLetter
from scenesearch.metadata import Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.embedder import GeminiEmbedder
from scenesearch.observability.logs import JsonLines
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.recover import recover
from scenesearch.pipeline.tick import tick
from scenesearch.ports import ClipInput, Extraction, Ports
from scenesearch.timeline import Span
from scenesearch.video import Chunk, Clip, MediaInfo, Video, VideoRef, VideoState, now, video_id
from stand_ins.vertexai.server import serving
from tests.infra.deployment import Deployment, Resource

Line = Mapping[str, Any]


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the code logs, as in the cloud."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines("a-project"))
    logger = logging.getLogger("scenesearch")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


@pytest.fixture
def ports(settings: Settings) -> Ports:
    backend, space = LocalBackend(settings), LocalEmbedder()
    return Ports.over(backend, backend.index(space), space)


class Broken:
    """An extractor whose model is of no use."""

    section = Section.TEXTS
    wants_audio = False

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        raise ValueError("no model")


def a_video(ports: Ports, uploaded: datetime | None = None, name: str = "film.mp4") -> VideoRef:
    """A video of one chunk whose sections are due."""
    info = ports.uploads.replace(f"default/{name}", io.BytesIO(b"film"), content_type="video/mp4")
    ref = VideoRef(video_id(info.bucket, info.name), info.generation)
    ports.catalog.begin(
        Video(
            ref=ref,
            bucket=info.bucket,
            name=info.name,
            collection="default",
            title="film",
            created_at=uploaded or now(),
            updated_at=uploaded or now(),
        )
    )
    media = MediaInfo(container="mp4", duration_ms=1000, video_codec="h264", width=320, height=180, frame_rate=25)
    ports.catalog.commit_plan(ref, media, [Chunk(number=0, span=Span(0, 1000))])
    clip = Clip("clip.mp4", "video/mp4", 0, 1000, 4)
    ports.work.create(clip.object_name, io.BytesIO(b"clip"), content_type="video/mp4")
    ports.catalog.commit_clips(ref, 0, video_clip=clip, audio_clip=clip)
    return ref


def values(metric: Resource, stream: io.StringIO) -> list[Any]:
    """What the metric takes of the lines: 1 for each that it counts, or the field that it adds up."""
    conditions = [condition.partition("=") for condition in metric["filter"].split(" AND ")]
    ours = {path.removeprefix("jsonPayload."): json.loads(value) for path, _, value in conditions if path.startswith("jsonPayload.")}
    assert len(ours) == len(conditions) - 1, "the other condition is the kind of resource"
    lines: list[Line] = [json.loads(line) for line in stream.getvalue().splitlines()]
    counted = [line for line in lines if all(line.get(name) == value for name, value in ours.items())]
    extractor = metric.body.get("value_extractor", "").removeprefix("EXTRACT(jsonPayload.").removesuffix(")")
    return [line[extractor] if extractor else 1 for line in counted]


@pytest.fixture
def metrics(deployments: Mapping[str, Deployment]) -> dict[str, Resource]:
    return deployments["prod"].named("google_logging_metric")


def test_what_a_model_costs_is_added_up(metrics: Mapping[str, Resource], logged: io.StringIO) -> None:
    with serving() as stand_in:
        asked = Settings(vertexai_base_url=stand_in.url, vertexai_project="testing")
        GeminiEmbedder(VertexClient(asked), asked).passages(["a sentence that costs something"])
    (cost,) = values(metrics["model_cost"], logged)
    assert isinstance(cost, float)
    assert cost > 0


def test_a_video_that_stalls_is_counted_each_time_it_is_resumed(metrics: Mapping[str, Resource], ports: Ports, logged: io.StringIO) -> None:
    a_video(ports)
    tick(ports, timedelta(0))
    assert values(metrics["stalled_videos"], logged) == [1]
    assert values(metrics["unended_videos"], logged) == [], "nobody asked for them"


def test_one_stuck_video_is_counted_at_every_tick_however_often_it_is_resumed(
    metrics: Mapping[str, Resource], ports: Ports, logged: io.StringIO
) -> None:
    ref = a_video(ports, uploaded=now() - timedelta(hours=7))
    for stalled_for in (timedelta(0), timedelta(hours=1), timedelta(hours=1)):
        tick(ports, stalled_for, unended_for=timedelta(hours=6))
    assert values(metrics["stalled_videos"], logged) == [1]
    assert values(metrics["unended_videos"], logged) == [1, 1, 1]
    named = [line for line in map(json.loads, logged.getvalue().splitlines()) if line["message"] == "a video has not ended"]
    assert [(line["video"], line["age_hours"]) for line in named] == [(ref.video_id, 7.0)] * 3
    assert {line["state"] for line in named} <= {"splitting", "extracting"}


def test_what_is_young_or_waits_for_the_daily_cap_or_has_ended_is_not_counted(
    metrics: Mapping[str, Resource], ports: Ports, logged: io.StringIO
) -> None:
    a_video(ports)
    for number, state in enumerate((VideoState.WAITING, VideoState.READY, VideoState.FAILED)):
        ref = a_video(ports, uploaded=now() - timedelta(hours=7), name=f"{number}.mp4")
        assert ports.catalog.move(ref, to=state, when=frozenset(VideoState))
    tick(ports, unended_for=timedelta(hours=6))
    assert values(metrics["unended_videos"], logged) == []


def test_the_alert_about_a_video_that_does_not_end_always_sees_two_ticks(
    deployment: Deployment, env: Environment, metrics: Mapping[str, Resource]
) -> None:
    (policy,) = (
        a for a in deployment.all("google_monitoring_alert_policy") if a["documentation"]["links"][0]["url"].endswith("stalled-videos")
    )
    condition = policy["conditions"][0]["condition_prometheus_query_language"]
    series, minutes = re.findall(r"user_(\w+)\{.+?\}\[(\d+)m\]", condition["query"])[0]
    (job,) = deployment.all("google_cloud_scheduler_job")
    tick_minutes = int(job["schedule"].removeprefix("*/").partition(" ")[0])
    assert series in metrics
    assert metrics[series]["filter"].endswith('"a video has not ended"')
    assert int(minutes) > 2 * tick_minutes, "one line may be late"
    assert int(condition["duration"].removesuffix("s")) > int(minutes) * 60, "one line alone tells nobody"
    function = deployment.named("google_cloudfunctions2_function")["recover"]
    hours = function["service_config"]["environment_variables"]["SCENESEARCH_UNENDED_HOURS"]
    assert policy["display_name"] == f"A video has not ended in {hours} hours"


def test_a_message_that_is_parked_is_counted(
    metrics: Mapping[str, Resource], ports: Ports, settings: Settings, logged: io.StringIO
) -> None:
    recover(DeadLetter(subscription="extract-texts", reason="unreadable", data="Pz8/"), ports, settings)
    assert values(metrics["parked_messages"], logged) == [1]


def test_a_section_that_fails_is_counted(metrics: Mapping[str, Resource], ports: Ports, settings: Settings, logged: io.StringIO) -> None:
    ref = a_video(ports)
    with pytest.raises(Retryable):
        extract(ChunkWork(video_id=ref.video_id, generation=ref.generation, chunk=0), Broken(), ports, settings)
    assert values(metrics["failed_sections"], logged) == [1]


def test_every_metric_is_tried_here(metrics: Mapping[str, Resource]) -> None:
    assert set(metrics) == {"model_cost", "stalled_videos", "unended_videos", "parked_messages", "failed_sections"}


def test_no_address_with_a_question_stays_in_the_request_log(deployments: Mapping[str, Deployment]) -> None:
    """The page and the API name a question `q` or `query`."""
    (exclusion,) = deployments["prod"].named("google_logging_project_exclusion").values()
    service, address = re.findall(r'=~"(.+?)"', exclusion["filter"])
    assert all(re.search(service, function.resource) for function in HTTP_FUNCTIONS)
    asked = ["/search?q=a+secret", "/v1/search?mode=recall&query=a+secret", "/watch?v=video&t=3&q=a+secret"]
    assert all(re.search(address, path) for path in asked)
    assert not re.search(address, "/v1/videos?limit=10&collection=seq")
