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

from infra.config import HTTP_FUNCTIONS
from scenesearch.backends.local.backend import local_ports
from scenesearch.config import Settings
from scenesearch.errors import Retryable
from scenesearch.messages import ChunkWork, DeadLetter
from scenesearch.metadata import Section
from scenesearch.models.local.embedder import LocalEmbedder
from scenesearch.models.vertexai.client import VertexClient
from scenesearch.models.vertexai.embedder import GeminiEmbedder
from scenesearch.observability import JsonLines
from scenesearch.pipeline.extract import extract
from scenesearch.pipeline.recover import recover, tick
from scenesearch.ports import ClipInput, Extraction, Ports
from scenesearch.timeline import Span
from scenesearch.video import Chunk, Clip, MediaInfo, Video, VideoRef, now, video_id
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
    return local_ports(settings, LocalEmbedder())


class Broken:
    """An extractor whose model is of no use."""

    section = Section.TEXTS
    wants_audio = False

    def extract(self, given: ClipInput, *, deadline: datetime) -> Extraction:
        raise ValueError("no model")


def a_video(ports: Ports) -> VideoRef:
    """A video of one chunk whose sections are due."""
    info = ports.uploads.replace("default/film.mp4", io.BytesIO(b"film"), content_type="video/mp4")
    ref = VideoRef(video_id(info.bucket, info.name), info.generation)
    ports.catalog.begin(
        Video(ref=ref, bucket=info.bucket, name=info.name, collection="default", title="film", created_at=now(), updated_at=now())
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
    assert set(metrics) == {"model_cost", "stalled_videos", "parked_messages", "failed_sections"}


def test_no_address_with_a_question_stays_in_the_request_log(deployments: Mapping[str, Deployment]) -> None:
    """The page and the API name a question `q` or `query`."""
    (exclusion,) = deployments["prod"].named("google_logging_project_exclusion").values()
    service, address = re.findall(r'=~"(.+?)"', exclusion["filter"])
    assert all(re.search(service, function.resource) for function in HTTP_FUNCTIONS)
    asked = ["/search?q=a+secret", "/v1/search?mode=recall&query=a+secret", "/watch?v=video&t=3&q=a+secret"]
    assert all(re.search(address, path) for path in asked)
    assert not re.search(address, "/v1/videos?limit=10&collection=seq")
